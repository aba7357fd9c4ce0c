namespace ActorSan.Iscsi.Pdus;

/// <summary>RFC 7143 §11.17.1.</summary>
internal enum RejectReason : byte
{
    DataDigestError = 0x02,
    SnackReject = 0x03,
    ProtocolError = 0x04,
    CommandNotSupported = 0x05,
    ImmediateCommandReject = 0x06,
    TaskInProgress = 0x07,
    InvalidDataAck = 0x08,
    InvalidPduField = 0x09,
    LongOperationReject = 0x0A,
    WaitingForLogout = 0x0C,
}

/// <summary>
/// Reject, RFC 7143 §11.17; its data segment is the complete header of the rejected PDU, without digest:
/// <code>
///   0  3Fh | 80h | reason | reserved
///   4  TotalAHSLength = 0 | DataSegmentLength
///  16  FFFFFFFFh
///  24  StatSN   28  ExpCmdSN   32  MaxCmdSN   36  DataSN/R2TSN
/// </code>
/// </summary>
internal static unsafe class RejectPdu
{
    public static void Write(byte* header, RejectReason reason, int rejectedHeaderBytes)
    {
        BasicHeader.Write(header, IscsiOpcode.Reject, BasicHeader.FinalBit, rejectedHeaderBytes, BasicHeader.ReservedTag);
        header[2] = (byte)reason;
    }
}
