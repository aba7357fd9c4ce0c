using ActorSan.Replication.Core.Ports;
using ActorSan.Replication.Core.Values;
using ActorSan.Simulator.Check;
using ActorSan.Simulator.Clients;
using ActorSan.Simulator.Runner;
using ActorSan.Simulator.Scenarios;
using ActorSan.Simulator.World;
using Xunit;

namespace ActorSan.Tests.Replication.Simulation;

public sealed class WorldTests
{
    private const long Second = 1_000_000_000;

    [Fact]
    public void EventsOfOneInstantHappenInTheOrderOfScheduling()
    {
        using var world = new SimWorld(1);
        var seen = new List<int>();
        for (int i = 0; i < 1000; i++)
        {
            int number = i;
            world.After((i * 7919 % 10) * 100, () => seen.Add((number * 7919 % 10 * 10_000) + number));
        }

        world.RunUntil(2 * Second);
        Assert.Equal(1000, seen.Count);
        Assert.Equal(seen.Order(), seen);
    }

    [Fact]
    public void AFrozenSideHearsLaterInOrderAndItsClockRunsOn()
    {
        using var world = new SimWorld(1);
        (SimNode node, SimProcess process) = Start(world);
        var seen = new List<string>();
        long clock = node.Clock.NowNs;
        process.Post(SimSides.Engine, () => seen.Add("first"), 10);
        process.Post(SimSides.Control, () => seen.Add("control"), 10);
        process.Post(SimSides.Engine, () => seen.Add("second"), 1000);
        node.Freeze(SimSides.Engine);
        world.RunUntil(world.Now + Second);
        Assert.Equal(["control"], seen);
        node.Thaw(SimSides.Engine);
        process.Post(SimSides.Engine, () => seen.Add("third"), 0);
        world.RunUntil(world.Now + Second);
        Assert.Equal(["control", "first", "second", "third"], seen);
        Assert.InRange(node.Clock.NowNs - clock, 198 * Second / 100, 202 * Second / 100);
    }

    [Fact]
    public void TimersFireByTheirClockOnceAndDieWithTheProcess()
    {
        using var world = new SimWorld(3);
        (SimNode node, SimProcess process) = Start(world);
        node.Clock.SetDrift(-10_000);
        var timer = new CountingTimer();
        var cancelled = new CountingTimer();
        long due = node.Clock.NowNs + Second;
        process.Engine.Timers.Set(timer, due - 5);
        process.Engine.Timers.Set(timer, due);
        process.Engine.Timers.Set(cancelled, due);
        process.Engine.Timers.Cancel(cancelled);
        timer.Fired = () => Assert.True(node.Clock.NowNs >= due);
        node.Clock.SetDrift(-9_000);
        world.RunUntil(world.Now + (2 * Second));
        Assert.Null(world.Violation);
        Assert.Equal((1, 0), (timer.Count, cancelled.Count));
        process.Engine.Timers.Set(timer, node.Clock.NowNs + 10);
        node.Crash();
        world.RunUntil(world.Now + Second);
        Assert.Equal(1, timer.Count);
    }

    [Fact]
    public void ToTrueIsTheFirstInstantThatShowsTheTime()
    {
        using var world = new SimWorld(9);
        SimClock clock = world.AddNode("a").Clock;
        var random = new SimRandom(4);
        for (int i = 0; i < 200; i++)
        {
            clock.SetDrift((int)random.Range(-10_000, 10_000));
            long local = clock.NowNs + random.Range(1, 5 * Second);
            long at = clock.ToTrue(local);
            world.RunUntil(at - 1);
            Assert.True(clock.NowNs < local);
            world.RunUntil(at);
            Assert.True(clock.NowNs >= local);
        }
    }

    [Fact]
    public void ASeedIsTheSameHistoryEveryTime()
    {
        var scenario = new LocalScenario();
        var hashes = new HashSet<ulong>();
        for (ulong seed = 1; seed <= 40; seed++)
        {
            RunResult result = SeedRunner.RunTwice(scenario, seed);
            Assert.Null(result.Violation);
            Assert.Equal(result.Hash, scenario.Run(scenario.Make(seed), new RunOptions(Trace: true)).Hash);
            hashes.Add(result.Hash);
        }

        Assert.Equal(40, hashes.Count);
    }

