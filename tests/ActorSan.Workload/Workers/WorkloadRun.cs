using System.Buffers.Binary;
using System.Globalization;
using System.Text.Json;
using ActorSan.Workload.Paths;
using ActorSan.Workload.Recording;

namespace ActorSan.Workload.Workers;

/// <summary>One run: logs in, works until its time is over or it is told to stop, and reports.</summary>
internal sealed class WorkloadRun(RunOptions options, HistoryWriter history, TextWriter progress)
{
    private const int GuardBlocks = 1;
    private readonly GapMeter _meter = new(TimeSpan.FromMilliseconds(50));
    private readonly long _startedAt = Clock.Now;
    private PathSet? _paths;
    private ReservationWorker? _reservations;
    private bool _stopped;

    /// <summary>Nothing failed, and nothing was seen that must not be.</summary>
    internal bool IsGood => _meter.Failed == 0 && history.Violations == 0 && (_reservations?.Failed ?? 0) == 0;

    /// <param name="statusFile">Rewritten several times a second; null: none.</param>
    /// <param name="stop">The end of the work; what is outstanding is still waited for, as long as patience goes.</param>
    /// <param name="giveUp">Nothing is waited for any longer.</param>
    /// <exception cref="WorkloadException">It can't begin.</exception>
    internal async Task Execute(string? statusFile, CancellationToken stop, CancellationToken giveUp)
    {
        uint isid = (uint)(options.Seed & 0xFFFFFF);
        var pathOptions = new PathOptions(options.Initiator, options.Target, options.Lun, isid, options.CommandTimeout, options.PathTimeout);
        using var paths = new PathSet(options.Portals, pathOptions, options.Patience);
        _paths = paths;
        using PathSet? second = options.Reservations ? new PathSet(options.Portals, pathOptions with { Initiator = options.Initiator + ".second" }, options.Patience) : null;
        if (options.Reservations && !paths.IsOnePort)
        {
            throw new WorkloadException("--reservations wants paths to different portal groups: with two sessions to one group the initiator would have two ports, and a registration for each");
        }

        if (!await paths.WaitUp(options.Patience, stop))
        {
            throw new WorkloadException("no path could be logged in: " + string.Join("; ", paths.Paths.Select(path => path.Portal + ": " + path.LastError)));
        }

        (long blocks, int blockBytes) = await Capacity(paths, giveUp);
        int run = 1 + (int)((options.Seed >> 24) % 65534);
        history.Start(run, options.Target, blockBytes);
        var bench = new Bench(paths, history, _meter, run, blockBytes, giveUp);
        long span = Math.Min(options.SpanBytes / blockBytes, blocks);
        long data = span - BlockWorkers.CompareBlocks - GuardBlocks;
        if (data < Math.Max(options.Workers, 1) || (!options.Shared && data / Math.Max(options.Workers, 1) < 1))
        {
            throw new WorkloadException($"{span} blocks of {blockBytes} bytes are too few for {options.Workers} workers: make --span or the volume larger");
        }

        if (options.Prefill)
        {
            await BlockWorkers.Prefill(bench, span, stop);
        }

        var work = new List<Task>();
        for (int i = 0; i < options.Workers; i++)
        {
            long zone = data / options.Workers;
            (long first, long count) = options.Shared ? (0, data) : (i * zone, zone);
            int client = i + 1;
            work.Add(Task.Run(() => BlockWorkers.ReadAndWrite(bench, client, first, count, options, stop), CancellationToken.None));
        }

        for (int i = 0; i < options.CompareWorkers; i++)
        {
            int client = options.Workers + i + 1;
            work.Add(Task.Run(() => BlockWorkers.CompareAndWrite(bench, client, data, options, stop), CancellationToken.None));
        }

        if (second is not null)
        {
            _reservations = new ReservationWorker(bench, second, data + BlockWorkers.CompareBlocks, giveUp);
            work.Add(Task.Run(() => _reservations.Run(stop), CancellationToken.None));
        }

        var all = Task.WhenAll(work);
        using var discovering = CancellationTokenSource.CreateLinkedTokenSource(stop);
        Task discovery = options.Rediscover > TimeSpan.Zero ? Task.Run(() => Rediscover(paths, second, discovering.Token), CancellationToken.None) : Task.CompletedTask;
        await Watch(all, statusFile);
        await discovering.CancelAsync();
        await discovery;
        await all;
        _stopped = true;
        Status(statusFile);
    }

    /// <summary>The report, for programs.</summary>
    internal void Report(Utf8JsonWriter json)
    {
        IReadOnlyList<(long At, long Length)> gaps = _meter.Gaps();
        double[] gapMs = [.. gaps.Select(gap => Math.Round(gap.Length / 1e6, 1)).Order()];
        double[] latencies = [.. _meter.Latencies().Select(us => us / 1000.0)];
        json.WriteStartObject();
        json.WriteNumber("seconds", Math.Round((Clock.Now - _startedAt) / 1e9, 1));
        json.WriteNumber("operations", _meter.Completed);
        json.WriteNumber("failed", _meter.Failed + (_reservations?.Failed ?? 0));
        json.WriteNumber("violations", history.Violations);
        json.WriteNumber("reservationChanges", _reservations?.Changes ?? 0);
        Distribution(json, "latencyMs", latencies);
        Distribution(json, "gapMs", gapMs);
        json.WriteStartArray("gaps");
        foreach ((long at, long length) in gaps)
        {
            json.WriteStartObject();
            json.WriteNumber("at", at);
            json.WriteNumber("atMs", Math.Round((at - _startedAt) / 1e6, 1));
            json.WriteNumber("ms", Math.Round(length / 1e6, 1));
            json.WriteEndObject();
        }

        json.WriteEndArray();
        Paths(json);
        json.WriteEndObject();
    }

