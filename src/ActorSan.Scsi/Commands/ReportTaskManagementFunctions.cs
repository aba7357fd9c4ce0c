using System.Buffers.Binary;

namespace ActorSan.Scsi;

/// <summary>
/// REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS (SPC-4 §6.36): what <see cref="TaskManager"/> does.
/// <code>
/// CDB   2  7 REPD   6..9  ALLOCATION LENGTH
/// 0  7 ATS 6 ATSS 5 CACAS 4 CTSS 3 LURS 2 QTS 1 TRS   1  2 QAES 1 QTSS 0 ITNRS   3  length after it (REPD: 0Ch)
/// 4  0 TMFTMOV   6..7  selectors: one bit for each function, zero where the long timeout is its   8..11 long, 12..15 short timeout in units of 100 ms
/// </code>
/// </summary>
internal static class ReportTaskManagementFunctions
{
    private const int ShortBytes = 4;
    private const int LongBytes = 16;

    /// <summary>ABORT TASK, ABORT TASK SET, CLEAR TASK SET, LOGICAL UNIT RESET, and iSCSI's target resets.</summary>
    private const byte Functions = 0x80 | 0x40 | 0x10 | 0x08 | 0x02;

    public static readonly CommandDescriptor[] Rows =
    [
        new()
        {
            Name = "REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS",
            OperationCode = 0xA3,
            ServiceAction = 0x0D,
            Usage = [0xA3, 0x0D, 0x80, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00],
            Demand = static (_, cdb) => new CdbDemand(0, Math.Min(BinaryPrimitives.ReadUInt32BigEndian(cdb[6..]), LongBytes)),
            Start = Start,
            Reservation = ReservationClass.Reads,
            BlockedBy = Restrictions.UnitAnywhere,
        },
    ];

    private static void Start(TaskState task)
    {
        bool extended = (task.CdbByte(2) & 0x80) != 0;
        Span<byte> data = stackalloc byte[LongBytes];
        data.Clear();
        data[0] = Functions;
        if (extended)
        {
            uint timeout = (uint)(TaskManagementOperation.DefaultTimeout.TotalMilliseconds / 100);
            data[3] = LongBytes - ShortBytes;
            data[4] = 0x01;
            BinaryPrimitives.WriteUInt32BigEndian(data[8..], timeout);
            BinaryPrimitives.WriteUInt32BigEndian(data[12..], timeout);
        }

        task.EndWith(data[..(extended ? LongBytes : ShortBytes)], task.CdbUInt32(6));
    }
}
