using ActorSan.Replication.Core.Ports;
using ActorSan.Replication.Core.Values;
using ActorSan.Storage;

namespace ActorSan.Replication.Core.Register;

/// <summary>One round of a proposer: R2 to R6.</summary>
public sealed class Round
{
    private readonly Proposer _proposer;
    private readonly IRoundClient _client;
    private readonly VoterId? _fenced;
    private readonly BugSet _bugs;
    private readonly List<Target> _targets = [];
    private readonly RegisterValue _base;
    private readonly RoundTimer _timer;
    private long _askedNs;
    private bool _isAwaited;
    private bool _hurriesOn;
    private bool _hurries = true;
    private bool _isHurried;
    private Phase _phase = Phase.Preparing;
    private RegisterValue? _highest;
    private Ballot _highestBallot;
    private RegisterValue? _next;
    private RoundRefusal _refusal;
    private PrimaryId? _holder;
    private UnknownReason _unknownReason;

    internal Round(Proposer proposer, RegisterKey key, Ballot ballot, RegisterValue known, IRoundClient client, VoterId? fenced, bool isAwaited, BugSet bugs)
    {
        (_proposer, Key, Ballot, _base, _client, _fenced, _isAwaited, _bugs) = (proposer, key, ballot, known, client, fenced, isAwaited, bugs);
        _timer = new RoundTimer(this);
    }

    private enum Phase
    {
        Preparing,
        Held,
        Accepting,
        Ended,
    }

    public RegisterKey Key { get; }

    public Ballot Ballot { get; }

    /// <summary>u, once promised.</summary>
    public RegisterValue? Current => _phase == Phase.Preparing ? null : _highest;

    /// <summary>Proposes n: u itself (that is how one reads), or a value with the next version. False: the round is over.</summary>
    public bool Accept(RegisterValue next)
    {
        if (_phase == Phase.Ended)
        {
            return false;
        }

        Invariant.Check(_phase == Phase.Held);
        RegisterValue current = _highest!;
        if (!ReferenceEquals(next, current) && next != current)
        {
            Invariant.Check(next.Version == current.Version + 1);
            Invariant.Check(VoterChange.IsAllowed(current, _proposer.LastDecided(Key), next) || _bugs.Has(Bug.SecondStepOnUndecidedFirst) || _bugs.Has(Bug.VotersInOneStep));
        }

        _next = next;
        _phase = Phase.Accepting;
        (_hurries, _isHurried) = (_hurriesOn, false);
        _askedNs = _proposer.NowNs;
        foreach (Target target in _targets)
        {
            target.IsRefused = target.Voter != _fenced && _proposer.Counts.IsIgnored(target.Voter);
        }

        AddVotersOf(current, prepare: false);
        AddVotersOf(next, prepare: false);
        _proposer.SetTimer(_timer);
        foreach (Target target in _targets)
        {
            if (!target.IsRefused && target.Voter != _fenced && (IsVoterOf(current, target.Voter) || IsVoterOf(next, target.Voter)))
            {
                _proposer.Send(target.Voter.Node, new Accept(_proposer.Node, Key, target.Voter, _proposer.Counts.SeenOf(target.Voter), Ballot, next));
            }
        }

        return true;
    }

    /// <summary>The promises were asked for before anything was wanted: what refused then says nothing about what follows.</summary>
    /// <param name="hurries">The promises are old: one that refuses ends the wait for the others' acceptances as it ends that for promises.</param>
    internal void GoOn(bool hurries)
    {
        Invariant.Check(_phase == Phase.Held);
        (_refusal, _holder, _unknownReason) = (RoundRefusal.None, null, UnknownReason.None);
        (_hurriesOn, _isAwaited) = (hurries, true);
    }

    /// <summary>R4: nothing to do, or not allowed. Nothing was learnt. Without effect on a round that is over.</summary>
    public void Abandon()
    {
        if (_phase != Phase.Ended)
        {
            Invariant.Check(_phase == Phase.Held);
            End(RoundEnd.Abandoned, null);
        }
    }

    internal void Begin()
    {
        _askedNs = _proposer.NowNs;
        _proposer.SetTimer(_timer);
        AddVotersOf(_base, prepare: true);
    }

    internal void On(RegisterReply reply)
    {
        if (reply.Ballot != Ballot || _phase == Phase.Ended)
        {
            return;
        }

        // A voter whose journal was put back is ignored, whatever it says (§2).
        VoterId asked = reply is Unknown { Asked: var meant } ? meant : reply.Voter;
        bool isTrusted = _proposer.Counts.Take(reply.Voter, reply.WriteCount, reply.Seen, asked);
        Target? target = _targets.Find(candidate => candidate.Voter == asked);
        if (target is null)
        {
            return;
        }

        switch (reply)
        {
            case Promise promise when isTrusted:
                OnPromise(target, promise);
                break;
            case Accepted when isTrusted:
                target.HasAccepted = true;
                break;
            case Lower lower when isTrusted:
                // A Prepare that came twice is answered so, too.
                if (lower.Promised <= Ballot)
                {
                    return;
                }

                Refuse(target, RoundRefusal.Lower);
                break;
            case Leased leased when isTrusted:
                _holder ??= leased.Holder;
                Refuse(target, RoundRefusal.Leased);
                break;
            case Unknown unknown:
                _unknownReason = unknown.Reason;
                Refuse(target, RoundRefusal.Unknown);
                break;
            default:
                _unknownReason = isTrusted ? _unknownReason : UnknownReason.PutBack;
                Refuse(target, isTrusted ? RoundRefusal.None : RoundRefusal.Unknown);
                break;
        }

        Judge();
    }

