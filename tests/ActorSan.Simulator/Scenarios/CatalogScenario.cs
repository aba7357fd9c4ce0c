using ActorSan.Replication.Core;
using ActorSan.Replication.Core.Leases;
using ActorSan.Replication.Core.Ports;
using ActorSan.Replication.Core.Register;
using ActorSan.Replication.Core.Values;
using ActorSan.Simulator.Clients;
using ActorSan.Simulator.Disk;
using ActorSan.Simulator.Net;
using ActorSan.Simulator.Runner;
using ActorSan.Simulator.World;

namespace ActorSan.Simulator.Scenarios;

/// <summary>
/// S8: operators found the catalog, at several nodes at once, while messages are lost and processes die; not all nodes name the same nodes. There is never more than one, nobody
/// founds what its peers do not want, and where all agree it is there in the end and every node has joined it.
/// </summary>
internal sealed class CatalogScenario : IScenario
{
    private const long Ms = 1_000_000;
    private const long Second = 1_000_000_000;
    private const long AskNs = 500_000_000;
    private static readonly string[] s_names = ["atlas", "zeus", "hera", "iris", "juno"];

    public string Kind => "catalog";

    public string About => "the catalog is founded at several nodes at once, by sets that may differ";

    public IReadOnlyList<string> Bugs { get; } = [nameof(Bug.FoundWithoutAll)];

    public Plan Make(ulong seed)
    {
        var random = SimRandom.For(seed, "plan " + Kind);
        long length = random.Range(2 * Second, 6 * Second);
        var plan = new Plan { Kind = Kind, Seed = seed, Nodes = 2 + random.Next(4), HealAtNs = length };

        // 0, 1: all agree; 2: the last is of a set that overlaps with the others', who do not name it; 3: the last leaves out the first, who names it. Two nodes always agree.
        plan.Options["sets"] = random.Next(4);
        FaultKind[] kinds = [FaultKind.Crash, FaultKind.Isolate, FaultKind.CutControl, FaultKind.CutControl, FaultKind.ControlLoss, FaultKind.ControlDouble, FaultKind.ControlLate, FaultKind.JournalSlow, FaultKind.PowerLoss];
        int foundings = 1 + random.Next(5);
        for (int i = 0; i < foundings; i++)
        {
            plan.Add(FaultKind.Operator, random.Range(0, i == 0 ? 200 * Ms : length), random.Next(plan.Nodes));
        }

        if (random.Next(3) == 0)
        {
            // The last node and the others each think of it while they don't hear each other.
            plan.Add(FaultKind.Isolate, 0, plan.Nodes - 1, 0, random.Range(Second, 2 * Second));
            plan.Add(FaultKind.Operator, random.Range(20 * Ms, 400 * Ms), plan.Nodes - 1);
            plan.Add(FaultKind.Operator, random.Range(20 * Ms, 400 * Ms), 0);
        }

        int faults = random.Next(7);
        for (int i = 0; i < faults; i++)
        {
            FaultKind kind = kinds[random.Next(kinds.Length)];
            int node = random.Next(plan.Nodes);
            long value = kind is FaultKind.JournalSlow ? random.Range(2, 40) : kind is FaultKind.ControlLoss or FaultKind.ControlDouble or FaultKind.ControlLate ? random.Range(50, 600) : 0;
            plan.Add(kind, random.Coin() ? random.Range(0, 300 * Ms) : random.Range(0, length), node, (node + 1) % plan.Nodes, random.Skewed(5 * Ms, 2 * Second), value);
        }

        return plan;
    }

    public RunResult Run(Plan plan, RunOptions options)
    {
        BugSet bugs = options.Bug is { } name ? BugSet.Of([.. name.Split('+').Select(Enum.Parse<Bug>)]) : BugSet.Nothing;
        using var world = new SimWorld(plan.Seed, options.Trace);
        for (int i = 0; i < Math.Max(1, plan.Nodes); i++)
        {
            _ = world.AddNode(s_names[i]);
        }

        var control = new SimControlNet(world);
        foreach (SimNode node in world.Nodes)
        {
            node.Journal = new SimJournalMedium(node);
            string[] named = NamedBy(world, SetsOf(plan), node);
            node.Boot = process => new CatalogProgram(process, control, named, bugs);
        }

        foreach (SimNode node in world.Nodes)
        {
            node.Start();
        }

        var faults = new FaultInjector(world, plan, control, null) { OnOperator = fault => Found(world, fault.Node, 1) };
        faults.Schedule();
        world.RunUntil(world.Now + plan.HealAtNs);

        // The operator gives the command once more where everything works again.
        Found(world, 0, 10);
        world.RunUntil(world.Now + (15 * Second));
        if (world.Violation is null)
        {
            CheckEnd(world, plan);
        }

        return new RunResult(world.Violation, world.Events, world.Hash, 0, world.TraceLines);
    }

