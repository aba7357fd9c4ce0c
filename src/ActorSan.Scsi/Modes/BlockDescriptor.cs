using System.Buffers.Binary;

namespace ActorSan.Scsi.Modes;

/// <summary>
/// The mode parameter block descriptor (SBC-4 §6.5.2): short, 8 bytes (0..3 blocks, FFFFFFFFh when they don't fit; 5..7 block length), or long, 16 bytes (0..7 blocks,
/// 12..15 block length).
/// </summary>
internal static class BlockDescriptor
{
    public static int Write(Span<byte> to, BlockDevice device, bool longLba)
    {
        if (longLba)
        {
            BinaryPrimitives.WriteUInt64BigEndian(to, (ulong)device.BlockCount);
            BinaryPrimitives.WriteUInt32BigEndian(to[12..], (uint)device.BlockBytes);
            return 16;
        }

        BinaryPrimitives.WriteUInt32BigEndian(to, (uint)Math.Min(device.BlockCount, uint.MaxValue));
        BinaryPrimitives.WriteUInt32BigEndian(to[4..], (uint)device.BlockBytes);
        return 8;
    }

    /// <summary>
    /// The first byte of a descriptor in a MODE SELECT list that asks for another geometry; −1 when it asks for none. Zero blocks and the largest number mean 'all'
    /// (SBC-4 §6.5.2.2).
    /// </summary>
    public static int FirstForbidden(ReadOnlySpan<byte> descriptor, BlockDevice device, bool longLba)
    {
        ulong count = (ulong)device.BlockCount;
        ulong blocks = longLba ? BinaryPrimitives.ReadUInt64BigEndian(descriptor) : BinaryPrimitives.ReadUInt32BigEndian(descriptor);
        ulong all = longLba ? ulong.MaxValue : uint.MaxValue;
        if (blocks != 0 && blocks != all && blocks != count)
        {
            return 0;
        }

        int at = longLba ? 12 : 5;
        uint bytes = longLba ? BinaryPrimitives.ReadUInt32BigEndian(descriptor[12..]) : BinaryPrimitives.ReadUInt32BigEndian(descriptor[4..]) & 0xFF_FFFF;
        return bytes == (uint)device.BlockBytes ? -1 : at;
    }
}
