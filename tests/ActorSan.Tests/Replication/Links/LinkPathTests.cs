using System.Diagnostics;
using System.Net;
using ActorSan.Replication.Links;
using ActorSan.Storage.Threads;
using ActorSan.Tests.Storage.Threads;
using Xunit;

namespace ActorSan.Tests.Replication.Links;

/// <summary>Two ways to one node: each a proxy that falls silent, as a pulled cable does, or goes away.</summary>
public sealed class LinkPathTests
{
    private static readonly Guid Volume = new("00000000-0000-0000-0000-0000000000a1");

    public static TheoryData<IoEngineKind> Engines => EngineHarness.Engines;

    private static LinkOptions Hasty(LinkOptions options) => options with
    {
        KeepAlive = TimeSpan.FromMilliseconds(20),
        Silence = TimeSpan.FromSeconds(6),
        PathCheck = TimeSpan.FromMilliseconds(50),
        HandshakeTimeout = TimeSpan.FromSeconds(2),
    };

    [Theory]
    [MemberData(nameof(Engines))]
    public async Task A_link_goes_on_by_the_other_path_and_returns_to_the_better_one(IoEngineKind engine)
    {
        await using var zeus = new LinkNode(engine, "zeus", Hasty);
        IPEndPoint address = await zeus.Listen();
        using var first = new LinkProxy(address);
        using var second = new LinkProxy(address);
        await using var atlas = new LinkNode(engine, "atlas", Hasty);
        LinkPeer zeusSide = await zeus.Add("atlas");
        LinkPeer atlasSide = await atlas.Add("zeus", first.Address, second.Address);
        var heard = new LinkEndUser(zeus, 1);
        var said = new LinkEndUser(atlas, 2);
        await zeus.Thread.Invoke(() => heard.Channel = zeusSide.Open(Volume, heard));
        await atlas.Thread.Invoke(() => said.Channel = atlasSide.Open(Volume, said));
        await Until(atlas, () => said.Ups == 1 && Are(atlasSide, LinkPathCondition.Active, LinkPathCondition.Standby));

        // Both ends have gone over, and neither took the peer for gone.
        first.FallSilent();
        await Until(atlas, () => said.Ups == 2 && atlasSide.Counters.Paths[1].Condition == LinkPathCondition.Active);
        await zeus.Until(() => heard.Ups == 2);
        Assert.Contains((first.Address.ToString(), false), await atlas.Thread.Invoke(() => atlas.PathChanges.ToArray()));
        Assert.Equal(0, await atlas.Thread.Invoke(() => said.Gones));

        first.Speak();
        await Until(atlas, () => said.Ups == 3 && Are(atlasSide, LinkPathCondition.Active, LinkPathCondition.Standby));
        Assert.Equal((first.Address.ToString(), true), (await atlas.Thread.Invoke(() => atlas.PathChanges.ToArray()))[^1]);

        // One that nobody uses is missed.
        second.Dispose();
        await Until(atlas, () => Are(atlasSide, LinkPathCondition.Active, LinkPathCondition.Down));
        Assert.Equal(3, await atlas.Thread.Invoke(() => said.Ups));
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public async Task A_path_that_refuses_is_no_dead_process_while_another_is_there(IoEngineKind engine)
    {
        await using var zeus = new LinkNode(engine, "zeus", Hasty);
        IPEndPoint address = await zeus.Listen();
        var first = new LinkProxy(address);
        var second = new LinkProxy(address);
        await using var atlas = new LinkNode(engine, "atlas", Hasty);
        LinkPeer zeusSide = await zeus.Add("atlas");
        LinkPeer atlasSide = await atlas.Add("zeus", first.Address, second.Address);
        var heard = new LinkEndUser(zeus, 1);
        var said = new LinkEndUser(atlas, 2);
        await zeus.Thread.Invoke(() => heard.Channel = zeusSide.Open(Volume, heard));
        await atlas.Thread.Invoke(() => said.Channel = atlasSide.Open(Volume, said));
        await Until(atlas, () => said.Ups == 1);
        first.Dispose();
        await Until(atlas, () => said.Ups == 2 && atlasSide.Counters.Paths[1].Condition == LinkPathCondition.Active);
        Assert.Equal(0, await atlas.Thread.Invoke(() => said.Gones));
        second.Dispose();
        await Until(atlas, () => said.Gones == 1);

        // It has moved; and then the better one of its new addresses is there, too.
        using var third = new LinkProxy(address);
        Assert.True(atlas.Thread.Post(() => atlasSide.SetAddresses([first.Address, third.Address])));
        await Until(atlas, () => said.Ups == 3 && atlasSide.Counters.Paths[1].Condition == LinkPathCondition.Active);
        using var fourth = new LinkProxy(address);
        Assert.True(atlas.Thread.Post(() => atlasSide.SetAddresses([fourth.Address, third.Address])));
        await Until(atlas, () => said.Ups == 4 && Are(atlasSide, LinkPathCondition.Active, LinkPathCondition.Standby));
    }

    // Not every look at a path is told, so that this looks itself.
    private static async Task Until(LinkNode node, Func<bool> condition)
    {
        var clock = Stopwatch.StartNew();
        while (!await node.Thread.Invoke(condition))
        {
            if (clock.Elapsed > TimeSpan.FromSeconds(60))
            {
                Assert.Fail(await node.Thread.Invoke(() => $"ups {node.Ups}, downs {node.Downs}, ends {string.Join("; ", node.Ends)}, paths {string.Join("; ", node.PathChanges)}"));
            }

            await Task.Delay(10);
        }
    }

    private static bool Are(LinkPeer peer, LinkPathCondition first, LinkPathCondition second) =>
        peer.Counters.Paths is [{ } one, { } other] && one.Condition == first && other.Condition == second;
}
