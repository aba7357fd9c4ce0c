using System.Buffers.Binary;

namespace ActorSan.Scsi;

/// <summary>
/// READ DEFECT DATA 10 and 12 (SBC-4 §5.20, §5.21): 4 REQ_PLIST, 3 REQ_GLIST and 2..0 the format, in byte 2 (10) or 1 (12); ALLOCATION LENGTH in bytes 7..8 or 6..9. What the
/// store under us has replaced it has replaced for itself: both lists are valid and empty, in every format that the standard defines.
/// <code>
/// (10) 1  4 PLISTV  3 GLISTV  2..0 format   2..3 length (0)      (12) 1 the same   2..3 generation (0)   4..7 length (0)
/// </code>
/// </summary>
internal static class DefectCommands
{
    public static readonly CommandDescriptor[] Rows =
    [
        new()
        {
            Name = "READ DEFECT DATA(10)",
            OperationCode = 0x37,
            Usage = [0x37, 0x00, 0x1F, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0x00],
            Demand = static (_, cdb) => new CdbDemand(0, Math.Min((int)BinaryPrimitives.ReadUInt16BigEndian(cdb[7..]), 4)),
            Start = static task => Read(task, flagsByte: 2, headerBytes: 4, task.CdbUInt16(7)),
            Reservation = ReservationClass.Reads,
            BlockedBy = Restrictions.Medium,
        },
        new()
        {
            Name = "READ DEFECT DATA(12)",
            OperationCode = 0xB7,
            Usage = [0xB7, 0x1F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00],
            Demand = static (_, cdb) => new CdbDemand(0, Math.Min(BinaryPrimitives.ReadUInt32BigEndian(cdb[6..]), 8)),
            Start = static task => Read(task, flagsByte: 1, headerBytes: 8, task.CdbUInt32(6)),
            Reservation = ReservationClass.Reads,
            BlockedBy = Restrictions.Medium,
        },
    ];

    private static void Read(TaskState task, int flagsByte, int headerBytes, long allocationLength)
    {
        byte flags = task.CdbByte(flagsByte);
        if ((flags & 0x07) >= 6)
        {
            // Vendor specific and reserved.
            task.FailCdbField(flagsByte, 2);
            return;
        }

        Span<byte> data = stackalloc byte[headerBytes];
        data.Clear();
        data[1] = (byte)(flags & 0x1F);
        task.EndWith(data, allocationLength);
    }
}
