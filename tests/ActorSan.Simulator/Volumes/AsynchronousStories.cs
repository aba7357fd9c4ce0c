using ActorSan.Replication.Core.Replicas;
using ActorSan.Replication.Core.Values;
using ActorSan.Simulator.Runner;
using ActorSan.Simulator.World;

namespace ActorSan.Simulator.Volumes;

/// <summary>
/// §3, Protocols A and B: the last replica is asynchronous. It is never in sync; whatever happens to it, to its link and to the primary, it becomes the same as the others, and its
/// sets and intents become empty when all is quiet.
/// </summary>
internal sealed class AsynchronousStory() : DirectedScenario("asynchronous", "one replica has protocol A or B: links, primaries and it itself go at any moment of its turns")
{
    private static readonly FaultKind[] s_faults =
        [FaultKind.Crash, FaultKind.PowerLoss, FaultKind.Isolate, FaultKind.CutData, FaultKind.ResetLink, FaultKind.ResetLink, FaultKind.Freeze, FaultKind.DiskSlow];

    protected override void Tell(Plan plan, SimRandom random)
    {
        int data = random.Next(4) == 0 ? 2 : 3;
        int last = data - 1;
        plan.Options["data"] = data;
        plan.Nodes = data == 2 ? 3 : 3 + (2 * random.Next(2));
        plan.Options["asynchronous"] = 1;
        plan.Options["protocol-b"] = random.Next(2);
        plan.Options["turn-ms"] = random.Range(50, 600);
        plan.Options["blocks"] = random.Range(8, 40);
        plan.Options["clear-ms"] = random.Coin() ? 200 : 1500;
        plan.Options["granule"] = 1 << random.Next(3);
        long length = random.Range(3 * Second, 7 * Second);
        if (random.Coin())
        {
            // What was sent is stuck in the link when the turn begins; then the primary is gone, and only the others' sets tell what did not arrive.
            long at = random.Range(500 * Ms, length - Second);
            plan.Add(FaultKind.CutData, at, First, last, random.Range(500 * Ms, 3 * Second));
            Writes(plan, random, (int)random.Range(1, 8), at - (20 * Ms), at + (200 * Ms));
            plan.Add(random.Coin() ? FaultKind.Crash : FaultKind.Isolate, at + random.Range(50 * Ms, 900 * Ms), First, 0, random.Range(1_500 * Ms, 3 * Second));
        }

        int faults = random.Next(5);
        for (int i = 0; i < faults; i++)
        {
            FaultKind kind = s_faults[random.Next(s_faults.Length)];
            int node = random.Coin() ? last : random.Next(data);
            int peer = node == First ? last : First;
            long value = kind switch
            {
                FaultKind.Freeze => random.Coin() ? (long)SimSides.Engine : (long)SimSides.Both,
                FaultKind.DiskSlow => random.Range(2, 40),
                _ => 0,
            };
            plan.Add(kind, random.Range(0, length), node, peer, random.Skewed(20 * Ms, 3 * Second), value);
        }

        Writes(plan, random, random.Coin() ? (int)random.Range(3, 15) : (int)random.Range(30, 150), 0, length);
        Reads(plan, random, 20, 0, length, First);
        plan.HealAtNs = length + (500 * Ms);
    }

    protected override void Watch(SimWorld world, Plan plan, VolumeSetup setup) =>
        setup.Facts.NewlyDecided += (_, value) =>
        {
            var decided = (Configuration)value;
            foreach (Member member in decided.InSync)
            {
                if (decided.ReplicaOf(member.Node)!.Protocol != ReplicationProtocol.C)
                {
                    world.Fail($"Protocols: {member.Node} is in sync in '{decided}', and is asynchronous");
                }
            }
        };

    protected override string? Lacks(SimWorld world, VolumeSetup setup, int blocks)
    {
        var latest = (Configuration)setup.Facts.Latest(setup.Key.Name)!;
        foreach (SimNode node in world.Nodes)
        {
            if (node.Process?.Program is not VolumeProgram { Engine: { } engine })
            {
                continue;
            }

            if (latest.MemberOf(node.Name) is null && engine.Replica.Intent.Ranges().Count > 0)
            {
                return $"{node.Name} has intents that no turn has cleared";
            }

            foreach (PeerSet set in engine.Replica.Sets)
            {
                if (!set.Set.IsEmpty)
                {
                    return $"{node.Name} keeps {set.Set.CountGranules} granules for {set.Node}";
                }
            }
        }

        return null;
    }
}
