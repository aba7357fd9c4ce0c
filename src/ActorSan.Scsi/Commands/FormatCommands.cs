using System.Buffers.Binary;
using ActorSan.Scsi.Background;

namespace ActorSan.Scsi;

/// <summary>
/// FORMAT UNIT (SBC-4 §5.4): byte 1: 7..6 FMTPINFO (only 0), 5 LONGLIST, 4 FMTDATA, 3 CMPLST, 2..0 DEFECT LIST FORMAT; byte 4: 1..0 FFMT (only 0). With FMTDATA a parameter list:
/// <code>
/// header  0 2..0 PROTECTION FIELD USAGE (only 0)   1 7 FOV  6 DPRY  5 DCRT  4 STPF  3 IP  1 IMMED
///         short: 2..3 DEFECT LIST LENGTH (only 0)     long: 3 protection information (only 0)   4..7 DEFECT LIST LENGTH (only 0)
/// with IP 0 7..6 IP MODIFIER (only 0)  5 SI (only 0)   1 PATTERN TYPE (0 default, 1 repeat)   2..3 PATTERN LENGTH   4.. pattern
/// </code>
/// Every block becomes zero (unmapped on a thin volume) or holds the pattern. The geometry is the volume's and stays; there are no defect lists to keep or to take.
/// </summary>
internal static class FormatCommands
{
    private const int LongList = 0x20;
    private const int FormatData = 0x10;
    private const int FormatOptionsValid = 0x80;
    private const int FormatOptions = 0x78;
    private const int InitializationPattern = 0x08;
    private const int Immediate = 0x02;
    private const int PatternHeaderBytes = 4;

    public static readonly CommandDescriptor[] Rows =
    [
        new()
        {
            Name = "FORMAT UNIT",
            OperationCode = 0x04,
            Usage = [0x04, 0x3F, 0x00, 0x00, 0x00, 0x00],
            // The CDB has no length: the longest list that is ever right.
            Demand = static (device, cdb) => new CdbDemand((cdb[1] & FormatData) != 0 ? HeaderLength(cdb) + PatternHeaderBytes + device.BlockBytes : 0, 0),
            Start = Start,
            BlockedBy = Restrictions.MediumWrite & ~Restrictions.FormatCorrupt,
            RecommendedSeconds = 3600,
        },
    ];

    private static int HeaderLength(ReadOnlySpan<byte> cdb) => (cdb[1] & LongList) != 0 ? 8 : 4;

    private static void Start(TaskState task)
    {
        byte flags = task.CdbByte(1);
        bool hasList = (flags & FormatData) != 0;
        int defectFormat = flags & 0x07;
        if ((flags & 0xC0) != 0)
        {
            task.FailCdbField(1, 7);
        }
        else if (defectFormat is 1 or 2 or 6 or 7 || (!hasList && defectFormat != 0))
        {
            task.FailCdbField(1, 2);
        }
        else if (task.CdbByte(4) != 0)
        {
            task.FailCdbField(4, System.Numerics.BitOperations.Log2(task.CdbByte(4)));
        }
        else if (!hasList)
        {
            Begin(task, [], immediate: false);
        }
        else
        {
            ParseList(task);
        }
    }

    private static void ParseList(TaskState task)
    {
        ReadOnlySpan<byte> list = task.DataOut;
        int headerBytes = HeaderLength(task.Cdb);
        if (list.Length < headerBytes)
        {
            // There is no length field to point at.
            task.Fail(SenseKey.IllegalRequest, AdditionalSense.ParameterListLengthError);
            return;
        }

        byte options = list[1];
        bool longHeader = headerBytes == 8;
        uint defects = longHeader ? BinaryPrimitives.ReadUInt32BigEndian(list[4..]) : BinaryPrimitives.ReadUInt16BigEndian(list[2..]);
        if ((list[0] & 0x07) != 0)
        {
            task.FailParameter(0, 2);
        }
        else if ((options & FormatOptionsValid) == 0 && (options & FormatOptions) != 0)
        {
            task.FailParameter(1, System.Numerics.BitOperations.Log2((uint)(options & FormatOptions)));
        }
        else if (longHeader && list[3] != 0)
        {
            task.FailParameter(3, System.Numerics.BitOperations.Log2(list[3]));
        }
        else if (defects != 0)
        {
            task.FailParameter(longHeader ? 4 : 2);
        }
        else if ((options & InitializationPattern) != 0)
        {
            ParsePattern(task, headerBytes, (options & Immediate) != 0);
        }
        else
        {
            task.Cursor = headerBytes;
            Begin(task, [], (options & Immediate) != 0);
        }
    }

    private static void ParsePattern(TaskState task, int at, bool immediate)
    {
        ReadOnlySpan<byte> descriptor = task.DataOut[at..];
        if (descriptor.Length < PatternHeaderBytes)
        {
            task.Fail(SenseKey.IllegalRequest, AdditionalSense.ParameterListLengthError);
            return;
        }

        int patternLength = BinaryPrimitives.ReadUInt16BigEndian(descriptor[2..]);
        bool isDefault = descriptor[1] == 0;
        if ((descriptor[0] & 0xC0) != 0)
        {
            task.FailParameter(at, 7);
        }
        else if ((descriptor[0] & 0x20) != 0)
        {
            // Blocks that no address reaches any more are not ours to write: SI is not supported.
            task.FailParameter(at, 5);
        }
        else if (descriptor[1] > 1)
        {
            task.FailParameter(at + 1);
        }
        else if (isDefault ? patternLength != 0 : patternLength == 0 || patternLength > task.Device.BlockBytes)
        {
            task.FailParameter(at + 2);
        }
        else if (patternLength > descriptor.Length - PatternHeaderBytes)
        {
            task.Fail(SenseKey.IllegalRequest, AdditionalSense.ParameterListLengthError);
        }
        else
        {
            task.Cursor = at + PatternHeaderBytes + patternLength;
            Begin(task, descriptor.Slice(PatternHeaderBytes, patternLength).ToArray(), immediate);
        }
    }

    private static void Begin(TaskState task, byte[] pattern, bool immediate)
    {
        var plan = new RewritePlan { Method = pattern.Length == 0 ? RewriteMethod.Format : RewriteMethod.FormatWithPattern, Pattern = pattern };
        task.Device.Rewrite.Begin(task, plan, immediate);
    }
}
