using ActorSan.Replication.Core.Frames;

namespace ActorSan.Replication.Wire;

/// <summary>Who sends a frame. On one link each node may be the primary of some volumes.</summary>
[Flags]
public enum FrameDirection : byte
{
    None = 0,
    FromPrimary = 1,
    FromReplica = 2,
    Either = FromPrimary | FromReplica,
}

/// <summary>Which fields of a header mean something; the others are zero. Epoch, stable and mark may be in any frame.</summary>
[Flags]
public enum FrameFields : byte
{
    None = 0,

    /// <summary>Seq, 0 or more.</summary>
    Seq = 1,

    /// <summary>Seq, 1 or more.</summary>
    SeqNeeded = 2,

    /// <summary>Argument, any number.</summary>
    Argument = 4,

    /// <summary>Offset and length: blocks of the volume, at least one.</summary>
    Range = 8,

    /// <summary>The same, or both are zero.</summary>
    RangeOrNone = 16,

    /// <summary>Length alone: a volume's size.</summary>
    Size = 32,

    /// <summary>Epoch, 1 or more.</summary>
    EpochNeeded = 64,

    /// <summary>Length alone, and it is that of the bytes that follow.</summary>
    LengthOfContent = 128,
}

/// <summary>What follows a header.</summary>
public enum FrameContent : byte
{
    Nothing,

    /// <summary>As many bytes as <see cref="Frame.LengthBytes"/> says.</summary>
    Data,

    /// <summary>Bytes whose meaning the header does not know. Their number is bounded by the rule.</summary>
    Bytes,

    /// <summary>One of <see cref="BodyCodec"/>.</summary>
    Body,

    /// <summary>The same, or nothing.</summary>
    BodyOrNothing,
}

/// <summary>What is constant about a kind of frame.</summary>
/// <param name="MinContentBytes">Of bytes and bodies.</param>
/// <param name="MaxContentBytes">Of bytes and bodies; data is bounded by <see cref="FrameLimits"/>.</param>
public readonly record struct FrameRule(
    FrameDirection Direction,
    FrameFields Fields,
    FrameFlags Flags,
    FrameContent Content,
    int MinContentBytes,
    int MaxContentBytes);

/// <summary>The one table of kinds: direction, fields, flags, content.</summary>
public static class FrameTable
{
    /// <summary>An attribute's value, also one that goes through a redo slot (W12).</summary>
    public const int MaxAttributeBytes = 1 << 20;

    public const int MinDigestBytes = 16;
    public const int MaxDigestBytes = 64;

    private static readonly FrameRule[] Rules = Build();

    /// <summary>The default value, which no direction may send, for a kind that is none.</summary>
    public static FrameRule RuleOf(FrameKind kind) => (int)kind < Rules.Length ? Rules[(int)kind] : default;

