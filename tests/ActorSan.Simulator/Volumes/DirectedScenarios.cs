using ActorSan.Simulator.Clients;
using ActorSan.Simulator.Runner;
using ActorSan.Simulator.World;

namespace ActorSan.Simulator.Volumes;

/// <summary>
/// One dangerous story each, with luck in its details: what random faults meet too seldom. A story says what happens in which order; the seed says how long after, to which blocks,
/// and between which writes.
/// </summary>
internal abstract class DirectedScenario(string kind, string about) : VolumeScenario
{
    protected const int First = 0;
    protected const int Other = 1;
    protected const int Third = 2;

    public override string Kind => kind;

    public override string About => about;

    public override Plan Make(ulong seed)
    {
        var random = SimRandom.For(seed, "plan " + kind);
        var plan = new Plan { Kind = kind, Seed = seed, Nodes = 3, HealAtNs = 3 * Second };
        plan.Options["data"] = 2;
        plan.Options["blocks"] = 12;
        plan.Options["clear-ms"] = 1500;
        Tell(plan, random);
        return plan;
    }

    protected abstract void Tell(Plan plan, SimRandom random);

    /// <summary>Somebody answers between the two, counted from when the faults begin, though they go on: clients ask all the time.</summary>
    protected static void MustServe(SimWorld world, long fromNs, long toNs)
    {
        long answers = 0;
        world.After(fromNs, () => answers = world.Facts.Answers);
        world.After(toNs, () =>
        {
            if (world.Facts.Answers == answers)
            {
                world.Fail($"Liveness: nobody has answered for {(toNs - fromNs) / 1e9:F1} s, and one node alone is faulty");
            }
        });
    }

    /// <summary>Writes (mostly) at times between the two, by five clients.</summary>
    protected static void Writes(Plan plan, SimRandom random, int count, long from, long to, int longest = 3, bool atomic = false)
    {
        int blocks = (int)plan.Option("blocks");
        for (int i = 0; i < count; i++)
        {
            int block = random.Next(blocks);
            int length = Math.Min(blocks - block, 1 + random.Next(longest));
            SimOpKind what = random.Next(8) == 0 ? SimOpKind.CompareAndWrite : SimOpKind.Write;
            plan.Add(random.Range(from, to), random.Next(5), random.Next((int)plan.Option("data")), what, block, length, atomic: atomic || random.Next(6) == 0);
        }
    }

    protected static void Reads(Plan plan, SimRandom random, int count, long from, long to, int node)
    {
        int blocks = (int)plan.Option("blocks");
        for (int i = 0; i < count; i++)
        {
            plan.Add(random.Range(from, to), 5 + random.Next(5), node, SimOpKind.Read, random.Next(blocks), 1);
        }
    }

    /// <summary>The key of an attribute stands in the block's place.</summary>
    protected static void Attributes(Plan plan, SimRandom random, int count, SimOpKind kind, long from, long to, int node)
    {
        for (int i = 0; i < count; i++)
        {
            plan.Add(random.Range(from, to), (kind == SimOpKind.GetAttribute ? 5 : 0) + random.Next(5), node, kind, 1 + random.Next(3), 1);
        }
    }

    protected static void Flushes(Plan plan, SimRandom random, int count, long from, long to)
    {
        for (int i = 0; i < count; i++)
        {
            plan.Add(random.Range(from, to), random.Next(5), random.Next(2), SimOpKind.Flush, 0, 0);
        }
    }
}

