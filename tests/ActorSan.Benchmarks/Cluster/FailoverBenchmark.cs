using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using ActorSan.Benchmarks.WholeSystem;

namespace ActorSan.Benchmarks.Cluster;

/// <param name="Times">Of each kind of incident.</param>
/// <param name="Many">Volumes that fail over together; 0: not measured.</param>
internal sealed record FailoverOptions(string Daemon, string Directory, int Times, int Many, bool Large);

/// <summary>
/// What initiators notice when a node dies, is stopped or hands over: writers with a session on every path, which go on by the next one, and the longest that any of their writes took.
/// What was answered is compared at the end of each part.
/// </summary>
internal sealed class FailoverBenchmark(FailoverOptions options, TextWriter progress, CancellationToken stop)
{
    private const string Volume = "bench";
    private const int Writers = 4;
    private static readonly TimeSpan s_rejoinLimit = TimeSpan.FromMinutes(3);

    /// <summary>Until then a secondary that says nothing is waited for (replication.md W7).</summary>
    private static readonly TimeSpan s_ackTimeout = TimeSpan.FromSeconds(1);
    private readonly List<Row> _rows = [];

    internal async Task<IReadOnlyList<Row>> Run()
    {
        await using (ClusterSide cluster = await StartCluster("failover"))
        {
            await cluster.CreateVolume(Volume, "1GiB", 0, stop);
            _ = await cluster.BecomeHealthy(Volume, s_rejoinLimit, stop);
            using GapClient client = Client([.. Enumerable.Repeat(0, Writers)], TimeSpan.Zero);
            await client.Gap(() => Task.CompletedTask);
            progress.WriteLine($"{options.Times} of each; {Writers} writers, 4 KiB, one write each");
            await Primaries(cluster, client);
            await HandOvers(cluster, client);
            await Secondaries(cluster, client);
            client.StopAndCompare();
            progress.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{client.Answered:#,##0} writes answered, the newest of each block compared"));
        }

        if (options.Large)
        {
            await Large();
        }

        if (options.Many > 0)
        {
            await Many();
        }

        return _rows;
    }

    private async Task Primaries(ClusterSide cluster, GapClient client)
    {
        List<double> gaps = [];
        List<double> rejoins = [];
        List<double> resynced = [];
        for (int i = 0; i < options.Times; i++)
        {
            (string primary, _) = await cluster.BecomeHealthy(Volume, s_rejoinLimit, stop);
            TimeSpan gap = await client.Gap(() => cluster.Kill(primary));
            var clock = Stopwatch.StartNew();
            await cluster.Restart(primary, stop);
            TimeSpan ready = clock.Elapsed;
            (_, long bytes) = await cluster.BecomeHealthy(Volume, s_rejoinLimit, stop);
            progress.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"  {i + 1}: {primary} killed, gap {gap.TotalMilliseconds:0} ms; started again in {ready.TotalSeconds:0.0} s, healthy after {clock.Elapsed.TotalSeconds:0.0} s, {bytes / 1048576.0:0.0} MiB to resync"));
            gaps.Add(gap.TotalMilliseconds);
            rejoins.Add(clock.Elapsed.TotalSeconds);
            resynced.Add(bytes / 1048576.0);
        }

