using System.Runtime.InteropServices;
using ActorSan.Scsi;
using ActorSan.Tests.Shared;
using Xunit;

namespace ActorSan.Tests.Scsi.Harness;

/// <summary>One command of a test: what it was given and how it ended.</summary>
internal sealed unsafe class BenchTask : ScsiTask, IDisposable
{
    private const int RoomBytes = 64 << 10;

    private readonly byte* _in = (byte*)NativeMemory.Alloc(RoomBytes);
    private byte* _out;

    public int Completions { get; private set; }

    public bool IsDone => Completions != 0;

    public byte[] Data => new ReadOnlySpan<byte>(DataIn, DataInLength).ToArray();

    public byte[] SenseBytes => ((ReadOnlySpan<byte>)Sense)[..SenseLength].ToArray();

    /// <summary>Key, ASC and ASCQ of fixed format sense as one number: 0x5_2400 is ILLEGAL REQUEST, INVALID FIELD IN CDB.</summary>
    public int SenseCode => SenseLength == 0 ? -1 : ((Sense[2] & 0xF) << 16) | (Sense[12] << 8) | Sense[13];

    /// <summary>The three sense key specific bytes.</summary>
    public int Specific => SenseLength == 0 ? -1 : (Sense[15] << 16) | (Sense[16] << 8) | Sense[17];

    public void Fill(LogicalUnit unit, LunNexus nexus, ulong tag, byte[] cdb, byte[] dataOut)
    {
        Assert.Equal(0, Completions);
        LunNexus = nexus;
        Tag = tag;
        Attribute = TaskAttribute.Simple;
        Cdb = default;
        cdb.CopyTo(Cdb);
        CdbLength = cdb.Length;
        byte[] padded = new byte[CdbBuffer.MaxLength];
        cdb.CopyTo(padded, 0);
        CdbDemand demand = unit.Measure(padded);
        _out = (byte*)NativeMemory.Alloc((nuint)dataOut.Length + 1);
        dataOut.CopyTo(new Span<byte>(_out, dataOut.Length));
        DataOut = _out;
        ExpectedDataOutLength = dataOut.Length;
        DataOutLength = (int)Math.Min(demand.DataOutBytes, dataOut.Length);
        DataIn = _in;
        DataInCapacity = (int)Math.Min(demand.DataInBytes, RoomBytes);
    }

    public void Dispose()
    {
        NativeMemory.Free(_in);
        NativeMemory.Free(_out);
    }

    protected internal override void OnCompleted() => Completions++;
}

/// <summary>A unit on a test volume with two nexuses, on a thread whose time goes on only when the test says so.</summary>
internal sealed class UnitBench : IDisposable
{
    private readonly List<BenchTask> _tasks = [];
    private ulong _tag;

    public UnitBench(TestVolume? volume = null, LogicalUnitSettings? settings = null)
    {
        Thread = (SimulatedThread?)volume?.Home ?? new SimulatedThread();
        Volume = volume ?? new TestVolume(Thread);
        Settings = settings ?? new LogicalUnitSettings { SanitizeMaxRateBytes = 0 };
        Unit = Open();
        A = Attach(1);
        B = Attach(2);
    }

    public SimulatedThread Thread { get; }

    public TestVolume Volume { get; }

    public LogicalUnitSettings Settings { get; }

    public BlockDevice Unit { get; private set; }

    public LunNexus A { get; private set; }

    public LunNexus B { get; private set; }

    /// <summary>A new unit over the same volume, as after a restart of the node.</summary>
    public void Restart()
    {
        Unit.Detach(A, null);
        Unit.Detach(B, null);
        Unit.Close();
        Assert.True(Thread.RunToIdle(1000));
        Assert.Equal(0, Thread.Buffers.InUseBytes);
        Unit = Open();
        A = Attach(1);
        B = Attach(2);
    }

