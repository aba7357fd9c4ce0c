using System.Globalization;
using System.Text;
using ActorSan.Simulator.Check;

namespace ActorSan.Workload.Checking;

/// <summary>
/// Whether an order of all operations exists, for each block, that explains every answer: no acknowledged write lost, nothing read that was not there. The judge is the simulator's. An operation
/// that was tried on several paths is one: it took effect once, between its first begin and its answer. One without an answer may have taken effect at any time since, or never.
/// </summary>
internal sealed class HistoryVerdict
{
    private const int MostTold = 10;
    private const int MostOperationsTold = 30;

    private HistoryVerdict(IReadOnlyList<string> violations, int blocks, int inconclusive) => (Violations, Blocks, Inconclusive) = (violations, blocks, inconclusive);

    /// <summary>Each with the story of its block.</summary>
    internal IReadOnlyList<string> Violations { get; }

    internal int Blocks { get; }

    /// <summary>Blocks that were too hard to judge.</summary>
    internal int Inconclusive { get; }

    internal bool Holds => Violations.Count == 0 && Inconclusive == 0;

    /// <param name="history">What was recorded.</param>
    /// <param name="powerLosses">When all nodes lost what was not flushed, in ns of the histories' clock; kill -9 alone is none.</param>
    internal static HistoryVerdict Of(RecordedHistory history, IReadOnlyList<long> powerLosses)
    {
        var violations = new List<string>(history.Violations);
        int inconclusive = 0;
        var checker = new BlockChecker(history.Flushes, powerLosses.Select(history.Rebased).Order());
        foreach ((long block, List<BlockOp> ops) in history.Blocks)
        {
            string? wrong = checker.Check(ops, out bool unsure);
            inconclusive += unsure ? 1 : 0;
            if (wrong is not null)
            {
                violations.Add(violations.Count < MostTold ? Story(block, wrong, ops) : $"block {block}: {wrong}");
            }
        }

        return new HistoryVerdict(violations, history.Blocks.Count, inconclusive);
    }

    private static string Story(long block, string wrong, List<BlockOp> ops)
    {
        var story = new StringBuilder();
        _ = story.Append(CultureInfo.InvariantCulture, $"block {block}: {wrong}");
        foreach (BlockOp op in ops.OrderBy(op => op.Invoke).TakeLast(MostOperationsTold))
        {
            _ = story.Append(CultureInfo.InvariantCulture, $"\n    {op}");
        }

        return story.ToString();
    }
}
