using ActorSan.Storage;
using ActorSan.Storage.Buffers;
using ActorSan.Storage.Threads;

namespace ActorSan.Scsi.Copy;

/// <summary>
/// One EXTENDED COPY that runs, on the home thread of the unit that was asked. Segments go one after the other, a segment in pieces of which some are in flight at once.
/// An abort or a failure begins no further piece and ends the command when those in flight have ended. Reused.
/// </summary>
/// <remarks>
/// Where source and destination overlap on one unit, pieces go away from the destination (from the end when the destination lies behind), and the volume does
/// overlapping operations in the order in which they were asked for: a piece's write is asked for after its own read, hence after the reads of all pieces
/// before it, and it reaches no bytes that a later piece reads.
/// </remarks>
internal sealed class CopyOperation
{
    private readonly BlockDevice _device;
    private readonly CopyPiece[] _pieces = new CopyPiece[CopyLimits.MaxPieces];
    private TaskState? _task;
    private CopyResult? _result;
    private int _segment;
    private long _begun;
    private bool _backwards;
    private bool _stopped;
    private bool _failed;
    private bool _failedReading;
    private int _failedSegment;
    private bool _pumping;
    private bool _over;

    public CopyOperation(BlockDevice device)
    {
        _device = device;
        for (int i = 0; i < _pieces.Length; i++)
        {
            _pieces[i] = new CopyPiece(this);
        }
    }

    public IoThread Home => _device.Volume.Home;

    public CopyPlan Plan { get; } = new();

    /// <summary>The lists were read: finds units and ranges, copies, then ends the task. The task waits meanwhile.</summary>
    public void Begin(TaskState task, CopyResult? result)
    {
        _task = task;
        _result = result;
        _segment = -1;
        _stopped = false;
        _failed = false;
        _over = false;
        if (!Plan.Resolve(task))
        {
            return;
        }

        task.Await(Finish);
        if (!RentBuffers())
        {
            task.EndStatus(ScsiStatus.Busy);
            return;
        }

        NextSegment();
        Pump();
    }

    /// <summary>On the home thread: the piece's read or write has ended.</summary>
    public void OnPieceDone(CopyPiece piece)
    {
        piece.Phase = piece.Phase == PiecePhase.Reading ? PiecePhase.HasRead : PiecePhase.HasWritten;
        Pump();
    }

    /// <summary>The task has ended, however: gives everything back.</summary>
    public void End()
    {
        foreach (CopyPiece piece in _pieces)
        {
            Invariant.Check(piece.Phase == PiecePhase.Idle);
            if (!piece.Buffer.IsEmpty)
            {
                Home.Buffers.Return(piece.Buffer);
                piece.Buffer = default;
            }
        }

        if (_result is { } result)
        {
            KeepResult(result);
        }

        Plan.Clear();
        _task = null;
        _result = null;
    }

    // What a longest segment can use; one buffer is a must, more only while half of the pool is free: connections and tasks come first.
    private bool RentBuffers()
    {
        long longest = 0;
        for (int i = 0; i < Plan.SegmentCount; i++)
        {
            longest = Math.Max(longest, Plan.Segments[i].Bytes);
        }

        for (int i = 0; i < _pieces.Length && (long)i * CopyLimits.PieceBytes < longest; i++)
        {
            BufferPool pool = Home.Buffers;
            if (i > 0 && pool.InUseBytes > pool.CapacityBytes / 2)
            {
                break;
            }

            if (!pool.TryRent((int)Math.Min(longest, CopyLimits.PieceBytes), BufferOwner.Copy, out _pieces[i].Buffer))
            {
                _pieces[i].Buffer = default;
                return i > 0;
            }
        }

        return true;
    }

    private void NextSegment()
    {
        _begun = 0;
        _segment++;
        if (_segment < Plan.SegmentCount)
        {
            ref CopySegment segment = ref Plan.Segments[_segment];
            _backwards = ReferenceEquals(((BlockDevice)segment.Source.Unit).Volume, ((BlockDevice)segment.Destination.Unit).Volume)
                && segment.DestinationBytesOffset > segment.SourceBytesOffset
                && segment.DestinationBytesOffset < segment.SourceBytesOffset + segment.Bytes;
        }
    }

