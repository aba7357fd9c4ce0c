using System.Diagnostics;
using System.Globalization;
using ActorSan.Benchmarks.WholeSystem;
using ActorSan.Tests.Shared;

namespace ActorSan.Benchmarks.Cluster;

/// <param name="Memory">A directory of a file system in memory.</param>
internal sealed record ClusterOptions(string Daemon, string Sources, string Directory, string Memory, int Seconds, int Rounds);

/// <summary>
/// A replicated volume (two copies, protocol C, three processes) beside the same volume on one node of the same build, which has the same store and no peer; and beside tgt, which does not
/// replicate. The sides take turns and the medians are compared. All processes share the machine's CPUs as the scheduler likes; the raw client alone is pinned.
/// </summary>
internal sealed class ReplicatedBenchmark(ClusterOptions options, TextWriter progress, CancellationToken stop)
{
    private const string Volume = "bench";
    private const string VolumeSize = "1GiB";
    private const string SingleTarget = "iqn.2026-01.org.actorsan:bench-single";
    private readonly List<Row> _rows = [];
    private readonly LoadTools _tools = new(options.Sources, Path.Combine(options.Directory, "tools"), options.Seconds, stop);

    internal async Task<IReadOnlyList<Row>> Run()
    {
        await _tools.Build();
        await InMemory();
        await OnDisk();
        return _rows;
    }

    private async Task InMemory()
    {
        string stores = Path.Combine(options.Memory, "cluster");
        await using ClusterSide cluster = await ClusterSide.Start(options.Daemon, Path.Combine(options.Directory, "memory"), stores, direct: false, stop);
        long[] idle = [.. ClusterSide.DataNodes.Append("hera").Select(node => cluster.Process(node).ResidentBytes())];
        Side replicated = await Serve(cluster);
        await using (DaemonProcess single = await StartSingle(Path.Combine(options.Memory, "single.store"), direct: false))
        {
            Side local = SingleSide(single);
            progress.WriteLine("Filling the volumes …");
            await _tools.Fill(replicated);
            await _tools.Fill(local);
            await Compare("4k QD1 write, memory, raw", new Load(true, "write", 4096, 1), cluster, local, ">= 0.5");
            await Compare("4k QD32 write, memory, raw", new Load(true, "write", 4096, 32), cluster, local, ">= 0.6");
            await Compare("4k QD1 read, memory, raw", new Load(true, "read", 4096, 1), cluster, local, null);
            await Compare("4k QD32 read, memory, raw", new Load(true, "read", 4096, 32), cluster, local, null);
            await Compare("256k QD8 write, memory, libiscsi", new Load(false, "write", 262144, 8), cluster, local, null);
            await Compare("256k QD8 read, memory, libiscsi", new Load(false, "read", 262144, 8), cluster, local, null);
            await Latency(cluster, local);
        }

        await using (PeerTgt tgt = await PeerTgt.Start(Path.Combine(options.Sources, "peer-tgt.sh"), Path.Combine(options.Directory, "tgt"), 3264, stop))
        {
            _ = await _tools.Run(new Load(IsRaw: false, "write", 65536, 16), tgt.Side("ram"));
            await Compare("4k QD1 write, memory, libiscsi", new Load(false, "write", 4096, 1), cluster, tgt.Side("ram"), ">= 0.9");
            await Compare("4k QD32 write, memory, libiscsi", new Load(false, "write", 4096, 32), cluster, tgt.Side("ram"), ">= 1.3");
        }

        await Processors(cluster, await PrimarySide(cluster));
        await Allocation(cluster, await PrimarySide(cluster));
        await Resync(cluster, await PrimarySide(cluster));

        // One buffer pool of 64 MiB a node, touched at start.
        foreach ((string node, long bytes) in ClusterSide.DataNodes.Append("hera").Zip(idle))
        {
            Add(new Row($"resident memory of {node}, idle, beside the pool", Math.Round((bytes / 1048576.0) - 64, 1), "MiB", Goal: "<= 180"));
        }
    }

    private async Task OnDisk()
    {
        string directory = Path.Combine(options.Directory, "disk");
        await using ClusterSide cluster = await ClusterSide.Start(options.Daemon, directory, Path.Combine(directory, "stores"), direct: true, stop);
        Side replicated = await Serve(cluster);
        string store = Path.Combine(options.Directory, "single.store");
        await using (DaemonProcess single = await StartSingle(store, direct: true))
        {
            Side local = SingleSide(single);
            await _tools.Fill(replicated);
            await _tools.Fill(local);
            await Compare("4k QD1 write, disk, raw", new Load(true, "write", 4096, 1), cluster, local, ">= 0.5");
            await Compare("4k QD32 write, disk, raw", new Load(true, "write", 4096, 32), cluster, local, ">= 0.6");
            await Compare("4k QD32 read, disk, raw", new Load(true, "read", 4096, 32), cluster, local, null);
        }

        File.Delete(store);
    }

