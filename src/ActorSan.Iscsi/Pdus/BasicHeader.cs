using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace ActorSan.Iscsi.Pdus;

/// <summary>RFC 7143 §11.2.1.2; initiator opcodes 00h to 1Fh, target opcodes 20h to 3Fh.</summary>
public enum IscsiOpcode : byte
{
    NopOut = 0x00,
    ScsiCommand = 0x01,
    TaskManagementRequest = 0x02,
    LoginRequest = 0x03,
    TextRequest = 0x04,
    DataOut = 0x05,
    LogoutRequest = 0x06,
    SnackRequest = 0x10,
    NopIn = 0x20,
    ScsiResponse = 0x21,
    TaskManagementResponse = 0x22,
    LoginResponse = 0x23,
    TextResponse = 0x24,
    DataIn = 0x25,
    LogoutResponse = 0x26,
    ReadyToTransfer = 0x31,
    AsyncMessage = 0x32,
    Reject = 0x3F,
}

/// <summary>
/// The basic header segment, 48 bytes, big-endian (RFC 7143 §11.2.1):
/// <code>
///   0  .I opcode | F + opcode specific (3 bytes)
///   4  TotalAHSLength (4-byte words) | DataSegmentLength (24 bits, bytes, padding not counted)
///   8  LUN, or opcode specific (8 bytes)
///  16  initiator task tag
///  20  opcode specific (28 bytes)
/// </code>
/// </summary>
internal static unsafe class BasicHeader
{
    public const int LengthBytes = 48;
    public const int DigestBytes = 4;

    /// <summary>The tag that names nothing: ITT of a NOP that wants no answer, TTT where none is given.</summary>
    public const uint ReservedTag = 0xFFFF_FFFF;

    public const byte FinalBit = 0x80;

    public static IscsiOpcode Opcode(byte* header) => (IscsiOpcode)(header[0] & 0x3F);

    public static bool Immediate(byte* header) => (header[0] & 0x40) != 0;

    public static bool Final(byte* header) => (header[1] & FinalBit) != 0;

    /// <summary>In bytes: the field counts words of four.</summary>
    public static int AhsBytes(byte* header) => header[4] * 4;

    public static int DataSegmentLength(byte* header) => (header[5] << 16) | (header[6] << 8) | header[7];

    public static ulong LunField(byte* header) => ReadUInt64(header + 8);

    public static uint InitiatorTaskTag(byte* header) => ReadUInt32(header + 16);

    /// <summary>Bytes that fill a segment up to a multiple of four.</summary>
    public static int Padding(int lengthBytes) => -lengthBytes & 3;

    /// <summary>Zeroes the 48 bytes and sets opcode, byte 1, data segment length and task tag.</summary>
    public static void Write(byte* header, IscsiOpcode opcode, byte flags, int dataSegmentLength, uint initiatorTaskTag)
    {
        Unsafe.InitBlockUnaligned(header, 0, LengthBytes);
        header[0] = (byte)opcode;
        header[1] = flags;
        SetDataSegmentLength(header, dataSegmentLength);
        WriteUInt32(header + 16, initiatorTaskTag);
    }

    public static void SetDataSegmentLength(byte* header, int lengthBytes)
    {
        header[5] = (byte)(lengthBytes >> 16);
        header[6] = (byte)(lengthBytes >> 8);
        header[7] = (byte)lengthBytes;
    }

    public static ushort ReadUInt16(byte* at) => BinaryPrimitives.ReverseEndianness(Unsafe.ReadUnaligned<ushort>(at));

    public static uint ReadUInt32(byte* at) => BinaryPrimitives.ReverseEndianness(Unsafe.ReadUnaligned<uint>(at));

    public static ulong ReadUInt64(byte* at) => BinaryPrimitives.ReverseEndianness(Unsafe.ReadUnaligned<ulong>(at));

    public static SerialNumber32 ReadSerial(byte* at) => new(ReadUInt32(at));

    public static void WriteUInt16(byte* at, ushort value) => Unsafe.WriteUnaligned(at, BinaryPrimitives.ReverseEndianness(value));

    public static void WriteUInt32(byte* at, uint value) => Unsafe.WriteUnaligned(at, BinaryPrimitives.ReverseEndianness(value));

    public static void WriteUInt64(byte* at, ulong value) => Unsafe.WriteUnaligned(at, BinaryPrimitives.ReverseEndianness(value));

    public static void WriteSerial(byte* at, SerialNumber32 value) => WriteUInt32(at, value.Value);
}
