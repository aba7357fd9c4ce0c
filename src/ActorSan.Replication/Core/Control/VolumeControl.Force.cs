using ActorSan.Replication.Core.Engine;
using ActorSan.Replication.Core.Register;
using ActorSan.Replication.Core.Values;

namespace ActorSan.Replication.Core.Control;

/// <summary>P11: an order begins another lineage of the volume, on this node's replica.</summary>
public sealed partial class VolumeControl
{
    private ForceRun? _force;

    // The first value of a lineage that was to begin: durable beside the replica, so that the same order goes on with the same lineage.
    private Configuration? _kept;

    private enum ForcePhase : byte
    {
        /// <summary>All voters are asked whether they would: a refusal costs nothing.</summary>
        Asking,

        /// <summary>The replica's own lineage comes to a stand here.</summary>
        Preparing,

        /// <summary>The first value becomes durable here.</summary>
        Keeping,

        /// <summary>S7.</summary>
        Beginning,

        /// <summary>The replica changes over.</summary>
        Entering,
    }

    /// <summary>P11. The outcome comes once, now or later.</summary>
    public void Force(ForceOrder order, Action<ForceOutcome> ended)
    {
        Configuration? known = Known;
        Configuration? kept = _kept is not null && Fits(_kept, order) ? _kept : null;
        if (_stopped || _force is not null || _discarding || _self is not { IsFailed: false } || order.Voters.Count == 0 || known?.Deleted == true
            || (kept is null && known?.ReplicaOf(_node) is null))
        {
            ended(new ForceOutcome(ForceEnd.NotPossible));
            return;
        }

        ValueList<string> unnamed = known is null ? [] : [.. known.InSync.Where(member => member.Node != _node && !order.MayLose.Contains(member.Node)).Select(member => member.Node)];
        if (_lineages.Find(other => other.Parents.Contains(_key.Lineage) && !order.Discards.Contains(other.Lineage)) is { } by)
        {
            // A replica that is discarded serves again only by a lineage that discards the other one.
            ended(new ForceOutcome(ForceEnd.Refused, By: by.Lineage));
            return;
        }

        if (unnamed.Count > 0)
        {
            ended(new ForceOutcome(ForceEnd.NotAccepted, Nodes: unnamed));
            return;
        }

        bool gaveBack = Role != VolumeRole.Secondary;
        if (gaveBack)
        {
            // Its own lease is no reason to refuse: this is the node that gives it back.
            BecomeSecondary(exact: false, release: true);
        }

        Configuration first = kept ?? FirstOf(order, known!, _self, _chance.NewId());
        _force = new ForceRun(this, order, first, ended);
        if (!gaveBack)
        {
            Ask(_force);
        }
    }

    private static bool Fits(Configuration first, ForceOrder order) => first.Voters == order.Voters && order.Discards.All(first.Parents.Contains);

    private void Ask(ForceRun run)
    {
        run.IsAsked = true;
        if (!_founder.Begin(KeyOf(run.First), run.First, run, asks: true))
        {
            EndForce(new ForceOutcome(ForceEnd.NotPossible));
        }
    }

    // A tick later than a lease was given back the voters have heard of it, or they refuse and the order is given again.
    private void AskLater()
    {
        if (_force is { IsAsked: false } run)
        {
            Ask(run);
        }
    }

    private void OnForcePrepared(ForcePrepared prepared)
    {
        if (_force is not { Phase: ForcePhase.Preparing } run)
        {
            return;
        }

        if (!prepared.Held)
        {
            EndForce(new ForceOutcome(ForceEnd.StoreFailed));
            return;
        }

        if (run.First != _kept)
        {
            // What was told to the replica until it stood still came before this: nothing newer counts for it.
            run.First = FirstOf(run.Order, Known!, _self!, run.First.Lineage);
        }

        run.Phase = ForcePhase.Keeping;
        _engine.Execute(new KeepForce(run.First));
    }

    private void OnForceKept(ForceKept kept)
    {
        if (_force is not { Phase: ForcePhase.Keeping } run || kept.First != run.First)
        {
            return;
        }

        if (!kept.Held)
        {
            EndForce(new ForceOutcome(ForceEnd.StoreFailed));
            return;
        }

        _kept = run.First;
        run.Phase = ForcePhase.Beginning;
        if (!_founder.Begin(KeyOf(run.First), run.First, run))
        {
            EndForce(new ForceOutcome(ForceEnd.NotPossible));
        }
    }

