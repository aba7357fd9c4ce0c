using ActorSan.Cluster.Settings;
using ActorSan.Node.Hocon;
using ActorSan.Node.Settings;
using Xunit;

namespace ActorSan.Tests.House;

public sealed class ReferenceConfTests
{
    private static readonly HostFacts Host = new("host", [0], "/");

    [Fact]
    public void TheProgramCarriesTheFile() => Assert.Equal(Repository.Read("hocon/reference.conf"), ReferenceConf.Text);

    [Fact]
    public void EveryKeyThatIsReadIsDocumentedAndTheOtherWayRound()
    {
        var findings = new SettingsFindings();
        SettingsReader.Read(HoconParser.ParseText("empty", ""), Host, findings);
        Assert.Empty(findings.Issues);
        Assert.Equal(Keys().Select(key => key.Path).Order(StringComparer.Ordinal), findings.Asked.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void EveryKeyHasAWordRightAboveIt()
    {
        string[] lines = ReferenceConf.Text.Split('\n');
        foreach ((string path, HoconOrigin origin) in Keys())
        {
            string above = lines[origin.Line - 2].Trim();
            Assert.True(above.StartsWith("# ", StringComparison.Ordinal) && above.Length > 10, $"{path} (line {origin.Line}) is not explained");
        }
    }

    [Fact]
    public void EveryExampleIsAccepted()
    {
        string[] examples = [.. Directory.EnumerateFiles(Repository.PathOf("hocon"), "*.conf").Where(file => Path.GetFileName(file) != ReferenceConf.FileName)];
        Assert.True(examples.Length >= 3, "the examples are gone");
        foreach (string example in examples)
        {
            // Keys and secrets that an example names are made where it is read; an example never carries one.
            using var directory = new Node.TemporaryDirectory();
            string copy = directory.Write(Path.GetFileName(example), File.ReadAllText(example));
            MakeSecrets(HoconParser.ParseFile(copy), directory);
            NodeConfiguration configuration = SettingsReader.ReadFile(copy, Host);
            Assert.True(configuration.Settings.Targets.Count > 0 || configuration.Settings.Cluster is not null, $"{example} serves nothing");
            Assert.True(configuration.Settings.Portals.Count > 0 || configuration.Settings.Cluster?.Role == NodeRole.Witness, $"{example} listens nowhere");
        }
    }

    private static void MakeSecrets(HoconNode node, Node.TemporaryDirectory directory)
    {
        switch (node)
        {
            case HoconTable table:
                foreach (string key in table.Keys)
                {
                    HoconNode value = table.Find(key)!;
                    if (key is "key-file" or "secret-file" or "token-file" or "certificate-file" or "ca-file" && value is HoconScalar { Text.Length: > 0 } file)
                    {
                        directory.Write(file.Text, key == "token-file" ? "0123456789abcdef0123456789abcdef" : "secret of " + file.Text + " 0123456789");
                    }

                    MakeSecrets(value, directory);
                }

                break;
            case HoconArray array:
                foreach (HoconNode item in array.Items)
                {
                    MakeSecrets(item, directory);
                }

                break;
            default:
                break;
        }
    }

    private static IEnumerable<(string Path, HoconOrigin Origin)> Keys() =>
        [.. Keys("actorsan", ReferenceConf.Table.Find("actorsan")!), .. Keys("petabridge.cmd", ReferenceConf.Table.Find("petabridge", "cmd")!)];

    // An empty section is one that people fill with names.
    private static IEnumerable<(string Path, HoconOrigin Origin)> Keys(string path, HoconNode node) => node is HoconTable table
        ? table.Keys.SelectMany(key => Keys($"{path}.{key}", table.Find(key)!))
        : [(path, node.Origin)];
}
