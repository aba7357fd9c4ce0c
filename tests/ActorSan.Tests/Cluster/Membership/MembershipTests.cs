using ActorSan.Cluster.Founding;
using ActorSan.Cluster.Membership;
using ActorSan.Cluster.Messages;
using ActorSan.Cluster.Settings;
using ActorSan.Tests.Node;
using Akka.Cluster;
using Xunit;

namespace ActorSan.Tests.Cluster.Membership;

/// <summary>Three real ActorSystems on loopback with the product's configuration.</summary>
[Collection(Alone.Name)]
public sealed class MembershipTests : IDisposable
{
    private static readonly string[] Names = ["atlas", "zeus", "hera"];
    private readonly TemporaryDirectory _directory = new();
    private readonly ClusterIdentity _identity;
    private readonly int[] _ports = ClusterNode.FreePorts(3);
    private readonly List<ClusterNode> _nodes = [];

    public MembershipTests() => _identity = ClusterIdentity.Create(_directory.Path, TimeProvider.System);

    public void Dispose()
    {
        _nodes.ForEach(node => node.Dispose());
        _directory.Dispose();
    }

    [Fact]
    public void NamesAreKnownEverywhere()
    {
        ClusterNode[] all = StartAll();
        foreach (ClusterNode node in all)
        {
            MembershipReport report = node.Ask();
            Assert.Equal((node.Name, true), (report.Self, report.IsMember));
            Assert.Contains(report.Leader, Names);
            Assert.Equal(["atlas", "hera", "zeus"], report.Members.Select(member => member.Node).ToArray());
            foreach (ClusterNode other in all)
            {
                Assert.Equal(other.Address, node.Book.Find(other.Name));
                MemberFacts facts = report.Members.Single(member => member.Node == other.Name);
                Assert.Equal((other.Address, other.Cluster.SelfUniqueAddress.Uid, MemberStatus.Up, false), (facts.Address, facts.Uid, facts.Status, facts.IsUnreachable));
                Assert.Equal(other.Name == "hera", facts.IsWitness);
                Assert.Matches(@"^\d+\.\d+", facts.Version);
            }
        }
    }

    [Fact]
    public void WithoutTheFirstSeedTheOthersFormTheGroupAndTheFirstJoinsThem()
    {
        ClusterNode zeus = Start(1);
        ClusterNode hera = Start(2);
        zeus.Await("hera up");
        hera.Await("zeus up");
        ClusterNode atlas = Start(0);
        zeus.Await("atlas up");
        hera.Await("atlas up");
        atlas.Await("hera up");
        Assert.Empty(zeus.Lost);
        Assert.Empty(hera.Lost);
    }

    [Fact]
    public void AKilledNodeIsRemovedAndComesBackAsAnother()
    {
        ClusterNode[] all = StartAll();
        all[2].Kill();
        foreach (ClusterNode survivor in all[..2])
        {
            survivor.Await("hera unreachable");
            survivor.Await("hera removed, downed");
            Assert.Equal(all[2].Address, survivor.Book.Find("hera"));
        }

        ClusterNode again = Start(2);
        foreach (ClusterNode survivor in all[..2])
        {
            survivor.Await("hera up again");
            Assert.Equal(again.Address, survivor.Book.Find("hera"));
        }

        Assert.Empty(all[0].Lost);
        Assert.Empty(all[1].Lost);
    }

    [Fact]
    public void ANodeThatIsBackBeforeItWasMissedTakesItsPlace()
    {
        ClusterNode[] all = StartAll();
        all[1].Kill();
        ClusterNode again = Start(1);
        all[0].Await("zeus up again");
        all[2].Await("zeus up again");
        Assert.Equal(again.Cluster.SelfUniqueAddress.Uid, all[0].Ask().Members.Single(member => member.Node == "zeus").Uid);
    }

    [Fact]
    public void TheFewerAreDownedAndRejoin()
    {
        ClusterNode[] all = StartAll();
        Isolate(all, 1);
        MembershipLost lost = all[1].AwaitLost();
        Assert.Equal(MembershipEnd.Downed, lost.End);
        Assert.Contains("the fewer", lost.Reason, StringComparison.Ordinal);
        all[0].Await("zeus removed, downed");
        all[2].Await("zeus removed, downed");
        Assert.Empty(all[0].Lost);
        Assert.Empty(all[2].Lost);

        Heal(all, 1);
        all[1].Kill();
        Start(1);
        all[0].Await("zeus up again");
        all[2].Await("zeus up again");
        Assert.Empty(all[1].Lost);
    }

    [Fact]
    public void WhoWasGoneOnWithoutHearsOfItAfterwards()
    {
        // Slow to see that it is with the fewer: the others have removed it when the network heals.
        ClusterNode atlas = Start(0);
        ClusterNode zeus = Start(1, extra: "akka.cluster { split-brain-resolver.stable-after = 10m, failure-detector.acceptable-heartbeat-pause = 10m }");
        ClusterNode hera = Start(2);
        ClusterNode[] all = [atlas, zeus, hera];
        AwaitAll(all);
        Isolate(all, 1);
        atlas.Await("zeus removed, downed");
        hera.Await("zeus removed, downed");
        Assert.Empty(zeus.Lost);
        Heal(all, 1);
        Assert.Contains(zeus.AwaitLost().End, new[] { MembershipEnd.Quarantined, MembershipEnd.Downed });
    }

