using System.Buffers.Binary;
using System.Numerics;

namespace ActorSan.Simulator.World;

/// <summary>
/// xoshiro256** with a splitmix64 start: the same numbers in every process and on every runtime. Each part of a world forks a stream of its own, so that a fault that a shrinker
/// takes away moves as little as possible of the rest.
/// </summary>
public sealed class SimRandom
{
    private ulong _s0;
    private ulong _s1;
    private ulong _s2;
    private ulong _s3;

    public SimRandom(ulong seed)
    {
        _s0 = Mix(ref seed);
        _s1 = Mix(ref seed);
        _s2 = Mix(ref seed);
        _s3 = Mix(ref seed);
    }

    /// <summary>A stream for a part of a world; the same for the same three, whoever else draws numbers.</summary>
    public static SimRandom For(ulong seed, string part, int index = 0)
    {
        ulong hash = 14695981039346656037UL;
        foreach (char c in part)
        {
            hash = (hash ^ c) * 1099511628211UL;
        }

        return new SimRandom(seed ^ BitOperations.RotateLeft(hash, 17) ^ ((ulong)index * 0x9E3779B97F4A7C15UL));
    }

    public ulong NextULong()
    {
        ulong result = BitOperations.RotateLeft(_s1 * 5, 7) * 9;
        ulong t = _s1 << 17;
        _s2 ^= _s0;
        _s3 ^= _s1;
        _s1 ^= _s2;
        _s0 ^= _s3;
        _s2 ^= t;
        _s3 = BitOperations.RotateLeft(_s3, 45);
        return result;
    }

    /// <summary>In [0, <paramref name="limit"/>); 0 when the limit is 1 or less.</summary>
    public int Next(int limit) => limit <= 1 ? 0 : (int)(((NextULong() >> 32) * (ulong)limit) >> 32);

    /// <summary>In [<paramref name="low"/>, <paramref name="high"/>], both ends included.</summary>
    public long Range(long low, long high) => high <= low ? low : low + (long)Math.BigMul(NextULong(), (ulong)(high - low) + 1, out _);

    /// <summary>As <see cref="Range"/>, but each order of magnitude is as likely as another: most draws are short and a few are long, as delays are.</summary>
    public long Skewed(long low, long high)
    {
        if (high <= low)
        {
            return low;
        }

        int bits = 64 - BitOperations.LeadingZeroCount((ulong)(high - low));
        long span = (long)(ulong.MaxValue >> (64 - (1 + Next(bits))));
        return low + Range(0, Math.Min(span, high - low));
    }

    public double NextDouble() => (NextULong() >> 11) * (1.0 / (1UL << 53));

    public bool Chance(double probability) => probability > 0 && NextDouble() < probability;

    public bool Coin() => (NextULong() & (1UL << 63)) != 0;

    public Guid NextGuid()
    {
        Span<byte> bytes = stackalloc byte[16];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, NextULong());
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[8..], NextULong());
        return new Guid(bytes);
    }

    private static ulong Mix(ref ulong state)
    {
        state += 0x9E3779B97F4A7C15UL;
        ulong z = state;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9UL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBUL;
        return z ^ (z >> 31);
    }
}
