using ActorSan.Replication.Core;
using ActorSan.Replication.Core.Ports;
using ActorSan.Replication.Core.Register;
using ActorSan.Replication.Core.Values;
using Xunit;

namespace ActorSan.Tests.Replication.Register;

public sealed class ProposerTests : IProposerListener, IRoundClient, IJournalWatcher, IFoundingClient
{
    private static readonly VoterId A = new("a", VoterBench.Id(11));
    private static readonly VoterId B = new("b", VoterBench.Id(12));
    private static readonly VoterId C = new("c", VoterBench.Id(13));
    private static readonly VoterId D = new("d", VoterBench.Id(14));
    private static readonly VoterId E = new("e", VoterBench.Id(15));
    private readonly VoterBench _bench = new();
    private readonly JournalCounts _counts;
    private readonly Proposer _proposer;
    private readonly List<RegisterValue> _told = [];
    private readonly List<string> _putBack = [];
    private Func<RegisterValue, RegisterValue?> _change = current => current;
    private Round? _round;
    private RoundOutcome? _outcome;
    private FoundingOutcome? _founded;

    public ProposerTests()
    {
        _counts = new JournalCounts(this, BugSet.Nothing);
        _proposer = new Proposer("a", VoterBench.Id(7), null, _counts, _bench, _bench, _bench, this, new ProposerSettings(), BugSet.Nothing);
    }

    private Ballot Ballot => _round!.Ballot;

    [Fact]
    public void R3NothingKnownNothingAsked() => Assert.Equal(RoundStart.NothingKnown, _proposer.Start(VoterBench.Key, this));

    [Fact]
    public void R1OneRoundAtATimeAndNeverABallotTwice()
    {
        Begin(Value(1, A, B, C));
        Assert.Equal(RoundStart.Busy, _proposer.Start(VoterBench.Key, this));
        Ballot first = Asked<Prepare>()[0].Ballot;
        _bench.Advance(VoterBench.Lease);
        Assert.Equal(RoundEnd.TimedOutBeforeAccept, _outcome!.End);
        _ = _proposer.Start(VoterBench.Key, this);
        Assert.True(Asked<Prepare>()[^1].Ballot > first);
    }

    [Fact]
    public void R1TheNextBallotIsAboveWhatLowerSaid()
    {
        Begin(Value(1, A, B, C));
        Ballot ballot = Asked<Prepare>()[0].Ballot;
        Answer(new Lower(VoterBench.Key, A, 1, 0, ballot, VoterBench.Ballot(40, "z")));
        Answer(new Lower(VoterBench.Key, B, 1, 0, ballot, VoterBench.Ballot(30, "z")));
        Assert.Equal((RoundEnd.Refused, RoundRefusal.Lower), (_outcome!.End, _outcome.Refusal));
        _ = _proposer.Start(VoterBench.Key, this);
        Assert.Equal(41, Asked<Prepare>()[^1].Ballot.Counter);
    }

    [Fact]
    public void R2LeasedEndsARoundAndTellsTheHolder()
    {
        Begin(Value(1, A, B, C));
        Ballot ballot = Asked<Prepare>()[0].Ballot;
        Answer(new Leased(VoterBench.Key, A, 1, 0, ballot, new PrimaryId("b", default)));
        Assert.Null(_outcome);
        Answer(new Leased(VoterBench.Key, B, 1, 0, ballot, null));
        Assert.Equal((RoundRefusal.Leased, "b"), (_outcome!.Refusal, _outcome.Holder?.Node));
    }

    [Fact]
    public void P12AFencedVoterCountsAndIsNotAsked()
    {
        _proposer.Know(VoterBench.Key, Value(1, A, B));
        _change = _ => Value(2, A) with { OldVoters = [A, B] };
        _ = _proposer.Start(VoterBench.Key, this, fenced: B);
        Promise(A, default, Value(1, A, B));
        AcceptedBy(A);
        Assert.Equal(RoundEnd.Decided, _outcome!.End);
        Assert.All(_bench.Sent.Where(sent => sent.Message is RegisterRequest), sent => Assert.Equal("a", sent.Node));
    }

