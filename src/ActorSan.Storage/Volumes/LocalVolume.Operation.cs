using System.Numerics;
using System.Runtime.InteropServices;
using ActorSan.Storage.Blocks;
using ActorSan.Storage.Buffers;
using ActorSan.Storage.Metadata;
using ActorSan.Storage.Stores;

namespace ActorSan.Storage.Volumes;

/// <summary>One operation from lock to answer, as steps; each step asks the store or the metadata area for one thing.</summary>
public sealed unsafe partial class LocalVolume
{
    private enum Step : byte
    {
        None,

        /// <summary>The one request of a plain operation.</summary>
        Only,

        /// <summary>A piece was read that is compared, or joined, with the given bytes.</summary>
        Piece,

        /// <summary>Space is taken first, so that what is in a slot can't meet a full store in its place.</summary>
        Provision,
        Redo,

        /// <summary>What the redo slot holds is written where it belongs.</summary>
        InPlace,

        /// <summary>The answer is given; the slot can be emptied once this has ended.</summary>
        FlushForSlot,
        ClearSlot,
        Key,
        Erase,
        EraseFlush,
    }

    // FIFO queues through NextWaiting.
    private static void Enqueue(ref LocalOperation? first, ref LocalOperation? last, LocalOperation operation)
    {
        operation.NextWaiting = null;
        if (last is null)
        {
            first = operation;
        }
        else
        {
            last.NextWaiting = operation;
        }

        last = operation;
    }

    private static LocalOperation? Dequeue(ref LocalOperation? first, ref LocalOperation? last)
    {
        if (first is not { } operation)
        {
            return null;
        }

        first = operation.NextWaiting;
        if (first is null)
        {
            last = null;
        }

        operation.NextWaiting = null;
        return operation;
    }

    /// <summary>The clean mark is off before the first write reaches the store (replication.md §2). True: it is off already.</summary>
    private bool IsMarkedDirty(LocalOperation operation)
    {
        if (_mark == MarkPhase.Dirty)
        {
            return true;
        }

        Enqueue(ref _firstWaitingForMark, ref _lastWaitingForMark, operation);
        if (_mark == MarkPhase.Clean)
        {
            _mark = MarkPhase.Marking;
            _marking ??= new CleanMark(OnMarked);
            _metadata.MarkDirty(_marking);
        }

        return false;
    }

    private void OnMarked(StoreStatus status)
    {
        _mark = status == StoreStatus.Success ? MarkPhase.Dirty : MarkPhase.Clean;
        LocalOperation? waiting = _firstWaitingForMark;
        _firstWaitingForMark = null;
        _lastWaitingForMark = null;
        while (waiting is not null)
        {
            LocalOperation? next = waiting.NextWaiting;
            waiting.NextWaiting = null;
            waiting.OnMarked(status);
            waiting = next;
        }

        if (_close is not null)
        {
            GoOnClosing();
        }
    }

    /// <summary>A buffer for a piece: from the pool, else the volume's own, else later.</summary>
    private bool TryRentPiece(LocalOperation operation, int lengthBytes)
    {
        if (Home.Buffers.TryRent(lengthBytes, BufferOwner.Volume, out operation.Piece))
        {
            return true;
        }

        if (!_reserveInUse)
        {
            _reserveInUse = true;
            operation.Piece = _reserve;
            operation.HasReserve = true;
            return true;
        }

        operation.Piece = default;
        Enqueue(ref _firstWaitingForReserve, ref _lastWaitingForReserve, operation);
        return false;
    }

    private void ReturnPiece(LocalOperation operation)
    {
        if (operation.Piece.IsEmpty)
        {
            return;
        }

        IoBuffer piece = operation.Piece;
        operation.Piece = default;
        if (!operation.HasReserve)
        {
            Home.Buffers.Return(piece);
            return;
        }

        operation.HasReserve = false;
        _reserveInUse = false;
        if (Dequeue(ref _firstWaitingForReserve, ref _lastWaitingForReserve) is { } waiting)
        {
            _reserveInUse = true;
            waiting.Piece = piece;
            waiting.HasReserve = true;
            waiting.OnPieceRented();
        }
    }