/// <summary>L4, P7: the primary is cut off or stands still, a successor promotes, and the old one is still asked; then it comes back, and the successor dies.</summary>
internal sealed class DeposedStory() : DirectedScenario("deposed", "a primary goes on with old beliefs while its successor serves; then it must take over again")
{
    protected override void Tell(Plan plan, SimRandom random)
    {
        plan.Options["blocks"] = random.Range(2, 8);
        long at = random.Range(300 * Ms, 600 * Ms);
        long away = random.Range(1_600 * Ms, 2_800 * Ms);
        switch (random.Next(4))
        {
            case 0:
                plan.Add(FaultKind.Freeze, at, First, 0, away, (long)SimSides.Both);
                break;
            case 1:
                plan.Add(FaultKind.Freeze, at, First, 0, away, (long)SimSides.Control);
                plan.Add(FaultKind.CutData, at, First, Other, away);
                plan.Add(FaultKind.CutData, at, Other, First, away);
                break;
            default:
                plan.Add(FaultKind.Isolate, at, First, 0, away);
                break;
        }

        Writes(plan, random, 40, 0, at + away);
        Reads(plan, random, 60, at, at + away + (200 * Ms), First);
        long back = at + away + random.Range(0, 700 * Ms);
        if (random.Coin())
        {
            plan.Add(FaultKind.Crash, back, Other, 0, random.Range(1_500 * Ms, 2_500 * Ms));
        }

        plan.HealAtNs = back + (2 * Second);
    }
}

/// <summary>W4, P3, P5, P6: writes reach some replicas and not others when the primary dies; the successor makes them alike before anyone reads; perhaps it dies in the middle.</summary>
internal sealed class HalfWrittenStory() : DirectedScenario("half-written", "the primary dies while its peers have different parts of what it wrote; perhaps the next one too")
{
    protected override void Tell(Plan plan, SimRandom random)
    {
        plan.Options["data"] = 3;
        plan.Nodes = 3 + (2 * random.Next(2));
        plan.Options["blocks"] = random.Range(2, 10);
        plan.Options["clear-ms"] = random.Coin() ? 200 : 1500;
        plan.Options["ack-ms"] = 900;
        long at = random.Range(1_000 * Ms, 1_400 * Ms);
        int lacking = random.Coin() ? Other : Third;
        if (random.Next(3) > 0)
        {
            plan.Add(FaultKind.CutData, at - random.Range(1 * Ms, 60 * Ms), First, lacking, random.Range(50 * Ms, 1_000 * Ms));
        }
        else
        {
            plan.Add(FaultKind.DiskSlow, at - (100 * Ms), lacking, 0, random.Range(1_000 * Ms, 2_500 * Ms), random.Range(5, 60));
        }

        Writes(plan, random, 30, 200 * Ms, at - (60 * Ms));
        Writes(plan, random, 30, at - (60 * Ms), at + (3 * Ms));
        if (random.Coin())
        {
            plan.Add(FaultKind.Crash, at, First, 0, random.Range(1_500 * Ms, 3_000 * Ms));
        }
        else
        {
            plan.Add(FaultKind.Isolate, at, First, 0, random.Range(1_500 * Ms, 3_000 * Ms));
        }

        Reads(plan, random, 40, at, at + (2 * Second), 1 + random.Next(2));
        long again = at + random.Range(1_000 * Ms, 2_200 * Ms);
        if (plan.Nodes == 5 && random.Coin())
        {
            plan.Add(FaultKind.Crash, again, 3 - lacking, 0, 2 * Second);
            Reads(plan, random, 20, again, again + (2 * Second), lacking);
        }

        Writes(plan, random, 10, at + Second, again + Second);
        plan.HealAtNs = again + (2_500 * Ms);
    }
}

/// <summary>W7, W9, S1: few writes while a replica is out, quiet, then whoever kept its set crashes; the replica comes back and nothing overwrites what it lacks.</summary>
internal sealed class KeptSetStory() : DirectedScenario("kept-set", "a replica is out, its set is all that tells what it lacks, and who keeps the set crashes after a clear")
{
    protected override void Tell(Plan plan, SimRandom random)
    {
        plan.Options["blocks"] = random.Range(12, 40);
        plan.Options["clear-ms"] = 200;
        plan.Options["granule"] = 1 << random.Next(3);
        long at = random.Range(300 * Ms, 700 * Ms);
        long away = random.Range(2_500 * Ms, 3_500 * Ms);
        plan.Add(random.Coin() ? FaultKind.Isolate : FaultKind.Crash, at, Other, 0, away);
        Writes(plan, random, 4, 0, at + (2 * Ms));
        Writes(plan, random, (int)random.Range(1, 6), at - (2 * Ms), at + (1_500 * Ms));
        plan.Add(FaultKind.Crash, at + random.Range(900 * Ms, 2_400 * Ms), First, 0, random.Range(20 * Ms, 300 * Ms));
        plan.HealAtNs = at + away + (500 * Ms);
    }
}

