using ActorSan.Simulator.Runner;
using ActorSan.Simulator.World;

namespace ActorSan.Simulator.Volumes;

/// <summary>R8, R3, L3: most of the voters change, and in the middle of it the primary has the new ones on its side and the old ones are on the other.</summary>
internal sealed class VotersStory() : DirectedScenario("voters", "the voters are changed while the primary is cut off from the old ones, or from the new")
{
    protected override void Tell(Plan plan, SimRandom random)
    {
        // Two replicas and a witness vote; two more witnesses wait.
        plan.Nodes = 5;
        plan.Options["spare-voters"] = 2;

        // A change of voters asks anew, whatever is promised: in some of the histories there is something to let go.
        plan.Options["promise-ms"] = plan.Seed % 4 == 2 ? 1_000 : 0;
        plan.Options["refused-ms"] = 400;
        plan.Options["blocks"] = random.Range(2, 8);
        int[] wanted = [0b11001, 0b11001, 0b11010, 0b11100, 0b01011, 0b11011];
        long at = random.Range(300 * Ms, 600 * Ms);
        plan.Add(FaultKind.Operator, at, random.Next(2), 0, 0, Operators.Value(Deed.ChangeVoters, wanted[random.Next(wanted.Length)]));
        long away = random.Range(1_500 * Ms, 3_000 * Ms);
        int[] far = random.Next(4) == 0 ? [3, 4] : [Other, Third];

        // Both steps take some milliseconds, longer where the journals of those that are about to be cut off are slow: so they have promised and not accepted, or not answered it.
        // Or half of all messages are lost, round after round: what was promised by an old voter is accepted by the new ones alone.
        int how = random.Next(4);
        bool slow = how == 0;
        long cut = at + random.Range(0, slow ? 300 * Ms : 12 * Ms);
        if (how > 1)
        {
            cut = at + random.Range(400 * Ms, 1_500 * Ms);
            plan.Add(FaultKind.ControlLoss, at + random.Range(-5 * Ms, 5 * Ms), First, 0, cut - at, random.Range(300, 600));
        }

        foreach (int node in far)
        {
            if (slow)
            {
                plan.Add(FaultKind.JournalSlow, at - (5 * Ms), node, 0, Second, random.Range(5, 60));
            }

            plan.Add(FaultKind.CutControl, cut + random.Range(0, Ms), First, node, away);
            plan.Add(FaultKind.CutControl, cut + random.Range(0, Ms), node, First, away);
        }

        if (random.Coin())
        {
            plan.Add(FaultKind.CutData, cut, First, Other, away);
        }

        if (random.Next(3) == 0)
        {
            plan.Add(FaultKind.Operator, at + random.Range(100 * Ms, 1_500 * Ms), random.Next(2), 0, 0, Operators.Value(Deed.ChangeVoters, wanted[random.Next(wanted.Length)]));
        }

        Writes(plan, random, 40, 0, cut + away);
        Reads(plan, random, 40, cut, cut + away, First);
        Reads(plan, random, 40, cut, cut + away, Other);
        if (random.Coin())
        {
            plan.Add(FaultKind.Crash, cut + random.Range(500 * Ms, away), random.Next(5), 0, random.Range(100 * Ms, 1_500 * Ms));
        }

        plan.HealAtNs = cut + away + (2 * Second);
    }
}

