using ActorSan.Pbm;
using Xunit;

namespace ActorSan.Tests.Pbm;

public sealed class WordTests
{
    [Theory]
    [InlineData("volume show data", "volume|show|data")]
    [InlineData("  volume   show ", "volume|show")]
    [InlineData("a \"b c\" d", "a|b c|d")]
    [InlineData("a 'b \"c' \"d'\"", "a|b \"c|d'")]
    [InlineData("a\\ b \\\"c", "a b|\"c")]
    [InlineData("a '' b", "a||b")]
    [InlineData("", "")]
    public void ALineIsWords(string line, string words) => Assert.Equal(words, string.Join('|', WordSplitter.Split(line)));

    [Theory]
    [InlineData("a \"b")]
    [InlineData("a 'b c")]
    public void AQuoteMustBeClosed(string line) => Assert.Equal(2, Assert.Throws<PbmException>(() => WordSplitter.Split(line)).ExitCode);

    [Theory]
    [InlineData("volume sh", "volume", "sh")]
    [InlineData("volume ", "volume", "")]
    [InlineData("", "", "")]
    public void TheLastWordIsTheBeginning(string line, string words, string beginning)
    {
        (IReadOnlyList<string> found, string begun) = WordSplitter.SplitForCompletion(line);
        Assert.Equal((words, beginning), (string.Join('|', found), begun));
    }

    [Theory]
    [InlineData("127.0.0.1 volume list", "http://127.0.0.1:9110/", "volume list")]
    [InlineData("atlas:80 volume list", "http://atlas/", "volume list")]
    [InlineData("[::1]:9111", "http://[::1]:9111/", "")]
    [InlineData("https://atlas:9110 cluster show", "https://atlas:9110/", "cluster show")]
    [InlineData("atlas --ca ca.pem cluster show", "https://atlas:9110/", "cluster show")]
    [InlineData("--json atlas volume --yes create x 1GiB --replicas a,b", "http://atlas:9110/", "volume create x 1GiB --replicas a,b")]
    public void ThePlaceOfOptionsDoesNotMatter(string line, string node, string words)
    {
        ClientOptions options = ClientOptions.Parse(line.Split(' '));
        Assert.Equal((node, words), (options.Node!.AbsoluteUri, string.Join(' ', options.Words)));
    }

    [Fact]
    public void OptionsOfPbmAreItsOwn()
    {
        ClientOptions options = ClientOptions.Parse(["atlas", "volume", "list", "--json", "--yes", "--watch", "0.5", "--token=t"]);
        Assert.Equal((true, true, 0.5, "t"), (options.Json, options.Yes, options.WatchSeconds, options.TokenFile));
        Assert.Equal(2, ClientOptions.Parse(["atlas", "--watch", "volume", "list"]).WatchSeconds);
        Assert.Equal(3, ClientOptions.Parse(["atlas", "--watch=3", "volume", "list"]).WatchSeconds);
        Assert.True(ClientOptions.Parse(["--help"]).ShowHelp);
    }

    [Theory]
    [InlineData("", "which node?")]
    [InlineData("--json", "which node?")]
    [InlineData("atlas:x volume list", "is not a node")]
    [InlineData("ftp://atlas volume list", "is not a node")]
    [InlineData("http://atlas/x volume list", "is not a node")]
    [InlineData("atlas --token", "--token wants a file")]
    [InlineData("atlas --cert a.pem volume list", "go together")]
    [InlineData("http://atlas:1 --ca a.pem volume list", "mean HTTPS")]
    [InlineData("atlas --watch=soon volume list", "takes seconds")]
    public void WhatIsWrongIsSaid(string line, string sentence)
    {
        PbmException refusal = Assert.Throws<PbmException>(() => ClientOptions.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)));
        Assert.Equal(2, refusal.ExitCode);
        Assert.Contains(sentence, refusal.Message, StringComparison.Ordinal);
    }
}