    private void OnPromise(Target target, Promise promise)
    {
        target.HasPromised = true;
        if (_phase != Phase.Preparing || promise.Value is null)
        {
            return;
        }

        bool isOther = _bugs.Has(Bug.OwnValueInsteadOfHighest) && _highest is not null;
        if (!isOther && (_highest is null || promise.AcceptedBallot > _highestBallot))
        {
            _highest = _bugs.Has(Bug.OwnValueInsteadOfHighest) ? _base : promise.Value;
            _highestBallot = promise.AcceptedBallot;

            // R3: u names other voters: ask these too, same ballot.
            AddVotersOf(promise.Value, prepare: true);
        }
    }

    private void Refuse(Target target, RoundRefusal refusal)
    {
        target.IsRefused = true;
        if (_hurries && _phase != Phase.Held && refusal is RoundRefusal.Leased or RoundRefusal.Lower && !_isHurried)
        {
            _isHurried = true;
            _proposer.HurryTimer(Key, _timer, _askedNs, refusal == RoundRefusal.Lower);
        }

        if (_refusal == RoundRefusal.None || refusal < _refusal)
        {
            _refusal = refusal == RoundRefusal.None ? _refusal : refusal;
        }
    }

    private void Judge()
    {
        if (_phase == Phase.Preparing)
        {
            JudgePromises();
        }
        else if (_phase == Phase.Accepting)
        {
            JudgeAcceptances();
        }
    }

    private void JudgePromises()
    {
        if (_highest is { } current && IsReached(_base, HasPromised) && IsReached(current, HasPromised))
        {
            if (current.Version < _base.Version && !_bugs.Has(Bug.OwnValueInsteadOfHighest))
            {
                _refusal = RoundRefusal.Stale;
                End(RoundEnd.Refused, null);
                return;
            }

            _phase = Phase.Held;
            _proposer.CancelTimer(_timer);
            _client.OnPromised(this, current);
        }
        else if (!Majority.IsPossible(_base, IsRefused) || _targets.TrueForAll(target => target.HasPromised || target.IsRefused))
        {
            // While one has not answered, a newer u may turn up that needs none of those that refused.
            End(RoundEnd.Refused, null);
        }
    }

    private void JudgeAcceptances()
    {
        (RegisterValue current, RegisterValue next) = (_highest!, _next!);

        // R5. While R8 is kept, either majority alone would do: a first step reaches the old voters by n, a second is built on a decided first. Both are asked for all the same.
        if (IsReached(current, HasAccepted) && IsReached(next, HasAccepted))
        {
            _proposer.OnOwnDecision(Key, current, next);
            _proposer.NoteDecided(Key);
            End(RoundEnd.Decided, next);
        }
        else if (!Majority.IsPossible(current, IsRefused) || !Majority.IsPossible(next, IsRefused))
        {
            // Some may have accepted all the same, and a later round may complete it (R6).
            End(RoundEnd.Unknown, next);
        }
    }

    private void OnTimeout()
    {
        if (_phase is Phase.Preparing or Phase.Accepting)
        {
            if (_isHurried && _isAwaited)
            {
                _proposer.NoteHurried(Key);
            }

            End(_phase == Phase.Preparing ? RoundEnd.TimedOutBeforeAccept : RoundEnd.Unknown, _next);
        }
    }

    private void End(RoundEnd end, RegisterValue? value)
    {
        _phase = Phase.Ended;
        _proposer.CancelTimer(_timer);
        _proposer.Remove(this);
        _client.OnEnded(this, new RoundOutcome(end, value, _refusal, _holder, _unknownReason));
    }

    private void AddVotersOf(RegisterValue value, bool prepare)
    {
        Add(value.Voters, prepare);
        Add(value.OldVoters, prepare);
    }

    private void Add(ValueList<VoterId> voters, bool prepare)
    {
        foreach (VoterId voter in voters)
        {
            if (_targets.Exists(known => known.Voter == voter))
            {
                continue;
            }

            var target = new Target(voter) { IsRefused = _proposer.Counts.IsIgnored(voter) };
            _targets.Add(target);
            if (voter == _fenced)
            {
                // P12: it has no say any more, and what it held is not missed: nothing was decided without this node's own voter.
                (target.IsRefused, target.HasPromised, target.HasAccepted) = (false, true, true);
                continue;
            }

            if (prepare && !target.IsRefused)
            {
                _proposer.Send(voter.Node, new Prepare(_proposer.Node, Key, voter, _proposer.Counts.SeenOf(voter), Ballot));
            }
        }
    }

    private bool IsReached(RegisterValue value, Predicate<VoterId> has)
        => _bugs.Has(Bug.OldVotersIgnored) ? Majority.IsReached(value.Voters, has) : Majority.IsReached(value, has);

    private static bool IsVoterOf(RegisterValue value, VoterId voter) => value.Voters.Contains(voter) || value.OldVoters.Contains(voter);

    private bool HasPromised(VoterId voter) => _targets.Exists(target => target.Voter == voter && target.HasPromised);

    private bool HasAccepted(VoterId voter) => _targets.Exists(target => target.Voter == voter && target.HasAccepted);

    private bool IsRefused(VoterId voter) => _targets.Exists(target => target.Voter == voter && target.IsRefused);

    private sealed class Target(VoterId voter)
    {
        public readonly VoterId Voter = voter;
        public bool HasPromised;
        public bool HasAccepted;
        public bool IsRefused;
    }

    private sealed class RoundTimer(Round round) : CoreTimer
    {
        public override void OnFired() => round.OnTimeout();
    }
}
