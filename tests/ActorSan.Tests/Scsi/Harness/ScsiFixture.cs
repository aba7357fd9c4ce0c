using ActorSan.Scsi;
using ActorSan.Storage.Buffers;
using ActorSan.Tests.Shared;
using Xunit;

namespace ActorSan.Tests.Scsi.Harness;

/// <summary>
/// Units on memory volumes and simulated threads, and two initiators that see all of them; the first LUN's unit is <see cref="Unit"/>. Unit attentions of the beginning
/// are gone. At its end no buffer may be left.
/// </summary>
internal sealed class ScsiFixture : IDisposable
{
    private readonly List<SimulatedThread> _threads = [];
    private readonly List<TestTask> _tasks = [];
    private ulong _tag;

    internal ScsiFixture(MemoryVolumeOptions? volume = null, LogicalUnitSettings? settings = null)
        : this([volume ?? new MemoryVolumeOptions()], settings)
    {
    }

    /// <param name="volumes">One unit for each, by ascending LUN.</param>
    /// <param name="settings">Of every unit.</param>
    /// <param name="lastOnOtherThread">The last unit has a home thread of its own.</param>
    internal ScsiFixture(IReadOnlyList<MemoryVolumeOptions> volumes, LogicalUnitSettings? settings = null, bool lastOnOtherThread = false)
    {
        _threads.Add(new SimulatedThread("scsi-0", 0, BufferPool.MaxBufferBytes));
        if (lastOnOtherThread)
        {
            _threads.Add(new SimulatedThread("scsi-1", 1, BufferPool.MaxBufferBytes));
        }

        for (int i = 0; i < volumes.Count; i++)
        {
            SimulatedThread home = _threads[lastOnOtherThread && i == volumes.Count - 1 ? 1 : 0];
            var memory = new MemoryVolume(home, volumes[i]);
            var unit = new BlockDevice(memory, settings ?? new LogicalUnitSettings());
            home.RunToIdle(1000);
            unit.Open();
            Volumes.Add(memory);
            Units.Add(unit);
        }

        First = Attach(1);
        Second = Attach(2, portGroup: 2, relativePort: 2);
        ForgetAttentions();
    }

    internal List<BlockDevice> Units { get; } = [];

    internal List<MemoryVolume> Volumes { get; } = [];

    internal BlockDevice Unit => Units[0];

    internal MemoryVolume Volume => Volumes[0];

    internal SimulatedThread Thread => _threads[0];

    /// <summary>The first initiator's nexus to LUN 0.</summary>
    internal LunNexus First { get; }

    internal LunNexus Second { get; }

    /// <summary>A new initiator port; its nexus to LUN 0.</summary>
    internal LunNexus Attach(ulong isid, ushort portGroup = 1, ushort relativePort = 1)
    {
        var nexus = new ScsiNexus
        {
            InitiatorName = "iqn.2026-01.test:initiator",
            Isid = isid,
            TargetName = "iqn.2026-01.test:target",
            PortalGroupTag = portGroup,
            RelativePortId = relativePort,
            PortGroupId = portGroup,
        };
        var map = Units.Select((unit, lun) => new KeyValuePair<ulong, LogicalUnit>((ulong)lun, unit));
        var view = new LunView(nexus, map, new NoSuchUnit(), new ReportLunsUnit());
        foreach (LunNexus lun in view.All)
        {
            On(lun, () => lun.Unit.Attach(lun));
        }

        return view.Find(0);
    }

    internal static LunNexus Lun(LunNexus nexus, ulong lun) => nexus.View.Find(lun << 48);

    /// <summary>Runs <paramref name="action"/> on the unit's home thread.</summary>
    internal void On(LunNexus nexus, Action action)
    {
        nexus.Unit.Home!.Post(action);
        Settle();
    }

    internal void ForgetAttentions()
    {
        foreach (LunNexus nexus in (LunNexus[])[First, Second])
        {
            foreach (LunNexus lun in nexus.View.All)
            {
                On(lun, () => lun.State!.Attentions.Clear());
            }
        }
    }

    /// <summary>Submits on the unit's home thread; the threads run until nothing is to do.</summary>
    internal TestTask Send(LunNexus nexus, ReadOnlySpan<byte> cdb, ReadOnlySpan<byte> data = default, int? room = null, TaskAttribute attribute = TaskAttribute.Simple)
    {
        var task = new TestTask(nexus, cdb, data, room, attribute, ++_tag);
        _tasks.Add(task);
        On(nexus, () => nexus.Unit.Submit(task));
        return task;
    }

    /// <summary>A command of the first initiator to LUN 0, to its end.</summary>
    internal TestTask Run(ReadOnlySpan<byte> cdb, ReadOnlySpan<byte> data = default, int? room = null) => Run(First, cdb, data, room);

    internal TestTask Run(LunNexus nexus, ReadOnlySpan<byte> cdb, ReadOnlySpan<byte> data = default, int? room = null)
    {
        TestTask task = Send(nexus, cdb, data, room);
        Assert.True(task.IsSound, $"completed {task.Completions} times");
        return task;
    }

    internal TestFunction Manage(LunNexus nexus, TaskManagementFunction function, ulong tag = 0)
    {
        var operation = new TestFunction { Function = function, LunNexus = nexus, ReferencedTag = tag };
        On(nexus, () => nexus.Unit.Manage(operation));
        return operation;
    }

    /// <summary>Passes of all threads, in turn, until none has anything to do; time stands still.</summary>
    internal void Settle()
    {
        for (int i = 0; i < 100_000; i++)
        {
            bool any = false;
            foreach (SimulatedThread thread in _threads)
            {
                any |= thread.RunOnePass();
            }

            if (!any)
            {
                return;
            }
        }

        Assert.Fail("the threads never come to rest");
    }

    /// <summary>Lets held operations of a volume go on, on its home thread.</summary>
    internal void Release(MemoryVolume volume, int count = int.MaxValue)
    {
        volume.Home.Post(() => volume.Release(count));
        Settle();
    }

    public void Dispose()
    {
        Settle();
        foreach (SimulatedThread thread in _threads)
        {
            Assert.Equal(0, thread.Buffers.InUseBytes);
            thread.Dispose();
        }

        _tasks.ForEach(task => task.Dispose());
        Volumes.ForEach(volume => volume.Dispose());
    }
}
