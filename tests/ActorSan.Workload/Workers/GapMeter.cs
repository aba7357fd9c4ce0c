namespace ActorSan.Workload.Workers;

/// <summary>Counts operations and finds the gaps: times in which something was outstanding and nothing was answered with success.</summary>
/// <param name="threshold">Shorter gaps are not kept.</param>
internal sealed class GapMeter(TimeSpan threshold)
{
    private readonly Lock _gate = new();
    private readonly long _threshold = (long)threshold.TotalNanoseconds;
    private readonly List<(long At, long Length)> _gaps = [];
    private readonly List<int> _latencies = [];
    private long _quietSince;

    /// <summary>Operations that were answered with success.</summary>
    internal long Completed { get; private set; }

    /// <summary>Operations that nobody answered within the patience, or whose answer was an error.</summary>
    internal long Failed { get; private set; }

    internal int Outstanding { get; private set; }

    /// <summary>When an operation was last answered with success, in ns of the monotonic clock; 0: never yet.</summary>
    internal long LastCompletedAt { get; private set; }

    /// <summary>The longest gap so far, in ns, the one that lasts included.</summary>
    internal long Longest
    {
        get
        {
            lock (_gate)
            {
                long now = Outstanding > 0 ? Clock.Now - _quietSince : 0;
                return Math.Max(now, _gaps.Count == 0 ? 0 : _gaps.Max(gap => gap.Length));
            }
        }
    }

    internal void Begin(long at)
    {
        lock (_gate)
        {
            if (Outstanding++ == 0)
            {
                _quietSince = at;
            }
        }
    }

    internal void End(long began, long at, bool good)
    {
        lock (_gate)
        {
            Outstanding--;
            if (!good)
            {
                Failed++;
                return;
            }

            Completed++;
            long gap = at - _quietSince;
            if (gap >= _threshold)
            {
                _gaps.Add((_quietSince, gap));
            }

            (_quietSince, LastCompletedAt) = (at, at);
            _latencies.Add((int)Math.Min(int.MaxValue, (at - began) / 1000));
        }
    }

    /// <summary>All gaps that were kept: begin and length, in ns.</summary>
    internal IReadOnlyList<(long At, long Length)> Gaps()
    {
        lock (_gate)
        {
            return [.. _gaps];
        }
    }

    /// <summary>Of all answered operations, in µs, sorted.</summary>
    internal int[] Latencies()
    {
        lock (_gate)
        {
            int[] all = [.. _latencies];
            Array.Sort(all);
            return all;
        }
    }

    /// <summary>The value below which that share of the sorted ones is (nearest rank); 0 of none.</summary>
    internal static double Percentile(IReadOnlyList<double> sorted, double share) =>
        sorted.Count == 0 ? 0 : sorted[Math.Clamp((int)Math.Ceiling(share * sorted.Count) - 1, 0, sorted.Count - 1)];
}
