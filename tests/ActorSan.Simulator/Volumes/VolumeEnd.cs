using ActorSan.Replication.Core.Control;
using ActorSan.Replication.Core.Values;
using ActorSan.Simulator.World;
using ActorSan.Storage.Blocks;

namespace ActorSan.Simulator.Volumes;

/// <summary>How a run must end: by the configuration as it is then, every replica that is in service in sync and like the others, every voter there; or the volume gone everywhere.</summary>
internal static class VolumeEnd
{
    public static bool IsDeleted(VolumeSetup setup) => setup.Facts.Latest(setup.Key.Name) is Configuration { Deleted: true };

    /// <summary>What is still wanting; null: nothing.</summary>
    public static string? Wanting(SimWorld world, VolumeSetup setup)
    {
        if (IsDeleted(setup))
        {
            SimNode? other = world.Nodes.FirstOrDefault(node => node.Process?.Program is VolumeProgram { Control: { } control } && !(control.Known?.Deleted ?? false));
            return other is null ? null : $"{other.Name} does not know that the volume is deleted";
        }

        VolumeProgram? serving = Serving(world);
        if (serving?.Control!.Known is not { } known)
        {
            return $"nobody serves; latest decided: {setup.Facts.Latest(setup.Key.Name)}";
        }

        if (known.Replicas.Any(replica => replica is { Detached: false, Protocol: ReplicationProtocol.C } && known.MemberOf(replica.Node) is null))
        {
            return $"not all replicas are in sync: {known}";
        }

        if (known.OldVoters.Count > 0 || serving.Control.IsChanging)
        {
            return $"a change is under way: {known}";
        }

        bool isOther = known.Voters.Any(voter => world.Nodes.First(node => node.Name == voter.Node).Journal!.Incarnation != voter.Incarnation);
        return isOther ? $"S8: a voter whose journal is lost still votes: {known}" : null;
    }

    public static VolumeProgram? Serving(SimWorld world)
    {
        VolumeProgram? serving = null;
        foreach (SimNode node in world.Nodes)
        {
            if (node.Process?.Program is VolumeProgram { Control.Role: VolumeRole.Serving } program)
            {
                serving = program;
            }
        }

        return serving;
    }

    /// <summary>I4, I5.</summary>
    public static void CompareReplicas(SimWorld world, int blocks)
    {
        if (Serving(world)?.Control!.Known is not { } known)
        {
            return;
        }

        SimNode[] replicas = [.. world.Nodes.Where(node => known.ReplicaOf(node.Name) is { Detached: false })];
        for (int block = 0; block < blocks; block++)
        {
            ReadOnlySpan<byte> one = replicas[0].Disk!.Content.Block(block);
            for (int i = 1; i < replicas.Length; i++)
            {
                if (!one.SequenceEqual(replicas[i].Disk!.Content.Block(block)))
                {
                    world.Fail($"I4: block {block} is not the same on {replicas[0].Name} and {replicas[i].Name} after the heal");
                    return;
                }
            }
        }

        for (VolumeAttribute attribute = VolumeAttribute.Reservations; attribute <= VolumeAttribute.Sanitize; attribute++)
        {
            ReadOnlySpan<byte> one = AttributeOf(replicas[0], attribute);
            for (int i = 1; i < replicas.Length; i++)
            {
                if (!one.SequenceEqual(AttributeOf(replicas[i], attribute)))
                {
                    world.Fail($"I5: attribute {attribute} is not the same on {replicas[0].Name} and {replicas[i].Name} after the heal");
                    return;
                }
            }
        }
    }

    private static ReadOnlySpan<byte> AttributeOf(SimNode node, VolumeAttribute attribute) => ((VolumeProgram)node.Process!.Program!).Engine!.Replica.GetAttribute(attribute);
}
