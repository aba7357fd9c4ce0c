using ActorSan.Replication.Core.Engine;
using ActorSan.Replication.Core.Leases;
using ActorSan.Replication.Core.Ports;
using ActorSan.Replication.Core.Register;
using ActorSan.Replication.Core.Values;
using ActorSan.Storage;

namespace ActorSan.Replication.Core.Control;

/// <summary>What this node is for the volume, as its control side sees it.</summary>
public enum VolumeRole : byte
{
    Secondary,

    /// <summary>P2 to P4 or P8: decided, the lease not held yet.</summary>
    Leasing,

    /// <summary>P5.</summary>
    Reconciling,
    Serving,

    /// <summary>P8.</summary>
    HandingOver,
}

public interface IEngineCommands
{
    void Execute(EngineCommand command);
}

/// <summary>
/// The decisions of one volume on one node: promote, demote, drop, admit, raise, hand over (W7, R7, P1 to P10). What is wanted is looked at again at every event and every tick;
/// one change of the register at a time, each tested against the value that it meets (R4). The bytes are the engine's.
/// </summary>
public sealed partial class VolumeControl
{
    private readonly Founder _founder;
    private readonly string _node;
    private readonly Guid _instance;
    private readonly ControlOptions _options;
    private readonly Proposer _proposer;
    private readonly Voter? _voter;
    private readonly LeaseHolder _leases;
    private readonly IEngineCommands _engine;
    private readonly IControlNetwork _network;
    private readonly IClock _clock;
    private readonly ITimers _timers;
    private readonly IChance _chance;
    private readonly LeaseCell _cell;
    private readonly BugSet _bugs;
    private readonly BackOff _backOff;
    private readonly ControlTimer _tick;
    private readonly List<string> _toDrop = [];
    private readonly List<PeerReady> _toAdmit = [];
    private readonly List<PeerRefused> _renamed = [];
    private readonly List<string> _undecidedAdmissions = [];
    private readonly List<string> _unreachable = [];
    private readonly Intent.MarkTable _marks = new();
    private RegisterKey _key;
    private SelfState? _self;
    private ControlRound? _round;
    private long _notBeforeNs;
    private long _roleSinceNs;

    // A raise may come between any two messages: what belongs to a promotion is known by its reign.
    private long _reign;
    private long _raiseAbove;
    private long _readAbove;
    private bool _storeFailed;
    private bool _membersHold;
    private bool _roundOver;
    private bool _stopped;
    private bool _suspended;
    private long _undecidedSinceNs;
    private long _turnedNs;
    private bool _renews = true;
    private long _lookedNs;
    private long _oldestIoNs = long.MaxValue;

    /// <param name="cell">Where the lease's end is published for the engine (L4).</param>
    /// <param name="bugs">Empty, but in the simulator.</param>
    public VolumeControl(
        RegisterKey key,
        string node,
        Guid instance,
        ControlOptions options,
        Proposer proposer,
        Voter? voter,
        LeaseHolder leases,
        IEngineCommands engine,
        IControlNetwork network,
        IClock clock,
        ITimers timers,
        IChance chance,
        LeaseCell cell,
        BugSet bugs,
        Founder founder)
    {
        (_founder, _key, _node, _instance, _options, _proposer, _voter, _leases) = (founder, key, node, instance, options, proposer, voter, leases);
        (_engine, _network, _clock, _timers, _chance, _cell, _bugs) = (engine, network, clock, timers, chance, cell, bugs);
        _backOff = new BackOff(chance, options.BackOffFirstNs, options.BackOffLongestNs);
        _aheadBackOff = new BackOff(chance, options.PromiseAfterNs, options.PromiseBackOffLongestNs);
        _tick = new ControlTimer(this);
    }

    public VolumeRole Role { get; private set; }

    /// <summary>Of this node's primary role; 0: none.</summary>
    public long Epoch { get; private set; }

    /// <summary>The newest that is known to be decided; null: nothing is known yet.</summary>
    public Configuration? Known => _proposer.LastDecided(_key) as Configuration;

    /// <summary>The register of the lineage that this node's replica belongs to (P11).</summary>
    public RegisterKey Key => _key;

    internal long NowNs => _clock.NowNs;

    internal long FenceWaitNs => _options.LeaseWaitNs;

