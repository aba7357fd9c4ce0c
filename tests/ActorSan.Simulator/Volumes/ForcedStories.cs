using ActorSan.Simulator.Runner;
using ActorSan.Simulator.World;

namespace ActorSan.Simulator.Volumes;

/// <summary>P11: the replicas lose each other, or all but one node is gone, and an operator forces, sometimes on both sides, sometimes where he must be refused; then all come back.</summary>
internal sealed class ForcedStory() : DirectedScenario("forced", "a replica is forced to serve without the others, whose lineage may go on until they hear of it")
{
    protected override void Tell(Plan plan, SimRandom random)
    {
        bool three = random.Next(4) == 0;
        plan.Options["data"] = three ? 3 : 2;
        plan.Nodes = three ? 3 + (2 * random.Next(2)) : 3;
        plan.Options["blocks"] = random.Range(6, 32);
        plan.Options["clear-ms"] = random.Coin() ? 200 : 1500;
        plan.Options["granule"] = 1 << random.Next(3);
        int all = (1 << plan.Nodes) - 1;
        long at = random.Range(600 * Ms, 1_200 * Ms);
        long away = random.Range(3_000 * Ms, 5_000 * Ms);
        long force = at + random.Range(50 * Ms, 2_000 * Ms);
        Writes(plan, random, (int)random.Range(3, 25), 0, at);
        switch (random.Next(5))
        {
            case 0:
                Part(plan, random, at, away, force);
                break;
            case 1:
                for (int node = 0; node < plan.Nodes; node++)
                {
                    if (node != Other)
                    {
                        plan.Add(random.Next(3) == 0 ? FaultKind.PowerLoss : FaultKind.Crash, at + random.Range(0, 50 * Ms), node, 0, away);
                    }
                }

                plan.Add(FaultKind.Operator, force, Other, 0, 0, VolumeOperator.ForceValue(random.Coin() ? 1 << Other : (1 << Other) | (1 << First), 12));
                break;
            case 2:
                // Only the replicas don't see each other: the witness still grants, and has to be believed.
                Apart(plan, at, away, First, Other);
                plan.Add(FaultKind.Operator, force, Other, 0, 0, VolumeOperator.ForceValue(random.Coin() ? all & ~(1 << First) : all, 12));
                break;
            case 3:
                CutShort(plan, random, at, away, force);
                break;
            default:
                plan.Add(FaultKind.Operator, force, random.Next(2), 0, 0, VolumeOperator.ForceValue(random.Coin() ? all : 1 + random.Next(all), 4));
                break;
        }

        Writes(plan, random, (int)random.Range(3, 30), at, at + away);
        Reads(plan, random, 20, at, at + away, random.Next(2));
        Flushes(plan, random, random.Next(4), at - (200 * Ms), at + away);
        if (random.Next(3) == 0)
        {
            plan.Add(FaultKind.JournalSlow, force, random.Next(plan.Nodes), 0, 500 * Ms, random.Range(5, 20));
        }

        if (random.Coin())
        {
            // In the middle of it.
            plan.Add(random.Coin() ? FaultKind.Crash : FaultKind.PowerLoss, force + (random.Coin() ? random.Range(0, 25 * Ms) : random.Range(0, 600 * Ms)), random.Next(3) == 0 ? First : Other, 0, random.Range(20 * Ms, 800 * Ms));
        }

        long back = at + away + random.Range(0, 300 * Ms);
        plan.Add(FaultKind.Operator, back, random.Next(2), 0, 0, VolumeOperator.DiscardValue);
        if (random.Next(3) == 0)
        {
            plan.Add(FaultKind.Crash, back + random.Range(0, 200 * Ms), random.Next(2), 0, random.Range(20 * Ms, 500 * Ms));
        }

        plan.HealAtNs = back + random.Range(0, 1_000 * Ms);
    }

    /// <summary>Nothing goes between two nodes.</summary>
    private static void Apart(Plan plan, long at, long away, int one, int other)
    {
        plan.Add(FaultKind.CutData, at, one, other, away);
        plan.Add(FaultKind.CutData, at, other, one, away);
        plan.Add(FaultKind.CutControl, at, one, other, away);
        plan.Add(FaultKind.CutControl, at, other, one, away);
    }

