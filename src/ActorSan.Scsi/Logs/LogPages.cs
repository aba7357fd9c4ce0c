using System.Buffers.Binary;
using ActorSan.Scsi.Background;

namespace ActorSan.Scsi.Logs;

/// <summary>
/// The log pages of a unit (SPC-4 §7.3): what it counts, and nothing that it doesn't know. Counters are from the opening of the unit or the last LOG SELECT that reset them;
/// the statistics under them, which metrics read, are never reset. Home thread only.
/// </summary>
internal sealed class LogPages(BlockDevice device)
{
    /// <summary>More than any page: self-test results have 404 bytes.</summary>
    public const int MaxBytes = 512;

    /// <summary>SUBPAGE CODE FFh: with page 00h the list of all pages and subpages.</summary>
    public const byte AllSubpages = 0xFF;

    private const byte SupportedPages = 0x00;
    private const byte WriteErrors = 0x02;
    private const byte ReadErrors = 0x03;
    private const byte VerifyErrors = 0x05;
    private const byte NonMediumErrors = 0x06;
    private const byte SelfTestResults = 0x10;
    private const byte GeneralStatistics = 0x19;
    private const byte InformationalExceptions = 0x2F;

    /// <summary>TSD: no counter is saved by itself.</summary>
    private const byte NotSaved = 0x20;

    /// <summary>FORMAT AND LINKING 11b: a binary list, not a counter.</summary>
    private const byte BinaryList = 0x03;

    private static readonly byte[] Codes =
        [SupportedPages, WriteErrors, ReadErrors, VerifyErrors, NonMediumErrors, SelfTestResults, GeneralStatistics, InformationalExceptions];

    // What each counter page counts from.
    private readonly Dictionary<byte, UnitStatistics> _bases = [];

    /// <summary>Pages of counters: the only ones for which PC tells cumulative values from others, and which LOG SELECT can reset.</summary>
    public static bool IsCounterPage(byte code) => code is WriteErrors or ReadErrors or VerifyErrors or NonMediumErrors or GeneralStatistics;

    public static bool Exists(byte code, byte subpage) =>
        subpage == 0 ? Array.IndexOf(Codes, code) >= 0 : code == SupportedPages && subpage == AllSubpages;

    /// <summary>Resets the counters of one page, or of all (page 00h).</summary>
    public void Reset(byte code)
    {
        UnitStatistics now = device.Statistics.Copy();
        foreach (byte known in Codes)
        {
            if (IsCounterPage(known) && (code == SupportedPages || code == known))
            {
                _bases[known] = now;
            }
        }
    }

    /// <summary>
    /// The page with its header: parameters from code <paramref name="from"/> on. 0 when no parameter has so high a code. <paramref name="defaults"/>: default values of
    /// counters (zero) in place of the current ones.
    /// </summary>
    public int Write(byte code, byte subpage, int from, bool defaults, Span<byte> to)
    {
        to.Clear();
        var list = new ParameterList(to, from);
        if (code == SupportedPages)
        {
            WriteCodes(ref list, withSubpages: subpage == AllSubpages);
        }
        else
        {
            // DS: nothing of the page is saved.
            to[0] = 0x80;
            WriteParameters(code, defaults, ref list);
        }

        to[0] |= (byte)(code | (subpage != 0 ? 0x40 : 0));
        to[1] = subpage;
        BinaryPrimitives.WriteUInt16BigEndian(to[2..], (ushort)(list.Length - 4));
        return list.IsEmpty && from != 0 ? 0 : list.Length;
    }

    private static void WriteCodes(ref ParameterList list, bool withSubpages)
    {
        foreach (byte code in Codes)
        {
            list.AppendRaw(code);
            if (withSubpages)
            {
                list.AppendRaw(0);
                if (code == SupportedPages)
                {
                    list.AppendRaw(code);
                    list.AppendRaw(AllSubpages);
                }
            }
        }
    }

