using ActorSan.Storage.Blocks;

namespace ActorSan.Scsi;

/// <summary>
/// VERIFY 10 12 16 (SBC-4 §5.33 to §5.35) and WRITE AND VERIFY 10 12 16 (SBC-4 §5.42 to §5.44): byte 1: 7..5 protection (only 0), 4 DPO, 2..1 BYTCHK.
/// BYTCHK 00b reads the range from the medium; 01b compares it with as much data-out; 11b (VERIFY only) compares every block with the one block of data-out.
/// </summary>
internal static unsafe class VerifyCommands
{
    /// <summary>What is read at a time.</summary>
    private const int ChunkBytes = 256 << 10;

    private enum ByteCheck
    {
        Medium = 0,
        Data = 1,
        OneBlock = 3,
    }

    public static readonly CommandDescriptor[] Rows =
    [
        VerifyRow("VERIFY(10)", [0x2F, 0x16, 0xFF, 0xFF, 0xFF, 0xFF, 0x3F, 0xFF, 0xFF, 0x00], static (d, c) => Measure(d, c, BlockRange.Of10(c)), static t => Verify(t, BlockRange.Of10(t.Cdb))),
        VerifyRow("VERIFY(12)", [0xAF, 0x16, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x3F, 0x00], static (d, c) => Measure(d, c, BlockRange.Of12(c)), static t => Verify(t, BlockRange.Of12(t.Cdb))),
        VerifyRow("VERIFY(16)", [0x8F, 0x16, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x3F, 0x00], static (d, c) => Measure(d, c, BlockRange.Of16(c)), static t => Verify(t, BlockRange.Of16(t.Cdb))),
        WriteRow("WRITE AND VERIFY(10)", [0x2E, 0x12, 0xFF, 0xFF, 0xFF, 0xFF, 0x3F, 0xFF, 0xFF, 0x00], static (d, c) => new(BlockRange.Of10(c).Demand(d), 0), static t => WriteAndVerify(t, BlockRange.Of10(t.Cdb))),
        WriteRow("WRITE AND VERIFY(12)", [0xAE, 0x12, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x3F, 0x00], static (d, c) => new(BlockRange.Of12(c).Demand(d), 0), static t => WriteAndVerify(t, BlockRange.Of12(t.Cdb))),
        WriteRow("WRITE AND VERIFY(16)", [0x8E, 0x12, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x3F, 0x00], static (d, c) => new(BlockRange.Of16(c).Demand(d), 0), static t => WriteAndVerify(t, BlockRange.Of16(t.Cdb))),
    ];

    private static CommandDescriptor VerifyRow(string name, byte[] usage, DemandFunction demand, Action<TaskState> start) => new()
    {
        Name = name,
        OperationCode = usage[0],
        Usage = usage,
        Demand = demand,
        Start = start,
        Reservation = ReservationClass.Reads,
        BlockedBy = Restrictions.Medium,
        RecommendedSeconds = 60,
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
        RecommendedSeconds = 60,
    };

    private static ByteCheck CheckOf(ReadOnlySpan<byte> cdb) => (ByteCheck)((cdb[1] >> 1) & 3);

    private static CdbDemand Measure(BlockDevice device, ReadOnlySpan<byte> cdb, in BlockRange range) => CheckOf(cdb) switch
    {
        ByteCheck.Data => new CdbDemand(range.Demand(device), 0),
        ByteCheck.OneBlock when range.Blocks != 0 => new CdbDemand(device.BlockBytes, 0),
        _ => default,
    };

    private static void Verify(TaskState task, in BlockRange range)
    {
        ByteCheck check = CheckOf(task.Cdb);
        if ((task.CdbByte(1) & 0xE0) != 0)
        {
            task.FailCdbField(1, 7);
            return;
        }

        if (check is not (ByteCheck.Medium or ByteCheck.Data or ByteCheck.OneBlock))
        {
            task.FailCdbField(1, 2);
            return;
        }

        if (!range.CheckInside(task) || (check == ByteCheck.Data && !range.CheckLength(task)))
        {
            return;
        }

        range.Place(task);
        if (task.Blocks == 0)
        {
            task.EndGood();
            return;
        }

        long transfer = check switch
        {
            ByteCheck.Data => task.LengthBytes,
            ByteCheck.OneBlock => task.Device.BlockBytes,
            _ => 0,
        };
        if (check != ByteCheck.Medium && !task.CheckDataOut(transfer))
        {
            return;
        }

        task.Flags = (int)check;
        task.Cursor2 = transfer;
        Begin(task, task.LengthBytes);
    }

