namespace ActorSan.Iscsi.Pdus;

/// <summary>
/// Text Request, RFC 7143 §11.10:
/// <code>
///   0  .I 04h | F C | reserved
///   4  TotalAHSLength = 0 | DataSegmentLength
///   8  LUN (8)
///  16  initiator task tag        20  target transfer tag
///  24  CmdSN   28  ExpStatSN
/// </code>
/// </summary>
internal readonly unsafe struct TextRequestPdu(byte* header)
{
    public bool Final => BasicHeader.Final(header);

    public bool Continue => (header[1] & 0x40) != 0;

    public uint TargetTransferTag => BasicHeader.ReadUInt32(header + 20);
}

/// <summary>
/// Text Response, RFC 7143 §11.11:
/// <code>
///   0  24h | F C | reserved
///   4  TotalAHSLength = 0 | DataSegmentLength
///   8  LUN (8)
///  16  initiator task tag        20  target transfer tag (FFFFFFFFh with F)
///  24  StatSN   28  ExpCmdSN   32  MaxCmdSN
/// </code>
/// </summary>
internal static unsafe class TextResponsePdu
{
    public const byte ContinueBit = 0x40;

    public static void Write(byte* header, ulong lunField, uint initiatorTaskTag, uint targetTransferTag, byte flags, int textBytes)
    {
        BasicHeader.Write(header, IscsiOpcode.TextResponse, flags, textBytes, initiatorTaskTag);
        BasicHeader.WriteUInt64(header + 8, lunField);
        BasicHeader.WriteUInt32(header + 20, targetTransferTag);
    }
}
