using ActorSan.Simulator.Clients;
using ActorSan.Simulator.Runner;
using ActorSan.Simulator.World;

namespace ActorSan.Simulator.Volumes;

/// <summary>
/// W4, P5, P6, W12: the last writes and attributes of a primary reach only one of two survivors, then all is quiet; who takes over has them or lacks them, and may die while it
/// still reconciles a slow peer.
/// </summary>
internal sealed class OneSidedStory() : DirectedScenario("one-sided", "only one of two survivors has what the primary wrote last; one takes over, is read, and dies")
{
    protected override void Tell(Plan plan, SimRandom random)
    {
        plan.Options["data"] = 3;
        plan.Nodes = 5;
        plan.Options["blocks"] = random.Range(6, 20);
        plan.Options["ack-ms"] = 900;
        int lacking = random.Coin() ? Other : Third;
        int successor = random.Coin() ? Other : Third;
        plan.Options["preferred"] = 1 + successor;
        long at = random.Range(1_000 * Ms, 1_400 * Ms);
        Writes(plan, random, 15, 200 * Ms, at - (100 * Ms));
        plan.Add(FaultKind.CutData, at, First, lacking, 2 * Second);
        Writes(plan, random, (int)random.Range(2, 7), at, at + (40 * Ms));
        Attributes(plan, random, random.Next(3), SimOpKind.SetAttribute, at, at + (40 * Ms), First);
        long gone = at + random.Range(40 * Ms, 200 * Ms);
        plan.Add(random.Coin() ? FaultKind.Crash : FaultKind.Isolate, gone, First, 0, 6 * Second);
        if (random.Coin())
        {
            // Membership may know it at once.
            plan.Add(FaultKind.Unreachable, gone, Other, First, 5 * Second);
            plan.Add(FaultKind.Unreachable, gone, Third, First, 5 * Second);
        }

        long again = gone + random.Range(1_000 * Ms, 2_000 * Ms);
        switch (random.Next(3))
        {
            case 0:
                plan.Add(FaultKind.DiskSlow, gone + (600 * Ms), 3 - successor, 0, 2 * Second, random.Range(10, 60));
                break;
            case 1:
                long cut = gone + random.Range(1_100 * Ms, 1_650 * Ms);
                plan.Add(FaultKind.CutData, cut, successor, 3 - successor, 2 * Second);
                again = cut + random.Range(150 * Ms, 800 * Ms);
                break;
            default:
                break;
        }

        Reads(plan, random, 80, gone + (700 * Ms), gone + (2_000 * Ms), successor);
        Attributes(plan, random, 12, SimOpKind.GetAttribute, gone + (700 * Ms), gone + (2_000 * Ms), successor);
        if (random.Next(4) > 0)
        {
            plan.Add(FaultKind.Crash, again, successor, 0, 4 * Second);
            Reads(plan, random, 30, again + (700 * Ms), again + (2_500 * Ms), 3 - successor);
            Attributes(plan, random, 9, SimOpKind.GetAttribute, again + (700 * Ms), again + (2_500 * Ms), 3 - successor);
        }

        plan.HealAtNs = gone + (5 * Second);
    }
}

/// <summary>W8: where reads are confirmed no clock is trusted: a primary without lease is stopped by the fence of its successor alone.</summary>
internal sealed class ConfirmedStory() : DirectedScenario("confirmed", "confirmed reads: the primary loses its control plane and keeps its link while a successor is decided")
{
    protected override void Tell(Plan plan, SimRandom random)
    {
        plan.Options["confirm-reads"] = 1;
        plan.Options["blocks"] = random.Range(2, 6);
        long at = random.Range(300 * Ms, 600 * Ms);
        long away = random.Range(2_000 * Ms, 3_000 * Ms);
        if (random.Coin())
        {
            // Its control plane stands still: its engine hears of the higher epoch by the link, and nobody tells it to stop.
            plan.Add(FaultKind.Freeze, at, First, 0, away, (long)SimSides.Control);
        }
        else
        {
            for (int other = 1; other < 3; other++)
            {
                plan.Add(FaultKind.CutControl, at, First, other, away);
                plan.Add(FaultKind.CutControl, at, other, First, away);
            }
        }

        if (random.Coin())
        {
            // What the successor was fenced at must outlive its process.
            plan.Add(FaultKind.Crash, at + random.Range(1_500 * Ms, away), Other, 0, random.Range(20 * Ms, 200 * Ms));
        }

        Writes(plan, random, 60, 0, at + away);
        Reads(plan, random, 60, at + (700 * Ms), at + away, First);
        Reads(plan, random, 40, at + (900 * Ms), at + away, Other);
        plan.HealAtNs = at + away + (2 * Second);
    }
}

/// <summary>S6: a block of a member rots in silence, and verify finds it and nothing else, under writes to the same places; then that member must serve.</summary>
internal sealed class RottenStory() : DirectedScenario("rotten", "a member's block rots; verify under hot writes finds that alone, and the member serves after it")
{
    protected override void Tell(Plan plan, SimRandom random)
    {
        plan.Options["data"] = 2 + random.Next(2);
        plan.Options["blocks"] = random.Range(3, 12);
        plan.Options["piece"] = 1 + random.Next(4);
        bool rots = random.Coin();
        long at = random.Range(1_000 * Ms, 1_500 * Ms);
        if (rots)
        {
            plan.Add(FaultKind.BitRot, at, 1 + random.Next((int)plan.Option("data") - 1), 0, 0, random.Next(40));
        }

        Writes(plan, random, rots ? 10 : 200, at - (500 * Ms), at + (900 * Ms));
        for (int i = 0; i < 5; i++)
        {
            plan.Add(FaultKind.Operator, at + random.Range(1 * Ms, 900 * Ms), First, Other, 0, VolumeOperator.VerifyValue);
        }

        plan.Add(FaultKind.Operator, at + (1_200 * Ms), First, Other, 0, VolumeOperator.VerifyValue);
        plan.Add(FaultKind.Crash, at + (2_500 * Ms), First, 0, 2_500 * Ms);
        plan.HealAtNs = at + (4 * Second);
    }
}

