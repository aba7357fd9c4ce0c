using System.Buffers.Binary;

namespace ActorSan.Workload.Paths;

/// <summary>A command as it is sent, on any path and as often as it takes: CDB, and what goes out or how much comes in.</summary>
internal sealed record ScsiCommand(byte[] Cdb, byte[]? Out, int InBytes)
{
    /// <summary>FUA, DPO are in byte 1 of READ(16), WRITE(16) and COMPARE AND WRITE (SBC-3 §5.2, §5.14, §5.40).</summary>
    private const byte ForceUnitAccess = 0x08;

    internal static ScsiCommand Read(long block, int count, int blockBytes) => new(Blocks(0x88, block, count, 0), null, count * blockBytes);

    internal static ScsiCommand Write(long block, int count, byte[] data, bool fua) => new(Blocks(0x8A, block, count, fua ? ForceUnitAccess : (byte)0), data, 0);

    /// <param name="data">The block that is expected, then the one to write.</param>
    /// <param name="block">One block only.</param>
    internal static ScsiCommand CompareAndWrite(long block, byte[] data)
    {
        byte[] cdb = new byte[16];
        cdb[0] = 0x89;
        BinaryPrimitives.WriteInt64BigEndian(cdb.AsSpan(2), block);
        cdb[13] = 1;
        return new ScsiCommand(cdb, data, 0);
    }

    /// <summary>SYNCHRONIZE CACHE (16) of the whole unit (SBC-3 §5.23).</summary>
    internal static ScsiCommand Flush() => new(Blocks(0x91, 0, 0, 0), null, 0);

    /// <summary>READ CAPACITY (16) (SBC-3 §5.16).</summary>
    internal static ScsiCommand ReadCapacity()
    {
        byte[] cdb = new byte[16];
        cdb[0] = 0x9E;
        cdb[1] = 0x10;
        cdb[13] = 32;
        return new ScsiCommand(cdb, null, 32);
    }

    /// <summary>PERSISTENT RESERVE IN (SPC-4 §6.15): READ KEYS 0, READ RESERVATION 1.</summary>
    internal static ScsiCommand ReserveIn(int action, int bytes)
    {
        byte[] cdb = new byte[10];
        cdb[0] = 0x5E;
        cdb[1] = (byte)action;
        BinaryPrimitives.WriteUInt16BigEndian(cdb.AsSpan(7), (ushort)bytes);
        return new ScsiCommand(cdb, null, bytes);
    }

    /// <summary>PERSISTENT RESERVE OUT (SPC-4 §6.16), for all target ports and kept through a loss of power (ALL_TG_PT, APTPL) where it registers.</summary>
    internal static ScsiCommand ReserveOut(int action, int type, ulong key, ulong newKey)
    {
        byte[] cdb = new byte[10];
        cdb[0] = 0x5F;
        cdb[1] = (byte)action;
        cdb[2] = (byte)type;
        cdb[8] = 24;
        byte[] list = new byte[24];
        BinaryPrimitives.WriteUInt64BigEndian(list, key);
        BinaryPrimitives.WriteUInt64BigEndian(list.AsSpan(8), newKey);
        list[20] = action is 0 or 6 ? (byte)0x05 : (byte)0;
        return new ScsiCommand(cdb, list, 0);
    }

    private static byte[] Blocks(byte opcode, long block, int count, byte flags)
    {
        byte[] cdb = new byte[16];
        cdb[0] = opcode;
        cdb[1] = flags;
        BinaryPrimitives.WriteInt64BigEndian(cdb.AsSpan(2), block);
        BinaryPrimitives.WriteInt32BigEndian(cdb.AsSpan(10), count);
        return cdb;
    }
}
