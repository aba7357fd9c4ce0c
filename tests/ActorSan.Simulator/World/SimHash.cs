using System.Numerics;
using System.Runtime.InteropServices;

namespace ActorSan.Simulator.World;

/// <summary>A fast hash, the same in every process; for noticing changes, not for keeping.</summary>
public static class SimHash
{
    public static ulong Of(ReadOnlySpan<byte> bytes)
    {
        ulong hash = 0x9E3779B97F4A7C15UL ^ (ulong)bytes.Length;
        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(bytes);
        foreach (ulong word in words)
        {
            hash = BitOperations.RotateLeft((hash ^ word) * 0xBF58476D1CE4E5B9UL, 31);
        }

        foreach (byte rest in bytes[(words.Length * 8)..])
        {
            hash = BitOperations.RotateLeft((hash ^ rest) * 0x94D049BB133111EBUL, 27);
        }

        return hash ^ (hash >> 32);
    }
}