    /// <summary>A nexus whose unit attentions are taken, as after the initiator's first commands.</summary>
    public LunNexus Attach(ulong isid)
    {
        var nexus = new ScsiNexus { InitiatorName = $"iqn.2026-01.test:{isid}", Isid = isid, TargetName = "iqn.2026-01.test:target", PortalGroupTag = 1, RelativePortId = 1, PortGroupId = 1 };
        LunNexus lunNexus = new LunView(nexus, [new KeyValuePair<ulong, LogicalUnit>(0, Unit)], new NoSuchUnit(), new ReportLunsUnit()).Find(0);
        Unit.Attach(lunNexus);
        TakeAttentions(lunNexus);
        return lunNexus;
    }

    /// <summary>Takes them by REQUEST SENSE, which works whatever state the unit is in.</summary>
    public void TakeAttentions(LunNexus nexus)
    {
        while (Send(nexus, [0x03, 0, 0, 0, 252, 0]).Data[2] == (byte)SenseKey.UnitAttention)
        {
        }
    }

    /// <summary>Submits and runs the thread as far as it goes without waiting for time.</summary>
    public BenchTask Send(LunNexus nexus, byte[] cdb, byte[]? dataOut = null)
    {
        var task = new BenchTask();
        _tasks.Add(task);
        task.Fill(Unit, nexus, ++_tag, cdb, dataOut ?? []);
        Unit.Submit(task);
        Assert.True(Thread.RunToIdle(100_000), "the thread never comes to rest");
        Assert.InRange(task.Completions, 0, 1);
        return task;
    }

    /// <summary>What must be over at once and GOOD.</summary>
    public BenchTask Good(LunNexus nexus, byte[] cdb, byte[]? dataOut = null)
    {
        BenchTask task = Send(nexus, cdb, dataOut);
        Assert.True(task.IsDone, "not done");
        Assert.True(task.Status == ScsiStatus.Good, $"{task.Status} {task.SenseCode:x5}");
        return task;
    }

    /// <summary>What must be over at once with this sense; returns the sense key specific bytes.</summary>
    public int Refused(LunNexus nexus, int sense, byte[] cdb, byte[]? dataOut = null)
    {
        BenchTask task = Send(nexus, cdb, dataOut);
        Assert.True(task.IsDone, "not done");
        Assert.Equal(ScsiStatus.CheckCondition, task.Status);
        Assert.True(sense == task.SenseCode, $"{sense:x5} was expected, {task.SenseCode:x5} came");
        return task.Specific;
    }

    /// <summary>Lets time go on, timer by timer, until nothing waits for it.</summary>
    public void RunOut()
    {
        for (int i = 0; i < 1_000_000; i++)
        {
            Assert.True(Thread.RunToIdle(100_000));
            if (!Thread.FireNextTimer())
            {
                return;
            }
        }

        Assert.Fail("the unit never comes to rest");
    }

    public BenchOperation Manage(LunNexus nexus, TaskManagementFunction function, ulong tag = 0)
    {
        var operation = new BenchOperation { LunNexus = nexus, Function = function, ReferencedTag = tag };
        Unit.Manage(operation);
        Assert.True(Thread.RunToIdle(1000));
        return operation;
    }

    public void Dispose()
    {
        Unit.Detach(A, null);
        Unit.Detach(B, null);
        Unit.Close();
        Volume.Release();
        Assert.True(Thread.RunToIdle(1000));
        Assert.Equal(0, Thread.Buffers.InUseBytes);
        foreach (BenchTask task in _tasks)
        {
            task.Dispose();
        }

        Volume.Dispose();
        Thread.Dispose();
    }

    private BlockDevice Open()
    {
        var unit = new BlockDevice(Volume, Settings);
        unit.Open();
        Assert.True(Thread.RunToIdle(1000));
        return unit;
    }
}

internal sealed class BenchOperation : TaskManagementOperation
{
    public bool IsDone { get; private set; }

    protected internal override void OnCompleted() => IsDone = true;
}
