using ActorSan.Node.Hocon;
using Akka.Configuration;
using Xunit;

namespace ActorSan.Tests.Node.Hocon;

public sealed class HoconParserTests
{
    [Theory]
    [InlineData("a = 1", "{a=1}")]
    [InlineData("a : 1\nb = 2", "{a=1,b=2}")]
    [InlineData("{ a = 1, b = 2 }", "{a=1,b=2}")]
    [InlineData("a.b.c = x", "{a={b={c=x}}}")]
    [InlineData("a { b = 1 }\na { c = 2 }\na.d = 3", "{a={b=1,c=2,d=3}}")]
    [InlineData("a = 1\na = 2", "{a=2}")]
    [InlineData("a { b = 1 }\na = 5", "{a=5}")]
    [InlineData("a = 5\na { b = 1 }", "{a={b=1}}")]
    [InlineData("\"a.b\".c = 1", "{a.b={c=1}}")]
    [InlineData("a.\"b c\".d = 1", "{a={b c={d=1}}}")]
    [InlineData("two words = 1", "{two words=1}")]
    [InlineData("a = one two  three # comment\nb = x // more", "{a=one two  three,b=x}")]
    [InlineData("a = \"q \\\" \\n \\u0041\"", "{a=q \" \n A}")]
    [InlineData("a = \"\"\"raw \\ \"text\" \"\"\"", "{a=raw \\ \"text\" }")]
    [InlineData("a = [1, 2\n3 # three\n 4,]", "{a=[1,2,3,4]}")]
    [InlineData("a = [{ n = x }, { n = y, l = [0, 1] }]", "{a=[{n=x},{n=y,l=[0,1]}]}")]
    [InlineData("a = [1] [2]", "{a=[1,2]}")]
    [InlineData("a = { b = 1 } { c = 2 }", "{a={b=1,c=2}}")]
    [InlineData("a = [1]\na += 2\na += 3", "{a=[1,2,3]}")]
    [InlineData("a += 1", "{a=[1]}")]
    [InlineData("x { a = [1] }\nx.a += 2", "{x={a=[1,2]}}")]
    [InlineData("a = 127.0.0.1:3260", "{a=127.0.0.1:3260}")]
    [InlineData("a = [*]", "{a=[*]}")]
    [InlineData("a = \"\"", "{a=}")]
    [InlineData("a =\n  1", "{a=1}")]
    [InlineData("a = include\ninclude = 4", "{a=include,include=4}")]
    [InlineData("", "{}")]
    public void Reads(string text, string expected) => Assert.Equal(expected, Show(HoconParser.ParseText("t", text)));

    [Theory]
    [InlineData("a = 1\nb = ${a}", "{a=1,b=1}")]
    [InlineData("b = ${a}\na = 1", "{b=1,a=1}")]
    [InlineData("a = 1\nb = x-${a}-y", "{a=1,b=x-1-y}")]
    [InlineData("a { x = 1 }\nb = ${a} { y = 2 }", "{a={x=1},b={x=1,y=2}}")]
    [InlineData("a { x = 1 }\nb = ${a}\nb.y = 2", "{a={x=1},b={x=1,y=2}}")]
    [InlineData("a = [1]\nb = ${a} [2]", "{a=[1],b=[1,2]}")]
    [InlineData("a = ${?nothing.of.that.name}\nb = 1", "{b=1}")]
    [InlineData("a = 1\na = ${?nothing.of.that.name}", "{a=1}")]
    [InlineData("path = a\npath = ${path}:b", "{path=a:b}")]
    [InlineData("a { b = ${c.d} }\nc { d = 5 }", "{a={b=5},c={d=5}}")]
    [InlineData("a { b = 1, c = ${a.b} }", "{a={b=1,c=1}}")]
    public void Substitutes(string text, string expected) => Assert.Equal(expected, Show(HoconParser.ParseText("t", text)));

    [Fact]
    public void TakesFromTheEnvironmentWhatTheTextLacks()
    {
        Environment.SetEnvironmentVariable("ACTORSAN_TEST_SUBSTITUTION", "from outside");
        Assert.Equal("{a=from outside}", Show(HoconParser.ParseText("t", "a = ${ACTORSAN_TEST_SUBSTITUTION}")));
    }

