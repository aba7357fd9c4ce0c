using System.Globalization;
using System.Text.RegularExpressions;
using ActorSan.Tests.Shared;

namespace ActorSan.Conformance;

/// <summary>What is to be scored. <paramref name="Against"/> names a unit of another target to score instead of a node of ours; <paramref name="SecondPath"/> is its second address.</summary>
internal sealed record BoardOptions(string Daemon, string Directory, string Engine, string? Filter, bool WithTools, int Jobs, string? Against, string? SecondPath);

/// <summary>Runs each test in a process of its own: one that fails must not poison the next. Tests of one unit run one after another, units beside each other.</summary>
internal sealed class Board(BoardOptions options, TextWriter progress, CancellationToken stop)
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(180);

    private readonly Lock _telling = new();
    private readonly Dictionary<string, TestOutcome> _outcomes = new(StringComparer.Ordinal);
    private int _total;

    internal async Task<IReadOnlyList<TestOutcome>> Run()
    {
        ToolRun list = await Tool.RunAsync("iscsi-test-cu", ["-l"], TimeSpan.FromSeconds(30), stop);
        IReadOnlyList<string> differences = TestTable.Differences(TestTable.ParseList(list.Output));
        if (differences.Count > 0)
        {
            throw new InvalidOperationException($"the table was made for the {TestTable.Names.Count} tests of Debian's libiscsi-bin 1.19: {string.Join(", ", differences)}");
        }

        var pattern = options.Filter is null ? null : new Regex(options.Filter, RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture, TimeSpan.FromSeconds(1));
        List<string> tests = [.. TestTable.Names.Where(name => pattern?.IsMatch(name) ?? true)];
        if (options.Against is string url)
        {
            _total = tests.Count;
            string second = options.SecondPath ?? url;
            await RunTests(tests, (_, secondPath) => secondPath ? second : url, jobs: 1);
            return [.. tests.Select(name => _outcomes[name])];
        }

        List<string> tools = options.WithTools ? [.. ForeignTools.Names.Where(name => pattern?.IsMatch(name) ?? true)] : [];
        _total = tests.Count + tools.Count;
        NodeUnderTest node = await NodeUnderTest.StartAsync(options.Daemon, options.Directory, options.Engine, stop);
        await using (node)
        {
            await RunTests(tests, node.Url, options.Jobs);
            var foreign = new ForeignTools(node, options.Directory, stop);
            foreach (string name in tools)
            {
                Tell(await foreign.Run(name));
            }

            if (!node.IsRunning)
            {
                throw new InvalidOperationException("the node died during the board");
            }
        }

        return [.. tests.Concat(tools).Select(name => _outcomes[name])];
    }

    private async Task RunTests(IReadOnlyList<string> tests, Func<Unit, bool, string> url, int jobs)
    {
        var limits = new ParallelOptions { MaxDegreeOfParallelism = jobs, CancellationToken = stop };

        // The longest queues first: sanitize takes its time.
        IEnumerable<IGrouping<Unit, string>> queues = tests.GroupBy(TestTable.UnitOf).OrderByDescending(queue => queue.Key == Unit.Encrypted ? int.MaxValue : queue.Count());
        await Parallel.ForEachAsync(queues, limits, async (queue, _) =>
        {
            foreach (string name in queue)
            {
                Tell(await RunTest(name, url));
            }
        });
    }

    private async Task<TestOutcome> RunTest(string name, Func<Unit, bool, string> url)
    {
        Unit unit = TestTable.UnitOf(name);
        List<string> arguments = ["-d", "-S", "-v", "-V", "-t", "ALL." + name, url(unit, false)];
        if (TestTable.NeedsTwoPaths(name))
        {
            arguments.Add(url(unit, true));
        }

        ToolRun run = await Tool.RunAsync("iscsi-test-cu", arguments, s_limit, stop);
        await File.WriteAllTextAsync(Path.Combine(options.Directory, name + ".txt"), run.Output, stop);
        TestOutcome outcome = Scorer.Score(name, run.Output, run.ExitCode, run.Late, run.Took);
        return outcome.Result == TestResult.Fail && TestTable.WhyImpossible(name, run.Output) is string why
            ? outcome with { Impossible = true, Reason = "no target can pass: " + why }
            : outcome;
    }

    private void Tell(TestOutcome outcome)
    {
        lock (_telling)
        {
            _outcomes.Add(outcome.Name, outcome);
            progress.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{_outcomes.Count,3}/{_total} {Reports.Word(outcome.Result),-4} {outcome.Name,-40} {outcome.Took.TotalSeconds,6:0.0} s  {outcome.Reason}"));
        }
    }
}
