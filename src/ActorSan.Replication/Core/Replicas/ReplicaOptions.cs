namespace ActorSan.Replication.Core.Replicas;

/// <summary>Sizes and patience of one replica; the same on every node of a volume where that matters (chunk and granule).</summary>
public sealed record ReplicaOptions
{
    /// <summary>Write intent, W2.</summary>
    public long ChunkBytes { get; init; } = 4 << 20;

    /// <summary>Out-of-sync sets, S1.</summary>
    public long GranuleBytes { get; init; } = 64 << 10;

    /// <summary>An I/O of the store older than this hangs (P10).</summary>
    public long StoreTimeoutNs { get; init; } = 10_000_000_000;

    /// <summary>How often bits that may go are looked for (W9).</summary>
    public long ClearIntervalNs { get; init; } = 5_000_000_000;

    /// <summary>Heard marks are durable within this (W2).</summary>
    public long MarksIntervalNs { get; init; } = 1_000_000_000;

    /// <summary>False: every write is durable before it counts as done, and the power session is kept for life.</summary>
    public bool WriteCache { get; init; } = true;
}
