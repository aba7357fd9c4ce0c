using ActorSan.Replication.Core;
using ActorSan.Simulator;
using ActorSan.Simulator.Runner;
using ActorSan.Tests.House;
using Xunit;

namespace ActorSan.Tests.Replication.Simulation;

/// <summary>RULES.md of the simulator, held against the specification's labels, the kinds of histories, the test classes and the deliberate bugs.</summary>
public sealed class RuleTableTests
{
    private const string Table = "tests/ActorSan.Simulator/RULES.md";

    private static readonly string[] s_rules =
    [
        .. Labels("W", 12), .. Labels("R", 8), .. Labels("L", 6), .. Labels("P", 12), .. Labels("S", 8), "Protocols A and B",
        "secondary dies or is cut off",
        "link gone and back within `ack-timeout`",
        "primary dies",
        "primary cut off from everything",
        "link between the replicas only, both see the witness",
        "only control or only data cut",
        "a promotion that failed half-way",
        "witness dies; is slow",
        "witness restarts while a replica is out",
        "one-way loss, flapping",
        "process frozen for longer than the lease",
        "secondary loses power and returns at once",
        "store write fails on a secondary (full too)",
        "store fails or hangs on the primary",
        "checksum mismatch on read (integrity on)",
        "store replaced by an empty one, an old copy, another's",
        "redo slot in use when a process is killed",
        "majority lost",
        "power of all lost",
        "operator forces promotion without quorum",
        "two data nodes, no witness",
    ];

    private static readonly Row[] s_rows = [.. Read()];

    private static readonly ScenarioRegistry s_registry = SimulatorProgram.Registry();

    [Fact]
    public void EveryRuleAndEveryFailureIsThereOnce()
    {
        Assert.Equal(s_rules.Order(StringComparer.Ordinal), s_rows.Select(row => row.Rule).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void EveryKindThatIsNamedExistsAndEachIsNamed()
    {
        string[] kinds = [.. s_registry.All.Select(scenario => scenario.Kind)];
        string[] named = [.. s_rows.SelectMany(row => row.Kinds)];
        Assert.Empty(named.Except(kinds));
        Assert.Empty(kinds.Except(named));
    }

    [Fact]
    public void EveryTestClassThatIsNamedExists()
    {
        string[] classes = [.. typeof(RuleTableTests).Assembly.GetTypes().Where(HasTests).Select(type => type.Name)];
        Assert.Empty(s_rows.SelectMany(row => row.Tests).Except(classes));
    }

    [Fact]
    public void EveryBugThatIsNamedExistsAndEachIsNamed()
    {
        string[] bugs = [.. Enum.GetNames<Bug>().Where(name => name != nameof(Bug.None))];
        string[] named = [.. s_rows.SelectMany(row => row.Bugs)];
        Assert.Empty(named.Except(bugs));
        Assert.Empty(bugs.Except(named));
    }

    /// <summary>Who is hunted by a kind is a rule's proof, and what is no rule's proof is hunted by nobody.</summary>
    [Fact]
    public void EveryBugThatAKindHuntsIsInTheTable()
    {
        string[] hunted = [.. s_registry.Bugs.Where(bug => !bug.StartsWith("local:", StringComparison.Ordinal)).SelectMany(bug => bug.Split('+')).Distinct()];
        Assert.Empty(hunted.Except(s_rows.SelectMany(row => row.Bugs)));
    }

    [Fact]
    public void ARuleWithoutABugSaysWhy()
    {
        Assert.All(s_rows, row => Assert.True(row.Bugs.Length > 0 || row.Reason.Length > 10, $"{row.Rule} has no bug, and no reason for it"));
    }

    [Fact]
    public void ARuleThatIsBuiltIsExercised()
    {
        Assert.All(
            s_rows.Where(row => !row.Reason.StartsWith("not built:", StringComparison.Ordinal)),
            row => Assert.True(row.Kinds.Length + row.Tests.Length > 0, $"{row.Rule} is exercised by nothing"));
    }

    private static IEnumerable<string> Labels(string letter, int count) => Enumerable.Range(1, count).Select(number => letter + number);

    private static bool HasTests(Type type) =>
        type.GetMethods().Any(method => method.CustomAttributes.Any(attribute => typeof(FactAttribute).IsAssignableFrom(attribute.AttributeType)));

    private static IEnumerable<Row> Read()
    {
        foreach (string line in Repository.Read(Table).Split('\n').Where(line => line.StartsWith("| ", StringComparison.Ordinal)))
        {
            string[] cells = [.. line.Trim().Trim('|').Split(" | ").Select(cell => cell.Trim())];
            Assert.True(cells.Length == 4, $"not four cells: {line}");
            if (cells[0] is "rule" or "failure" or "---")
            {
                continue;
            }

            bool reasonOnly = cells[3].StartsWith("none:", StringComparison.Ordinal) || cells[3].StartsWith("not built:", StringComparison.Ordinal);
            string[] parts = cells[3].Split("; ", 2);
            yield return new Row(cells[0], Names(cells[1]), Names(cells[2]), reasonOnly ? [] : Names(parts[0]), reasonOnly ? cells[3] : parts.ElementAtOrDefault(1) ?? "");
        }
    }

    private static string[] Names(string cell) => cell == "-" ? [] : cell.Split(", ");

    private sealed record Row(string Rule, string[] Kinds, string[] Tests, string[] Bugs, string Reason);
}
