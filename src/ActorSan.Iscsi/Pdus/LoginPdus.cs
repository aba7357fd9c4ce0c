namespace ActorSan.Iscsi.Pdus;

/// <summary>RFC 7143 §11.12.3.</summary>
public enum LoginStage : byte
{
    SecurityNegotiation = 0,
    OperationalNegotiation = 1,
    FullFeaturePhase = 3,
}

/// <summary>Status class (high byte) and detail (low byte), RFC 7143 §11.13.5.</summary>
public enum LoginStatus : ushort
{
    Success = 0x0000,
    TargetMovedTemporarily = 0x0101,
    TargetMovedPermanently = 0x0102,
    InitiatorError = 0x0200,
    AuthenticationFailure = 0x0201,
    AuthorizationFailure = 0x0202,
    NotFound = 0x0203,
    TargetRemoved = 0x0204,
    UnsupportedVersion = 0x0205,
    TooManyConnections = 0x0206,
    MissingParameter = 0x0207,
    CannotIncludeInSession = 0x0208,
    SessionTypeNotSupported = 0x0209,
    SessionDoesNotExist = 0x020A,
    InvalidDuringLogin = 0x020B,
    TargetError = 0x0300,
    ServiceUnavailable = 0x0301,
    OutOfResources = 0x0302,
}

/// <summary>
/// Login Request, RFC 7143 §11.12, as values (a login is not a hot path):
/// <code>
///   0  43h | T C 0 0 CSG(2) NSG(2) | version-max | version-min
///   4  TotalAHSLength = 0 | DataSegmentLength
///   8  ISID (6) | TSIH (2)
///  16  initiator task tag        20  CID (2) | reserved
///  24  CmdSN   28  ExpStatSN
/// </code>
/// </summary>
internal readonly record struct LoginRequest(
    bool Transit,
    bool Continue,
    byte CurrentStage,
    byte NextStage,
    byte VersionMax,
    byte VersionMin,
    ulong Isid,
    ushort Tsih,
    uint InitiatorTaskTag,
    ushort Cid,
    SerialNumber32 CmdSN,
    SerialNumber32 ExpStatSN)
{
    public static unsafe LoginRequest Read(byte* header) => new(
        Transit: (header[1] & 0x80) != 0,
        Continue: (header[1] & 0x40) != 0,
        CurrentStage: (byte)((header[1] >> 2) & 3),
        NextStage: (byte)(header[1] & 3),
        VersionMax: header[2],
        VersionMin: header[3],
        Isid: BasicHeader.ReadUInt64(header + 8) >> 16,
        Tsih: BasicHeader.ReadUInt16(header + 14),
        InitiatorTaskTag: BasicHeader.InitiatorTaskTag(header),
        Cid: BasicHeader.ReadUInt16(header + 20),
        CmdSN: BasicHeader.ReadSerial(header + 24),
        ExpStatSN: BasicHeader.ReadSerial(header + 28));
}

/// <summary>
/// Login Response, RFC 7143 §11.13:
/// <code>
///   0  23h | T C 0 0 CSG(2) NSG(2) | version-max | version-active
///   4  TotalAHSLength = 0 | DataSegmentLength
///   8  ISID (6) | TSIH (2)
///  16  initiator task tag
///  24  StatSN   28  ExpCmdSN   32  MaxCmdSN
///  36  status class | status detail
/// </code>
/// </summary>
internal static unsafe class LoginResponsePdu
{
    public const byte TransitBit = 0x80;
    public const byte ContinueBit = 0x40;

    public static void Write(byte* header, in LoginRequest request, byte flags, ushort tsih, LoginStatus status, int textBytes)
    {
        BasicHeader.Write(header, IscsiOpcode.LoginResponse, flags, textBytes, request.InitiatorTaskTag);
        BasicHeader.WriteUInt64(header + 8, (request.Isid << 16) | tsih);
        header[36] = (byte)((ushort)status >> 8);
        header[37] = (byte)status;
    }
}
