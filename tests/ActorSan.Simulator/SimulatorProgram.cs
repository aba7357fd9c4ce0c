using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using ActorSan.Simulator.Runner;
using ActorSan.Simulator.Scenarios;

namespace ActorSan.Simulator;

internal static class SimulatorProgram
{
    /// <summary>Every kind of history that there is. Local: only by name, it is about the simulator.</summary>
    public static ScenarioRegistry Registry()
    {
        ScenarioRegistry registry = new ScenarioRegistry().Add(new LocalScenario(), weight: 0);
        _ = registry.Add(new CatalogScenario());
        Volumes.VolumeScenarios.AddTo(registry);
        return registry;
    }

    private static int Main(string[] args)
    {
        var seeds = new Option<long>("--seeds") { Description = "How many seeds.", DefaultValueFactory = _ => 1000 };
        var seed = new Option<ulong?>("--seed") { Description = "Only this one; with --seeds, the first one." };
        var kind = new Option<string?>("--kind") { Description = "Only histories of this kind." };
        var bugs = new Option<bool>("--bugs") { Description = "Each deliberate bug in turn: how many seeds until it is found." };
        var bug = new Option<string?>("--bug") { Description = "With this deliberate bug." };
        var trace = new Option<bool>("--trace") { Description = "With --seed: the whole story." };
        var shrink = new Option<bool>("--shrink") { Description = "A failing seed is made as small as it still fails." };
        var only = new Option<string?>("--only") { Description = "With --seed: only these faults, operations and nodes of its plan (what --shrink prints)." };
        var minutes = new Option<double?>("--minutes") { Description = "Goes on for so long instead of for a number of seeds; with --bugs, ends then at the latest." };
        var fresh = new Option<bool>("--fresh") { Description = "The first seed is taken from the time: seeds that nobody has run." };
        var json = new Option<string?>("--json") { Description = "Where the result goes." };
        var root = new RootCommand("Runs the replication cores in simulated worlds.") { seeds, seed, kind, bugs, bug, trace, shrink, only, minutes, fresh, json, Coverage.CoverageCommand.Make() };
        root.SetAction((parsed, cancelled) =>
        {
            ScenarioRegistry registry = Registry();
            IScenario? scenario = null;
            if (parsed.GetValue(kind) is { } wanted && (scenario = registry.Find(wanted)) is null)
            {
                Console.Error.WriteLine($"There is no kind '{wanted}'. There are: {string.Join(", ", registry.All.Select(each => each.Kind))}");
                return Task.FromResult(2);
            }

            if (parsed.GetValue(bug) is { } wantedBug && !(registry.Bugs.Contains(wantedBug) || (scenario is not null && wantedBug.Split('+').All(registry.Bugs.Contains))))
            {
                Console.Error.WriteLine($"There is no bug '{wantedBug}'. There are: {string.Join(", ", registry.Bugs)}");
                return Task.FromResult(2);
            }

            var session = new Session(registry, scenario, parsed.GetValue(bug), parsed.GetValue(shrink), parsed.GetValue(json));
            ulong? first = parsed.GetValue(fresh) ? Fresh() : parsed.GetValue(seed);
            bool counted = parsed.GetResult(seeds) is { Implicit: false };
            double? limit = parsed.GetValue(minutes);
            bool single = first is not null && !counted && limit is null && !parsed.GetValue(fresh) && !parsed.GetValue(bugs);
            using var over = CancellationTokenSource.CreateLinkedTokenSource(cancelled);
            if (limit is { } wait)
            {
                over.CancelAfter(TimeSpan.FromMinutes(wait));
            }

            long count = limit is not null && !counted ? long.MaxValue : parsed.GetValue(seeds);
            int code = single
                ? session.One(first!.Value, parsed.GetValue(trace), parsed.GetValue(only))
                : parsed.GetValue(bugs) ? session.Bugs(first ?? 1, counted ? count : null, over.Token) : session.Many(first ?? 1, count, over.Token);
            return Task.FromResult(code);
        });
        ParseResult result = root.Parse(args);
        if (result.Errors.Count > 0)
        {
            foreach (var error in result.Errors)
            {
                Console.Error.WriteLine(error.Message);
            }

            return 2;
        }

        return result.InvokeAsync().GetAwaiter().GetResult();
    }

    // A thousand seeds for each second: two runs that begin a second apart have none in common.
    private static ulong Fresh()
    {
        ulong first = (ulong)DateTimeOffset.UtcNow.ToUnixTimeSeconds() * 1000;
        Console.WriteLine($"fresh seeds, from {first} on");
        return first;
    }

    private sealed class Session(ScenarioRegistry registry, IScenario? kind, string? bug, bool shrink, string? json)
    {
        public int One(ulong seed, bool trace, string? only)
        {
            IScenario scenario = kind ?? registry.Of(seed);
            Plan plan = scenario.Make(seed);
            if (only is not null)
            {
                plan = plan.Only(only);
            }

            if (trace)
            {
                foreach (string line in scenario.Run(plan, new RunOptions(Trace: true, Bug: bug)).Trace)
                {
                    Console.WriteLine(line);
                }
            }

            RunResult result = only is null ? SeedRunner.RunTwice(scenario, seed, bug) : scenario.Run(plan, new RunOptions(Bug: bug));
            Console.WriteLine($"seed {seed} ({scenario.Kind}): {result.Events} events, hash {result.Hash:x16}: {result.Violation ?? "no violation"}");
            if (result.Violation is not null && shrink)
            {
                Shrink(scenario, plan, trace: true);
            }

            Write(1, result.Violation is null ? 0 : 1, 0, []);
            return result.Violation is null ? 0 : 1;
        }

