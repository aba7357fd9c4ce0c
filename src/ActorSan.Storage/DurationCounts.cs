using System.Numerics;

namespace ActorSan.Storage;

/// <summary>
/// How long things took, counted by one thread and read by any: buckets bounded by the powers of two from 16 µs to 16.8 s, the same everywhere, so that they add up. Counting allocates
/// nothing and costs a few instructions.
/// </summary>
public sealed class DurationCounts
{
    /// <summary>The first bucket is for at most 1 &lt;&lt; this many microseconds.</summary>
    public const int FirstPower = 4;

    /// <summary>The last bucket with a bound is for at most 1 &lt;&lt; this many microseconds.</summary>
    public const int LastPower = 24;

    /// <summary>One more than there are bounds: the last has none.</summary>
    public const int BucketCount = LastPower - FirstPower + 2;

    private readonly long[] _counts = new long[BucketCount];
    private long _sumNs;

    /// <summary>Of all that was counted, in nanoseconds.</summary>
    public long SumNs => Volatile.Read(ref _sumNs);

    /// <summary>Which bucket a duration in microseconds belongs to.</summary>
    public static int BucketOf(long durationUs) =>
        durationUs <= 1L << FirstPower ? 0 : Math.Min(64 - BitOperations.LeadingZeroCount((ulong)(durationUs - 1)) - FirstPower, LastPower - FirstPower + 1);

    /// <summary>One more, of that many nanoseconds.</summary>
    public void Add(long durationNs)
    {
        _counts[BucketOf((durationNs + 999) / 1000)]++;
        _sumNs += durationNs;
    }

    /// <summary>The counts now, ascending by bound. Counts that come meanwhile may be in some and not in others.</summary>
    public long[] Counts()
    {
        long[] counts = new long[BucketCount];
        for (int i = 0; i < counts.Length; i++)
        {
            counts[i] = Volatile.Read(ref _counts[i]);
        }

        return counts;
    }
}
