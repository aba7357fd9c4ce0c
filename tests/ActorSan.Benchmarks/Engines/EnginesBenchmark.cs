using System.Diagnostics;
using ActorSan.Benchmarks.WholeSystem;
using ActorSan.Storage.Blocks;
using ActorSan.Tests.Shared.Engines;

namespace ActorSan.Benchmarks.Engines;

/// <summary>
/// What the replication engines cost by themselves: the product's classes over a store, a metadata area and links that end everything at the next turn and move no bytes. One
/// thread; the allocated bytes are the least of all batches (a collection charges a thread with the rest of its allocation context, but not in every batch).
/// </summary>
internal static class EnginesBenchmark
{
    private const int Depth = 32;
    private const int BatchTurns = 2000;

    public static IReadOnlyList<Row> Run(double seconds, int rounds, TextWriter output, CancellationToken stop)
    {
        var rows = new List<Row>();
        var two = new QuietPrimary(replicas: 2, Depth);
        var three = new QuietPrimary(replicas: 3, Depth);
        var secondary = new QuietSecondary(Depth);
        (string Name, Action Turn)[] sides =
        [
            ("primary 4k write, 2 replicas", () => two.Run(VolumeOperationKind.Write)),
            ("primary 4k write, 3 replicas", () => three.Run(VolumeOperationKind.Write)),
            ("primary 4k read", () => two.Run(VolumeOperationKind.Read)),
            ("secondary 4k write", secondary.Run),
        ];
        var figures = new List<double>[sides.Length];
        long[] allocated = new long[sides.Length];
        for (int side = 0; side < sides.Length; side++)
        {
            figures[side] = [];
            allocated[side] = long.MaxValue;
            for (int i = 0; i < BatchTurns; i++)
            {
                sides[side].Turn();
            }
        }

        for (int round = 0; round < rounds; round++)
        {
            for (int side = 0; side < sides.Length; side++)
            {
                figures[side].Add(Measure(sides[side].Turn, seconds, ref allocated[side], stop));
                output.WriteLine($"round {round + 1} of {rounds}: {sides[side].Name}: {figures[side][^1]:#,##0} a second");
            }
        }

        for (int side = 0; side < sides.Length; side++)
        {
            rows.Add(new Row($"engines: {sides[side].Name}", Row.Median(figures[side]), "op/s"));
            rows.Add(new Row($"engines: {sides[side].Name}, allocated", (double)allocated[side] / (Depth * BatchTurns), "B/op", Goal: "<= 0"));
        }

        return rows;
    }

    private static double Measure(Action turn, double seconds, ref long leastBytes, CancellationToken stop)
    {
        long turns = 0;
        var watch = Stopwatch.StartNew();
        do
        {
            stop.ThrowIfCancellationRequested();
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < BatchTurns; i++)
            {
                turn();
            }

            leastBytes = Math.Min(leastBytes, GC.GetAllocatedBytesForCurrentThread() - before);
            turns += BatchTurns;
        }
        while (watch.Elapsed.TotalSeconds < seconds);
        return turns * Depth / watch.Elapsed.TotalSeconds;
    }
}