    private sealed partial class LocalOperation(LocalVolume volume) : StoreRequest
    {
        private readonly LocalVolume _volume = volume;
        private OperationLock? _lock;
        private OperationMetadata? _metadata;
        private VolumeOperation? _operation;
        private VolumeOperationKind _kind;
        private Step _step;
        private long _cursor;

        public LocalOperation? NextWaiting;
        public IoBuffer Piece;
        public bool HasReserve;
        public int RedoSlot = -1;

        private OperationLock Lock => _lock ??= new OperationLock(this);

        private OperationMetadata Metadata => _metadata ??= new OperationMetadata(this);

        public void Begin(VolumeOperation operation, bool exclusive)
        {
            _operation = operation;
            _kind = operation.Kind;
            OperationLock range = Lock;
            range.Key = 0;
            range.KeyExclusive = false;
            range.Exclusive = exclusive;
            switch (_kind)
            {
                case VolumeOperationKind.Flush:
                    // What completed before is the store's to know: nothing to wait for.
                    Start();
                    return;
                case VolumeOperationKind.SetAttribute:
                    range.Key = (byte)operation.Attribute;
                    range.KeyExclusive = true;
                    range.OffsetBytes = 0;
                    range.LengthBytes = operation.TakesRightsAway ? _volume.Geometry.SizeBytes : 0;
                    break;
                case VolumeOperationKind.CryptoErase:
                    range.OffsetBytes = 0;
                    range.LengthBytes = _volume.Geometry.SizeBytes;
                    break;
                default:
                    range.OffsetBytes = operation.OffsetBytes;
                    range.LengthBytes = operation.LengthBytes;
                    break;
            }

            if (_volume._locks.TryAcquire(range))
            {
                Start();
            }
        }

        public VolumeOperation? TakeOperation()
        {
            VolumeOperation? operation = _operation;
            _operation = null;
            return operation;
        }

        public void ReleaseLock()
        {
            _step = Step.None;
            if (_lock is { IsQueued: true })
            {
                _volume._locks.Release(_lock);
            }
        }

        /// <summary>The lock is held.</summary>
        private void Start()
        {
            if (_volume._failure is not null)
            {
                // Also while it closes: a slot may hold what a replay would put over whatever were written here now.
                Refuse();
                return;
            }

            bool writes = _kind is not (VolumeOperationKind.Read or VolumeOperationKind.MapStatus or VolumeOperationKind.Flush);
            if (!writes || _volume.IsMarkedDirty(this))
            {
                Go();
            }
        }

        public void OnMarked(StoreStatus status)
        {
            if (status != StoreStatus.Success)
            {
                End(Judge(status, 0, flush: status == StoreStatus.WriteError));
            }
            else if (_volume._failure is not null)
            {
                Refuse();
            }
            else
            {
                Go();
            }
        }

        public void Refuse() => End(VolumeStatus.NotReady);

        private void Go()
        {
            VolumeOperation operation = _operation!;
            switch (_kind)
            {
                case VolumeOperationKind.Read:
                    Ask(Step.Only, operation.OffsetBytes, operation.LengthBytes, operation.Data);
                    _volume._store.Read(this);
                    break;
                case VolumeOperationKind.Write:
                    if (operation.Atomic)
                    {
                        Provision();
                    }
                    else
                    {
                        WriteGiven(Step.Only);
                    }

                    break;
                case VolumeOperationKind.CompareAndWrite or VolumeOperationKind.OrWrite:
                    _cursor = 0;
                    ReadPiece();
                    break;
                case VolumeOperationKind.Unmap or VolumeOperationKind.WriteZeroes:
                    Ask(Step.Only, operation.OffsetBytes, operation.LengthBytes, null);
                    Durable = operation.ForceUnitAccess || _volume._everyWriteDurable;
                    MayDeallocate = _kind == VolumeOperationKind.Unmap ? _volume._options.Thin : operation.MayDeallocate && _volume._options.Thin;
                    _volume._store.Zero(this);
                    break;
                case VolumeOperationKind.MapStatus:
                    Ask(Step.Only, operation.OffsetBytes, operation.LengthBytes, null);
                    _volume._store.MapStatus(this);
                    break;
                case VolumeOperationKind.Flush:
                    Ask(Step.Only, 0, 0, null);
                    _volume._store.Flush(this);
                    break;
                case VolumeOperationKind.SetAttribute:
                    OperationMetadata attribute = Metadata;
                    attribute.Attribute = operation.Attribute;
                    attribute.LengthBytes = operation.LengthBytes;
                    attribute.Data = operation.Data;
                    _step = Step.Only;
                    _volume._metadata.SetAttribute(attribute);
                    break;
                case VolumeOperationKind.CryptoErase:
                    _step = Step.Key;
                    _volume._metadata.ReplaceDataKey(Metadata);
                    break;
                default:
                    Invariant.Fail($"No volume operation {_kind}.");
                    break;
            }
        }

