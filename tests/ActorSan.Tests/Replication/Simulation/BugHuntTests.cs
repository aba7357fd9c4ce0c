using ActorSan.Replication.Core;
using ActorSan.Simulator;
using ActorSan.Simulator.Runner;
using Xunit;
using Xunit.Abstractions;

namespace ActorSan.Tests.Replication.Simulation;

/// <summary>
/// Each deliberate bug that a kind of history lists is hunted, and some histories of each kind are run without any. A bug that takes more than the usual number of seeds is left to
/// `ops/simulate --bugs`, and <see cref="BugBudgets"/> says so.
/// </summary>
public sealed class BugHuntTests(ITestOutputHelper output)
{
    // More of them, and with coverage: ops/coverage.
    private static readonly long s_seedsOfEachKind = long.Parse(Environment.GetEnvironmentVariable("ACTORSAN_SEEDS") ?? "50", System.Globalization.CultureInfo.InvariantCulture);

    private static readonly ScenarioRegistry s_registry = SimulatorProgram.Registry();

    public static TheoryData<string> Bugs => [.. s_registry.Bugs.Where(bug => !BugBudgets.IsLong(bug))];

    public static TheoryData<string> Kinds => [.. s_registry.All.Select(scenario => scenario.Kind)];

    [Theory]
    [MemberData(nameof(Bugs))]
    public void ADeliberateBugIsFound(string bug)
    {
        (long? after, Finding? finding) = new SeedRunner(s_registry).Hunt(bug, 1, BugBudgets.Usual);
        Assert.True(finding is not null, $"{bug} is not found in {BugBudgets.Usual} seeds. If it needs more, or nobody can find it, BugBudgets says so: ops/simulate --bugs --bug {bug} --seeds 2500");
        output.WriteLine($"{bug}: found after {after} seeds ({finding.Kind}, seed {finding.Seed}): {finding.Violation}");
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void HistoriesOfEachKindAreWell(string kind)
    {
        RunnerSummary summary = new SeedRunner(s_registry) { MaxFindings = 3 }.Run(1, s_seedsOfEachKind, s_registry.Find(kind));
        string found = string.Join('\n', summary.Findings.Select(finding => $"ops/simulate --seed {finding.Seed} --kind {finding.Kind} --trace\n  {finding.Violation}"));
        Assert.True(summary.Findings.Count == 0, found);
        Assert.Equal(s_seedsOfEachKind, summary.Seeds);
        output.WriteLine($"{summary.Seeds} seeds, {summary.Events} events");
    }

    /// <summary>I4 is looked at while a history runs: what it shows at once is otherwise seen at the end, if nothing has overwritten it by then.</summary>
    [Theory]
    [InlineData(nameof(Bug.ForgetPendingAtDrop), "handed-set")]
    [InlineData(nameof(Bug.ForgetUnsettled), "half-written")]
    public void ADifferenceThatNothingCoversIsFoundBeforeTheEnd(string bug, string kind)
    {
        IScenario scenario = s_registry.Find(kind)!;
        ulong with = FirstFound(scenario, new RunOptions(Bug: bug));
        ulong without = FirstFound(scenario, new RunOptions(Bug: bug, Covering: false));
        output.WriteLine($"{bug}: seed {with}, and when replicas are compared at the end only {(without == ulong.MaxValue ? "none" : without)}");
        Assert.True(with < without, $"{bug} is found at seed {with}, and at seed {without} by the end alone");
    }

    [Fact]
    public void WhatTheBudgetsNameIsHunted() => Assert.Empty(BugBudgets.Names.Except(s_registry.Bugs));

    private static ulong FirstFound(IScenario scenario, RunOptions options)
    {
        for (ulong seed = 1; seed <= (ulong)BugBudgets.Usual; seed++)
        {
            if (scenario.Run(scenario.Make(seed), options).Violation is not null)
            {
                return seed;
            }
        }

        return ulong.MaxValue;
    }
}