    [Fact]
    public void R2PromisesWithNoneNeedOneWithAValue()
    {
        Begin(Value(1, A, B, C));
        Promise(A, default, null);
        Promise(B, default, null);
        Assert.Null(_round);
        Promise(C, VoterBench.Ballot(0, ""), Value(1, A, B, C));
        Assert.NotNull(_round);
    }

    [Fact]
    public void R3TheHighestAcceptedBallotAndItsVotersAreFollowed()
    {
        Begin(Value(1, A, B, C));
        RegisterValue newer = Value(2, D, E) with { OldVoters = [A, B, C] };
        Promise(A, VoterBench.Ballot(0, ""), Value(1, A, B, C));
        Promise(B, VoterBench.Ballot(0, "b"), newer);
        Assert.Null(_round);
        Assert.Equal(5, Asked<Prepare>().Count);
        Promise(D, default, null);
        Assert.Null(_round);
        Promise(E, default, null);
        Assert.Equal(newer, _round!.Current);
    }

    [Fact]
    public void R5AMajorityOfOldAndNewIsNeededAndAllAreTold()
    {
        _change = current => current with { Version = 2, Voters = [D, E], OldVoters = current.Voters };
        Begin(Value(1, A, B, C));
        PromiseAll(Value(1, A, B, C), A, B);
        Assert.Equal(["a", "b", "c", "d", "e"], _bench.Sent.Where(sent => sent.Message is Accept).Select(sent => sent.Node).Order());
        AcceptedBy(A, B, D);
        Assert.Null(_outcome);
        AcceptedBy(E);
        Assert.Equal(RoundEnd.Decided, _outcome!.End);
        Assert.Equal(2, _proposer.LastDecided(VoterBench.Key)!.Version);
        Assert.Equal(["b", "c", "d", "e"], _bench.Sent.Where(sent => sent.Message is Learn).Select(sent => sent.Node).Order());
        Assert.Equal(2, _told.Count);
    }

    [Fact]
    public void R6NoDecisionInTimeIsUnknownAndLateAcceptancesChangeNothing()
    {
        _change = current => current with { Version = 2 };
        Begin(Value(1, A, B, C));
        PromiseAll(Value(1, A, B, C), A, B);
        AcceptedBy(A);
        _bench.Advance(VoterBench.Lease);
        Assert.Equal((RoundEnd.Unknown, 2), (_outcome!.End, _outcome.Value!.Version));
        AcceptedBy(B);
        Assert.Equal(1, _proposer.LastDecided(VoterBench.Key)!.Version);
    }

    [Fact]
    public void R6WhatIsRefusedByAMajorityIsUnknownAtOnce()
    {
        _change = current => current with { Version = 2 };
        Begin(Value(1, A, B, C));
        PromiseAll(Value(1, A, B, C), A, B);
        Answer(new Lower(VoterBench.Key, A, 1, 0, Ballot, VoterBench.Ballot(40, "z")));
        Answer(new Leased(VoterBench.Key, B, 1, 0, Ballot, null));
        Assert.Equal((RoundEnd.Unknown, RoundRefusal.Leased), (_outcome!.End, _outcome.Refusal));
    }

