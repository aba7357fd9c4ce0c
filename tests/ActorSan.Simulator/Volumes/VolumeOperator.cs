using ActorSan.Replication.Core.Control;
using ActorSan.Replication.Core.Register;
using ActorSan.Replication.Core.Values;
using ActorSan.Simulator.Runner;
using ActorSan.Simulator.World;

namespace ActorSan.Simulator.Volumes;

/// <summary>What an operator does, at bad moments by <see cref="FaultKind.Operator"/>, and after the heal until one lineage is left.</summary>
internal sealed class VolumeOperator(SimWorld world, VolumeSetup setup, long untilNs)
{
    private const long Force = 0x41;
    private const long Discard = 0x42;
    private const long Verify = 0x43;
    private const long Voters = 0x44;
    private const int ForcePatience = 3;
    private const long AgainNs = 250_000_000;

    private readonly SimRandom _random = world.Random("operator");
    private readonly Operators _operators = new(world, setup, untilNs);
    private readonly SortedDictionary<int, ForceOrder> _orders = [];

    // What refusals have named: an operator who is told so discards it, the next time that he tidies up.
    private readonly List<Guid> _inTheWay = [];
    private int _stuck;

    /// <summary>A fault's value: forces at its node. Bit i of <paramref name="voters"/>: node i votes. Insists so many times.</summary>
    public static long ForceValue(int voters, int times, bool discardsAll = false) => Force | ((long)voters << 8) | ((long)times << 16) | (discardsAll ? 1L << 24 : 0);

    /// <summary>A fault's value: discards at its node, if there is anything to be discarded.</summary>
    public static long DiscardValue => Discard;

    /// <summary>A fault's value: verifies at its node, if it is primary (S6).</summary>
    public static long VerifyValue => Verify;

    /// <summary>A fault's value: all nodes vote from now on, if its node serves.</summary>
    public static long VotersValue => Voters;

    public void Do(PlanFault fault)
    {
        switch (fault.Value & 0xFF)
        {
            case Force:
                var order = OrderOf((int)(fault.Value >> 8) & 0xFF, (fault.Value >> 24) != 0);
                Insist(fault.Node, order, (int)(fault.Value >> 16) & 0xFF);
                break;
            case Discard:
                On(fault.Node, DiscardAt);
                break;
            case Verify when world.Nodes[fault.Node].Process is { Program: VolumeProgram program } process:
                process.Post(SimSides.Control, () => program.Execute(new Replication.Core.Engine.Verify()));
                break;
            case Verify:
                break;
            case Voters:
                On(fault.Node, AllVote);
                break;
            default:
                _operators.Do(fault);
                break;
        }
    }

    /// <summary>Every second after the heal: what is discarded is given up, what was cut short goes on, and where that leads nowhere one node's replica is chosen.</summary>
    public void Tidy()
    {
        bool stuck = false;
        int chosen = -1;
        foreach (SimNode node in world.Nodes)
        {
            if (node.Process?.Program is not VolumeProgram { Control: { } control })
            {
                continue;
            }

            if (control.DiscardedBy.Count > 0)
            {
                On(node.Index, DiscardAt);
                continue;
            }

            if ((setup.Fencing is not null || setup.Lineages.All.Count > 1) && control is { Role: VolumeRole.Serving, Known: { } known } && known.Voters.Count < world.Nodes.Count)
            {
                // P11 and P12 leave it with fewer than it had.
                On(node.Index, AllVote);
            }

            bool waits = control.Standing != UnknownReason.None || control.KeptLineage != Guid.Empty;
            stuck |= waits;
            chosen = chosen < 0 || control.Role == VolumeRole.Serving ? node.Index : chosen;
            if (control.KeptLineage != Guid.Empty && _stuck < ForcePatience && _orders.TryGetValue(node.Index, out ForceOrder? order))
            {
                Insist(node.Index, order, 1);
            }
        }

        _stuck = stuck ? _stuck + 1 : 0;
        if (_stuck > ForcePatience && chosen >= 0)
        {
            Insist(chosen, OrderOf((1 << world.Nodes.Count) - 1, discardsAll: true), 1);
        }
    }

    private ForceOrder OrderOf(int voters, bool discardsAll) => new()
    {
        Voters = [.. world.Nodes.Where(node => (voters & (1 << node.Index)) != 0).Select(node => new VoterId(node.Name, node.Journal!.Incarnation))],
        MayLose = [],
        Discards = discardsAll ? [.. setup.Lineages.All, .. _inTheWay] : [],
    };

    private void Insist(int node, ForceOrder order, int times)
    {
        _orders[node] = order;
        On(node, control => control.Force(order, outcome =>
        {
            if (world.Tracing)
            {
                world.Trace(world.Nodes[node].Name, "operator", $"force: {outcome.End} {outcome.Voter} {outcome.First}");
            }

            if (outcome.By != Guid.Empty && !_inTheWay.Contains(outcome.By))
            {
                _inTheWay.Add(outcome.By);
            }

            if (outcome.End == ForceEnd.NotAccepted)
            {
                // Now he knows what he is asked to accept.
                Insist(node, order with { MayLose = [.. order.MayLose, .. outcome.Nodes] }, times);
            }
            else if (outcome.End != ForceEnd.Begun && times > 1)
            {
                world.After(AgainNs + _random.Range(0, AgainNs), () => Insist(node, order, times - 1));
            }
        }));
    }

    private void AllVote(VolumeControl control)
    {
        if (control.Role == VolumeRole.Serving)
        {
            control.Request(new ChangeVoters([.. world.Nodes.Select(node => node.Name)]), static _ => { });
        }
    }

    private void DiscardAt(VolumeControl control)
    {
        if (control.DiscardedBy is { Count: > 0 } by)
        {
            _ = control.RequestDiscard(by[0]);
        }
    }

    private void On(int node, Action<VolumeControl> what)
    {
        if (world.Nodes[node].Process is { Program: VolumeProgram { Control: { } control } } process)
        {
            process.Post(SimSides.Control, () => what(control));
        }
    }
}
