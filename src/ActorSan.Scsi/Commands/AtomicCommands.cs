using ActorSan.Storage.Blocks;

namespace ActorSan.Scsi;

/// <summary>COMPARE AND WRITE (SBC-4 §5.3), ORWRITE(16) (SBC-4 §5.8) and WRITE ATOMIC(16) (SBC-4 §5.48): one step each, under the volume's range lock.</summary>
internal static unsafe class AtomicCommands
{
    private const int Fua = 0x08;

    public static readonly CommandDescriptor[] Rows =
    [
        new()
        {
            Name = "COMPARE AND WRITE",
            OperationCode = 0x89,
            Usage = [0x89, 0x18, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00, 0x00, 0xFF, 0x3F, 0x00],
            Demand = static (device, cdb) => new CdbDemand(cdb[13] <= device.Limits.MaxCompareAndWriteBlocks ? 2L * cdb[13] << device.BlockShift : 0, 0),
            Start = CompareAndWrite,
            BlockedBy = Restrictions.MediumWrite,
        },
        new()
        {
            Name = "ORWRITE(16)",
            OperationCode = 0x8B,
            Usage = [0x8B, 0x18, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x3F, 0x00],
            Demand = static (device, cdb) => new CdbDemand(BlockRange.Of16(cdb).Demand(device), 0),
            Start = OrWrite,
            BlockedBy = Restrictions.MediumWrite,
        },
        new()
        {
            Name = "WRITE ATOMIC(16)",
            OperationCode = 0x9C,
            Usage = [0x9C, 0x18, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00, 0xFF, 0xFF, 0x3F, 0x00],
            Demand = static (device, cdb) => new CdbDemand(AtomicRange(cdb).Demand(device), 0),
            Start = WriteAtomic,
            Flags = CommandFlags.Conditional,
            ExistsOn = static device => device.Limits.MaxAtomicBlocks > 0,
            BlockedBy = Restrictions.MediumWrite,
        },
    ];

    private static BlockRange AtomicRange(ReadOnlySpan<byte> cdb) =>
        new(BlockRange.Of16(cdb).Lba, System.Buffers.Binary.BinaryPrimitives.ReadUInt16BigEndian(cdb[12..]), 12);

    private static void CompareAndWrite(TaskState task)
    {
        var range = new BlockRange(task.CdbUInt64(2), task.CdbByte(13), 13);
        if (!CheckProtection(task) || !range.CheckInside(task))
        {
            return;
        }

        // Data for no blocks: a count that did not fit its eight bits, so it is the field that is wrong.
        bool lostCount = range.Blocks == 0 && task.Task.ExpectedDataOutLength > 0;
        if (lostCount || range.Blocks > (uint)task.Device.Limits.MaxCompareAndWriteBlocks)
        {
            task.FailCdbField(13);
            return;
        }

        range.Place(task);
        if (!task.CheckDataOut(2 * task.LengthBytes))
        {
            return;
        }

        Issue(task, VolumeOperationKind.CompareAndWrite, transferBytes: 2 * task.LengthBytes);
    }

    private static void OrWrite(TaskState task)
    {
        BlockRange range = BlockRange.Of16(task.Cdb);
        if (!CheckProtection(task) || !range.CheckInside(task) || !range.CheckLength(task))
        {
            return;
        }

        range.Place(task);
        long transfer = task.LengthBytes;
        // As a WRITE: what did not come is not done, and the residual says so.
        task.LengthBytes = Math.Min(transfer, task.Task.DataOutLength & ~(long)(task.Device.BlockBytes - 1));
        Issue(task, VolumeOperationKind.OrWrite, transfer);
    }

    private static void WriteAtomic(TaskState task)
    {
        BlockRange range = AtomicRange(task.Cdb);
        BlockLimits limits = task.Device.Limits;
        if (!CheckProtection(task) || !range.CheckInside(task))
        {
            return;
        }

        if (task.CdbUInt16(10) != 0)
        {
            // ATOMIC BOUNDARY: MAXIMUM ATOMIC BOUNDARY SIZE is zero.
            task.FailCdbField(10);
            return;
        }

        if (range.Blocks > (uint)limits.MaxAtomicBlocks || range.Blocks % (uint)limits.AtomicGranularityBlocks != 0)
        {
            task.FailCdbField(12);
            return;
        }

        if (range.Lba % (uint)limits.AtomicAlignmentBlocks != 0)
        {
            task.FailCdbField(2);
            return;
        }

        range.Place(task);
        if (!task.CheckDataOut(task.LengthBytes))
        {
            return;
        }

        task.Atomic = true;
        Issue(task, VolumeOperationKind.Write, task.LengthBytes);
    }

    private static bool CheckProtection(TaskState task)
    {
        if ((task.CdbByte(1) & 0xE0) == 0)
        {
            return true;
        }

        task.FailCdbField(1, 7);
        return false;
    }

    private static void Issue(TaskState task, VolumeOperationKind kind, long transferBytes)
    {
        if (task.LengthBytes == 0)
        {
            task.EndGood(transferBytes);
            return;
        }

        task.Cursor = transferBytes;
        task.ForceUnitAccess = (task.CdbByte(1) & Fua) != 0 || task.Device.WriteThrough;
        task.Data = task.Task.DataOut;
        task.Issue(kind, static task =>
        {
            if (task.Status != VolumeStatus.Success)
            {
                task.Device.Statistics.WriteErrors += task.Status == VolumeStatus.Miscompare ? 0 : 1;
                task.FailVolume(task.Lba);
                return;
            }

            task.Device.Statistics.Written(task.LengthBytes, task.ElapsedNs);
            task.EndGood(task.Cursor);
        });
    }
}
