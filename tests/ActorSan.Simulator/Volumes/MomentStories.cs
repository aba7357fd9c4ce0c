using ActorSan.Replication.Core.Values;
using ActorSan.Simulator.Clients;
using ActorSan.Simulator.Runner;
using ActorSan.Simulator.World;

namespace ActorSan.Simulator.Volumes;

/// <summary>
/// P10: the last member's store fails while the admission of another is being decided, and whoever decides stands still for a moment: the store fails before the engine knows the
/// other member, and that is told after it is decided.
/// </summary>
internal sealed class FailingGateStory() : DirectedScenario("failing-gate", "P10: the last member's store fails in the moment in which another one is admitted")
{
    protected override void Tell(Plan plan, SimRandom random)
    {
        plan.Options["blocks"] = 12;
        plan.Options["says-gone"] = 0;
        long back = 1_800 * Ms;
        plan.Add(FaultKind.Crash, 300 * Ms, Other, 0, back - (300 * Ms));
        Writes(plan, random, 10, 400 * Ms, 1_600 * Ms, longest: 1);
        long slow = random.Range(300, 800);
        for (int node = 0; node < 3; node++)
        {
            plan.Add(FaultKind.JournalSlow, back, node, 0, 2 * Second, slow);
        }

        long still = back + random.Range(15 * Ms, 90 * Ms);
        long length = random.Range(100 * Ms, 250 * Ms);
        plan.Add(FaultKind.Freeze, still, First, 0, length, (long)SimSides.Control);
        plan.Add(FaultKind.FailFlushes, still, First, 0, 0, 1);
        plan.Add(still + random.Range(1 * Ms, length / 2), 0, First, SimOpKind.Flush, 0, 0);
        Writes(plan, random, 10, still + length, still + (3 * Second), longest: 1);
        Reads(plan, random, 20, still + length, still + (3 * Second), First);
        plan.HealAtNs = 7 * Second;
    }
}

/// <summary>
/// W12: attributes are changed while a member is silent. When it is dropped, the changes are complete one after the other, while its link still has to send some of them; then
/// somebody who knows only what is durable serves.
/// </summary>
internal sealed class KeyStory() : DirectedScenario("key", "W12: of two changes of an attribute the one answered last is the one in force")
{
    protected override void Tell(Plan plan, SimRandom random)
    {
        plan.Options["ack-ms"] = random.Range(200, 600);
        long at = random.Range(500 * Ms, 800 * Ms);
        long drop = at + (plan.Option("ack-ms") * Ms);
        long back = drop + random.Range(50 * Ms, 600 * Ms);
        plan.Add(FaultKind.CutData, at, First, Other, back - at);
        if (random.Coin())
        {
            plan.Add(FaultKind.CutData, at, Other, First, back - at);
        }

        Writes(plan, random, 6, at, drop);
        Attributes(plan, random, 12, SimOpKind.SetAttribute, at + (10 * Ms), drop + (200 * Ms), First);
        Attributes(plan, random, 12, SimOpKind.GetAttribute, drop, back + (1_400 * Ms), First);
        plan.Add(FaultKind.Crash, back + random.Range(500 * Ms, 1_500 * Ms), First, 0, random.Range(50 * Ms, 3_000 * Ms));
        plan.HealAtNs = back + (4 * Second);
    }
}

