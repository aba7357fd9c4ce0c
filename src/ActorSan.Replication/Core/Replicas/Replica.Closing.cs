using ActorSan.Storage.Metadata;
using ActorSan.Storage.Stores;

namespace ActorSan.Replication.Core.Replicas;

/// <summary>§2, power session: the clean mark goes, durably, before the first write after an opening, and comes back after the last flush of an orderly stop.</summary>
public sealed unsafe partial class Replica
{
    public void MarkDirty(Action<bool> done)
    {
        if (_bugs.Has(Bug.KeepCleanMark))
        {
            done(!IsFailed);
            return;
        }

        _metadata.MarkDirty(new CleanMark(this, done));
    }

    /// <summary>Nothing new comes any more: what has arrived is on the medium, and the mark says so, when this ends well.</summary>
    public void MarkClean(Action<bool> done)
    {
        if (_bugs.Has(Bug.CleanWithoutFlush))
        {
            _metadata.MarkClean(new CleanMark(this, done));
            return;
        }

        Flush(new LastFlush(this, done));
    }

    private sealed class LastFlush(Replica replica, Action<bool> done) : ReplicaFlush
    {
        protected internal override void OnFlushed()
        {
            if (Status == StoreStatus.Success && !replica.IsFailed)
            {
                replica._metadata.MarkClean(new CleanMark(replica, done));
            }
            else
            {
                done(false);
            }
        }
    }

    private sealed class CleanMark(Replica replica, Action<bool> done) : MetadataRequest
    {
        protected override void OnEnded()
        {
            if (Status != StoreStatus.Success)
            {
                replica.Fail(Status);
            }

            done(Status == StoreStatus.Success);
        }
    }
}
