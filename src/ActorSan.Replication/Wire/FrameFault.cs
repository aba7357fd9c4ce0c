using ActorSan.Replication.Core.Frames;

namespace ActorSan.Replication.Wire;

/// <summary>Why a frame is refused. The stream behind it means nothing any more: the link ends.</summary>
public enum FrameFault : byte
{
    None,

    /// <summary>Fewer bytes than a header has.</summary>
    TooShort,

    /// <summary>Not our magic: another protocol, or the place in the stream is lost.</summary>
    NoFrame,
    OtherVersion,
    HeaderLength,
    HeaderChecksum,

    /// <summary>What is kept for later versions is not zero.</summary>
    NotZero,
    UnknownKind,

    /// <summary>A kind that this side does not send.</summary>
    WrongDirection,

    /// <summary>A flag that the kind does not know.</summary>
    UnknownFlags,
    NoAttachment,
    Epoch,

    /// <summary>Stable or mark.</summary>
    Negative,
    Seq,
    Argument,

    /// <summary>Outside any volume, not whole blocks, or where none belongs.</summary>
    Range,

    /// <summary>More or fewer bytes than the kind has.</summary>
    DataLength,

    /// <summary>More bytes than this link takes.</summary>
    DataTooLong,
    ChecksumOfNothing,

    /// <summary>For whoever compares what followed the header.</summary>
    DataChecksum,
}

public static class FrameFaults
{
    /// <summary>A sentence for the log.</summary>
    public static string Describe(FrameFault fault, in Frame frame)
    {
        string kind = FrameTable.RuleOf(frame.Kind).Direction == FrameDirection.None ? $"A frame of kind {(byte)frame.Kind}" : $"A {frame.Kind} frame";
        return fault switch
        {
            FrameFault.None => "Nothing is wrong with the frame.",
            FrameFault.TooShort => $"The stream ended within a header of {FrameHeader.Bytes} bytes.",
            FrameFault.NoFrame => "What came is not a frame of this protocol: the peer speaks another one, or bytes were lost.",
            FrameFault.OtherVersion => $"The peer sends frames of another version than {FrameHeader.Version}: one of the two nodes runs a release that does not know the other's.",
            FrameFault.HeaderLength => $"A header says another length than {FrameHeader.Bytes}.",
            FrameFault.HeaderChecksum => "A header does not fit its checksum: it was changed on its way.",
            FrameFault.NotZero => "A header has bytes set that this version keeps at zero.",
            FrameFault.UnknownKind => $"{kind} is none that this version knows.",
            FrameFault.WrongDirection => $"{kind} came from the side that never sends it.",
            FrameFault.UnknownFlags => $"{kind} has flags ({(byte)frame.Flags:x2}h) that do not belong to it.",
            FrameFault.NoAttachment => $"{kind} names no attachment ({frame.Attachment}).",
            FrameFault.Epoch => $"{kind} has an epoch that cannot be ({frame.Epoch}).",
            FrameFault.Negative => $"{kind} has a negative stable ({frame.Stable}) or mark ({frame.Mark}).",
            FrameFault.Seq => $"{kind} has a seq that cannot be ({frame.Seq}).",
            FrameFault.Argument => $"{kind} has an argument that cannot be ({frame.Argument}).",
            FrameFault.Range => $"{kind} has a range that cannot be ({frame.OffsetBytes}+{frame.LengthBytes}).",
            FrameFault.DataLength => $"{kind} of {frame.LengthBytes} bytes is followed by {frame.DataBytes} bytes, which does not fit.",
            FrameFault.DataTooLong => $"{kind} is followed by {frame.DataBytes} bytes, more than this link takes.",
            FrameFault.ChecksumOfNothing => $"{kind} has a checksum of data and no data.",
            FrameFault.DataChecksum => $"The bytes behind {kind.ToLowerInvariant()} do not fit their checksum: they were changed on their way.",
            _ => throw new ArgumentOutOfRangeException(nameof(fault)),
        };
    }
}
