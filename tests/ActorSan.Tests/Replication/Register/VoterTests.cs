using ActorSan.Replication.Core;
using ActorSan.Replication.Core.Leases;
using ActorSan.Replication.Core.Register;
using ActorSan.Replication.Core.Values;
using Xunit;

namespace ActorSan.Tests.Replication.Register;

public sealed class VoterTests
{
    private readonly VoterBench _bench = new();

    [Fact]
    public void R2PromisesWithNoneThenRefusesWhatIsNotHigher()
    {
        Promise promise = _bench.Ask<Promise>(_bench.Prepare(3));
        Assert.Null(promise.Value);
        Assert.Equal(VoterBench.Ballot(3, "a"), _bench.Ask<Lower>(_bench.Prepare(3)).Promised);
        Assert.Equal(VoterBench.Ballot(3, "a"), _bench.Ask<Lower>(_bench.Prepare(2)).Promised);
        _ = _bench.Ask<Promise>(_bench.Prepare(3, "b"));
    }

    [Fact]
    public void R2RepliesOnlyWhenDurable()
    {
        _bench.Flush();
        _ = _bench.Voter.On(_bench.Prepare(3));
        Assert.Empty(_bench.Sent);
        _bench.Flush();
        Assert.Equal(_bench.Journal.WriteCount, _bench.Last<Promise>().WriteCount);
    }

    [Fact]
    public void R2ARequestWaitsForTheOneBeforeIt()
    {
        _bench.Flush();
        _ = _bench.Voter.On(_bench.Prepare(3));
        _ = _bench.Voter.On(_bench.Prepare(2, "b"));
        Assert.Empty(_bench.Sent);
        _bench.Flush();
        Assert.IsType<Promise>(_bench.Sent[0].Message);
        Assert.IsType<Lower>(_bench.Sent[1].Message);
    }

    [Fact]
    public void R2AnotherRegisterDoesNotWait()
    {
        _ = _bench.Voter.On(_bench.Prepare(3));
        _ = _bench.Voter.On(_bench.Prepare(3) with { Key = new RegisterKey("catalog", default) });
        Assert.Equal(3, _bench.Journal.Pending);
    }

    [Fact]
    public void R2AnotherIncarnationIsAnsweredUnknownAndNothingElse()
    {
        VoterId other = new("v", VoterBench.Id(99));
        _bench.Flush();
        Assert.Equal(UnknownReason.OtherIncarnation, _bench.Ask<Unknown>(_bench.Prepare(3) with { To = other }).Reason);
        Assert.Equal(UnknownReason.OtherIncarnation, _bench.Ask<Unknown>(_bench.Accept(3, Value(2, 1)) with { To = other }).Reason);
        Assert.Equal(other, _bench.Ask<RenewUnknown>(_bench.Renew(1, 1) with { To = other }).Asked);
        Assert.Equal(default, _bench.Voter.PromisedOf(VoterBench.Key));
    }

    [Fact]
    public void R2WhileAGrantToAnotherNodeRunsNothingIsRecorded()
    {
        _bench.Flush();
        Assert.Equal(LeaseVerdict.Granted, _bench.VerdictOf(_bench.Renew(1, 1)));
        Assert.Equal("a", _bench.Ask<Leased>(_bench.Prepare(9, "b")).Holder?.Node);
        Assert.Equal("a", _bench.Ask<Leased>(_bench.Accept(9, Value(2, 2), "b")).Holder?.Node);
        Assert.Equal(default, _bench.Voter.PromisedOf(VoterBench.Key));
        _ = _bench.Ask<Promise>(_bench.Prepare(9));
        _bench.NowNs += VoterBench.Lease * 101 / 100;
        _ = _bench.Ask<Promise>(_bench.Prepare(9, "b"));
    }

    [Fact]
    public void R5AcceptsWhatIsNotLowerAndKeepsIt()
    {
        _ = _bench.Ask<Promise>(_bench.Prepare(3));
        _ = _bench.Ask<Lower>(_bench.Accept(2, Value(2, 1)));
        _ = _bench.Ask<Accepted>(_bench.Accept(3, Value(2, 1)));
        long count = _bench.Journal.WriteCount;
        _ = _bench.Ask<Accepted>(_bench.Accept(3, Value(2, 1)));
        Assert.Equal(count, _bench.Journal.WriteCount);
        Promise promise = _bench.Ask<Promise>(_bench.Prepare(4));
        Assert.Equal(Value(2, 1), promise.Value);
        Assert.Equal(VoterBench.Ballot(3, "a"), promise.AcceptedBallot);
    }

    [Fact]
    public void R5WhatIsDurableOutlivesTheProcess()
    {
        _ = _bench.Ask<Accepted>(_bench.Accept(3, Value(2, 1)));
        _ = _bench.Voter.On(_bench.Prepare(8));
        _bench.Restart();
        Assert.Equal(VoterBench.Ballot(3, "a"), _bench.Voter.PromisedOf(VoterBench.Key));
        Assert.Equal(Value(2, 1), _bench.Voter.AcceptedOf(VoterBench.Key));
    }

