using ActorSan.Simulator.Clients;
using ActorSan.Simulator.Runner;
using ActorSan.Simulator.World;

namespace ActorSan.Simulator.Volumes;

/// <summary>R8, S1, S8: operators change members, voters and settings at bad moments; journals and disks are lost; with spare nodes that wait for their part.</summary>
internal sealed class MembersScenario : VolumeScenario
{
    private static readonly FaultKind[] s_faults =
    [
        FaultKind.Crash, FaultKind.Crash, FaultKind.Isolate, FaultKind.CutControl, FaultKind.CutControl, FaultKind.CutData, FaultKind.ResetLink, FaultKind.Freeze, FaultKind.ControlLoss,
        FaultKind.PowerLoss, FaultKind.JournalLost, FaultKind.DiskReplaced,
    ];

    private static readonly Deed[] s_deeds =
    [
        Deed.AddReplica, Deed.AddReplica, Deed.RemoveReplica, Deed.RemoveReplica, Deed.ReplaceReplica, Deed.ReplaceReplica, Deed.AddVoter, Deed.RemoveVoter, Deed.ChangeVoters, Deed.ChangeVoters,
        Deed.DetachReplica, Deed.AttachReplica, Deed.AttachReplica, Deed.ChangeSettings, Deed.HandOver,
    ];

    public override string Kind => "members";

    public override string About => "operators add, remove and replace replicas and voters; machines lose their disks and journals";

    public override Plan Make(ulong seed)
    {
        var random = SimRandom.For(seed, "plan " + Kind);
        int data = 2 + random.Next(2);
        int spare = 1;
        int witnesses = data == 3 ? random.Next(2) : 1;
        int spareVoters = random.Next(3);
        long length = random.Range(4 * Second, 12 * Second);
        var plan = new Plan { Kind = Kind, Seed = seed, Nodes = data + spare + witnesses + spareVoters, HealAtNs = length };
        int blocks = (int)random.Range(4, 30);
        plan.Options["data"] = data;
        plan.Options["spare-data"] = spare;
        plan.Options["spare-voters"] = spareVoters;
        plan.Options["blocks"] = blocks;
        plan.Options["clear-ms"] = random.Coin() ? 200 : 1500;
        plan.Options["granule"] = 1 << random.Next(3);
        int disks = data + spare;
        int ops = (int)random.Range(30, 250);
        for (int i = 0; i < ops; i++)
        {
            SimOpKind kind = random.Next(12) switch { 0 or 1 or 2 => SimOpKind.Read, 3 => SimOpKind.Flush, 4 => SimOpKind.CompareAndWrite, 5 => SimOpKind.SetAttribute, _ => SimOpKind.Write };
            int block = random.Next(blocks);
            int count = Math.Min(blocks - block, 1 + random.Next(4));
            plan.Add(random.Range(0, length), random.Next(5), random.Next(disks), kind, kind == SimOpKind.SetAttribute ? 1 + (block % 3) : block, count, random.Next(8) == 0, random.Next(6) == 0);
        }

        int deeds = 1 + random.Next(8);
        for (int i = 0; i < deeds; i++)
        {
            Deed deed = s_deeds[random.Next(s_deeds.Length)];
            bool votes = deed is Deed.AddVoter or Deed.RemoveVoter;
            int peer = votes ? random.Next(plan.Nodes) : random.Next(disks);
            long detail = deed switch
            {
                Deed.ReplaceReplica => random.Next(disks),
                Deed.ChangeVoters => random.Range(1, (1 << plan.Nodes) - 1),
                Deed.ChangeSettings => random.Next(4),
                _ => 0,
            };
            plan.Add(FaultKind.Operator, random.Range(0, length), random.Next(disks), peer, 0, Operators.Value(deed, detail));
        }

        int faults = random.Next(7);
        long at = 0;
        for (int i = 0; i < faults; i++)
        {
            at = random.Coin() ? random.Range(0, length) : Math.Min(length - 1, at + random.Range(0, Second));
            FaultKind kind = s_faults[random.Next(s_faults.Length)];
            int node = kind == FaultKind.DiskReplaced ? random.Next(disks) : random.Next(plan.Nodes);
            int peer = (node + 1 + random.Next(plan.Nodes - 1)) % plan.Nodes;
            long value = kind switch { FaultKind.Freeze => 1 + random.Next(3), FaultKind.ControlLoss => random.Range(20, 400), _ => 0 };
            plan.Add(kind, at, node, peer, random.Skewed(20 * Ms, 4 * Second), value);
        }

        return plan;
    }
}
