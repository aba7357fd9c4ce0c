using System.Diagnostics;

namespace ActorSan.Simulator.Runner;

/// <summary>A seed that found something.</summary>
public sealed record Finding(string Kind, ulong Seed, string Violation);

/// <summary>What many seeds gave.</summary>
public sealed record RunnerSummary(long Seeds, long Events, double Seconds, int Inconclusive, IReadOnlyList<Finding> Findings)
{
    public double EventsPerSecond => Seconds > 0 ? Events / Seconds : 0;
}

/// <summary>Runs seeds on all cores, each twice: two runs of one plan that differ in their hash are a violation of their own (determinism).</summary>
public sealed class SeedRunner(ScenarioRegistry registry)
{
    /// <summary>After so many findings no further seeds are begun.</summary>
    public int MaxFindings { get; init; } = 20;

    public int Threads { get; init; } = Environment.ProcessorCount;

    /// <summary>About every two seconds, on one of the threads: seeds done, events so far, findings so far.</summary>
    public Action<long, long, int>? Progress { get; init; }

    /// <summary>One seed, twice.</summary>
    public static RunResult RunTwice(IScenario scenario, ulong seed, string? bug = null)
    {
        RunResult first = Guarded(scenario, seed, new RunOptions(Bug: bug));
        if (first.Violation is not null)
        {
            return first;
        }

        RunResult second = Guarded(scenario, seed, new RunOptions(Bug: bug, Verify: false));
        bool same = first.Hash == second.Hash && first.Events == second.Events;
        string differ = $"Determinism: {first.Events} events with hash {first.Hash:x16}, then {second.Events} with {second.Hash:x16}";
        return first with { Events = first.Events + second.Events, Violation = same ? null : differ };
    }

    /// <param name="first">The first seed.</param>
    /// <param name="count">How many.</param>
    /// <param name="kind">Null: each seed its own.</param>
    /// <param name="cancelled">Ends early.</param>
    public RunnerSummary Run(ulong first, long count, IScenario? kind, CancellationToken cancelled = default)
    {
        var tally = new Tally(Progress);
        ForEach(count, cancelled, index =>
        {
            ulong seed = first + (ulong)index;
            IScenario scenario = kind ?? registry.Of(seed);
            RunResult result = RunTwice(scenario, seed);
            return tally.Add(result, result.Violation is { } violation ? new Finding(scenario.Kind, seed, violation) : null) < MaxFindings;
        });
        return tally.Summary();
    }

    /// <summary>How many seeds it takes to find a deliberate bug; null: more than <paramref name="count"/>. A seed counts that is well without the bug.</summary>
    public (long? FoundAfterSeeds, Finding? Finding) Hunt(string bug, ulong first, long count, IScenario? kind = null, CancellationToken cancelled = default)
    {
        IReadOnlyList<IScenario> kinds = kind is not null ? [kind] : registry.Hunting(bug);
        long found = long.MaxValue;
        Finding? finding = null;
        Lock gate = new();
        ForEach(count, cancelled, index =>
        {
            if (Interlocked.Read(ref found) < index)
            {
                return false;
            }

            ulong seed = first + (ulong)index;
            IScenario scenario = kinds[(int)(index % kinds.Count)];
            RunResult result = Guarded(scenario, seed, new RunOptions(Bug: bug));
            // What fails without the bug as well is another bug's find.
            if (result.Violation is { } violation && Guarded(scenario, seed, new RunOptions()).Violation is null)
            {
                lock (gate)
                {
                    if (index < found)
                    {
                        found = index;
                        finding = new Finding(scenario.Kind, seed, violation);
                    }
                }
            }

            return true;
        });
        return finding is null ? (null, null) : (found + 1, finding);
    }

    private static RunResult Guarded(IScenario scenario, ulong seed, RunOptions options)
    {
        try
        {
            return scenario.Run(scenario.Make(seed), options);
        }
        catch (Exception failure)
        {
            return new RunResult("Scenario: " + failure, 0, 0, 0, []);
        }
    }

    // A few long-lived threads that take the next seed when they have done one: histories differ in length.
    private void ForEach(long count, CancellationToken cancelled, Func<long, bool> each)
    {
        long next = -1;
        bool go = true;
        var threads = new Thread[(int)Math.Max(1, Math.Min(Threads, count))];
        for (int i = 0; i < threads.Length; i++)
        {
            threads[i] = new Thread(Work, 16 << 20) { IsBackground = true, Name = $"seeds-{i}" };
            threads[i].Start();
        }

        foreach (Thread thread in threads)
        {
            thread.Join();
        }

        void Work()
        {
            long index;
            while (Volatile.Read(ref go) && !cancelled.IsCancellationRequested && (index = Interlocked.Increment(ref next)) < count)
            {
                if (!each(index))
                {
                    Volatile.Write(ref go, false);
                }
            }
        }
    }

    private sealed class Tally(Action<long, long, int>? progress)
    {
        private readonly Lock _gate = new();
        private readonly Stopwatch _watch = Stopwatch.StartNew();
        private readonly List<Finding> _findings = [];
        private long _seeds;
        private long _events;
        private int _inconclusive;
        private long _toldAt;

        public int Add(RunResult result, Finding? finding)
        {
            lock (_gate)
            {
                _seeds++;
                _events += result.Events;
                _inconclusive += result.Inconclusive;
                if (finding is not null)
                {
                    _findings.Add(finding);
                }

                if (progress is not null && _watch.ElapsedMilliseconds - _toldAt > 2000)
                {
                    _toldAt = _watch.ElapsedMilliseconds;
                    progress(_seeds, _events, _findings.Count);
                }

                return _findings.Count;
            }
        }

        public RunnerSummary Summary() => new(_seeds, _events, _watch.Elapsed.TotalSeconds, _inconclusive, [.. _findings.OrderBy(finding => finding.Seed)]);
    }
}
