using System.Buffers.Binary;
using ActorSan.Scsi.Background;

namespace ActorSan.Scsi;

/// <summary>
/// SANITIZE (SBC-4 §5.35): byte 1: 7 IMMED, 6 ZNR (zoned devices only), 5 AUSE, 4..0 service action; bytes 7..8 PARAMETER LIST LENGTH, for OVERWRITE alone:
/// <code>
/// 0  7 INVERT   6..5 TEST (only 0)   4..0 OVERWRITE COUNT      2..3 INITIALIZATION PATTERN LENGTH      4.. INITIALIZATION PATTERN
/// </code>
/// Runs as HEAD OF QUEUE. Reserved fields are checked: a command that destroys everything must not be misunderstood.
/// </summary>
internal static class SanitizeCommands
{
    private const int Immediate = 0x80;
    private const int AllowExit = 0x20;
    private const int HeaderBytes = 4;
    private const int LengthField = 7;

    private const Restrictions Blocking = Restrictions.MediumWrite & ~(Restrictions.SanitizeFailed | Restrictions.FormatCorrupt);

    public static readonly CommandDescriptor[] Rows =
    [
        Row("OVERWRITE", [0x48, 0xA1, 0x00, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0x00], Overwrite, Measure),
        Row("BLOCK ERASE", [0x48, 0xA2, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00], static task => Erase(task, RewriteMethod.BlockErase)),
        new()
        {
            Name = "SANITIZE, CRYPTOGRAPHIC ERASE",
            OperationCode = 0x48,
            ServiceAction = 0x03,
            Usage = [0x48, 0xA3, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00],
            Start = static task => Erase(task, RewriteMethod.CryptoErase),
            Flags = CommandFlags.Conditional | CommandFlags.ImplicitHeadOfQueue,
            ExistsOn = static device => device.Volume.Capabilities.CryptoErase,
            BlockedBy = Blocking,
            RecommendedSeconds = 3600,
        },
        Row("EXIT FAILURE MODE", [0x48, 0x1F, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00], ExitFailureMode),
    ];

    private static CommandDescriptor Row(string name, byte[] usage, Action<TaskState> start, DemandFunction? demand = null) => new()
    {
        Name = "SANITIZE, " + name,
        OperationCode = usage[0],
        ServiceAction = (byte)(usage[1] & 0x1F),
        Usage = usage,
        Demand = demand,
        Start = start,
        Flags = CommandFlags.ImplicitHeadOfQueue,
        BlockedBy = Blocking,
        RecommendedSeconds = 3600,
    };

    private static CdbDemand Measure(BlockDevice device, ReadOnlySpan<byte> cdb)
    {
        int length = ListLength(cdb);
        return new CdbDemand(length <= HeaderBytes + device.BlockBytes ? length : 0, 0);
    }

    private static int ListLength(ReadOnlySpan<byte> cdb) => BinaryPrimitives.ReadUInt16BigEndian(cdb[LengthField..]);

    // Bits of byte 1 and bytes 2 to 6 that are reserved here; a list only where one belongs. False: the task has been ended.
    private static bool CheckReserved(TaskState task, bool takesList)
    {
        byte[] usage = task.Command.Usage;
        int length = task.Command.CdbLength - 1;
        for (int i = 1; i < length; i++)
        {
            int wrong = task.CdbByte(i) & ~usage[i];
            if (wrong != 0)
            {
                int field = i >= LengthField ? LengthField : i;
                task.FailCdbField(field, field == LengthField ? -1 : System.Numerics.BitOperations.Log2((uint)wrong));
                return false;
            }
        }

        int list = ListLength(task.Cdb);
        if (takesList && (list <= HeaderBytes || list > HeaderBytes + task.Device.BlockBytes))
        {
            task.FailCdbField(LengthField);
            return false;
        }

        return true;
    }

    private static void Overwrite(TaskState task)
    {
        if (!CheckReserved(task, takesList: true))
        {
            return;
        }

        int listLength = ListLength(task.Cdb);
        if (task.Task.DataOutLength < listLength)
        {
            task.FailParameterLength(LengthField);
            return;
        }

        ReadOnlySpan<byte> list = task.DataOut[..listLength];
        int passes = list[0] & 0x1F;
        int patternLength = BinaryPrimitives.ReadUInt16BigEndian(list[2..]);
        if ((list[0] & 0x60) != 0)
        {
            task.FailParameter(0, 6);
        }
        else if (passes == 0)
        {
            task.FailParameter(0, 4);
        }
        else if (list[1] != 0)
        {
            task.FailParameter(1);
        }
        else if (patternLength == 0 || patternLength > listLength - HeaderBytes)
        {
            task.FailParameter(2);
        }
        else
        {
            task.Cursor = listLength;
            Begin(task, new RewritePlan
            {
                Method = RewriteMethod.Overwrite,
                AllowsExit = (task.CdbByte(1) & AllowExit) != 0,
                Inverts = (list[0] & 0x80) != 0,
                Passes = (byte)passes,
                Pattern = list.Slice(HeaderBytes, patternLength).ToArray(),
            });
        }
    }

    private static void Erase(TaskState task, RewriteMethod method)
    {
        if (CheckReserved(task, takesList: false))
        {
            Begin(task, new RewritePlan { Method = method, AllowsExit = (task.CdbByte(1) & AllowExit) != 0 });
        }
    }

    private static void Begin(TaskState task, RewritePlan plan)
    {
        if (plan.AllowsExit && task.Device.Rewrite.Failure is { IsSanitize: true, AllowsExit: false })
        {
            // Who failed to sanitize for good can't turn that into a sanitize that may be given up (SBC-4 §4.11.4).
            task.FailCdbField(1, 5);
            return;
        }

        task.Device.Rewrite.Begin(task, plan, immediate: (task.CdbByte(1) & Immediate) != 0);
    }

    private static void ExitFailureMode(TaskState task)
    {
        if (!CheckReserved(task, takesList: false))
        {
            return;
        }

        switch (task.Device.Rewrite.Failure)
        {
            case { IsSanitize: true, AllowsExit: true }:
                task.Device.Rewrite.Forgive(task);
                break;
            case { IsSanitize: true }:
                task.FailCdbField(1, 4);
                break;
            default:
                task.EndGood();
                break;
        }
    }
}
