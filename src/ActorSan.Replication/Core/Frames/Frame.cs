namespace ActorSan.Replication.Core.Frames;

/// <summary>What a frame is for. Numbers are on the wire: never reuse one.</summary>
public enum FrameKind : byte
{
    None = 0,

    /// <summary>Primary to replica, W3. Body: <see cref="AttachBody"/>.</summary>
    Attach = 1,

    /// <summary>The replica agrees. Body: <see cref="AttachedBody"/>.</summary>
    Attached = 2,

    /// <summary>The replica does not. Body: <see cref="RefusedBody"/>.</summary>
    Refused = 3,

    /// <summary>Either side ends the attachment. <see cref="Frame.Argument"/> is a <see cref="DetachReason"/>.</summary>
    Detach = 4,

    /// <summary>A decided configuration (W7). Body: <see cref="ConfigBody"/>.</summary>
    Config = 5,

    /// <summary>Data: <see cref="Frame.DataBytes"/> = <see cref="Frame.LengthBytes"/>.</summary>
    Write = 6,

    /// <summary>A write of zeroes, W11. Flag <see cref="FrameFlags.MayDeallocate"/>.</summary>
    Zero = 7,

    /// <summary>W12. <see cref="Frame.Argument"/> is the attribute, the data its bytes.</summary>
    Attribute = 8,

    /// <summary>The store has done the frame with this seq (Write, Zero, Attribute), or was flushed (Flush).</summary>
    Ack = 9,

    /// <summary>Protocol B: the frame with this seq is in memory.</summary>
    Received = 10,

    Flush = 11,

    /// <summary>Every 100 ms, and whenever it is wanted: the header's stable and marks. Body: <see cref="MarksBody"/>.</summary>
    Stable = 12,

    /// <summary>P6: reconciled, entries of older reigns end.</summary>
    Settled = 13,

    /// <summary>W8. <see cref="Frame.Argument"/> is the round.</summary>
    Confirm = 14,
    Confirmed = 15,

    /// <summary>P10: the bytes of a range. <see cref="Frame.Argument"/> names the request.</summary>
    Read = 16,
    ReadData = 17,
    ReadFailed = 18,

    /// <summary>S3. Like a Write, but of bytes that are complete. <see cref="Frame.Argument"/> names the request.</summary>
    Resync = 19,

    /// <summary>S3 with zeroes.</summary>
    ResyncZero = 20,
    ResyncAck = 21,

    /// <summary>S6: the digest of the replica's bytes in the range. <see cref="Frame.Argument"/> names the request.</summary>
    Digest = 22,

    /// <summary>Data: the digest, 16 bytes or more.</summary>
    DigestReply = 23,

    /// <summary>S4: the out-of-sync set of another replica, to be kept from here on. Body: <see cref="SetBody"/>.</summary>
    SetRanges = 24,

    /// <summary>S4: all before this is to be flushed and the sets durable.</summary>
    Gate = 25,
    Gated = 26,

    /// <summary>A protocol A or B replica's set is empty. <see cref="Frame.Argument"/> names the turn. Body: to a member a <see cref="SetBody"/> that names the replica, to itself none.</summary>
    Turn = 27,
    Turned = 28,
    Kept = 29,

    /// <summary>S7: make store and metadata as large as <see cref="Frame.LengthBytes"/>.</summary>
    Grow = 30,
    Grown = 31,

    /// <summary>The replica's store has failed: it has detached itself.</summary>
    StoreFailed = 32,

    /// <summary>P8: fence at <see cref="Frame.Epoch"/>.</summary>
    Fence = 33,
    FenceDone = 34,
}

[Flags]
public enum FrameFlags : byte
{
    None = 0,

    /// <summary>On the medium before it is acknowledged (FUA).</summary>
    Durable = 1,

    /// <summary>Must not tear: goes through a redo slot (W11).</summary>
    Atomic = 2,

    /// <summary>Holes are welcome.</summary>
    MayDeallocate = 4,

    /// <summary>Attributes: it takes rights away.</summary>
    TakesRightsAway = 8,

    /// <summary>Detach: the replica ends it, not the primary.</summary>
    FromReplica = 16,
}

/// <summary>Why an attachment ended.</summary>
public enum DetachReason : byte
{
    None = 0,
    Deposed = 1,
    Dropped = 2,
    Late = 3,
    StoreFailed = 4,
    Broken = 5,
    Stopping = 6,

    /// <summary>The replica is an old copy of itself: it takes another incarnation (S1).</summary>
    OldCopy = 7,
}

/// <summary>
/// The fixed part of every frame; which fields mean something is told at <see cref="FrameKind"/>. A frame is valid only within the attachment that the replica agreed to (§2,
/// Link).
/// </summary>
public struct Frame
{
    public FrameKind Kind;
    public FrameFlags Flags;

    /// <summary>Made by the primary, unique on the link.</summary>
    public long Attachment;

    public long Epoch;

    public long Seq;

    /// <summary>From the primary: the highest seq up to which all is complete.</summary>
    public long Stable;

    /// <summary>The sender's own mark (W2): of the primary in every frame, of the replica in every acknowledgement.</summary>
    public long Mark;

    public long OffsetBytes;

    public long LengthBytes;

    public long Argument;

    /// <summary>Bytes behind the header: data or body.</summary>
    public int DataBytes;
}
