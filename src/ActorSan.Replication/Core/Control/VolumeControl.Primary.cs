using ActorSan.Replication.Core.Engine;
using ActorSan.Replication.Core.Frames;
using ActorSan.Replication.Core.Register;
using ActorSan.Replication.Core.Values;

namespace ActorSan.Replication.Core.Control;

/// <summary>What a primary changes (W3, W7, S1, S4, R7, P10).</summary>
public sealed partial class VolumeControl
{
    // What the engine says may be about a configuration that is not the latest: who is no member is dropped already.
    private void WishDrop(string node)
    {
        if (Known?.MemberOf(node) is not null && !_toDrop.Contains(node))
        {
            _toDrop.Add(node);
        }
    }

    private void OnPeerRefused(PeerRefused refused)
    {
        switch (refused.Reason)
        {
            case RefusalReason.Fenced:
                _raiseAbove = Math.Max(_raiseAbove, refused.HighestEpoch);
                break;
            case RefusalReason.OtherIncarnation:
                _ = _renamed.RemoveAll(other => other.Node == refused.Node);
                _renamed.Add(refused);
                break;
            default:
                break;
        }
    }

    private void OnStoreFailed()
    {
        if (!IsPrimary || Known is not { } known)
        {
            return;
        }

        if (!HasOtherMember(known))
        {
            // Nobody else has the bytes: what waits is answered with what the store said; then the store may be opened anew, in another session (P9).
            _engine.Execute(new NoOtherMember());
            BecomeSecondary(exact: false, release: true);
        }
        else if (Role == VolumeRole.Reconciling)
        {
            // P10: before P6 it releases instead; another member has sound bytes.
            BecomeSecondary(exact: false, release: true);
        }
    }

    // P10, S4: who has no store admits nobody, and a gate that waits for that would keep its peer required for ever.
    private void AbandonAdmissions()
    {
        if (!_storeFailed || _bugs.Has(Bug.KeepReadyGate))
        {
            return;
        }

        for (int i = _toAdmit.Count - 1; i >= 0; i--)
        {
            string node = _toAdmit[i].Node;
            if (!_undecidedAdmissions.Contains(node))
            {
                _toAdmit.RemoveAt(i);
                _engine.Execute(new AdmissionAbandoned(node));
            }
        }
    }

    private ControlRound? NextAsPrimary(Configuration known)
    {
        AbandonAdmissions();
        if (_readAbove > Epoch)
        {
            _readAbove = 0;
            return new Read(this);
        }

        if (_raiseAbove >= Epoch)
        {
            return new Raise(this);
        }

        if (_toDrop.Exists(node => known.MemberOf(node) is not null) || (MayLeave && known.MemberOf(_node) is not null && HasOtherMember(known)))
        {
            return new Drop(this);
        }

        if (Role != VolumeRole.Serving)
        {
            return NextLook(known);
        }

        if (_storeFailed && known.MemberOf(_node) is null && _handOverTo is null && known.InSync.Count > 0)
        {
            RequestHandOver(known.InSync[0].Node);
            return null;
        }

        if (_renamed.Exists(refused => known.ReplicaOf(refused.Node) is { } entry && entry.Incarnation != refused.Incarnation && known.MemberOf(refused.Node) is null))
        {
            return new Rename(this);
        }

        if (NextWish(known) is { } wished)
        {
            return wished;
        }

        if (_toAdmit.Count > 0 && !_storeFailed)
        {
            return new Admit(this, _toAdmit[0]);
        }

        return NextCaughtUp(known) ?? NextGrowth(known) ?? NextVoters(known) ?? NextMeeting(known) ?? NextLook(known) ?? NextAhead(known);
    }

    // P12: of two voters the other one does not grant what is asked for. Whether it answers a round is what fencing goes by, though there is nothing to be changed. Seldom, and not
    // while the lease is let go on purpose (L5): another one's promotion must not be met by a higher ballot each time.
    private ControlRound? NextLook(Configuration known)
    {
        bool looks = OtherOfTwo(known) is not null && !_leases.Holds(_key) && !_bugs.Has(Bug.VainOnlyByChange);
        if (!looks || ((!_renews || _clock.NowNs - _lookedNs < _options.QueryIntervalNs) && !_bugs.Has(Bug.LookWithoutPause)))
        {
            return null;
        }

        _lookedNs = _clock.NowNs;
        return new Read(this);
    }

    /// <summary>P10: those that stay have flushed: without this store nothing is less safe than it was.</summary>
    private bool MayLeave => _storeFailed && (_membersHold || _bugs.Has(Bug.GiveUpBeforeFlush));

    private bool IsStillMine(Configuration current) => current.Primary == Me && current.Epoch == Epoch;

    /// <summary>R4: a higher epoch that is not a raise of this instance's own.</summary>
    private void Meet(Configuration current)
    {
        if (current.Epoch > Epoch && IsPrimary && !(current.Primary == Me && current.Reign <= Epoch))
        {
            BecomeSecondary(exact: false, release: false);
        }
    }

    /// <summary>Proposes u as it is: that is how one reads.</summary>
    private sealed class Read(VolumeControl control) : ControlRound(control)
    {
        public override string Aim => "to read what is decided";

        public override void Propose(Configuration current)
        {
            Volume.Meet(current);
            Accept(current);
        }

        public override void Then(RoundOutcome outcome)
        {
        }
    }