/// <summary>S4, W7: two of three are out one after another; the first one back is given the other's set at the gate, and must stand in for the primary when that one returns.</summary>
internal sealed class HandedSetStory() : DirectedScenario("handed-set", "two of three replicas are out; who comes back first must know what the other one lacks")
{
    protected override void Tell(Plan plan, SimRandom random)
    {
        plan.Options["data"] = 3;
        plan.Nodes = 5;
        plan.Options["blocks"] = random.Range(12, 40);
        plan.Options["clear-ms"] = random.Coin() ? 200 : 1500;
        long at = random.Range(300 * Ms, 600 * Ms);
        long shorter = random.Range(900 * Ms, 1_500 * Ms);
        int early = random.Coin() ? Other : Third;
        plan.Add(FaultKind.Crash, at, early, 0, shorter);
        plan.Add(FaultKind.Crash, at + random.Range(0, 100 * Ms), 3 - early, 0, 5 * Second);
        Writes(plan, random, (int)random.Range(5, 15), at - (20 * Ms), at + shorter + (400 * Ms));
        if (random.Coin())
        {
            // Long between the gate and the decision.
            for (int voter = 0; voter < plan.Nodes; voter++)
            {
                plan.Add(FaultKind.JournalSlow, at + shorter, voter, 0, 500 * Ms, random.Range(10, 60));
            }

            Writes(plan, random, 40, at + shorter, at + shorter + (500 * Ms));
        }

        plan.Add(FaultKind.Crash, at + shorter + random.Range(500 * Ms, 900 * Ms), First, 0, 5 * Second);
        plan.HealAtNs = at + shorter + (3_500 * Ms);
        plan.Add(FaultKind.CutData, 0, First, 4, 5 * Second);

        // The primary that died stays away until the one that was out is back and in sync.
        plan.Add(FaultKind.CutData, at + shorter + (2_900 * Ms), 3 - early, First, 5 * Second);
    }
}

/// <summary>S2, S3, S4: a replica comes back under many writes to few blocks, and is needed as soon as it is in sync, or loses its power before.</summary>
internal sealed class SyncingStory() : DirectedScenario("syncing", "a resync under hot writes; who was resynced is needed at once")
{
    protected override void Tell(Plan plan, SimRandom random)
    {
        plan.Options["blocks"] = random.Range(3, 24);
        plan.Options["digest"] = random.Next(3) == 0 ? 1 : 0;
        plan.Options["granule"] = 1 << random.Next(3);
        plan.Options["piece"] = random.Coin() ? 1 : 4;
        long at = random.Range(200 * Ms, 400 * Ms);
        long back = at + random.Range(700 * Ms, 1_000 * Ms);
        plan.Add(random.Coin() ? FaultKind.Crash : FaultKind.PowerLoss, at, Other, 0, back - at);
        for (int i = random.Next(4); i > 0; i--)
        {
            plan.Add(FaultKind.ResetLink, back + random.Range(0, 600 * Ms), First, Other);
        }

        if (random.Coin())
        {
            plan.Add(FaultKind.DiskSlow, back, random.Next(2), 0, Second, random.Range(3, 20));
        }

        Writes(plan, random, 20, 0, back);
        Writes(plan, random, 120, back, back + (600 * Ms));
        long next = back + random.Range(50 * Ms, 800 * Ms);
        switch (random.Next(3))
        {
            case 0:
                plan.Add(FaultKind.PowerLoss, next, Other, 0, random.Range(50 * Ms, 400 * Ms));
                plan.Add(FaultKind.Crash, next + random.Range(500 * Ms, 1_500 * Ms), First, 0, 2 * Second);
                break;
            case 1:
                plan.Add(FaultKind.Crash, next, First, 0, 2 * Second);
                break;
            default:
                break;
        }

        plan.HealAtNs = next + (3 * Second);
    }
}

