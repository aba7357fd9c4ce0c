using ActorSan.Cluster.Settings;
using ActorSan.Replication.Core.Control;
using ActorSan.Replication.Core.Leases;
using ActorSan.Replication.Core.Register;

namespace ActorSan.Cluster.Control;

/// <summary>What the decisions of a node need to know of it.</summary>
public sealed record ControlSideOptions
{
    public required string Node { get; init; }

    /// <summary>Of this process.</summary>
    public required Guid Instance { get; init; }

    public required Guid ClusterId { get; init; }

    /// <summary>The nodes that vote first in the catalog (S8).</summary>
    public required IReadOnlyList<string> Founders { get; init; }

    /// <summary>This node was told to found, and has not heard that it is done.</summary>
    public required bool Founds { get; init; }

    public required LeaseSettings Leases { get; init; }

    public ProposerSettings Rounds { get; init; } = new();

    public ControlOptions Decisions { get; init; } = new();

    /// <summary>P12; null: none.</summary>
    public FencingSettings? Fencing { get; init; }
}