/// <summary>W3, W11: a replica's process dies under writes that must not tear and is back before anyone has missed it: what its slots replay is older than nothing.</summary>
internal sealed class ShortCrashStory() : DirectedScenario("short-crash", "a replica crashes under atomic writes to few blocks and goes on in sync")
{
    protected override void Tell(Plan plan, SimRandom random)
    {
        plan.Options["blocks"] = random.Range(2, 8);
        plan.Options["ack-ms"] = 900;
        plan.Options["clear-ms"] = random.Coin() ? 200 : 1500;
        long at = random.Range(600 * Ms, 900 * Ms);

        // Few enough that the clients have nothing left to write when it is back.
        Writes(plan, random, 15, at - (30 * Ms), at - (2 * Ms), longest: 2, atomic: true);
        Writes(plan, random, 15, at - (30 * Ms), at, longest: 2);
        plan.Add(FaultKind.Crash, at, Other, 0, random.Range(5 * Ms, 250 * Ms));
        plan.Add(FaultKind.DiskSlow, at - (40 * Ms), Other, 0, 40 * Ms, random.Range(1, 8));
        plan.HealAtNs = at + (2_500 * Ms);
    }
}

/// <summary>R6, S4: the answers to an admission's Accept are lost, the peer is cut off, and the primary dies; the admission may have been decided.</summary>
internal sealed class AdmissionStory() : DirectedScenario("admission", "nobody knows whether a replica was admitted; what is written meanwhile must be on it, or it must not count")
{
    protected override void Tell(Plan plan, SimRandom random)
    {
        plan.Options["blocks"] = random.Range(4, 12);
        plan.Options["ack-ms"] = 300;
        plan.Options["says-gone"] = 0;
        long at = random.Range(200 * Ms, 400 * Ms);
        long back = at + random.Range(900 * Ms, 1_200 * Ms);
        plan.Add(FaultKind.Crash, at, Other, 0, back - at);
        Writes(plan, random, 5, 0, back);
        for (int voter = 0; voter < 3; voter++)
        {
            plan.Add(FaultKind.JournalSlow, back, voter, 0, 2 * Second, random.Range(10, 60));
        }

        long cut = back + random.Range(500_000, 40 * Ms);
        long length = random.Range(450 * Ms, 700 * Ms);
        plan.Add(FaultKind.CutControl, cut, Other, First, length);
        plan.Add(FaultKind.CutControl, cut, Third, First, length);
        plan.Add(FaultKind.CutData, cut + random.Range(0, 100 * Ms), First, Other, Second);
        Writes(plan, random, 60, back, cut + (900 * Ms));
        plan.Add(FaultKind.Crash, cut + random.Range(420 * Ms, 1_000 * Ms), First, 0, 3 * Second);
        plan.HealAtNs = cut + (4 * Second);
    }
}

/// <summary>S1: a replica's disk is replaced by an empty one, and the primary dies before the copy is whole: who follows knows that nothing is there.</summary>
internal sealed class ReplacedStory() : DirectedScenario("replaced", "an empty disk in the place of a replica's; the primary dies in the middle of the copy")
{
    protected override void Tell(Plan plan, SimRandom random)
    {
        plan.Options["data"] = 3;
        plan.Nodes = 5;
        plan.Options["blocks"] = random.Range(12, 40);
        plan.Options["piece"] = 1;
        plan.Options["digest"] = random.Next(3) == 0 ? 1 : 0;
        plan.Options["clear-ms"] = 200;
        Writes(plan, random, 40, 0, 600 * Ms);
        long at = random.Range(1_000 * Ms, 1_300 * Ms);
        long away = random.Range(20 * Ms, 1_200 * Ms);
        plan.Add(FaultKind.DiskReplaced, at, Third, 0, away);
        plan.Add(FaultKind.DiskSlow, at + away, Third, 0, 2 * Second, random.Range(1, 40));
        Writes(plan, random, 10, at, at + away + (500 * Ms));
        plan.Add(FaultKind.Crash, at + away + random.Range(0, 1_200 * Ms), First, 0, 3 * Second);
        plan.HealAtNs = at + away + (4_500 * Ms);
    }
}

/// <summary>S2: what is sent to a syncing replica into places that nobody else knows of is lost on its way.</summary>
internal sealed class InTransitStory() : DirectedScenario("in-transit", "a slow resync, and its link breaks with writes under way that only the primary knows to be lacking")
{
    protected override void Tell(Plan plan, SimRandom random)
    {
        plan.Options["blocks"] = random.Range(40, 100);
        plan.Options["piece"] = 1;
        long at = random.Range(200 * Ms, 400 * Ms);
        long back = at + random.Range(900 * Ms, 1_100 * Ms);
        plan.Add(FaultKind.Crash, at, Other, 0, back - at);
        Writes(plan, random, (int)random.Range(3, 10), at, back, longest: 2);
        plan.Add(FaultKind.DiskSlow, back, Other, 0, Second, random.Range(20, 80));
        long broken = back + random.Range(2 * Ms, 60 * Ms);
        Writes(plan, random, 20, back, broken, longest: 1);
        plan.Add(FaultKind.CutData, broken - random.Range(0, 20 * Ms), First, Other, random.Range(50 * Ms, 400 * Ms));
        plan.Add(FaultKind.ResetLink, broken, First, Other);
        plan.HealAtNs = back + (2 * Second);
    }
}
