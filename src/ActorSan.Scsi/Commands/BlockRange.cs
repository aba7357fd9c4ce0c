using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace ActorSan.Scsi;

/// <summary>Logical block address and number of blocks as the block commands' CDBs carry them (SBC-4 §5), and the checks that all of them share.</summary>
internal readonly struct BlockRange(ulong lba, uint blocks, int lengthField)
{
    public readonly ulong Lba = lba;
    public readonly uint Blocks = blocks;

    /// <summary>Byte of the CDB at which the number of blocks begins.</summary>
    public readonly int LengthField = lengthField;

    /// <summary>READ(6), WRITE(6): 21 bits, and zero blocks mean 256.</summary>
    public static BlockRange Of6(ReadOnlySpan<byte> cdb) =>
        new(BinaryPrimitives.ReadUInt32BigEndian(cdb) & 0x1F_FFFF, cdb[4] == 0 ? 256u : cdb[4], 4);

    public static BlockRange Of10(ReadOnlySpan<byte> cdb) =>
        new(BinaryPrimitives.ReadUInt32BigEndian(cdb[2..]), BinaryPrimitives.ReadUInt16BigEndian(cdb[7..]), 7);

    public static BlockRange Of12(ReadOnlySpan<byte> cdb) =>
        new(BinaryPrimitives.ReadUInt32BigEndian(cdb[2..]), BinaryPrimitives.ReadUInt32BigEndian(cdb[6..]), 6);

    public static BlockRange Of16(ReadOnlySpan<byte> cdb) =>
        new(BinaryPrimitives.ReadUInt64BigEndian(cdb[2..]), BinaryPrimitives.ReadUInt32BigEndian(cdb[10..]), 10);

    public long Bytes(BlockDevice device) => (long)Blocks << device.BlockShift;

    /// <summary>What a transfer of the whole range takes; nothing when it is longer than the unit allows.</summary>
    public long Demand(BlockDevice device) => Bytes(device) <= device.MaxTransferBytes ? Bytes(device) : 0;

    /// <summary>In range: else the task has been ended with LBA OUT OF RANGE, the first address that does not exist in INFORMATION.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool CheckInside(TaskState task)
    {
        ulong count = (ulong)task.Device.BlockCount;
        if (Lba <= count && Blocks <= count - Lba)
        {
            return true;
        }

        FailOutside(task, Math.Max(Lba, count));
        return false;
    }

    /// <summary>No longer than MAXIMUM TRANSFER LENGTH (SBC-4 §6.6.4): else the task has been ended.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool CheckLength(TaskState task)
    {
        if (Bytes(task.Device) <= task.Device.MaxTransferBytes)
        {
            return true;
        }

        task.FailCdbField(LengthField);
        return false;
    }

    /// <summary>Sets the range of the task's volume operation.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Place(TaskState task)
    {
        task.Lba = (long)Lba;
        task.Blocks = Blocks;
        task.OffsetBytes = (long)Lba << task.Device.BlockShift;
        task.LengthBytes = (long)Blocks << task.Device.BlockShift;
    }

    private static void FailOutside(TaskState task, ulong first) =>
        task.Fail(new SenseDescription(SenseKey.IllegalRequest, AdditionalSense.LbaOutOfRange, Information: first));
}