    private static int SetsOf(Plan plan) => plan.Nodes < 3 ? 0 : (int)plan.Option("sets");

    private static string[] NamedBy(SimWorld world, int sets, SimNode node)
    {
        int last = world.Nodes.Count - 1;
        IEnumerable<SimNode> named = sets switch
        {
            2 => node.Index == last ? world.Nodes.Skip(1) : world.Nodes.Take(last),
            3 => node.Index == last ? world.Nodes.Skip(1) : world.Nodes,
            _ => world.Nodes,
        };
        return [.. named.Select(other => other.Name)];
    }

    private static void Found(SimWorld world, int at, int tries)
    {
        if (tries > 0 && world.Nodes[at].Process is { Program: CatalogProgram program } process)
        {
            process.Post(SimSides.Control, () => program.Found(() => world.After(AskNs, () => Found(world, at, tries - 1))));
        }
    }

    private static void CheckEnd(SimWorld world, Plan plan)
    {
        foreach (SimNode node in world.Nodes)
        {
            // Whom nobody names joins as well: it asks, and has no vote (R8). Where a node that is named wants other nodes, nobody may found.
            bool knows = ((CatalogProgram)node.Process!.Program).Knows;
            bool should = SetsOf(plan) < 3;
            if (knows != should)
            {
                world.Fail(should ? $"Liveness: {node.Name} has not joined the catalog" : $"S8: {node.Name} has a catalog although its set is not the others'");
            }
        }
    }
}

/// <summary>A value for the simulated catalog: what is in it does not matter here.</summary>
internal sealed record SimCatalog : RegisterValue;

/// <summary>A node that votes and has part in the catalog.</summary>
internal sealed class CatalogProgram : ISimProgram, IVoterListener, IProposerListener
{
    private readonly SimProcess _process;
    private readonly Voter _voter;
    private readonly Proposer _proposer;
    private readonly Founder _founder;
    private readonly CatalogFounding _founding;

    public CatalogProgram(SimProcess process, SimControlNet control, string[] named, BugSet bugs)
    {
        _process = process;
        string node = process.Node.Name;
        IControlNetwork network = control.For(process);
        SimTimers timers = process.Control.Timers;
        SimClock clock = process.Node.Clock;
        var counts = new JournalCounts(null, bugs);
        var rounds = new ProposerSettings { RoundTimeoutNs = 400_000_000 };
        var journal = new SimVoterJournal(new SimJournal(process.Node.Journal!, process));
        _voter = new Voter(node, journal.Load(), journal, network, clock, this, new LeaseSettings(), bugs);
        _proposer = new Proposer(node, process.Instance, _voter, counts, network, clock, timers, this, rounds, bugs);
        _founder = new Founder(node, counts, _proposer, network, clock, timers, rounds);
        _founding = new CatalogFounding(node, process.Instance, named, static voters => new SimCatalog { Version = 1, Voters = voters }, _voter, _proposer, _founder, network, clock, timers, rounds, bugs);
        process.Post(SimSides.Control, Ask);
    }

    public ISimVolume? Volume => null;

    public bool Knows => _founding.Key is { } key && _proposer.LastDecided(key) is not null;

    public void Found(Action again) => _founding.Found(outcome =>
    {
        Say("founds", outcome);
        if (outcome.End == CatalogEnd.TryAgain)
        {
            again();
        }
    });

    public void OnControl(string from, ControlMessage message)
    {
        if (!_voter.On(message) && !_founding.On(message) && !_founder.On(message))
        {
            _ = _proposer.On(message);
        }
    }

    public void OnGone()
    {
    }

    public void OnPutBack(long seen, long writeCount)
    {
    }

    public void OnRefusedLineage(RegisterKey key, UnknownReason reason, Guid by)
    {
    }

    // One catalog, whatever its lineage: two first values are two values of version 1.
    public void OnDecided(RegisterKey key, RegisterValue value) => _process.World.Facts.Decided(CatalogFounding.Name, _process.Node.Name, value);

    public void OnContradiction(RegisterKey key, RegisterValue known, RegisterValue told) =>
        _process.World.Facts.Violation("R5", _process.Node.Name, $"'{known}' and '{told}' are both told to be decided");

    // A node that begins, or has heard nothing yet, asks; it never founds by itself.
    private void Ask()
    {
        if (Knows)
        {
            return;
        }

        _founding.Ask(outcome => Say("asks", outcome));
        _process.Post(SimSides.Control, Ask, 700_000_000);
    }

    private void Say(string what, CatalogOutcome outcome)
    {
        _process.World.Mix((ulong)outcome.End ^ ((ulong)outcome.Reason << 8));
        if (_process.World.Tracing)
        {
            _process.World.Trace(_process.Node.Name, what, outcome.ToString());
        }
    }
}
