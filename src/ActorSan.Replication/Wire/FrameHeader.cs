using System.Buffers.Binary;
using ActorSan.Replication.Core.Frames;
using ActorSan.Storage;

namespace ActorSan.Replication.Wire;

/// <summary>What a link accepts.</summary>
/// <param name="MaxDataBytes">Behind one header; no buffer is taken for more.</param>
/// <param name="MaxVolumeBytes">No range ends behind it. Whether it fits the volume is for the replica to see.</param>
/// <param name="Direction">Who may have sent it.</param>
/// <param name="BlockBytes">Of every volume: offsets and lengths of ranges are multiples of it.</param>
public readonly record struct FrameLimits(int MaxDataBytes, long MaxVolumeBytes = 1L << 56, FrameDirection Direction = FrameDirection.Either, int BlockBytes = FrameLimits.SmallestBlockBytes)
{
    /// <summary>No volume has smaller ones.</summary>
    public const int SmallestBlockBytes = 512;
}

/// <summary>
/// The header of every frame, version 1, 104 bytes, little endian; ids are as RFC 9562 prints them. It is checked before a buffer is taken for what follows it.
/// <code>
///  0  4  magic "ASLF"        24  8  attachment     88  4  bytes behind the header
///  4  1  version, 1          32  8  epoch          92  4  CRC32C of these bytes, 0 of none
///  5  1  its length, 104     40  8  seq            96  4  zero
///  6  1  kind                48  8  stable        100  4  CRC32C of the 100 bytes before
///  7  1  flags               56  8  mark
///  8 16  volume id           64  8  offset
///                            72  8  length
///                            80  8  argument
/// </code>
/// Numbers are signed and not negative, but for the argument, which may be any.
/// </summary>
public static class FrameHeader
{
    public const int Bytes = 104;
    public const byte Version = 1;

    private const int ChecksumAt = Bytes - sizeof(uint);

    private static ReadOnlySpan<byte> Magic => "ASLF"u8;

    public static void Write(Guid volumeId, in Frame frame, ReadOnlySpan<byte> data, Span<byte> header)
    {
        Invariant.Check(data.Length == frame.DataBytes);
        Write(volumeId, frame, Crc32C.Compute(data), header);
    }

