using ActorSan.Storage;
using ActorSan.Storage.Threads;

namespace ActorSan.Scsi;

/// <summary>
/// Task management functions (SAM-5 §7). A task that waits ends at once; one with I/O in flight ends with it, because its memory is in use until then. The function
/// is answered when all that it took have ended, or at its timeout: the rest then end later, silently, and their ranges stay locked in the volume till they do.
/// </summary>
internal sealed class TaskManager(BlockDevice device, TaskSet tasks)
{
    private readonly List<Pending> _pending = [];

    public void Begin(TaskManagementOperation operation)
    {
        if (operation.LunNexus.State is not { Detached: false } nexus)
        {
            Answer(operation, TaskManagementResponse.LunDoesNotExist);
            return;
        }

        switch (operation.Function)
        {
            case TaskManagementFunction.AbortTask:
                AbortTask(operation, nexus);
                break;
            case TaskManagementFunction.AbortTaskSet:
                Await(operation, nexus, only: 0, Abort(nexus, tellOthers: null));
                break;
            case TaskManagementFunction.ClearTaskSet:
                ClearTaskSet(operation, nexus);
                break;
            case TaskManagementFunction.LogicalUnitReset:
                Reset(operation, UnitAttention.LogicalUnitReset);
                break;
            case TaskManagementFunction.TargetWarmReset:
            case TaskManagementFunction.TargetColdReset:
                Reset(operation, UnitAttention.HardReset);
                break;
            case TaskManagementFunction.TaskReassign:
                Answer(operation, TaskManagementResponse.AllegianceReassignmentNotSupported);
                break;
            default:
                Answer(operation, TaskManagementResponse.NotSupported);
                break;
        }
    }

    /// <summary>The nexus is lost: all its tasks end, none is answered.</summary>
    public void AbortAll(NexusState nexus) => Abort(nexus, tellOthers: null);

    /// <summary>Aborts the tasks of one nexus that a preemption took (SPC-4 §5.12.11.2.6), telling it if TAS says so; they end when their I/O has ended.</summary>
    public void AbortPreempted(NexusState nexus) => Abort(nexus, tellOthers: null, tellAll: device.TaskAbortedStatus);

    /// <summary>A task with <see cref="TaskState.Aborting"/> has left the set and was completed.</summary>
    public void OnAbortedTaskEnded()
    {
        for (int i = _pending.Count - 1; i >= 0 && i < _pending.Count; i--)
        {
            if (!AnyLeft(_pending[i]))
            {
                Finish(_pending[i]);
            }
        }
    }

    public static void SetAbortedAnswer(TaskState state)
    {
        ScsiTask task = state.Task;
        task.DataInLength = 0;
        task.TransferBytes = 0;
        task.SenseLength = 0;
        if (state.TellsAborted && !state.Nexus.Detached)
        {
            task.Status = ScsiStatus.TaskAborted;
        }
        else
        {
            task.Aborted = true;
        }
    }

    private static void Answer(TaskManagementOperation operation, TaskManagementResponse response)
    {
        operation.Response = response;
        operation.OnCompleted();
    }

    private void AbortTask(TaskManagementOperation operation, NexusState nexus)
    {
        for (TaskState? task = tasks.First; task is not null; task = task.Next)
        {
            if (ReferenceEquals(task.Nexus, nexus) && task.Task.Tag == operation.ReferencedTag && !task.Aborting)
            {
                long arrival = task.Arrival;
                AbortOne(task, tells: false);
                Await(operation, nexus, arrival, arrival);
                return;
            }
        }

        Answer(operation, TaskManagementResponse.TaskDoesNotExist);
    }

    private void ClearTaskSet(TaskManagementOperation operation, NexusState nexus)
    {
        // SAM-5 §7.4: without TAS the other nexuses find a unit attention in place of their tasks.
        if (!device.TaskAbortedStatus)
        {
            for (TaskState? task = tasks.First; task is not null; task = task.Next)
            {
                if (!ReferenceEquals(task.Nexus, nexus))
                {
                    task.Nexus.Attentions.Add(UnitAttention.CommandsClearedByAnotherInitiator);
                }
            }
        }

        Await(operation, null, only: 0, Abort(null, device.TaskAbortedStatus ? nexus : null));
    }