    private PrimaryId Me => new(_node, _instance);

    private bool IsPrimary => Role is VolumeRole.Reconciling or VolumeRole.Serving or VolumeRole.HandingOver;

    public void Start()
    {
        _roleSinceNs = _clock.NowNs;
        _turnedNs = _clock.NowNs;
        _noHolderSinceNs = _clock.NowNs;
        _timers.Set(_tick, _clock.NowNs);
    }

    /// <summary>Nothing is proposed or renewed any more. An orderly stop hands over first.</summary>
    public void Stop()
    {
        _stopped = true;
        LetAheadGo();
        _timers.Cancel(_tick);
        _leases.Stop(_key, release: true);
    }

    /// <summary>Membership says when to act (§2, Volume); it may be wrong or late.</summary>
    public void OnUnreachable(string node, bool unreachable)
    {
        _ = _unreachable.Remove(node);
        if (unreachable)
        {
            _unreachable.Add(node);
        }

        Consider();
    }

    /// <summary>From the proposer's listener, for this key.</summary>
    public void OnDecided(RegisterValue value)
    {
        var configuration = (Configuration)value;
        _decidedNs = _clock.NowNs;
        LetAheadGo();
        NoteFenceOver();
        _marks.Hear(configuration);
        _marks.Forget(configuration);
        if (Role != VolumeRole.Secondary && configuration.Epoch > Epoch)
        {
            if (configuration.Primary == Me && IsPrimary && configuration.Reign <= Epoch)
            {
                // W3: a raise. The lease goes on.
                Epoch = configuration.Epoch;
                _lastEpoch = configuration.Epoch;
                _raiseAbove = 0;
                _leases.Raise(_key, Epoch);
            }
            else if (configuration.Primary != Me || Role is not VolumeRole.Leasing)
            {
                // P8: what was handed over was complete.
                bool exact = Role == VolumeRole.HandingOver && configuration.Primary?.Node == _handOverTo;
                BecomeSecondary(exact, release: exact);
            }
        }

        if (Role != VolumeRole.Secondary)
        {
            UpdateLease(configuration);
        }

        _ = _toDrop.RemoveAll(node => configuration.MemberOf(node) is null);
        _ = _toAdmit.RemoveAll(ready => configuration.MemberOf(ready.Node) is not null);
        _ = _renamed.RemoveAll(refused => configuration.ReplicaOf(refused.Node)?.Incarnation == refused.Incarnation);
        _engine.Execute(new NoteDecided(configuration));
        Consider();
    }

    public void OnHeld(long epoch)
    {
        if (Role == VolumeRole.Leasing && epoch == Epoch && Known is { } known && known.Epoch == epoch && known.Primary == Me)
        {
            Change(VolumeRole.Reconciling);
            _roundOver = false;
            _engine.Execute(new BecomePrimary(known));
        }
        else
        {
            _engine.Execute(new LeaseRenewed());
        }

        Consider();
    }

    /// <summary>L1: a reason to read.</summary>
    public void OnHigherEpoch(long higher)
    {
        _readAbove = Math.Max(_readAbove, higher);
        Consider();
    }

    public void OnMessage(ControlMessage message)
    {
        if (message is MemberQuery { Key: var queried } && queried != _key)
        {
            // P11: what this node is in another lineage says nothing in that one.
            return;
        }

        switch (message)
        {
            case MemberQuery query:
                OnMemberQuery(query);
                break;
            case MemberReply reply when reply.Key == _key:
                OnMemberReply(reply);
                break;
            case HandOver hand when hand.Key == _key:
                OnHandedOver(hand.Configuration);
                break;
            case GrowWish wish when wish.Key == _key && Role == VolumeRole.Serving:
                _ = RequestGrow(wish.SizeBytes);
                break;
            case Together together when together.Key == _key:
                OnTogether(together);
                break;
            case HandOverWish wish when wish.Key == _key:
                RequestHandOver(wish.To);
                break;
            case ChangeWish wish:
                OnWish(wish);
                break;
            case ChangeAnswer answer:
                OnChangeAnswer(answer);
                break;
            case VoterReply reply:
                OnVoterReply(reply);
                Consider();
                break;
            default:
                break;
        }
    }

