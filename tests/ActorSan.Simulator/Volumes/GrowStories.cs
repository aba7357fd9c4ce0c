using ActorSan.Replication.Core.Control;
using ActorSan.Replication.Core.Values;
using ActorSan.Simulator.Runner;
using ActorSan.Simulator.World;

namespace ActorSan.Simulator.Volumes;

/// <summary>S7: operators grow the volume, at bad moments: a replica is out, its primary is about to die, what was proposed has an unknown outcome.</summary>
internal sealed class GrowStory() : DirectedScenario("grow", "a volume is grown while replicas come and go; the new part is zeroes or what was written there")
{
    private static readonly FaultKind[] s_faults =
        [FaultKind.Crash, FaultKind.Crash, FaultKind.PowerLoss, FaultKind.Isolate, FaultKind.CutData, FaultKind.CutControl, FaultKind.ResetLink, FaultKind.Freeze, FaultKind.DiskSlow];

    protected override void Tell(Plan plan, SimRandom random)
    {
        int data = random.Next(3) == 0 ? 3 : 2;
        plan.Options["data"] = data;
        plan.Nodes = data == 3 ? 3 + (2 * random.Next(2)) : 3;
        int first = (int)random.Range(6, 20);
        int blocks = first + (int)random.Range(1, 30);
        plan.Options["first-blocks"] = first;
        plan.Options["blocks"] = blocks;
        plan.Options["clear-ms"] = random.Coin() ? 200 : 1500;
        plan.Options["granule"] = 1 << random.Next(3);
        plan.Options["digest"] = random.Next(4) == 0 ? 1 : 0;
        long length = random.Range(3 * Second, 7 * Second);

        // One is out when the operator comes, more often than not.
        long at = random.Range(200 * Ms, 700 * Ms);
        long grown = at + random.Range(-100 * Ms, 1_500 * Ms);
        if (random.Next(4) > 0)
        {
            plan.Add(random.Coin() ? FaultKind.Crash : FaultKind.Isolate, at, 1 + random.Next(data - 1), 0, random.Range(600 * Ms, 3 * Second));
        }

        Operator(plan, random, grown, data, random.Coin() ? blocks : first + random.Next(blocks - first));
        for (int i = 0; i < 3; i++)
        {
            Operator(plan, random, random.Range(grown, length), data, random.Next(3) == 0 ? random.Next(blocks) : blocks);
        }

        int faults = random.Next(5);
        for (int i = 0; i < faults; i++)
        {
            FaultKind kind = s_faults[random.Next(s_faults.Length)];
            int node = random.Coin() ? First : random.Next(data);
            long value = kind switch
            {
                FaultKind.Freeze => random.Coin() ? (long)SimSides.Control : (long)SimSides.Both,
                FaultKind.DiskSlow => random.Range(2, 40),
                _ => 0,
            };
            plan.Add(kind, random.Coin() ? grown + random.Range(0, 120 * Ms) : random.Range(0, length), node, (node + 1) % plan.Nodes, random.Skewed(20 * Ms, 3 * Second), value);
        }

        Writes(plan, random, (int)random.Range(5, 40), 0, length);
        Reads(plan, random, 40, at, length, First);
        plan.HealAtNs = length + (500 * Ms);
    }

    protected override void Operate(SimWorld world, VolumeSetup setup, VolumeOperator people, PlanFault fault)
    {
        if (world.Nodes[fault.Node].Process?.Program is VolumeProgram { Control: { } control } program)
        {
            program.Process.Post(SimSides.Control, () => Wish(world, setup, control, fault.Value));
        }
    }

    protected override void Watch(SimWorld world, Plan plan, VolumeSetup setup)
    {
        long size = setup.First.SizeBytes;
        setup.Facts.NewlyDecided += (_, value) =>
        {
            var decided = (Configuration)value;
            if (decided.SizeBytes < size && decided.Version == setup.Facts.Latest(setup.Key.Name)!.Version)
            {
                world.Fail($"S7: the volume became smaller: '{decided}' has {decided.SizeBytes} bytes, it had {size}");
            }

            size = Math.Max(size, decided.SizeBytes);
        };
    }

    protected override string? Lacks(SimWorld world, VolumeSetup setup, int blocks)
    {
        var latest = (Configuration)setup.Facts.Latest(setup.Key.Name)!;
        long wanted = (long)blocks * world.Nodes[First].Disk!.Options.BlockBytes;
        if (latest.SizeBytes == wanted)
        {
            return null;
        }

        if (world.Nodes[First].Process?.Program is VolumeProgram { Control: { } control } program)
        {
            program.Process.Post(SimSides.Control, () => _ = control.RequestGrow(wanted));
        }

        return $"it was not grown to {wanted} bytes: {latest}, {latest.SizeBytes} bytes";
    }

    private static void Operator(Plan plan, SimRandom random, long at, int data, int blocks) =>
        plan.Add(FaultKind.Operator, at, random.Next(data), value: Math.Max(1, blocks));

    private static void Wish(SimWorld world, VolumeSetup setup, VolumeControl control, long blocks)
    {
        long size = blocks * world.Nodes[First].Disk!.Options.BlockBytes;
        GrowAnswer answer = control.RequestGrow(size);
        if (size < setup.First.SizeBytes && answer is not (GrowAnswer.Smaller or GrowAnswer.NotNow))
        {
            world.Fail($"S7: a wish to shrink to {size} bytes was answered {answer}");
        }
    }
}
