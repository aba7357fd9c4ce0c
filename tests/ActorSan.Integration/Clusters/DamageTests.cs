using System.Text.Json;
using Xunit;
using static ActorSan.Integration.Clusters.TestCluster;

namespace ActorSan.Integration.Clusters;

/// <summary>Files that are not what they were when a node starts again: refused with a sentence and left as they are, or made good from the others; never served.</summary>
[Collection(ClusterCollection.Name)]
[Trait("Category", "Campaign")]
public sealed class DamageTests(SharedCluster shared)
{
    private const int Blocks = 4096;

    [Fact]
    public Task A_store_that_is_damaged_carried_over_or_of_another_volume_is_refused_and_left_as_it_is() => shared.Use(async cluster =>
    {
        string[] volumes = ["damaged", "carried", "mistaken"];
        var initiators = new List<PathsInitiator>();
        var ids = new Dictionary<string, Guid>(StringComparer.Ordinal);
        foreach (string volume in volumes)
        {
            initiators.Add(cluster.Initiator(await cluster.Export(volume, "32MiB")));
            initiators[^1].Write(0, Blocks, 1);
            ids[volume] = await cluster.IdOf(volume);
            if (await cluster.PrimaryOf(volume) != Atlas)
            {
                await cluster.DoWhenReady(Atlas, "volume", "handover", volume, Atlas);
            }
        }

        await cluster.Kill(Zeus);
        ClusterMember zeus = cluster[Zeus];
        Assert.InRange(StoreFiles.DamageReplicaPage(zeus.StoreOf(ids["damaged"])), 1, 2);
        StoreFiles.Copy(zeus.StoreOf(ids["carried"]), zeus.StoreOf(ids["mistaken"]));
        StoreFiles.Copy(cluster[Atlas].StoreOf(ids["carried"]), zeus.StoreOf(ids["carried"]));
        Dictionary<string, string> found = volumes.ToDictionary(volume => volume, volume => StoreFiles.HashOf(zeus.StoreOf(ids[volume])), StringComparer.Ordinal);
        await cluster.Start(Zeus);
        await cluster.Logs(Zeus, "can't be opened (Damaged)");
        await cluster.Logs(Zeus, "is the replica of node atlas, and this is zeus");
        await cluster.Until("zeus refuses the store of another volume", () => Task.FromResult(Complaints(zeus.Log, "mistaken", "Mismatch")), () => zeus.Log);
        foreach (string volume in volumes)
        {
            Assert.True(found[volume] == StoreFiles.HashOf(zeus.StoreOf(ids[volume])), $"the store of {volume}, which zeus refused, has been written");
            JsonElement report = await cluster.Becomes(volume, one => ConditionOf(one, Zeus) == "missing", "says that zeus' replica is not there");
            Assert.Equal("degraded", report.GetProperty("condition").GetString());
            Assert.Equal(Atlas, report.GetProperty("primary").GetString());
        }

        foreach (PathsInitiator initiator in initiators)
        {
            Assert.True(initiator.Has(0, Blocks, 1));
            initiator.Write(0, 64, 2);
        }

        // An administrator gives them up: each is made new and resynced, while the node runs.
        foreach (string volume in volumes)
        {
            File.Delete(zeus.StoreOf(ids[volume]));
        }

        foreach (string volume in volumes)
        {
            await cluster.Becomes(volume, "healthy");
            await cluster.DoWhenReady(Hera, "volume", "handover", volume, Zeus);
        }

        foreach (PathsInitiator initiator in initiators)
        {
            Assert.True(initiator.Has(0, 64, 2) && initiator.Has(64, Blocks - 64, 1));
            initiator.Dispose();
        }
    });

