namespace ActorSan.Replication.Core.Primaries;

/// <summary>Patience and bounds of a primary.</summary>
public sealed record PrimaryOptions
{
    /// <summary>W7: a required peer that leaves a frame unanswered for this long is dropped.</summary>
    public long AckTimeoutNs { get; init; } = 1_000_000_000;

    /// <summary>W3, P5.</summary>
    public long AttachTimeoutNs { get; init; } = 500_000_000;

    /// <summary>W4: how often `stable` is told when nothing else carries it.</summary>
    public long StableIntervalNs { get; init; } = 100_000_000;

    /// <summary>P5: a list of more than this is not waited for.</summary>
    public long ReconcileMaxBytes { get; init; } = 256 << 20;

    /// <summary>Pieces in which a reconciliation and a resync read and send.</summary>
    public int PieceBytes { get; init; } = 256 << 10;

    /// <summary>Pieces of a resync under way to one peer while no initiator asks for anything, or where they keep the floor from being kept; of a reconciliation; of a verify likewise.</summary>
    public int ResyncDepth { get; init; } = 16;

    /// <summary>S5: pieces of a resync under way to one peer, or of a verify, while initiators ask: what is sent for them goes behind these.</summary>
    public int ResyncForegroundDepth { get; init; } = 2;

    /// <summary>S5, bytes a second.</summary>
    public long ResyncMinRate { get; init; } = 16 << 20;

    /// <summary>S5, bytes a second.</summary>
    public long ResyncMaxRate { get; init; } = 1 << 30;

    /// <summary>S5: a mean latency of the foreground above this times that without resync is too much.</summary>
    public double ResyncLatencyFactor { get; init; } = 1.5;

    /// <summary>S5: below this no latency is too much.</summary>
    public long ResyncLatencyFreeNs { get; init; } = 1_000_000;

    /// <summary>§3, protocols A and B: so long after one turn the next begins.</summary>
    public long TurnIntervalNs { get; init; } = 10_000_000_000;

    /// <summary>S6: compare digests before data is sent.</summary>
    public bool ResyncByDigest { get; init; }
}
