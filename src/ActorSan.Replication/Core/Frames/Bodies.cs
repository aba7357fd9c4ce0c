using ActorSan.Replication.Core.Values;

namespace ActorSan.Replication.Core.Frames;

/// <summary>A range of the volume in bytes.</summary>
public readonly record struct ByteRange(long OffsetBytes, long LengthBytes)
{
    public long EndBytes => OffsetBytes + LengthBytes;

    public bool Overlaps(ByteRange other) => OffsetBytes < other.EndBytes && other.OffsetBytes < EndBytes;

    public override string ToString() => $"{OffsetBytes}+{LengthBytes}";
}

/// <summary>An entry of an unsettled list (W4). Entries that must not tear are settled as a whole (W11).</summary>
/// <param name="Attribute">0, or the attribute that was set (then the range is empty).</param>
public readonly record struct UnsettledEntry(long Reign, long Seq, ByteRange Range, bool Atomic, byte Attribute);

/// <summary>The highest mark that was heard of a store incarnation (W2).</summary>
public readonly record struct HeardMark(Guid Incarnation, long Mark);

/// <summary>W3. The header has epoch, stable and the primary's mark; seq is the last that was given.</summary>
/// <param name="Settled">The reign is reconciled (P6).</param>
public sealed record AttachBody(
    Guid VolumeId,
    Guid Lineage,
    long Reign,
    PrimaryId Primary,
    Configuration Configuration,
    bool Settled,
    ValueList<HeardMark> Marks);

/// <summary>W3: what the replica is and what it may lack or have too much. The header has its mark and highest epoch.</summary>
/// <param name="Coarse">The list was lost with the process: <paramref name="Intents"/> stand for it (W4).</param>
/// <param name="Intents">Its write-intent chunks.</param>
public sealed record AttachedBody(
    Guid Instance,
    Guid Incarnation,
    Guid Session,
    bool Coarse,
    ValueList<HeardMark> Marks,
    ValueList<UnsettledEntry> Unsettled,
    ValueList<ByteRange> Intents,
    long SizeBytes);

/// <summary>Why a replica refuses an attachment.</summary>
public enum RefusalReason : byte
{
    None = 0,

    /// <summary>The epoch is lower than the highest that the replica has seen, which the header carries.</summary>
    Fenced = 1,

    /// <summary>Another volume.</summary>
    ForeignVolume = 2,

    /// <summary>A lineage that is not its own, and does not discard its own.</summary>
    ForeignLineage = 3,

    /// <summary>The configuration names another incarnation of its store.</summary>
    OtherIncarnation = 4,

    /// <summary>Its store has failed or is not open.</summary>
    NoStore = 5,

    /// <summary>Its store is smaller than the volume.</summary>
    TooSmall = 6,

    /// <summary>The volume is deleted, or this replica is not named.</summary>
    NotNamed = 7,

    /// <summary>It is busy ending what it did for another primary; try again.</summary>
    Busy = 8,

    /// <summary>Its own lineage is discarded by the primary's; waits for an operator's discard (P11).</summary>
    Discarded = 9,
}

/// <summary>The header's epoch is the replica's highest.</summary>
public sealed record RefusedBody(RefusalReason Reason, Guid Incarnation, Guid Lineage, long Mark);

public sealed record ConfigBody(Configuration Configuration);

public sealed record MarksBody(ValueList<HeardMark> Marks);

/// <summary>S4. <paramref name="Wholly"/>: every granule, and <paramref name="Ranges"/> is empty.</summary>
public sealed record SetBody(string Node, Guid Incarnation, bool Wholly, ValueList<ByteRange> Ranges);
