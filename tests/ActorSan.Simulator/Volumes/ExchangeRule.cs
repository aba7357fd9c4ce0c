using ActorSan.Replication.Core.Values;
using ActorSan.Simulator.Runner;
using ActorSan.Simulator.World;

namespace ActorSan.Simulator.Volumes;

/// <summary>
/// When a disk may be exchanged without asking for the impossible: one node's disks only in a run, while another in-sync member is there that has run long enough for the marks
/// that it has heard to be durable (W2: within a second).
/// </summary>
internal sealed class ExchangeRule(SimWorld world, VolumeSetup setup)
{
    private const long SettledNs = 1_500_000_000;

    private int _node = -1;

    public bool May(PlanFault fault)
    {
        if (fault.Kind is FaultKind.JournalLost or FaultKind.JournalPutBack)
        {
            return true;
        }

        if (_node >= 0 && _node != fault.Node)
        {
            return false;
        }

        var latest = (Configuration?)setup.Facts.Latest(setup.Key.Name);
        bool other = false;
        foreach (SimNode node in world.Nodes)
        {
            bool sound = node.Index != fault.Node && node.Process?.Program is VolumeProgram { Engine.Replica: { IsFailed: false } replica } program
                && latest?.MemberOf(node.Name) == replica.Self && world.Now - program.BornNs >= SettledNs;
            other |= sound;
        }

        if (other)
        {
            _node = fault.Node;
        }

        return other;
    }
}
