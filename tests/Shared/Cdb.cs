using System.Buffers.Binary;

namespace ActorSan.Tests.Shared;

/// <summary>Command descriptor blocks (SPC-4, SBC-3) as 16 bytes, ready for an iSCSI header.</summary>
internal static class Cdb
{
    internal static byte[] TestUnitReady => new byte[16];

    internal static byte[] Read16(ulong lba, uint blocks, bool fua = false) => Long(0x88, lba, blocks, (byte)(fua ? 0x08 : 0));

    internal static byte[] Write16(ulong lba, uint blocks, bool fua = false) => Long(0x8A, lba, blocks, (byte)(fua ? 0x08 : 0));

    internal static byte[] WriteAtomic16(ulong lba, ushort blocks)
    {
        byte[] cdb = Long(0x9C, lba, 0, 0);
        BinaryPrimitives.WriteUInt16BigEndian(cdb.AsSpan(12), blocks);
        return cdb;
    }

    internal static byte[] SynchronizeCache10 { get; } = Make(0x35);

    internal static byte[] CompareAndWrite(ulong lba, byte blocks)
    {
        byte[] cdb = Long(0x89, lba, 0, 0);
        cdb[13] = blocks;
        return cdb;
    }

    internal static byte[] Inquiry(byte page = 0, bool vital = false, ushort length = 255) => Make(0x12, (byte)(vital ? 1 : 0), page, (byte)(length >> 8), (byte)length);

    internal static byte[] ReadCapacity16 { get; } = Make(0x9E, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32);

    internal static byte[] ReportLuns { get; } = Make(0xA0, 0, 0, 0, 0, 0, 0, 0, 16, 0);

    internal static byte[] Make(params ReadOnlySpan<byte> bytes)
    {
        byte[] cdb = new byte[16];
        bytes.CopyTo(cdb);
        return cdb;
    }

    private static byte[] Long(byte opcode, ulong lba, uint blocks, byte flags)
    {
        byte[] cdb = Make(opcode, flags);
        BinaryPrimitives.WriteUInt64BigEndian(cdb.AsSpan(2), lba);
        BinaryPrimitives.WriteUInt32BigEndian(cdb.AsSpan(10), blocks);
        return cdb;
    }
}
