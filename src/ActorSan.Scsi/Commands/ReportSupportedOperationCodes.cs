using System.Buffers.Binary;

namespace ActorSan.Scsi;

/// <summary>
/// REPORT SUPPORTED OPERATION CODES (SPC-4 §6.35): what the command table says of this unit.
/// <code>
/// CDB   2  7 RCTD  2..0 REPORTING OPTIONS   3  REQUESTED OPERATION CODE   4..5  REQUESTED SERVICE ACTION   6..9  ALLOCATION LENGTH
/// all   0..3 length after it; each: 0 operation code, 2..3 service action, 5: 1 CTDP, 0 SERVACTV, 6..7 CDB LENGTH, timeouts
/// one   1: 7 CTDP, 2..0 SUPPORT   2..3 CDB SIZE   from 4 on CDB USAGE DATA, then timeouts
/// timeouts (12 bytes)   0..1 000Ah   4..7 nominal seconds   8..11 recommended seconds
/// </code>
/// </summary>
internal static class ReportSupportedOperationCodes
{
    private const int HeaderBytes = 4;
    private const int DescriptorBytes = 8;
    private const int TimeoutBytes = 12;
    private const byte NotSupported = 0x01;
    private const byte Supported = 0x03;

    private enum Reporting
    {
        All = 0,
        OperationCode = 1,
        ServiceAction = 2,
        Either = 3,
    }

    public static readonly CommandDescriptor[] Rows =
    [
        new()
        {
            Name = "REPORT SUPPORTED OPERATION CODES",
            OperationCode = 0xA3,
            ServiceAction = 0x0C,
            Usage = [0xA3, 0x0C, 0x87, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00],
            Demand = static (_, cdb) => new CdbDemand(0, Math.Min(BinaryPrimitives.ReadUInt32BigEndian(cdb[6..]), MaxBytes)),
            Start = Start,
            Reservation = ReservationClass.Reads,
            BlockedBy = Restrictions.UnitAnywhere,
        },
    ];

    /// <summary>The longest answer: every row with its timeouts, or one row with a CDB of full length.</summary>
    private static int MaxBytes => HeaderBytes + Math.Max(CommandTable.All.Count * (DescriptorBytes + TimeoutBytes), CdbBuffer.MaxLength + TimeoutBytes);

    private static void Start(TaskState task)
    {
        bool timeouts = (task.CdbByte(2) & 0x80) != 0;
        byte operationCode = task.CdbByte(3);
        ushort serviceAction = task.CdbUInt16(4);
        bool byServiceAction = CommandTable.HasServiceActions(operationCode);
        bool known = CommandTable.KnowsOperationCode(operationCode);
        switch ((Reporting)(task.CdbByte(2) & 0x07))
        {
            case Reporting.All:
                ReportAll(task, timeouts);
                break;
            case Reporting.OperationCode when byServiceAction:
                // It takes a service action to name one command.
                task.FailCdbField(2, 2);
                break;
            case Reporting.OperationCode:
                ReportOne(task, CommandTable.Find(operationCode), timeouts);
                break;
            case Reporting.ServiceAction when known && !byServiceAction:
                task.FailCdbField(2, 2);
                break;
            case Reporting.ServiceAction:
                ReportOne(task, CommandTable.Find(operationCode, serviceAction), timeouts);
                break;
            case Reporting.Either:
                CommandDescriptor? only = byServiceAction ? CommandTable.Find(operationCode, serviceAction)
                    : serviceAction == 0 ? CommandTable.Find(operationCode)
                    : null;
                ReportOne(task, only, timeouts);
                break;
            default:
                task.FailCdbField(2, 2);
                break;
        }
    }

    private static bool Exists(TaskState task, CommandDescriptor row) => row.ExistsOn is not { } existsOn || existsOn(task.Device);

    private static void ReportAll(TaskState task, bool timeouts)
    {
        if (!task.TryRentScratch(MaxBytes))
        {
            return;
        }

        Span<byte> data = task.Scratch.Span[..MaxBytes];
        data.Clear();
        int at = HeaderBytes;
        foreach (CommandDescriptor row in CommandTable.All)
        {
            if (!Exists(task, row))
            {
                continue;
            }

            data[at] = row.OperationCode;
            BinaryPrimitives.WriteUInt16BigEndian(data[(at + 2)..], row.ServiceAction ?? 0);
            data[at + 5] = (byte)((timeouts ? 0x02 : 0) | (row.ServiceAction is null ? 0 : 0x01));
            BinaryPrimitives.WriteUInt16BigEndian(data[(at + 6)..], (ushort)row.CdbLength);
            at += DescriptorBytes;
            if (timeouts)
            {
                WriteTimeouts(data[at..], row);
                at += TimeoutBytes;
            }
        }

        BinaryPrimitives.WriteUInt32BigEndian(data, (uint)(at - HeaderBytes));
        task.EndWith(data[..at], task.CdbUInt32(6));
    }

    private static void ReportOne(TaskState task, CommandDescriptor? row, bool timeouts)
    {
        Span<byte> data = stackalloc byte[HeaderBytes + CdbBuffer.MaxLength + TimeoutBytes];
        data.Clear();
        int length = HeaderBytes;
        if (row is null || !Exists(task, row))
        {
            data[1] = NotSupported;
        }
        else
        {
            data[1] = (byte)((timeouts ? 0x80 : 0) | Supported);
            BinaryPrimitives.WriteUInt16BigEndian(data[2..], (ushort)row.CdbLength);
            row.Usage.CopyTo(data[HeaderBytes..]);
            length += row.CdbLength;
            if (timeouts)
            {
                WriteTimeouts(data[length..], row);
                length += TimeoutBytes;
            }
        }

        task.EndWith(data[..length], task.CdbUInt32(6));
    }

    private static void WriteTimeouts(Span<byte> to, CommandDescriptor row)
    {
        BinaryPrimitives.WriteUInt16BigEndian(to, TimeoutBytes - 2);
        BinaryPrimitives.WriteUInt32BigEndian(to[4..], row.NominalSeconds);
        BinaryPrimitives.WriteUInt32BigEndian(to[8..], row.RecommendedSeconds);
    }
}