    public void OnEngine(EngineEvent happened)
    {
        switch (happened)
        {
            case SelfState self:
                OnLineageOf(self);
                _self = self;
                _storeFailed = self.IsFailed;
                _marks.Hear(self.Self.Incarnation, self.Mark);
                break;
            case EngineTurns turns:
                _turnedNs = _clock.NowNs;
                _oldestIoNs = turns.OldestIoNs;
                break;
            case SelfFenced fenced:
                _round?.OnFenced(fenced);
                break;
            case MarksHeard heard:
                _marks.Hear(heard.Marks);
                break;
            case ConfigurationHeard heard:
                _proposer.Know(KeyOf(heard.Configuration), heard.Configuration);
                break;
            case HigherEpochHeard higher when Role != VolumeRole.Secondary && higher.Epoch > Epoch:
                // P7: only who was decided attaches, and who has seen a higher epoch than his own can't begin with it.
                BecomeSecondary(exact: false, release: true);
                break;
            case SelfIsOldCopy when IsPrimary:
                // P5: before anybody is dropped; the other one has more.
                BecomeSecondary(exact: false, release: true);
                break;
            case StoreFailed:
                _storeFailed = true;
                OnStoreFailed();
                OnForceFailed();
                break;
            case MembersHold hold when IsPrimary && hold.Reign == _reign:
                _membersHold = true;
                break;
            case AttachRoundOver over when IsPrimary && over.Reign == _reign:
                _roundOver = true;
                foreach (string loser in over.Losers)
                {
                    WishDrop(loser);
                }

                break;
            case CannotServe cannot when Role is VolumeRole.Leasing or VolumeRole.Reconciling && cannot.Reign == _reign:
                BecomeSecondary(exact: false, release: true);
                break;
            case Reconciled reconciled when Role == VolumeRole.Reconciling && reconciled.Reign == _reign:
                Change(VolumeRole.Serving);
                break;
            case PeerLate late when IsPrimary:
                WishDrop(late.Node);
                break;
            case PeerBroken broken when IsPrimary:
                WishDrop(broken.Node);
                break;
            case PeerRefused refused when IsPrimary:
                OnPeerRefused(refused);
                break;
            case PeerReady ready when IsPrimary:
                _ = _toAdmit.RemoveAll(other => other.Node == ready.Node);
                _toAdmit.Add(ready);
                break;
            case PeerAttached attached:
                _ = _attached.RemoveAll(other => other.Node == attached.Node);
                _attached.Add(attached);
                break;
            case PeerCaughtUp caughtUp when IsPrimary:
                OnCaughtUp(caughtUp);
                break;
            case GrowReady ready when IsPrimary:
                OnGrowReady(ready);
                break;
            case GrowRefused refused when IsPrimary:
                OnGrowRefused(refused);
                break;
            case Drained drained:
                OnDrained(drained);
                break;
            case PeerFenced fenced:
                OnPeerFenced(fenced);
                break;
            default:
                OnLineageEvent(happened);
                break;
        }

        Consider();
    }

    /// <summary>Looks what is wanted most, and begins a round for it.</summary>
    internal void Consider()
    {
        if (_stopped || StandsStill || _round is not null || Known is not { } known || known.Deleted)
        {
            return;
        }

        if (_ahead is not null && !_leases.Holds(_key))
        {
            // Another node may be about to change the register: asking tells of it, proposing would leave an unknown outcome.
            LetAheadGo();
        }

        long now = _clock.NowNs;
        if (IsPrimary && _roundOver && Role == VolumeRole.Reconciling && !_toDrop.Exists(node => known.MemberOf(node) is not null))
        {
            _roundOver = false;
            _engine.Execute(new Reconcile(_reign));
        }

        if (now < _notBeforeNs || _leases.IsQuiet(_key) || (_ahead is null && _proposer.IsBusy(_key)))
        {
            return;
        }

        ControlRound? round = Role switch
        {
            VolumeRole.Secondary => (ControlRound?)NextByFence(known) ?? NextAsSecondary(known, now),
            VolumeRole.Leasing => null,
            VolumeRole.HandingOver => NextOfHandOver(known),
            _ => (ControlRound?)NextByFence(known) ?? NextAsPrimary(known),
        };
        if (round is null)
        {
            return;
        }

        _round = round;
        if (GoesOn(round))
        {
            return;
        }

        if (_proposer.Start(_key, round, round.Fenced, round.IsAwaited) != RoundStart.Started)
        {
            _round = null;
        }
    }

