using System.Buffers.Binary;

namespace ActorSan.Workload.Recording;

/// <summary>
/// What a block holds after a write: the write's value (8 bytes, little endian), the block's number (8 bytes, little endian), and then bytes that follow from both. So a block tells who wrote it,
/// and one that is torn, damaged or in a wrong place tells that, too. A block of zeroes has the value 0: never written.
/// </summary>
internal static class BlockStamp
{
    internal static void Fill(Span<byte> block, long number, ulong value)
    {
        if (value == 0)
        {
            block.Clear();
            return;
        }

        BinaryPrimitives.WriteUInt64LittleEndian(block, value);
        BinaryPrimitives.WriteInt64LittleEndian(block[8..], number);
        ulong state = value ^ ((ulong)number * 0x9E3779B97F4A7C15);
        for (int at = 16; at < block.Length; at += 8)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(block[at..], Next(ref state));
        }
    }

    /// <summary>Reads the value that a block holds.</summary>
    /// <returns>Null when it is whole; else what is wrong with it.</returns>
    internal static string? Read(ReadOnlySpan<byte> block, long number, out ulong value)
    {
        value = BinaryPrimitives.ReadUInt64LittleEndian(block);
        if (value == 0)
        {
            return block.ContainsAnyExcept((byte)0) ? $"block {number} begins with zeroes and goes on otherwise" : null;
        }

        long says = BinaryPrimitives.ReadInt64LittleEndian(block[8..]);
        if (says != number)
        {
            return $"block {number} holds what no write of it put there (value {value:X}h, of block {says})";
        }

        ulong state = value ^ ((ulong)number * 0x9E3779B97F4A7C15);
        for (int at = 16; at < block.Length; at += 8)
        {
            if (BinaryPrimitives.ReadUInt64LittleEndian(block[at..]) != Next(ref state))
            {
                return $"block {number} holds value {value:X}h up to byte {at} and something else from there";
            }
        }

        return null;
    }

    // SplitMix64.
    private static ulong Next(ref ulong state)
    {
        state += 0x9E3779B97F4A7C15;
        ulong mixed = state;
        mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9;
        mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB;
        return mixed ^ (mixed >> 31);
    }
}
