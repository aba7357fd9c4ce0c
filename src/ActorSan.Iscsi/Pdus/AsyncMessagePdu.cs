namespace ActorSan.Iscsi.Pdus;

/// <summary>RFC 7143 §11.9.1.</summary>
internal enum AsyncEvent : byte
{
    ScsiEvent = 0,
    RequestLogout = 1,
    DropConnection = 2,
    DropSession = 3,
    RequestNegotiation = 4,
}

/// <summary>
/// Asynchronous Message, RFC 7143 §11.9:
/// <code>
///   0  32h | 80h | reserved
///   4  TotalAHSLength = 0 | DataSegmentLength (sense and event data of event 0)
///   8  LUN (8)
///  16  FFFFFFFFh
///  24  StatSN   28  ExpCmdSN   32  MaxCmdSN
///  36  event | vendor code | parameter 1 (2)
///  40  parameter 2 (2) | parameter 3 (2)
/// </code>
/// </summary>
internal static unsafe class AsyncMessagePdu
{
    /// <summary>Parameters by event: request logout: 3 is the time to do it; drop: 1 the CID, 2 Time2Wait, 3 Time2Retain (seconds).</summary>
    public static void Write(byte* header, ulong lunField, AsyncEvent code, ushort parameter1, ushort parameter2, ushort parameter3, int dataBytes)
    {
        BasicHeader.Write(header, IscsiOpcode.AsyncMessage, BasicHeader.FinalBit, dataBytes, BasicHeader.ReservedTag);
        BasicHeader.WriteUInt64(header + 8, lunField);
        header[36] = (byte)code;
        BasicHeader.WriteUInt16(header + 38, parameter1);
        BasicHeader.WriteUInt16(header + 40, parameter2);
        BasicHeader.WriteUInt16(header + 42, parameter3);
    }
}