    [Fact]
    public void AnAdministratorsOrdersAreCarriedOutOrRefused()
    {
        ClusterNode[] all = StartAll();
        Assert.False(all[0].Do(new JoinGroup(new HostPort("127.0.0.1", _ports[1]))).Done);
        Assert.Contains("does not down itself", all[0].Do(new DownMember("atlas")).Sentence, StringComparison.Ordinal);
        MembershipOutcome unknown = all[0].Do(new DownMember("ares"));
        Assert.Equal((false, "There is no member ares; there are atlas, hera, zeus."), (unknown.Done, unknown.Sentence));
        Assert.Contains("nothing is downed", all[0].Do(new DownUnreachable()).Sentence, StringComparison.Ordinal);

        Assert.True(all[0].Do(new LeaveGroup("hera")).Done);
        all[0].Await("hera removed");
        Assert.Equal(MembershipEnd.Left, all[2].AwaitLost().End);
        Assert.True(all[0].Do(new DownMember("zeus")).Done);
        Assert.Equal(MembershipEnd.Downed, all[1].AwaitLost().End);
        all[0].Await("zeus removed, downed");
        Assert.Single(all[0].Ask().Members);
    }

    [Fact]
    public void ANodeJoinsWhomItIsTold()
    {
        // Its own seeds are not there.
        ClusterNode atlas = ClusterNode.Start("atlas", _ports[0], [_ports[0]], _identity);
        ClusterNode zeus = ClusterNode.Start("zeus", _ports[1], [_ports[2]], _identity);
        _nodes.AddRange([atlas, zeus]);
        atlas.Await("atlas up");
        Assert.False(zeus.Ask().IsMember);
        Assert.True(zeus.Do(new JoinGroup(new HostPort("127.0.0.1", _ports[0]))).Done);
        atlas.Await("zeus up");
        zeus.Await("zeus up");
    }

    [Fact]
    public void ANodeOfAnotherClusterIsAStranger()
    {
        using var other = new TemporaryDirectory();
        ClusterNode atlas = Start(0);
        atlas.Await("atlas up");
        ClusterNode stranger = ClusterNode.Start("zeus", _ports[1], [_ports[0], _ports[1]], ClusterIdentity.Create(other.Path, TimeProvider.System));
        _nodes.Add(stranger);

        // One of ours that comes after it is let in, so that what the stranger has asked meanwhile was refused.
        Start(2);
        atlas.Await("hera up");
        Assert.False(stranger.Ask().IsMember);
        Assert.Equal(["atlas", "hera"], atlas.Ask().Members.Select(member => member.Node).ToArray());
    }

    [Fact]
    public void OfTwoGroupsTheOneWithFewerSeedsGivesWay()
    {
        // The first seed hears nobody and forms a group; the others have done so meanwhile without it.
        ClusterNode atlas = Start(0);
        atlas.Await("atlas up");
        ClusterNode zeus = ClusterNode.Start("zeus", _ports[1], [_ports[1]], _identity);
        _nodes.Add(zeus);
        zeus.Await("zeus up");
        Assert.Equal(MembershipEnd.Apart, atlas.AwaitLost().End);

        atlas.Kill();
        Start(0);
        zeus.Await("atlas up");
        Assert.Empty(zeus.Lost);
    }

    [Fact]
    public void OfTwoWithOneNameTheFirstKeepsIt()
    {
        ClusterNode atlas = Start(0);
        atlas.Await("atlas up");
        ClusterNode zeus = Start(1);
        atlas.Await("zeus up");
        ClusterNode usurper = ClusterNode.Start("zeus", _ports[2], _ports, _identity);
        _nodes.Add(usurper);
        foreach (ClusterNode node in new[] { atlas, usurper })
        {
            MembershipReport report = node.AskUntil(asked => asked.Members.Count(member => member is { Node: "zeus", Status: MemberStatus.Up }) == 2);
            Assert.Equal(["atlas", "zeus", "zeus"], report.Members.Select(member => member.Node).ToArray());
        }

        Assert.Equal(zeus.Address, atlas.Book.Find("zeus"));
        Assert.Equal(zeus.Address, usurper.Book.Find("zeus"));

        zeus.Kill();
        atlas.Await("zeus removed, downed");
        atlas.Await("zeus up again");
        Assert.Equal(usurper.Address, atlas.Book.Find("zeus"));
    }

    private ClusterNode[] StartAll()
    {
        ClusterNode[] all = [Start(0), Start(1), Start(2)];
        AwaitAll(all);
        return all;
    }

    private static void AwaitAll(ClusterNode[] all)
    {
        foreach (ClusterNode node in all)
        {
            var missing = new HashSet<string>(all.Select(other => $"{other.Name} up"), StringComparer.Ordinal);
            while (missing.Count > 0)
            {
                Assert.True(node.Diary.TryTake(out string? line, ClusterNode.Patience), $"{node.Name} is not told: {string.Join(", ", missing)}");
                missing.Remove(line);
            }
        }
    }

    private static void Isolate(ClusterNode[] all, int index)
    {
        foreach (ClusterNode other in all.Where(node => node != all[index]))
        {
            other.Cut(all[index], cut: true);
            all[index].Cut(other, cut: true);
        }
    }

    private static void Heal(ClusterNode[] all, int index)
    {
        foreach (ClusterNode other in all.Where(node => node != all[index]))
        {
            other.Cut(all[index], cut: false);
            all[index].Cut(other, cut: false);
        }
    }

    private ClusterNode Start(int index, string extra = "")
    {
        ClusterNode node = ClusterNode.Start(Names[index], _ports[index], _ports, _identity, extra: extra);
        _nodes.Add(node);
        return node;
    }
}
