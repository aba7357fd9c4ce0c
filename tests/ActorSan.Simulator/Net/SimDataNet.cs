using ActorSan.Replication.Core.Frames;
using ActorSan.Replication.Core.Ports;
using ActorSan.Simulator.World;

namespace ActorSan.Simulator.Net;

/// <summary>Habits of the data links.</summary>
public sealed record LinkOptions
{
    public long LowNs { get; set; } = 20_000;

    public long HighNs { get; set; } = 1_500_000;

    /// <summary>How long bytes stay in the sender's queue before they are on the wire and can't be cancelled any more.</summary>
    public long QueueHighNs { get; set; } = 100_000;

    public long SendBufferBytes { get; set; } = 4096;

    /// <summary>How long a silent peer is believed: after a cut, or a loss of its power, the link is reset.</summary>
    public long TimeoutNs { get; set; } = 800_000_000;

    public long ConnectLowNs { get; set; } = 500_000;

    public long ConnectHighNs { get; set; } = 100_000_000;
}

/// <summary>
/// The data links of one volume between all its nodes; the control network knows nothing of them, and their cuts are their own. A connection is ordered; when it breaks, a part of
/// what was on its way still arrives, from some point on nothing does, and its two ends hear of it at different times.
/// </summary>
public sealed class SimDataNet
{
    private readonly bool[,] _cut;
    private readonly SimPair?[,] _pairs;

    /// <param name="world">All its nodes exist already.</param>
    /// <param name="saysGone">Null: in half of all worlds.</param>
    public SimDataNet(SimWorld world, bool? saysGone = null)
    {
        World = world;
        Random = world.Random("data");
        GoneChance = world.Random("gone");
        SaysGone = saysGone ?? GoneChance.Coin();
        int count = world.Nodes.Count;
        _cut = new bool[count, count];
        _pairs = new SimPair[count, count];
        Transits = new SimPool<Transit>(() => new Transit());
        Holds = new SimPool<HoldReturn>(() => new HoldReturn(this));
    }

    public SimWorld World { get; }

    public LinkOptions Options { get; } = new();

    /// <summary>Hosts say that a process is gone; else something between them swallows that.</summary>
    public bool SaysGone { get; }

    public long Sent { get; internal set; }

    /// <summary>Every frame that a process gives to a link that it believes to be up: who, to whom, what. For what a scenario measures.</summary>
    public Action<string, string, Frame>? OnSent { get; set; }

    internal SimRandom Random { get; }

    internal SimRandom GoneChance { get; }

    internal SimPool<Transit> Transits { get; }

    internal SimPool<HoldReturn> Holds { get; }

    /// <summary>The end of a link for a process that has just started; it comes up by itself when the other one is there. The user is told on the engine side.</summary>
    public IPeerLink Attach(SimProcess process, SimNode peer, ILinkUser user)
    {
        SimPair pair = PairOf(process.Node, peer);
        var end = new SimLinkEnd(pair, process, peer, user);
        process.Add(end);
        pair.Add(end);
        return end;
    }

    /// <summary>What is sent that way stays in the sender's buffer; after the timeout the connection is reset.</summary>
    public void Cut(int from, int to)
    {
        _cut[from, to] = true;
        _pairs[Math.Min(from, to), Math.Max(from, to)]?.OnCut();
    }

    public void Mend(int from, int to)
    {
        _cut[from, to] = false;
        _pairs[Math.Min(from, to), Math.Max(from, to)]?.OnMended();
    }

    public bool IsCut(int from, int to) => _cut[from, to];

    /// <summary>The connection between the two breaks now; they connect again if nothing is cut.</summary>
    public void Reset(int one, int other) => _pairs[Math.Min(one, other), Math.Max(one, other)]?.Break("reset");

    /// <summary>At the quiet end of a run: whoever kept bytes has given them back, and every hold was returned. Otherwise a violation.</summary>
    public void CheckNothingIsKept()
    {
        foreach (SimPair? pair in _pairs)
        {
            pair?.CheckNothingIsKept();
        }
    }

    private SimPair PairOf(SimNode one, SimNode other)
    {
        (SimNode a, SimNode b) = one.Index < other.Index ? (one, other) : (other, one);
        return _pairs[a.Index, b.Index] ??= new SimPair(this, a, b);
    }
}
