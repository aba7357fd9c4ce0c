using System.Buffers.Binary;
using ActorSan.Storage.Blocks;
using ActorSan.Storage.Buffers;
using ActorSan.Storage.Threads;

namespace ActorSan.Scsi.Copy;

/// <summary>Where a piece of a copy is.</summary>
internal enum PiecePhase : byte
{
    Idle,
    Reading,
    HasRead,
    Writing,
    HasWritten,
}

/// <summary>
/// A part of a segment on its way: a task of the initiator's nexus at the source, then at the destination, so that each unit admits it as it would the initiator's own
/// (reservations, port state, write protection, limits) and each unit's task management finds it. It crosses to the unit's home thread and back by message. What
/// it leaves out is the task set's order and bound: the EXTENDED COPY that it belongs to has its place there, and the pieces are few.
/// </summary>
internal sealed unsafe class CopyPiece : ScsiTask
{
    /// <summary>No initiator's tag: those have 32 bits.</summary>
    private const ulong NoTag = ulong.MaxValue;

    private static readonly CommandDescriptor ReadRow = Row("READ of a copy", 0x88, StartRead, ReservationClass.Reads, Restrictions.Medium);
    private static readonly CommandDescriptor WriteRow = Row("WRITE of a copy", 0x8A, StartWrite, ReservationClass.Writes, Restrictions.MediumWrite);

    private readonly CopyOperation _copy;
    private readonly SubmitMessage _submit;
    private readonly DoneMessage _done;
    private CommandDescriptor _row = ReadRow;

    public CopyPiece(CopyOperation copy)
    {
        _copy = copy;
        _submit = new SubmitMessage(this);
        _done = new DoneMessage(this);
    }

    public PiecePhase Phase;

    /// <summary>Of the copy's home thread; empty while the copy does not use this piece.</summary>
    public IoBuffer Buffer;

    /// <summary>Where it goes, in the destination.</summary>
    public long DestinationBytesOffset;

    /// <summary>What is copied; the room that it takes at either side ends at the next block.</summary>
    public int Bytes;

    /// <summary>The destination's room holds zeroes alone: it is told so instead of being sent them.</summary>
    public bool WritesZeroes;

    public void BeginRead(LunNexus source, long offsetBytes)
    {
        Phase = PiecePhase.Reading;
        DataIn = Buffer.Address;
        DataOut = null;
        DataOutLength = 0;
        Submit(source, ReadRow, offsetBytes);
    }

    public void BeginWrite(LunNexus destination)
    {
        var device = (BlockDevice)destination.Unit;
        int room = (Bytes + device.BlockBytes - 1) & -device.BlockBytes;
        Buffer.Span[Bytes..room].Clear();
        WritesZeroes = device.Volume.Capabilities.Thin && !Buffer.Span[..room].ContainsAnyExcept((byte)0);
        Phase = PiecePhase.Writing;
        DataIn = null;
        DataInCapacity = 0;
        DataOut = Buffer.Address;
        DataOutLength = room;
        Submit(destination, WriteRow, DestinationBytesOffset);
    }

    protected internal override void OnCompleted()
    {
        if (ReferenceEquals(LunNexus.Unit.Home, _copy.Home))
        {
            _copy.OnPieceDone(this);
        }
        else
        {
            // A home thread that has stopped waits for nothing.
            _ = _copy.Home.Post(_done);
        }
    }

    private static CommandDescriptor Row(string name, byte operationCode, Action<TaskState> start, ReservationClass reservation, Restrictions blockedBy) => new()
    {
        Name = name,
        OperationCode = operationCode,
        Usage = [operationCode, .. new byte[15]],
        Start = start,
        Flags = CommandFlags.IgnoresAttention | CommandFlags.ImplicitHeadOfQueue,
        Reservation = reservation,
        BlockedBy = blockedBy,
    };

    private void Submit(LunNexus nexus, CommandDescriptor row, long offsetBytes)
    {
        var device = (BlockDevice)nexus.Unit;
        uint blocks = (uint)((Bytes + device.BlockBytes - 1) >> device.BlockShift);
        LunNexus = nexus;
        Tag = NoTag;
        Attribute = TaskAttribute.Simple;
        Cdb = default;
        CdbLength = 16;
        Cdb[0] = row.OperationCode;
        Span<byte> cdb = Cdb;
        BinaryPrimitives.WriteUInt64BigEndian(cdb[2..], (ulong)(offsetBytes >> device.BlockShift));
        BinaryPrimitives.WriteUInt32BigEndian(cdb[10..], blocks);
        DataInCapacity = DataIn is null ? 0 : (int)blocks << device.BlockShift;
        ExpectedDataOutLength = DataOutLength;
        _row = row;
        if (ReferenceEquals(device.Home, _copy.Home))
        {
            device.SubmitOwn(this, row);
        }
        else if (!device.Volume.Home.Post(_submit))
        {
            Aborted = true;
            _copy.OnPieceDone(this);
        }
    }

    private static void StartRead(TaskState task)
    {
        if (!Place(task))
        {
            return;
        }

        task.Data = task.Task.DataIn;
        task.Issue(VolumeOperationKind.Read, static task =>
        {
            if (task.Status != VolumeStatus.Success)
            {
                task.Device.Statistics.ReadErrors++;
                task.FailVolume(task.Lba);
                return;
            }

            task.Device.Statistics.Read(task.LengthBytes, task.ElapsedNs);
            task.Task.DataInLength = (int)task.LengthBytes;
            task.EndGood(task.LengthBytes);
        });
    }

    private static void StartWrite(TaskState task)
    {
        if (!Place(task))
        {
            return;
        }

        bool zeroes = ((CopyPiece)task.Task).WritesZeroes;
        task.Data = task.Task.DataOut;
        task.ForceUnitAccess = task.Device.WriteThrough;
        task.MayDeallocate = zeroes;
        task.Issue(zeroes ? VolumeOperationKind.WriteZeroes : VolumeOperationKind.Write, static task =>
        {
            if (task.Status != VolumeStatus.Success)
            {
                task.Device.Statistics.WriteErrors++;
                task.FailVolume(task.Lba);
                return;
            }

            task.Device.Statistics.Written(task.LengthBytes, task.ElapsedNs);
            task.EndGood(task.LengthBytes);
        });
    }

    // The unit may have become smaller since the copy was planned.
    private static bool Place(TaskState task)
    {
        BlockRange range = BlockRange.Of16(task.Cdb);
        if (!range.CheckInside(task))
        {
            return false;
        }

        range.Place(task);
        return true;
    }

    private sealed class SubmitMessage(CopyPiece piece) : IoMessage
    {
        protected override void Run() => ((BlockDevice)piece.LunNexus.Unit).SubmitOwn(piece, piece._row);
    }

    private sealed class DoneMessage(CopyPiece piece) : IoMessage
    {
        protected override void Run() => piece._copy.OnPieceDone(piece);
    }
}