        private void Ask(Step step, long offsetBytes, long lengthBytes, byte* data)
        {
            _step = step;
            OffsetBytes = _volume._dataOffsetBytes + offsetBytes;
            LengthBytes = lengthBytes;
            Data = data;
            Durable = false;
            MayDeallocate = false;
        }

        /// <summary>The new bytes: a COMPARE AND WRITE brings them behind those to compare.</summary>
        private byte* Given => _kind == VolumeOperationKind.CompareAndWrite ? _operation!.Data + _operation.LengthBytes : _operation!.Data;

        private void WriteGiven(Step step)
        {
            Ask(step, _operation!.OffsetBytes, _operation.LengthBytes, Given);
            // Behind a redo slot the flush that precedes its emptying makes the write durable; until then the slot is.
            Durable = step == Step.Only && (_operation.ForceUnitAccess || _volume._everyWriteDurable);
            _volume._store.Write(this);
        }

        // COMPARE AND WRITE and ORWRITE.

        private void ReadPiece()
        {
            int length = (int)Math.Min(ReserveBytes, _operation!.LengthBytes);
            if (!Piece.IsEmpty || _volume.TryRentPiece(this, length))
            {
                OnPieceRented();
            }
        }

        public void OnPieceRented()
        {
            if (_step == Step.Redo)
            {
                WriteRedo();
                return;
            }

            VolumeOperation operation = _operation!;
            Ask(Step.Piece, operation.OffsetBytes + _cursor, Math.Min(Math.Min(ReserveBytes, Piece.CapacityBytes), operation.LengthBytes - _cursor), Piece.Address);
            _volume._store.Read(this);
        }

        private void OnPieceRead()
        {
            VolumeOperation operation = _operation!;
            int length = (int)LengthBytes;
            var stored = new ReadOnlySpan<byte>(Piece.Address, length);
            var given = new Span<byte>(operation.Data + _cursor, length);
            if (_kind == VolumeOperationKind.OrWrite)
            {
                Join(stored, given);
            }
            else
            {
                int same = stored.CommonPrefixLength(given);
                if (same < length)
                {
                    operation.ResultOffsetBytes = _cursor + same;
                    End(VolumeStatus.Miscompare);
                    return;
                }
            }

            _cursor += length;
            if (_cursor < operation.LengthBytes)
            {
                OnPieceRented();
                return;
            }

            _volume.ReturnPiece(this);
            if (_kind == VolumeOperationKind.CompareAndWrite && operation.LengthBytes > _volume.Geometry.LogicalBlockBytes)
            {
                Provision();
            }
            else
            {
                WriteGiven(Step.Only);
            }
        }

        // given |= stored
        private static void Join(ReadOnlySpan<byte> stored, Span<byte> given)
        {
            ReadOnlySpan<Vector<byte>> from = MemoryMarshal.Cast<byte, Vector<byte>>(stored);
            Span<Vector<byte>> to = MemoryMarshal.Cast<byte, Vector<byte>>(given);
            for (int i = 0; i < from.Length; i++)
            {
                to[i] |= from[i];
            }

            for (int i = from.Length * Vector<byte>.Count; i < stored.Length; i++)
            {
                given[i] |= stored[i];
            }
        }

