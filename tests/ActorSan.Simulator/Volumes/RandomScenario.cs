using ActorSan.Simulator.Clients;
using ActorSan.Simulator.Runner;
using ActorSan.Simulator.World;

namespace ActorSan.Simulator.Volumes;

/// <summary>Which faults a kind of history draws from; the seeds differ in kind, not only in luck.</summary>
internal sealed record RandomProfile(string Kind, string About)
{
    public int MaxFaults { get; init; } = 8;

    public IReadOnlyList<FaultKind> Faults { get; init; } = [];

    /// <summary>Long quiet ends and few writes: what is missing is seen only where nothing overwrites it.</summary>
    public bool Rare { get; init; }

    public bool HotBlocks { get; init; }

    /// <summary>P12: two nodes, no witness, a fencing hook.</summary>
    public bool Hook { get; init; }

    /// <summary>P11: what operators do is mostly to force and to discard.</summary>
    public bool Forces { get; init; }
}

/// <summary>Operations and faults by luck, within a profile.</summary>
internal sealed class RandomScenario(RandomProfile profile) : VolumeScenario
{
    public override string Kind => profile.Kind;

    public override string About => profile.About;

    public override Plan Make(ulong seed)
    {
        var random = SimRandom.For(seed, "plan " + Kind);
        int data = random.Next(4) == 0 ? 3 : 2;
        int witnesses = data == 3 ? random.Next(3) : random.Next(8) switch { 0 => 0, 1 => 2, 2 => 3, _ => 1 };
        long length = random.Range(3 * Second, 12 * Second);
        if (profile.Hook)
        {
            (data, witnesses, length) = (2, 0, length + (4 * Second));
        }

        var plan = new Plan { Kind = Kind, Seed = seed, Nodes = data + witnesses, HealAtNs = length };
        int blocks = profile.HotBlocks ? (int)random.Range(2, 6) : (int)random.Range(8, 40);
        plan.Options["data"] = data;
        plan.Options["hook"] = profile.Hook ? 1 : 0;
        plan.Options["blocks"] = blocks;
        plan.Options["confirm-reads"] = random.Next(6) == 0 ? 1 : 0;
        plan.Options["fail"] = random.Next(6) == 0 ? 1 : 0;
        plan.Options["digest"] = random.Next(4) == 0 ? 1 : 0;
        plan.Options["write-through"] = random.Next(6) == 0 ? 1 : 0;
        plan.Options["granule"] = 1 << random.Next(3);
        plan.Options["clear-ms"] = random.Next(3) == 0 ? 200 : 1500;
        plan.Options["reconcile-max"] = random.Next(6) == 0 ? 64 : 1 << 20;
        int ops = profile.Rare ? (int)random.Range(5, 40) : (int)random.Range(50, 300);
        for (int i = 0; i < ops; i++)
        {
            SimOpKind kind = random.Next(16) switch
            {
                0 or 1 or 2 or 3 => SimOpKind.Read,
                4 => SimOpKind.Flush,
                5 or 6 => SimOpKind.CompareAndWrite,
                7 => SimOpKind.WriteZeroes,
                8 => random.Coin() ? SimOpKind.SetAttribute : SimOpKind.GetAttribute,
                _ => SimOpKind.Write,
            };
            bool attribute = kind is SimOpKind.SetAttribute or SimOpKind.GetAttribute;
            int block = random.Next(blocks);
            int count = Math.Min(blocks - block, 1 + (int)random.Skewed(0, 5));
            plan.Add(random.Range(0, length - (Second / 2)), random.Next(5), random.Next(data), kind, attribute ? 1 + (block % 3) : block, count, random.Next(6) == 0, random.Next(5) == 0);
        }

        int faults = profile.Faults.Count == 0 ? 0 : 1 + random.Next(profile.MaxFaults);
        long at = 0;
        for (int i = 0; i < faults; i++)
        {
            // Often within a lease of the last one.
            at = random.Coin() ? random.Range(0, length) : Math.Min(length - 1, at + random.Range(0, Second));
            FaultKind fault = profile.Faults[random.Next(profile.Faults.Count)];
            if (profile.Forces && fault == FaultKind.Operator)
            {
                AddForce(plan, random, at, data);
                continue;
            }

            Add(plan, random, fault, at, data);
        }

        return plan;
    }

    private static void AddForce(Plan plan, SimRandom random, long at, int data)
    {
        int node = random.Next(data);
        if (random.Coin())
        {
            // Cut off first: else a grant mostly stands in the way.
            plan.Add(FaultKind.Isolate, at - Math.Min(at, random.Range(0, 1_500 * Ms)), node, 0, random.Range(1 * Second, 4 * Second));
            plan.Add(FaultKind.Operator, at, node, 0, 0, VolumeOperator.ForceValue(1 << node, 8));
            return;
        }

        long value = random.Next(6) switch
        {
            0 => 0,
            1 => VolumeOperator.DiscardValue,
            _ => VolumeOperator.ForceValue((1 << node) | random.Next(1 << plan.Nodes), 1 + random.Next(6), discardsAll: random.Next(3) == 0),
        };
        plan.Add(FaultKind.Operator, at, node, (node + 1) % data, 0, value);
    }

    private static void Add(Plan plan, SimRandom random, FaultKind kind, long at, int data)
    {
        // The first node is primary at the start: hit more often than the others.
        int node = random.Coin() ? 0 : random.Next(plan.Nodes);
        int peer = (node + 1 + random.Next(Math.Max(1, plan.Nodes - 1))) % plan.Nodes;
        long duration = random.Skewed(20 * Ms, 4 * Second);
        long value = kind switch
        {
            FaultKind.Freeze => random.Next(3) switch { 0 => (long)SimSides.Control, 1 => (long)SimSides.Engine, _ => (long)SimSides.Both },
            FaultKind.PowerLossOfAll => random.Coin() ? 1 * Ms : 800 * Ms,
            FaultKind.Operator when plan.Option("hook") != 0 => random.Coin() ? VolumeOperator.VotersValue : 0,
            FaultKind.ControlLoss or FaultKind.ControlDouble or FaultKind.ControlLate => random.Range(20, 500),
            FaultKind.FailReads or FaultKind.FailWrites or FaultKind.FailFlushes or FaultKind.FailPages => 1,
            FaultKind.DiskSlow or FaultKind.JournalSlow => random.Range(2, 40),
            FaultKind.ClockDrift => random.Range(-SimClock.MaxDriftPpm, SimClock.MaxDriftPpm),
            FaultKind.JournalPutBack => random.Range(300, 1000),
            _ => 0,
        };
        if (kind is FaultKind.DiskHang or FaultKind.DiskFull or FaultKind.DiskVanish or FaultKind.FailReads or FaultKind.FailWrites or FaultKind.FailFlushes or FaultKind.FailPages
            or FaultKind.DiskSlow or FaultKind.DiskReplaced or FaultKind.DiskImage or FaultKind.DiskPutBack or FaultKind.Operator)
        {
            node %= data;
            peer = (node + 1 + random.Next(data - 1)) % data;
        }

        plan.Add(kind, at, node, peer, duration, value);
    }
}
