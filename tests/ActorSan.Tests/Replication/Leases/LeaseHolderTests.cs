using ActorSan.Replication.Core;
using ActorSan.Replication.Core.Leases;
using ActorSan.Replication.Core.Ports;
using ActorSan.Replication.Core.Register;
using ActorSan.Replication.Core.Values;
using ActorSan.Tests.Replication.Register;
using Xunit;

namespace ActorSan.Tests.Replication.Leases;

/// <summary>L1 to L5 at the holder.</summary>
public sealed class LeaseHolderTests : ILeaseListener
{
    private const long RenewNs = 250_000_000;
    private const long Counted = 990_000_000;
    private static readonly VoterId A = new("a", VoterBench.Id(11));
    private static readonly VoterId B = new("b", VoterBench.Id(12));
    private static readonly VoterId C = new("c", VoterBench.Id(13));
    private static readonly VoterId D = new("d", VoterBench.Id(14));
    private static readonly RegisterKey Other = new("volume/2", default);
    private readonly VoterBench _bench = new();
    private readonly LeaseCell _cell = new();
    private readonly List<string> _told = [];
    private readonly LeaseHolder _holder;

    public LeaseHolderTests() => _holder = HolderWith(BugSet.Nothing);

    [Fact]
    public void L1OneMessagePerVoterForAllVolumes()
    {
        Start(VoterBench.Key, 4, [A, B, C]);
        Start(Other, 9, [B, D]);
        _bench.Advance(0);
        Assert.Equal(4, Renewals().Count);
        Assert.Equal([new LeaseRequest(VoterBench.Key, 4), new LeaseRequest(Other, 9)], Renewals().Single(renew => renew.To == B).Leases);
        _bench.Sent.Clear();
        _bench.Advance(RenewNs - 1);
        Assert.Empty(_bench.Sent);
        _bench.Advance(1);
        Assert.Equal(4, Renewals().Count);
        Assert.Equal(2, Renewals()[0].Rid);
    }

    [Fact]
    public void L3CountsFromTheSendingAndTheMajority()
    {
        Start(VoterBench.Key, 4, [A, B, C]);
        long sentNs = _bench.NowNs;
        _bench.Advance(0);
        _bench.NowNs += 100_000_000;
        Grant(A, 1);
        Assert.Equal(0, _cell.DeadlineOf(4));
        Grant(B, 1);
        Assert.Equal(sentNs + Counted, _cell.DeadlineOf(4));
        Assert.Equal(["held 4"], _told);
        Assert.Equal(0, _cell.DeadlineOf(3));
        _bench.NowNs = sentNs + Counted;
        Assert.False(_holder.Holds(VoterBench.Key));
    }

    [Fact]
    public void L3TheSecondLatestOfThreeCounts()
    {
        Start(VoterBench.Key, 4, [A, B, C]);
        long sentNs = _bench.NowNs;
        _bench.Advance(2 * RenewNs);
        Grant(A, 3);
        Grant(B, 2);
        Grant(C, 1);
        Assert.Equal(sentNs + RenewNs + Counted, _cell.DeadlineOf(4));
        Grant(B, 1);
        Assert.Equal(sentNs + RenewNs + Counted, _cell.DeadlineOf(4));
    }

    [Fact]
    public void L3BothVoterSetsWhileTheyChange()
    {
        Start(VoterBench.Key, 4, [A, B, C]);
        _bench.Advance(0);
        Grant(A, 1);
        Grant(B, 1);
        _holder.SetVoters(VoterBench.Key, [[D], [A, B, C]]);
        Assert.Equal(0, _cell.DeadlineOf(4));
        _bench.Advance(0);
        Grant(D, 2);
        Assert.True(_holder.Holds(VoterBench.Key));
        _holder.SetVoters(VoterBench.Key, [[D]]);
        Assert.True(_holder.Holds(VoterBench.Key));
    }

    [Fact]
    public void W3TheLeaseGoesOnOverARaise()
    {
        Start(VoterBench.Key, 4, [A]);
        _bench.Advance(0);
        Grant(A, 1);
        long deadlineNs = _cell.DeadlineOf(4);
        _holder.Raise(VoterBench.Key, 6);
        Assert.Equal((0, deadlineNs), (_cell.DeadlineOf(4), _cell.DeadlineOf(6)));
    }

    [Fact]
    public void R4AfterAHandoverNothingCountsUntilANewEpoch()
    {
        Start(VoterBench.Key, 4, [A]);
        _bench.Advance(0);
        Grant(A, 1);
        _bench.Advance(RenewNs);
        _holder.HandOver(VoterBench.Key);
        Assert.Equal(0, _cell.DeadlineOf(4));
        _bench.Sent.Clear();
        Grant(A, 2);
        _bench.Advance(2 * RenewNs);
        Assert.Equal(0, _cell.DeadlineOf(4));
        Assert.Empty(_bench.Sent);
        Start(VoterBench.Key, 5, [A]);
        Grant(A, 2);
        Assert.Equal(0, _cell.DeadlineOf(5));
        _bench.Advance(0);
        Grant(A, Renewals()[^1].Rid, 5);
        Assert.True(_cell.DeadlineOf(5) > _bench.NowNs);
    }

    [Fact]
    public void L4ALapseIsNoDemotion()
    {
        Start(VoterBench.Key, 4, [A]);
        _bench.Advance(0);
        Grant(A, 1);
        _bench.NowNs += 5 * VoterBench.Lease;
        Assert.False(_holder.Holds(VoterBench.Key));

        // It was frozen: it has not renewed in vain, and does not give up.
        _bench.Sent.Clear();
        _bench.Advance(0);
        Assert.Equal(["held 4"], _told);
        Grant(A, 2);
        Assert.True(_holder.Holds(VoterBench.Key));
    }

