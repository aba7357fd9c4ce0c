using System.Buffers.Binary;
using System.Numerics;

namespace ActorSan.Simulator.Clients;

/// <summary>A block's content for a value: every 8 bytes depend on the value and their place, so that a torn, shifted or half-zero block is no value at all. 0 is all zeroes.</summary>
public static class BlockCodec
{
    public static void Write(Span<byte> block, ulong value)
    {
        if (value == 0)
        {
            block.Clear();
            return;
        }

        BinaryPrimitives.WriteUInt64LittleEndian(block, value);
        for (int at = 8; at + 8 <= block.Length; at += 8)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(block[at..], Word(value, at));
        }
    }

    public static bool TryRead(ReadOnlySpan<byte> block, out ulong value)
    {
        value = BinaryPrimitives.ReadUInt64LittleEndian(block);
        for (int at = 8; at + 8 <= block.Length; at += 8)
        {
            if (BinaryPrimitives.ReadUInt64LittleEndian(block[at..]) != (value == 0 ? 0 : Word(value, at)))
            {
                return false;
            }
        }

        return true;
    }

    private static ulong Word(ulong value, int at) => BitOperations.RotateLeft((value + (ulong)at) * 0x9E3779B97F4A7C15UL, 23);
}
