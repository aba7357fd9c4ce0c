using System.Globalization;
using System.Runtime.InteropServices;
using ActorSan.Scsi;

namespace ActorSan.Tests.Scsi.Harness;

/// <summary>A command of a test, with memory of its own; it says how it ended in a few characters.</summary>
internal sealed unsafe class TestTask : ScsiTask, IDisposable
{
    private readonly byte* _in;
    private readonly byte* _out;

    internal TestTask(LunNexus nexus, ReadOnlySpan<byte> cdb, ReadOnlySpan<byte> data, int? room, TaskAttribute attribute, ulong tag)
    {
        LunNexus = nexus;
        Tag = tag;
        Attribute = attribute;
        cdb.CopyTo(Cdb);
        CdbLength = cdb.Length;
        CdbDemand demand = nexus.Unit.Measure(Cdb);
        DataInCapacity = (int)Math.Min(demand.DataInBytes, room ?? int.MaxValue);
        _in = (byte*)NativeMemory.Alloc((nuint)DataInCapacity + 1);
        new Span<byte>(_in, DataInCapacity + 1).Fill(0xCC);
        DataIn = _in;
        ExpectedDataOutLength = data.Length;
        DataOutLength = (int)Math.Min(demand.DataOutBytes, data.Length);
        _out = (byte*)NativeMemory.Alloc((nuint)data.Length + 1);
        data.CopyTo(new Span<byte>(_out, data.Length));
        DataOut = _out;
    }

    internal int Completions { get; private set; }

    /// <summary>The first byte behind the room was not touched, and the task was completed once.</summary>
    internal bool IsSound => Completions == 1 && _in[DataInCapacity] == 0xCC;

    internal byte[] Data => new ReadOnlySpan<byte>(_in, DataInLength).ToArray();

    internal string Hex => Convert.ToHexString(Data);

    internal byte[] SenseBytes => ((ReadOnlySpan<byte>)Sense)[..SenseLength].ToArray();

    /// <summary>
    /// <c>good</c>, <c>pending</c>, <c>aborted</c> or the status; for CHECK CONDITION key, additional sense, and, where there are any, the field pointer (<c>c</c> CDB or
    /// <c>p</c> parameter or <c>s</c> segment, byte, bit) and INFORMATION: <c>5/2400 c1.3</c>, <c>5/2100 i256</c>.
    /// </summary>
    internal string Outcome => Completions == 0 ? "pending"
        : Aborted ? "aborted"
        : Status switch
        {
            ScsiStatus.Good => "good",
            ScsiStatus.CheckCondition => DescribeSense(SenseBytes),
            _ => Status.ToString(),
        };

    internal static string DescribeSense(ReadOnlySpan<byte> sense)
    {
        if ((sense[0] & 0x7F) == 0x72)
        {
            return $"descriptor {sense[1] & 0x0F:x}/{sense[2]:x2}{sense[3]:x2}";
        }

        string text = $"{sense[2] & 0x0F:x}/{sense[12]:x2}{sense[13]:x2}";
        if ((sense[15] & 0x80) != 0 && (sense[2] & 0x0F) is 5 or 0xA)
        {
            char where = (sense[2] & 0x0F) == 0xA ? (sense[15] & 0x20) != 0 ? 's' : 'p' : (sense[15] & 0x40) != 0 ? 'c' : 'p';
            text += string.Create(CultureInfo.InvariantCulture, $" {where}{(sense[16] << 8) | sense[17]}");
            text += (sense[15] & 0x08) != 0 ? string.Create(CultureInfo.InvariantCulture, $".{sense[15] & 7}") : "";
        }

        if ((sense[0] & 0x80) != 0)
        {
            text += string.Create(CultureInfo.InvariantCulture, $" i{(sense[3] << 24) | (sense[4] << 16) | (sense[5] << 8) | sense[6]}");
        }

        return text;
    }

    public void Dispose()
    {
        NativeMemory.Free(_in);
        NativeMemory.Free(_out);
    }

    protected internal override void OnCompleted() => Completions++;
}

/// <summary>A task management function of a test.</summary>
internal sealed class TestFunction : TaskManagementOperation
{
    internal int Completions { get; private set; }

    protected internal override void OnCompleted() => Completions++;
}
