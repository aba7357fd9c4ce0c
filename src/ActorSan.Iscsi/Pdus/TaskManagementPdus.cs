using ActorSan.Scsi;

namespace ActorSan.Iscsi.Pdus;

/// <summary>
/// Task Management Function Request, RFC 7143 §11.5:
/// <code>
///   0  .I 02h | 1 function(7) | reserved (2)
///   4  TotalAHSLength = 0 | DataSegmentLength = 0
///   8  LUN (8)
///  16  initiator task tag        20  referenced task tag
///  24  CmdSN   28  ExpStatSN     32  RefCmdSN   36  ExpDataSN
/// </code>
/// </summary>
internal readonly unsafe struct TaskManagementRequestPdu(byte* header)
{
    /// <summary>May be a value that no function has.</summary>
    public TaskManagementFunction Function => (TaskManagementFunction)(header[1] & 0x7F);

    public uint ReferencedTaskTag => BasicHeader.ReadUInt32(header + 20);

    public SerialNumber32 CmdSN => BasicHeader.ReadSerial(header + 24);

    public SerialNumber32 RefCmdSN => BasicHeader.ReadSerial(header + 32);
}

/// <summary>
/// Task Management Function Response, RFC 7143 §11.6:
/// <code>
///   0  22h | 80h | response | reserved
///  16  initiator task tag
///  24  StatSN   28  ExpCmdSN   32  MaxCmdSN
/// </code>
/// </summary>
internal static unsafe class TaskManagementResponsePdu
{
    public static void Write(byte* header, uint initiatorTaskTag, TaskManagementResponse response)
    {
        BasicHeader.Write(header, IscsiOpcode.TaskManagementResponse, BasicHeader.FinalBit, 0, initiatorTaskTag);
        header[2] = (byte)response;
    }
}
