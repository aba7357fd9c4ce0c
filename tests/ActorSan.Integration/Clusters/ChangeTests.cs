using System.Text.Json;
using Xunit;
using static ActorSan.Integration.Clusters.TestCluster;

namespace ActorSan.Integration.Clusters;

/// <summary>What an administrator changes while volumes are served.</summary>
[Collection(ClusterCollection.Name)]
[Trait("Category", "Campaign")]
public sealed class ChangeTests(SharedCluster shared)
{
    private const int Blocks = 8192;

    [Fact]
    public async Task A_new_node_takes_replicas_gives_them_back_and_takes_the_place_of_one_that_never_returns()
    {
        await using TestCluster cluster = await TestCluster.StartNew();
        string target = await cluster.Export("moved");
        using PathsInitiator initiator = cluster.Initiator(target, Atlas, Zeus, Rhea);
        using var writer = new BackgroundWriter(initiator, Blocks);
        await cluster.TakeIdentity(Rhea);
        await cluster.Start(Rhea);
        await cluster.Up(4);

        await cluster.DoWhenReady(Hera, "replica", "add", "moved", Rhea);
        await Has(cluster, Atlas, Rhea, Zeus);
        await cluster.DoWhenReady(Zeus, "volume", "handover", "moved", Rhea);
        await writer.Advance();
        Assert.Equal(Rhea, await cluster.PrimaryOf("moved"));
        CommandOutcome refused = await cluster[Atlas].Pbm(["replica", "remove", "moved", Rhea]);
        Assert.Equal(1, refused.ExitCode);
        await cluster.DoWhenReady(Rhea, "volume", "handover", "moved", Atlas);
        await cluster.DoWhenReady(Atlas, "replica", "remove", "moved", Rhea);
        await Has(cluster, Atlas, Zeus);

        await cluster.DoWhenReady(Rhea, "replica", "replace", "moved", Zeus, Rhea);
        await Has(cluster, Atlas, Rhea);
        await cluster.DoWhenReady(Rhea, "replica", "replace", "moved", Rhea, Zeus);
        await Has(cluster, Atlas, Zeus);

        // zeus never returns: rhea takes its replica, its vote, and its vote in the catalog.
        refused = await cluster[Hera].Pbm(["node", "forget", Zeus]);
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("is up", refused.Text, StringComparison.Ordinal);
        await cluster.Kill(Zeus);
        await cluster.DoWhenReady(Atlas, "replica", "replace", "moved", Zeus, Rhea);
        await cluster.DoWhenReady(Atlas, "node", "forget", Zeus);
        JsonElement report = await Has(cluster, Atlas, Rhea);
        Assert.Equal([Atlas, Hera, Rhea], report.GetProperty("voters").EnumerateArray().Select(name => name.GetString()));
        JsonElement view = (await cluster[Atlas].Get("/api/v1/cluster"))!.Value;
        Assert.DoesNotContain(Zeus, view.GetProperty("voters").EnumerateArray().Select(name => name.GetString()));
        await cluster.Kill(Atlas);
        await writer.Advance();
        await writer.End();
        Assert.Equal(Rhea, await cluster.PrimaryOf("moved"));
        Assert.True(writer.Verify());
        cluster.Passed();
    }

    /// <summary>zeus, which is dialled, first: atlas speaks without TLS, is told that this is not enough, and speaks with it.</summary>
    [Fact]
    public async Task Links_become_encrypted_node_by_node_while_the_volume_is_written()
    {
        await using TestCluster cluster = await TestCluster.StartNew();
        string target = await cluster.Export("sealed");
        using PathsInitiator initiator = cluster.Initiator(target);
        using var writer = new BackgroundWriter(initiator, Blocks);
        var encrypted = new List<string>();
        cluster.Beside = member => encrypted.Contains(member.Name) ? "links.encryption = on" : "";
        Assert.Equal("False", await Encrypted(cluster, Atlas));
        foreach (string node in (string[])[Zeus, Atlas])
        {
            await cluster[node].Stop();
            encrypted.Add(node);
            await cluster.Whole("sealed");
            await writer.Advance();
            Assert.Equal("True", await Encrypted(cluster, Atlas));
            Assert.Equal("True", await Encrypted(cluster, Zeus));
        }

        await cluster.DoWhenReady(Hera, "volume", "handover", "sealed");
        await writer.Advance();
        await writer.End();
        Assert.True(writer.Verify());
        Assert.Contains("up, TLS", (await cluster.Do(Atlas, "node", "show", Atlas)).Text, StringComparison.Ordinal);
        cluster.Passed();
    }