    [Theory]
    [InlineData("a = 1\nb { c = 2", 2, "has no '}'")]
    [InlineData("a = 1\n}", 2, "closes nothing")]
    [InlineData("a = [1, 2", 1, "has no ']'")]
    [InlineData("\n\na = \"open", 3, "no closing quote")]
    [InlineData("a = \"\"\"open\n\n", 1, "does not end")]
    [InlineData("a =\n", 1, "has no value")]
    [InlineData("a\n= 1", 1, "neither '='")]
    [InlineData("iqn.2026-01.org:disks { x = 1 }", 1, "wants quotes")]
    [InlineData("x = 1\na = ${b}", 2, "has no value, neither")]
    [InlineData("a = ${b}\nb = ${a}", 1, "circle")]
    [InlineData("a = ${a}", 1, "refers to itself")]
    [InlineData("a { b = ${a} }", 1, "inside what it names")]
    [InlineData("a = ${b", 1, "no '}'")]
    [InlineData("a = 1 = 2", 1, "must be quoted")]
    [InlineData("a = \"\\q\"", 1, "no escape")]
    [InlineData("include url(\"http://x\")", 1, "not supported")]
    [InlineData("\ninclude required(\"/no/such/file.conf\")", 2, "cannot be read")]
    [InlineData("a = 1 }", 1, "closes nothing")]
    public void RefusesWithThePlace(string text, int line, string reason)
    {
        HoconException failure = Assert.Throws<HoconException>(() => HoconParser.ParseText("some.conf", text));
        Assert.Equal(new HoconOrigin("some.conf", line), failure.Origin);
        Assert.Contains(reason, failure.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void RefusesNestingWithoutEnd()
    {
        string text = string.Concat(Enumerable.Repeat("[[{ a = ", 100_000).Prepend("a = "));
        Assert.Contains("deeper", Assert.Throws<HoconException>(() => HoconParser.ParseText("t", text)).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void EveryValueKnowsItsFileAndLine()
    {
        using var directory = new TemporaryDirectory();
        string included = directory.Write("parts/inner.conf", "\nb = 2\nlist += two\n");
        string outer = directory.Write("outer.conf", "x {\n  a = 1\n  list = [one]\n  include \"parts/inner.conf\"\n  c.d = 3\n}\n");
        HoconTable table = HoconParser.ParseFile(outer);
        Assert.Equal("{x={a=1,list=[one,two],b=2,c={d=3}}}", Show(table));
        Assert.Equal(new HoconOrigin(outer, 2), table.Find("x", "a")!.Origin);
        Assert.Equal(new HoconOrigin(included, 2), table.Find("x", "b")!.Origin);
        Assert.Equal(new HoconOrigin(outer, 5), table.Find("x", "c", "d")!.Origin);
        Assert.Equal(new HoconOrigin(included, 3), ((HoconArray)table.Find("x", "list")!).Items[1].Origin);
    }

    [Fact]
    public void AnIncludedSubstitutionIsSoughtWhereItIsIncludedFirst()
    {
        using var directory = new TemporaryDirectory();
        directory.Write("inner.conf", "name = inner\nsaid = ${name}\nother = ${outside}");
        string outer = directory.Write("outer.conf", "name = outer\noutside = yes\nx { include \"inner.conf\" }");
        Assert.Equal("{name=outer,outside=yes,x={name=inner,said=inner,other=yes}}", Show(HoconParser.ParseFile(outer)));
    }

    [Fact]
    public void AFileThatIncludesItselfIsRefused()
    {
        using var directory = new TemporaryDirectory();
        directory.Write("b.conf", "include \"a.conf\"");
        string a = directory.Write("a.conf", "include \"b.conf\"");
        Assert.Contains("includes itself", Assert.Throws<HoconException>(() => HoconParser.ParseFile(a)).Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("akka { loglevel = DEBUG\n actor { provider = \"x, y\" } }", "akka.actor.provider", "x, y")]
    [InlineData("akka.x = \"quote \\\" back \\\\ slash\"", "akka.x", "quote \" back \\ slash")]
    [InlineData("akka { \"a.b\" { c = 1 GiB } }", "akka.\"a.b\".c", "1 GiB")]
    public void AkkasParserReadsWhatTheWriterWrites(string text, string path, string expected)
    {
        Config config = ConfigurationFactory.ParseString(HoconWriter.Write(HoconParser.ParseText("t", text)));
        Assert.Equal(expected, config.GetString(path, null));
    }

    private static string Show(HoconNode node) => node switch
    {
        HoconTable table => "{" + string.Join(',', table.Keys.Select(key => key + "=" + Show(table.Find(key)!))) + "}",
        HoconArray array => "[" + string.Join(',', array.Items.Select(Show)) + "]",
        HoconScalar scalar => scalar.Text,
        _ => throw new InvalidOperationException(node.KindName),
    };
}
