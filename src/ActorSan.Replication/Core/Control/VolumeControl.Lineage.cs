using ActorSan.Replication.Core.Engine;
using ActorSan.Replication.Core.Register;
using ActorSan.Replication.Core.Values;

namespace ActorSan.Replication.Core.Control;

/// <summary>P11, I6: other lineages of the volume that are heard of, and what that makes of the own one.</summary>
public sealed partial class VolumeControl
{
    private readonly List<LineageRecord> _lineages = [];
    private UnknownReason _standing;
    private bool _discarding;

    /// <summary>None: the own lineage may be dealt with. Discarded: waits for <see cref="RequestDiscard"/>. Conflicting: waits for an order to force.</summary>
    public UnknownReason Standing => _standing;

    /// <summary>The lineages that discard the own one and that a value is known of, the one that none of them discards first; empty when nothing is to be discarded.</summary>
    public ValueList<Guid> DiscardedBy
    {
        get
        {
            if (_standing != UnknownReason.Discarded)
            {
                return [];
            }

            List<LineageRecord> by = _lineages.FindAll(other => other.Parents.Contains(_key.Lineage) && _proposer.LastDecided(_key with { Lineage = other.Lineage }) is not null);
            return [.. by.OrderBy(one => by.Count(other => other.Parents.Contains(one.Lineage))).Select(one => one.Lineage)];
        }
    }

    /// <summary>The lineage that an order to force has chosen and not yet begun on all its voters; empty: none.</summary>
    public Guid KeptLineage => _kept?.Lineage ?? Guid.Empty;

    private bool StandsStill => _force is not null || _kept is not null || _discarding || (_standing != UnknownReason.None && !_bugs.Has(Bug.DiscardedGoesOn));

    /// <summary>P11: an operator gives up what this node's replica has of its own lineage. False: nothing to be discarded, or not into that one.</summary>
    public bool RequestDiscard(Guid into)
    {
        if (_stopped || _force is not null || _discarding || _self is not { IsFailed: false } || !DiscardedBy.Contains(into))
        {
            return false;
        }

        _discarding = true;
        _kept = null;
        _engine.Execute(new DiscardLineage((Configuration)_proposer.LastDecided(_key with { Lineage = into })!));
        return true;
    }

    /// <summary>From the proposer's listener, for any other key: a value of another lineage is decided.</summary>
    public void OnOtherLineage(RegisterValue value)
    {
        if (value is Configuration configuration)
        {
            Hear(configuration);
        }
    }

    /// <summary>From the voter's listener: it refuses this register.</summary>
    public void OnRefusedLineage(RegisterKey key, UnknownReason reason, Guid by)
    {
        if (key == _key && by != _force?.First.Lineage && by != _kept?.Lineage)
        {
            Stand(reason);
        }
    }

    private RegisterKey KeyOf(Configuration configuration) => _key with { Lineage = configuration.Lineage };

    private void OnLineageEvent(EngineEvent happened)
    {
        switch (happened)
        {
            case ConfigurationFound found when found.Found.Lineage == found.Lineage:
                MoveTo(found.Lineage);
                _proposer.Know(_key, found.Found);
                break;
            case ConfigurationFound found:
                // First to where the replica is: a change of the lineage forgets what was kept in another one.
                if (!_bugs.Has(Bug.ForgetKeptLineage))
                {
                    MoveTo(found.Lineage);
                }

                _kept = found.Found;
                break;
            case ForcePrepared prepared:
                OnForcePrepared(prepared);
                break;
            case ForceKept kept:
                OnForceKept(kept);
                break;
            case LineageEntered entered:
                OnLineageEntered(entered);
                break;
            case LineageHeard heard:
                // The own voter hears of it as from a Learn: it refuses from here on what is discarded.
                _ = _voter?.On(new Learn(_node, KeyOf(heard.Configuration), heard.Configuration));
                _proposer.Know(KeyOf(heard.Configuration), heard.Configuration);
                Hear(heard.Configuration);
                break;
            default:
                break;
        }
    }

    private void OnLineageOf(SelfState self)
    {
        if (self.Lineage != _key.Lineage)
        {
            MoveTo(self.Lineage);
        }

        if (self.IsDiscarded)
        {
            Stand(UnknownReason.Discarded);
        }
    }

    private void OnLineageEntered(LineageEntered entered)
    {
        _discarding = false;
        if (_force is not { Phase: ForcePhase.Entering } run)
        {
            return;
        }

        if (!entered.Held)
        {
            EndForce(new ForceOutcome(ForceEnd.StoreFailed));
            return;
        }

        MoveTo(entered.Lineage);
        EndForce(new ForceOutcome(ForceEnd.Begun, run.First));
    }

    private void MoveTo(Guid lineage)
    {
        if (lineage == _key.Lineage)
        {
            return;
        }

        BecomeSecondary(exact: false, release: true);
        _key = _key with { Lineage = lineage };
        _round = null;
        _notBeforeNs = 0;
        _backOff.Reset();
        _readAbove = 0;
        _suspect = false;
        _queriedVersion = 0;
        _lastEpoch = 0;
        _replies.Clear();
        _attached.Clear();
        _otherVoters.Clear();
        _kept = null;
        _fence = null;
        _togetherWith = null;
        _met = Guid.Empty;
        _vainSinceNs = long.MaxValue;
        _standing = UnknownReason.None;
        _noHolderSinceNs = _clock.NowNs;
    }

    internal bool IsCurrent(ControlRound round) => _round == round;

    private void Hear(Configuration heard)
    {
        if (heard.Lineage == _key.Lineage || heard.Lineage == _force?.First.Lineage || heard.Lineage == _kept?.Lineage)
        {
            return;
        }

        int index = _lineages.FindIndex(known => known.Lineage == heard.Lineage);
        var record = new LineageRecord(_key.Name, heard.Lineage, heard.Parents);
        if (index < 0)
        {
            _lineages.Add(record);
        }
        else
        {
            _lineages[index] = record;
        }

        JudgeLineages();
    }

    private void JudgeLineages()
    {
        if (Known is not { } known)
        {
            return;
        }

        _ = _lineages.RemoveAll(other => other.Lineage == _key.Lineage);
        _lineages.Add(new LineageRecord(_key.Name, _key.Lineage, known.Parents));
        UnknownReason reason = Lineages.StandingOf(_lineages, _key, out _);
        if (reason == UnknownReason.None && _force is null && _kept is null && _voter is { } voter)
        {
            // What it has heard of is durable there.
            reason = voter.StandingOf(_key);
        }

        Stand(reason);
    }

    // A lineage that is refused stays so; a conflict may turn out to be a discard.
    private void Stand(UnknownReason reason)
    {
        if (reason is not (UnknownReason.Discarded or UnknownReason.Conflicting) || _standing == reason || _standing == UnknownReason.Discarded)
        {
            return;
        }

        _standing = reason;
        if (Role != VolumeRole.Secondary && !_bugs.Has(Bug.DiscardedGoesOn))
        {
            BecomeSecondary(exact: false, release: true);
        }

        _engine.Execute(new StopLineage(_key.Lineage, reason == UnknownReason.Discarded));
    }
}
