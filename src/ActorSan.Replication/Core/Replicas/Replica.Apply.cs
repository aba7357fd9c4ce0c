using ActorSan.Storage;
using ActorSan.Storage.Stores;
using static ActorSan.Replication.Core.Replicas.ReplicaWrite;

namespace ActorSan.Replication.Core.Replicas;

/// <summary>How a write reaches the store: in order of arrival where it overlaps, intent first, through a redo slot where it must not tear (W2, W4, W11); flushes and fences.</summary>
public sealed unsafe partial class Replica
{
    private readonly int[] _freeSlots;
    private int _freeSlotCount;
    private ReplicaWrite? _firstForSlot;
    private ReplicaWrite? _lastForSlot;
    private ReplicaWrite? _firstActive;
    private ReplicaWrite? _lastActive;
    private readonly List<ReplicaFlush> _flushing = [];
    private ReplicaFlush? _firstFlush;
    private ReplicaFlush? _lastFlush;
    private Action<bool>? _fenced;
    private long _arrivals;
    private int _submitted;

    /// <summary>I/O of the store's that is under way.</summary>
    public int SubmittedCount => _submitted;

    public void Apply(ReplicaWrite write)
    {
        Invariant.Check(write.Step == WriteStep.Idle && write.Kind != ReplicaWriteKind.None);
        write.Owner = this;
        write.Arrival = ++_arrivals;
        write.Dropped = false;
        write.Told = false;
        write.Status = StoreStatus.Pending;
        write.Step = WriteStep.Lock;
        write.PreviousActive = _lastActive;
        write.NextActive = null;
        if (_lastActive is null)
        {
            _firstActive = write;
        }
        else
        {
            _lastActive.NextActive = write;
        }

        _lastActive = write;
        if (IsFailed)
        {
            Finish(write, StoreStatus.Vanished);
            return;
        }

        write.Lock.OffsetBytes = write.OffsetBytes;
        write.Lock.LengthBytes = write.Kind == ReplicaWriteKind.Attribute ? 0 : write.LengthBytes;
        write.Lock.Exclusive = true;
        write.Lock.Key = (byte)write.Attribute;
        write.Lock.KeyExclusive = write.Attribute != 0;
        if (_locks.TryAcquire(write.Lock))
        {
            OnLocked(write);
        }
    }

    /// <summary>Reads the volume's bytes; overlapping writes are the caller's to keep away (its range lock does).</summary>
    public void Read(StoreRequest request, long offsetBytes, long lengthBytes, byte* data)
    {
        request.OffsetBytes = _dataOffsetBytes + offsetBytes;
        request.LengthBytes = lengthBytes;
        request.Data = data;
        if (IsFailed)
        {
            request.End(StoreStatus.Vanished);
            return;
        }

        _store.Read(request);
    }

    public void MapStatus(StoreRequest request, long offsetBytes, long lengthBytes)
    {
        request.OffsetBytes = _dataOffsetBytes + offsetBytes;
        request.LengthBytes = lengthBytes;
        if (IsFailed)
        {
            request.End(StoreStatus.Vanished);
            return;
        }

        _store.MapStatus(request);
    }

    /// <summary>W10: waits for everything that arrived before, then flushes.</summary>
    public void Flush(ReplicaFlush flush)
    {
        flush.Owner = this;
        flush.Arrival = _arrivals;
        flush.NextWaiting = null;
        flush.Status = StoreStatus.Pending;
        if (_lastFlush is null)
        {
            _firstFlush = flush;
        }
        else
        {
            _lastFlush.NextWaiting = flush;
        }

        _lastFlush = flush;
        PumpFlushes();
    }

    /// <summary>
    /// P3, W3: what has not been submitted to the store is dropped, what has been is waited for, then the epoch is made durable. A second fence before the first has ended
    /// takes its place: the first is told false.
    /// </summary>
    public void Fence(long epoch, Action<bool> done)
    {
        for (ReplicaWrite? write = _firstActive; write is not null; write = write.NextActive)
        {
            write.Dropped |= write.Step is WriteStep.Lock or WriteStep.Intent or WriteStep.SlotWait;
        }

        DropSlotWaiters();
        Action<bool>? replaced = _fenced;
        _fenced = held =>
        {
            if (held)
            {
                MakeEpochDurable(epoch, done);
            }
            else
            {
                done(false);
            }
        };
        replaced?.Invoke(false);
        PumpFence();
    }

    internal void OnLocked(ReplicaWrite write)
    {
        if (IsGivenUp(write))
        {
            return;
        }

        if (write.Kind == ReplicaWriteKind.Attribute)
        {
            write.Step = WriteStep.Store;
            write.StartedNs = _clock.NowNs;
            _submitted++;
            write.Metadata.Attribute = write.Attribute;
            write.Metadata.LengthBytes = write.LengthBytes;
            write.Metadata.Data = write.Data;
            _metadata.SetAttribute(write.Metadata);
            return;
        }

        write.Step = WriteStep.Intent;
        write.StartedNs = _clock.NowNs;
        write.Waiter.IntentOffsetBytes = write.OffsetBytes;
        write.Waiter.IntentLengthBytes = write.LengthBytes;
        if (Intent.TrySet(write.Waiter))
        {
            OnIntent(write, true);
        }
    }