    [Fact]
    public void R4TheClientMayTakeItsTimeOrAbandon()
    {
        _change = _ => null;
        Begin(Value(1, A, B, C));
        PromiseAll(Value(1, A, B, C), A, B);
        _bench.Advance(10 * VoterBench.Lease);
        Assert.Null(_outcome);
        _round!.Abandon();
        Assert.Equal(RoundEnd.Abandoned, _outcome!.End);
        Assert.False(_round.Accept(Value(1, A, B, C)));
        Assert.False(_proposer.IsBusy(VoterBench.Key));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void R6WhatGoesOnFromOldPromisesForgetsWhoRefusedThemAndHurriesAtARefusalIfItMay(bool hurries)
    {
        _change = _ => null;
        Begin(Value(1, A, B, C));
        Ballot ballot = Asked<Prepare>()[^1].Ballot;
        Answer(new Leased(VoterBench.Key, C, 1, 0, ballot, new PrimaryId("c", Guid.NewGuid())));
        Promise(A, default, Value(1, A, B, C));
        Promise(B, default, null);
        _round!.GoOn(hurries);
        Assert.True(_round.Accept(Value(2, A, B, C)));
        Answer(new Leased(VoterBench.Key, B, 1, 0, ballot, null));
        _bench.Advance(new ProposerSettings().RefusedPatienceNs);
        Assert.Equal(hurries, _outcome is not null);
        _bench.Advance(new ProposerSettings().RoundTimeoutNs);
        Assert.Equal((RoundEnd.Unknown, RoundRefusal.Leased, null), (_outcome!.End, _outcome.Refusal, _outcome.Holder));
    }

    [Fact]
    public void AnOwnVersionIsOneMoreAndR8Holds()
    {
        _change = _ => null;
        Begin(Value(1, A, B, C));
        PromiseAll(Value(1, A, B, C), A, B);
        Assert.Throws<ActorSan.Storage.InvariantViolationException>(() => _round!.Accept(Value(3, A, B, C)));
        Assert.Throws<ActorSan.Storage.InvariantViolationException>(() => _round!.Accept(Value(2, D, E)));
    }

    [Fact]
    public void R5LearnIsKnownAndTwoOfOneVersionAreAContradiction()
    {
        _ = _proposer.On(new Learn("b", VoterBench.Key, Value(4, A, B, C)));
        _ = _proposer.On(new Learn("b", VoterBench.Key, Value(3, A, B, C)));
        Assert.Equal(4, _proposer.LastDecided(VoterBench.Key)!.Version);
        Assert.Single(_told);
        _ = _proposer.On(new Learn("b", VoterBench.Key, Value(4, A, B)));
        Assert.Equal(3, _told.Count);
    }

    [Fact]
    public void CountAPutBackVoterIsIgnoredAndToldOnce()
    {
        _ = _counts.Take(B, 20, 0);
        Begin(Value(1, A, B, C));
        Assert.Equal(20, Asked<Prepare>().Single(prepare => prepare.To == B).Seen);
        Ballot ballot = Asked<Prepare>()[0].Ballot;
        Answer(new Promise(VoterBench.Key, B, 19, 20, ballot, default, Value(1, A, B, C)));
        Answer(new Promise(VoterBench.Key, B, 40, 0, ballot, default, Value(1, A, B, C)));
        Assert.Single(_putBack);
        Promise(A, default, Value(1, A, B, C));
        Assert.Null(_round);
        Promise(C, default, null);
        Assert.NotNull(_round);
    }

    [Fact]
    public void CountALateReplyIsNoSignOfAnything()
    {
        _ = _counts.Take(B, 20, 0);
        Assert.True(_counts.Take(B, 10, 5));
        Assert.True(_counts.Take(new VoterId("b", VoterBench.Id(99)), 1, 20, B));
        Assert.Empty(_putBack);
    }

    [Fact]
    public void CountVotersThatShowLessThanIsDecidedAreStale()
    {
        Begin(Value(5, A, B, C));
        PromiseAll(Value(4, A, B, C), A, B);
        Assert.Equal((RoundEnd.Refused, RoundRefusal.Stale), (_outcome!.End, _outcome.Refusal));
    }

    [Fact]
    public void S7TheFounderNeedsAllVoters()
    {
        var founder = new Founder("a", _counts, _proposer, _bench, _bench, _bench, new ProposerSettings());
        RegisterValue first = Value(1, A, B);
        Assert.True(founder.Begin(VoterBench.Key, first, this));
        Assert.False(founder.Begin(VoterBench.Key, first, this));
        Assert.True(founder.On(new Begun(VoterBench.Key, A, 1, 0)));
        Assert.True(founder.On(new Begun(VoterBench.Key, A, 1, 0)));
        _bench.Advance(VoterBench.Lease);
        Assert.Equal(FoundingEnd.TimedOut, _founded!.End);
        Assert.True(founder.Begin(VoterBench.Key, first, this));
        Assert.True(founder.On(new Begun(VoterBench.Key, A, 1, 0)));
        Assert.True(founder.On(new Begun(VoterBench.Key, B, 1, 0)));
        Assert.Equal(FoundingEnd.Begun, _founded.End);
        Assert.Equal(first, _proposer.LastDecided(VoterBench.Key));
        Assert.True(founder.Begin(VoterBench.Key, first, this));
        Assert.True(founder.On(new BeginRefused(VoterBench.Key, B, 1, 0, Value(2, A, B))));
        Assert.Equal((FoundingEnd.Refused, B), (_founded.End, _founded.Voter));
    }

    [Fact]
    public void R8TheSecondStepOnlyFromADecidedFirst()
    {
        RegisterValue decided = Value(1, A, B, C);
        Assert.Equal(VoterStep.None, VoterChange.Next(decided, decided, [C, B, A], out _));
        Assert.Equal(VoterStep.First, VoterChange.Next(decided, decided, [C, D], out RegisterValue first));
        Assert.Equal(([C, D], [A, B, C]), (first.Voters, first.OldVoters));
        Assert.Equal(VoterStep.Settle, VoterChange.Next(first, decided, [C, D], out RegisterValue same));
        Assert.Same(first, same);
        Assert.Equal(VoterStep.Second, VoterChange.Next(first, first, [A], out RegisterValue second));
        Assert.Equal((3, [C, D], []), (second.Version, second.Voters, second.OldVoters));
    }

    [Fact]
    public void R1TheBackOffGrowsAndBeginsAnew()
    {
        var backOff = new BackOff(new Chance(1), 100, 1000);
        Assert.InRange(backOff.NextNs(), 50, 100);
        Assert.InRange(backOff.NextNs(), 100, 200);
        for (int i = 0; i < 100; i++)
        {
            Assert.InRange(backOff.NextNs(), 200, 1000);
        }

        backOff.Reset();
        Assert.InRange(backOff.NextNs(), 50, 100);
    }

    void IProposerListener.OnDecided(RegisterKey key, RegisterValue value) => _told.Add(value);

    void IProposerListener.OnContradiction(RegisterKey key, RegisterValue known, RegisterValue told) => _told.AddRange([known, told]);

    void IRoundClient.OnPromised(Round round, RegisterValue current)
    {
        _round = round;
        if (_change(current) is { } next)
        {
            _ = round.Accept(next);
        }
    }

    void IRoundClient.OnEnded(Round round, RoundOutcome outcome) => _outcome = outcome;

    void IJournalWatcher.OnPutBack(VoterId voter, long seen, long told) => _putBack.Add($"{voter} {seen} {told}");

    void IFoundingClient.OnEnded(RegisterKey key, FoundingOutcome outcome) => _founded = outcome;

    private static Cell Value(long version, params VoterId[] voters) => VoterBench.ValueOf(version, 0, null, voters);

    private void Begin(RegisterValue known)
    {
        _proposer.Know(VoterBench.Key, known);
        Assert.Equal(RoundStart.Started, _proposer.Start(VoterBench.Key, this));
    }

    private List<T> Asked<T>()
        where T : RegisterRequest => [.. _bench.Sent.Select(sent => sent.Message).OfType<T>()];

    private void Answer(ControlMessage message) => Assert.True(_proposer.On(message));

    private void Promise(VoterId voter, Ballot accepted, RegisterValue? value) => Answer(new Promise(VoterBench.Key, voter, 1, 0, Asked<Prepare>()[^1].Ballot, accepted, value));

    private void PromiseAll(RegisterValue value, params VoterId[] voters) => Array.ForEach(voters, voter => Promise(voter, default, value));

    private void AcceptedBy(params VoterId[] voters) => Array.ForEach(voters, voter => Answer(new Accepted(VoterBench.Key, voter, 1, 0, Ballot)));
}
