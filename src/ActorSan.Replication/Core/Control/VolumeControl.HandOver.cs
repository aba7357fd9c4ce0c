using ActorSan.Replication.Core.Engine;
using ActorSan.Replication.Core.Register;
using ActorSan.Replication.Core.Values;

namespace ActorSan.Replication.Core.Control;

/// <summary>P8.</summary>
public sealed partial class VolumeControl
{
    private string? _handOverTo;
    private HandOverPhase _handOverPhase;
    private long _handOverSinceNs;
    private readonly List<PeerAttached> _attached = [];

    private enum HandOverPhase : byte
    {
        None,
        Draining,
        Fencing,
        Proposing,
    }

    /// <summary>Why the handover that was asked for last was not done, for people; null: it was, or it is under way.</summary>
    public string? HandOverFailure { get; private set; }

    /// <summary>False: not now; this node does not serve, or the peer is not in sync.</summary>
    public bool RequestHandOver(string node)
    {
        if (Role != VolumeRole.Serving || Known is not { } known)
        {
            if (Known?.Primary is { } primary && primary.Node != _node)
            {
                _network.Send(primary.Node, new HandOverWish(_node, _key, node));
            }

            return false;
        }

        if (node == _node || known.MemberOf(node) is null || _toDrop.Contains(node))
        {
            return false;
        }

        Change(VolumeRole.HandingOver);
        _handOverTo = node;
        _handOverPhase = HandOverPhase.Draining;
        _handOverSinceNs = _clock.NowNs;
        HandOverFailure = null;
        _engine.Execute(new Drain());
        if (!_bugs.Has(Bug.PassByOldPromises))
        {
            // Asked for anew, while this drains.
            LetAheadGo();
            _aheadNotBeforeNs = 0;
        }

        WakeNow();
        return true;
    }

    private void OnDrained(Drained drained)
    {
        if (Role == VolumeRole.HandingOver && _handOverPhase == HandOverPhase.Draining && drained.Reign == _reign)
        {
            _handOverPhase = HandOverPhase.Fencing;
            _engine.Execute(new FencePeer(_handOverTo!, Epoch + 1));
        }
    }

    private void OnPeerFenced(PeerFenced fenced)
    {
        if (Role == VolumeRole.HandingOver && _handOverPhase == HandOverPhase.Fencing && fenced.Node == _handOverTo && fenced.Epoch == Epoch + 1)
        {
            _handOverPhase = HandOverPhase.Proposing;
        }
    }

    private void CheckHandOver(long now)
    {
        if (Role != VolumeRole.HandingOver || _handOverPhase == HandOverPhase.Proposing || now - _handOverSinceNs < _options.HandOverTimeoutNs)
        {
            return;
        }

        // The peer may have fenced itself already; that is healed by a raise (W3).
        ServeOn(_handOverPhase == HandOverPhase.Draining
            ? $"what was under way had not ended after {_options.HandOverTimeoutNs / 1_000_000} ms"
            : $"{_handOverTo} had not answered after {_options.HandOverTimeoutNs / 1_000_000} ms");
    }

    // Nothing was proposed.
    private void ServeOn(string why)
    {
        HandOverFailure = why;
        _handOverTo = null;
        _handOverPhase = HandOverPhase.None;
        Change(VolumeRole.Serving);
        _engine.Execute(new Undrain());
    }

    private ControlRound? NextOfHandOver(Configuration known)
    {
        AbandonAdmissions();
        if (_handOverPhase != HandOverPhase.Proposing)
        {
            // What makes others wait is still decided: a drop may be what the draining needs.
            return _raiseAbove >= Epoch ? new Raise(this) : _toDrop.Exists(node => known.MemberOf(node) is not null) ? new Drop(this) : NextAhead(known);
        }

        return new Pass(this, _handOverTo!);
    }

    private void OnHandedOver(Configuration configuration)
    {
        // A node that is being stopped takes nothing: another one that is in sync promotes.
        if (_stopped || _stopWhenIdle is not null || Role != VolumeRole.Secondary || configuration.Primary != Me || configuration.Epoch <= _lastEpoch || _self is not { IsFailed: false } || (Known is { } known && known.Version > configuration.Version))
        {
            return;
        }

        // Its lease proves that nothing higher was decided.
        _proposer.Know(_key, configuration);
        if (Known?.Version == configuration.Version && Role == VolumeRole.Secondary)
        {
            OnPromoted(configuration);
        }
    }

    /// <summary>P8: names the peer. From before the Accept on nothing is answered here.</summary>
    private sealed class Pass(VolumeControl control, string to) : ControlRound(control)
    {
        private bool _proposed;

        public override string Aim => "to hand the volume over";

        /// <summary>From the Accept on nobody serves until it is decided: that the voters promised long ago does not say that they still write.</summary>
        public override long TakesPromisesForNs => Volume._bugs.Has(Bug.PassByOldPromises) ? long.MaxValue : Volume._options.YoungPromisesNs;

        public override void Propose(Configuration current)
        {
            Guid instance = Volume._attached.Find(attached => attached.Node == to)?.Instance ?? Guid.Empty;
            if (!Volume.IsStillMine(current) || current.MemberOf(to) is null || instance == Guid.Empty)
            {
                Volume.Meet(current);
                Abandon();
                return;
            }

            _proposed = true;
            Volume._leases.HandOver(Volume._key);
            long epoch = Volume.Epoch + 1;
            Accept(Volume.Next(current) with { Epoch = epoch, Reign = epoch, Primary = new PrimaryId(to, instance) });
        }

        public override void Then(RoundOutcome outcome)
        {
            if (outcome.End == RoundEnd.Decided && _proposed)
            {
                Volume._network.Send(to, new HandOver(Volume._node, Volume._key, (Configuration)outcome.Value!));
                if (Volume.Role == VolumeRole.HandingOver)
                {
                    Volume.BecomeSecondary(exact: true, release: true);
                }

                return;
            }

            if (!_proposed && Volume.Role == VolumeRole.HandingOver)
            {
                Volume.ServeOn(outcome.End == RoundEnd.Abandoned ? $"{to} is not in sync or not attached any more" : $"no majority of voters agreed ({outcome.End})");
                return;
            }

            // R4, P8: unknown. It is primary again only by a decided change that gives it an epoch of its own.
            if (_proposed && Volume.Role == VolumeRole.HandingOver)
            {
                Volume.HandOverFailure = "whether it was decided is not known: one that is in sync takes it by itself";
                Volume.BecomeSecondary(exact: true, release: true);
            }
        }
    }
}
