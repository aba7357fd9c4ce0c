using ActorSan.Storage;

namespace ActorSan.Cluster.Management;

/// <summary>
/// How long things took: bounds are the powers of two from 16 µs to 16.8 s, the same everywhere, so that histograms add up and counting costs one instruction.
/// </summary>
/// <param name="Counts"><see cref="BoundsUs"/>.Count + 1 of them, each for what took longer than the bound before and not longer than its own; the last has no bound.</param>
/// <param name="SumUs">Of all, in microseconds.</param>
public sealed record LatencyHistogram(IReadOnlyList<long> Counts, long SumUs)
{
    /// <summary>Upper bounds in microseconds, ascending.</summary>
    public static IReadOnlyList<long> BoundsUs { get; } = [.. Enumerable.Range(DurationCounts.FirstPower, DurationCounts.LastPower - DurationCounts.FirstPower + 1).Select(power => 1L << power)];

    public static LatencyHistogram Empty { get; } = new(new long[DurationCounts.BucketCount], 0);

    public long Count => Counts.Sum();

    /// <summary>Which of <see cref="Counts"/> a duration belongs to.</summary>
    public static int BucketOf(long durationUs) => DurationCounts.BucketOf(durationUs);

    /// <summary>What was counted until now.</summary>
    public static LatencyHistogram Of(DurationCounts counted) => new(counted.Counts(), counted.SumNs / 1000);

    /// <summary>The bound below which that part of all is (0 to 1), in microseconds; null: nothing was counted. What is above the last bound counts as twice that.</summary>
    public long? PercentileUs(double part)
    {
        long all = Count;
        if (all == 0)
        {
            return null;
        }

        long rank = Math.Max(1, (long)Math.Ceiling(part * all));
        for (int i = 0; i < BoundsUs.Count; i++)
        {
            rank -= Counts[i];
            if (rank <= 0)
            {
                return BoundsUs[i];
            }
        }

        return BoundsUs[^1] * 2;
    }
}
