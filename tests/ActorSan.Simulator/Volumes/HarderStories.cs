using ActorSan.Replication.Core.Values;
using ActorSan.Simulator.Clients;
using ActorSan.Simulator.Runner;
using ActorSan.Simulator.World;

namespace ActorSan.Simulator.Volumes;

/// <summary>P9: one member is broken, the other only starts: it is slow to open its store, and says nothing before.</summary>
internal sealed class SlowStartStory() : DirectedScenario("slow-start", "P9: a member that has only just started is taken for one whose session is broken")
{
    protected override void Tell(Plan plan, SimRandom random)
    {
        plan.Options["blocks"] = random.Range(6, 24);
        long at = random.Range(1_000 * Ms, 1_400 * Ms);
        Writes(plan, random, 30, 200 * Ms, at);
        plan.Options["open-ms"] = 900;
        long down = random.Range(2_000 * Ms, 3_000 * Ms);
        plan.Add(FaultKind.PowerLoss, at, First, 0, random.Range(20 * Ms, 200 * Ms));
        plan.Add(FaultKind.Crash, at, Other, 0, down);
        plan.HealAtNs = at + down + (3 * Second);
    }
}

/// <summary>S4, W7: a member is dropped between the gate and the admission of another replica, which must know what it lacks.</summary>
internal sealed class GateAndDropStory() : DirectedScenario("gate-and-drop", "S4: a member is dropped while another one is gated")
{
    protected override void Tell(Plan plan, SimRandom random)
    {
        plan.Options["data"] = 3;
        plan.Nodes = 5;
        plan.Options["blocks"] = 40;
        plan.Options["clear-ms"] = 200;
        plan.Options["granule"] = 1;
        plan.Options["piece"] = 1;
        long at = 500 * Ms;
        long back = 2_500 * Ms;
        plan.Add(FaultKind.CutData, at, First, Other, back - at);
        plan.Add(FaultKind.CutData, at, Other, First, back - at);
        int count = (int)random.Range(4, 20);
        for (int i = 0; i < count; i++)
        {
            plan.Add(random.Range(1_100 * Ms, 1_180 * Ms), random.Next(5), First, SimOpKind.Write, 2 * random.Next(14), 1);
        }

        plan.Add(FaultKind.DiskSlow, back, Other, 0, 1_600 * Ms, random.Range(60, 200));
        long cut = back - random.Range(900 * Ms, 1_300 * Ms);
        plan.Add(FaultKind.CutData, cut, First, Third, 5 * Second);
        plan.Add(FaultKind.CutData, cut, Third, First, 5 * Second);
        for (int i = 0; i < 6; i++)
        {
            plan.Add(back + random.Range(5 * Ms, 400 * Ms), random.Next(5), First, SimOpKind.Write, 28 + (2 * i), 1);
        }

        long crash = back + (2_600 * Ms);
        plan.Add(FaultKind.Crash, crash, First, 0, 4 * Second);
        plan.HealAtNs = crash + (5 * Second);
    }
}

/// <summary>P10, P8: an I/O of the primary's store hangs for good under writes: somebody serves, before any heal.</summary>
internal sealed class HungStory() : DirectedScenario("hung", "P10: an I/O of the primary's store hangs for good")
{
    protected override void Tell(Plan plan, SimRandom random)
    {
        plan.Options["blocks"] = 24;
        plan.Add(FaultKind.DiskHang, 1_000 * Ms, First, 0, 0);
        Writes(plan, random, 60, 900 * Ms, 15_000 * Ms, longest: 1);
        plan.HealAtNs = 16 * Second;
    }

    protected override void Watch(SimWorld world, Plan plan, VolumeSetup setup)
    {
        MustServe(world, 12 * Second, 15_500 * Ms);
        world.After(15 * Second, () =>
        {
            if (setup.Facts.Latest(setup.Key.Name) is Configuration { Primary.Node: { } node } && node == world.Nodes[First].Name)
            {
                world.Fail($"P10: {node} is still primary, and its store has hung for {(15 * Second - 1_000 * Ms) / 1e9} s");
            }
        });
    }
}

/// <summary>L5, P10: the primary's store hangs for good, and nobody writes: somebody serves, before any heal.</summary>
internal sealed class HungReadStory() : DirectedScenario("hung-read", "P10: the primary's store hangs, and nobody writes")
{
    protected override void Tell(Plan plan, SimRandom random)
    {
        plan.Options["blocks"] = 24;
        plan.Add(FaultKind.DiskHang, 1_000 * Ms, First, 0, 0);
        Reads(plan, random, 60, 900 * Ms, 15_000 * Ms, First);
        plan.HealAtNs = 16 * Second;
    }

    protected override void Watch(SimWorld world, Plan plan, VolumeSetup setup) => MustServe(world, 12 * Second, 15_500 * Ms);
}