    internal string Summary()
    {
        double[] gapMs = [.. _meter.Gaps().Select(gap => gap.Length / 1e6).Order()];
        string gaps = gapMs.Length == 0 ? "no gap of 50 ms or more" : string.Create(CultureInfo.InvariantCulture, $"{gapMs.Length} gaps of 50 ms or more, the longest {gapMs[^1]:0} ms");
        return string.Create(CultureInfo.InvariantCulture, $"{_meter.Completed} operations, {_meter.Failed + (_reservations?.Failed ?? 0)} failed, {history.Violations} violations, {gaps}");
    }

    private static void Distribution(Utf8JsonWriter json, string name, IReadOnlyList<double> sorted)
    {
        json.WriteStartObject(name);
        json.WriteNumber("p50", GapMeter.Percentile(sorted, 0.5));
        json.WriteNumber("p99", GapMeter.Percentile(sorted, 0.99));
        json.WriteNumber("max", sorted.Count == 0 ? 0 : sorted[^1]);
        json.WriteEndObject();
    }

    private void Paths(Utf8JsonWriter json)
    {
        json.WriteStartArray("paths");
        foreach (PathSession path in _paths?.Paths ?? [])
        {
            json.WriteStartObject();
            json.WriteNumber("path", path.Number);
            json.WriteString("portal", path.Portal);
            json.WriteBoolean("up", path.IsUp);
            json.WriteNumber("logins", path.Logins);
            json.WriteNumber("answered", path.Answered);
            json.WriteNumber("refused", path.Refused);
            json.WriteNumber("lost", path.Lost);
            json.WriteString("lastError", path.LastError);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static async Task<(long Blocks, int BlockBytes)> Capacity(PathSet paths, CancellationToken giveUp)
    {
        OperationResult result = await paths.Execute(ScsiCommand.ReadCapacity(), null, giveUp);
        return result.Kind == AttemptKind.Good && result.Data.Length >= 12
            ? (BinaryPrimitives.ReadInt64BigEndian(result.Data) + 1, BinaryPrimitives.ReadInt32BigEndian(result.Data.AsSpan(8)))
            : throw new WorkloadException("READ CAPACITY was answered on no path: " + result.Text);
    }

    // Asks those portals that are up, again and again: nodes come and go.
    private async Task Rediscover(PathSet paths, PathSet? second, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            await Task.Delay(options.Rediscover, stop).ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            foreach (string portal in paths.Paths.Where(path => path.IsUp).Select(path => path.Portal))
            {
                if (stop.IsCancellationRequested)
                {
                    return;
                }

                try
                {
                    IReadOnlyList<string> found = Discovery.PortalsOf([portal], options.Target, options.Initiator, options.PathTimeout);
                    paths.Become(found);
                    second?.Become(found);
                    break;
                }
                catch (WorkloadException)
                {
                    // It went down meanwhile, or knows the target no more: the next one is asked.
                }
            }
        }
    }

    private async Task Watch(Task all, string? statusFile)
    {
        long toldAt = Clock.Now;
        while (!all.IsCompleted)
        {
            _ = await Task.WhenAny(all, Task.Delay(TimeSpan.FromMilliseconds(100), CancellationToken.None));
            Status(statusFile);
            if (Clock.Now - toldAt >= 5_000_000_000)
            {
                toldAt = Clock.Now;
                string paths = string.Join(", ", _paths!.Paths.Select(path => path.Portal + (path.IsUp ? " up" : " down")));
                await progress.WriteLineAsync(string.Create(
                    CultureInfo.InvariantCulture,
                    $"{(toldAt - _startedAt) / 1e9:0} s: {_meter.Completed} done, {_meter.Outstanding} outstanding, {_meter.Failed} failed, longest gap {_meter.Longest / 1e6:0} ms; {paths}"));
            }
        }
    }

    private void Status(string? file)
    {
        if (file is null)
        {
            return;
        }

        string beside = file + ".new";
        using (var stream = new FileStream(beside, FileMode.Create))
        using (var json = new Utf8JsonWriter(stream))
        {
            json.WriteStartObject();
            json.WriteNumber("at", Clock.Now);
            json.WriteBoolean("stopped", _stopped);
            json.WriteNumber("operations", _meter.Completed);
            json.WriteNumber("failed", _meter.Failed + (_reservations?.Failed ?? 0));
            json.WriteNumber("violations", history.Violations);
            json.WriteNumber("outstanding", _meter.Outstanding);
            json.WriteNumber("lastCompletedAt", _meter.LastCompletedAt);
            json.WriteNumber("longestGapMs", Math.Round(_meter.Longest / 1e6, 1));
            json.WriteNumber("reservationChanges", _reservations?.Changes ?? 0);
            Paths(json);
            json.WriteEndObject();
        }

        File.Move(beside, file, overwrite: true);
    }
}