    [Theory]
    [InlineData(LocalBug.AnswersFlushBeforeItEnds)]
    [InlineData(LocalBug.AnswersWriteBeforeItEnds)]
    [InlineData(LocalBug.IgnoresForceUnitAccess)]
    [InlineData(LocalBug.ClearsRedoWithoutFlush)]
    [InlineData(LocalBug.ReadsBesideWrites)]
    public void EachBugOfTheToyIsFound(LocalBug bug)
    {
        ScenarioRegistry registry = new ScenarioRegistry().Add(new LocalScenario());
        (long? after, Finding? finding) = new SeedRunner(registry).Hunt("local:" + bug, 1, 4000);
        Assert.True(after is not null, $"{bug} is not found");
        Assert.NotNull(finding);
    }

    [Fact]
    public void AFailingPlanShrinksAndStillFails()
    {
        var scenario = new LocalScenario();
        string bug = "local:" + LocalBug.IgnoresForceUnitAccess;
        (_, Finding? finding) = new SeedRunner(new ScenarioRegistry().Add(scenario)).Hunt(bug, 1, 500);
        Plan plan = scenario.Make(finding!.Seed);
        Plan small = new Shrinker(scenario, new RunOptions(Bug: bug)).Shrink(plan);
        Assert.True(small.Ops.Count < plan.Ops.Count);
        Assert.InRange(small.Faults.Count, 1, 2);
        RunResult again = scenario.Run(scenario.Make(finding.Seed).Only(small.Only()), new RunOptions(Bug: bug));
        Assert.NotNull(again.Violation);
    }

    [Fact]
    public void FactsContradictEachOther()
    {
        Guid one = new(1, 0, 0, [1, 2, 3, 4, 5, 6, 7, 8]);
        Guid two = new(2, 0, 0, [1, 2, 3, 4, 5, 6, 7, 8]);
        Assert.Null(Violation(facts => Answer(facts, ("a", one, 1), ("b", two, 2), ("b", two, 2))));
        Assert.NotNull(Violation(facts => Answer(facts, ("a", one, 2), ("b", two, 1))));
        Assert.NotNull(Violation(facts => Answer(facts, ("a", one, 2), ("b", two, 2))));
        Assert.Null(Violation(facts => Decide(facts, Value(1, 1, one), Value(2, 2, two), Value(1, 1, one))));
        Assert.NotNull(Violation(facts => Decide(facts, Value(1, 1, one), Value(1, 1, two))));
        Assert.NotNull(Violation(facts => Decide(facts, Value(1, 2, one), Value(2, 1, two))));
        Assert.NotNull(Violation(facts => Decide(facts, Value(1, 1, one), Value(2, 1, two))));
        Assert.NotNull(Violation(facts =>
        {
            facts.Primary("v", "a", one, 4);
            facts.Primary("v", "b", two, 4);
        }));
    }

    private static string? Violation(Action<Facts> tell)
    {
        using var world = new SimWorld(1);
        tell(world.Facts);
        return world.Violation;
    }

    private static void Answer(Facts facts, params (string Node, Guid Instance, long Epoch)[] answers)
    {
        foreach ((string node, Guid instance, long epoch) in answers)
        {
            facts.Answered("v", node, instance, epoch);
        }
    }

    private static void Decide(Facts facts, params Configuration[] values)
    {
        foreach (Configuration value in values)
        {
            facts.Decided("v", "a", value);
        }
    }

    private static Configuration Value(long version, long epoch, Guid instance) => new()
    {
        Version = version,
        Epoch = epoch,
        Primary = new PrimaryId("n", instance),
        Voters = [],
        VolumeId = Guid.Empty,
        Lineage = Guid.Empty,
        InSync = [],
        Replicas = [],
        SizeBytes = 1,
    };

    internal static (SimNode Node, SimProcess Process) Start(SimWorld world, string name = "a")
    {
        SimNode node = world.AddNode(name);
        node.Boot = process => new Idle();
        node.Start();
        return (node, node.Process!);
    }

    private sealed class Idle : ISimProgram
    {
        public ISimVolume? Volume => null;

        public void OnControl(string from, ControlMessage message)
        {
        }

        public void OnGone()
        {
        }
    }

    private sealed class CountingTimer : CoreTimer
    {
        public int Count { get; private set; }

        public Action? Fired { get; set; }

        public override void OnFired()
        {
            Count++;
            Fired?.Invoke();
        }
    }
}