    private void Pump()
    {
        if (_pumping)
        {
            return;
        }

        _pumping = true;
        while (Turn())
        {
        }

        _pumping = false;
        if (_over)
        {
            _over = false;
            _task!.Resume();
        }
    }

    // Moves every piece that can move; true when something moved. Pieces that complete inline are seen in the next turn.
    private bool Turn()
    {
        bool moved = false;
        bool busy = false;
        foreach (CopyPiece piece in _pieces)
        {
            if (!piece.Buffer.IsEmpty)
            {
                moved |= Move(piece);
                busy |= piece.Phase != PiecePhase.Idle;
            }
        }

        if (moved || busy || _over)
        {
            return moved;
        }

        bool segmentDone = _segment < Plan.SegmentCount && _begun == Plan.Segments[_segment].Bytes;
        if (segmentDone && !_failed)
        {
            if (_result is not null)
            {
                _result.SegmentsDone++;
            }

            NextSegment();
        }

        _over = _segment >= Plan.SegmentCount || MustStop;
        return !_over;
    }

    private bool MustStop => _stopped || _task!.Aborting;

    private bool Move(CopyPiece piece)
    {
        switch (piece.Phase)
        {
            case PiecePhase.Idle:
                return !MustStop && BeginPiece(piece);
            case PiecePhase.HasRead:
                if (!Succeeded(piece, reading: true) || MustStop)
                {
                    piece.Phase = PiecePhase.Idle;
                    return true;
                }

                piece.BeginWrite(Plan.Segments[_segment].Destination);
                return true;
            case PiecePhase.HasWritten:
                piece.Phase = PiecePhase.Idle;
                if (Succeeded(piece, reading: false) && _result is not null)
                {
                    _result.BytesWritten += piece.Bytes;
                }

                return true;
            default:
                return false;
        }
    }

    private bool BeginPiece(CopyPiece piece)
    {
        if (_segment >= Plan.SegmentCount)
        {
            return false;
        }

        ref CopySegment segment = ref Plan.Segments[_segment];
        long left = segment.Bytes - _begun;
        if (left == 0)
        {
            return false;
        }

        // Pieces lie on multiples of their length from the segment's start, so that only the last one can end inside of a block.
        long at = _begun;
        long bytes = Math.Min(left, CopyLimits.PieceBytes);
        if (_backwards)
        {
            long tail = segment.Bytes % CopyLimits.PieceBytes;
            bytes = _begun == 0 && tail != 0 ? tail : CopyLimits.PieceBytes;
            at = left - bytes;
        }

        _begun += bytes;
        piece.Bytes = (int)bytes;
        piece.DestinationBytesOffset = segment.DestinationBytesOffset + at;
        piece.BeginRead(segment.Source, segment.SourceBytesOffset + at);
        return true;
    }

    private bool Succeeded(CopyPiece piece, bool reading)
    {
        if (piece is { Aborted: false, Status: ScsiStatus.Good })
        {
            return true;
        }

        _stopped = true;
        if (!_failed)
        {
            _failed = true;
            _failedReading = reading;
            _failedSegment = _segment;
            Failure.Take(piece);
        }

        return false;
    }

    private CopyFailure Failure { get; } = new();

    private static void Finish(TaskState task)
    {
        var copy = (CopyOperation)task.Extra!;
        if (copy._failed)
        {
            copy.Failure.Answer(task, copy._failedSegment, copy._failedReading);
            return;
        }

        task.EndGood(task.Task.DataOutLength);
    }

    private void KeepResult(CopyResult result)
    {
        ScsiTask task = _task!.Task;
        bool good = !_task.Aborting && task.Status == ScsiStatus.Good;
        result.Status = good ? CopyStatus.Good : CopyStatus.Failed;
        result.CommandStatus = task.Status;
        result.SenseLength = _task.Aborting ? 0 : task.SenseLength;
        ((ReadOnlySpan<byte>)task.Sense)[..result.SenseLength].CopyTo(result.Sense);
        if (!result.Held)
        {
            result.Forget();
        }
    }
}