    private void OnFounding(ForceRun run, FoundingOutcome outcome)
    {
        if (_force != run)
        {
            return;
        }

        if (outcome.End != FoundingEnd.Begun)
        {
            EndForce(new ForceOutcome(
                outcome.End switch
                {
                    FoundingEnd.Leased => ForceEnd.Leased,
                    FoundingEnd.Unknown => ForceEnd.Unknown,
                    FoundingEnd.Refused => ForceEnd.Refused,
                    _ => ForceEnd.TimedOut,
                },
                run.First,
                outcome.Voter,
                By: outcome.By));
        }
        else if (run.Phase == ForcePhase.Asking)
        {
            run.Phase = ForcePhase.Preparing;
            _engine.Execute(new PrepareForce());
        }
        else
        {
            run.Phase = ForcePhase.Entering;
            _engine.Execute(new EnterLineage(run.First));
        }
    }

    // The store that is opened next finds what was durable.
    private void OnForceFailed()
    {
        _discarding = false;
        if (_force is { Phase: ForcePhase.Preparing or ForcePhase.Keeping or ForcePhase.Entering })
        {
            EndForce(new ForceOutcome(ForceEnd.StoreFailed));
        }
    }

    private void EndForce(ForceOutcome outcome)
    {
        ForceRun run = _force!;
        _force = null;
        if (outcome.End != ForceEnd.Begun && _kept is null && run.Phase != ForcePhase.Asking)
        {
            _engine.Execute(new AbandonForce(_standing == UnknownReason.None));
        }

        run.Ended(outcome);
        Consider();
    }

    /// <summary>P11: by the last value that this node knows, it was a member and so was the other, or that was out with its mark: sets tell the difference. Else the other is out wholly.</summary>
    private Configuration FirstOf(ForceOrder order, Configuration known, SelfState self, Guid lineage)
    {
        // An old copy has no sets for what it has lost, whatever it was a member of (W2); it serves under another name, as nobody expects any mark of that.
        bool hasSets = (known.MemberOf(_node)?.Incarnation == self.Self.Incarnation && !self.IsOldCopy) || _bugs.Has(Bug.LeftAtWhereWholly);
        Guid incarnation = self.IsOldCopy ? _chance.NewId() : self.Self.Incarnation;
        ValueList<Guid> parents = known.Parents;
        foreach (Guid parent in (ReadOnlySpan<Guid>)[_key.Lineage, .. _kept is { } kept ? [kept.Lineage] : Array.Empty<Guid>(), .. order.Discards])
        {
            parents = parents.Contains(parent) || parent == lineage ? parents : parents.Add(parent);
        }

        long epoch = Math.Max(Math.Max(known.Epoch, self.HighestEpoch), _voter?.AcceptedOf(_key)?.Epoch ?? 0) + 1;
        return Next(known) with
        {
            Version = 1,
            Lineage = lineage,
            Parents = parents,
            Epoch = epoch,
            Reign = epoch,
            Primary = null,
            InSync = [self.Self with { Incarnation = incarnation }],
            Replicas = Next(known).Replicas.Select(replica =>
                replica.Node == _node ? replica with { Incarnation = incarnation, HighestMark = _marks.Of(incarnation), LeftAt = null }
                : !hasSets ? replica with { LeftAt = null }
                : known.MemberOf(replica.Node) is not null ? replica with { LeftAt = replica.HighestMark } : replica),
            Voters = order.Voters,
            OldVoters = [],
        };
    }

    private sealed class ForceRun(VolumeControl control, ForceOrder order, Configuration first, Action<ForceOutcome> ended) : IFoundingClient
    {
        public ForceOrder Order { get; } = order;

        public Configuration First { get; set; } = first;

        public ForcePhase Phase { get; set; }

        public bool IsAsked { get; set; }

        public void OnEnded(RegisterKey key, FoundingOutcome outcome) => control.OnFounding(this, outcome);

        public void Ended(ForceOutcome outcome) => ended(outcome);
    }
}
