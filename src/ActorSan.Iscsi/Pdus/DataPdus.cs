using ActorSan.Scsi;

namespace ActorSan.Iscsi.Pdus;

/// <summary>
/// SCSI Data-Out, RFC 7143 §11.7:
/// <code>
///   0  05h | F | reserved
///   4  TotalAHSLength = 0 | DataSegmentLength
///   8  LUN (8)
///  16  initiator task tag        20  target transfer tag (FFFFFFFFh: unsolicited)
///  28  ExpStatSN   36  DataSN    40  buffer offset
/// </code>
/// </summary>
internal readonly unsafe struct DataOutPdu(byte* header)
{
    public bool Final => BasicHeader.Final(header);

    public uint TargetTransferTag => BasicHeader.ReadUInt32(header + 20);

    public SerialNumber32 DataSN => BasicHeader.ReadSerial(header + 36);

    public uint BufferOffset => BasicHeader.ReadUInt32(header + 40);
}

/// <summary>
/// SCSI Data-In, RFC 7143 §11.7:
/// <code>
///   0  25h | F A 0 0 0 O U S | reserved | status
///   4  TotalAHSLength = 0 | DataSegmentLength
///   8  LUN (8), reserved without A
///  16  initiator task tag        20  target transfer tag (FFFFFFFFh without A)
///  24  StatSN (with S)   28  ExpCmdSN   32  MaxCmdSN
///  36  DataSN   40  buffer offset   44  residual count (with S)
/// </code>
/// </summary>
internal static unsafe class DataInPdu
{
    public const byte StatusBit = 0x01;

    public static void Write(byte* header, uint initiatorTaskTag, bool final, uint dataSN, uint bufferOffset, int lengthBytes)
    {
        BasicHeader.Write(header, IscsiOpcode.DataIn, final ? BasicHeader.FinalBit : (byte)0, lengthBytes, initiatorTaskTag);
        BasicHeader.WriteUInt32(header + 20, BasicHeader.ReservedTag);
        BasicHeader.WriteUInt32(header + 36, dataSN);
        BasicHeader.WriteUInt32(header + 40, bufferOffset);
    }

    /// <summary>Phase collapse: the last Data-In carries the status, which the RFC allows where there is no sense.</summary>
    public static void AddStatus(byte* header, ScsiStatus status, Residual residual)
    {
        header[1] |= (byte)(BasicHeader.FinalBit | StatusBit | residual.Flags);
        header[3] = (byte)status;
        BasicHeader.WriteUInt32(header + 44, residual.Count);
    }
}

/// <summary>
/// Ready To Transfer, RFC 7143 §11.8:
/// <code>
///   0  31h | 80h | reserved
///   8  LUN (8)
///  16  initiator task tag        20  target transfer tag
///  24  StatSN (next, not used up)   28  ExpCmdSN   32  MaxCmdSN
///  36  R2TSN   40  buffer offset   44  desired data transfer length
/// </code>
/// </summary>
internal static unsafe class ReadyToTransferPdu
{
    public static void Write(byte* header, ulong lunField, uint initiatorTaskTag, uint targetTransferTag, SerialNumber32 r2tSN, uint bufferOffset, uint lengthBytes)
    {
        BasicHeader.Write(header, IscsiOpcode.ReadyToTransfer, BasicHeader.FinalBit, 0, initiatorTaskTag);
        BasicHeader.WriteUInt64(header + 8, lunField);
        BasicHeader.WriteUInt32(header + 20, targetTransferTag);
        BasicHeader.WriteSerial(header + 36, r2tSN);
        BasicHeader.WriteUInt32(header + 40, bufferOffset);
        BasicHeader.WriteUInt32(header + 44, lengthBytes);
    }
}
