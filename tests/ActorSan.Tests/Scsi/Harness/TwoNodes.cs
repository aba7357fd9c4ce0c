using System.Buffers.Binary;
using ActorSan.Scsi;
using ActorSan.Scsi.Reservations;
using ActorSan.Tests.Shared;
using Xunit;

namespace ActorSan.Tests.Scsi.Harness;

/// <summary>One node of <see cref="TwoNodes"/>: its side of the volume, its unit, and the number of its port and port group.</summary>
internal sealed record ServingNode(MemoryVolume Volume, BlockDevice Unit, ushort Port);

/// <summary>
/// Two nodes, atlas with port 1 and zeus with port 2, each with a unit for one replicated volume, both in standby at first. Initiators differ by their ISID. At the end no buffer
/// may be left.
/// </summary>
internal sealed class TwoNodes : IDisposable
{
    private readonly List<TestTask> _tasks = [];
    private ulong _tag;
    private bool _abandoned;

    internal TwoNodes(LogicalUnitSettings? settings = null, MemoryVolumeOptions? volume = null)
    {
        var first = new MemoryVolume(Thread, volume);
        Atlas = Start(first, 1, settings ?? new LogicalUnitSettings { SanitizeMaxRateBytes = 0 });
        Zeus = Start(new MemoryVolume(Thread, first), 2, settings ?? new LogicalUnitSettings { SanitizeMaxRateBytes = 0 });
    }

    internal SimulatedThread Thread { get; } = new("scsi-0");

    internal ServingNode Atlas { get; }

    internal ServingNode Zeus { get; }

    /// <summary>The groups as the cluster sees them when that node serves, or none does.</summary>
    internal TargetPortGroup[] Groups(ServingNode own, ServingNode? serves) =>
    [
        Group(Atlas, own, serves),
        Group(Zeus, own, serves),
    ];

    /// <summary>The node's unit serves from now on, and the other's does not.</summary>
    internal void Serve(ServingNode node, bool keepsRegistrations = true)
    {
        ServingNode other = ReferenceEquals(node, Atlas) ? Zeus : Atlas;
        other.Unit.Standby(Groups(other, node));
        node.Unit.Activate(keepsRegistrations, Groups(node, node));
        Settle();
    }

    /// <summary>An initiator's nexus to a node's unit, its first unit attention taken.</summary>
    internal LunNexus Attach(ServingNode node, ulong isid)
    {
        var nexus = new ScsiNexus
        {
            InitiatorName = "iqn.2026-01.test:initiator",
            Isid = isid,
            TargetName = "iqn.2026-01.test:target",
            PortalGroupTag = node.Port,
            RelativePortId = node.Port,
            PortGroupId = node.Port,
        };
        LunNexus lun = new LunView(nexus, [new KeyValuePair<ulong, LogicalUnit>(0, node.Unit)], new NoSuchUnit(), new ReportLunsUnit()).Find(0);
        node.Unit.Attach(lun);
        lun.State!.Attentions.Clear();
        return lun;
    }

    internal TestTask Send(LunNexus nexus, ReadOnlySpan<byte> cdb, ReadOnlySpan<byte> data = default, TaskAttribute attribute = TaskAttribute.Simple)
    {
        var task = new TestTask(nexus, cdb, data, room: null, attribute, ++_tag);
        _tasks.Add(task);
        nexus.Unit.Submit(task);
        Settle();
        return task;
    }

    /// <summary>How a command ends that ends at once.</summary>
    internal string Run(LunNexus nexus, ReadOnlySpan<byte> cdb, ReadOnlySpan<byte> data = default)
    {
        TestTask task = Send(nexus, cdb, data);
        Assert.True(task.IsSound, $"completed {task.Completions} times");
        return task.Outcome;
    }

    internal string RunHex(LunNexus nexus, string cdb) => Run(nexus, Bytes.Hex(cdb));

    internal TestTask SendReserve(
        LunNexus nexus, ReservationAction action, ulong key, ulong actionKey = 0, ReservationType type = ReservationType.None, bool persist = false, bool allPorts = false)
    {
        byte[] cdb = new byte[10];
        cdb[0] = PersistentReserveOut.OperationCode;
        cdb[1] = (byte)action;
        cdb[2] = (byte)type;
        cdb[8] = PersistentReserveOut.BasicLength;
        byte[] list = new byte[PersistentReserveOut.BasicLength];
        BinaryPrimitives.WriteUInt64BigEndian(list, key);
        BinaryPrimitives.WriteUInt64BigEndian(list.AsSpan(8), actionKey);
        list[20] = (byte)((persist ? 1 : 0) | (allPorts ? 4 : 0));
        return Send(nexus, cdb, list);
    }

    internal string Reserve(
        LunNexus nexus, ReservationAction action, ulong key, ulong actionKey = 0, ReservationType type = ReservationType.None, bool persist = false, bool allPorts = false) =>
        SendReserve(nexus, action, key, actionKey, type, persist, allPorts).Outcome;

    internal string Write(LunNexus nexus, uint lba = 0) => Run(nexus, Bytes.Ten(0x2A, lba, 1), Bytes.Pattern(512));

    internal string Read(LunNexus nexus, uint lba = 0) => Run(nexus, Bytes.Ten(0x28, lba, 1));

    internal string Ready(LunNexus nexus) => RunHex(nexus, "000000000000");

    internal TestFunction Manage(LunNexus nexus, TaskManagementFunction function, ulong tag = 0)
    {
        var operation = new TestFunction { Function = function, LunNexus = nexus, ReferencedTag = tag };
        nexus.Unit.Manage(operation);
        Settle();
        return operation;
    }

    internal void Settle() => Assert.True(Thread.RunToIdle(100_000), "the thread never comes to rest");

    /// <summary>Lets time go on, timer by timer, until nothing waits for it.</summary>
    internal void RunOut()
    {
        do
        {
            Settle();
        }
        while (Thread.FireNextTimer());
    }

    /// <summary>A node was killed: what its tasks held is nobody's concern any more.</summary>
    internal void Abandon() => _abandoned = true;

    public void Dispose()
    {
        Atlas.Unit.Close();
        Zeus.Unit.Close();
        Atlas.Volume.EndHeld();
        Zeus.Volume.EndHeld();
        Settle();
        Assert.True(_abandoned || Thread.Buffers.InUseBytes == 0, $"{Thread.Buffers.InUseBytes} bytes are still rented");
        _tasks.ForEach(task => task.Dispose());
        Zeus.Volume.Dispose();
        Atlas.Volume.Dispose();
        Thread.Dispose();
    }

    private static TargetPortGroup Group(ServingNode node, ServingNode own, ServingNode? serves) => new()
    {
        Id = node.Port,
        RelativePorts = [node.Port],
        State = ReferenceEquals(node, serves) ? PortGroupState.ActiveOptimized : PortGroupState.Standby,
        IsOwn = ReferenceEquals(node, own),
    };

    private ServingNode Start(MemoryVolume volume, ushort port, LogicalUnitSettings settings)
    {
        var unit = new BlockDevice(volume, settings);
        unit.OpenInStandby();
        Settle();
        return new ServingNode(volume, unit, port);
    }
}