    private void Reset(TaskManagementOperation operation, UnitAttention attention)
    {
        NexusState issuer = operation.LunNexus.State!;
        long last = Abort(null, device.TaskAbortedStatus ? issuer : null);
        device.ResetState(attention);
        Await(operation, null, only: 0, last);
    }

    /// <summary>
    /// Takes every task of <paramref name="nexus"/> (null: of all). With <paramref name="tellOthers"/> the tasks of every other nexus are told by TASK ABORTED.
    /// Returns the number of the last task that could be affected.
    /// </summary>
    private long Abort(NexusState? nexus, NexusState? tellOthers, bool tellAll = false)
    {
        long last = tasks.LastArrival;
        // An ended task completes at once and may bring others in or out: start over after each, until all that are left are marked.
        while (NextToAbort(nexus, last) is { } task)
        {
            bool tells = tellAll || (tellOthers is not null && !ReferenceEquals(task.Nexus, tellOthers));
            AbortOne(task, tells);
        }

        return last;
    }

    // From the youngest, so that no dormant task starts because an older one was taken.
    private TaskState? NextToAbort(NexusState? nexus, long last)
    {
        for (TaskState? task = tasks.Last; task is not null; task = task.Previous)
        {
            if (!task.Aborting && task.Arrival <= last && (nexus is null || ReferenceEquals(task.Nexus, nexus)))
            {
                return task;
            }
        }

        return null;
    }

    private void AbortOne(TaskState task, bool tells)
    {
        task.Aborting = true;
        task.TellsAborted = tells;
        switch (task.Phase)
        {
            case TaskPhase.Dormant:
                device.End(task);
                break;
            case TaskPhase.Parked:
                device.Unpark(task);
                device.End(task);
                break;
            case TaskPhase.Enabled:
                task.Interrupt();
                break;
            default:
                Invariant.Fail("A task in the set has no phase.");
                break;
        }
    }

    private void Await(TaskManagementOperation operation, NexusState? nexus, long only, long last)
    {
        Pending pending = operation.State as Pending ?? new Pending();
        operation.State = pending;
        pending.Begin(this, operation, nexus, only, last);
        if (!AnyLeft(pending))
        {
            pending.Operation = null;
            Answer(operation, TaskManagementResponse.Complete);
            return;
        }

        _pending.Add(pending);
        device.Volume.Home.StartTimer(pending, operation.Timeout);
    }

    private bool AnyLeft(Pending pending)
    {
        for (TaskState? task = tasks.First; task is not null && task.Arrival <= pending.Last; task = task.Next)
        {
            if (task.Aborting
                && (pending.Nexus is null || ReferenceEquals(task.Nexus, pending.Nexus))
                && (pending.Only == 0 || task.Arrival == pending.Only))
            {
                return true;
            }
        }

        return false;
    }

    private void Finish(Pending pending)
    {
        _pending.Remove(pending);
        device.Volume.Home.StopTimer(pending);
        TaskManagementOperation operation = pending.Operation!;
        pending.Operation = null;
        Answer(operation, TaskManagementResponse.Complete);
    }

    /// <summary>One function that waits for its tasks; kept by the operation over reuse.</summary>
    private sealed class Pending : IoTimer
    {
        private TaskManager? _manager;

        public TaskManagementOperation? Operation;
        public NexusState? Nexus;
        public long Only;
        public long Last;

        public void Begin(TaskManager manager, TaskManagementOperation operation, NexusState? nexus, long only, long last)
        {
            _manager = manager;
            Operation = operation;
            Nexus = nexus;
            Only = only;
            Last = last;
        }

        protected override void OnFired() => _manager!.Finish(this);
    }
}
