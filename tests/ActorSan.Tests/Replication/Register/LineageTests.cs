using ActorSan.Replication.Core;
using ActorSan.Replication.Core.Leases;
using ActorSan.Replication.Core.Register;
using ActorSan.Replication.Core.Values;
using Xunit;

namespace ActorSan.Tests.Replication.Register;

/// <summary>P11: forced lineages, as a voter sees them.</summary>
public sealed class LineageTests
{
    private static readonly Guid Old = VoterBench.Key.Lineage;
    private static readonly Guid Forced = VoterBench.Id(2);
    private static readonly Guid Stranger = VoterBench.Id(3);
    private readonly VoterBench _bench = new();

    [Fact]
    public void P11WhoHearsOfItRefusesTheOldOneForGood()
    {
        _ = _bench.Ask<Accepted>(_bench.Accept(3, ValueOf(Old)));
        _ = _bench.Voter.On(new Learn("b", KeyOf(Forced), ValueOf(Forced, Old)));
        Unknown unknown = _bench.Ask<Unknown>(_bench.Prepare(4));
        Assert.Equal((UnknownReason.Discarded, Forced), (unknown.Reason, unknown.By));
        Assert.Equal(LeaseVerdict.Discarded, _bench.VerdictOf(_bench.Renew(1, 5)));
        Assert.Single(_bench.Told);
        _bench.Restart();
        _bench.NowNs += 2 * VoterBench.Lease;
        Assert.Equal(UnknownReason.Discarded, _bench.Ask<Unknown>(_bench.Accept(9, ValueOf(Old))).Reason);
        _ = _bench.Ask<Promise>(_bench.Prepare(1) with { Key = KeyOf(Forced) });
    }

    [Fact]
    public void P11WithTheBugTheOldOneGoesOn()
    {
        var bench = new VoterBench(BugSet.Of(Bug.DiscardedLineageAnswers));
        _ = bench.Ask<Accepted>(bench.Accept(3, ValueOf(Old)));
        _ = bench.Voter.On(new Learn("b", KeyOf(Forced), ValueOf(Forced, Old)));
        _ = bench.Ask<Promise>(bench.Prepare(4));
    }

    [Fact]
    public void P11IsRefusedWhileAHolderOfTheOldOneHasAGrant()
    {
        _bench.Flush();
        Assert.Equal(LeaseVerdict.Granted, _bench.VerdictOf(_bench.Renew(1, 1)));
        Assert.Equal("a", _bench.Ask<Leased>(Begin(Forced, Old)).Holder?.Node);
        _bench.NowNs += 2 * VoterBench.Lease;
        _ = _bench.Ask<Begun>(Begin(Forced, Old));
        Assert.Equal(LeaseVerdict.Discarded, _bench.VerdictOf(_bench.Renew(2, 1)));
    }

    [Fact]
    public void P11ItCountsBeforeItIsDurable()
    {
        _bench.Flush();
        _ = _bench.Voter.On(Begin(Forced, Old));
        _ = _bench.Voter.On(_bench.Renew(2, 1));
        Assert.Equal(LeaseVerdict.Discarded, _bench.Last<Granted>().Answers[0].Verdict);
    }

    [Fact]
    public void P11IsRefusedByAMuteVoter()
    {
        _bench.Flush();
        _bench.Restart();
        Assert.Null(_bench.Ask<Leased>(Begin(Forced, Old)).Holder);
    }

    [Fact]
    public void P11TwoThatDoNotNameEachOtherBothStopUntilOneIsNamed()
    {
        _ = _bench.Ask<Accepted>(_bench.Accept(3, ValueOf(Old)));
        Assert.Null(_bench.Ask<BeginRefused>(Begin(Stranger)).Held);
        _ = _bench.Voter.On(new Learn("b", KeyOf(Stranger), ValueOf(Stranger)));
        Assert.Equal(UnknownReason.Conflicting, _bench.Ask<Unknown>(_bench.Prepare(4)).Reason);
        Assert.Equal(UnknownReason.Conflicting, _bench.Ask<Unknown>(_bench.Accept(4, ValueOf(Stranger)) with { Key = KeyOf(Stranger) }).Reason);
        Assert.Null(_bench.Ask<BeginRefused>(Begin(Forced, Old)).Held);
        _ = _bench.Ask<Begun>(Begin(Forced, Old, Stranger));
        Assert.Equal(UnknownReason.None, _bench.Voter.StandingOf(KeyOf(Forced)));
        Assert.Equal(UnknownReason.Discarded, _bench.Voter.StandingOf(KeyOf(Old)));
        Assert.Equal(UnknownReason.Discarded, _bench.Voter.StandingOf(KeyOf(Stranger)));
    }

    [Fact]
    public void P11AskingIsRefusedLikeBeginningAndRecordsNothing()
    {
        _ = _bench.Ask<Accepted>(_bench.Accept(3, ValueOf(Old)));
        Assert.Equal(LeaseVerdict.Granted, _bench.VerdictOf(_bench.Renew(1, 1)));
        _ = _bench.Ask<Leased>(Begin(Forced, Old) with { Asks = true });
        _bench.NowNs += 2 * VoterBench.Lease;
        long written = _bench.Journal.WriteCount;
        _ = _bench.Ask<WouldBegin>(Begin(Forced, Old) with { Asks = true });
        Assert.Equal((written, UnknownReason.None), (_bench.Journal.WriteCount, _bench.Voter.StandingOf(KeyOf(Old))));
        Assert.Null(_bench.Voter.AcceptedOf(KeyOf(Forced)));
        _ = _bench.Ask<Begun>(Begin(Forced, Old));
        _ = _bench.Ask<WouldBegin>(Begin(Forced, Old) with { Asks = true });
    }

    [Fact]
    public void P11ARefusalNamesTheLineageThatStandsInTheWay()
    {
        _ = _bench.Ask<Accepted>(_bench.Accept(3, ValueOf(Old)));
        Assert.Equal(Old, _bench.Ask<BeginRefused>(Begin(Stranger)).By);
    }

    [Fact]
    public void P11WithTheBugItBeginsBesideAGrant()
    {
        var bench = new VoterBench(BugSet.Of(Bug.ForceDuringGrant));
        bench.Flush();
        Assert.Equal(LeaseVerdict.Granted, bench.VerdictOf(bench.Renew(1, 1)));
        _ = bench.Ask<Begun>(Begin(Forced, Old) with { To = bench.Me, Value = ValueOf(Forced, Old) with { Voters = [bench.Me] } });
    }

    [Fact]
    public void P11AnotherNameIsAnotherMatter()
    {
        _ = _bench.Ask<Accepted>(_bench.Accept(3, ValueOf(Old)));
        _ = _bench.Voter.On(new Learn("b", new RegisterKey("volume/2", Forced), ValueOf(Forced, Old)));
        _ = _bench.Ask<Promise>(_bench.Prepare(4));
    }

    private static RegisterKey KeyOf(Guid lineage) => VoterBench.Key with { Lineage = lineage };

    private Begin Begin(Guid lineage, params Guid[] parents) => new("a", KeyOf(lineage), _bench.Me, 0, ValueOf(lineage, parents));

    private Configuration ValueOf(Guid lineage, params Guid[] parents) => new()
    {
        Version = 1,
        VolumeId = VoterBench.Id(50),
        Lineage = lineage,
        Parents = [.. parents],
        Voters = [_bench.Me],
        InSync = [],
        Replicas = [],
        SizeBytes = 4096,
    };
}