    private void WriteParameters(byte code, bool defaults, ref ParameterList list)
    {
        UnitStatistics now = defaults ? Zero : device.Statistics;
        UnitStatistics then = !defaults && _bases.TryGetValue(code, out UnitStatistics? reset) ? reset : Zero;
        switch (code)
        {
            case WriteErrors:
                WriteErrorCounters(ref list, now.WrittenBytes - then.WrittenBytes, now.WriteErrors - then.WriteErrors);
                break;
            case ReadErrors:
                WriteErrorCounters(ref list, now.ReadBytes - then.ReadBytes, now.ReadErrors - then.ReadErrors);
                break;
            case VerifyErrors:
                WriteErrorCounters(ref list, now.VerifiedBytes - then.VerifiedBytes, now.VerifyErrors - then.VerifyErrors);
                break;
            case NonMediumErrors:
                list.Append(0x0000, NotSaved, now.NonMediumErrors - then.NonMediumErrors);
                break;
            case SelfTestResults:
                WriteSelfTests(ref list);
                break;
            case GeneralStatistics:
                WriteGeneralStatistics(ref list, now, then);
                break;
            case InformationalExceptions:
                // No exception; the temperature is not known.
                list.Append(0x0000, BinaryList, [0x00, 0x00, 0xFF, 0x00]);
                break;
            default:
                Storage.Invariant.Fail($"No log page {code:x2}h.");
                break;
        }
    }

    private static UnitStatistics Zero { get; } = new();

    // SPC-4 §7.3.8: total bytes processed, total uncorrected errors. What the store corrects by itself it does not tell.
    private static void WriteErrorCounters(ref ParameterList list, long bytes, long uncorrected)
    {
        list.Append(0x0005, NotSaved, bytes);
        list.Append(0x0006, NotSaved, uncorrected);
    }

    // SPC-4 §7.3.17: always twenty parameters, the newest first, zero where there was no test.
    private void WriteSelfTests(ref ParameterList list)
    {
        Span<byte> line = stackalloc byte[16];
        ushort code = 1;
        foreach (SelfTestResult result in device.SelfTest.Results)
        {
            line.Clear();
            line[0] = (byte)(((int)result.Code << 5) | (int)result.Outcome);
            // One segment: the reading of the medium.
            line[1] = result.Outcome == SelfTestOutcome.SegmentFailed ? (byte)1 : (byte)0;
            BinaryPrimitives.WriteUInt16BigEndian(line[2..], result.Hours);
            BinaryPrimitives.WriteUInt64BigEndian(line[4..], result.FailedLba ?? ulong.MaxValue);
            if (result.FailedLba is not null)
            {
                line[12] = (byte)SenseKey.MediumError;
                BinaryPrimitives.WriteUInt16BigEndian(line[13..], (ushort)AdditionalSense.UnrecoveredReadError);
            }

            list.Append(code++, BinaryList, line);
        }

        line.Clear();
        while (code <= SelfTest.MaxResults)
        {
            list.Append(code++, BinaryList, line);
        }
    }

    // SPC-4 §7.3.11, parameter 0001h: commands and blocks are counted; processing intervals (36 on) are not measured and stay zero.
    private void WriteGeneralStatistics(ref ParameterList list, UnitStatistics now, UnitStatistics then)
    {
        Span<byte> line = stackalloc byte[64];
        line.Clear();
        BinaryPrimitives.WriteInt64BigEndian(line, now.ReadCommands - then.ReadCommands);
        BinaryPrimitives.WriteInt64BigEndian(line[8..], now.WriteCommands - then.WriteCommands);
        BinaryPrimitives.WriteInt64BigEndian(line[16..], (now.WrittenBytes - then.WrittenBytes) >> device.BlockShift);
        BinaryPrimitives.WriteInt64BigEndian(line[24..], (now.ReadBytes - then.ReadBytes) >> device.BlockShift);
        list.Append(0x0001, BinaryList, line);
    }

    /// <summary>Log parameters (SPC-4 §7.3.2.2): 0..1 code, 2 control byte, 3 length, then the value. Those below the asked code are left out.</summary>
    private ref struct ParameterList(Span<byte> page, int from)
    {
        private readonly Span<byte> _page = page;

        public int Length { get; private set; } = 4;

        public readonly bool IsEmpty => Length == 4;

        public void AppendRaw(byte value) => _page[Length++] = value;

        public void Append(ushort code, byte control, long counter)
        {
            Span<byte> value = stackalloc byte[8];
            BinaryPrimitives.WriteInt64BigEndian(value, counter);
            Append(code, control, value);
        }

        public void Append(ushort code, byte control, scoped ReadOnlySpan<byte> value)
        {
            if (code < from)
            {
                return;
            }

            BinaryPrimitives.WriteUInt16BigEndian(_page[Length..], code);
            _page[Length + 2] = control;
            _page[Length + 3] = (byte)value.Length;
            value.CopyTo(_page[(Length + 4)..]);
            Length += 4 + value.Length;
        }
    }
}