    [Fact]
    public Task An_old_copy_of_a_replica_serves_nothing_though_it_is_the_only_one_there_and_is_resynced() => shared.Use(async cluster =>
    {
        string target = await cluster.Export("old", "32MiB");
        using PathsInitiator initiator = cluster.Initiator(target);
        if (await cluster.PrimaryOf("old") != Atlas)
        {
            await cluster.DoWhenReady(Atlas, "volume", "handover", "old", Atlas);
        }

        initiator.Write(0, Blocks, 1);
        string store = cluster[Zeus].StoreOf(await cluster.IdOf("old"));
        await cluster.Kill(Zeus);
        StoreFiles.Copy(store, store + ".copy");
        initiator.Write(0, Blocks, 2);
        await cluster.Whole("old");
        initiator.Write(0, Blocks, 3);
        initiator.Flush();
        await cluster.Kill(Atlas, Zeus, Hera);
        File.Move(store + ".copy", store, overwrite: true);
        await cluster.Start(Zeus, Hera);
        await cluster.Up(2);
        await cluster.Until(
            "zeus knows that its replica is an old copy",
            async () => (await cluster.Volume("old", Zeus)) is { } report && ConditionOf(report, Zeus) == "oldCopy",
            () => cluster[Zeus].Log);
        JsonElement alone = (await cluster.Volume("old", Zeus))!.Value;
        Assert.DoesNotContain(alone.GetProperty("condition").GetString(), (string[])["healthy", "degraded", "syncing"]);
        await cluster.Start(Atlas);
        await cluster.Becomes("old", "healthy");
        Assert.True(initiator.Has(0, Blocks, 3));
        await cluster.DoWhenReady(Hera, "volume", "handover", "old", Zeus);
        Assert.True(initiator.Has(0, Blocks, 3));
    });

    [Fact]
    public Task A_voter_that_lost_its_journal_is_a_new_one_and_takes_the_old_ones_place_by_itself() => shared.Use(async cluster =>
    {
        string target = await cluster.Export("votes");
        using PathsInitiator initiator = cluster.Initiator(target);
        initiator.Write(0, 64, 1);
        await cluster.Kill(Hera);
        foreach (string file in System.IO.Directory.GetFiles(cluster[Hera].State, "journal.sqlite*"))
        {
            File.Delete(file);
        }

        await cluster.Start(Hera);
        await cluster.Until(
            "a node says that the vote in the catalog is the new journal's",
            () => Task.FromResult(cluster.Running.Any(member => member.Log.Contains("The vote of hera in the catalog is its new journal's", StringComparison.Ordinal))));
        string primary = await cluster.PrimaryOf("votes");
        await cluster.Logs(primary, "the vote of hera goes to another journal");
        await cluster.Logs(primary, "the change of voters is complete");

        // Only with its vote can anything be decided without the secondary.
        await cluster.Kill(OtherThan(primary));
        initiator.Write(0, 64, 2);
        await cluster.Becomes("votes", "degraded");
        await cluster.DoWhenReady(primary, "target", "create", "iqn.2026-01.org.actorsan:decided-with-the-new-vote", "--open");
        Assert.True(initiator.Has(0, 64, 2));
        await cluster.Whole("votes");
    });

    [Fact]
    public Task A_node_with_a_wrong_key_gets_no_link_and_its_replica_does_not_count() => shared.Use(async cluster =>
    {
        string target = await cluster.Export("keyed");
        using PathsInitiator initiator = cluster.Initiator(target);
        initiator.Write(0, 64, 1);
        string node = OtherThan(await cluster.PrimaryOf("keyed"));
        await cluster.Kill(node);
        byte[] right = await File.ReadAllBytesAsync(cluster[node].Identity);
        StoreFiles.ChangeKey(cluster[node].Identity);
        await cluster.Start(node);
        await cluster.Until("one of the two says that the keys differ", () => Task.FromResult(Saw(cluster[node].Log) || Saw(cluster[OtherThan(node)].Log)), () => cluster[node].Log);
        initiator.Write(0, 64, 2);
        JsonElement report = await cluster.Becomes("keyed", "degraded");
        Assert.Equal([OtherThan(node)], report.GetProperty("inSync").EnumerateArray().Select(name => name.GetString()));
        await cluster.Kill(node);
        await File.WriteAllBytesAsync(cluster[node].Identity, right);
        await cluster.Whole("keyed");
        await cluster.DoWhenReady(Hera, "volume", "handover", "keyed", node);
        Assert.True(initiator.Has(0, 64, 2));

        static bool Saw(string log) => log.Contains("the two nodes have different keys", StringComparison.Ordinal);
    });

    private static string? ConditionOf(JsonElement report, string node) => report.GetProperty("replicas").EnumerateArray()
        .Where(replica => replica.GetProperty("node").GetString() == node).Select(replica => replica.GetProperty("condition").GetString()).FirstOrDefault();

    private static bool Complaints(string log, string volume, string fault) => log.Split('\n').Any(line => line.Contains("Volume " + volume, StringComparison.Ordinal) && line.Contains($"can't be opened ({fault})", StringComparison.Ordinal));
}
