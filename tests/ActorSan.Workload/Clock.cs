using System.Diagnostics;

namespace ActorSan.Workload;

/// <summary>The machine's monotonic clock (CLOCK_MONOTONIC), in nanoseconds: the same for all processes since the machine started.</summary>
internal static class Clock
{
    internal static long Now => (long)(Stopwatch.GetTimestamp() * (1_000_000_000.0 / Stopwatch.Frequency));
}
