using ActorSan.Benchmarks.WholeSystem;
using ActorSan.Tests.Shared;

namespace ActorSan.Benchmarks.Cluster;

/// <summary>What a node counts of itself since its start; SIGUSR1 makes it write that to its log.</summary>
internal sealed record NodeStatistics(long AllocatedBytes, int Collections, double ProcessorMilliseconds)
{
    private const string Marker = "statistics: ";

    /// <exception cref="BenchmarkException">It wrote nothing within 10 s.</exception>
    internal static async Task<NodeStatistics> Read(DaemonProcess node, CancellationToken stop)
    {
        int seen = node.Log.LastIndexOf(Marker, StringComparison.Ordinal);
        await node.Signal("USR1");
        for (int i = 0; i < 500; i++)
        {
            string log = node.Log;
            int at = log.LastIndexOf(Marker, StringComparison.Ordinal);
            if (at > seen)
            {
                int from = at + Marker.Length;
                var pairs = Processes.LastLine(log[from..log.IndexOf('\n', from)]);
                return new NodeStatistics((long)Processes.Number(pairs, "allocated"), (int)Processes.Number(pairs, "collections"), Processes.Number(pairs, "processor-ms"));
            }

            await Task.Delay(TimeSpan.FromMilliseconds(20), stop);
        }

        throw new BenchmarkException("a node wrote no statistics after SIGUSR1");
    }
}