/// <summary>P10, S4: the primary's store fails while a third replica is gated, and that one dies; a member is there, and must get to serve.</summary>
internal sealed class FailedGateStory() : DirectedScenario("failed-gate", "P10: the primary's store fails while another replica is gated, which then is gone")
{
    protected override void Tell(Plan plan, SimRandom random)
    {
        plan.Options["data"] = 3;
        plan.Nodes = 5;
        plan.Options["blocks"] = 12;
        plan.Options["says-gone"] = 0;
        long back = 1_800 * Ms;
        plan.Add(FaultKind.Crash, 300 * Ms, Third, 0, back - (300 * Ms));
        Writes(plan, random, 10, 400 * Ms, 1_600 * Ms, longest: 1);

        // Who decides stands still meanwhile, and hears of the failure before it hears that the third is ready.
        long still = random.Range(150 * Ms, 400 * Ms);
        plan.Add(FaultKind.DiskSlow, back, Third, 0, 1 * Second, random.Range(5, 80));
        plan.Add(FaultKind.Freeze, back, First, 0, still, (long)SimSides.Control);
        long fails = back + random.Range(2 * Ms, 60 * Ms);
        plan.Add(FaultKind.FailFlushes, fails, First, 0, 0, 1);
        plan.Add(fails, 0, First, SimOpKind.Flush, 0, 0);
        plan.Add(FaultKind.Crash, fails + random.Range(20 * Ms, 150 * Ms), Third, 0, 10 * Second);
        for (int i = 0; i < 30; i++)
        {
            plan.Add(fails + random.Range(0, 200 * Ms), random.Next(5), First, SimOpKind.Write, random.Next(12), 1);
        }

        Writes(plan, random, 40, back, back + (6 * Second), longest: 1);
        Reads(plan, random, 20, back + (4 * Second), back + (7 * Second), Other);
        plan.HealAtNs = 9 * Second;
    }

    protected override void Watch(SimWorld world, Plan plan, VolumeSetup setup) => MustServe(world, 6 * Second, 8_900 * Ms);
}

/// <summary>P12: two voters, and the one that holds no part of the data any more is gone: the other one needs nothing of it but its vote.</summary>
internal sealed class UnmissedStory() : DirectedScenario("unmissed", "P12: of two nodes the one that is out of sync dies, and the primary has nothing to change")
{
    protected override void Tell(Plan plan, SimRandom random)
    {
        plan.Nodes = 2;
        plan.Options["hook"] = 1;
        plan.Options["fence-delay-ms"] = random.Range(200, 1_500);
        long at = random.Range(300 * Ms, 900 * Ms);
        plan.Add(FaultKind.CutData, at, First, Other, 20 * Second);
        plan.Add(FaultKind.CutData, at, Other, First, 20 * Second);
        Writes(plan, random, 40, 0, at + (12 * Second));
        plan.Add(random.Coin() ? FaultKind.Crash : FaultKind.PowerLoss, at + random.Range(2_000 * Ms, 3_000 * Ms), Other, 0, 20 * Second);
        plan.HealAtNs = at + (14 * Second);
    }

    protected override void Watch(SimWorld world, Plan plan, VolumeSetup setup) => world.At(world.Now + plan.HealAtNs - 1, () =>
    {
        if (setup.Fencing!.Fired == 0)
        {
            world.Fail("P12: the other voter has been gone for ten seconds, and nobody has fenced it");
        }
    });
}

/// <summary>P12: no outage lasts as long as the delay, and nobody is fenced, whatever was in vain in an earlier one.</summary>
internal sealed class ShortPausesStory() : DirectedScenario("short-pauses", "P12: the primary stands still twice, each time for less than the delay")
{
    protected override void Tell(Plan plan, SimRandom random)
    {
        plan.Nodes = 2;
        plan.Options["hook"] = 1;
        plan.Options["preferred"] = 1;
        plan.Options["fence-delay-ms"] = 3_000;
        long at = random.Range(500 * Ms, 900 * Ms);
        long first = random.Range(1_400 * Ms, 2_600 * Ms);
        plan.Add(FaultKind.Freeze, at, First, 0, first, (long)SimSides.Control);
        long again = at + first + random.Range(2_000 * Ms, 3_000 * Ms);
        plan.Add(FaultKind.Freeze, again, First, 0, random.Range(1_050 * Ms, 2_000 * Ms), (long)SimSides.Control);
        Writes(plan, random, 20, 0, again);
        plan.HealAtNs = again + (4 * Second);
    }

