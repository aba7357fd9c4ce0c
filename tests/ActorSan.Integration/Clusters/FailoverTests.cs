using System.Text.Json;
using Xunit;
using static ActorSan.Integration.Clusters.TestCluster;

namespace ActorSan.Integration.Clusters;

/// <summary>Nodes that die, stop or stand still under a volume: what an initiator with two paths sees, and that all is whole again without anybody's doing.</summary>
[Collection(ClusterCollection.Name)]
public sealed class FailoverTests(SharedCluster shared)
{
    private const int Blocks = 32 << 11; // 32 MiB
    private const int Few = 2 << 11;
    private static readonly TimeSpan s_intentGone = TimeSpan.FromSeconds(12);

    [Fact]
    public Task When_the_primary_is_killed_the_other_serves_its_bytes_and_it_comes_back_for_what_it_missed() => shared.Use(async cluster =>
    {
        string target = await cluster.Export("killed");
        using PathsInitiator initiator = cluster.Initiator(target);
        initiator.Write(0, Blocks, 1);
        initiator.Flush();
        string dead = await cluster.PrimaryOf("killed");

        // Until nothing was written for a while, the write intent (W9) says of all of it that it may differ after a crash.
        await Task.Delay(s_intentGone);
        await cluster.Kill(dead);
        initiator.Write(0, Few, 2);
        Assert.True(initiator.Has(Few, Blocks - Few, 1));
        Assert.Equal(OtherThan(dead), await cluster.PrimaryOf("killed"));
        JsonElement degraded = await cluster.Becomes("killed", "degraded");
        Assert.Equal([OtherThan(dead)], Names(degraded, "inSync"));
        await cluster.Whole("killed");
        Assert.InRange(cluster[dead].WrittenBytes(), Few * 512, Blocks * 512 / 2);

        // Its own bytes, as it is asked for them.
        await cluster.DoWhenReady(Hera, "volume", "handover", "killed", dead);
        Assert.True(initiator.Has(0, Few, 2));
        Assert.True(initiator.Has(Few, Blocks - Few, 1));
        Assert.Equal(cluster[dead].Address, initiator.Address);
    });

    [Fact]
    public Task A_handover_moves_the_volume_while_it_is_written_and_the_initiator_sees_no_error() => shared.Use(async cluster =>
    {
        string target = await cluster.Export("handed");
        using PathsInitiator initiator = cluster.Initiator(target);
        using var writer = new BackgroundWriter(initiator, 4 << 11);
        for (int i = 0; i < 4; i++)
        {
            string to = OtherThan(await cluster.PrimaryOf("handed"));
            CommandOutcome done = await cluster.Do(i % 2 == 0 ? Hera : to, "volume", "handover", "handed", to);
            Assert.Contains($"{to} is primary of handed", done.Text, StringComparison.Ordinal);
            await writer.Advance();
        }

        await writer.End();
        Assert.True(writer.Verify());
    });

    [Fact]
    public Task A_node_that_is_stopped_in_order_hands_over_and_the_initiator_sees_no_error() => shared.Use(async cluster =>
    {
        string target = await cluster.Export("stopped");
        using PathsInitiator initiator = cluster.Initiator(target);
        using var writer = new BackgroundWriter(initiator, 4 << 11);
        await writer.Advance();
        string leaves = await cluster.PrimaryOf("stopped");
        await cluster[leaves].Stop();
        Assert.DoesNotContain("Not every volume was handed over in time", cluster[leaves].Log, StringComparison.Ordinal);
        await cluster.Becomes("stopped", report => report.GetProperty("primary").GetString() == OtherThan(leaves), "is served by the other");
        await writer.Advance();
        await cluster.Whole("stopped");
        await writer.End();
        Assert.True(writer.Verify());
    });