    private async Task<Side> Serve(ClusterSide cluster)
    {
        await cluster.CreateVolume(Volume, VolumeSize, 0, stop);
        (string primary, _) = await cluster.BecomeHealthy(Volume, TimeSpan.FromMinutes(1), stop);
        return cluster.Side(primary);
    }

    private async Task Latency(ClusterSide cluster, Side local)
    {
        var load = new Load(true, "write", 4096, 1);
        List<LoadResult> ours = [];
        List<LoadResult> theirs = [];
        for (int i = 0; i < options.Rounds; i++)
        {
            ours.Add(await RunReplicated(load, cluster));
            theirs.Add(await _tools.Run(load, local));
        }

        foreach ((string name, Func<LoadResult, double> of) in new (string, Func<LoadResult, double>)[] { ("p50", result => result.P50Microseconds), ("p99", result => result.P99Microseconds) })
        {
            (double a, double b) = (Row.Median([.. ours.Select(of)]), Row.Median([.. theirs.Select(of)]));
            Add(new Row($"4k QD1 write latency {name}, memory, raw", Math.Round(a, 1), "us", "one local volume", Ratio(a, b)));
        }
    }

    private async Task Processors(ClusterSide cluster, Side replicated)
    {
        var load = new Load(true, "write", 4096, 32);
        foreach (string mode in (string[])["write", "read"])
        {
            Dictionary<string, double> before = await ProcessorMilliseconds(cluster);
            LoadResult result = await _tools.Run(load with { Mode = mode }, replicated);
            Dictionary<string, double> after = await ProcessorMilliseconds(cluster);

            // The warm-up's second is in the nodes' CPU time, so it is in the commands.
            double commands = Math.Max(1, result.Iops * (options.Seconds + 1));
            foreach (string node in ClusterSide.DataNodes)
            {
                string role = ClusterSide.Portal(node) == replicated.Portal ? "primary" : "secondary";
                Add(new Row($"CPU of the {role}, 4k QD32 {mode}, memory, raw", Math.Round((after[node] - before[node]) * 1000 / commands, 2), "us/op"));
            }
        }
    }

    private async Task<Dictionary<string, double>> ProcessorMilliseconds(ClusterSide cluster)
    {
        var all = new Dictionary<string, double>(StringComparer.Ordinal);
        foreach (string node in ClusterSide.DataNodes)
        {
            all[node] = (await NodeStatistics.Read(cluster.Process(node), stop)).ProcessorMilliseconds;
        }

        return all;
    }

    // What leases, heartbeats and logins allocate goes on without commands, too: the same time without them is measured first, and taken off.
    private async Task Allocation(ClusterSide cluster, Side replicated)
    {
        foreach ((string name, Load load) in new[] { ("4k mixed", new Load(true, "mixed", 4096, 32)), ("4k write", new Load(true, "write", 4096, 32)), ("256k write", new Load(false, "write", 262144, 8)) })
        {
            _ = await _tools.Run(load, replicated);
            foreach (string node in ClusterSide.DataNodes)
            {
                DaemonProcess process = cluster.Process(node);
                var clock = Stopwatch.StartNew();
                NodeStatistics first = await NodeStatistics.Read(process, stop);
                await using (await IdleSessions.Open(replicated.Portal, replicated.Target, 1, stop))
                {
                    await Task.Delay(TimeSpan.FromSeconds(options.Seconds + 1), stop);
                }

                NodeStatistics second = await NodeStatistics.Read(process, stop);
                TimeSpan quiet = clock.Elapsed;
                clock.Restart();
                LoadResult result = await _tools.Run(load, replicated);
                NodeStatistics third = await NodeStatistics.Read(process, stop);
                double background = (second.AllocatedBytes - first.AllocatedBytes) * (clock.Elapsed / quiet);
                double commands = Math.Max(1, result.Iops * (options.Seconds + 1));
                double each = Math.Max(0, Math.Floor((third.AllocatedBytes - second.AllocatedBytes - background) / commands));
                string role = ClusterSide.Portal(node) == replicated.Portal ? "primary" : "secondary";
                Add(new Row($"managed bytes allocated a command, {role}, {name}", each, "B", Goal: "<= 0"));
                Add(new Row($"collections under load, {role}, {name}", Math.Max(0, third.Collections - second.Collections - (second.Collections - first.Collections)), "", Goal: "<= 0"));
            }
        }
    }

