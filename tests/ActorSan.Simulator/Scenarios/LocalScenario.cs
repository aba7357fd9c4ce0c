using ActorSan.Simulator.Clients;
using ActorSan.Simulator.Disk;
using ActorSan.Simulator.Runner;
using ActorSan.Simulator.World;
using ActorSan.Storage.Stores;

namespace ActorSan.Simulator.Scenarios;

/// <summary>One node, one store, no replication: what proves the simulator itself.</summary>
public sealed class LocalScenario : IScenario
{
    private const long Second = 1_000_000_000;

    public string Kind => "local";

    public string About => "one node without replication: crashes, power losses, freezes; proves the simulator itself";

    public IReadOnlyList<string> Bugs { get; } = [.. Enum.GetNames<LocalBug>().Where(name => name != nameof(LocalBug.None)).Select(name => "local:" + name)];

    public Plan Make(ulong seed)
    {
        var random = SimRandom.For(seed, "plan");
        var plan = new Plan { Kind = Kind, Seed = seed, Nodes = 1, HealAtNs = random.Skewed(Second / 50, 10 * Second) };
        plan.Options["blocks"] = random.Range(1, 24);
        plan.Options["zeroes"] = random.Coin() ? 1 : 0;
        plan.Options["slow"] = random.Next(4) == 0 ? 10 : 1;
        int ops = (int)random.Skewed(40, 400);
        for (int i = 0; i < ops; i++)
        {
            int block = random.Next((int)plan.Option("blocks"));
            SimOpKind kind = random.Next(12) switch
            {
                0 or 1 or 2 or 3 => SimOpKind.Read,
                4 => SimOpKind.Flush,
                5 => SimOpKind.CompareAndWrite,
                6 when plan.Option("zeroes") != 0 => SimOpKind.WriteZeroes,
                7 => random.Coin() ? SimOpKind.SetAttribute : SimOpKind.GetAttribute,
                _ => SimOpKind.Write,
            };
            bool attribute = kind is SimOpKind.SetAttribute or SimOpKind.GetAttribute;
            plan.Add(random.Range(0, plan.HealAtNs), random.Next(5), 0, kind, attribute ? 1 + (block % 3) : block, 1 + (int)random.Skewed(0, 5), random.Next(5) == 0, random.Next(4) == 0);
        }

        int faults = random.Next(8);
        for (int i = 0; i < faults; i++)
        {
            FaultKind kind = random.Next(4) switch { 0 => FaultKind.Crash, 1 => FaultKind.Freeze, _ => FaultKind.PowerLoss };
            plan.Add(kind, random.Range(0, plan.HealAtNs), 0, 0, random.Skewed(100_000, plan.HealAtNs / 8), kind == FaultKind.Freeze ? (long)SimSides.Both : 0);
        }

        return plan;
    }

    public RunResult Run(Plan plan, RunOptions options)
    {
        LocalBug bug = options.Bug is { } name ? Enum.Parse<LocalBug>(name["local:".Length..]) : LocalBug.None;
        using var world = new SimWorld(plan.Seed, options.Trace);
        SimNode node = world.AddNode("a");
        int blocks = (int)plan.Option("blocks");
        node.Disk = new SimDisk(node, new SimDiskOptions { Blocks = blocks }, node.Random.NextGuid(), node.Random.NextGuid()) { Slowness = plan.Option("slow", 1) };
        node.Boot = process =>
        {
            SimStore store = node.Disk.Open(process, out StoreFault fault) ?? throw new SimViolationException($"the store does not open: {fault}");
            return new LocalVolume(process, store, bug);
        };
        var clients = new SimClients(world, new ClientOptions { Blocks = blocks, Attributes = 3, DataNodes = 1 });
        new FaultInjector(world, plan, null, null).Schedule();
        foreach (PlanFault fault in plan.Faults.Where(fault => fault.Kind == FaultKind.PowerLoss))
        {
            // Scheduled behind the fault itself: by then the power is gone.
            world.At(world.Now + fault.AtNs, () => clients.History.AllLostPower(world.Now));
        }

        clients.Schedule(plan);
        node.Start();
        world.RunUntil(world.Now + plan.HealAtNs + (10 * Second));
        for (int block = 0; block < blocks; block++)
        {
            clients.Submit(new PlanOp(-1, 0, 99, 0, SimOpKind.Read, block));
        }

        world.RunUntil(world.Now + (30 * Second));
        int inconclusive = 0;
        if (options.Verify)
        {
            if (clients.Open > 0)
            {
                world.Fail($"{clients.Open} operations never ended");
            }

            if (world.Violation is null && clients.History.Check() is { } wrong)
            {
                world.Fail(wrong);
            }

            inconclusive = clients.History.Inconclusive;
        }

        return new RunResult(world.Violation, world.Events, world.Hash, inconclusive, world.TraceLines);
    }
}
