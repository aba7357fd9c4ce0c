using System.Buffers.Binary;

namespace ActorSan.Scsi.Logs;

/// <summary>
/// LOG SENSE (SPC-4 §6.7): byte 1: 1 PPC (obsolete), 0 SP; byte 2: 7..6 PC, 5..0 PAGE CODE; byte 3 SUBPAGE CODE; bytes 5..6 PARAMETER POINTER; bytes 7..8 ALLOCATION LENGTH. LOG SELECT
/// (SPC-4 §6.6): byte 1: 1 PCR, 0 SP; bytes 2, 3 as before; bytes 7..8 PARAMETER LIST LENGTH. Counters have cumulative values (PC 01b) and default ones (11b), no thresholds; they can
/// be reset, not set to a value of the initiator's; none is saved.
/// </summary>
internal static class LogCommands
{
    private const int ParameterCodeReset = 0x02;
    private const int SaveParameters = 0x01;

    public static readonly CommandDescriptor[] Rows =
    [
        new()
        {
            Name = "LOG SENSE",
            OperationCode = 0x4D,
            Usage = [0x4D, 0x00, 0xFF, 0xFF, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0x00],
            Demand = static (_, cdb) => new CdbDemand(0, Math.Min((int)BinaryPrimitives.ReadUInt16BigEndian(cdb[7..]), LogPages.MaxBytes)),
            Start = Sense,
            Reservation = ReservationClass.Allowed,
            BlockedBy = Restrictions.UnitAnywhere,
        },
        new()
        {
            Name = "LOG SELECT",
            OperationCode = 0x4C,
            Usage = [0x4C, 0x02, 0xFF, 0xFF, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0x00],
            Start = Select,
            BlockedBy = Restrictions.UnitAnywhere,
        },
    ];

    private enum PageControl
    {
        Threshold = 0,
        Cumulative = 1,
        DefaultThreshold = 2,
        DefaultCumulative = 3,
    }

    private static void Sense(TaskState task)
    {
        byte flags = task.CdbByte(1);
        byte code = (byte)(task.CdbByte(2) & 0x3F);
        byte subpage = task.CdbByte(3);
        var control = (PageControl)(task.CdbByte(2) >> 6);
        if ((flags & (ParameterCodeReset | SaveParameters)) != 0)
        {
            task.FailCdbField(1, (flags & ParameterCodeReset) != 0 ? 1 : 0);
            return;
        }

        if (!CheckPage(task, code, subpage))
        {
            return;
        }

        if (LogPages.IsCounterPage(code) && control is PageControl.Threshold or PageControl.DefaultThreshold)
        {
            task.FailCdbField(2, 7);
            return;
        }

        Span<byte> page = stackalloc byte[LogPages.MaxBytes];
        int length = task.Device.Logs.Write(code, subpage, task.CdbUInt16(5), control == PageControl.DefaultCumulative, page);
        if (length == 0)
        {
            task.FailCdbField(5);
            return;
        }

        task.EndWith(page[..length], task.CdbUInt16(7));
    }

    private static void Select(TaskState task)
    {
        byte flags = task.CdbByte(1);
        byte code = (byte)(task.CdbByte(2) & 0x3F);
        byte subpage = task.CdbByte(3);
        bool reset = (flags & ParameterCodeReset) != 0;
        if ((flags & SaveParameters) != 0)
        {
            task.FailCdbField(1, 0);
            return;
        }

        if (task.CdbUInt16(7) != 0)
        {
            // Without PCR a list would set counters, which nobody but us may; with it there must be none (SPC-4 §6.6).
            task.FailCdbField(reset ? 1 : 7, reset ? 1 : -1);
            return;
        }

        if (!CheckPage(task, code, subpage))
        {
            return;
        }

        // An empty list with PC 11b is a reset too: cumulative values become their defaults.
        if ((reset || (PageControl)(task.CdbByte(2) >> 6) == PageControl.DefaultCumulative) && (code == 0 || LogPages.IsCounterPage(code)))
        {
            task.Device.Logs.Reset(code);
            task.Device.Establish(UnitAttention.LogParametersChanged, except: task.Nexus);
        }

        task.EndGood();
    }

    private static bool CheckPage(TaskState task, byte code, byte subpage)
    {
        if (LogPages.Exists(code, subpage))
        {
            return true;
        }

        bool knownCode = LogPages.Exists(code, 0);
        task.FailCdbField(knownCode ? 3 : 2, knownCode ? -1 : 5);
        return false;
    }
}