    protected override void Watch(SimWorld world, Plan plan, VolumeSetup setup) => world.At(world.Now + plan.HealAtNs - 1, () =>
    {
        if (setup.Fencing!.Fired > 0)
        {
            world.Fail("P12: somebody was fenced, though no pause was as long as lease and delay");
        }
    });
}

/// <summary>L5, P12: the I/O thread of the primary of two voters is stuck, and its control side well: the other one promotes, slow as its disk is.</summary>
internal sealed class StuckStory() : DirectedScenario("stuck", "L5: the engine of the primary of two voters stands still, and the other one takes over")
{
    protected override void Tell(Plan plan, SimRandom random)
    {
        plan.Nodes = 2;
        plan.Options["hook"] = 1;
        plan.Options["fence-delay-ms"] = 3_000;
        long at = random.Range(500 * Ms, 900 * Ms);
        plan.Add(FaultKind.Freeze, at, First, 0, 10 * Second, (long)SimSides.Engine);
        plan.Add(FaultKind.DiskSlow, at, Other, 0, 10 * Second, random.Range(20, 150));
        Writes(plan, random, 10, 0, at - (100 * Ms));
        Reads(plan, random, 40, at + (3 * Second), at + (9 * Second), Other);
        plan.HealAtNs = at + (11 * Second);
    }

    // What nobody has asked for costs each voter's journal two writes.
    protected override void Watch(SimWorld world, Plan plan, VolumeSetup setup)
    {
        MustServe(world, 5 * Second, 9 * Second);
        long before = 0;
        world.After(1_000 * Ms, () => before = world.Nodes[First].Journal!.WriteCount);
        world.After(9 * Second, () =>
        {
            long written = world.Nodes[First].Journal!.WriteCount - before;
            if (written > 100)
            {
                world.Fail($"P12: {written} writes of a voter's journal in eight seconds, for one failover");
            }
        });
    }
}

/// <summary>W7: a member is dropped while another one is being attached anew; then that one is all that knows what the dropped one lacks.</summary>
internal sealed class LateConfigurationStory() : DirectedScenario("late-configuration", "W7: a member is dropped while the attachment of another is on its way")
{
    protected override void Tell(Plan plan, SimRandom random)
    {
        plan.Options["data"] = 3;
        plan.Nodes = 5;
        plan.Options["blocks"] = 40;
        plan.Options["clear-ms"] = 1500;
        plan.Options["granule"] = 1;
        plan.Options["ack-ms"] = 300;
        long at = random.Range(500 * Ms, 700 * Ms);
        long drop = at + (300 * Ms);
        plan.Add(FaultKind.CutData, at, First, Third, 6 * Second);
        plan.Add(FaultKind.CutData, at, Third, First, 6 * Second);
        for (int i = 0; i < 8; i++)
        {
            // Into chunks whose mark everyone has heard: nothing but the silent one's answer is waited for.
            int block = random.Next(40);
            plan.Add(at - random.Range(50 * Ms, 300 * Ms), random.Next(5), First, SimOpKind.Write, block, 1);
            plan.Add(at + random.Range(0, 200 * Ms), random.Next(5), First, SimOpKind.Write, block, 1);
        }

        // The answer to the offer waits for its epoch and marks, on a slow disk.
        plan.Add(FaultKind.DiskSlow, drop - (60 * Ms), Other, 0, 300 * Ms, random.Range(20, 100));
        plan.Add(FaultKind.ResetLink, drop - random.Range(-60 * Ms, 60 * Ms), First, Other);
        long gone = drop + random.Range(400 * Ms, 1_500 * Ms);
        plan.Add(FaultKind.Crash, gone, First, 0, 5 * Second);
        plan.HealAtNs = gone + (7 * Second);
    }
}