    private static void CutShort(Plan plan, SimRandom random, long at, long away, long force)
    {
        // The primary is gone. The order is given, its node dies before all voters have begun, and it is given again: the same lineage, or there are two.
        int voters = (1 << Other) | (plan.Nodes > Third && random.Coin() ? 1 << Third : 0);
        long value = VolumeOperator.ForceValue(voters, 12);
        plan.Add(FaultKind.Crash, at, First, 0, away);
        force = Math.Max(force, at + (1_100 * Ms));
        plan.Add(FaultKind.JournalSlow, force - (20 * Ms), Other, 0, 300 * Ms, random.Range(3, 15));
        plan.Add(FaultKind.DiskSlow, force - (20 * Ms), Other, 0, 300 * Ms, random.Range(1, 40));
        plan.Add(FaultKind.Operator, force, Other, 0, 0, value);
        plan.Add(random.Next(4) == 0 ? FaultKind.PowerLoss : FaultKind.Crash, force + random.Range(1 * Ms, 60 * Ms), Other, 0, random.Range(10 * Ms, 300 * Ms));
        if (random.Next(3) > 0)
        {
            plan.Add(FaultKind.Operator, force + random.Range(400 * Ms, 1_500 * Ms), Other, 0, 0, value);
        }
    }

    private static void Part(Plan plan, SimRandom random, long at, long away, long force)
    {
        // The primary's side keeps its majority and serves; the other one is forced, and both have a history of their own.
        int rest = ((1 << plan.Nodes) - 1) & ~(1 << Other);
        plan.Add(FaultKind.Isolate, at, Other, 0, away);
        plan.Add(FaultKind.Operator, force, Other, 0, 0, VolumeOperator.ForceValue(1 << Other, 12));
        if (random.Next(3) == 0)
        {
            plan.Add(FaultKind.Operator, force + random.Range(0, Second), First, 0, 0, VolumeOperator.ForceValue(random.Coin() ? rest : 1 << First, 8));
        }
    }
}

/// <summary>P11: forced once, a node loses the others again, and the second order is cut short by its own restart: given again, it must be gone on with.</summary>
internal sealed class ForcedAgainStory() : DirectedScenario("forced-again", "P11: a second force is cut short, and gone on with")
{
    protected override void Tell(Plan plan, SimRandom random)
    {
        long at = random.Range(600 * Ms, 1_000 * Ms);
        plan.Add(FaultKind.Crash, at, First, 0, 30 * Second);
        long force = at + random.Range(1_200 * Ms, 2_000 * Ms);
        plan.Add(FaultKind.Operator, force, Other, 0, 0, VolumeOperator.ForceValue((1 << Other) | (1 << Third), 8));
        long gone = force + random.Range(3_000 * Ms, 4_000 * Ms);
        plan.Add(FaultKind.Crash, gone, Third, 0, 30 * Second);
        long again = gone + random.Range(1_200 * Ms, 2_000 * Ms);
        long value = VolumeOperator.ForceValue(1 << Other, 12);
        plan.Add(FaultKind.JournalSlow, again - (20 * Ms), Other, 0, 300 * Ms, random.Range(3, 15));
        plan.Add(FaultKind.DiskSlow, again - (20 * Ms), Other, 0, 300 * Ms, random.Range(1, 40));
        plan.Add(FaultKind.Operator, again, Other, 0, 0, value);
        plan.Add(FaultKind.Crash, again + random.Range(1 * Ms, 60 * Ms), Other, 0, random.Range(10 * Ms, 300 * Ms));
        plan.Add(FaultKind.Operator, again + random.Range(500 * Ms, 1_500 * Ms), Other, 0, 0, value);
        Writes(plan, random, 40, 0, again + (8 * Second));
        Reads(plan, random, 40, again + (5 * Second), again + (9 * Second), Other);
        plan.Options["served-from"] = again + (5 * Second);
        plan.HealAtNs = again + (9 * Second);
    }