    /// <summary>Fills the first <see cref="Bytes"/> of <paramref name="header"/>. A frame that the reader of the other side would refuse is our own bug.</summary>
    /// <param name="dataChecksum">CRC32C of the bytes that will follow; 0 when none do.</param>
    public static void Write(Guid volumeId, in Frame frame, uint dataChecksum, Span<byte> header)
    {
        FrameFault fault = Check(frame, new FrameLimits(int.MaxValue));
        if (fault != FrameFault.None)
        {
            Invariant.Fail(FrameFaults.Describe(fault, frame));
        }

        Invariant.Check(frame.DataBytes > 0 || dataChecksum == 0);
        header = header[..Bytes];
        Magic.CopyTo(header);
        header[4] = Version;
        header[5] = Bytes;
        header[6] = (byte)frame.Kind;
        header[7] = (byte)frame.Flags;
        _ = volumeId.TryWriteBytes(header[8..], bigEndian: true, out _);
        BinaryPrimitives.WriteInt64LittleEndian(header[24..], frame.Attachment);
        BinaryPrimitives.WriteInt64LittleEndian(header[32..], frame.Epoch);
        BinaryPrimitives.WriteInt64LittleEndian(header[40..], frame.Seq);
        BinaryPrimitives.WriteInt64LittleEndian(header[48..], frame.Stable);
        BinaryPrimitives.WriteInt64LittleEndian(header[56..], frame.Mark);
        BinaryPrimitives.WriteInt64LittleEndian(header[64..], frame.OffsetBytes);
        BinaryPrimitives.WriteInt64LittleEndian(header[72..], frame.LengthBytes);
        BinaryPrimitives.WriteInt64LittleEndian(header[80..], frame.Argument);
        BinaryPrimitives.WriteInt32LittleEndian(header[88..], frame.DataBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(header[92..], dataChecksum);
        BinaryPrimitives.WriteUInt32LittleEndian(header[96..], 0);
        BinaryPrimitives.WriteUInt32LittleEndian(header[ChecksumAt..], Crc32C.Compute(header[..ChecksumAt]));
    }

    /// <summary>Whether what has come of a header, four bytes or more, can still become one.</summary>
    public static bool MayBegin(ReadOnlySpan<byte> header) => header.StartsWith(Magic);

    /// <summary>Reads and checks a header by itself; after false the stream means nothing any more.</summary>
    /// <param name="header">As many bytes as have come; fewer than <see cref="Bytes"/> are <see cref="FrameFault.TooShort"/>.</param>
    /// <param name="frame">For <see cref="FrameFaults.Describe"/> as far as it was read.</param>
    /// <param name="dataChecksum">Which CRC32C the bytes behind it have.</param>
    public static bool TryRead(ReadOnlySpan<byte> header, in FrameLimits limits, out Guid volumeId, out Frame frame, out uint dataChecksum, out FrameFault fault)
    {
        frame = default;
        volumeId = default;
        dataChecksum = 0;
        fault = CheckFixed(header);
        if (fault != FrameFault.None)
        {
            return false;
        }

        volumeId = new Guid(header.Slice(8, 16), bigEndian: true);
        frame.Kind = (FrameKind)header[6];
        frame.Flags = (FrameFlags)header[7];
        frame.Attachment = BinaryPrimitives.ReadInt64LittleEndian(header[24..]);
        frame.Epoch = BinaryPrimitives.ReadInt64LittleEndian(header[32..]);
        frame.Seq = BinaryPrimitives.ReadInt64LittleEndian(header[40..]);
        frame.Stable = BinaryPrimitives.ReadInt64LittleEndian(header[48..]);
        frame.Mark = BinaryPrimitives.ReadInt64LittleEndian(header[56..]);
        frame.OffsetBytes = BinaryPrimitives.ReadInt64LittleEndian(header[64..]);
        frame.LengthBytes = BinaryPrimitives.ReadInt64LittleEndian(header[72..]);
        frame.Argument = BinaryPrimitives.ReadInt64LittleEndian(header[80..]);
        frame.DataBytes = BinaryPrimitives.ReadInt32LittleEndian(header[88..]);
        dataChecksum = BinaryPrimitives.ReadUInt32LittleEndian(header[92..]);
        fault = Check(frame, limits);
        if (fault == FrameFault.None && frame.DataBytes == 0 && dataChecksum != 0)
        {
            fault = FrameFault.ChecksumOfNothing;
        }

        return fault == FrameFault.None;
    }

    /// <summary>Whether a frame is what the table says of its kind: what the reader of the other side will look at.</summary>
    public static FrameFault Check(in Frame frame, in FrameLimits limits)
    {
        FrameRule rule = FrameTable.RuleOf(frame.Kind);
        return rule.Direction == FrameDirection.None ? FrameFault.UnknownKind
            : (rule.Direction & limits.Direction) == 0 ? FrameFault.WrongDirection
            : (frame.Flags & ~rule.Flags) != 0 ? FrameFault.UnknownFlags
            : CheckNumbers(frame, rule.Fields) is not FrameFault.None and var numbers ? numbers
            : CheckRange(frame, rule.Fields, limits) is not FrameFault.None and var range ? range
            : CheckContent(frame, rule, limits.MaxDataBytes);
    }

    private static FrameFault CheckFixed(ReadOnlySpan<byte> header) =>
        header.Length < Bytes ? FrameFault.TooShort
        : !header.StartsWith(Magic) ? FrameFault.NoFrame
        : header[4] != Version ? FrameFault.OtherVersion
        : header[5] != Bytes ? FrameFault.HeaderLength
        : Crc32C.Compute(header[..ChecksumAt]) != BinaryPrimitives.ReadUInt32LittleEndian(header[ChecksumAt..]) ? FrameFault.HeaderChecksum
        : BinaryPrimitives.ReadUInt32LittleEndian(header[96..]) != 0 ? FrameFault.NotZero
        : FrameFault.None;

    private static FrameFault CheckNumbers(in Frame frame, FrameFields fields) =>
        frame.Attachment <= 0 ? FrameFault.NoAttachment
        : frame.Epoch < ((fields & FrameFields.EpochNeeded) != 0 ? 1 : 0) ? FrameFault.Epoch
        : frame.Stable < 0 || frame.Mark < 0 ? FrameFault.Negative
        : frame.Seq < ((fields & FrameFields.SeqNeeded) != 0 ? 1 : 0) ? FrameFault.Seq
        : frame.Seq != 0 && (fields & (FrameFields.Seq | FrameFields.SeqNeeded)) == 0 ? FrameFault.Seq
        : frame.Argument != 0 && (fields & FrameFields.Argument) == 0 ? FrameFault.Argument
        : frame.Kind == FrameKind.Attribute && frame.Argument is < 1 or > byte.MaxValue ? FrameFault.Argument
        : frame.Kind == FrameKind.Detach && frame.Argument is < 0 or > (long)DetachReason.OldCopy ? FrameFault.Argument
        : FrameFault.None;

    private static FrameFault CheckRange(in Frame frame, FrameFields fields, in FrameLimits limits)
    {
        bool none = frame.OffsetBytes == 0 && frame.LengthBytes == ((fields & FrameFields.LengthOfContent) != 0 ? frame.DataBytes : 0);
        if ((fields & (FrameFields.Range | FrameFields.RangeOrNone | FrameFields.Size)) == 0 || (none && (fields & FrameFields.RangeOrNone) != 0))
        {
            return none ? FrameFault.None : FrameFault.Range;
        }

        return frame.OffsetBytes < 0 || frame.LengthBytes <= 0 || frame.LengthBytes > limits.MaxVolumeBytes || frame.OffsetBytes > limits.MaxVolumeBytes - frame.LengthBytes ? FrameFault.Range
            : (frame.OffsetBytes | frame.LengthBytes) % limits.BlockBytes != 0 ? FrameFault.Range
            : (fields & FrameFields.Size) != 0 && frame.OffsetBytes != 0 ? FrameFault.Range
            : FrameFault.None;
    }

    private static FrameFault CheckContent(in Frame frame, FrameRule rule, int maxDataBytes)
    {
        int bytes = frame.DataBytes;
        return bytes < 0 ? FrameFault.DataLength
            : bytes > maxDataBytes ? FrameFault.DataTooLong
            : rule.Content switch
            {
                FrameContent.Nothing => bytes != 0,
                FrameContent.Data => bytes != frame.LengthBytes,
                FrameContent.Bytes or FrameContent.Body => bytes < rule.MinContentBytes || bytes > rule.MaxContentBytes,
                _ => bytes != 0 && (bytes < rule.MinContentBytes || bytes > rule.MaxContentBytes),
            } ? FrameFault.DataLength
            : FrameFault.None;
    }
}
