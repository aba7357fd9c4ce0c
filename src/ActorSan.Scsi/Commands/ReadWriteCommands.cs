using ActorSan.Storage.Blocks;

namespace ActorSan.Scsi;

/// <summary>
/// READ 6 10 12 16 and WRITE 6 10 12 16 (SBC-4 §5.13 to §5.17, §5.37 to §5.41).
/// <code>
/// byte 1   7..5 RDPROTECT or WRPROTECT (only 0)   4 DPO   3 FUA
/// (10) 2..5 LBA, 7..8 blocks   (12) 2..5 LBA, 6..9 blocks   (16) 2..9 LBA, 10..13 blocks   (6) 21 bits LBA in 1..3, 4 blocks
/// </code>
/// Where the transport has less room or data than the range, the command does what fits (whole blocks, for a write) and the residual says so (RFC 7143 §11.4.5).
/// </summary>
internal static unsafe class ReadWriteCommands
{
    private const int Fua = 0x08;

    public static readonly CommandDescriptor[] Rows =
    [
        ReadRow("READ(6)", [0x08, 0x1F, 0xFF, 0xFF, 0xFF, 0x00], static (d, c) => new(0, BlockRange.Of6(c).Demand(d)), static t => Read(t, BlockRange.Of6(t.Cdb), flags: 0)),
        ReadRow("READ(10)", [0x28, 0x18, 0xFF, 0xFF, 0xFF, 0xFF, 0x3F, 0xFF, 0xFF, 0x00], static (d, c) => new(0, BlockRange.Of10(c).Demand(d)), static t => Read(t, BlockRange.Of10(t.Cdb), t.CdbByte(1))),
        ReadRow("READ(12)", [0xA8, 0x18, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x3F, 0x00], static (d, c) => new(0, BlockRange.Of12(c).Demand(d)), static t => Read(t, BlockRange.Of12(t.Cdb), t.CdbByte(1))),
        ReadRow("READ(16)", [0x88, 0x18, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x3F, 0x00], static (d, c) => new(0, BlockRange.Of16(c).Demand(d)), static t => Read(t, BlockRange.Of16(t.Cdb), t.CdbByte(1))),
        WriteRow("WRITE(6)", [0x0A, 0x1F, 0xFF, 0xFF, 0xFF, 0x00], static (d, c) => new(BlockRange.Of6(c).Demand(d), 0), static t => Write(t, BlockRange.Of6(t.Cdb), flags: 0)),
        WriteRow("WRITE(10)", [0x2A, 0x18, 0xFF, 0xFF, 0xFF, 0xFF, 0x3F, 0xFF, 0xFF, 0x00], static (d, c) => new(BlockRange.Of10(c).Demand(d), 0), static t => Write(t, BlockRange.Of10(t.Cdb), t.CdbByte(1))),
        WriteRow("WRITE(12)", [0xAA, 0x18, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x3F, 0x00], static (d, c) => new(BlockRange.Of12(c).Demand(d), 0), static t => Write(t, BlockRange.Of12(t.Cdb), t.CdbByte(1))),
        WriteRow("WRITE(16)", [0x8A, 0x18, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x3F, 0x00], static (d, c) => new(BlockRange.Of16(c).Demand(d), 0), static t => Write(t, BlockRange.Of16(t.Cdb), t.CdbByte(1))),
    ];

    private static CommandDescriptor ReadRow(string name, byte[] usage, DemandFunction demand, Action<TaskState> start) => new()
    {
        Name = name,
        OperationCode = usage[0],
        Usage = usage,
        Demand = demand,
        Start = start,
        Reservation = ReservationClass.Reads,
        BlockedBy = Restrictions.Medium,
    };

    private static CommandDescriptor WriteRow(string name, byte[] usage, DemandFunction demand, Action<TaskState> start) => new()
    {
        Name = name,
        OperationCode = usage[0],
        Usage = usage,
        Demand = demand,
        Start = start,
        Reservation = ReservationClass.Writes,
        BlockedBy = Restrictions.MediumWrite,
    };