    /// <summary>This node's latest attempt to change something that was not decided; null: the latest one was. For people who ask why nothing happens.</summary>
    public VainRound? LastVain { get; private set; }

    /// <summary>What is being tried now; null: nothing.</summary>
    public string? Trying => _round?.Describe();

    internal void OnRoundEnded(ControlRound round, RoundOutcome outcome)
    {
        if (_round != round)
        {
            // Begun in a lineage that this node has left (P11).
            return;
        }

        NoteVain(round, outcome);
        LastVain = outcome.End == RoundEnd.Decided ? null : new VainRound(round.Aim, outcome, _clock.NowNs);
        _round = null;
        if (outcome.End == RoundEnd.Decided)
        {
            _backOff.Reset();
            _notBeforeNs = 0;
            SettleAdmissions((Configuration)outcome.Value!);
        }
        else
        {
            _notBeforeNs = _clock.NowNs + _backOff.NextNs();
        }

        round.Then(outcome);
        if (IsPrimary && outcome.Refusal == RoundRefusal.Leased && outcome.Holder is { } holder && holder != Me && !_leases.Holds(_key))
        {
            // R2 hides the register behind another's lease, which nobody gets without a decided epoch of its own: this one is over, though no Learn has come.
            BecomeSecondary(exact: false, release: false);
        }

        Consider();
    }

    // R6: a decided round settles what was unknown before it: part of its value, or never.
    private void SettleAdmissions(Configuration decided)
    {
        foreach (string node in _undecidedAdmissions)
        {
            if (decided.MemberOf(node) is null)
            {
                _ = _toAdmit.RemoveAll(ready => ready.Node == node);
                _engine.Execute(new AdmissionAbandoned(node));
            }
        }

        _undecidedAdmissions.Clear();
    }

    private void OnTick()
    {
        if (_stopped)
        {
            return;
        }

        long now = _clock.NowNs;
        if (Role == VolumeRole.Leasing && now - _roleSinceNs > _options.LeaseWaitNs)
        {
            BecomeSecondary(exact: true, release: true);
        }

        if (Role != VolumeRole.Secondary)
        {
            // L5. A store that P10 has taken out does not count.
            bool hangs = _oldestIoNs < now - _options.StoreSilenceNs && Known?.MemberOf(_node) is not null;
            _renews = now - _turnedNs < _options.EngineSilenceNs && !hangs;
            _leases.SetRenewing(_key, _renews);
        }

        AskLater();
        CheckFence(now);
        JudgeLineages();
        if (_storeFailed)
        {
            // Its fact may have come before the role that it matters to.
            OnStoreFailed();
        }

        CheckStop(now);
        if (_stopped)
        {
            return;
        }

        _round?.CheckFence(now);
        CheckHandOver(now);
        CheckWishes(now);
        CheckSuspended(now);
        Consider();
        _timers.Set(_tick, now + _options.TickNs);
    }

    private void Change(VolumeRole role)
    {
        Role = role;
        _roleSinceNs = _clock.NowNs;
    }

    private void BecomeSecondary(bool exact, bool release)
    {
        LetAheadGo();
        _leases.Stop(_key, release);
        Change(VolumeRole.Secondary);
        Epoch = 0;
        _raiseAbove = 0;
        _toDrop.Clear();
        _toAdmit.Clear();
        _renamed.Clear();
        _undecidedAdmissions.Clear();
        EndWishes();
        _roundOver = false;
        _handOverTo = null;
        ForgetGrowth();
        // Whoever was handed the volume has a moment to take it.
        _noHolderSinceNs = _clock.NowNs + (exact ? _options.HandOverTimeoutNs : 0);
        _engine.Execute(new StepDown(exact));
    }

    private void UpdateLease(Configuration configuration)
    {
        _leases.SetVoters(_key, VoterSets(configuration));
        _leases.SetOtherMember(_key, HasOtherMember(configuration));
    }

    private static ValueList<ValueList<VoterId>> VoterSets(Configuration configuration) =>
        configuration.OldVoters.Count > 0 ? [configuration.Voters, configuration.OldVoters] : [configuration.Voters];