/// <summary>
/// S4, W10, W11, P9: the replica that would be the first to serve after a power loss of all was resynced a moment ago, or has atomic writes in flight.
/// </summary>
internal sealed class DarkStory() : DirectedScenario("dark", "all lose their power just after a replica was admitted, or in the middle of atomic writes; it serves first")
{
    protected override void Tell(Plan plan, SimRandom random)
    {
        bool atomic = random.Coin();
        plan.Options["blocks"] = atomic ? random.Range(4, 8) : random.Range(8, 24);
        plan.Options["preferred"] = 1;
        plan.Options["clear-ms"] = 4000;
        long at = random.Range(300 * Ms, 500 * Ms);
        long back = at + random.Range(1_700 * Ms, 2_000 * Ms);

        // The first node's lease ends and the second one serves, writes and flushes alone.
        plan.Add(random.Coin() ? FaultKind.Crash : FaultKind.Isolate, at, First, 0, back - at);
        Writes(plan, random, 20, at + (1_200 * Ms), back);
        Flushes(plan, random, 6, back - (200 * Ms), back + (20 * Ms));
        long dark = back + random.Range(100 * Ms, 700 * Ms);
        if (!atomic && random.Coin())
        {
            Writes(plan, random, 20, dark - (300 * Ms), dark);
            Flushes(plan, random, 10, dark - (300 * Ms), dark);
        }

        if (atomic)
        {
            dark += 800 * Ms;
            Writes(plan, random, 60, dark - (12 * Ms), dark, longest: 4, atomic: true);
        }

        plan.Add(FaultKind.PowerLossOfAll, dark, 0, 0, random.Range(100 * Ms, 500 * Ms), 1 * Ms);
        plan.HealAtNs = dark + (4 * Second);
    }
}

/// <summary>P9, W3: one replica loses its power and is back at once; then the other one is gone.</summary>
internal sealed class ShortPowerStory() : DirectedScenario("short-power", "a replica loses power and is back before anyone has dropped it; then it is the only one")
{
    protected override void Tell(Plan plan, SimRandom random)
    {
        plan.Options["blocks"] = random.Range(6, 24);
        plan.Options["clear-ms"] = random.Coin() ? 200 : 1500;
        long at = random.Range(1_000 * Ms, 1_400 * Ms);
        Writes(plan, random, 30, 200 * Ms, at);
        plan.Add(FaultKind.PowerLoss, at, Other, 0, random.Range(5 * Ms, 250 * Ms));
        long gone = random.Coin() ? at : at + random.Range(0, 1_000 * Ms);
        plan.Add(random.Coin() ? FaultKind.Crash : FaultKind.Isolate, gone, First, 0, 2_500 * Ms);
        Reads(plan, random, 10, gone, gone + (2 * Second), Other);
        plan.HealAtNs = gone + (3 * Second);
    }
}

/// <summary>W2: a disk is put back to an image of a moment ago, and only its mark, told to others, shows it.</summary>
internal sealed class OldCopyStory() : DirectedScenario("old-copy", "a replica is put back to an image of a moment ago and would serve")
{
    protected override void Tell(Plan plan, SimRandom random)
    {
        plan.Options["blocks"] = random.Range(16, 40);
        plan.Options["clear-ms"] = 200;
        bool primary = random.Coin();
        int node = primary ? First : Other;
        long image = random.Range(1_500 * Ms, 2_000 * Ms);
        Writes(plan, random, 3, 200 * Ms, 600 * Ms);
        plan.Add(FaultKind.DiskImage, image, node);
        long put = image + (primary ? random.Range(3 * Ms, 40 * Ms) : random.Range(20 * Ms, 1_500 * Ms));
        Writes(plan, random, 1 + random.Next(3), image, put, longest: 1);
        if (primary && random.Coin())
        {
            // Answered a moment ago, under a mark that was new.
            Writes(plan, random, 2, put - (2 * Ms), put - 200_000, longest: 1);
        }

        plan.Add(FaultKind.DiskPutBack, put, node, 0, random.Range(5 * Ms, 200 * Ms));
        if (!primary)
        {
            // Marks heard are durable within a second (W2): who dies sooner may forget them, and nobody has promised otherwise.
            plan.Add(FaultKind.Crash, put + random.Range(1_100 * Ms, 1_900 * Ms), First, 0, 2 * Second);
        }

        plan.HealAtNs = put + (4 * Second);
    }
}