    [Fact]
    public Task A_drained_node_serves_nothing_until_it_is_undrained() => shared.Use(async cluster =>
    {
        await cluster.Export("drained");
        string node = await cluster.PrimaryOf("drained");
        await cluster.Do(Hera, "node", "drain", node);
        Assert.Equal(OtherThan(node), await cluster.PrimaryOf("drained"));
        JsonElement members = (await cluster[OtherThan(node)].Get("/api/v1/cluster"))!.Value.GetProperty("members");
        Assert.True(members.EnumerateArray().Single(member => member.GetProperty("name").GetString() == node).GetProperty("drained").GetBoolean());

        // The last who can serve does so all the same.
        await cluster.Kill(OtherThan(node));
        await cluster.Becomes("drained", report => report.GetProperty("primary").GetString() == node, "is served by the drained node");
        await cluster.Whole("drained");
        await cluster.Do(node, "node", "undrain", node);
        await cluster.DoWhenReady(Hera, "volume", "handover", "drained", OtherThan(node));
        await cluster.DoWhenReady(Hera, "volume", "handover", "drained", node);
        await cluster.Becomes("drained", "healthy");
    });

    [Fact]
    public Task A_deleted_volume_is_gone_on_every_node_with_its_bytes_and_stays_so() => shared.Use(async cluster =>
    {
        string target = await cluster.Export("deleted");
        using PathsInitiator initiator = cluster.Initiator(target);
        initiator.Write(0, 64, 1);
        Guid id = await cluster.IdOf("deleted");
        CommandOutcome mapped = await cluster[Hera].Pbm(["volume", "delete", "deleted"]);
        Assert.Equal(1, mapped.ExitCode);
        Assert.Contains("unmap it first", mapped.Text, StringComparison.Ordinal);
        await cluster.Do(Zeus, "target", "unmap", target, "0");
        await cluster.Do(Hera, "volume", "delete", "deleted");
        await Gone(cluster, id);
        Assert.Equal(1, (await cluster[Zeus].Pbm(["volume", "show", "deleted"])).ExitCode);
        await cluster.Kill(Atlas, Zeus, Hera);
        await cluster.Whole();
        await Gone(cluster, id);

        // The name is free; the bytes are not those of before.
        await cluster.DoWhenReady(Atlas, "volume", "create", "deleted", "64MiB", "--replicas", "atlas,zeus");
        await cluster.Do(Atlas, "target", "map", target, "deleted", "0");
        await cluster.Becomes("deleted", "healthy");
        Assert.DoesNotContain(initiator.Read(0, 64), one => one != 0);
    });

    [Fact]
    public Task What_a_creation_that_fails_has_made_is_gone_again() => shared.Use(async cluster =>
    {
        string own = Path.GetDirectoryName(cluster[Atlas].StoreOf(Guid.Empty))!;
        string other = Path.GetDirectoryName(cluster[Zeus].StoreOf(Guid.Empty))!;
        string[] before = [.. Directory.GetFiles(own).Order(StringComparer.Ordinal)];
        Directory.Move(other, other + ".away");
        try
        {
            CommandOutcome refused = await cluster[Hera].Pbm(["volume", "create", "halfway", "64MiB", "--replicas", "atlas,zeus"]);
            Assert.Equal(1, refused.ExitCode);
            Assert.Contains("zeus can't hold a replica", refused.Text, StringComparison.Ordinal);
        }
        finally
        {
            Directory.Move(other + ".away", other);
        }

        Assert.Equal(before, Directory.GetFiles(own).Order(StringComparer.Ordinal));
        string target = await cluster.Export("halfway");
        using PathsInitiator initiator = cluster.Initiator(target);
        initiator.Write(0, 64, 1);
        Assert.True(initiator.Has(0, 64, 1));
    });

    private static async Task<string> Encrypted(TestCluster cluster, string node) =>
        string.Join(",", (await cluster[node].Get($"/api/v1/nodes/{node}"))!.Value.GetProperty("links").EnumerateArray()
            .Where(link => link.GetProperty("peer").GetString() is Atlas or Zeus).Select(link => link.GetProperty("encrypted").GetBoolean().ToString()));

    private static Task Gone(TestCluster cluster, Guid id) => cluster.Until("no node has the store any more", async () =>
        !File.Exists(cluster[Atlas].StoreOf(id)) && !File.Exists(cluster[Zeus].StoreOf(id)) && await cluster[Atlas].Get("/api/v1/volumes/deleted") is null);

    private static Task<JsonElement> Has(TestCluster cluster, params string[] nodes) => cluster.Becomes(
        "moved",
        report => report.GetProperty("condition").GetString() == "healthy" && report.GetProperty("inSync").EnumerateArray().Select(name => name.GetString()!).SequenceEqual(nodes, StringComparer.Ordinal),
        "is in sync on " + string.Join(", ", nodes));
}
