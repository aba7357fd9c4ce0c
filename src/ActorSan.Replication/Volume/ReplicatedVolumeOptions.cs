using ActorSan.Replication.Core.Engine;
using ActorSan.Replication.Core.Values;
using ActorSan.Storage.Blocks;

namespace ActorSan.Replication.Volume;

/// <summary>What one node knows of a replicated volume before anything of it is open.</summary>
public sealed record ReplicatedVolumeOptions
{
    public required string Name { get; init; }

    /// <summary>This node.</summary>
    public required string Node { get; init; }

    /// <summary>Of this process.</summary>
    public required Guid Instance { get; init; }

    /// <summary>The kernel's boot id.</summary>
    public required Guid BootId { get; init; }

    /// <summary>The value that the volume began with (S7).</summary>
    public required Configuration First { get; init; }

    /// <summary>As it began; the size is the first one.</summary>
    public required VolumeGeometry Geometry { get; init; }

    public required EngineOptions Engine { get; init; }

    /// <summary>The smallest aligned run that becomes a hole on every node's store.</summary>
    public int UnmapGranularityBytes { get; init; } = 4096;

    /// <summary>After a store that could not be opened, and before the next try: the first wait; it doubles up to <see cref="LongestReopen"/>.</summary>
    public TimeSpan FirstReopen { get; init; } = TimeSpan.FromMilliseconds(500);

    public TimeSpan LongestReopen { get; init; } = TimeSpan.FromSeconds(30);
}
