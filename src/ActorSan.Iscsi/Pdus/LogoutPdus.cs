namespace ActorSan.Iscsi.Pdus;

/// <summary>RFC 7143 §11.14.1.</summary>
internal enum LogoutReason : byte
{
    CloseSession = 0,
    CloseConnection = 1,
    RemoveConnectionForRecovery = 2,
}

/// <summary>RFC 7143 §11.15.1.</summary>
internal enum LogoutResponse : byte
{
    Closed = 0,
    CidNotFound = 1,
    RecoveryNotSupported = 2,
    CleanupFailed = 3,
}

/// <summary>
/// Logout Request, RFC 7143 §11.14:
/// <code>
///   0  .I 06h | 1 reason(7) | reserved
///  16  initiator task tag        20  CID (2) | reserved
///  24  CmdSN   28  ExpStatSN
/// </code>
/// </summary>
internal readonly unsafe struct LogoutRequestPdu(byte* header)
{
    /// <summary>May be a value that no reason has.</summary>
    public LogoutReason Reason => (LogoutReason)(header[1] & 0x7F);

    public ushort Cid => BasicHeader.ReadUInt16(header + 20);
}

/// <summary>
/// Logout Response, RFC 7143 §11.15:
/// <code>
///   0  26h | 80h | response | reserved
///  16  initiator task tag
///  24  StatSN   28  ExpCmdSN   32  MaxCmdSN
///  40  Time2Wait (2, seconds) | Time2Retain (2)
/// </code>
/// </summary>
internal static unsafe class LogoutResponsePdu
{
    public static void Write(byte* header, uint initiatorTaskTag, LogoutResponse response, ushort time2Wait, ushort time2Retain)
    {
        BasicHeader.Write(header, IscsiOpcode.LogoutResponse, BasicHeader.FinalBit, 0, initiatorTaskTag);
        header[2] = (byte)response;
        BasicHeader.WriteUInt16(header + 40, time2Wait);
        BasicHeader.WriteUInt16(header + 42, time2Retain);
    }
}