        public int Many(ulong first, long count, CancellationToken cancelled)
        {
            var runner = new SeedRunner(registry) { Progress = (done, events, found) => Console.Error.WriteLine($"{done}{(count == long.MaxValue ? "" : $" of {count}")} seeds, {events / 1e6:F1} M events, {found} violations") };
            RunnerSummary summary = runner.Run(first, count, kind, cancelled);
            foreach (Finding finding in summary.Findings)
            {
                Tell(finding, null);
            }

            if (shrink && summary.Findings.Count > 0)
            {
                Finding finding = summary.Findings[0];
                IScenario scenario = registry.Find(finding.Kind)!;
                Shrink(scenario, scenario.Make(finding.Seed), trace: false);
            }

            string hard = summary.Inconclusive > 0 ? $", {summary.Inconclusive} blocks too hard to check" : "";
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{summary.Seeds} seeds, each twice: {summary.Findings.Count} violations, {summary.Events} events, {summary.EventsPerSecond:F0} per second, {summary.Seconds:F1} s, seeds {first} and on{hard}"));
            Write(summary.Seeds, summary.Findings.Count, summary.EventsPerSecond, []);
            return summary.Findings.Count == 0 ? 0 : 1;
        }

        /// <param name="first">The first seed.</param>
        /// <param name="count">Null: each bug has its own budget.</param>
        /// <param name="cancelled">Ends early.</param>
        public int Bugs(ulong first, long? count, CancellationToken cancelled)
        {
            var runner = new SeedRunner(registry);
            var found = new List<(string Name, long? After)>();
            int missed = 0;
            foreach (string each in bug is null ? registry.Bugs.Where(name => kind is null || kind.Bugs.Contains(name)) : [bug])
            {
                long budget = count ?? BugBudgets.SeedsFor(each);
                (long? after, Finding? finding) = cancelled.IsCancellationRequested ? (null, null) : runner.Hunt(each, first, budget, kind, cancelled);
                found.Add((each, after));
                string how;
                if (finding is not null)
                {
                    how = $"found after {after} seeds ({finding.Kind}, seed {finding.Seed}): {finding.Violation.Split('\n')[0]}\n  again: {Replay(finding.Kind, finding.Seed, each)}";
                }
                else
                {
                    missed++;
                    how = cancelled.IsCancellationRequested ? "NOT FOUND: the time is over" : $"NOT FOUND in {budget} seeds";
                }

                Console.WriteLine($"{each}: {how}");
            }

            Console.WriteLine($"{found.Count} bugs, {missed} missed");
            Write(count ?? found.Sum(each => BugBudgets.SeedsFor(each.Name)), 0, 0, found);
            return missed == 0 ? 0 : 1;
        }

        private static string Replay(string kind, ulong seed, string? bug) => $"ops/simulate --seed {seed} --kind {kind}{(bug is null ? "" : $" --bug {bug}")}";

        private void Tell(Finding finding, string? only) =>
            Console.WriteLine($"seed {finding.Seed} ({finding.Kind}): {finding.Violation}\n  again: {Replay(finding.Kind, finding.Seed, bug)}{(only is null ? "" : " --only " + only)} --trace");

        private void Shrink(IScenario scenario, Plan plan, bool trace)
        {
            var shrinker = new Shrinker(scenario, new RunOptions(Bug: bug))
            {
                Progress = smaller => Console.Error.WriteLine($"shrinking: {smaller.Faults.Count} faults, {smaller.Ops.Count} operations, {smaller.Nodes} nodes"),
            };
            Plan small = shrinker.Shrink(plan);
            RunResult result = scenario.Run(small, new RunOptions(Trace: trace, Bug: bug));
            Console.WriteLine($"After {shrinker.Runs} runs {small.Faults.Count} faults, {small.Ops.Count} operations and {small.Nodes} nodes are left:");
            foreach (PlanFault fault in small.Faults)
            {
                Console.WriteLine("  " + fault);
            }

            foreach (PlanOp op in small.Ops)
            {
                Console.WriteLine("  " + op);
            }

            foreach (string line in result.Trace)
            {
                Console.WriteLine(line);
            }

            if (result.Violation is { } violation)
            {
                Tell(new Finding(small.Kind, small.Seed, violation), small.Only());
            }
            else
            {
                Console.WriteLine("It does not fail when it is run once: the violation is between two runs.");
            }
        }

        private void Write(long seeds, long violations, double eventsPerSecond, List<(string Name, long? After)> bugs)
        {
            if (json is null)
            {
                return;
            }

            var list = new JsonArray();
            foreach ((string name, long? after) in bugs)
            {
                list.Add(new JsonObject { ["name"] = name, ["foundAfterSeeds"] = after });
            }

            var whole = new JsonObject { ["seeds"] = seeds, ["violations"] = violations, ["eventsPerSecond"] = Math.Round(eventsPerSecond), ["bugs"] = list };
            File.WriteAllText(json, whole.ToJsonString(new JsonSerializerOptions { WriteIndented = true }) + "\n");
        }
    }
}