    private bool HasOtherMember(Configuration configuration)
    {
        foreach (Member member in configuration.InSync)
        {
            if (member.Node != _node)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Every decided configuration carries the marks that were heard (W2).</summary>
    private Configuration Next(Configuration current) => current with
    {
        Version = current.Version + 1,
        Replicas = current.Replicas.Select(replica => replica with { HighestMark = Math.Max(replica.HighestMark, _marks.Of(replica.Incarnation)) }),
    };

    /// <summary>Who leaves the in-sync set leaves at his mark (S1).</summary>
    private static Configuration Without(Configuration configuration, Predicate<string> leaves) => configuration with
    {
        InSync = configuration.InSync.Where(member => !leaves(member.Node)),
        Replicas = configuration.Replicas.Select(replica =>
            configuration.MemberOf(replica.Node) is not null && leaves(replica.Node) ? replica with { LeftAt = replica.HighestMark } : replica),
    };

    private void CheckSuspended(long now)
    {
        bool undecided = IsPrimary && (!_leases.Holds(_key) || _toDrop.Count > 0);
        if (!undecided)
        {
            _undecidedSinceNs = now;
        }

        bool suspended = undecided && now - _undecidedSinceNs > _options.SuspendAfterNs;
        if (suspended != _suspended)
        {
            _suspended = suspended;
            _engine.Execute(new Suspended(Known?.Settings.OnNoQuorum == NoQuorumPolicy.Fail, suspended));
        }
    }

    private sealed class ControlTimer(VolumeControl control) : CoreTimer
    {
        public override void OnFired() => control.OnTick();
    }
}

/// <summary>One change of the register that the volume wants: tested against u (R4), fenced first where it must be (P3, W3).</summary>
internal abstract class ControlRound(VolumeControl volume) : IRoundClient
{
    protected readonly VolumeControl Volume = volume;
    private Round? _held;
    private RegisterValue? _current;
    private long _fencing;
    private long _fencingSinceNs;

    /// <summary>For people: to drop, to admit …</summary>
    public abstract string Aim { get; }

    /// <summary>P12: the voter that counts although it is not asked; null: none.</summary>
    public virtual VoterId? Fenced => null;

    /// <summary>Promises that were given before it was wanted do, if they are no older; else the voters are asked anew.</summary>
    public virtual long TakesPromisesForNs => -1;

    /// <summary>Somebody waits for what it changes.</summary>
    public virtual bool IsAwaited => true;

    protected Round? Held => _held;

    public abstract void Propose(Configuration current);

    /// <summary>What follows from the outcome.</summary>
    public abstract void Then(RoundOutcome outcome);

    /// <summary>The own fence is durable.</summary>
    public virtual void OnFenceHeld(Configuration current, bool isOldCopy) => Invariant.Fail("this change fences nothing");

    public void OnPromised(Round round, RegisterValue current)
    {
        _held = round;
        _current = current;
        if (!Volume.IsCurrent(this))
        {
            Abandon();
            return;
        }

        Propose((Configuration)current);
    }

    public virtual void OnEnded(Round round, RoundOutcome outcome) => Volume.OnRoundEnded(this, outcome);

    public string Describe() => Aim + (_fencing != 0 ? ", waits until its own replica has fenced" : _held is not null ? ", waits until a majority has accepted" : ", waits until a majority has promised");

    public void OnFenced(SelfFenced fenced)
    {
        if (fenced.Epoch != _fencing || _held is null)
        {
            return;
        }

        _fencing = 0;
        if (!fenced.Held)
        {
            Abandon();
            return;
        }

        OnFenceHeld((Configuration)_current!, fenced.IsOldCopy);
    }

    /// <summary>An engine that was opened anew meanwhile has not heard of it: the round is not held for ever.</summary>
    public void CheckFence(long nowNs)
    {
        if (_fencing != 0 && nowNs - _fencingSinceNs > Volume.FenceWaitNs && _held is not null)
        {
            _fencing = 0;
            Abandon();
        }
    }

    protected void WaitForFence(long epoch) => (_fencing, _fencingSinceNs) = (epoch, Volume.NowNs);

    protected void Accept(Configuration next) => _ = _held!.Accept(next);

    protected void Abandon() => _held!.Abandon();
}