/// <summary>W7, S6: two members are dropped by one decision while a verify holds ranges: what waited for these begins in the middle of it.</summary>
internal sealed class TwoLeaveStory() : DirectedScenario("two-leave", "W7: two members leave by one decision, while a verify holds what is to be written")
{
    protected override void Tell(Plan plan, SimRandom random)
    {
        plan.Options["data"] = 3;
        plan.Nodes = 5;
        plan.Options["blocks"] = 24;
        plan.Options["clear-ms"] = 1500;
        plan.Options["granule"] = 1;
        plan.Options["piece"] = random.Range(4, 12);
        plan.Options["ack-ms"] = 300;
        plan.Options["resync-min"] = 1 << 20;

        // The second is late while the voters' promises are waited for.
        plan.Options["promise-ms"] = 0;
        long at = random.Range(500 * Ms, 700 * Ms);
        plan.Add(FaultKind.Operator, at, First, 0, 0, VolumeOperator.VerifyValue);
        long cut = at + random.Range(0, 2 * Ms);
        for (int peer = 1; peer < 3; peer++)
        {
            plan.Add(FaultKind.CutData, cut + (peer == 1 ? 0 : random.Range(0, 1 * Ms)), peer, First, 3 * Second);
        }

        for (int i = 0; i < 20; i++)
        {
            plan.Add(cut + random.Range(0, 20 * Ms), random.Next(5), First, SimOpKind.Write, random.Next(24), 1);
        }

        plan.Add(FaultKind.Crash, cut + random.Range(3_500 * Ms, 5_000 * Ms), First, 0, 5 * Second);
        plan.HealAtNs = cut + (6 * Second);
    }
}

/// <summary>S7: a volume is grown while a replica is gated, which then is gone, and comes back.</summary>
internal sealed class GrowGateStory() : DirectedScenario("grow-gate", "S7: a replica that was asked for room is gone, and required no more")
{
    protected override void Tell(Plan plan, SimRandom random)
    {
        plan.Options["first-blocks"] = 12;
        plan.Options["blocks"] = 24;
        plan.Options["says-gone"] = 0;
        long back = 1_800 * Ms;
        plan.Add(FaultKind.Crash, 300 * Ms, Other, 0, back - (300 * Ms));
        Writes(plan, random, 10, 400 * Ms, 1_600 * Ms, longest: 1);
        plan.Add(FaultKind.DiskSlow, back, Other, 0, 2 * Second, random.Range(50, 500));
        long grow = back + random.Range(10 * Ms, 400 * Ms);
        plan.Add(FaultKind.Operator, grow, First);
        plan.Add(FaultKind.Crash, grow + random.Range(1 * Ms, 200 * Ms), Other, 0, random.Range(500 * Ms, 1_500 * Ms));
        plan.HealAtNs = grow + (4 * Second);
    }

    protected override void Operate(SimWorld world, VolumeSetup setup, VolumeOperator people, PlanFault fault)
    {
        if (world.Nodes[fault.Node].Process?.Program is VolumeProgram { Control: { } control } program)
        {
            // Once: an operator who was told that it goes on need not ask again.
            program.Process.Post(SimSides.Control, () => _ = control.RequestGrow(24L * world.Nodes[First].Disk!.Options.BlockBytes));
        }
    }
}

/// <summary>W6: <c>on-no-quorum = fail</c>, and no quorum: everything is answered, what waits for its turn too.</summary>
internal sealed class AllFailStory() : DirectedScenario("all-fail", "W6: without quorum every request is answered with an error, where that is wanted")
{
    protected override void Tell(Plan plan, SimRandom random)
    {
        plan.Options["blocks"] = 4;
        plan.Options["fail"] = 1;
        long at = random.Range(500 * Ms, 900 * Ms);
        plan.Options["lost-at"] = at;
        plan.Add(FaultKind.Isolate, at, First, 0, 8 * Second);
        Writes(plan, random, 40, at - (50 * Ms), at + (2_500 * Ms), longest: 3);
        Reads(plan, random, 20, at - (50 * Ms), at + (2_500 * Ms), First);
        plan.HealAtNs = at + (9 * Second);
    }

