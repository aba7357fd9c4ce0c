using ActorSan.Replication.Core.Engine;
using ActorSan.Replication.Core.Register;
using ActorSan.Replication.Core.Values;

namespace ActorSan.Replication.Core.Control;

/// <summary>Who becomes primary, when and how (P1 to P4, P9).</summary>
public sealed partial class VolumeControl
{
    private readonly List<MemberReply> _replies = [];
    private long _noHolderSinceNs;
    private long _queriedNs;
    private long _queriedVersion;
    private long _queryNumber;
    private bool _suspect;

    // The highest that this process was primary in, in this lineage: no epoch is used twice.
    private long _lastEpoch;

    /// <summary>P1: an administrator wants this node to serve nothing: it promotes only when nobody else has for a while.</summary>
    public bool IsDrained { get; set; }

    private ControlRound? NextAsSecondary(Configuration known, long now)
    {
        if (_self is not { IsFailed: false } self || _stopWhenIdle is not null)
        {
            return null;
        }

        if (_voter?.GrantOf(_key) is { } grant && grant.Holder.Node != _node)
        {
            _noHolderSinceNs = now;
            return null;
        }

        if (now - _noHolderSinceNs < RankOf(known, self) * _options.RankStepNs)
        {
            return null;
        }

        if (_suspect && known.MemberOf(_node) is { } member && member != self.Self)
        {
            return NextAsSuspect(known, self, now);
        }

        return new Promote(this);
    }

    // P1: the preferred one first, exact before coarse, who is no member last of all.
    private int RankOf(Configuration known, SelfState self)
    {
        if (known.MemberOf(_node) is null)
        {
            return 40;
        }

        int rank = _voter is null ? 8 : 0;
        rank += known.Settings.PreferredPrimary is { } preferred && preferred != _node ? 1 : 0;
        rank += self.IsCoarse ? 2 : 0;
        rank += IsDrained ? 16 : 0;
        rank += self.Self != known.MemberOf(_node) ? 4 : 0;
        foreach (Member member in known.InSync)
        {
            if (member.Node == _node)
            {
                break;
            }

            rank++;
        }

        return rank;
    }

    // P9: every member must have said itself that its session is broken or that it is an old copy.
    private ControlRound? NextAsSuspect(Configuration known, SelfState self, long now)
    {
        if (_queriedVersion != known.Version || now - _queriedNs > _options.QueryIntervalNs)
        {
            _queriedVersion = known.Version;
            _queriedNs = now;
            _queryNumber++;
            _replies.Clear();
            foreach (Member member in known.InSync)
            {
                if (member.Node != _node)
                {
                    _network.Send(member.Node, new MemberQuery(_node, _key, _queryNumber));
                }
            }
        }

        if (self.IsOldCopy)
        {
            return null;
        }

        foreach (Member member in known.InSync)
        {
            if (member.Node == _node)
            {
                continue;
            }

            if (_replies.Find(reply => reply.From == member.Node) is not { } said || (said.Self == member && !said.IsOldCopy))
            {
                return null;
            }

            // The first by preference that is no old copy.
            if (!said.IsOldCopy && said.Self?.Incarnation == member.Incarnation && IsPreferred(known, member.Node, _node))
            {
                // Given time, not waited for: it may be gone by now.
                if (now - _noHolderSinceNs < 60 * _options.RankStepNs)
                {
                    return null;
                }
            }
        }

        return new PromoteAfterPowerLoss(this, known.Version);
    }

    private static bool IsPreferred(Configuration known, string one, string other)
    {
        if (known.Settings.PreferredPrimary is { } preferred && (preferred == one || preferred == other))
        {
            return preferred == one;
        }

        return string.CompareOrdinal(one, other) < 0;
    }

    // Only what is known and durable is told: who is still opening his store may be unbroken, and so may one whose failure its next process would not know of.
    private void OnMemberQuery(MemberQuery query)
    {
        if (_self is { IsFailed: false } self)
        {
            _network.Send(query.From, new MemberReply(_node, _key, query.Number, self.Self, self.IsOldCopy, self.Mark));
        }
        else if (_self is { IsSessionEnded: true } || (_self is null && _bugs.Has(Bug.SilentMeansBroken)))
        {
            _network.Send(query.From, new MemberReply(_node, _key, query.Number, null, _self?.IsOldCopy ?? false, _self?.Mark ?? 0));
        }
    }

