using System.Buffers.Binary;

namespace ActorSan.Scsi.Inquiry;

/// <summary>
/// REPORT LUNS (SPC-4 §6.33): byte 2 SELECT REPORT, bytes 6..9 ALLOCATION LENGTH. The parameter data: bytes 0..3 LUN LIST LENGTH, from 8 on the LUNs. The list is
/// that of the nexus' view, whatever unit was asked.
/// </summary>
internal static class ReportLuns
{
    /// <summary>The most that is returned: the bound of the LUN list of one target.</summary>
    public const int MaxBytes = 8 + (8 * 16384);

    public static readonly CommandDescriptor[] Rows =
    [
        new()
        {
            Name = "REPORT LUNS",
            OperationCode = 0xA0,
            Usage = [0xA0, 0x00, 0xFF, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00],
            Demand = static (_, cdb) => Measure(cdb),
            Start = Start,
            Flags = CommandFlags.IgnoresAttention | CommandFlags.ImplicitHeadOfQueue,
            Reservation = ReservationClass.Allowed,
            BlockedBy = Restrictions.None,
        },
    ];

    public static uint AllocationLength(ReadOnlySpan<byte> cdb) => BinaryPrimitives.ReadUInt32BigEndian(cdb[6..]);

    public static CdbDemand Measure(ReadOnlySpan<byte> cdb) => new(0, Math.Min(AllocationLength(cdb), MaxBytes));

    /// <summary>The parameter data; null for a SELECT REPORT that is not known.</summary>
    public static byte[]? Build(LunView view, byte selectReport)
    {
        bool units = selectReport is 0x00 or 0x02;
        bool wellKnown = selectReport is 0x01 or 0x02;
        if (!units && !wellKnown)
        {
            return null;
        }

        int count = (units ? view.All.Count : 0) + (wellKnown ? 1 : 0);
        byte[] data = new byte[8 + (8 * count)];
        BinaryPrimitives.WriteUInt32BigEndian(data, (uint)(8 * count));
        int at = 8;
        if (units)
        {
            foreach (LunNexus unit in view.All)
            {
                BinaryPrimitives.WriteUInt64BigEndian(data.AsSpan(at), LunView.FieldOf(unit.Lun));
                at += 8;
            }
        }

        if (wellKnown)
        {
            BinaryPrimitives.WriteUInt64BigEndian(data.AsSpan(at), LunView.ReportLunsField);
        }

        return data;
    }

    private static void Start(TaskState task)
    {
        byte[]? data = Build(task.Nexus.LunNexus.View, task.CdbByte(2));
        if (data is null)
        {
            task.FailCdbField(2);
            return;
        }

        // SPC-4 §6.33: the list was read, so the news of its change is none any more.
        task.Nexus.Attentions.Remove(UnitAttention.ReportedLunsDataChanged);
        task.EndWith(data, AllocationLength(task.Cdb));
    }
}
