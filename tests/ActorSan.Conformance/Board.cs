using System.Globalization;
using System.Text.RegularExpressions;

namespace ActorSan.Conformance;

internal sealed record BoardOptions(string Daemon, string Directory, string Engine, string? Filter, bool WithTools);

/// <summary>Runs the tests one after another, each in a process of its own: one that fails must not poison the next.</summary>
internal sealed class Board(BoardOptions options, TextWriter progress, CancellationToken stop)
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(180);

    internal async Task<IReadOnlyList<TestOutcome>> Run()
    {
        ToolRun list = await Tool.RunAsync("iscsi-test-cu", ["-l"], TimeSpan.FromSeconds(30), stop);
        IReadOnlyList<string> names = TestTable.ParseList(list.Output);
        if (names.Count != TestTable.ExpectedCount)
        {
            throw new InvalidOperationException($"iscsi-test-cu -l lists {names.Count} tests and the table is made for {TestTable.ExpectedCount} (Debian's libiscsi-bin 1.19)");
        }

        var pattern = options.Filter is null ? null : new Regex(options.Filter, RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture, TimeSpan.FromSeconds(1));
        List<string> tests = [.. names.Where(name => pattern?.IsMatch(name) ?? true)];
        List<string> tools = options.WithTools ? [.. ForeignTools.Names.Where(name => pattern?.IsMatch(name) ?? true)] : [];
        var outcomes = new List<TestOutcome>();
        NodeUnderTest node = await NodeUnderTest.StartAsync(options.Daemon, options.Directory, options.Engine, stop);
        await using (node)
        {
            var foreign = new ForeignTools(node, options.Directory, stop);
            int total = tests.Count + tools.Count;
            foreach (string name in tests)
            {
                Tell(outcomes, await RunTest(node, name), total);
            }

            foreach (string name in tools)
            {
                Tell(outcomes, await foreign.Run(name), total);
            }

            if (!node.IsRunning)
            {
                throw new InvalidOperationException("the node died during the board");
            }
        }

        return outcomes;
    }

    private async Task<TestOutcome> RunTest(NodeUnderTest node, string name)
    {
        Unit unit = TestTable.UnitOf(name);
        List<string> arguments = ["-d", "-S", "-v", "-V", "-t", "ALL." + name, node.Url(unit)];
        if (TestTable.NeedsTwoPaths(name))
        {
            arguments.Add(node.Url(unit, secondPath: true));
        }

        ToolRun run = await Tool.RunAsync("iscsi-test-cu", arguments, s_limit, stop);
        await File.WriteAllTextAsync(Path.Combine(options.Directory, name + ".txt"), run.Output, stop);
        return Scorer.Score(name, run.Output, run.ExitCode, run.Late, run.Took);
    }

    private void Tell(List<TestOutcome> outcomes, TestOutcome outcome, int total)
    {
        outcomes.Add(outcome);
        progress.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{outcomes.Count,3}/{total} {Reports.Word(outcome.Result),-4} {outcome.Name,-40} {outcome.Took.TotalSeconds,6:0.0} s  {outcome.Reason}"));
    }
}