/// <summary>S1: two replicas go out and come back in turn, so that a set is kept where an older one of another store was; then its keeper starts again.</summary>
internal sealed class OtherPlaceStory() : DirectedScenario("other-place", "S1: a set is kept in another place than an older one of the same store")
{
    protected override void Tell(Plan plan, SimRandom random)
    {
        plan.Options["data"] = 3;
        plan.Nodes = 5;
        plan.Options["blocks"] = 40;
        plan.Options["clear-ms"] = 200;
        plan.Options["granule"] = 1;
        plan.Options["preferred"] = 1;
        Cut(plan, 500 * Ms, Third, 2_000 * Ms);
        plan.Add(2_000 * Ms, 0, First, SimOpKind.Write, random.Next(16), 1);
        Cut(plan, 3_200 * Ms, Other, 2_400 * Ms);
        Cut(plan, 4_000 * Ms, Third, 5_000 * Ms);

        // Long after the drop, or as soon as it is decided.
        long write = random.Coin() ? 6_500 * Ms : random.Range(4_550 * Ms, 5_100 * Ms);
        plan.Add(write, 0, First, SimOpKind.Write, 20 + random.Next(16), 1);
        plan.Add(FaultKind.Crash, write + random.Range(150 * Ms, 1_400 * Ms), First, 0, 30 * Ms);
        plan.HealAtNs = 11 * Second;
    }

    private static void Cut(Plan plan, long at, int node, long duration)
    {
        plan.Add(FaultKind.CutData, at, First, node, duration);
        plan.Add(FaultKind.CutData, at, node, First, duration);
    }
}

/// <summary>§2, P9: a primary's flush fails, and its process is killed before anyone else can know.</summary>
internal sealed class FailedFlushStory() : DirectedScenario("failed-flush", "a store has failed a flush, and its process is killed before anything durable says so")
{
    protected override void Tell(Plan plan, SimRandom random)
    {
        plan.Options["blocks"] = random.Range(6, 24);
        long at = random.Range(1_000 * Ms, 1_400 * Ms);
        Writes(plan, random, 30, 200 * Ms, at - (30 * Ms));
        for (int node = 1; node < 3; node++)
        {
            plan.Add(FaultKind.CutControl, at - (20 * Ms), First, node, 300 * Ms);
            plan.Add(FaultKind.CutControl, at - (20 * Ms), node, First, 300 * Ms);
        }

        plan.Add(FaultKind.FailFlushes, at - (1 * Ms), First, 0, 0, 1);
        plan.Add(at, 0, First, SimOpKind.Flush, 0, 0);
        plan.Add(FaultKind.Crash, at + random.Range(20 * Ms, 150 * Ms), First, 0, 20 * Ms);
        plan.HealAtNs = at + (4 * Second);
    }
}

/// <summary>P10, S1: the last member's store is full while another replica is resynced: what was refused is on the one and not on the other.</summary>
internal sealed class FullStory() : DirectedScenario("full", "P10: the last member's store is full, and a syncing one has what was refused")
{
    protected override void Tell(Plan plan, SimRandom random)
    {
        plan.Options["blocks"] = 40;
        plan.Options["piece"] = 1;
        plan.Options["granule"] = 1;
        plan.Add(FaultKind.Crash, 300 * Ms, Other, 0, 1_500 * Ms);
        Writes(plan, random, 20, 400 * Ms, 1_600 * Ms, longest: 1);
        plan.Add(FaultKind.DiskSlow, 1_800 * Ms, Other, 0, 2 * Second, 40);
        plan.Add(FaultKind.DiskFull, 1_900 * Ms, First, 0, 1_500 * Ms);
        Writes(plan, random, 8, 1_920 * Ms, 2_200 * Ms, longest: 1);
        plan.HealAtNs = 6 * Second;
    }
}

/// <summary>P10, R6: the last member's store fills up about when the other is admitted again, and deciding takes long: who is last is not known for a while.</summary>
internal sealed class FullGateStory() : DirectedScenario("full-gate", "P10, R6: the last member's store is full while the admission of another is under way")
{
    protected override void Tell(Plan plan, SimRandom random)
    {
        plan.Options["blocks"] = 200;
        plan.Options["says-gone"] = 0;
        plan.Options["piece"] = 1;
        plan.Options["granule"] = 1;
        long back = 1_800 * Ms;
        plan.Add(FaultKind.Crash, 300 * Ms, Other, 0, back - (300 * Ms));
        Writes(plan, random, 10, 400 * Ms, 1_600 * Ms, longest: 1);
        for (int node = 0; node < 3; node++)
        {
            plan.Add(FaultKind.JournalSlow, back, node, 0, 2 * Second, random.Range(400, 2_000));
        }

        // The other has it before this one says that it has no room.
        plan.Add(FaultKind.DiskSlow, back, First, 0, 2 * Second, random.Range(1, 40));
        plan.Add(FaultKind.DiskFull, back + random.Range(8 * Ms, 40 * Ms), First, 0, random.Range(20 * Ms, 300 * Ms));
        if (random.Coin())
        {
            plan.Add(random.Coin() ? FaultKind.Crash : FaultKind.PowerLoss, back + random.Range(5 * Ms, 200 * Ms), Other, 0, random.Range(20 * Ms, 2 * Second));
        }

        Writes(plan, random, 16, back + (5 * Ms), back + (120 * Ms), longest: 1);
        plan.HealAtNs = 6 * Second;
    }
}