    [Fact]
    public void L6ARestartedVoterIsMuteAndGrants()
    {
        _bench.Flush();
        _bench.Restart();
        Assert.True(_bench.Voter.IsMute);
        Assert.Null(_bench.Ask<Leased>(_bench.Prepare(3)).Holder);
        Assert.Null(_bench.Ask<Leased>(_bench.Accept(3, Value(2, 1))).Holder);
        Assert.Equal(LeaseVerdict.Granted, _bench.VerdictOf(_bench.Renew(1, 1)));
        _bench.NowNs += (VoterBench.Lease * 101 / 100) - 1;
        Assert.True(_bench.Voter.IsMute);
        _bench.NowNs++;
        _ = _bench.Ask<Promise>(_bench.Prepare(3));
    }

    [Fact]
    public void L6ALongerLeaseIsDurableBeforeItIsGranted()
    {
        _bench.Flush();
        _ = _bench.Voter.On(_bench.Renew(1, 1, leaseNs: 3 * VoterBench.Lease));
        Assert.Equal(LeaseVerdict.TooLong, _bench.Last<Granted>().Answers[0].Verdict);
        _bench.Flush();
        Assert.Equal(LeaseVerdict.Granted, _bench.VerdictOf(_bench.Renew(2, 1, leaseNs: 3 * VoterBench.Lease)));
        _bench.Restart();
        _bench.NowNs += 2 * VoterBench.Lease;
        Assert.True(_bench.Voter.IsMute);
        Assert.Equal(LeaseVerdict.TooLong, _bench.VerdictOf(_bench.Renew(3, 1, leaseNs: 61 * VoterBench.Lease)));
    }

    [Fact]
    public void L6WithTheBugTheLongerLeaseIsForgotten()
    {
        var bench = new VoterBench(BugSet.Of(Bug.LongerLeaseBeforeDurable));
        bench.Flush();
        _ = bench.Voter.On(bench.Renew(1, 1, leaseNs: 3 * VoterBench.Lease));
        Assert.Equal(LeaseVerdict.Granted, bench.Last<Granted>().Answers[0].Verdict);
        bench.Restart();
        bench.NowNs += 2 * VoterBench.Lease;
        Assert.False(bench.Voter.IsMute);
    }

    [Fact]
    public void CountAVoterThatIsToldOfMoreThanItHasStopsForGood()
    {
        _ = _bench.Ask<Promise>(_bench.Prepare(3));
        _ = _bench.Ask<Promise>(_bench.Prepare(4));
        long seen = _bench.Journal.WriteCount;
        _bench.Restart(putBack: 1);
        Assert.Equal(UnknownReason.PutBack, _bench.Ask<Unknown>(_bench.Prepare(9) with { Seen = seen }).Reason);
        Assert.Single(_bench.Told);
        Assert.Equal(UnknownReason.PutBack, _bench.Ask<Unknown>(_bench.Prepare(10)).Reason);
        _ = _bench.Ask<RenewUnknown>(_bench.Renew(1, 1));
        _bench.Restart();
        Assert.Equal(UnknownReason.PutBack, _bench.Ask<Unknown>(_bench.Prepare(11)).Reason);
    }

    [Fact]
    public void S7BeginsOnceAndNeverWritesOver()
    {
        Cell first = Value(1, 0);
        _ = _bench.Ask<Promise>(_bench.Prepare(3));
        _ = _bench.Ask<Begun>(Begin(first));
        _ = _bench.Ask<Begun>(Begin(first));
        Assert.Equal(first, _bench.Ask<BeginRefused>(Begin(first with { Id = VoterBench.Id(9) })).Held);
        Assert.Equal(VoterBench.Ballot(3, "a"), _bench.Voter.PromisedOf(VoterBench.Key));
        _ = _bench.Ask<Accepted>(_bench.Accept(3, Value(2, 1)));
        Assert.Equal(Value(2, 1), _bench.Ask<BeginRefused>(Begin(first)).Held);
    }

    [Fact]
    public void S7AFirstValueFitsItsVoter()
    {
        Assert.Null(_bench.Ask<BeginRefused>(Begin(VoterBench.ValueOf(1, 0, null, new VoterId("w", default)))).Held);
        Assert.Null(_bench.Ask<BeginRefused>(Begin(VoterBench.ValueOf(1, 0, "a", _bench.Me))).Held);
    }

    [Fact]
    public void ASnapshotGivesTheSameState()
    {
        _ = _bench.Ask<Accepted>(_bench.Accept(3, Value(2, 1)));
        _ = _bench.Ask<Promise>(_bench.Prepare(5));
        var folded = new VoterState();
        foreach (VoterRecord record in _bench.Voter.Snapshot())
        {
            folded.Apply(record);
        }

        Assert.Equal(_bench.Voter.Snapshot(), folded.ToRecords());
        Assert.Equal(VoterBench.Lease, folded.LongestLeaseNs);
    }

    private Begin Begin(RegisterValue value) => new("a", VoterBench.Key, _bench.Me, 0, value);

    private Cell Value(long version, long epoch) => VoterBench.ValueOf(version, epoch, null, _bench.Me);
}
