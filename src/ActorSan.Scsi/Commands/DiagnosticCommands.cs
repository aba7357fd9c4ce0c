using System.Buffers.Binary;
using ActorSan.Scsi.Background;

namespace ActorSan.Scsi;

/// <summary>
/// SEND DIAGNOSTIC (SPC-4 §6.42): byte 1: 7..5 SELF-TEST CODE, 4 PF, 2 SELFTEST, 1 DEVOFFL, 0 UNITOFFL; bytes 3..4 PARAMETER LIST LENGTH.
/// RECEIVE DIAGNOSTIC RESULTS (SPC-4 §6.32): byte 1 bit 0 PCV, byte 2 PAGE CODE, bytes 3..4 ALLOCATION LENGTH.
/// The only diagnostic page is 00h, which lists itself. A self-test changes nothing, so DEVOFFL and UNITOFFL have nothing to allow.
/// </summary>
internal static class DiagnosticCommands
{
    private const int PageFormat = 0x10;
    private const int DefaultSelfTest = 0x04;
    private const int PageHeaderBytes = 4;

    /// <summary>More than any list that is right.</summary>
    private const int MaxListBytes = 4096;

    // Page 00h: one supported page.
    private static readonly byte[] SupportedPages = [0x00, 0x00, 0x00, 0x01, 0x00];

    public static readonly CommandDescriptor[] Rows =
    [
        new()
        {
            Name = "SEND DIAGNOSTIC",
            OperationCode = 0x1D,
            Usage = [0x1D, 0xF7, 0x00, 0xFF, 0xFF, 0x00],
            Demand = static (_, cdb) => new CdbDemand(ListLength(cdb) <= MaxListBytes ? ListLength(cdb) : 0, 0),
            Start = Send,
            RecommendedSeconds = 3600,
        },
        new()
        {
            Name = "RECEIVE DIAGNOSTIC RESULTS",
            OperationCode = 0x1C,
            Usage = [0x1C, 0x01, 0xFF, 0xFF, 0xFF, 0x00],
            Demand = static (_, cdb) => new CdbDemand(0, Math.Min(ListLength(cdb), SupportedPages.Length)),
            Start = Receive,
            Reservation = ReservationClass.Reads,
            BlockedBy = Restrictions.UnitAnywhere,
        },
    ];

    private static int ListLength(ReadOnlySpan<byte> cdb) => BinaryPrimitives.ReadUInt16BigEndian(cdb[3..]);

    private static void Send(TaskState task)
    {
        byte flags = task.CdbByte(1);
        var code = (SelfTestCode)(flags >> 5);
        bool isDefault = (flags & DefaultSelfTest) != 0;
        if (code != SelfTestCode.None && isDefault)
        {
            task.FailCdbField(1, 7);
        }
        else if (code == SelfTestCode.None && !isDefault)
        {
            SendPages(task, ListLength(task.Cdb), (flags & PageFormat) != 0);
        }
        else if (ListLength(task.Cdb) != 0)
        {
            task.FailCdbField(3);
        }
        else
        {
            Test(task, code);
        }
    }

    private static void Test(TaskState task, SelfTestCode code)
    {
        SelfTest test = task.Device.SelfTest;
        switch (code)
        {
            case SelfTestCode.AbortBackground when test.IsInBackground:
                test.Abort(SelfTestOutcome.AbortedBySendDiagnostic);
                task.EndGood();
                break;
            case not (SelfTestCode.AbortBackground or (SelfTestCode)3 or (SelfTestCode)7) when test.IsRunning:
                task.Fail(task.Device.SelfTestSense());
                break;
            case SelfTestCode.BackgroundShort or SelfTestCode.BackgroundExtended:
                test.Begin(code, null);
                task.EndGood();
                break;
            case SelfTestCode.ForegroundShort or SelfTestCode.ForegroundExtended or SelfTestCode.None:
                test.Begin(code, task);
                break;
            default:
                // Reserved, or nothing to abort.
                task.FailCdbField(1, 7);
                break;
        }
    }

    private static void SendPages(TaskState task, int length, bool pageFormat)
    {
        if (length == 0)
        {
            task.EndGood();
            return;
        }

        if (!pageFormat)
        {
            // A list without PF is vendor specific, and there is none.
            task.FailCdbField(1, 4);
            return;
        }

        if (length < PageHeaderBytes || length > MaxListBytes || task.Task.DataOutLength < length)
        {
            task.FailParameterLength(3);
            return;
        }

        ReadOnlySpan<byte> list = task.DataOut[..length];
        if (list[0] != 0)
        {
            task.FailParameter(0);
        }
        else if (BinaryPrimitives.ReadUInt16BigEndian(list[2..]) != 0)
        {
            // Page 00h is sent without contents (SPC-4 §7.2.3).
            task.FailParameter(2);
        }
        else
        {
            task.EndGood(length);
        }
    }

    private static void Receive(TaskState task)
    {
        // Without PCV: the results of the last SEND DIAGNOSTIC, and no page but 00h can have been asked for.
        if ((task.CdbByte(1) & 0x01) != 0 && task.CdbByte(2) != 0)
        {
            task.FailCdbField(2);
            return;
        }

        task.EndWith(SupportedPages, ListLength(task.Cdb));
    }
}
