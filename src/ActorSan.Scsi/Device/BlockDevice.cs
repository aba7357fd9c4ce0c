using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using ActorSan.Scsi.Background;
using ActorSan.Scsi.Identity;
using ActorSan.Scsi.Reservations;
using ActorSan.Storage.Blocks;
using ActorSan.Storage.Threads;

namespace ActorSan.Scsi;

/// <summary>
/// A direct access block device (SBC-4) on a volume: device server, task set and task manager. Everything but <see cref="Home"/> and <see cref="Measure"/> runs on
/// the volume's home thread, so no state here has a lock.
/// </summary>
public sealed partial class BlockDevice : LogicalUnit
{
    private readonly TaskSet _tasks;
    private readonly TaskManager _manager;
    private readonly List<NexusState> _nexuses = [];
    private readonly Action<TaskState> _enable;
    private readonly VolumeObserver _observer;
    private Restrictions _restrictions;
    private ParkedTasks _parked;
    private ParkedTasks _releasing;
    private bool _isReleasing;

    /// <summary>Any thread; <see cref="Open"/> or <see cref="OpenInStandby"/> follows on the home thread before anything is submitted.</summary>
    public BlockDevice(IBlockVolume volume, LogicalUnitSettings settings)
    {
        Volume = volume;
        Settings = settings;
        _tasks = new TaskSet(settings.MaxTasks);
        _manager = new TaskManager(this, _tasks);
        _enable = Enable;
        _observer = new VolumeObserver(this);
        _flush = new BackgroundFlush(this);
        _toldGroups = settings.PortGroups;
        _portGroups = settings.PortGroups;
        Reservations = new ReservationManager(this);
        Copies = new Copy.CopyManager(this);
        BlockBytes = volume.Geometry.LogicalBlockBytes;
        BlockShift = System.Numerics.BitOperations.TrailingZeroCount(BlockBytes);
        MaxTransferBytes = Math.Clamp(settings.MaxTransferBytes, BlockBytes, Storage.Buffers.BufferPool.MaxBufferBytes) & -BlockBytes;
        _blockCount = volume.Geometry.BlockCount;
        Limits = new BlockLimits(this);
        Identity = new UnitIdentity(volume.VolumeId);
        Modes = new Modes.ModePages(volume.Capabilities);
        Rewrite = new MediumRewrite(this);
        SelfTest = new SelfTest(this);
        Logs = new Logs.LogPages(this);
    }

    public override IoThread? Home => Volume.Home;

    public IBlockVolume Volume { get; }

    public LogicalUnitSettings Settings { get; }

    /// <summary>Logical block; constant for the life of the volume.</summary>
    public int BlockBytes { get; }

    internal int BlockShift { get; }

    /// <summary>Logical blocks; changes with the volume's size.</summary>
    public long BlockCount => _blockCount;

    private long _blockCount;

    /// <summary>MAXIMUM TRANSFER LENGTH, in bytes.</summary>
    public int MaxTransferBytes { get; }

    /// <summary>Home thread.</summary>
    public UnitStatistics Statistics { get; } = new();

    /// <summary>The limits that the block limits page reports.</summary>
    internal BlockLimits Limits { get; }

    public UnitIdentity Identity { get; }

    /// <summary>PERIPHERAL QUALIFIER 000b and PERIPHERAL DEVICE TYPE 00h (direct access block device).</summary>
    internal byte Peripheral => 0x00;

    internal ReservationManager Reservations { get; }

    internal Copy.CopyManager Copies { get; }

    internal TaskSet Tasks => _tasks;

    /// <summary>The sanitize or format of the medium.</summary>
    internal MediumRewrite Rewrite { get; }

    internal SelfTest SelfTest { get; }

    internal Logs.LogPages Logs { get; }

    /// <summary>Nexuses in the order in which they were attached.</summary>
    internal IReadOnlyList<NexusState> Nexuses => _nexuses;

    internal Restrictions Restrictions => _restrictions;

    /// <summary>TAS: tasks that another nexus aborted end with TASK ABORTED.</summary>
    internal bool TaskAbortedStatus { get; private set; }

    /// <summary>D_SENSE: sense data in descriptor format.</summary>
    internal bool DescriptorSense { get; private set; }

    /// <summary>Ends the observation; the transport has detached every nexus. Home thread.</summary>
    public void Close()
    {
        Volume.RemoveObserver(_observer);
        Rewrite.Close();
        SelfTest.Close();
    }

    public override CdbDemand Measure(ReadOnlySpan<byte> cdb)
    {
        CommandDescriptor command = CommandTable.Find(cdb);
        return command.Demand is { } demand ? demand(this, cdb) : default;
    }