    internal void OnIntent(ReplicaWrite write, bool durable)
    {
        if (!durable)
        {
            Fail(StoreStatus.WriteError);
            Finish(write, StoreStatus.WriteError);
            return;
        }

        if (IsGivenUp(write))
        {
            return;
        }

        if (write.Atomic && write.Kind == ReplicaWriteKind.Write)
        {
            write.Step = WriteStep.SlotWait;
            if (_freeSlotCount == 0)
            {
                Enqueue(write);
                return;
            }

            WriteSlot(write);
            return;
        }

        Submit(write);
    }

    internal void OnMetadataEnded(ReplicaWrite write)
    {
        StoreStatus status = write.Metadata.Status;
        _submitted--;
        if (status != StoreStatus.Success)
        {
            Fail(status);
        }

        switch (write.Step)
        {
            case WriteStep.Store:
                Finish(write, status);
                break;
            case WriteStep.Slot when status == StoreStatus.Success:
                Submit(write);
                break;
            case WriteStep.Slot:
                Finish(write, status);
                break;
            case WriteStep.SlotClear:
                ReturnSlot(write);
                Finish(write, status);
                break;
            default:
                Invariant.Fail("a metadata request ended in no step that has one");
                break;
        }
    }

    internal void OnStoreEnded(ReplicaWrite write)
    {
        StoreStatus status = write.Request.Status;
        _submitted--;
        if (status != StoreStatus.Success)
        {
            if (status != StoreStatus.NoSpace || !_user.KeepsWhenFull || write.Slot >= 0)
            {
                Fail(status);
            }

            Finish(write, status);
            return;
        }

        if (write.Step == WriteStep.SlotFlush)
        {
            write.Step = WriteStep.SlotClear;
            write.StartedNs = _clock.NowNs;
            _submitted++;
            write.Metadata.Slot = write.Slot;
            _metadata.ClearRedo(write.Metadata);
            return;
        }

        if (write.Slot < 0)
        {
            Finish(write, status);
            return;
        }

        // Whole by its slot, and in place: it counts. The slot is emptied behind it, and nothing that overlaps is applied before that (W11).
        write.Step = WriteStep.SlotFlush;
        write.StartedNs = _clock.NowNs;
        _submitted++;
        Tell(write, status);
        if (_bugs.Has(Bug.ApplyOverSlot))
        {
            _locks.Release(write.Lock);
        }

        _store.Flush(write.Request);
    }

    internal void OnFlushEnded(ReplicaFlush flush)
    {
        _submitted--;
        _ = _flushing.Remove(flush);
        StoreStatus status = flush.Request.Status;
        if (status != StoreStatus.Success)
        {
            // Room that ran out only now has lost what was taken before: the session ends, whatever the store calls it.
            Fail(status == StoreStatus.NoSpace ? StoreStatus.WriteError : status);
        }

        flush.Status = status;
        flush.OnFlushed();
        PumpFence();
    }

    /// <summary>The oldest I/O that the store has and has not ended, by the time it was submitted; long.MaxValue when there is none.</summary>
    public long OldestSubmittedNs()
    {
        long oldest = long.MaxValue;
        for (ReplicaWrite? write = _firstActive; write is not null; write = write.NextActive)
        {
            if (write.Step is WriteStep.Intent or WriteStep.Store or WriteStep.Slot or WriteStep.SlotFlush or WriteStep.SlotClear)
            {
                oldest = Math.Min(oldest, write.StartedNs);
            }
        }

        foreach (ReplicaFlush flush in _flushing)
        {
            oldest = Math.Min(oldest, flush.StartedNs);
        }

        oldest = _stateWriter.IsBusy ? Math.Min(oldest, _stateWriter.StartedNs) : oldest;
        return _setWriter.IsBusy ? Math.Min(oldest, _setWriter.StartedNs) : oldest;
    }

    private bool IsGivenUp(ReplicaWrite write)
    {
        if (!write.Dropped && !IsFailed)
        {
            return false;
        }

        Finish(write, IsFailed ? StoreStatus.Vanished : StoreStatus.Cancelled);
        return true;
    }

    private void Submit(ReplicaWrite write)
    {
        write.Step = WriteStep.Store;
        write.Mark = Intent.Mark;
        write.StartedNs = _clock.NowNs;
        _submitted++;
        StoreRequest request = write.Request;
        request.OffsetBytes = _dataOffsetBytes + write.OffsetBytes;
        request.LengthBytes = write.LengthBytes;
        request.Data = write.Data;
        request.Durable = write.Durable || !Options.WriteCache;
        request.MayDeallocate = write.MayDeallocate;
        if (write.Kind == ReplicaWriteKind.Zero)
        {
            _store.Zero(request);
        }
        else
        {
            _store.Write(request);
        }
    }

