namespace ActorSan.Simulator.Runner;

/// <param name="Trace">Lines of story are wanted.</param>
/// <param name="Bug">A deliberate bug by name; null: none.</param>
/// <param name="Verify">False: only events and hash are wanted (the second run of a seed).</param>
/// <param name="Covering">I4 is looked at while the history runs, too, not only at its end.</param>
public sealed record RunOptions(bool Trace = false, string? Bug = null, bool Verify = true, bool Covering = true);

/// <param name="Violation">What was wrong, first label of a rule, then text; null: nothing.</param>
/// <param name="Events">That happened.</param>
/// <param name="Hash">Of all that happened.</param>
/// <param name="Inconclusive">Blocks whose history was too hard to check.</param>
/// <param name="Trace">Lines, when they were asked for.</param>
public sealed record RunResult(string? Violation, long Events, ulong Hash, int Inconclusive, IReadOnlyList<string> Trace)
{
    /// <summary>What a shrinker keeps: the label before the first colon.</summary>
    public string? Label => Violation?.Split(':', 2)[0].Split('\n')[0];
}

/// <summary>A kind of history: makes plans from seeds, and runs plans.</summary>
public interface IScenario
{
    string Kind { get; }

    /// <summary>One line for --help.</summary>
    string About { get; }

    /// <summary>Deliberate bugs that this kind is to find, by name.</summary>
    IReadOnlyList<string> Bugs { get; }

    Plan Make(ulong seed);

    /// <summary>The same result for the same plan, always.</summary>
    RunResult Run(Plan plan, RunOptions options);
}

/// <summary>All kinds by name. Where none is asked for, each seed has the one that its number falls on, by weight.</summary>
public sealed class ScenarioRegistry
{
    private readonly SortedDictionary<string, IScenario> _byName = new(StringComparer.Ordinal);
    private readonly List<IScenario> _turns = [];

    public IEnumerable<IScenario> All => _byName.Values;

    /// <param name="scenario">Its kind is its name.</param>
    /// <param name="weight">Turns in each round of seeds; 0: only when asked for by name.</param>
    public ScenarioRegistry Add(IScenario scenario, int weight = 1)
    {
        _byName.Add(scenario.Kind, scenario);
        for (int i = 0; i < weight; i++)
        {
            _turns.Add(scenario);
        }

        return this;
    }

    public IScenario? Find(string kind) => _byName.GetValueOrDefault(kind);

    public IScenario Of(ulong seed) => _turns[(int)(seed % (ulong)_turns.Count)];

    /// <summary>The kinds that are to find a bug; those of the usual mix first.</summary>
    public IReadOnlyList<IScenario> Hunting(string bug) => [.. _byName.Values.Where(scenario => scenario.Bugs.Contains(bug)).OrderBy(scenario => _turns.Contains(scenario) ? 0 : 1)];

    public IReadOnlyList<string> Bugs => [.. _byName.Values.SelectMany(scenario => scenario.Bugs).Distinct().Order(StringComparer.Ordinal)];
}