    // Two seconds until it is told, one for the lease, and whatever was admitted by then has long been looked at again.
    protected override void Watch(SimWorld world, Plan plan, VolumeSetup setup) => world.After(plan.Option("lost-at") + (6 * Second), () =>
    {
        if (world.Nodes[First].Process?.Program is VolumeProgram { Engine.Primary: { } primary } && primary.UnansweredCount > 0)
        {
            world.Fail($"W6: {primary.UnansweredCount} requests have no answer, six seconds after the quorum was lost:\n  {string.Join("\n  ", primary.Describe())}");
        }
    });
}

/// <summary>W7: what initiators wait for costs each voter's journal one write, not two: the promises were asked for while nobody waited.</summary>
internal sealed class OneWriteStory() : DirectedScenario("one-write", "W7: a member is dropped while the voters' journals are slow")
{
    protected override void Tell(Plan plan, SimRandom random)
    {
        plan.Options["says-gone"] = 1;
        plan.Options["promise-ms"] = 1_000;
        long at = random.Range(2_500 * Ms, 3_500 * Ms);
        plan.Options["at"] = at;
        plan.Options["slow-ms"] = random.Range(120, 250);
        Writes(plan, random, 20, at - (500 * Ms), at + (1_500 * Ms));
        Reads(plan, random, 20, at, at + (2 * Second), First);
        plan.Add(FaultKind.Crash, at, Other, 0, 3 * Second);
        plan.HealAtNs = at + (4 * Second);
    }

    // Links and the moment until somebody looks take less than half a write.
    protected override void Watch(SimWorld world, Plan plan, VolumeSetup setup)
    {
        long write = plan.Option("slow-ms") * Ms;
        world.After(plan.Option("at"), () =>
        {
            foreach (SimNode node in world.Nodes)
            {
                node.Journal!.EachNs = write;
            }
        });

        world.After(plan.Option("at") + (write * 3 / 2) + (60 * Ms), () =>
        {
            Configuration? known = (world.Nodes[First].Process?.Program as VolumeProgram)?.Control?.Known;
            if (known?.MemberOf(world.Nodes[Other].Name) is not null)
            {
                world.Fail($"W7: after the time of one and a half writes of a journal ({write / Ms} ms each) the dead member is not dropped");
            }
        });
    }
}

/// <summary>P8: a handover is asked for when of three voters one is gone and another's journal stands still, while its grants go on: it can't be decided, and the primary must serve on.</summary>
internal sealed class OldPromisesStory() : DirectedScenario("old-promises", "P8: the volume is to be handed over while a majority of the journals stands still")
{
    protected override void Tell(Plan plan, SimRandom random)
    {
        plan.Options["promise-ms"] = 1_000;
        long at = random.Range(2_500 * Ms, 3_500 * Ms);
        plan.Options["at"] = at;
        plan.Add(FaultKind.Crash, at, Third, 0, 20 * Second);
        Writes(plan, random, 20, at - (500 * Ms), at + (10 * Second));
        Reads(plan, random, 60, at, at + (10 * Second), First);
        plan.HealAtNs = at + (11 * Second);
    }

    protected override void Watch(SimWorld world, Plan plan, VolumeSetup setup)
    {
        long at = plan.Option("at");
        world.After(at, () => world.Nodes[Other].Journal!.EachNs = 12 * Second);
        world.After(at + (200 * Ms), () =>
        {
            if (world.Nodes[First].Process?.Program is VolumeProgram { Control: { } control } program)
            {
                program.Process.Post(SimSides.Control, () => _ = control.RequestHandOver(world.Nodes[Other].Name));
            }
        });
        world.After(plan.HealAtNs, () => world.Nodes[Other].Journal!.EachNs = 0);

        // A handover that is not decided is given up 2 s after it was asked for.
        MustServe(world, at + (1_500 * Ms), at + (4 * Second));
        MustServe(world, at + (4 * Second), plan.HealAtNs);
    }
}
