using ActorSan.Replication.Core.Frames;
using ActorSan.Replication.Core.Values;

namespace ActorSan.Replication.Core.Engine;

/// <summary>P11: the replica's lineage stops, is left for one that this node begins, or for one that discards it.</summary>
public sealed unsafe partial class VolumeEngine
{
    private Configuration? _found;

    public void OnLineage(Configuration configuration)
    {
        if (configuration.VolumeId != Replica.VolumeId)
        {
            return;
        }

        if (configuration.Parents.Contains(Replica.Lineage))
        {
            StopLineage(discarded: true);
        }

        _events.Post(new LineageHeard(configuration));
    }

    private void ExecuteLineage(EngineCommand command)
    {
        switch (command)
        {
            case PrepareForce:
                StandStill(held => _events.Post(new ForcePrepared(held)));
                break;
            case AbandonForce abandon:
                Secondary.IsStopped = Replica.IsDiscarded || !abandon.GoesOn;
                break;
            case KeepForce keep:
                Replica.KeepConfiguration(keep.First, held => _events.Post(new ForceKept(keep.First, held)));
                break;
            case EnterLineage enter:
                Enter(enter.First, enter.First.MemberOf(Replica.Node)?.Incarnation ?? Replica.Incarnation, discards: false);
                break;
            case StopLineage stop when stop.Lineage == Replica.Lineage:
                StopLineage(stop.Discarded);
                break;
            case DiscardLineage discard:
                StandStill(held => Discard(discard.Into, held));
                break;
            default:
                break;
        }
    }

    // What was submitted has ended when this does, and nothing new comes.
    private void StandStill(Action<bool> done)
    {
        Secondary.IsStopped = true;
        _primary?.StepDown(exact: false);
        Secondary.End(DetachReason.Deposed);
        Replica.Fence(Replica.HighestEpoch, done);
    }

    private void StopLineage(bool discarded)
    {
        if (_bugs.Has(Bug.DiscardedGoesOn))
        {
            return;
        }

        if (!Secondary.IsStopped)
        {
            Secondary.IsStopped = true;
            _primary?.StepDown(exact: false);
            Secondary.End(DetachReason.Deposed);
        }

        if (discarded && !Replica.IsDiscarded)
        {
            Replica.MarkDiscarded();
            TellSelf();
        }
    }

    private void Discard(Configuration into, bool held)
    {
        if (!held || Replica.IsFailed)
        {
            _events.Post(new LineageEntered(Replica.Lineage, false));
            return;
        }

        if (Replica.Configuration is null && _found is { } found && found.Lineage == Replica.Lineage)
        {
            // Nothing was told to this process: what the one before it was told stands, and its sets are read by it.
            Replica.NoteConfiguration(found);
        }

        if (!Replica.IsMember)
        {
            // Nobody knows by sets what it lacks: it is out wholly, under another name (S1).
            Replica.KeepConfiguration(into, kept => Enter(into, kept ? _chance.NewId() : Guid.Empty, discards: true));
            return;
        }

        Replica.MoveSetsToIntent(moved =>
        {
            if (!moved)
            {
                Enter(into, Guid.Empty, discards: true);
                return;
            }

            Replica.KeepConfiguration(into, kept => Enter(into, kept ? Replica.Incarnation : Guid.Empty, discards: true));
        });
    }

    // An incarnation of none: something before did not become durable, and the store has failed.
    private void Enter(Configuration configuration, Guid incarnation, bool discards)
    {
        if (incarnation == Guid.Empty)
        {
            _events.Post(new LineageEntered(Replica.Lineage, false));
            return;
        }

        Replica.EnterLineage(configuration.Lineage, incarnation, discards, held =>
        {
            if (held)
            {
                Secondary.IsStopped = false;
                TellSelf();
            }

            _events.Post(new LineageEntered(configuration.Lineage, held));
        });
    }

    private void FindConfiguration()
    {
        _found = Replica.Remembered;
        Secondary.IsStopped = Replica.IsDiscarded || (_found is { } found && found.Lineage != Replica.Lineage && IsOwnForce(found));
    }

    private void TellFound()
    {
        if (_found is { } found && (found.Lineage == Replica.Lineage || IsOwnForce(found)))
        {
            _events.Post(new ConfigurationFound(Replica.Lineage, found));
        }
    }

    // Else it is what a discard would have led to, and the operator says it again.
    private bool IsOwnForce(Configuration found) => found.Version == 1 && found.InSync.Count == 1 && found.MemberOf(Replica.Node) is not null;
}