        public void OnMetadataEnded(StoreStatus status)
        {
            switch (_step)
            {
                case Step.Only:
                    End(Judge(status, 0, flush: status == StoreStatus.WriteError));
                    break;
                case Step.Redo:
                    _volume.ReturnPiece(this);
                    if (status == StoreStatus.Success)
                    {
                        WriteGiven(Step.InPlace);
                    }
                    else
                    {
                        // Whether the slot holds it is unknown: nothing was written in its place, and replaying a write that was answered with an error is no wrong.
                        // But the slot must be seen empty before anything that overlaps goes on.
                        AbandonSlot(Judge(status, 0));
                    }

                    break;
                case Step.ClearSlot:
                    OnSlotCleared(status);
                    break;
                case Step.Key:
                    if (status == StoreStatus.Success)
                    {
                        _volume._cipher!.ReplaceKey(_volume._metadata.DataKey);
                        Ask(Step.Erase, 0, _volume.Geometry.SizeBytes, null);
                        MayDeallocate = _volume._options.Thin;
                        _volume._store.Zero(this);
                    }
                    else
                    {
                        End(Judge(status, 0));
                    }

                    break;
                default:
                    Invariant.Fail($"No metadata request belongs to step {_step}.");
                    break;
            }
        }

        protected internal override void OnEnded()
        {
            switch (_step)
            {
                case Step.Only:
                    OnOnlyEnded();
                    break;
                case Step.Piece:
                    if (Status == StoreStatus.Success)
                    {
                        OnPieceRead();
                    }
                    else
                    {
                        End(Judge(Status, Errno));
                    }

                    break;
                case Step.Provision:
                    if (Status == StoreStatus.Success)
                    {
                        TakeSlot();
                    }
                    else
                    {
                        End(Judge(Status, Errno));
                    }

                    break;
                case Step.InPlace:
                    if (Status == StoreStatus.Success)
                    {
                        OnInPlace();
                    }
                    else
                    {
                        // Torn in place perhaps; the slot has the whole of it, and the next open writes it again. Until then nobody reads there.
                        LoseSlot(Judge(Status, Errno, flush: true));
                    }

                    break;
                case Step.FlushForSlot:
                    if (Status == StoreStatus.Success)
                    {
                        ClearSlot();
                    }
                    else
                    {
                        LoseSlot(Judge(Status, Errno, flush: true));
                    }

                    break;
                case Step.Erase:
                    if (Status == StoreStatus.Success)
                    {
                        Ask(Step.EraseFlush, 0, 0, null);
                        _volume._store.Flush(this);
                    }
                    else
                    {
                        End(Judge(Status, Errno));
                    }

                    break;
                case Step.EraseFlush:
                    End(Judge(Status, Errno, flush: true));
                    break;
                default:
                    Invariant.Fail($"No store request belongs to step {_step}.");
                    break;
            }
        }

        private void OnOnlyEnded()
        {
            if (_kind == VolumeOperationKind.MapStatus && Status == StoreStatus.Success)
            {
                _operation!.ResultLengthBytes = ResultLengthBytes;
                _operation.ResultMapped = ResultMapped;
            }

            VolumeStatus status = Status == StoreStatus.Success
                ? VolumeStatus.Success
                : Judge(Status, Errno, flush: _kind == VolumeOperationKind.Flush || (Durable && Status == StoreStatus.WriteError));
            End(status);
        }

        private VolumeStatus Judge(StoreStatus status, int errno, bool flush = false) =>
            _volume.Judge(status, errno, _kind, OffsetBytes - _volume._dataOffsetBytes, LengthBytes, flush);

        private void End(VolumeStatus status)
        {
            _volume.ReturnPiece(this);
            _volume.Finish(this, status);
        }

        private sealed class OperationLock(LocalOperation operation) : RangeLock
        {
            protected internal override void OnGranted() => operation.Start();
        }

        private sealed class OperationMetadata(LocalOperation operation) : MetadataRequest
        {
            protected internal override void OnEnded() => operation.OnMetadataEnded(Status);
        }
    }
}
