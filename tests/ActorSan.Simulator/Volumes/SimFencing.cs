using ActorSan.Replication.Core.Ports;
using ActorSan.Simulator.World;

namespace ActorSan.Simulator.Volumes;

/// <summary>
/// P12: the other node's power switch, reached by a wire of its own. It works (mostly), fails, says nothing, or takes long; what it has killed comes back at some time. It never says
/// success for what it has not killed (A3).
/// </summary>
internal sealed class SimFencing(SimWorld world)
{
    private const long Ms = 1_000_000;

    private readonly SimRandom _random = world.Random("fencing");

    /// <summary>How often anybody has used it.</summary>
    public int Fired { get; private set; }

    public IFencingHook For(SimProcess process) => new Hook(this, process);

    private void Fence(SimProcess by, string name, Action<bool> ended)
    {
        Fired++;
        SimNode node = world.Nodes.First(each => each.Name == name);
        int luck = _random.Next(10);
        long killNs = _random.Skewed(1 * Ms, 400 * Ms);
        long tellNs = killNs + (_random.Next(3) == 0 ? _random.Range(0, 6_000 * Ms) : _random.Range(0, 50 * Ms));
        if (world.Tracing)
        {
            world.Trace(by.Node.Name, "fence", $"{name}: {(luck switch { 0 => "fails", 1 => "kills and says that it failed", 2 => "kills and says nothing", _ => "kills" })} after {killNs / Ms} ms, told after {tellNs / Ms} ms");
        }

        if (luck > 0)
        {
            world.After(killNs, () => Kill(node));
        }

        if (luck != 2)
        {
            by.Post(SimSides.Control, () => ended(luck > 2), tellNs);
        }
    }

    private void Kill(SimNode node)
    {
        if (_random.Coin())
        {
            node.LosePower();
        }
        else
        {
            node.Crash();
        }

        world.After(_random.Skewed(20 * Ms, 3_000 * Ms), node.Start);
    }

    private sealed class Hook(SimFencing fencing, SimProcess process) : IFencingHook
    {
        public void Fence(string node, Action<bool> ended) => fencing.Fence(process, node, ended);
    }
}
