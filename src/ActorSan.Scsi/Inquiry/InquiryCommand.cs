using System.Buffers.Binary;

namespace ActorSan.Scsi.Inquiry;

/// <summary>
/// INQUIRY (SPC-4 §6.6): byte 1 bit 0 EVPD, byte 2 PAGE CODE, bytes 3..4 ALLOCATION LENGTH.
/// </summary>
internal static class InquiryCommand
{
    public static readonly CommandDescriptor[] Rows =
    [
        new()
        {
            Name = "INQUIRY",
            OperationCode = 0x12,
            Usage = [0x12, 0x01, 0xFF, 0xFF, 0xFF, 0x00],
            Demand = static (_, cdb) => new CdbDemand(0, Math.Min(AllocationLength(cdb), VpdPages.MaxBytes)),
            Start = Start,
            Flags = CommandFlags.IgnoresAttention | CommandFlags.ImplicitHeadOfQueue,
            Reservation = ReservationClass.Allowed,
            BlockedBy = Restrictions.None,
        },
    ];

    public static int AllocationLength(ReadOnlySpan<byte> cdb) => BinaryPrimitives.ReadUInt16BigEndian(cdb[3..]);

    private static void Start(TaskState task)
    {
        byte pageCode = task.CdbByte(2);
        bool vital = (task.CdbByte(1) & 0x01) != 0;
        if ((task.CdbByte(1) & 0x02) != 0)
        {
            // CMDDT, obsolete since SPC-3.
            task.FailCdbField(1, 1);
            return;
        }

        if (!vital && pageCode != 0)
        {
            task.FailCdbField(2);
            return;
        }

        Span<byte> data = stackalloc byte[VpdPages.MaxBytes];
        int length = StandardInquiry.Bytes;
        if (vital)
        {
            length = VpdPages.Write(task, pageCode, data);
            if (length == 0)
            {
                task.FailCdbField(2);
                return;
            }
        }
        else
        {
            StandardInquiry.Write(
                data, task.Device.Peripheral, task.Device.Settings, CommandTable.KnowsOperationCode(0x83), portGroups: true);
        }

        task.EndWith(data[..length], AllocationLength(task.Cdb));
    }
}