    private static void WriteAndVerify(TaskState task, in BlockRange range)
    {
        ByteCheck check = CheckOf(task.Cdb);
        if ((task.CdbByte(1) & 0xE0) != 0)
        {
            task.FailCdbField(1, 7);
            return;
        }

        if (check is not (ByteCheck.Medium or ByteCheck.Data))
        {
            task.FailCdbField(1, 2);
            return;
        }

        if (!range.CheckInside(task) || !range.CheckLength(task))
        {
            return;
        }

        range.Place(task);
        task.Flags = (int)check;
        task.Cursor2 = task.LengthBytes;
        task.LengthBytes = Math.Min(task.LengthBytes, task.Task.DataOutLength & ~(long)(task.Device.BlockBytes - 1));
        if (task.LengthBytes == 0)
        {
            task.EndGood(task.Cursor2);
            return;
        }

        // To verify the medium, it must be on it.
        task.ForceUnitAccess = true;
        task.Data = task.Task.DataOut;
        task.Issue(VolumeOperationKind.Write, static task =>
        {
            if (task.Status != VolumeStatus.Success)
            {
                task.Device.Statistics.WriteErrors++;
                task.FailVolume(task.Lba);
                return;
            }

            task.Device.Statistics.Written(task.LengthBytes, task.ElapsedNs);
            Begin(task, task.LengthBytes);
        });
    }

    // Verifies lengthBytes from Lba on, a chunk at a time. Cursor: bytes done; Blocks: bytes in all; Cursor2: what the command transfers; Flags: the check.
    private static void Begin(TaskState task, long lengthBytes)
    {
        task.Blocks = lengthBytes;
        task.Cursor = 0;
        task.ForceUnitAccess = true;
        if (task.TryRentScratch((int)Math.Min(lengthBytes, Math.Max(ChunkBytes, task.Device.BlockBytes))))
        {
            ReadChunk(task);
        }
    }

    private static void ReadChunk(TaskState task)
    {
        task.OffsetBytes = (task.Lba << task.Device.BlockShift) + task.Cursor;
        task.LengthBytes = Math.Min(task.Blocks - task.Cursor, Math.Max(ChunkBytes, task.Device.BlockBytes));
        task.Data = task.Scratch.Address;
        task.Issue(VolumeOperationKind.Read, static task =>
        {
            if (task.Status != VolumeStatus.Success)
            {
                task.Device.Statistics.VerifyErrors++;
                task.FailVolume(task.OffsetBytes >> task.Device.BlockShift);
                return;
            }

            long difference = FirstDifference(task);
            if (difference >= 0)
            {
                task.FailMiscompare(task.Cursor + difference);
                return;
            }

            task.Cursor += task.LengthBytes;
            if (task.Cursor < task.Blocks)
            {
                ReadChunk(task);
                return;
            }

            task.Device.Statistics.Verified(task.Blocks);
            task.EndGood(task.Cursor2);
        });
    }

    // The first byte of the chunk that is not as the data-out says; −1 when there is none.
    private static long FirstDifference(TaskState task)
    {
        ReadOnlySpan<byte> read = task.Scratch.Span[..(int)task.LengthBytes];
        switch ((ByteCheck)task.Flags)
        {
            case ByteCheck.Data:
                var data = new ReadOnlySpan<byte>(task.Task.DataOut + task.Cursor, read.Length);
                int same = read.CommonPrefixLength(data);
                return same == read.Length ? -1 : same;
            case ByteCheck.OneBlock:
                var block = new ReadOnlySpan<byte>(task.Task.DataOut, task.Device.BlockBytes);
                for (int at = 0; at < read.Length; at += block.Length)
                {
                    int prefix = read.Slice(at, block.Length).CommonPrefixLength(block);
                    if (prefix != block.Length)
                    {
                        return at + prefix;
                    }
                }

                return -1;
            default:
                return -1;
        }
    }
}
