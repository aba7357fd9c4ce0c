namespace ActorSan.Workload.Workers;

/// <summary>Loops of single workers; each ends when told to, after the operation that it has outstanding.</summary>
internal static class BlockWorkers
{
    /// <summary>Blocks at the end of the span that only COMPARE AND WRITE uses.</summary>
    internal const int CompareBlocks = 8;

    internal static async Task ReadAndWrite(Bench bench, int client, long first, long blocks, RunOptions options, CancellationToken stop)
    {
        var random = new Random(HashOf(options.Seed, client));
        int sinceFlush = 0;
        var pace = new Pace(options.Rate, options.Workers);
        while (!stop.IsCancellationRequested)
        {
            int count = random.Next(1, (int)Math.Min(options.MostBlocks, blocks) + 1);
            long block = first + random.NextInt64(blocks - count + 1);
            if (random.Next(100) < options.ReadPercent)
            {
                _ = await bench.Read(client, block, count);
            }
            else
            {
                _ = await bench.Write(client, block, count, random.Next(100) < options.FuaPercent);
            }

            if (options.FlushEvery > 0 && ++sinceFlush >= options.FlushEvery)
            {
                sinceFlush = 0;
                _ = await bench.Flush(client);
            }

            await pace.Wait(stop);
        }
    }

    internal static async Task CompareAndWrite(Bench bench, int client, long first, RunOptions options, CancellationToken stop)
    {
        var random = new Random(HashOf(options.Seed, client));
        var pace = new Pace(options.Rate, options.Workers + options.CompareWorkers);
        while (!stop.IsCancellationRequested)
        {
            long block = first + random.Next(CompareBlocks);
            if (await bench.Read(client, block, 1) is { } found)
            {
                await bench.CompareAndWrite(client, block, found[0]);
            }

            await pace.Wait(stop);
        }
    }

    /// <summary>Writes every block once.</summary>
    internal static async Task Prefill(Bench bench, long blocks, CancellationToken stop)
    {
        for (long block = 0; block < blocks && !stop.IsCancellationRequested; block += 64)
        {
            if (!await bench.Write(0, block, (int)Math.Min(64, blocks - block), fua: false))
            {
                throw new WorkloadException($"the blocks could not be written before the run: block {block} failed");
            }
        }
    }

    private static int HashOf(ulong seed, int client) => (int)((seed * 0x9E3779B97F4A7C15) >> 33) ^ (client * 7919);

    /// <summary>Keeps a worker to its share of the rate.</summary>
    private sealed class Pace(int rate, int workers)
    {
        private readonly long _each = rate == 0 ? 0 : 1_000_000_000L * workers / rate;
        private long _next = Clock.Now;

        internal async Task Wait(CancellationToken stop)
        {
            if (_each == 0)
            {
                return;
            }

            long now = Clock.Now;

            // What a gap has cost is not made up for.
            _next = Math.Max(_next + _each, now - _each);
            if (_next - now > 1_000_000)
            {
                await Task.Delay(TimeSpan.FromMilliseconds((_next - now) / 1e6), stop).ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            }
        }
    }
}
