using ActorSan.Replication.Core.Register;
using ActorSan.Replication.Core.Values;

namespace ActorSan.Replication.Core.Control;

/// <summary>
/// Promises that are asked for while nobody waits (R2 to R4): a round is begun and held, so that a drop (W7), for which initiators wait, is one write of the voters' journals and not two;
/// and those of a handover (P8) while it drains. A held round is one like any other: what another node has decided or been promised meanwhile refuses its Accept, and the change is
/// unknown (R6) until the next round.
/// </summary>
public sealed partial class VolumeControl
{
    private Ahead? _ahead;
    private long _decidedNs;
    private long _aheadNotBeforeNs;
    private readonly BackOff _aheadBackOff;

    // Of two voters the other one is asked each time: whether it answers is what fencing goes by (P12). A lone member has nobody to drop and nobody to hand the volume to.
    private Ahead? NextAhead(Configuration known)
    {
        long now = _clock.NowNs;
        bool isTime = now >= _aheadNotBeforeNs && (Role == VolumeRole.HandingOver || now - _decidedNs >= _options.PromiseAfterNs);
        return _options.PromiseAfterNs > 0 && _ahead is null && isTime && known.Voters.Count > 2 && known.OldVoters.Count == 0 && HasOtherMember(known)
            && _leases.Holds(_key) && !_bugs.Has(Bug.PromiseWhenWanted) ? new Ahead(this) : null;
    }

    private bool IsToBeKept(Configuration current) => !_stopped && current == Known && IsStillMine(current);

    /// <summary>The change goes on from the promises that are there. False: it must ask for its own.</summary>
    private bool GoesOn(ControlRound round)
    {
        if (_ahead is not { } ahead)
        {
            return false;
        }

        if (_clock.NowNs - ahead.PromisedNs > round.TakesPromisesForNs || ahead.Current != Known)
        {
            LetAheadGo();
            return false;
        }

        _ahead = null;
        ahead.HandTo(round);
        return true;
    }

    // Who has promised so long ago was not asked just now.
    private bool IsOld(Ahead ahead) => _clock.NowNs - ahead.PromisedNs > _options.YoungPromisesNs;

    private void LetAheadGo()
    {
        Ahead? ahead = _ahead;
        _ahead = null;
        ahead?.LetGo();
    }

    // Nobody has waited for it: what is wanted next need not wait for its back-off.
    private void OnAheadInVain(Ahead ahead)
    {
        _aheadNotBeforeNs = _clock.NowNs + _aheadBackOff.NextNs();
        if (_round != ahead)
        {
            return;
        }

        _round = null;
        if (Role == VolumeRole.HandingOver && _handOverPhase == HandOverPhase.Proposing)
        {
            // The volume stands still already, and the voters do not answer: it is not asked for anew.
            _notBeforeNs = _clock.NowNs + _backOff.NextNs();
            ServeOn("no majority of voters has promised it");
        }

        Consider();
    }

    private sealed class Ahead(VolumeControl control) : ControlRound(control)
    {
        private ControlRound? _heir;
        private bool _proposed;

        public override string Aim => "to have its next change promised";

        public Configuration? Current { get; private set; }

        public long PromisedNs { get; private set; }

        public override bool IsAwaited => false;

        public override void Propose(Configuration current)
        {
            (Current, PromisedNs) = (current, Volume._clock.NowNs);
            if (Volume.IsToBeKept(current))
            {
                Volume._aheadBackOff.Reset();
                (Volume._ahead, Volume._round) = (this, null);
                Volume.Consider();
            }
            else if (!Volume._stopped && Volume.IsPrimary && current.Version > Volume.Known!.Version)
            {
                // R6: what was proposed before is settled.
                _proposed = true;
                Volume.Meet(current);
                Accept(current);
            }
            else
            {
                Abandon();
            }
        }

        public void HandTo(ControlRound heir)
        {
            _heir = heir;
            Held!.GoOn(hurries: Volume.IsOld(this));
            heir.OnPromised(Held, Current!);
        }

        public void LetGo() => Abandon();

        public override void OnEnded(Round round, RoundOutcome outcome)
        {
            if (_heir is { } heir)
            {
                heir.OnEnded(round, outcome);
            }
            else if (_proposed)
            {
                base.OnEnded(round, outcome);
            }
            else
            {
                Volume.OnAheadInVain(this);
            }
        }

        public override void Then(RoundOutcome outcome)
        {
        }
    }
}
