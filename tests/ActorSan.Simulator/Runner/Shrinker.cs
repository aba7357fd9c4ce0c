namespace ActorSan.Simulator.Runner;

/// <summary>
/// Makes a failing plan small: takes away faults, then operations, then nodes, half of them at first and single ones at last, and keeps what still fails under the same label.
/// Greedy; the result is small, not smallest.
/// </summary>
public sealed class Shrinker(IScenario scenario, RunOptions options)
{
    private readonly RunOptions _options = options with { Trace = false, Verify = true };

    public int Runs { get; private set; }

    public int MaxRuns { get; init; } = 2000;

    public Action<Plan>? Progress { get; init; }

    /// <summary>The plan itself when it does not fail.</summary>
    public Plan Shrink(Plan plan)
    {
        string? label = Run(plan);
        if (label is null)
        {
            return plan;
        }

        int before;
        do
        {
            before = plan.Faults.Count + plan.Ops.Count + plan.Nodes;
            plan = ShrinkList(plan, label, plan.Faults, (from, list) => from.With(list, from.Ops));
            plan = ShrinkList(plan, label, plan.Ops, (from, list) => from.With(from.Faults, list));
            plan = ShrinkNodes(plan, label);
        }
        while (plan.Faults.Count + plan.Ops.Count + plan.Nodes < before && Runs < MaxRuns);

        return plan;
    }

    private Plan ShrinkList<T>(Plan plan, string label, List<T> items, Func<Plan, List<T>, Plan> make)
    {
        int piece = Math.Max(1, items.Count / 2);
        while (items.Count > 0)
        {
            bool any = false;
            for (int at = 0; at < items.Count && Runs < MaxRuns;)
            {
                List<T> fewer = [.. items[..at], .. items[Math.Min(items.Count, at + piece)..]];
                Plan candidate = make(plan, fewer);
                if (Run(candidate) == label)
                {
                    (plan, items, any) = (candidate, fewer, true);
                    Progress?.Invoke(plan);
                }
                else
                {
                    at += piece;
                }
            }

            if (piece == 1 && !any)
            {
                break;
            }

            piece = Math.Max(1, any ? Math.Min(piece, items.Count / 2) : piece / 2);
            if (Runs >= MaxRuns)
            {
                break;
            }
        }

        return plan;
    }

    private Plan ShrinkNodes(Plan plan, string label)
    {
        while (plan.Nodes > 1 && Runs < MaxRuns)
        {
            int last = plan.Nodes - 1;
            Plan candidate = plan.With(plan.Faults.Where(fault => fault.Node < last && fault.Peer < last), plan.Ops.Where(op => op.Node < last));
            candidate.Nodes = last;
            if (Run(candidate) != label)
            {
                return plan;
            }

            plan = candidate;
            Progress?.Invoke(plan);
        }

        return plan;
    }

    private string? Run(Plan plan)
    {
        Runs++;
        try
        {
            return scenario.Run(plan, _options).Label;
        }
        catch (Exception)
        {
            // A scenario that can't do without what was taken away says so by throwing: not the failure that is looked for.
            return null;
        }
    }
}
