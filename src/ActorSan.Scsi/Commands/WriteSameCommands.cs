using ActorSan.Storage.Blocks;

namespace ActorSan.Scsi;

/// <summary>
/// WRITE SAME 10 and 16 (SBC-4 §5.50, §5.51): byte 1: 7..5 WRPROTECT (only 0), 4 ANCHOR (not supported), 3 UNMAP, 0 NDOB (16: no data-out, zeroes). One block of
/// data-out goes to every block of the range; zero blocks mean all to the end (WSNZ 0), and there is no longest length: the range is done in pieces, and an abort ends it
/// between two of them. UNMAP with a block that isn't zero writes the block where SBC-4 says so, in WRITE SAME(16); the (10) unmaps whatever the block holds, as SBC-3's
/// drafts had it and initiators of that age expect.
/// </summary>
internal static unsafe class WriteSameCommands
{
    /// <summary>Repetitions of the block that are written at a time.</summary>
    private const int PatternBytes = 256 << 10;

    private const int Unmap = 0x08;
    private const int NoDataOut = 0x01;

    public static readonly CommandDescriptor[] Rows =
    [
        new()
        {
            Name = "WRITE SAME(10)",
            OperationCode = 0x41,
            Usage = [0x41, 0x08, 0xFF, 0xFF, 0xFF, 0xFF, 0x3F, 0xFF, 0xFF, 0x00],
            Demand = static (device, _) => new CdbDemand(device.BlockBytes, 0),
            Start = static task => Start(task, BlockRange.Of10(task.Cdb), task.CdbByte(1) & ~NoDataOut),
            BlockedBy = Restrictions.MediumWrite,
            RecommendedSeconds = 120,
        },
        new()
        {
            Name = "WRITE SAME(16)",
            OperationCode = 0x93,
            Usage = [0x93, 0x09, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x3F, 0x00],
            Demand = static (device, cdb) => new CdbDemand((cdb[1] & NoDataOut) != 0 ? 0 : device.BlockBytes, 0),
            Start = static task => Start(task, BlockRange.Of16(task.Cdb), task.CdbByte(1)),
            BlockedBy = Restrictions.MediumWrite,
            RecommendedSeconds = 120,
        },
    ];

    private static void Start(TaskState task, in BlockRange range, int flags)
    {
        if ((flags & 0xE0) != 0)
        {
            task.FailCdbField(1, 7);
            return;
        }

        if ((flags & 0x10) != 0)
        {
            task.FailCdbField(1, 4);
            return;
        }

        if ((flags & Unmap) != 0 && !task.Device.Volume.Capabilities.Thin)
        {
            task.FailCdbField(1, 3);
            return;
        }

        bool hasData = (flags & NoDataOut) == 0;
        if (!range.CheckInside(task) || !task.CheckDataOut(hasData ? task.Device.BlockBytes : 0))
        {
            return;
        }

        range.Place(task);
        if (task.Blocks == 0)
        {
            task.Blocks = task.Device.BlockCount - task.Lba;
        }

        task.Cursor = 0;
        task.Blocks <<= task.Device.BlockShift;
        task.ForceUnitAccess = task.Device.WriteThrough;
        task.MayDeallocate = (flags & Unmap) != 0;
        bool unmapsAnyway = task.MayDeallocate && task.CdbByte(0) == 0x41;
        if (hasData && !unmapsAnyway && task.DataOut.ContainsAnyExcept((byte)0))
        {
            FillPattern(task);
        }
        else
        {
            NextZeroes(task);
        }
    }

    // Cursor: bytes done; Blocks: bytes in all.
    private static void NextZeroes(TaskState task)
    {
        if (task.Cursor == task.Blocks)
        {
            Finish(task);
            return;
        }

        task.OffsetBytes = (task.Lba << task.Device.BlockShift) + task.Cursor;
        task.LengthBytes = Math.Min(task.Blocks - task.Cursor, task.Device.Limits.MaxUnmapBlocks << task.Device.BlockShift);
        task.Issue(VolumeOperationKind.WriteZeroes, static task =>
        {
            if (Advance(task))
            {
                NextZeroes(task);
            }
        });
    }

    private static void FillPattern(TaskState task)
    {
        int bytes = (int)Math.Min(task.Blocks, Math.Max(PatternBytes, task.Device.BlockBytes));
        if (!task.TryRentScratch(bytes))
        {
            return;
        }

        for (int at = 0; at < bytes; at += task.Device.BlockBytes)
        {
            task.DataOut.CopyTo(task.Scratch.Span[at..]);
        }

        task.Cursor2 = bytes;
        task.Data = task.Scratch.Address;
        NextPattern(task);
    }

    private static void NextPattern(TaskState task)
    {
        if (task.Cursor == task.Blocks)
        {
            Finish(task);
            return;
        }

        task.OffsetBytes = (task.Lba << task.Device.BlockShift) + task.Cursor;
        task.LengthBytes = Math.Min(task.Blocks - task.Cursor, task.Cursor2);
        task.Issue(VolumeOperationKind.Write, static task =>
        {
            if (Advance(task))
            {
                NextPattern(task);
            }
        });
    }

    private static bool Advance(TaskState task)
    {
        if (task.Status != VolumeStatus.Success)
        {
            task.Device.Statistics.WriteErrors++;
            task.FailVolume(task.OffsetBytes >> task.Device.BlockShift);
            return false;
        }

        task.Cursor += task.LengthBytes;
        return true;
    }

    private static void Finish(TaskState task)
    {
        task.Device.Statistics.Written(task.Blocks, task.ElapsedNs);
        task.EndGood(task.Task.DataOutLength);
    }
}