/// <summary>
/// §2, R2, S8: the witness decided a drop together with the primary, and loses its journal or is put back to before; then the primary is gone, and who was dropped asks the witness.
/// </summary>
internal sealed class AmnesiaStory() : DirectedScenario("amnesia", "a voter loses its journal, or is put back, in the middle of a cut; who was dropped asks it")
{
    protected override void Tell(Plan plan, SimRandom random)
    {
        plan.Options["blocks"] = random.Range(2, 10);
        long at = random.Range(300 * Ms, 500 * Ms);
        long lost = at + random.Range(1_300 * Ms, 1_700 * Ms);
        bool putBack = random.Coin();

        // What counts can show, they show while somebody runs who has seen more: the primary stays for a while. No count is kept over its restart.
        long gone = lost + (putBack ? random.Range(1_200 * Ms, 1_600 * Ms) : random.Range(0, 400 * Ms));
        plan.Add(FaultKind.Isolate, at, Other, 0, gone - at);
        Writes(plan, random, 30, 0, gone);
        plan.Add(putBack ? FaultKind.JournalPutBack : FaultKind.JournalLost, lost, Third, 0, random.Range(5 * Ms, 60 * Ms), random.Range(500, 800));
        long away = random.Range(2_000 * Ms, 3_500 * Ms);
        plan.Add(random.Coin() ? FaultKind.Crash : FaultKind.Isolate, gone, First, 0, away);
        Reads(plan, random, 30, gone, gone + away, Other);
        Writes(plan, random, 10, gone, gone + away);
        if (putBack)
        {
            // An operator gives it a new journal.
            plan.Add(FaultKind.JournalLost, gone + away + (500 * Ms), Third, 0, 50 * Ms);
        }

        plan.HealAtNs = gone + away + Second;
    }
}

/// <summary>S1, S8, R8: a machine is replaced under load, by a new one of its name or by another; the new one is needed, and the old one comes back with what it had.</summary>
internal sealed class MachineStory() : DirectedScenario("machine", "a node is replaced under load, then the others die and the old one returns")
{
    protected override void Tell(Plan plan, SimRandom random)
    {
        plan.Nodes = 4;
        plan.Options["spare-data"] = 1;
        plan.Options["blocks"] = random.Range(4, 24);
        plan.Options["clear-ms"] = random.Coin() ? 200 : 1500;
        const int spare = 2;
        long at = random.Range(1_500 * Ms, 1_800 * Ms);
        long away = random.Range(2_000 * Ms, 3_000 * Ms);
        Writes(plan, random, 60, 0, at + away);
        if (random.Next(3) == 0)
        {
            plan.Add(FaultKind.JournalLost, at, Other, 0, 50 * Ms);
            plan.Add(FaultKind.DiskReplaced, at, Other, 0, random.Range(50 * Ms, 500 * Ms));
        }
        else
        {
            plan.Add(FaultKind.Isolate, at, Other, 0, away);
            plan.Add(FaultKind.Operator, at + random.Range(0, 900 * Ms), First, Other, 0, Operators.Value(Deed.ReplaceReplica, spare));
        }

        long gone = at + away + random.Range(-60 * Ms, 60 * Ms);
        plan.Add(random.Coin() ? FaultKind.Crash : FaultKind.Isolate, gone, First, 0, random.Range(1_500 * Ms, 2_500 * Ms));
        Reads(plan, random, 30, gone, gone + (2 * Second), Other);
        Reads(plan, random, 20, gone, gone + (2 * Second), spare);
        Writes(plan, random, 10, gone, gone + (2 * Second));
        plan.HealAtNs = gone + (3 * Second);
    }
}