        Distribution("I/O gap, primary killed", gaps, "ms", "<= 1500");
        Distribution("from the start of a killed node until healthy", rejoins, "s", null);
        Distribution("to be resynced after that", resynced, "MiB", null);
    }

    private async Task HandOvers(ClusterSide cluster, GapClient client)
    {
        List<double> gaps = [];
        for (int i = 0; i < options.Times; i++)
        {
            (string primary, _) = await cluster.BecomeHealthy(Volume, s_rejoinLimit, stop);
            string to = ClusterSide.Other(primary);
            TimeSpan gap = await client.Gap(() => cluster.Do(stop, "volume", "handover", Volume, to));
            progress.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {i + 1}: handed over to {to}, gap {gap.TotalMilliseconds:0} ms"));
            gaps.Add(gap.TotalMilliseconds);
        }

        Distribution("I/O gap, planned handover", gaps, "ms", "<= 100");
    }

    private async Task Secondaries(ClusterSide cluster, GapClient client)
    {
        List<double> killed = [];
        List<double> unnoticed = [];
        List<double> silent = [];
        for (int i = 0; i < options.Times; i++)
        {
            (string primary, _) = await cluster.BecomeHealthy(Volume, s_rejoinLimit, stop);
            string secondary = ClusterSide.Other(primary);
            TimeSpan ended = default;
            TimeSpan gap = await client.Gap(async () => ended = await KillAndSeeItsConnectionsEnd(cluster, secondary));
            killed.Add(gap.TotalMilliseconds);
            unnoticed.Add(ended.TotalMilliseconds);
            await cluster.Restart(secondary, stop);
            _ = await cluster.BecomeHealthy(Volume, s_rejoinLimit, stop);

            TimeSpan stopped = await client.Gap(() => cluster.Process(secondary).Signal("STOP"));
            await cluster.Process(secondary).Signal("CONT");
            silent.Add((stopped - s_ackTimeout).TotalMilliseconds);
            progress.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {i + 1}: {secondary} killed, gap {gap.TotalMilliseconds:0} ms, its connections ended after {ended.TotalMilliseconds:0} ms; stopped, gap {stopped.TotalMilliseconds:0} ms"));
        }

        _ = await cluster.BecomeHealthy(Volume, s_rejoinLimit, stop);
        Distribution("I/O gap, secondary killed", killed, "ms", "<= 50");
        Distribution("from the kill until the host ends a dead process's connections", unnoticed, "ms", null);
        Distribution("I/O gap beyond ack-timeout, secondary stopped", silent, "ms", "<= 50");
    }

    // A host takes a dead process's memory apart before it closes its connections: nobody can know of it earlier than by silence.
    private async Task<TimeSpan> KillAndSeeItsConnectionsEnd(ClusterSide cluster, string node)
    {
        using var connection = new TcpClient();
        await connection.ConnectAsync(IPEndPoint.Parse(ClusterSide.Portal(node)), stop);
        long killedAt = Stopwatch.GetTimestamp();
        Task<TimeSpan> ended = UntilItEnds(connection.GetStream(), killedAt);
        await cluster.Kill(node);
        return await ended;
    }

    private async Task<TimeSpan> UntilItEnds(NetworkStream stream, long sinceTimestamp)
    {
        try
        {
            _ = await stream.ReadAsync(new byte[1], stop);
        }
        catch (IOException)
        {
            // Reset, which is an end, too.
        }

        return Stopwatch.GetElapsedTime(sinceTimestamp);
    }

    // A size that nobody writes must cost nothing: each figure beside that of a volume of 1 GiB.
    private async Task Large()
    {
        OneSize small = await Measure("1GiB");
        OneSize large = await Measure("1TiB");
        foreach ((string name, Func<OneSize, double> of, string unit) in new (string, Func<OneSize, double>, string)[]
        {
            ("made and served", size => size.CreateSeconds, "s"),
            ("primary killed, I/O gap", size => size.GapMilliseconds, "ms"),
            ("killed node until healthy", size => size.RejoinSeconds, "s"),
            ("taken up by its start, primary", size => size.PrimaryMebibytes, "MiB"),
            ("taken up by its start, secondary", size => size.SecondaryMebibytes, "MiB"),
        })
        {
            (double ours, double theirs) = (of(large), of(small));
            string? goal = unit == "MiB" ? "<= 4" : null;
            Add(new Row($"1 TiB: {name}", Round(ours), unit, "1 GiB", goal is null ? Math.Round(ours / theirs, 2) : null, goal));
            if (goal is not null)
            {
                Add(new Row($"1 GiB: {name}", Round(theirs), unit));
            }
        }
    }

    private async Task<OneSize> Measure(string size)
    {
        await using ClusterSide cluster = await StartCluster("size-" + size);

        // One that is there already: the second volume pays for nothing that any first one does.
        await cluster.CreateVolume("first", "64MiB", 0, stop);
        (string primary, _) = await cluster.BecomeHealthy("first", s_rejoinLimit, stop);
        long[] before = [.. ClusterSide.DataNodes.Select(node => cluster.Process(node).ResidentBytes())];
        var clock = Stopwatch.StartNew();
        await cluster.CreateVolume(Volume, size, 1, stop);
        (primary, _) = await cluster.BecomeHealthy(Volume, s_rejoinLimit, stop);
        double created = clock.Elapsed.TotalSeconds;
        using GapClient client = Client([1, 1], TimeSpan.Zero);
        await client.Gap(() => Task.CompletedTask);
        double[] grown = [.. ClusterSide.DataNodes.Select((node, index) => (cluster.Process(node).ResidentBytes() - before[index]) / 1048576.0)];
        int at = Array.IndexOf(ClusterSide.DataNodes, primary);
        TimeSpan gap = await client.Gap(() => cluster.Kill(primary));
        clock.Restart();
        await cluster.Restart(primary, stop);
        _ = await cluster.BecomeHealthy(Volume, s_rejoinLimit, stop);
        double rejoined = clock.Elapsed.TotalSeconds;
        client.StopAndCompare();
        return new OneSize(created, gap.TotalMilliseconds, rejoined, grown[at], grown[1 - at]);
    }

    private async Task Many()
    {
        await using ClusterSide cluster = await StartCluster("many");
        var clock = Stopwatch.StartNew();
        string[] volumes = [.. Enumerable.Range(0, options.Many).Select(i => string.Create(CultureInfo.InvariantCulture, $"many{i}"))];
        for (int i = 0; i < volumes.Length; i++)
        {
            await cluster.CreateVolume(volumes[i], "64MiB", i, stop);
        }

        List<string> primaries = [];
        foreach (string volume in volumes)
        {
            primaries.Add((await cluster.BecomeHealthy(volume, s_rejoinLimit, stop)).Primary);
        }

        Add(new Row($"{options.Many} volumes made and served", Round(clock.Elapsed.TotalSeconds), "s"));
        string busiest = primaries.CountBy(node => node).MaxBy(pair => pair.Value).Key;
        using GapClient client = Client([.. Enumerable.Range(0, options.Many)], TimeSpan.FromMilliseconds(20));
        await client.Gap(() => Task.CompletedTask);
        TimeSpan gap = await client.Gap(() => cluster.Kill(busiest));
        Add(new Row($"I/O gap of the slowest of {primaries.Count(node => node == busiest)} volumes, primary killed", Round(gap.TotalMilliseconds), "ms", Goal: "<= 1500"));
        clock.Restart();
        await cluster.Restart(busiest, stop);
        foreach (string volume in volumes)
        {
            _ = await cluster.BecomeHealthy(volume, s_rejoinLimit, stop);
        }

        Add(new Row($"from the start of a killed node until {options.Many} volumes are healthy", Round(clock.Elapsed.TotalSeconds), "s"));
        foreach (string node in ClusterSide.DataNodes)
        {
            Add(new Row($"resident memory of {node} with {options.Many} volumes", Round(cluster.Process(node).ResidentBytes() / 1048576.0), "MiB"));
        }

        client.StopAndCompare();
    }

    private async Task<ClusterSide> StartCluster(string name)
    {
        progress.WriteLine("Starting three nodes …");
        return await ClusterSide.Start(options.Daemon, Path.Combine(options.Directory, name), Path.Combine(options.Directory, name, "stores"), direct: true, stop);
    }

    private GapClient Client(IReadOnlyList<int> luns, TimeSpan pause) => new([.. ClusterSide.DataNodes.Select(ClusterSide.Portal)], ClusterSide.Target, luns, pause, stop);

    private void Distribution(string name, List<double> values, string unit, string? goal)
    {
        double[] sorted = [.. values.Order()];
        Add(new Row($"{name}, p50", Round(Percentile(sorted, 0.5)), unit));
        Add(new Row($"{name}, p99", Round(Percentile(sorted, 0.99)), unit, Goal: goal));
        Add(new Row($"{name}, max", Round(sorted[^1]), unit));
    }

    // The nearest rank: of less than 100 the 99th is the largest.
    private static double Percentile(double[] sorted, double part) => sorted[Math.Max(1, (int)Math.Ceiling(part * sorted.Length)) - 1];

    private void Add(Row row)
    {
        _rows.Add(row);
        progress.WriteLine(row);
    }

    private static double Round(double value) => Math.Round(value, value < 100 ? 2 : 0);

    private sealed record OneSize(double CreateSeconds, double GapMilliseconds, double RejoinSeconds, double PrimaryMebibytes, double SecondaryMebibytes);
}