/// <summary>§2, P8: a node is stopped in order and comes back under its old session, writes, and then loses its power; or loses it while it is stopped.</summary>
internal sealed class StoppedStory() : DirectedScenario("stopped", "a node is stopped in order and started again; power is lost meanwhile, or soon after")
{
    protected override void Tell(Plan plan, SimRandom random)
    {
        plan.Options["blocks"] = random.Range(6, 24);
        plan.Options["clear-ms"] = random.Coin() ? 200 : 1500;
        long at = random.Range(600 * Ms, 900 * Ms);
        int node = random.Coin() ? First : Other;
        Writes(plan, random, 40, at - (300 * Ms), at + (400 * Ms));
        if (random.Next(3) == 0)
        {
            // Both, one after the other: who is last is alone in sync, and must come back with all of it.
            plan.Add(FaultKind.Stop, at, 1 - node, 0, 2 * Second);
            plan.Add(FaultKind.Stop, at + (200 * Ms), node, 0, 900 * Ms);
            plan.Add(FaultKind.PowerLoss, at + random.Range(300 * Ms, 900 * Ms), node, 0, 400 * Ms);
            plan.HealAtNs = at + (4 * Second);
            return;
        }

        plan.Add(FaultKind.Stop, at, node, 0, random.Range(300 * Ms, 900 * Ms));
        if (random.Coin())
        {
            plan.Add(FaultKind.PowerLoss, at + random.Range(150 * Ms, 300 * Ms), node, 0, random.Range(50 * Ms, 400 * Ms));
        }

        long again = at + random.Range(1_800 * Ms, 2_400 * Ms);
        Writes(plan, random, 30, again - (400 * Ms), again);
        plan.Add(FaultKind.PowerLoss, again, node, 0, random.Range(5 * Ms, 200 * Ms));
        if (random.Coin())
        {
            plan.Add(FaultKind.Crash, again + random.Range(0, 300 * Ms), 1 - node, 0, 2 * Second);
        }

        Reads(plan, random, 10, again, again + (2 * Second), node);
        plan.HealAtNs = again + (3 * Second);
    }
}

/// <summary>W7: a secondary falls silent under a write, and its link ends while that is waited for: who was asked is dropped ack-timeout after the write, not after the end of the link.</summary>
internal sealed class SilentStory() : DirectedScenario("silent", "W7: a secondary leaves a write unanswered, and its link ends before that has lasted for ack-timeout")
{
    private const long AckTimeoutNs = 600 * Ms;

    // Rounds, slow journals and the clock's drift.
    private const long DecidedWithinNs = 200 * Ms;

    protected override void Tell(Plan plan, SimRandom random)
    {
        plan.Options["blocks"] = 12;
        plan.Options["ack-ms"] = AckTimeoutNs / Ms;
        plan.Options["says-gone"] = 0;
        long at = random.Range(900 * Ms, 1_300 * Ms);
        Writes(plan, random, 20, 200 * Ms, at - (50 * Ms));
        plan.Add(FaultKind.CutData, at, First, Other, 3 * Second);
        plan.Add(FaultKind.CutData, at, Other, First, 3 * Second);
        plan.Add(at + random.Range(1 * Ms, 20 * Ms), 0, First, SimOpKind.Write, random.Next(12), 1);
        plan.Add(FaultKind.ResetLink, at + random.Range(50 * Ms, 590 * Ms), First, Other, 20 * Ms);
        Writes(plan, random, 10, at + (100 * Ms), at + (2 * Second));
        plan.HealAtNs = at + (4 * Second);
    }

    protected override void Watch(SimWorld world, Plan plan, VolumeSetup setup)
    {
        long cutNs = plan.Faults.Where(fault => fault.Kind == FaultKind.CutData).Select(fault => fault.AtNs).Append(long.MaxValue).Min();
        if (plan.Ops.Find(op => op.AtNs > cutNs) is not { } write || plan.Faults.Count(fault => fault.Kind == FaultKind.CutData) < 2)
        {
            return;
        }

        string other = world.Nodes[Other].Name;
        world.After(write.AtNs + AckTimeoutNs + DecidedWithinNs, () =>
        {
            if (setup.Facts.Latest(setup.Key.Name) is Configuration now && now.MemberOf(other) is not null)
            {
                world.Fail($"W7: {other} has left a write unanswered for {(AckTimeoutNs + DecidedWithinNs) / Ms} ms and is still waited for, with an ack-timeout of {AckTimeoutNs / Ms} ms");
            }
        });
    }
}