/// <summary>R8: a replica is removed, or detached, beside a promotion; then it is wanted again.</summary>
internal sealed class RemovalStory() : DirectedScenario("removal", "a replica is removed or detached while the primary changes, and taken back later")
{
    protected override void Tell(Plan plan, SimRandom random)
    {
        plan.Options["data"] = 3;
        plan.Nodes = 3 + random.Next(2);
        plan.Options["blocks"] = random.Range(4, 20);
        plan.Options["clear-ms"] = random.Coin() ? 200 : 1500;
        bool remove = random.Next(3) > 0;
        int who = random.Next(3);
        long at = random.Range(500 * Ms, 900 * Ms);
        plan.Add(FaultKind.Operator, at, random.Next(3), who, 0, Operators.Value(remove ? Deed.RemoveReplica : Deed.DetachReplica));
        long other = at + random.Range(-30 * Ms, 80 * Ms);
        long away = random.Range(1_500 * Ms, 2_500 * Ms);
        switch (random.Next(4))
        {
            case 0:
                plan.Add(FaultKind.Operator, other, First, 1 + random.Next(2), 0, Operators.Value(Deed.HandOver));
                break;
            case 1:
                plan.Add(FaultKind.Isolate, other, First, 0, away);
                break;
            case 2:
                plan.Add(FaultKind.Crash, other, First, 0, away);
                break;
            default:
                // Who is removed does not hear of it, and is there again when the primary goes.
                plan.Add(FaultKind.Isolate, other, who, 0, away);
                plan.Add(FaultKind.Crash, other + away - random.Range(-20 * Ms, 100 * Ms), First, 0, 2 * Second);
                break;
        }

        Writes(plan, random, 60, 0, at + away + Second);
        Reads(plan, random, 30, other, other + away + Second, who);
        long back = at + away + random.Range(300 * Ms, 1_500 * Ms);
        plan.Add(FaultKind.Operator, back, random.Next(3), who, 0, Operators.Value(remove ? Deed.AddReplica : Deed.AttachReplica));
        if (remove && random.Coin())
        {
            plan.Add(FaultKind.Operator, back + (100 * Ms), random.Next(3), who, 0, Operators.Value(Deed.AddVoter));
        }

        if (random.Coin())
        {
            plan.Add(FaultKind.Crash, back + random.Range(50 * Ms, 1_500 * Ms), random.Next(3), 0, random.Range(100 * Ms, 1_500 * Ms));
        }

        plan.HealAtNs = back + (2_500 * Ms);
    }
}

/// <summary>§2, R4: the volume is deleted, and the answers to that do not reach the primary.</summary>
internal sealed class DeletedStory() : DirectedScenario("deleted", "the volume is deleted while its primary hears nobody; nothing serves it afterwards")
{
    protected override void Tell(Plan plan, SimRandom random)
    {
        plan.Options["blocks"] = random.Range(2, 8);
        long at = random.Range(500 * Ms, 900 * Ms);
        plan.Add(FaultKind.Operator, at, random.Next(2), 0, 0, Operators.Value(Deed.DeleteVolume));
        long cut = at + random.Range(0, 40 * Ms);
        plan.Add(FaultKind.CutControl, cut, Other, First, 2 * Second);
        plan.Add(FaultKind.CutControl, cut, Third, First, 2 * Second);
        if (random.Next(3) == 0)
        {
            plan.Add(FaultKind.Crash, cut + random.Range(0, 500 * Ms), random.Next(3), 0, random.Range(50 * Ms, 2_000 * Ms));
        }

        Writes(plan, random, 30, 0, at + (1_500 * Ms));
        Reads(plan, random, 100, at, at + (1_500 * Ms), First);
        plan.HealAtNs = at + (3 * Second);
    }
}

/// <summary>S7: the first value is written on all voters by one node or by two, cut short and written again; nothing is served before.</summary>
internal sealed class FoundingStory() : DirectedScenario("founding", "the volume is founded while its nodes die and hear nothing; then it serves")
{
    protected override void Tell(Plan plan, SimRandom random)
    {
        plan.Nodes = 3 + (2 * random.Next(2));
        plan.Options["founders"] = 1 + random.Next(2);
        plan.Options["blocks"] = random.Range(4, 12);
        FaultKind[] kinds = [FaultKind.Crash, FaultKind.Crash, FaultKind.PowerLoss, FaultKind.Isolate, FaultKind.ControlLoss, FaultKind.JournalSlow, FaultKind.Freeze];
        int faults = 1 + random.Next(6);
        for (int i = 0; i < faults; i++)
        {
            FaultKind kind = kinds[random.Next(kinds.Length)];
            long value = kind switch { FaultKind.ControlLoss => random.Range(100, 700), FaultKind.JournalSlow => random.Range(2, 40), FaultKind.Freeze => 1, _ => 0 };
            plan.Add(kind, random.Coin() ? random.Range(0, 40 * Ms) : random.Range(0, 2 * Second), random.Coin() ? First : random.Next(plan.Nodes), 0, random.Range(20 * Ms, Second), value);
        }

        Writes(plan, random, 30, 0, 4 * Second);
        Reads(plan, random, 20, 0, 4 * Second, Other);
        plan.HealAtNs = 4 * Second;
        plan.Options["zeroed"] = random.Next(2);
    }
}
