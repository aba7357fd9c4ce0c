using ActorSan.Replication.Core.Ports;
using ActorSan.Replication.Core.Values;
using ActorSan.Simulator.Disk;
using ActorSan.Simulator.Runner;
using ActorSan.Simulator.World;

namespace ActorSan.Simulator.Volumes;

/// <summary>
/// §2, Replica: while a node is down, slots of its metadata pages rot. A bitmap that may not be the latest counts as full, a configuration that may not be the latest as unknown.
/// </summary>
internal sealed class DamagedStory() : DirectedScenario("damaged", "pages of a node's metadata area lose a slot while it is down, and it must serve")
{
    private const long AnyPlace = 3;

    protected override void Tell(Plan plan, SimRandom random)
    {
        plan.Options["blocks"] = random.Range(12, 40);
        plan.Options["clear-ms"] = 200;
        plan.Options["granule"] = 1 << random.Next(3);
        long at = random.Range(300 * Ms, 700 * Ms);
        long away = random.Range(4_000 * Ms, 6_000 * Ms);
        plan.Add(random.Coin() ? FaultKind.Isolate : FaultKind.Crash, at, Other, 0, away);
        Writes(plan, random, (int)random.Range(2, 8), at, at + (2 * Second));

        // What the other one lacks is in the first one's set, and in its intents no more, when it goes down.
        int times = 1 + random.Next(3);
        long down = at + random.Range(1_500 * Ms, 2_800 * Ms);
        for (int i = 0; i < times; i++)
        {
            long back = random.Range(100 * Ms, 400 * Ms);
            plan.Add(FaultKind.Crash, down, First, 0, back);
            plan.Add(FaultKind.Operator, down + (back / 2), First, 0, 0, random.Next(3));
            down += random.Range(Second, 2 * Second);
        }

        Writes(plan, random, random.Next(4), down, down + Second);
        plan.HealAtNs = at + away + (2 * Second);
    }

    protected override void Operate(SimWorld world, VolumeSetup setup, VolumeOperator people, PlanFault fault)
    {
        SimNode node = world.Nodes[fault.Node];
        if (node.Process is not null || node.Disk is not { } disk)
        {
            return;
        }

        // The marks are in the pages of intents: the last member would take itself for an old copy and wait for an operator (I6).
        var latest = (Configuration)setup.Facts.Latest(setup.Key.Name)!;
        switch (fault.Value)
        {
            case 0 when latest.InSync.Count == 1:
                break;
            case 0:
                Rot(disk, ReplicaPageKind.WriteIntent, 0);
                break;
            case 1:
                for (int place = 0; place < AnyPlace; place++)
                {
                    Rot(disk, ReplicaPageKind.OutOfSync, place);
                }

                break;
            default:
                Rot(disk, ReplicaPageKind.Configuration, 0);
                break;
        }
    }

    // The newer slot of a page that has two: the older one is whole, and says what was so before.
    private static void Rot(SimDisk disk, ReplicaPageKind kind, int place)
    {
        if (disk.MayRot(kind, place, 0))
        {
            disk.RotPage(kind, place, 0, newer: true);
        }
    }
}