    [Fact]
    public Task Without_the_secondary_it_goes_on_and_so_it_does_without_the_witness() => shared.Use(async cluster =>
    {
        string target = await cluster.Export("served");
        using PathsInitiator initiator = cluster.Initiator(target);
        initiator.Write(0, 4096, 1);
        string primary = await cluster.PrimaryOf("served");
        await cluster.Kill(OtherThan(primary));
        initiator.Write(0, 2048, 2);
        JsonElement degraded = await cluster.Becomes("served", "degraded");
        Assert.Equal(primary, degraded.GetProperty("primary").GetString());
        await cluster.Whole("served");
        await cluster.Kill(Hera);
        initiator.Write(1024, 2048, 3);
        Assert.Equal(primary, (await cluster.Becomes("served", "healthy")).GetProperty("primary").GetString());
        await cluster.Whole("served");
        await cluster.DoWhenReady(Hera, "volume", "handover", "served");
        Assert.True(initiator.Has(0, 1024, 2) && initiator.Has(1024, 2048, 3) && initiator.Has(3072, 1024, 1));
    });

    [Fact]
    public Task With_two_of_three_gone_requests_wait_and_go_on_when_one_is_back() => shared.Use(async cluster =>
    {
        string target = await cluster.Export("waiting");
        using PathsInitiator initiator = cluster.Initiator(target);
        initiator.Write(0, 1024, 1);
        string primary = await cluster.PrimaryOf("waiting");
        await cluster.Kill(OtherThan(primary), Hera);
        await cluster.Becomes("waiting", "suspended");
        CommandOutcome why = await cluster.Do(primary, "volume", "why", "waiting");
        Assert.Contains("1 of 3 voters", why.Text, StringComparison.Ordinal);
        Task write = Task.Run(() => initiator.Write(0, 8, 2));

        // Nobody may answer it now: a look that a moment passed, not a measurement.
        await cluster.Becomes("waiting", report => report.GetProperty("leaseLeftMs").ValueKind == JsonValueKind.Null || report.GetProperty("leaseLeftMs").GetInt64() <= 0, "has no lease");
        Assert.False(write.IsCompleted);
        await cluster.Start(Hera);
        await write;
        Assert.True(initiator.Has(0, 8, 2) && initiator.Has(8, 1016, 1));
        await cluster.Whole("waiting");
    });

    [Fact]
    public Task After_all_were_killed_it_comes_back_by_itself_with_all_bytes() => shared.Use(async cluster =>
    {
        string target = await cluster.Export("all");
        using PathsInitiator initiator = cluster.Initiator(target);
        initiator.Write(0, Blocks / 4, 1);
        await cluster.Kill(Atlas, Zeus, Hera);
        await cluster.Whole("all");
        Assert.True(initiator.Has(0, Blocks / 4, 1));
        await cluster.DoWhenReady(Hera, "volume", "handover", "all");
        Assert.True(initiator.Has(0, Blocks / 4, 1));
    });

    [Fact]
    public Task A_primary_that_stood_still_was_deposed_and_answers_nothing_stale() => shared.Use(async cluster =>
    {
        string target = await cluster.Export("still");
        string frozen = await cluster.PrimaryOf("still");
        using PathsInitiator both = cluster.Initiator(target);
        using PathsInitiator old = cluster.Initiator(target, frozen);
        both.Write(0, 1024, 1);
        Assert.True(old.Has(0, 8, 1));
        await cluster[frozen].Daemon.Signal("STOP");
        using PathsInitiator other = cluster.Initiator(target, OtherThan(frozen));
        other.Write(0, 1024, 2);
        Task<byte[]> read = Task.Run(() => old.Read(0, 8));
        await cluster[frozen].Daemon.Signal("CONT");
        // What the node that woke up believes for a moment is not asked for, and until the other has missed it, it still counts as in sync.
        await cluster.Becomes("still", report => report.GetProperty("condition").GetString() == "healthy" && report.GetProperty("primary").GetString() == OtherThan(frozen), "is healthy at the other node");
        await cluster.DoWhenReady(Hera, "volume", "handover", "still", frozen);
        Assert.Equal(PathsInitiator.Stamped(0, 8, 2), await read);
        Assert.True(old.Has(0, 1024, 2));
    });

    private static string[] Names(JsonElement report, string list) => [.. report.GetProperty(list).EnumerateArray().Select(name => name.GetString()!)];
}
