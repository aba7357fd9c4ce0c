using ActorSan.Replication.Core.Ports;
using ActorSan.Simulator.World;

namespace ActorSan.Simulator.Net;

/// <summary>Habits of the network between control sides. Probabilities per message.</summary>
public sealed record ControlOptions
{
    public long LowNs { get; set; } = 50_000;

    public long HighNs { get; set; } = 5_000_000;

    public double Loss { get; set; }

    public double Double { get; set; }

    /// <summary>Probability that a message is late by up to <see cref="LateNs"/>.</summary>
    public double Late { get; set; }

    public long LateNs { get; set; } = 2_000_000_000;
}

/// <summary>
/// Messages between control sides: each goes its own way, so that they are late, lost, doubled and out of order, and reaches whatever process runs there when it arrives. Cuts are
/// one-way and independent of those of the data links.
/// </summary>
public sealed class SimControlNet
{
    private readonly SimWorld _world;
    private readonly SimRandom _random;
    private readonly SimPool<Delivery> _pool;
    private readonly bool[,] _cut;

    /// <param name="world">All its nodes exist already.</param>
    public SimControlNet(SimWorld world)
    {
        _world = world;
        _random = world.Random("control");
        _pool = new SimPool<Delivery>(() => new Delivery(this));
        _cut = new bool[world.Nodes.Count, world.Nodes.Count];
    }

    public ControlOptions Options { get; } = new();

    public long Sent { get; private set; }

    /// <summary>What is on its way is lost, too.</summary>
    public void Cut(int from, int to) => _cut[from, to] = true;

    public void Mend(int from, int to) => _cut[from, to] = false;

    public bool IsCut(int from, int to) => _cut[from, to];

    public IControlNetwork For(SimProcess process) => new Sender(this, process);

    private void Send(SimProcess from, string node, ControlMessage message)
    {
        if (!from.IsAlive)
        {
            throw new SimViolationException($"{from.Node.Name}: a process that is gone sends {message}");
        }

        SimNode? target = Find(node);
        if (target is null)
        {
            return;
        }

        Sent++;
        bool home = target == from.Node;
        int copies = home ? 1 : _random.Chance(Options.Loss) ? 0 : _random.Chance(Options.Double) ? 2 : 1;
        for (int i = 0; i < copies; i++)
        {
            Delivery delivery = _pool.Take();
            delivery.From = from.Node;
            delivery.To = target;
            delivery.Message = message;
            long delay = home ? _random.Range(500, 20_000) : _random.Skewed(Options.LowNs, Options.HighNs);
            delay += !home && _random.Chance(Options.Late) ? _random.Range(0, Options.LateNs) : 0;
            _world.After(delay, delivery);
        }
    }

    private SimNode? Find(string name)
    {
        foreach (SimNode node in _world.Nodes)
        {
            if (node.Name == name)
            {
                return node;
            }
        }

        return null;
    }

    private sealed class Sender(SimControlNet net, SimProcess process) : IControlNetwork
    {
        public void Send(string node, ControlMessage message) => net.Send(process, node, message);
    }

    private sealed class Delivery(SimControlNet net) : SimEvent
    {
        public SimNode From = null!;
        public SimNode To = null!;
        public ControlMessage? Message;

        public override int Code => 40;

        public override void Run()
        {
            if (Side is null)
            {
                if (net._cut[From.Index, To.Index] || To.Process is null)
                {
                    Drop();
                    return;
                }

                Side = To.Process.Control;
                Side.Dispatch(this);
                return;
            }

            ControlMessage message = Message!;
            SimProcess process = Side.Process;
            string from = From.Name;
            Drop();
            if (net._world.Tracing)
            {
                net._world.Trace(process.Node.Name, "control", $"from {from}: {message}");
            }

            process.Program.OnControl(from, message);
        }

        public override void Drop()
        {
            Message = null;
            net._pool.Return(this);
        }
    }
}
