using System.Buffers.Binary;
using System.Numerics;

namespace ActorSan.Tests.Shared;

/// <summary>One PDU as it stands on the wire (RFC 7143 §11.2): basic header, additional header segments, data. Nothing here prevents a wrong one: that is the point.</summary>
internal sealed class RawPdu
{
    internal const int HeaderBytes = 48;

    internal const byte NopOut = 0x00;
    internal const byte ScsiCommand = 0x01;
    internal const byte TaskManagement = 0x02;
    internal const byte Login = 0x03;
    internal const byte Text = 0x04;
    internal const byte DataOut = 0x05;
    internal const byte Logout = 0x06;
    internal const byte NopIn = 0x20;
    internal const byte ScsiResponse = 0x21;
    internal const byte TaskManagementResponse = 0x22;
    internal const byte LoginResponse = 0x23;
    internal const byte TextResponse = 0x24;
    internal const byte DataIn = 0x25;
    internal const byte LogoutResponse = 0x26;
    internal const byte ReadyToTransfer = 0x31;
    internal const byte AsyncMessage = 0x32;
    internal const byte Reject = 0x3F;

    internal RawPdu(byte opcode, bool immediate = false, byte flags = 0x80)
    {
        Header[0] = (byte)(opcode | (immediate ? 0x40 : 0));
        Header[1] = flags;
    }

    internal RawPdu(byte[] header, byte[] additional, byte[] data) => (Header, Additional, Data) = (header, additional, data);

    internal byte[] Header { get; } = new byte[HeaderBytes];

    internal byte[] Additional { get; set; } = [];

    internal byte[] Data { get; set; } = [];

    internal byte Opcode => (byte)(Header[0] & 0x3F);

    internal byte Flags
    {
        get => Header[1];
        set => Header[1] = value;
    }

    internal uint InitiatorTaskTag
    {
        get => Word(16);
        set => SetWord(16, value);
    }

    internal uint StatSn => Word(24);

    internal uint ExpCmdSn => Word(28);

    internal uint MaxCmdSn => Word(32);

    internal ulong Lun
    {
        get => BinaryPrimitives.ReadUInt64BigEndian(Header.AsSpan(8));
        set => BinaryPrimitives.WriteUInt64BigEndian(Header.AsSpan(8), value);
    }

    /// <summary>The data segment's length as the header tells it; set by <see cref="ToWire"/> unless something else is to be told.</summary>
    internal int? ClaimedDataBytes { get; set; }

    internal uint Word(int offset) => BinaryPrimitives.ReadUInt32BigEndian(Header.AsSpan(offset));

    internal void SetWord(int offset, uint value) => BinaryPrimitives.WriteUInt32BigEndian(Header.AsSpan(offset), value);

    internal byte[] ToWire(bool headerDigest, bool dataDigest)
    {
        int claimed = ClaimedDataBytes ?? Data.Length;
        Header[4] = (byte)(Additional.Length / 4);
        Header[5] = (byte)(claimed >> 16);
        Header[6] = (byte)(claimed >> 8);
        Header[7] = (byte)claimed;
        int padded = (Data.Length + 3) & ~3;
        byte[] wire = new byte[HeaderBytes + Additional.Length + (headerDigest ? 4 : 0) + padded + (dataDigest && Data.Length > 0 ? 4 : 0)];
        Header.CopyTo(wire, 0);
        Additional.CopyTo(wire, HeaderBytes);
        int at = HeaderBytes + Additional.Length;
        if (headerDigest)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(wire.AsSpan(at), Crc32C(wire.AsSpan(0, at)));
            at += 4;
        }

        Data.CopyTo(wire, at);
        if (dataDigest && Data.Length > 0)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(wire.AsSpan(at + padded), Crc32C(wire.AsSpan(at, padded)));
        }

        return wire;
    }

    /// <summary>CRC32C as RFC 7143 §13.1 asks for it; the digest travels with its least significant byte first.</summary>
    internal static uint Crc32C(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        while (bytes.Length >= 8)
        {
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
            bytes = bytes[8..];
        }

        foreach (byte each in bytes)
        {
            crc = BitOperations.Crc32C(crc, each);
        }

        return ~crc;
    }
}