    private void WriteSlot(ReplicaWrite write)
    {
        write.Slot = _freeSlots[--_freeSlotCount];
        write.Step = WriteStep.Slot;
        write.StartedNs = _clock.NowNs;
        _submitted++;
        write.Metadata.Slot = write.Slot;
        write.Metadata.OffsetBytes = write.OffsetBytes;
        write.Metadata.LengthBytes = write.LengthBytes;
        write.Metadata.Data = write.Data;
        _metadata.WriteRedo(write.Metadata);
    }

    private void Enqueue(ReplicaWrite write)
    {
        write.NextForSlot = null;
        if (_lastForSlot is null)
        {
            _firstForSlot = write;
        }
        else
        {
            _lastForSlot.NextForSlot = write;
        }

        _lastForSlot = write;
    }

    private void ReturnSlot(ReplicaWrite write)
    {
        // A slot that could not be emptied may be replayed over newer bytes: the store has failed, and nobody gets the slot again.
        if (IsFailed)
        {
            write.Slot = -1;
            DropSlotWaiters();
            return;
        }

        _freeSlots[_freeSlotCount++] = write.Slot;
        write.Slot = -1;
        if (_firstForSlot is { } waiting)
        {
            _firstForSlot = waiting.NextForSlot;
            _lastForSlot = _firstForSlot is null ? null : _lastForSlot;
            WriteSlot(waiting);
        }
    }

    // The store has nothing of them, and reads nothing of their memory.
    private void TellUnsubmitted()
    {
        ReplicaWrite? write = _firstActive;
        while (write is not null)
        {
            ReplicaWrite? next = write.NextActive;
            if (write.Step is WriteStep.Lock or WriteStep.Intent)
            {
                Tell(write, StoreStatus.Vanished);
            }

            write = next;
        }
    }

    private void DropSlotWaiters()
    {
        ReplicaWrite? waiting = _firstForSlot;
        _firstForSlot = null;
        _lastForSlot = null;
        while (waiting is not null)
        {
            ReplicaWrite next = waiting;
            waiting = waiting.NextForSlot;
            Finish(next, IsFailed ? StoreStatus.Vanished : StoreStatus.Cancelled);
        }
    }

    private void Tell(ReplicaWrite write, StoreStatus status)
    {
        if (!write.Told)
        {
            write.Told = true;
            write.Status = status;
            write.OnApplied();
        }
    }

    private void Finish(ReplicaWrite write, StoreStatus status)
    {
        if (write.Slot >= 0 && write.Step != WriteStep.SlotClear)
        {
            write.Slot = -1;
        }

        write.Step = WriteStep.Idle;
        Unlink(write);
        if (write.Lock.IsQueued)
        {
            // A lock that is not granted yet cannot be taken back; only those who hold theirs come here.
            _locks.Release(write.Lock);
        }

        Tell(write, status);
        write.OnReleased();
        PumpFlushes();
        PumpFence();
    }

    private void Unlink(ReplicaWrite write)
    {
        if (write.PreviousActive is null)
        {
            _firstActive = write.NextActive;
        }
        else
        {
            write.PreviousActive.NextActive = write.NextActive;
        }

        if (write.NextActive is null)
        {
            _lastActive = write.PreviousActive;
        }
        else
        {
            write.NextActive.PreviousActive = write.PreviousActive;
        }

        write.PreviousActive = null;
        write.NextActive = null;
    }

    private void PumpFlushes()
    {
        while (_firstFlush is { } flush && (_firstActive is not { } oldest || oldest.Arrival > flush.Arrival || IsPastStore(flush.Arrival)))
        {
            _firstFlush = flush.NextWaiting;
            _lastFlush = _firstFlush is null ? null : _lastFlush;
            _submitted++;
            flush.StartedNs = _clock.NowNs;
            _flushing.Add(flush);
            if (IsFailed)
            {
                flush.Request.End(StoreStatus.Vanished);
            }
            else
            {
                _store.Flush(flush.Request);
            }
        }
    }

    // A write whose slot is being emptied behind it is in place already: a flush does not wait for it.
    private bool IsPastStore(long arrival)
    {
        for (ReplicaWrite? write = _firstActive; write is not null && write.Arrival <= arrival; write = write.NextActive)
        {
            if (write.Step is not (WriteStep.SlotFlush or WriteStep.SlotClear))
            {
                return false;
            }
        }

        return true;
    }

    private void PumpFence()
    {
        if (_fenced is null || _submitted > 0)
        {
            return;
        }

        for (ReplicaWrite? write = _firstActive; write is not null; write = write.NextActive)
        {
            if (!write.Dropped)
            {
                return;
            }
        }

        Action<bool> fenced = _fenced;
        _fenced = null;
        fenced(!IsFailed);
    }
}
