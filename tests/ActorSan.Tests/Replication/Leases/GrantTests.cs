using ActorSan.Replication.Core;
using ActorSan.Replication.Core.Leases;
using ActorSan.Replication.Core.Register;
using ActorSan.Tests.Replication.Register;
using Xunit;

namespace ActorSan.Tests.Replication.Leases;

/// <summary>L1, L2 at the voter.</summary>
public sealed class GrantTests
{
    private readonly VoterBench _bench = new();

    public GrantTests() => _bench.Flush();

    [Fact]
    public void L1GrantsForALeaseAndTheDrift()
    {
        Assert.Equal(LeaseVerdict.Granted, _bench.VerdictOf(_bench.Renew(1, 4)));
        RunningGrant grant = _bench.Voter.GrantOf(VoterBench.Key)!.Value;
        Assert.Equal((4, _bench.NowNs + (VoterBench.Lease * 101 / 100)), (grant.Epoch, grant.UntilNs));
        Assert.Equal(LeaseVerdict.HeldByOther, _bench.VerdictOf(_bench.Renew(1, 9, "b")));
        _bench.NowNs = grant.UntilNs;
        Assert.Null(_bench.Voter.GrantOf(VoterBench.Key));
        Assert.Equal(LeaseVerdict.Granted, _bench.VerdictOf(_bench.Renew(1, 9, "b")));
    }

    [Fact]
    public void L1OneNodesGrantIsReplacedByAHigherEpochNeverByALower()
    {
        Assert.Equal(LeaseVerdict.Granted, _bench.VerdictOf(_bench.Renew(1, 4)));
        Assert.Equal(LeaseVerdict.HeldByOther, _bench.VerdictOf(_bench.Renew(1, 4, instance: 8)));
        Assert.Equal(LeaseVerdict.Granted, _bench.VerdictOf(_bench.Renew(1, 5, instance: 8)));
        Assert.Equal(LeaseVerdict.HeldByOther, _bench.VerdictOf(_bench.Renew(2, 4)));
        Assert.Equal(5, _bench.Voter.GrantOf(VoterBench.Key)?.Epoch);
    }

    [Fact]
    public void L1AValueTakenUpCountsBeforeItIsDurable()
    {
        _ = _bench.Voter.On(_bench.Accept(3, Value(2, 6, "b"), "b"));
        _ = _bench.Voter.On(_bench.Renew(1, 5));
        LeaseAnswer answer = _bench.Last<Granted>().Answers[0];
        Assert.Equal((LeaseVerdict.HigherEpoch, 6), (answer.Verdict, answer.HigherEpoch));
        Assert.Null(_bench.Voter.AcceptedOf(VoterBench.Key));
    }

    [Fact]
    public void L1GrantsDoNotWaitForTheJournal()
    {
        _ = _bench.Voter.On(_bench.Prepare(3));
        _ = _bench.Voter.On(_bench.Renew(1, 5));
        Assert.Equal(LeaseVerdict.Granted, _bench.Last<Granted>().Answers[0].Verdict);
    }

    [Fact]
    public void L2AnAcceptThatNamesAnotherPrimaryEndsTheGrant()
    {
        Assert.Equal(LeaseVerdict.Granted, _bench.VerdictOf(_bench.Renew(1, 4)));
        _ = _bench.Ask<Accepted>(_bench.Accept(3, Value(2, 5, "a")));
        Assert.NotNull(_bench.Voter.GrantOf(VoterBench.Key));
        _ = _bench.Voter.On(_bench.Accept(4, Value(3, 6, "b")));
        Assert.Null(_bench.Voter.GrantOf(VoterBench.Key));
        _ = _bench.Voter.On(_bench.Renew(2, 5));
        Assert.Equal(LeaseVerdict.HigherEpoch, _bench.Last<Granted>().Answers[0].Verdict);
    }

    [Fact]
    public void L2ReleaseEndsTheGrantAndWhatIsNotYounger()
    {
        Assert.Equal(LeaseVerdict.Granted, _bench.VerdictOf(_bench.Renew(5, 4)));
        Release(5);
        Assert.Null(_bench.Voter.GrantOf(VoterBench.Key));
        Assert.Equal(LeaseVerdict.Released, _bench.VerdictOf(_bench.Renew(5, 4)));
        Assert.Equal(LeaseVerdict.Granted, _bench.VerdictOf(_bench.Renew(1, 4, "b")));
    }

    [Fact]
    public void L2AnOldReleaseDoesNotEndAYoungerGrant()
    {
        Assert.Equal(LeaseVerdict.Granted, _bench.VerdictOf(_bench.Renew(6, 4)));
        Assert.Equal(LeaseVerdict.Granted, _bench.VerdictOf(_bench.Renew(4, 4)));
        Release(5);
        Assert.NotNull(_bench.Voter.GrantOf(VoterBench.Key));
    }

    [Fact]
    public void L2WithTheBugALateRenewalKeepsOthersOut()
    {
        var bench = new VoterBench(BugSet.Of(Bug.LateRenewalAfterRelease));
        bench.Flush();
        _ = bench.Voter.On(new Release("a", VoterBench.Id(7), bench.Me, 5, VoterBench.Key));
        Assert.Equal(LeaseVerdict.Granted, bench.VerdictOf(bench.Renew(5, 4)));
        Assert.Equal(LeaseVerdict.HeldByOther, bench.VerdictOf(bench.Renew(1, 4, "b")));
    }

    private void Release(long rid) => _bench.Voter.On(new Release("a", VoterBench.Id(7), _bench.Me, rid, VoterBench.Key));

    private Cell Value(long version, long epoch, string primary) => VoterBench.ValueOf(version, epoch, primary, _bench.Me);
}
