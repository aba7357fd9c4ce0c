using ActorSan.Replication.Core.Control;
using ActorSan.Simulator.Runner;
using ActorSan.Simulator.World;

namespace ActorSan.Simulator.Volumes;

/// <summary>What an operator can do; the low byte of an Operator fault's value. The fault's node is where he types, its peer whom it is about.</summary>
internal enum Deed : byte
{
    HandOver,
    AddReplica,
    RemoveReplica,

    /// <summary>By the node of the bits from 8 on.</summary>
    ReplaceReplica,
    AddVoter,
    RemoveVoter,

    /// <summary>The nodes of the bits from 8 on, as a mask.</summary>
    ChangeVoters,
    DetachReplica,
    AttachReplica,

    /// <summary>Bit 8: confirm-reads; bit 9: the peer is preferred.</summary>
    ChangeSettings,
    DeleteVolume,
}

/// <summary>Operators of a volume: they give a command again, at the next node, as long as they are told to try again and the faults go on.</summary>
internal sealed class Operators(SimWorld world, VolumeSetup setup, long untilNs)
{
    private const long AgainNs = 300_000_000;
    private const int Tries = 20;

    public static long Value(Deed deed, long detail = 0) => (long)deed | (detail << 8);

    public void Do(PlanFault fault)
    {
        if ((Deed)(fault.Value & 0xFF) == Deed.HandOver)
        {
            if (world.Nodes[fault.Node].Process?.Program is VolumeProgram { Control: { } control } program)
            {
                string to = world.Nodes[fault.Peer].Name;
                program.Process.Post(SimSides.Control, () => _ = control.RequestHandOver(to));
            }

            return;
        }

        if (ChangeOf(fault) is { } change)
        {
            Try(change, fault.Node, Tries);
        }
    }

    private void Try(MemberChange change, int at, int tries)
    {
        if (tries == 0 || (tries < Tries && world.Now >= untilNs))
        {
            return;
        }

        int node = at % world.Nodes.Count;
        if (world.Nodes[node].Process?.Program is not VolumeProgram { Control: { } control } program)
        {
            Again(change, node, tries);
            return;
        }

        program.Process.Post(SimSides.Control, () => control.Request(change, outcome =>
        {
            program.Say("operator", $"{change}: {outcome}");
            world.Mix((ulong)outcome.End ^ ((ulong)outcome.Reason << 8));
            if (outcome.End == ChangeEnd.TryAgain)
            {
                Again(change, node, tries);
            }
        }));
    }

    private void Again(MemberChange change, int node, int tries) => world.After(AgainNs, () => Try(change, node + 1, tries - 1));

    private MemberChange? ChangeOf(PlanFault fault)
    {
        long detail = fault.Value >> 8;
        string peer = world.Nodes[fault.Peer].Name;
        return (Deed)(fault.Value & 0xFF) switch
        {
            Deed.AddReplica => new AddReplica(peer),
            Deed.RemoveReplica => new RemoveReplica(peer),
            Deed.ReplaceReplica => detail < world.Nodes.Count ? new ReplaceReplica(peer, world.Nodes[(int)detail].Name) : null,
            Deed.AddVoter => new AddVoter(peer),
            Deed.RemoveVoter => new RemoveVoter(peer),
            Deed.ChangeVoters => new ChangeVoters([.. world.Nodes.Where(node => (detail & (1L << node.Index)) != 0).Select(node => node.Name)]),
            Deed.DetachReplica => new DetachReplica(peer),
            Deed.AttachReplica => new AttachReplica(peer),
            Deed.ChangeSettings => new ChangeSettings(setup.First.Settings with { ConfirmReads = (detail & 1) != 0, PreferredPrimary = (detail & 2) != 0 ? peer : null }),
            Deed.DeleteVolume => new DeleteVolume(),
            _ => throw new SimViolationException($"nobody knows how to do {fault}"),
        };
    }
}