    [Fact]
    public void L5GivesUpAfterALeaseInVainAndStaysQuiet()
    {
        Start(VoterBench.Key, 4, [A, B]);
        _bench.Advance(VoterBench.Lease - 1);
        Grant(A, 1);
        Assert.Empty(_told);
        _bench.Advance(1);
        Assert.Equal("gave up 4", Assert.Single(_told));
        Release[] releases = [.. _bench.Sent.Select(sent => sent.Message).OfType<Release>()];
        Assert.Equal([A, B], releases.Select(release => release.To));
        Assert.All(releases, release => Assert.Equal(Renewals().Max(renew => renew.Rid), release.Rid));
        Assert.True(_holder.IsQuiet(VoterBench.Key));
        _bench.Sent.Clear();

        // What was granted before the Release counts no more.
        Grant(A, 4);
        Grant(B, 4);
        Assert.Equal(0, _cell.DeadlineOf(4));
        _bench.Advance(VoterBench.Lease - 1);
        Assert.Empty(_bench.Sent);
        _bench.Advance((2 * VoterBench.Lease) + RenewNs);
        Assert.NotEmpty(Renewals());
    }

    [Fact]
    public void L5TheOnlyMemberGoesOn()
    {
        _holder.Start(VoterBench.Key, 4, [[A, B]], otherMember: false, _cell);
        _bench.Advance(VoterBench.Lease);
        Assert.Equal("gave up 4", Assert.Single(_told));
        Assert.False(_holder.IsQuiet(VoterBench.Key));
        Assert.Equal(5, Renewals()[^1].Rid);
    }

    [Fact]
    public void L5AHungEngineIsNotRenewed()
    {
        Start(VoterBench.Key, 4, [A]);
        _bench.Advance(0);
        Grant(A, 1);
        _holder.SetRenewing(VoterBench.Key, false);
        _bench.Sent.Clear();
        _bench.Advance(VoterBench.Lease / 2);
        Assert.Empty(_bench.Sent);
        Assert.True(_holder.Holds(VoterBench.Key));
        _bench.Advance(VoterBench.Lease * 3);
        Assert.False(_holder.Holds(VoterBench.Key));
        Assert.Equal(["held 4"], _told);
    }

    [Fact]
    public void P8StopReleasesWhatWasGranted()
    {
        Start(VoterBench.Key, 4, [A]);
        _bench.Advance(0);
        Grant(A, 1);
        _bench.Sent.Clear();
        _holder.Stop(VoterBench.Key, release: true);
        Assert.Equal(0, _cell.DeadlineOf(4));
        Assert.Equal(1, Assert.IsType<Release>(Assert.Single(_bench.Sent).Message).Rid);
        Grant(A, 1);
        Assert.Equal(0, _cell.DeadlineOf(4));
    }

    [Fact]
    public void AHigherEpochIsTold()
    {
        Start(VoterBench.Key, 4, [A]);
        _bench.Advance(0);
        Assert.True(_holder.On(new Granted(A, 1, 0, VoterBench.Id(7), 1, [new LeaseAnswer(VoterBench.Key, 4, LeaseVerdict.HigherEpoch, 6)])));
        Assert.Equal(["higher 6"], _told);
    }

    [Fact]
    public void AnAnswerToAnotherProcessCountsForNothing()
    {
        Start(VoterBench.Key, 4, [A]);
        _bench.Advance(0);
        Assert.True(_holder.On(new Granted(A, 1, 0, VoterBench.Id(8), 1, [new LeaseAnswer(VoterBench.Key, 4, LeaseVerdict.Granted, 0)])));
        Grant(A, 77);
        Grant(new VoterId("a", default), 1);
        Assert.Equal(0, _cell.DeadlineOf(4));
    }

    [Fact]
    public void S8AnotherJournalThanTheOneThatWasAskedIsTold()
    {
        Start(VoterBench.Key, 4, [A]);
        _bench.Advance(0);
        var other = new VoterId("a", VoterBench.Id(99));
        Assert.True(_holder.On(new RenewUnknown(other, 0, 0, VoterBench.Id(8), 1, A)));
        Assert.True(_holder.On(new RenewUnknown(A, 0, 0, VoterBench.Id(7), 1, A)));
        Assert.Empty(_told);
        Assert.True(_holder.On(new RenewUnknown(other, 0, 0, VoterBench.Id(7), 1, A)));
        Assert.Equal([$"{other} instead of {A}"], _told);
    }

    void ILeaseListener.OnHeld(RegisterKey key, long epoch) => _told.Add($"held {epoch}");

    void ILeaseListener.OnGaveUp(RegisterKey key, long epoch, long quietUntilNs) => _told.Add($"gave up {epoch}");

    void ILeaseListener.OnHigherEpoch(RegisterKey key, long epoch, long higherEpoch) => _told.Add($"higher {higherEpoch}");

    void ILeaseListener.OnOtherIncarnation(VoterId asked, VoterId told) => _told.Add($"{told} instead of {asked}");

    private LeaseHolder HolderWith(BugSet bugs)
        => new("a", VoterBench.Id(7), new JournalCounts(null, bugs), _bench, _bench, _bench, new Chance(3), this, new LeaseSettings(), bugs);

    private void Start(RegisterKey key, long epoch, ValueList<VoterId> voters) => _holder.Start(key, epoch, [voters], otherMember: true, _cell);

    private List<Renew> Renewals() => [.. _bench.Sent.Select(sent => sent.Message).OfType<Renew>()];

    private void Grant(VoterId voter, long rid, long epoch = 4)
        => Assert.True(_holder.On(new Granted(voter, 1, 0, VoterBench.Id(7), rid, [new LeaseAnswer(VoterBench.Key, epoch, LeaseVerdict.Granted, 0)])));
}