    public override void Submit(ScsiTask task)
    {
        NexusState? nexus = task.LunNexus.State;
        if (nexus is null || nexus.Detached)
        {
            // Nobody is left to answer to.
            task.Aborted = true;
            task.OnCompleted();
            return;
        }

        TaskState state = task.State ??= new TaskState();
        ReadOnlySpan<byte> cdb = MemoryMarshal.CreateReadOnlySpan(ref Unsafe.As<CdbBuffer, byte>(ref task.Cdb), CdbBuffer.MaxLength);
        CommandDescriptor command = CommandTable.Find(cdb);
        state.Begin(task, this, nexus, command);
        if (_tasks.Count >= _tasks.Capacity)
        {
            RefuseForRoom(state);
            return;
        }

        nexus.TaskCount++;
        if (_tasks.Enter(state))
        {
            Enable(state);
        }
    }

    /// <summary>
    /// A task that the device server makes for a nexus of its own accord (a part of a copy), by a row that is in no table: it is admitted as the nexus' own, but has no place
    /// in the order of the task set and no share in its bound.
    /// </summary>
    internal void SubmitOwn(ScsiTask task, CommandDescriptor command)
    {
        NexusState? nexus = task.LunNexus.State;
        if (nexus is null || nexus.Detached)
        {
            task.Aborted = true;
            task.OnCompleted();
            return;
        }

        TaskState state = task.State ??= new TaskState();
        state.Begin(task, this, nexus, command);
        nexus.TaskCount++;
        if (_tasks.Enter(state))
        {
            Enable(state);
        }
    }

    /// <summary>PREEMPT AND ABORT took the tasks of that nexus.</summary>
    internal void AbortPreempted(NexusState nexus) => _manager.AbortPreempted(nexus);

    public override void Manage(TaskManagementOperation operation) => _manager.Begin(operation);

    /// <summary>Sets or clears a condition of the whole unit.</summary>
    internal void Restrict(Restrictions restriction, bool holds) =>
        _restrictions = holds ? _restrictions | restriction : _restrictions & ~restriction;

    /// <summary>A unit attention for every nexus but <paramref name="except"/>.</summary>
    internal void Establish(UnitAttention attention, NexusState? except = null)
    {
        foreach (NexusState nexus in _nexuses)
        {
            if (!ReferenceEquals(nexus, except))
            {
                nexus.Attentions.Add(attention);
            }
        }
    }

    /// <summary>The answer is set: the task leaves the set, gives back what it holds, and is completed. What waited for it goes on.</summary>
    internal void End(TaskState state)
    {
        state.GiveBack();
        if (Reservations.IsDraining)
        {
            Reservations.Ended(state);
        }

        _tasks.Leave(state);
        state.Phase = TaskPhase.Free;
        NexusState nexus = state.Nexus;
        nexus.TaskCount--;
        ScsiTask task = state.Task;
        bool aborting = state.Aborting;
        if (aborting)
        {
            TaskManager.SetAbortedAnswer(state);
        }

        // From here on the transport may have reused the task and its state.
        task.OnCompleted();
        if (_tasks.HasDormant)
        {
            _tasks.EnableDormant(_enable);
        }

        if (aborting)
        {
            _manager.OnAbortedTaskEnded();
        }

        if (Rewrite.IsDraining)
        {
            Rewrite.OnTaskEnded();
        }

        if (nexus.Detached && nexus.TaskCount == 0)
        {
            FinishDetach(nexus);
        }
    }

    // The admission of an enabled task. One test for the common case; the reasons are told apart on the slow path.
    private void Enable(TaskState state)
    {
        CommandDescriptor command = state.Command;
        NexusState nexus = state.Nexus;
        if (((_restrictions | nexus.Restrictions) & command.BlockedBy) != 0
            || !nexus.Attentions.IsEmpty
            || Reservations.MayRefuse
            || (command.Flags & CommandFlags.Conditional) != 0
            || state.Task.Attribute == TaskAttribute.Aca
            || (state.Cdb[command.CdbLength - 1] & 0x04) != 0)
        {
            if (!Admit(state))
            {
                return;
            }
        }

        state.Start();
    }

    private void RefuseForRoom(TaskState state)
    {
        // SAM-5 §5.3.1: TASK SET FULL only where the nexus has a task whose end it can wait for.
        ScsiTask task = state.Task;
        task.Status = state.Nexus.TaskCount > 0 ? ScsiStatus.TaskSetFull : ScsiStatus.Busy;
        task.OnCompleted();
    }
}
