namespace ActorSan.Iscsi.Pdus;

/// <summary>
/// NOP-Out, RFC 7143 §11.18:
/// <code>
///   0  .I 00h | 80h | reserved
///   4  TotalAHSLength = 0 | DataSegmentLength (ping data)
///   8  LUN (8)
///  16  initiator task tag (FFFFFFFFh: no answer wanted)   20  target transfer tag (FFFFFFFFh: not an answer to a NOP-In)
///  24  CmdSN   28  ExpStatSN
/// </code>
/// </summary>
internal readonly unsafe struct NopOutPdu(byte* header)
{
    public uint TargetTransferTag => BasicHeader.ReadUInt32(header + 20);
}

/// <summary>
/// NOP-In, RFC 7143 §11.19:
/// <code>
///   0  20h | 80h | reserved
///   4  TotalAHSLength = 0 | DataSegmentLength (returned ping data)
///   8  LUN (8)
///  16  initiator task tag (FFFFFFFFh: ours)   20  target transfer tag (FFFFFFFFh: no answer wanted)
///  24  StatSN (used up only as an answer)   28  ExpCmdSN   32  MaxCmdSN
/// </code>
/// </summary>
internal static unsafe class NopInPdu
{
    public static void Write(byte* header, ulong lunField, uint initiatorTaskTag, uint targetTransferTag, int dataBytes)
    {
        BasicHeader.Write(header, IscsiOpcode.NopIn, BasicHeader.FinalBit, dataBytes, initiatorTaskTag);
        BasicHeader.WriteUInt64(header + 8, lunField);
        BasicHeader.WriteUInt32(header + 20, targetTransferTag);
    }
}
