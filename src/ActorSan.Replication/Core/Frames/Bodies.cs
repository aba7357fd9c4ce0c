using ActorSan.Replication.Core.Values;

namespace ActorSan.Replication.Core.Frames;

/// <summary>A range of the volume in bytes.</summary>
public readonly record struct ByteRange(long OffsetBytes, long LengthBytes)
{
    public long EndBytes => OffsetBytes + LengthBytes;

    public bool Overlaps(ByteRange other) => OffsetBytes < other.EndBytes && other.OffsetBytes < EndBytes;

    public override string ToString() => $"{OffsetBytes}+{LengthBytes}";

    /// <summary>At most so many ranges, in order, that cover all of these, which are in order: the smallest gaps between them are closed.</summary>
    public static List<ByteRange> Coalesce(List<ByteRange> ranges, int most)
    {
        if (ranges.Count <= most)
        {
            return ranges;
        }

        long[] gaps = new long[ranges.Count - 1];
        for (int i = 0; i < gaps.Length; i++)
        {
            gaps[i] = ranges[i + 1].OffsetBytes - ranges[i].EndBytes;
        }

        long[] sorted = [.. gaps];
        Array.Sort(sorted);
        int toClose = ranges.Count - most;
        long widest = sorted[toClose - 1];
        var coalesced = new List<ByteRange>(most) { ranges[0] };
        for (int i = 0; i < gaps.Length; i++)
        {
            if (gaps[i] <= widest && toClose > 0)
            {
                toClose--;
                coalesced[^1] = coalesced[^1] with { LengthBytes = ranges[i + 1].EndBytes - coalesced[^1].OffsetBytes };
            }
            else
            {
                coalesced.Add(ranges[i + 1]);
            }
        }

        return coalesced;
    }
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
/// <param name="GoesOn">More of the set that the frame before began.</param>
public sealed record SetBody(string Node, Guid Incarnation, bool Wholly, bool GoesOn, ValueList<ByteRange> Ranges);