    // A copy that missed the whole region, beside what one loopback connection carries or the file system takes, whichever is less; and what commands of the primary wait meanwhile.
    private async Task Resync(ClusterSide cluster, Side replicated)
    {
        string secondary = ClusterSide.Portal("atlas") == replicated.Portal ? "zeus" : "atlas";
        var foreground = new Load(true, "mixed", 4096, 4);
        LoadResult alone = await _tools.Run(foreground, replicated);
        double link = await _tools.LoopbackLimit(65536, 0, 8) * 65536;
        string raw = Path.Combine(options.Memory, "raw");
        double disk = await new Fio(raw, options.Seconds, stop).RewriteInOrder();
        File.Delete(raw);
        (double limit, string what) = link < disk ? (link, "loopback, 64k") : (disk, "fio, 1m, same file system");
        List<double> rates = [];
        for (int round = 0; round < Math.Min(3, options.Rounds); round++)
        {
            await cluster.Kill(secondary);
            await _tools.Fill(replicated, "1g");
            await cluster.Restart(secondary, stop);
            (double rate, long bytes) = await ResyncRate(cluster);
            progress.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {bytes >> 20} MiB resynced"));
            rates.Add(rate);
        }

        double median = Row.Median(rates);
        Add(new Row("resync, idle, memory", Math.Round(median / 1048576), "MiB/s", what, Ratio(median, limit), ">= 0.8"));

        await cluster.Kill(secondary);
        await _tools.Fill(replicated, "1g");
        Task back = cluster.Restart(secondary, stop);
        double worst = 0;
        int runs = 0;
        bool healthy = false;
        while (!healthy && runs < 60)
        {
            LoadResult during = await _tools.RunFor(foreground, replicated, seconds: 1, warmUp: 0);
            healthy = back.IsCompleted && (await cluster.Look(Volume, stop)).Condition == "healthy";
            worst = healthy && runs > 0 ? worst : Math.Max(worst, during.P99Microseconds);
            runs++;
        }

        await back;
        _ = await cluster.BecomeHealthy(Volume, TimeSpan.FromMinutes(2), stop);
        Add(new Row("4k QD4 mixed p99 while a copy is resynced", Math.Round(worst), "us", "without", Ratio(worst, alone.P99Microseconds), "<= 2"));
    }

    // From the first moment at which something of it is copied until it is in sync.
    private async Task<(double BytesASecond, long Bytes)> ResyncRate(ClusterSide cluster)
    {
        long most = 0;
        long began = 0;
        var clock = Stopwatch.StartNew();
        while (clock.Elapsed < TimeSpan.FromMinutes(3))
        {
            VolumeLook look = await cluster.Look(Volume, stop);
            if (began == 0 && look.ToResyncBytes < most)
            {
                began = Stopwatch.GetTimestamp();
                most = look.ToResyncBytes;
            }

            if (began == 0)
            {
                most = Math.Max(most, look.ToResyncBytes);
            }

            if (look.Condition == "healthy")
            {
                // Too fast to be seen under way: the time since the node came back is what there is.
                return (most / (began == 0 ? clock.Elapsed : Stopwatch.GetElapsedTime(began)).TotalSeconds, most);
            }

            await Task.Delay(TimeSpan.FromMilliseconds(5), stop);
        }

        throw new BenchmarkException($"{Volume} was not resynced within 3 minutes");
    }

    private async Task<DaemonProcess> StartSingle(string store, bool direct) => await DaemonProcess.StartAsync(
        options.Daemon,
        Path.Combine(options.Directory, "single"),
        $$"""
        actorsan {
          node { name = single, state-directory = state }
          io { threads = 1, cpus = none }
          portals.main { address = {{ClusterSide.SpareAddress}}, port = 3260 }
          volumes.local { format = if-missing, store { path = "{{store}}", size = 1 GiB, direct = {{(direct ? "on" : "off")}} } }
          targets."{{SingleTarget}}" { access = open, luns.0 = local }
        }

        """,
        stop);

    private static Side SingleSide(DaemonProcess single) => new("one local volume", ClusterSide.SpareAddress + ":3260", SingleTarget, 0, single.ProcessId);

    private async Task Compare(string name, Load load, ClusterSide ours, Side theirs, string? goal)
    {
        var a = new List<double>();
        var b = new List<double>();
        for (int round = 0; round < options.Rounds; round++)
        {
            a.Add((await RunReplicated(load, ours)).Iops);
            b.Add((await _tools.Run(load, theirs)).Iops);
        }

        Add(new Row(name, Math.Round(Row.Median(a)), "IOPS", theirs.Name, Ratio(Row.Median(a), Row.Median(b)), goal));
    }

    // Where the volume is served now: a machine that stands still for longer than a lease moves it, and what was measured meanwhile is measured again.
    private async Task<LoadResult> RunReplicated(Load load, ClusterSide cluster)
    {
        for (int left = 3; ; left--)
        {
            Side side = await PrimarySide(cluster);
            try
            {
                return await _tools.Run(load, side);
            }
            catch (BenchmarkException failure) when (left > 1)
            {
                progress.WriteLine($"  measured again: {failure.Message}");
            }
        }
    }

    private async Task<Side> PrimarySide(ClusterSide cluster) => cluster.Side((await cluster.BecomeHealthy(Volume, TimeSpan.FromMinutes(2), stop)).Primary);

    private void Add(Row row)
    {
        _rows.Add(row);
        progress.WriteLine(row);
    }

    private static double Ratio(double ours, double theirs) => Math.Round(ours / theirs, 2);
}
