using System.Buffers.Binary;

namespace ActorSan.Tests.Scsi.Harness;

/// <summary>CDBs and patterns, short enough for the rows of a table.</summary>
internal static class Bytes
{
    /// <summary>Hexadecimal digits, blanks ignored.</summary>
    internal static byte[] Hex(string digits) => Convert.FromHexString(digits.Replace(" ", "", StringComparison.Ordinal));

    /// <summary>A READ(10)-like CDB.</summary>
    internal static byte[] Ten(byte operationCode, uint lba, ushort blocks, byte flags = 0)
    {
        byte[] cdb = new byte[10];
        cdb[0] = operationCode;
        cdb[1] = flags;
        BinaryPrimitives.WriteUInt32BigEndian(cdb.AsSpan(2), lba);
        BinaryPrimitives.WriteUInt16BigEndian(cdb.AsSpan(7), blocks);
        return cdb;
    }

    /// <summary>A READ(12)-like CDB.</summary>
    internal static byte[] Twelve(byte operationCode, uint lba, uint blocks, byte flags = 0)
    {
        byte[] cdb = new byte[12];
        cdb[0] = operationCode;
        cdb[1] = flags;
        BinaryPrimitives.WriteUInt32BigEndian(cdb.AsSpan(2), lba);
        BinaryPrimitives.WriteUInt32BigEndian(cdb.AsSpan(6), blocks);
        return cdb;
    }

    /// <summary>A READ(16)-like CDB.</summary>
    internal static byte[] Sixteen(byte operationCode, ulong lba, uint blocks, byte flags = 0)
    {
        byte[] cdb = new byte[16];
        cdb[0] = operationCode;
        cdb[1] = flags;
        BinaryPrimitives.WriteUInt64BigEndian(cdb.AsSpan(2), lba);
        BinaryPrimitives.WriteUInt32BigEndian(cdb.AsSpan(10), blocks);
        return cdb;
    }

    /// <summary>Bytes that differ from block to block and from seed to seed.</summary>
    internal static byte[] Pattern(int bytes, int seed = 1)
    {
        byte[] data = new byte[bytes];
        for (int i = 0; i < bytes; i++)
        {
            data[i] = (byte)((i * 31) + (i >> 9) + (i >> 17) + (seed * 101));
        }

        return data;
    }
}
