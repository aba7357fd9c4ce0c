using System.Globalization;
using System.Text;
using ActorSan.Simulator.Clients;

namespace ActorSan.Simulator.Runner;

/// <summary>What happens to a node or between two. <see cref="FaultInjector"/> says what each does.</summary>
public enum FaultKind : byte
{
    Crash,
    PowerLoss,

    /// <summary>Of every node, within <see cref="PlanFault.Value"/> nanoseconds.</summary>
    PowerLossOfAll,

    /// <summary>Value: <see cref="World.SimSides"/>.</summary>
    Freeze,

    /// <summary>One-way, from Node to Peer.</summary>
    CutControl,

    /// <summary>One-way, from Node to Peer.</summary>
    CutData,

    /// <summary>Both planes, both ways, from everyone else.</summary>
    Isolate,
    ResetLink,

    /// <summary>Value: per mille of control messages.</summary>
    ControlLoss,
    ControlDouble,
    ControlLate,
    DiskHang,
    DiskFull,
    DiskVanish,

    /// <summary>Value: how many.</summary>
    FailReads,
    FailWrites,
    FailFlushes,
    FailPages,

    /// <summary>Value: factor.</summary>
    DiskSlow,

    /// <summary>Value: block.</summary>
    BitRot,

    /// <summary>The node is stopped, gets an empty disk and is started after the duration.</summary>
    DiskReplaced,

    /// <summary>An image is kept for <see cref="DiskPutBack"/>.</summary>
    DiskImage,

    /// <summary>The node is stopped, gets the image (of the last DiskImage, if any) and is started after the duration.</summary>
    DiskPutBack,
    JournalLost,

    /// <summary>Value: per mille of the records that stay.</summary>
    JournalPutBack,
    JournalSlow,

    /// <summary>Value: parts per million.</summary>
    ClockDrift,

    /// <summary>Something that the scenario knows: Value says what.</summary>
    Operator,

    /// <summary>The process is told to stop in order, killed if that takes too long, and started after the duration.</summary>
    Stop,

    /// <summary>Node's membership says that Peer is unreachable, true or not.</summary>
    Unreachable,
}

/// <summary>One fault. Times are nanoseconds since the begin of the run; a duration of 0 means for good, where that makes sense.</summary>
public sealed record PlanFault(int Id, FaultKind Kind, long AtNs, int Node = 0, int Peer = 0, long DurationNs = 0, long Value = 0)
{
    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"f{Id} at {AtNs / 1e6:F3} ms: {Kind} node {Node} peer {Peer} for {DurationNs / 1e6:F3} ms, value {Value}");
}

/// <summary>One request of an initiator. Node is where it is tried first.</summary>
public sealed record PlanOp(int Id, long AtNs, int Client, int Node, SimOpKind Kind, int Block = 0, int Count = 1, bool Durable = false, bool Atomic = false)
{
    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"o{Id} at {AtNs / 1e6:F3} ms: client {Client} at node {Node}: {Kind} block {Block} count {Count}{(Durable ? " FUA" : "")}{(Atomic ? " atomic" : "")}");
}

/// <summary>
/// All that a run is made of, as data: made from the seed alone, so that a run can be repeated with less of it. The luck of delays comes from the seed as well, in streams of
/// their own.
/// </summary>
public sealed class Plan
{
    public required string Kind { get; init; }

    public required ulong Seed { get; init; }

    public required int Nodes { get; set; }

    /// <summary>The faults end and the healing begins.</summary>
    public required long HealAtNs { get; set; }

    /// <summary>Numbers that the scenario draws: sizes, delays, probabilities in per mille.</summary>
    public SortedDictionary<string, long> Options { get; } = new(StringComparer.Ordinal);

    public List<PlanFault> Faults { get; private init; } = [];

    public List<PlanOp> Ops { get; private init; } = [];

    public long Option(string name, long otherwise = 0) => Options.GetValueOrDefault(name, otherwise);

    public void Add(FaultKind kind, long atNs, int node = 0, int peer = 0, long durationNs = 0, long value = 0) =>
        Faults.Add(new PlanFault(Faults.Count, kind, atNs, node, peer, durationNs, value));

    public void Add(long atNs, int client, int node, SimOpKind kind, int block = 0, int count = 1, bool durable = false, bool atomic = false) =>
        Ops.Add(new PlanOp(Ops.Count, atNs, client, node, kind, block, count, durable, atomic));

    public Plan With(IEnumerable<PlanFault> faults, IEnumerable<PlanOp> ops)
    {
        var plan = new Plan { Kind = Kind, Seed = Seed, Nodes = Nodes, HealAtNs = HealAtNs, Faults = [.. faults], Ops = [.. ops] };
        foreach ((string name, long value) in Options)
        {
            plan.Options.Add(name, value);
        }

        return plan;
    }

    /// <summary>What is left of the whole plan, in the words of <c>--only</c>: f1,f4-6,o2,n3.</summary>
    public string Only()
    {
        var text = new StringBuilder();
        AppendRanges(text, 'f', Faults.Select(fault => fault.Id));
        AppendRanges(text, 'o', Ops.Select(op => op.Id));
        return text.Append(CultureInfo.InvariantCulture, $"n{Nodes}").ToString();
    }

    /// <summary>Leaves only those; the reverse of <see cref="Only()"/>.</summary>
    /// <exception cref="FormatException">Not such a text.</exception>
    public Plan Only(string spec)
    {
        var faults = new HashSet<int>();
        var ops = new HashSet<int>();
        int nodes = Nodes;
        foreach (string part in spec.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            string[] ends = part[1..].Split('-');
            int low = int.Parse(ends[0], CultureInfo.InvariantCulture);
            int high = int.Parse(ends[^1], CultureInfo.InvariantCulture);
            switch (part[0])
            {
                case 'f':
                    faults.UnionWith(Enumerable.Range(low, high - low + 1));
                    break;
                case 'o':
                    ops.UnionWith(Enumerable.Range(low, high - low + 1));
                    break;
                case 'n':
                    nodes = low;
                    break;
                default:
                    throw new FormatException($"'{part}' is none of f, o, n with a number");
            }
        }

        Plan plan = With(Faults.Where(fault => faults.Contains(fault.Id)), Ops.Where(op => ops.Contains(op.Id)));
        plan.Nodes = nodes;
        return plan;
    }

    private static void AppendRanges(StringBuilder text, char kind, IEnumerable<int> ids)
    {
        int? first = null;
        int last = 0;
        foreach (int id in ids.Order())
        {
            if (first is not null && id == last + 1)
            {
                last = id;
                continue;
            }

            Append(text, kind, first, last);
            (first, last) = (id, id);
        }

        Append(text, kind, first, last);
    }

    private static void Append(StringBuilder text, char kind, int? first, int last)
    {
        if (first is { } low)
        {
            _ = low == last ? text.Append(CultureInfo.InvariantCulture, $"{kind}{low},") : text.Append(CultureInfo.InvariantCulture, $"{kind}{low}-{last},");
        }
    }
}
