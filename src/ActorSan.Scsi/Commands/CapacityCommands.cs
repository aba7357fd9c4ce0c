using System.Buffers.Binary;
using System.Numerics;
using ActorSan.Storage.Blocks;

namespace ActorSan.Scsi;

/// <summary>
/// READ CAPACITY 10 and 16 (SBC-4 §5.18, §5.19).
/// <code>
/// (10) 0..3 last LBA (FFFFFFFFh: ask with 16)   4..7 block length in bytes
/// (16) 0..7 last LBA   8..11 block length   12 PROTECTION   13 3..0 LBPPBE   14..15 7 LBPME   6 LBPRZ   lowest aligned LBA
/// </code>
/// </summary>
internal static class CapacityCommands
{
    public static readonly CommandDescriptor[] Rows =
    [
        new()
        {
            Name = "READ CAPACITY(10)",
            OperationCode = 0x25,
            Usage = [0x25, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00, 0x01, 0x00],
            Demand = static (_, _) => new CdbDemand(0, 8),
            Start = Read10,
            Reservation = ReservationClass.Allowed,
            BlockedBy = Restrictions.Medium,
        },
        new()
        {
            Name = "READ CAPACITY(16)",
            OperationCode = 0x9E,
            ServiceAction = 0x10,
            Usage = [0x9E, 0x10, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01, 0x00],
            Demand = static (_, cdb) => new CdbDemand(0, Math.Min(BinaryPrimitives.ReadUInt32BigEndian(cdb[10..]), 32)),
            Start = Read16,
            Reservation = ReservationClass.Allowed,
            BlockedBy = Restrictions.Medium,
        },
    ];

    private static void Read10(TaskState task)
    {
        // PMI is obsolete: an LBA without it is an error (SBC-3 §5.15).
        if ((task.CdbByte(8) & 0x01) == 0 && task.CdbUInt32(2) != 0)
        {
            task.FailCdbField(2);
            return;
        }

        Span<byte> data = stackalloc byte[8];
        BinaryPrimitives.WriteUInt32BigEndian(data, (uint)Math.Min(task.Device.BlockCount - 1, uint.MaxValue));
        BinaryPrimitives.WriteUInt32BigEndian(data[4..], (uint)task.Device.BlockBytes);
        task.EndWith(data, data.Length);
    }

    private static void Read16(TaskState task)
    {
        if ((task.CdbByte(14) & 0x01) == 0 && task.CdbUInt64(2) != 0)
        {
            task.FailCdbField(2);
            return;
        }

        VolumeGeometry geometry = task.Device.Volume.Geometry;
        Span<byte> data = stackalloc byte[32];
        data.Clear();
        BinaryPrimitives.WriteUInt64BigEndian(data, (ulong)(task.Device.BlockCount - 1));
        BinaryPrimitives.WriteUInt32BigEndian(data[8..], (uint)geometry.LogicalBlockBytes);
        data[13] = (byte)BitOperations.Log2((uint)(geometry.PhysicalBlockBytes / geometry.LogicalBlockBytes));
        int alignedLba = geometry.AlignmentOffsetBytes / geometry.LogicalBlockBytes & 0x3FFF;
        BinaryPrimitives.WriteUInt16BigEndian(data[14..], (ushort)((task.Device.Volume.Capabilities.Thin ? 0xC000 : 0) | alignedLba));
        task.EndWith(data, task.CdbUInt32(10));
    }
}
