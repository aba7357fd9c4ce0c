namespace ActorSan.Cluster.Management;

public abstract partial record ManagementOperation
{
    /// <param name="Replicas">Nodes that are to have one, the first of them in sync from the start; empty: all of role storage.</param>
    /// <param name="BlockSizeBytes">512 or 4096.</param>
    /// <param name="Voters">Empty: the nodes of the replicas, and the witness, if there is one.</param>
    /// <param name="PreferredPrimary">Null: none.</param>
    public sealed record CreateVolume(
        string Name,
        long SizeBytes,
        IReadOnlyList<string> Replicas,
        int BlockSizeBytes,
        IReadOnlyList<string> Voters,
        string? PreferredPrimary,
        OnNoQuorum OnNoQuorum,
        bool ConfirmReads) : ManagementOperation;

    /// <summary>Its id is never used again; what its stores hold is lost.</summary>
    public sealed record DeleteVolume(string Name) : ManagementOperation;

    /// <summary>While it is served. A smaller one is refused (replication.md S7).</summary>
    public sealed record ResizeVolume(string Name, long SizeBytes) : ManagementOperation;

    /// <summary>By the rules (replication.md P1 to P6), or by force (P11).</summary>
    /// <param name="Force">Null: by the rules.</param>
    public sealed record PromoteVolume(string Name, string Node, ForceOptions? Force) : ManagementOperation;

    /// <summary>replication.md P8.</summary>
    /// <param name="To">Null: the preferred primary, else any other in-sync replica.</param>
    public sealed record HandOverVolume(string Name, string? To) : ManagementOperation;

    /// <summary>Back into service, by a resync of what it misses.</summary>
    public sealed record AttachReplica(string Name, string Node) : ManagementOperation;

    /// <summary>Out of service, still named.</summary>
    public sealed record DetachReplica(string Name, string Node) : ManagementOperation;

    /// <summary>replication.md P11: what this replica has that the volume's lineage has not is given up.</summary>
    public sealed record DiscardReplica(string Name, string Node) : ManagementOperation;

    /// <summary>replication.md S6: all replicas are compared while the volume is served.</summary>
    public sealed record VerifyVolume(string Name) : ManagementOperation;

    /// <summary>What it misses is sent now, without waiting for the next try.</summary>
    /// <param name="Node">Null: to all that are out.</param>
    /// <param name="Whole">All of it is compared, not only what is known to be missing.</param>
    public sealed record ResyncVolume(string Name, string? Node, bool Whole) : ManagementOperation;

    public sealed record AddReplica(string Name, string Node) : ManagementOperation;

    public sealed record RemoveReplica(string Name, string Node) : ManagementOperation;

    /// <summary>The replica of <paramref name="Node"/>, and its vote, go to <paramref name="By"/>.</summary>
    public sealed record ReplaceReplica(string Name, string Node, string By) : ManagementOperation;

    public sealed record AddVoter(string Name, string Node) : ManagementOperation;

    public sealed record RemoveVoter(string Name, string Node) : ManagementOperation;

    /// <summary>What is null stays as it is.</summary>
    /// <param name="PreferredPrimary">Empty: none from now on.</param>
    public sealed record SetVolumeSettings(string Name, string? PreferredPrimary, OnNoQuorum? OnNoQuorum, bool? ConfirmReads) : ManagementOperation;
}

/// <summary>What an administrator accepts for a promotion by force (replication.md P11).</summary>
/// <param name="Voters">Nodes that vote in the new lineage; empty: the node itself.</param>
/// <param name="MayLose">Members of the last in-sync set that can't be asked: what was written with them and without the node may be lost.</param>
/// <param name="Discards">Lineages that are given up, beside the node's own.</param>
public sealed record ForceOptions(IReadOnlyList<string> Voters, IReadOnlyList<string> MayLose, IReadOnlyList<Guid> Discards);