    protected override void Watch(SimWorld world, Plan plan, VolumeSetup setup) => MustServe(world, plan.Option("served-from"), plan.HealAtNs - 1);
}

/// <summary>P11, S1: a replica that was out, and knows that it lacks writes, is forced: nobody's sets tell what the others have too much.</summary>
internal sealed class ForcedOutStory() : DirectedScenario("forced-out", "a replica that was out is forced to serve; what the others have of their own has to go from them")
{
    protected override void Tell(Plan plan, SimRandom random)
    {
        plan.Options["blocks"] = random.Range(12, 40);
        plan.Options["clear-ms"] = 200;
        plan.Options["data"] = 2;
        if (random.Coin())
        {
            Surplus(plan, random);
            return;
        }

        long at = random.Range(500 * Ms, 900 * Ms);
        long gone = random.Range(200 * Ms, 1_200 * Ms);
        Writes(plan, random, (int)random.Range(2, 10), 0, at);
        plan.Add(random.Coin() ? FaultKind.Crash : FaultKind.Isolate, at, Other, 0, gone);

        // Control comes back first: it hears that it was dropped, and gets no bytes.
        plan.Add(FaultKind.CutData, at, First, Other, 6 * Second);
        plan.Add(FaultKind.CutData, at, Other, First, 6 * Second);
        Writes(plan, random, (int)random.Range(3, 15), at, at + gone + Second);
        long dead = at + gone + random.Range(1_000 * Ms, 1_800 * Ms);
        plan.Add(FaultKind.Crash, dead, First, 0, 2_500 * Ms);
        long force = dead + random.Range(20 * Ms, 1_300 * Ms);
        plan.Add(FaultKind.Operator, force, Other, 0, 0, VolumeOperator.ForceValue(random.Coin() ? 1 << Other : (1 << Other) | (1 << Third), 10));
        Writes(plan, random, random.Next(4), force, dead + (2_500 * Ms));
        Reads(plan, random, 5, force, dead + (3 * Second), Other);
        plan.HealAtNs = dead + (3 * Second);
    }

    /// <summary>What the replica that is forced has more than the others, too, is known only by its intents, once it was attached as one that is out.</summary>
    private static void Surplus(Plan plan, SimRandom random)
    {
        long at = random.Range(600 * Ms, 1_000 * Ms);
        long cut = random.Range(1_500 * Ms, 1_900 * Ms);
        long moment = random.Range(5 * Ms, 120 * Ms);
        plan.Options["preferred"] = 1;

        // Nobody writes the same again: it would be known by that.
        plan.Options["tries"] = 1;
        plan.Options["blocks"] = random.Range(24, 60);
        plan.Add(FaultKind.DiskSlow, at - (100 * Ms), First, 0, 150 * Ms, random.Range(200, 1_000));
        Writes(plan, random, 1 + random.Next(4), at - (12 * Ms), at);
        plan.Add(FaultKind.Crash, at, First, 0, random.Range(20 * Ms, 60 * Ms));
        Apart(plan, at, cut);
        Apart(plan, at + cut + moment, 8 * Second);
        plan.Add(FaultKind.DiskSlow, at + cut - (10 * Ms), Other, 0, 400 * Ms, random.Range(100, 400));
        plan.Add(FaultKind.Crash, at + cut + moment + random.Range(5 * Ms, 60 * Ms), First, 0, random.Range(20 * Ms, 60 * Ms));
        long force = at + cut + random.Range(3_500 * Ms, 4_500 * Ms);
        plan.Add(FaultKind.Isolate, force - (1_500 * Ms), Other, 0, 3 * Second);
        plan.Add(FaultKind.Operator, force, Other, 0, 0, VolumeOperator.ForceValue(1 << Other, 10));
        plan.HealAtNs = force + (2 * Second);
    }

    private static void Apart(Plan plan, long at, long away)
    {
        plan.Add(FaultKind.CutData, at, First, Other, away);
        plan.Add(FaultKind.CutData, at, Other, First, away);
    }
}
