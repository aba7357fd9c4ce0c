using ActorSan.Storage.Threads;

namespace ActorSan.Scsi;

/// <summary>
/// An I_T nexus (SAM-5 §4.6): an initiator port and a target port. Constant for the life of a session.
/// </summary>
public sealed class ScsiNexus
{
    /// <summary>The iSCSI name.</summary>
    public required string InitiatorName { get; init; }

    /// <summary>The initiator's part of the session id, 48 bits (RFC 7143 §11.12.5). With the name it makes the initiator port.</summary>
    public required ulong Isid { get; init; }

    public required string TargetName { get; init; }

    public required ushort PortalGroupTag { get; init; }

    /// <summary>Relative target port identifier (SPC-4 §3.1.120), unique over all nodes.</summary>
    public required ushort RelativePortId { get; init; }

    /// <summary>Target port group identifier (SPC-4 §5.15.2).</summary>
    public required ushort PortGroupId { get; init; }

    /// <summary>The transport's name for logs: the initiator's address and port.</summary>
    public string PeerAddress { get; init; } = "";

    /// <summary>SCSI initiator port name (RFC 7143 §4.4.1): <c>name,i,0xISID</c>. What a TransportID and a registration name.</summary>
    public string InitiatorPortName => field ??= $"{InitiatorName},i,0x{Isid:x12}";

    /// <summary>SCSI target port name: <c>name,t,0xTPGT</c>.</summary>
    public string TargetPortName => field ??= $"{TargetName},t,0x{PortalGroupTag:x4}";
}

/// <summary>SAM-5 §7; the codes are iSCSI's (RFC 7143 §11.5.1).</summary>
public enum TaskManagementFunction : byte
{
    AbortTask = 1,
    AbortTaskSet = 2,
    ClearAca = 3,
    ClearTaskSet = 4,
    LogicalUnitReset = 5,
    TargetWarmReset = 6,
    TargetColdReset = 7,
    TaskReassign = 8,
}

/// <summary>RFC 7143 §11.6.1.</summary>
public enum TaskManagementResponse : byte
{
    Complete = 0,
    TaskDoesNotExist = 1,
    LunDoesNotExist = 2,
    TaskStillAllegiant = 3,
    AllegianceReassignmentNotSupported = 4,
    NotSupported = 5,
    AuthorizationFailed = 6,
    Rejected = 255,
}

/// <summary>
/// A task management function on one logical unit, owned and reused by the transport. It ends in bounded time: when the tasks that it affects have ended, or after
/// <see cref="Timeout"/>; these tasks complete (Aborted, or with TASK ABORTED status for other nexuses where TAS says so) before it does.
/// </summary>
public abstract class TaskManagementOperation
{
    public TaskManagementFunction Function;

    public LunNexus LunNexus = null!;

    /// <summary>ABORT TASK: the referenced task tag.</summary>
    public ulong ReferencedTag;

    /// <summary>What <see cref="Timeout"/> is when the transport does not say otherwise; REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS tells it.</summary>
    public static readonly TimeSpan DefaultTimeout = TimeSpan.FromSeconds(5);

    public TimeSpan Timeout = DefaultTimeout;

    public TaskManagementResponse Response;

    /// <summary>The unit's state while it runs.</summary>
    internal object? State;

    /// <summary>Called once, on the unit's home thread.</summary>
    protected internal abstract void OnCompleted();
}

/// <summary>
/// A logical unit with its device server and task set (SAM-5 §4.8). Everything but <see cref="Home"/> and <see cref="Measure"/> is for its home thread.
/// </summary>
public abstract class LogicalUnit
{
    /// <summary>The thread that its volume lives on; null for units without state, which run on the caller's.</summary>
    public abstract IoThread? Home { get; }

    /// <summary>Pure, any thread: what the CDB wants to transfer. An unknown or broken CDB wants nothing (Submit will answer it).</summary>
    public abstract CdbDemand Measure(ReadOnlySpan<byte> cdb);

    /// <summary>Enters the task into the task set. All data-out has arrived.</summary>
    public abstract void Submit(ScsiTask task);

    public abstract void Manage(TaskManagementOperation operation);

    /// <summary>A session began: per-nexus state starts here (unit attentions: SAM-5 §5.14).</summary>
    public abstract void Attach(LunNexus nexus);

    /// <summary>I_T nexus loss (SAM-5 §6.3.4): its tasks are aborted, its SPC-2 reservation ends, persistent registrations stay. <paramref name="done"/> runs on the home thread when no task of it is left.</summary>
    public abstract void Detach(LunNexus nexus, IoMessage? done);

    /// <summary>What the nexus sees of its target has changed (<see cref="LunNexus.View"/>): its next command learns of it (SPC-4 §5.8.7: REPORTED LUNS DATA HAS CHANGED).</summary>
    public virtual void OnViewChanged(LunNexus nexus)
    {
    }
}

/// <summary>An I_T_L nexus: a session's way to one logical unit, with that unit's per-nexus state in it, so that the hot path looks nothing up.</summary>
public sealed class LunNexus(ScsiNexus nexus, LunView view, LogicalUnit unit, ulong lun)
{
    public ScsiNexus Nexus { get; } = nexus;

    /// <summary>All that this session sees; REPORT LUNS answers from it.</summary>
    public LunView View { get; internal set; } = view;

    public LogicalUnit Unit { get; } = unit;

    /// <summary>The number (not the 8-byte field).</summary>
    public ulong Lun { get; } = lun;

    /// <summary>The unit's state for this nexus; home thread only.</summary>
    internal NexusState? State;
}
