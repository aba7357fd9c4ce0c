using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace ActorSan.Storage;

/// <summary>
/// CRC32C (Castagnoli, reflected, RFC 7143 §13.1 and RFC 3720 appendix B.4), the one checksum of disk, wire and link. A value is the finished checksum of what was appended so
/// far, 0 for nothing; 32 zero bytes give 8A9136AAh. The instruction has a latency of three cycles and a throughput of one: three interleaved lanes keep it busy, and a table
/// moves the first two over the bytes behind them.
/// </summary>
public static unsafe class Crc32C
{
    // Three long lanes fit in 4 KiB with 16 bytes to spare; the short ones serve what is left of odd lengths.
    private const int LongLaneBytes = 1360;
    private const int ShortLaneBytes = 192;

    private static readonly uint[] LongShift = ShiftTable(LongLaneBytes);
    private static readonly uint[] ShortShift = ShiftTable(ShortLaneBytes);

    public static uint Compute(ReadOnlySpan<byte> data) => Append(0, data);

    public static uint Append(uint crc, ReadOnlySpan<byte> data)
    {
        fixed (byte* start = data)
        {
            return Append(crc, start, data.Length);
        }
    }

    public static uint Append(uint crc, byte* data, long lengthBytes)
    {
        crc = ~crc;
        while (lengthBytes >= 3 * LongLaneBytes)
        {
            crc = ThreeLanes(crc, data, LongLaneBytes, LongShift);
            data += 3 * LongLaneBytes;
            lengthBytes -= 3 * LongLaneBytes;
        }

        while (lengthBytes >= 3 * ShortLaneBytes)
        {
            crc = ThreeLanes(crc, data, ShortLaneBytes, ShortShift);
            data += 3 * ShortLaneBytes;
            lengthBytes -= 3 * ShortLaneBytes;
        }

        for (; lengthBytes >= sizeof(ulong); lengthBytes -= sizeof(ulong))
        {
            crc = BitOperations.Crc32C(crc, Unsafe.ReadUnaligned<ulong>(data));
            data += sizeof(ulong);
        }

        for (; lengthBytes > 0; lengthBytes--)
        {
            crc = BitOperations.Crc32C(crc, *data++);
        }

        return ~crc;
    }

    private static uint ThreeLanes(uint crc, byte* data, int laneBytes, uint[] shift)
    {
        byte* second = data + laneBytes;
        byte* third = second + laneBytes;
        uint a = crc;
        uint b = 0;
        uint c = 0;
        for (nint at = 0; at < laneBytes; at += sizeof(ulong))
        {
            a = BitOperations.Crc32C(a, Unsafe.ReadUnaligned<ulong>(data + at));
            b = BitOperations.Crc32C(b, Unsafe.ReadUnaligned<ulong>(second + at));
            c = BitOperations.Crc32C(c, Unsafe.ReadUnaligned<ulong>(third + at));
        }

        return Shift(Shift(a, shift) ^ b, shift) ^ c;
    }

    /// <summary>What the register becomes after a lane of zero bytes: the checksum is linear, so each of its bytes has its share.</summary>
    private static uint Shift(uint crc, uint[] table)
    {
        ref uint first = ref MemoryMarshal.GetArrayDataReference(table);
        return Unsafe.Add(ref first, (nint)(crc & 0xFF))
            ^ Unsafe.Add(ref first, (nint)(256 + ((crc >> 8) & 0xFF)))
            ^ Unsafe.Add(ref first, (nint)(512 + ((crc >> 16) & 0xFF)))
            ^ Unsafe.Add(ref first, (nint)(768 + (crc >> 24)));
    }

    private static uint[] ShiftTable(int laneBytes)
    {
        var ofBit = new uint[32];
        for (int bit = 0; bit < 32; bit++)
        {
            uint crc = 1u << bit;
            for (int at = 0; at < laneBytes; at += sizeof(ulong))
            {
                crc = BitOperations.Crc32C(crc, 0UL);
            }

            ofBit[bit] = crc;
        }

        var table = new uint[4 * 256];
        for (int index = 0; index < table.Length; index++)
        {
            for (int bit = 0; bit < 8; bit++)
            {
                table[index] ^= (index >> bit & 1) != 0 ? ofBit[((index >> 8) * 8) + bit] : 0;
            }
        }

        return table;
    }
}