    private static void Read(TaskState task, in BlockRange range, byte flags)
    {
        if (!Check(task, range, flags))
        {
            return;
        }

        range.Place(task);
        task.ForceUnitAccess = (flags & Fua) != 0;
        if (task.LengthBytes > task.Task.DataInCapacity || task.LengthBytes == 0)
        {
            ReadWhatFits(task);
            return;
        }

        task.Data = task.Task.DataIn;
        task.Issue(VolumeOperationKind.Read, FinishRead);
    }

    private static void FinishRead(TaskState task)
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
    }

    // Whole blocks go straight to the transport's room; a last one in part through a buffer of ours.
    private static void ReadWhatFits(TaskState task)
    {
        int capacity = task.Task.DataInCapacity;
        task.LengthBytes = capacity & ~(long)(task.Device.BlockBytes - 1);
        if (task.LengthBytes == 0 || task.Blocks == 0)
        {
            task.LengthBytes = 0;
            ReadTail(task);
            return;
        }

        task.Data = task.Task.DataIn;
        task.Issue(VolumeOperationKind.Read, static task =>
        {
            if (task.Status != VolumeStatus.Success)
            {
                FinishRead(task);
                return;
            }

            ReadTail(task);
        });
    }

    private static void ReadTail(TaskState task)
    {
        int whole = (int)task.LengthBytes;
        long wanted = task.Blocks << task.Device.BlockShift;
        int tail = (int)Math.Min(task.Task.DataInCapacity, wanted) - whole;
        task.Task.DataInLength = whole;
        if (tail == 0)
        {
            task.EndGood(wanted);
            return;
        }

        if (!task.TryRentScratch(task.Device.BlockBytes))
        {
            return;
        }

        task.Data = task.Scratch.Address;
        task.OffsetBytes += whole;
        task.LengthBytes = task.Device.BlockBytes;
        task.Cursor = tail;
        task.Issue(VolumeOperationKind.Read, static task =>
        {
            if (task.Status != VolumeStatus.Success)
            {
                FinishRead(task);
                return;
            }

            int tail = (int)task.Cursor;
            task.Scratch.Span[..tail].CopyTo(new Span<byte>(task.Task.DataIn + task.Task.DataInLength, tail));
            task.Task.DataInLength += tail;
            task.EndGood(task.Blocks << task.Device.BlockShift);
        });
    }

    private static void Write(TaskState task, in BlockRange range, byte flags)
    {
        if (!Check(task, range, flags))
        {
            return;
        }

        range.Place(task);
        task.ForceUnitAccess = (flags & Fua) != 0 || task.Device.WriteThrough;
        task.Cursor = task.LengthBytes;
        if (task.LengthBytes > task.Task.DataOutLength)
        {
            task.LengthBytes = task.Task.DataOutLength & ~(long)(task.Device.BlockBytes - 1);
        }

        if (task.LengthBytes == 0)
        {
            task.EndGood(task.Cursor);
            return;
        }

        task.Data = task.Task.DataOut;
        task.Issue(VolumeOperationKind.Write, FinishWrite);
    }

    private static void FinishWrite(TaskState task)
    {
        if (task.Status != VolumeStatus.Success)
        {
            task.Device.Statistics.WriteErrors++;
            task.FailVolume(task.Lba);
            return;
        }

        task.Device.Statistics.Written(task.LengthBytes, task.ElapsedNs);
        task.EndGood(task.Cursor);
    }

    private static bool Check(TaskState task, in BlockRange range, byte flags)
    {
        if ((flags & 0xE0) != 0)
        {
            // No protection information (PROTECT 0 in INQUIRY): SBC-4 §5.13, table of RDPROTECT.
            task.FailCdbField(1, 7);
            return false;
        }

        return range.CheckInside(task) && range.CheckLength(task);
    }
}
