using ActorSan.Scsi;

namespace ActorSan.Iscsi.Pdus;

/// <summary>Which residual flag a response or the last Data-In carries, with the count (RFC 7143 §11.4.1, §11.4.5).</summary>
internal readonly record struct Residual(byte Flags, uint Count)
{
    public const byte OverflowBit = 0x04;
    public const byte UnderflowBit = 0x02;

    /// <summary>The same flags for the read direction of a bidirectional command: o 10h, u 08h.</summary>
    public byte BidirectionalFlags => (byte)(Flags << 2);

    /// <summary>Compares what the command wanted to transfer with what the initiator expected; neither is negative.</summary>
    public static Residual Of(long transferBytes, long expectedBytes) =>
        transferBytes > expectedBytes ? new Residual(OverflowBit, (uint)Math.Min(transferBytes - expectedBytes, uint.MaxValue))
        : transferBytes < expectedBytes ? new Residual(UnderflowBit, (uint)(expectedBytes - transferBytes))
        : default;
}

/// <summary>
/// SCSI Response, RFC 7143 §11.4:
/// <code>
///   0  21h | 1 0 0 o u O U 0 | response | status
///   4  TotalAHSLength | DataSegmentLength
///   8  reserved (8)
///  16  initiator task tag        20  SNACK tag
///  24  StatSN   28  ExpCmdSN   32  MaxCmdSN   36  ExpDataSN
///  40  bidirectional read residual count      44  residual count
///  48  sense length (2), sense data, response data
/// </code>
/// </summary>
internal static unsafe class ScsiResponsePdu
{
    /// <summary>Response code: command completed at target.</summary>
    public const byte Completed = 0x00;

    /// <summary>The sequence numbers are stamped when it is sent.</summary>
    public static void Write(byte* header, uint initiatorTaskTag, ScsiStatus status, Residual residual, Residual bidirectionalRead, uint expDataSN, int senseSegmentBytes)
    {
        byte flags = (byte)(BasicHeader.FinalBit | residual.Flags | bidirectionalRead.BidirectionalFlags);
        BasicHeader.Write(header, IscsiOpcode.ScsiResponse, flags, senseSegmentBytes, initiatorTaskTag);
        header[2] = Completed;
        header[3] = (byte)status;
        BasicHeader.WriteUInt32(header + 36, expDataSN);
        BasicHeader.WriteUInt32(header + 40, bidirectionalRead.Count);
        BasicHeader.WriteUInt32(header + 44, residual.Count);
    }

    /// <summary>The data segment of a response with sense: a two-byte length and the sense data (§11.4.7.2). Returns its length.</summary>
    public static int WriteSenseSegment(byte* segment, ReadOnlySpan<byte> sense)
    {
        BasicHeader.WriteUInt16(segment, (ushort)sense.Length);
        sense.CopyTo(new Span<byte>(segment + 2, sense.Length));
        return sense.Length + 2;
    }
}
