namespace ActorSan.Cluster.Engines;

/// <summary>What a node of a cluster is made with, beside its settings: who it is, and what was opened before its actors.</summary>
public sealed record ClusterParts
{
    public required Guid ClusterId { get; init; }

    /// <summary>The pre-shared key of the cluster. A secret.</summary>
    public required byte[] Key { get; init; }

    /// <summary>This node was told to found the catalog and has not heard that it is done.</summary>
    public required bool Founds { get; init; }

    /// <summary>Remembers that the catalog is there. Any thread; may block.</summary>
    public required Action MarkFounded { get; init; }

    /// <summary>Of the voter's journal.</summary>
    public required Guid JournalIncarnation { get; init; }

    /// <summary>Of this process.</summary>
    public required Guid Instance { get; init; }

    /// <summary>The kernel's (/proc/sys/kernel/random/boot_id).</summary>
    public required Guid BootId { get; init; }

    /// <summary>Of the program, for people.</summary>
    public required string Release { get; init; }

    /// <summary>address:port of the management API; empty: none.</summary>
    public required string ManagementAddress { get; init; }

    /// <summary>What those read who only look.</summary>
    public required Control.ClusterState State { get; init; }

    // The secret stays out of what a record prints of itself.
    public override string ToString() => $"cluster {ClusterId}, instance {Instance}";
}