    private static FrameRule[] Build()
    {
        const FrameFields RangeAndName = FrameFields.Range | FrameFields.Seq | FrameFields.Argument;
        const FrameFields SeqAndName = FrameFields.Seq | FrameFields.Argument;
        var rules = new FrameRule[(int)FrameKind.FenceDone + 1];

        void Add(FrameKind kind, FrameDirection direction, FrameFields fields, FrameContent content = FrameContent.Nothing, int min = 0, int max = 0, FrameFlags flags = FrameFlags.None) =>
            rules[(int)kind] = new FrameRule(direction, fields, flags, content, min, max);

        Add(FrameKind.Attach, FrameDirection.FromPrimary, FrameFields.EpochNeeded | FrameFields.Seq, FrameContent.Body, 1, BodyCodec.MaxAttachBytes);
        Add(FrameKind.Attached, FrameDirection.FromReplica, FrameFields.Seq, FrameContent.Body, 1, BodyCodec.MaxAttachedBytes);
        Add(FrameKind.Refused, FrameDirection.FromReplica, FrameFields.None, FrameContent.Body, 1, BodyCodec.RefusedBytes);
        Add(FrameKind.Detach, FrameDirection.Either, FrameFields.Argument, flags: FrameFlags.FromReplica);
        Add(FrameKind.Config, FrameDirection.FromPrimary, FrameFields.EpochNeeded | FrameFields.Seq, FrameContent.Body, 1, BodyCodec.MaxConfigBytes);
        Add(
            FrameKind.Write,
            FrameDirection.FromPrimary,
            FrameFields.EpochNeeded | FrameFields.SeqNeeded | FrameFields.Range | FrameFields.Argument,
            FrameContent.Data,
            flags: FrameFlags.Durable | FrameFlags.Atomic);
        Add(
            FrameKind.Zero,
            FrameDirection.FromPrimary,
            FrameFields.EpochNeeded | FrameFields.SeqNeeded | FrameFields.Range | FrameFields.Argument,
            flags: FrameFlags.Durable | FrameFlags.Atomic | FrameFlags.MayDeallocate);

        // Seq 0: as it is, before an admission (W12, S4).
        Add(
            FrameKind.Attribute,
            FrameDirection.FromPrimary,
            FrameFields.EpochNeeded | SeqAndName | FrameFields.LengthOfContent,
            FrameContent.Bytes,
            0,
            MaxAttributeBytes,
            FrameFlags.Durable | FrameFlags.TakesRightsAway);
        Add(FrameKind.Ack, FrameDirection.FromReplica, SeqAndName, flags: FrameFlags.Durable);
        Add(FrameKind.Received, FrameDirection.FromReplica, SeqAndName);
        Add(FrameKind.Flush, FrameDirection.FromPrimary, FrameFields.EpochNeeded | SeqAndName, flags: FrameFlags.Durable);
        Add(FrameKind.Stable, FrameDirection.FromPrimary, FrameFields.EpochNeeded | SeqAndName, FrameContent.BodyOrNothing, 1, BodyCodec.MaxMarksBytes);
        Add(FrameKind.Settled, FrameDirection.FromPrimary, FrameFields.EpochNeeded | SeqAndName);
        Add(FrameKind.Confirm, FrameDirection.FromPrimary, FrameFields.EpochNeeded | SeqAndName);
        Add(FrameKind.Confirmed, FrameDirection.FromReplica, SeqAndName);
        Add(FrameKind.Read, FrameDirection.FromPrimary, FrameFields.EpochNeeded | RangeAndName);
        Add(FrameKind.ReadData, FrameDirection.FromReplica, RangeAndName, FrameContent.Data);
        Add(FrameKind.ReadFailed, FrameDirection.FromReplica, SeqAndName | FrameFields.RangeOrNone);
        Add(FrameKind.Resync, FrameDirection.FromPrimary, FrameFields.EpochNeeded | RangeAndName, FrameContent.Data, flags: FrameFlags.Durable);
        Add(FrameKind.ResyncZero, FrameDirection.FromPrimary, FrameFields.EpochNeeded | RangeAndName, flags: FrameFlags.Durable | FrameFlags.MayDeallocate);
        Add(FrameKind.ResyncAck, FrameDirection.FromReplica, SeqAndName | FrameFields.RangeOrNone);
        Add(FrameKind.Digest, FrameDirection.FromPrimary, FrameFields.EpochNeeded | RangeAndName);
        Add(FrameKind.DigestReply, FrameDirection.FromReplica, SeqAndName | FrameFields.RangeOrNone, FrameContent.Bytes, MinDigestBytes, MaxDigestBytes);
        Add(FrameKind.SetRanges, FrameDirection.FromPrimary, FrameFields.EpochNeeded | SeqAndName, FrameContent.Body, 1, BodyCodec.MaxSetBytes);
        Add(FrameKind.Gate, FrameDirection.FromPrimary, FrameFields.EpochNeeded | SeqAndName);
        Add(FrameKind.Gated, FrameDirection.FromReplica, SeqAndName);
        Add(FrameKind.Turn, FrameDirection.FromPrimary, FrameFields.EpochNeeded | SeqAndName, FrameContent.BodyOrNothing, 1, BodyCodec.MaxSetBytes);
        Add(FrameKind.Turned, FrameDirection.FromReplica, SeqAndName);
        Add(FrameKind.Kept, FrameDirection.FromPrimary, FrameFields.EpochNeeded | SeqAndName);
        Add(FrameKind.Grow, FrameDirection.FromPrimary, FrameFields.EpochNeeded | SeqAndName | FrameFields.Size);
        Add(FrameKind.Grown, FrameDirection.FromReplica, SeqAndName | FrameFields.Size);
        Add(FrameKind.StoreFailed, FrameDirection.FromReplica, SeqAndName);
        Add(FrameKind.Fence, FrameDirection.FromPrimary, FrameFields.EpochNeeded | SeqAndName);
        Add(FrameKind.FenceDone, FrameDirection.FromReplica, FrameFields.EpochNeeded | SeqAndName);
        return rules;
    }
}
