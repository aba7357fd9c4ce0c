using System.Globalization;

namespace ActorSan.Node.Daemon;

/// <summary>
/// What the process has used so far, as <c>key=value</c> pairs in one log line: written on SIGUSR1, for administrators and for the benchmark that holds the hot path to
/// zero managed allocations.
/// </summary>
internal static class ProcessStatistics
{
    /// <summary>SIGUSR1 on Linux, as <see cref="System.Runtime.InteropServices.PosixSignal"/> takes raw numbers.</summary>
    internal const int UserSignal = 10;

    internal static string Line()
    {
        int collections = 0;
        for (int generation = 0; generation <= GC.MaxGeneration; generation++)
        {
            collections += GC.CollectionCount(generation);
        }

        return string.Create(
            CultureInfo.InvariantCulture,
            $"allocated={GC.GetTotalAllocatedBytes(precise: true)} collections={collections} heap={GC.GetTotalMemory(forceFullCollection: false)} resident={Environment.WorkingSet} processor-ms={Environment.CpuUsage.TotalTime.TotalMilliseconds:0}");
    }
}