    /// <summary>A change that keeps the epoch.</summary>
    private abstract class Edit(VolumeControl control) : ControlRound(control)
    {
        public sealed override void Propose(Configuration current)
        {
            if (current.Primary == Volume.Me && current.Epoch > Volume.Epoch && Volume.IsPrimary && current.Reign <= Volume.Epoch)
            {
                // A raise of the own, undecided until now: settled first.
                Accept(current);
                return;
            }

            if (!Volume.IsStillMine(current))
            {
                Volume.Meet(current);
                Abandon();
                return;
            }

            if (Volume.Known is not { } known || current.Version > known.Version)
            {
                // R6: what was proposed before is settled first, then one goes on from there.
                Accept(current);
                return;
            }

            Configuration? next = Change(current);
            if (next is null)
            {
                Abandon();
            }
            else
            {
                Accept(next);
            }
        }

        public override void Then(RoundOutcome outcome)
        {
        }

        /// <summary>Null: nothing to do.</summary>
        protected abstract Configuration? Change(Configuration current);
    }

    private sealed class Drop(VolumeControl control) : Edit(control)
    {
        public override string Aim => "to drop who is missed";

        /// <summary>What it leaves unknown is required all the same.</summary>
        public override long TakesPromisesForNs => long.MaxValue;

        protected override Configuration? Change(Configuration current)
        {
            bool Leaves(string node) => node == Volume._node ? Volume.MayLeave : Volume._toDrop.Contains(node);
            Configuration next = Without(Volume.Next(current), Leaves);
            if (next.InSync.Count == 0 || (Volume._storeFailed && !next.InSync.Any(member => member.Node != Volume._node)))
            {
                // Never the last. Without a store of its own this primary can do nothing for it: the last member promotes itself, if it can (P9, P10).
                Volume._toDrop.Clear();
                if (Volume._storeFailed)
                {
                    Volume.BecomeSecondary(exact: false, release: true);
                }

                return null;
            }

            return next.InSync.Count == current.InSync.Count ? current : next;
        }
    }

    private bool IsNeverInSync(ReplicaEntry entry) => entry.Protocol != ReplicationProtocol.C && !_bugs.Has(Bug.AdmitAsynchronous);

    /// <summary>S4. The engine keeps the peer required until the outcome is settled (R6).</summary>
    private sealed class Admit(VolumeControl control, PeerReady ready) : Edit(control)
    {
        private bool _proposed;

        public override string Aim => "to admit a replica";

        public override void Then(RoundOutcome outcome)
        {
            if (outcome.End == RoundEnd.Decided)
            {
                return;
            }

            if (_proposed && !Volume._bugs.Has(Bug.ForgetUnknownAdmission))
            {
                // R6: it stays required until a later round is decided.
                _ = Volume._undecidedAdmissions.Remove(ready.Node);
                Volume._undecidedAdmissions.Add(ready.Node);
            }
            else if (!Volume._undecidedAdmissions.Contains(ready.Node))
            {
                _ = Volume._toAdmit.Remove(ready);
                Volume._engine.Execute(new AdmissionAbandoned(ready.Node));
            }
        }

        protected override Configuration? Change(Configuration current)
        {
            if (current.ReplicaOf(ready.Node) is not { Detached: false } entry || entry.Incarnation != ready.Incarnation || Volume.IsNeverInSync(entry) || ready.Epoch != Volume.Epoch
                || current.MemberOf(ready.Node) is not null)
            {
                return null;
            }

            _proposed = true;
            var member = new Member(ready.Node, ready.Incarnation, ready.Session);
            Configuration next = Volume.Next(current);
            return next with
            {
                InSync = next.InSync.Add(member),
                Replicas = next.Replicas.Select(replica => replica.Node == ready.Node ? replica with { LeftAt = null } : replica),
            };
        }
    }

    /// <summary>S1: a store that is new, replaced or an old copy is named before anything goes to it, and is out wholly.</summary>
    private sealed class Rename(VolumeControl control) : Edit(control)
    {
        public override string Aim => "to name a new store of a replica";

        protected override Configuration? Change(Configuration current)
        {
            bool any = false;
            Configuration next = Volume.Next(current);
            next = next with
            {
                Replicas = next.Replicas.Select(replica =>
                {
                    if (Volume._renamed.Find(refused => refused.Node == replica.Node) is not { } refused
                        || current.MemberOf(replica.Node) is not null || refused.Incarnation == replica.Incarnation || refused.Incarnation == Guid.Empty)
                    {
                        return replica;
                    }

                    any = true;
                    return replica with { Incarnation = refused.Incarnation, HighestMark = Volume._marks.Of(refused.Incarnation), LeftAt = null };
                }),
            };
            Volume._renamed.Clear();
            return any ? next : null;
        }
    }

    /// <summary>W3: somebody has seen a higher epoch, and nobody else is primary.</summary>
    private sealed class Raise(VolumeControl control) : ControlRound(control)
    {
        private long _epoch;

        public override string Aim => "to begin another epoch";

        public override void Propose(Configuration current)
        {
            if (!Volume.IsStillMine(current))
            {
                if (current.Primary == Volume.Me && current.Epoch > Volume.Epoch && Volume.IsPrimary && current.Reign <= Volume.Epoch)
                {
                    Accept(current);
                    return;
                }

                Volume.Meet(current);
                Abandon();
                return;
            }

            _epoch = Math.Max(Volume._raiseAbove, current.Epoch) + 1;
            if (Volume._storeFailed)
            {
                // P10: a store that is out hears of the epoch when it is attached again, and can keep nothing now.
                Accept(Volume.Next(current) with { Epoch = _epoch });
                return;
            }

            WaitForFence(_epoch);
            Volume._engine.Execute(new RaiseSelf(_epoch));
        }

        public override void OnFenceHeld(Configuration current, bool isOldCopy) => Accept(Volume.Next(current) with { Epoch = _epoch });

        public override void Then(RoundOutcome outcome)
        {
        }
    }
}