    private void OnMemberReply(MemberReply reply)
    {
        _ = _replies.RemoveAll(other => other.From == reply.From);
        if (reply.Number == _queryNumber)
        {
            _replies.Add(reply);
        }

        HearStore(reply);
        Consider();
    }

    private void OnPromoted(Configuration decided)
    {
        if (_stopped)
        {
            return;
        }

        Epoch = decided.Epoch;
        _lastEpoch = decided.Epoch;
        _reign = decided.Reign;
        Change(VolumeRole.Leasing);
        _suspect = false;
        _membersHold = false;
        _toDrop.Clear();
        _toAdmit.Clear();
        _leases.Start(_key, Epoch, VoterSets(decided), HasOtherMember(decided), _cell);
    }

    private class Promote(VolumeControl control) : ControlRound(control)
    {
        private Configuration? _next;

        public override string Aim => "to become primary";

        public override void Propose(Configuration current)
        {
            if (Volume._self is not { IsFailed: false } self || Volume.Role != VolumeRole.Secondary)
            {
                Abandon();
                return;
            }

            if (current.Deleted)
            {
                // Known for certain when it is decided again; then nothing more is proposed here.
                Accept(current);
                return;
            }

            // P2.
            bool fits = Fits(current, self);
            if (!fits && !Volume._bugs.Has(Bug.PromoteSuspect))
            {
                Volume._suspect = current.MemberOf(Volume._node) is not null;

                // What it met may be newer than what it knows.
                Accept(current);
                return;
            }

            Volume._suspect = false;
            long epoch = Math.Max(current.Epoch, self.HighestEpoch) + 1;
            WaitForFence(epoch);
            _next = current with { Epoch = epoch };
            Volume._engine.Execute(new FenceSelf(epoch, current));
        }

        public override void OnFenceHeld(Configuration current, bool isOldCopy)
        {
            if (isOldCopy && !Volume._bugs.Has(Bug.TrustOldCopy))
            {
                Volume._suspect = true;
                Abandon();
                return;
            }

            // P4. Who is out of reach is left out at once; who turns out to be, at P5.
            Configuration next = Edit(Volume.Next(current));
            Accept(next with { Epoch = _next!.Epoch, Reign = _next.Epoch, Primary = Volume.Me });
        }

        public override void Then(RoundOutcome outcome)
        {
            if (outcome.End == RoundEnd.Decided && outcome.Value is Configuration decided && decided.Primary == Volume.Me && _next is not null && decided.Epoch == _next.Epoch
                && Volume.Known?.Version == decided.Version)
            {
                Volume.OnPromoted(decided);
            }
            else if (outcome.Value is Configuration read && read.MemberOf(Volume._node) is null)
            {
                // P1: it has looked, and is the last to look again: who reads in a loop keeps the members from being heard.
                Volume._noHolderSinceNs = Volume._clock.NowNs;
            }
        }

        protected virtual bool Fits(Configuration current, SelfState self) =>
            current.MemberOf(Volume._node) == self.Self || (Volume._bugs.Has(Bug.PromoteUnnamed) && current.ReplicaOf(Volume._node) is null);

        protected virtual Configuration Edit(Configuration next) => Without(next, node => node != Volume._node && Volume._unreachable.Contains(node));
    }

    private sealed class PromoteAfterPowerLoss(VolumeControl control, long version) : Promote(control)
    {
        // The members were asked about this very value.
        protected override bool Fits(Configuration current, SelfState self) => current.Version == version && current.MemberOf(Volume._node)?.Incarnation == self.Self.Incarnation;

        protected override Configuration Edit(Configuration next)
        {
            Configuration alone = Without(next, node => node != Volume._node);
            return alone with
            {
                InSync = [Volume._self!.Self],
                Replicas = alone.Replicas.Select(replica => replica.Node == Volume._node
                    ? replica with { LeftAt = null }
                    : Volume._replies.Exists(reply => reply.From == replica.Node && reply.IsOldCopy) ? replica with { LeftAt = null } : replica),
            };
        }
    }
}
