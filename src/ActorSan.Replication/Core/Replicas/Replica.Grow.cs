using ActorSan.Replication.Core.Formats;
using ActorSan.Replication.Core.Frames;
using ActorSan.Replication.Core.Intent;
using ActorSan.Storage.Metadata;
using ActorSan.Storage.Stores;

namespace ActorSan.Replication.Core.Replicas;

/// <summary>S7 at one replica: a longer store, its new part zero where that is asked for, a larger size in its metadata, and sets that have the new part.</summary>
public sealed unsafe partial class Replica
{
    private readonly Queue<GrowRun> _growing = new();

    /// <summary>
    /// The store and the metadata area have room for a volume of that size when this ends well, and the sets of those who are out have all of it that no configuration has said
    /// yet, durable. Doing it again does no harm: a set that was made since the last time gets the new part then.
    /// </summary>
    /// <param name="zero">The new part reads as zeroes: whoever is or may be in sync. One that is out gets it by resync.</param>
    public void Grow(long sizeBytes, bool zero, Action<bool> done)
    {
        _growing.Enqueue(new GrowRun(this, sizeBytes, zero, done));
        if (_growing.Count == 1)
        {
            _growing.Peek().Begin();
        }
    }

    private void AddNewPart(long fromBytes, long toBytes)
    {
        if (_bugs.Has(Bug.ForgetGrownPart) || fromBytes >= toBytes)
        {
            return;
        }

        foreach (PeerSet set in _sets)
        {
            long end = Math.Min(toBytes, set.Set.SizeBytes);
            if (end > fromBytes)
            {
                set.Add(new ByteRange(fromBytes, end - fromBytes));
            }
        }
    }

    private bool HasPagesFor(long sizeBytes)
    {
        long chunks = (sizeBytes + Options.ChunkBytes - 1) / Options.ChunkBytes;
        long granules = (sizeBytes + Options.GranuleBytes - 1) / Options.GranuleBytes;
        return chunks <= (long)Intent.ChunksPerPage * _metadata.PageCount(Ports.ReplicaPageKind.WriteIntent)
            && granules <= (long)OutOfSyncPage.Bits * _metadata.PageCount(Ports.ReplicaPageKind.OutOfSync);
    }

    private void OnGrown(long sizeBytes)
    {
        if (sizeBytes > SizeBytes)
        {
            SizeBytes = sizeBytes;
            Intent.Grow(sizeBytes);
        }

        foreach (PeerSet set in _sets)
        {
            if (set.Set.SizeBytes < SizeBytes)
            {
                set.Grow(SizeBytes);
            }
        }
    }

    private sealed class GrowRun(Replica replica, long sizeBytes, bool zero, Action<bool> done)
    {
        private const long ZeroedAtOnce = 1 << 30;

        private long _zeroedTo = replica.SizeBytes;

        public void Begin()
        {
            if (replica.IsFailed || sizeBytes > replica._metadata.GrowLimitBytes || !replica.HasPagesFor(sizeBytes))
            {
                End(replica.SizeBytes >= sizeBytes && !replica.IsFailed);
                return;
            }

            _zeroedTo = replica.SizeBytes;
            if (sizeBytes <= replica.SizeBytes)
            {
                replica.OnGrown(replica.SizeBytes);
                OnSized();
                return;
            }

            replica._metadata.Extend(new Step(OnExtended) { LengthBytes = sizeBytes });
        }

        private void OnExtended(bool held)
        {
            if (!held)
            {
                // Nothing of the volume was touched.
                End(false);
                return;
            }

            ZeroNext();
        }

        private void ZeroNext()
        {
            if (!zero)
            {
                SetSize(true);
                return;
            }

            if (_zeroedTo == sizeBytes)
            {
                replica._store.Flush(new Io(SetSize));
                return;
            }

            long length = Math.Min(ZeroedAtOnce, sizeBytes - _zeroedTo);
            var request = new Io(OnZeroed) { OffsetBytes = replica._dataOffsetBytes + _zeroedTo, LengthBytes = length, MayDeallocate = !replica._metadata.IsThick };
            _zeroedTo += length;
            replica._store.Zero(request);
        }

        private void OnZeroed(bool held)
        {
            if (!held)
            {
                End(false);
                return;
            }

            ZeroNext();
        }

        private void SetSize(bool flushed)
        {
            if (!flushed)
            {
                // A flush that fails is a store failure, whatever it was for (W10).
                replica.Fail(StoreStatus.WriteError);
                End(false);
                return;
            }

            replica._metadata.SetSize(new Step(OnSizeSet) { LengthBytes = sizeBytes });
        }

        private void OnSizeSet(bool held)
        {
            if (!held)
            {
                replica.Fail(StoreStatus.WriteError);
                End(false);
                return;
            }

            // What was grown shows by its mark that an image of before is older (W2, A2).
            replica.OnGrown(sizeBytes);
            replica.Intent.Count(new Counted(this));
        }

        private void OnCounted(bool durable)
        {
            if (!durable)
            {
                replica.Fail(StoreStatus.WriteError);
                End(false);
                return;
            }

            OnSized();
        }

        private void OnSized()
        {
            replica.AddNewPart(replica._configuration?.SizeBytes ?? sizeBytes, sizeBytes);
            replica.MakeSetsDurable(End);
        }

        private void End(bool held)
        {
            _ = replica._growing.Dequeue();
            done(held && !replica.IsFailed);
            if (replica._growing.TryPeek(out GrowRun? next))
            {
                next.Begin();
            }
        }

        private sealed class Step(Action<bool> then) : MetadataRequest
        {
            protected override void OnEnded() => then(Status == StoreStatus.Success);
        }

        private sealed class Counted(GrowRun run) : IntentWaiter
        {
            public override void OnIntent(bool durable) => run.OnCounted(durable);
        }

        private sealed class Io(Action<bool> then) : StoreRequest
        {
            protected override void OnEnded() => then(Status == StoreStatus.Success);
        }
    }
}
