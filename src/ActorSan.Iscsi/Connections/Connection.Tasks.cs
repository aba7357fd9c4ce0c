using ActorSan.Scsi;
using ActorSan.Storage;

namespace ActorSan.Iscsi.Connections;

/// <summary>A task's way from the wire to the unit and back.</summary>
internal sealed unsafe partial class Connection
{
    /// <summary>Its CmdSN has come, after it was held for those before it.</summary>
    public void OnTaskInOrder(IscsiTask task)
    {
        task.InOrder = true;
        task.InFlight = true;
        Session!.Window.EnterFlight();
        Session.Info.Counters.Entered();
        Session.Deliveries.Advance(task);
    }

    /// <summary>Nothing stands before it any more: to the unit, or back with what the transport has to say.</summary>
    public void Dispatch(IscsiTask task)
    {
        if (task.TransferError != 0)
        {
            SetFixedSense(task, 0x0B, task.TransferError);
            task.Status = ScsiStatus.CheckCondition;
            Respond(task);
        }
        else if (task.Refusal != ScsiStatus.Good)
        {
            task.Status = task.Refusal;
            Respond(task);
        }
        else
        {
            // The LUN map may have changed while data came in.
            task.LunNexus = Session!.View.Find(task.LunField);
            task.Deliver();
        }
    }

    /// <summary>The unit has completed it.</summary>
    public void OnTaskDone(IscsiTask task)
    {
        Invariant.Check(task.Stage == TaskStage.Delivered);
        // While it closes, its last answer is queued: nothing may follow that.
        if (State >= ConnectionState.Closing || task.Aborted)
        {
            DropTask(task);
            if (IsEnding)
            {
                CheckEnded();
            }

            return;
        }

        Session!.Info.Counters.Ended(task);
        Respond(task);
    }

    /// <summary>Its status is in a batch: the tag is free again and the window opens.</summary>
    public void OnStatusSent(IscsiTask task) => LeaveTables(task);

    /// <summary>Its answer is wholly in the kernel's hands.</summary>
    public void OnTaskReleased(IscsiTask task) => DropTask(task);

    public IscsiTask? FindTask(uint initiatorTaskTag)
    {
        IscsiTask? task = _byTag[BucketOf(initiatorTaskTag)];
        while (task is not null && task.InitiatorTaskTag != initiatorTaskTag)
        {
            task = task.HashNext;
        }

        return task;
    }

    /// <summary>Ends without an answer every task to that unit which the unit has not seen yet; null: to all units.</summary>
    public void AbortUndelivered(LunNexus? lunNexus)
    {
        foreach (IscsiTask task in _tasks)
        {
            if (task.Stage is TaskStage.Collecting or TaskStage.Waiting && (lunNexus is null || ReferenceEquals(task.LunNexus, lunNexus)))
            {
                DropTask(task);
            }
        }
    }

    /// <summary>Ends a task: out of all tables, its buffer returned, itself free for the next.</summary>
    private void DropTask(IscsiTask task)
    {
        if (task.Stage == TaskStage.Collecting)
        {
            _collecting--;
        }

        LeaveTables(task);
        Session!.Deliveries.Remove(task);
        if (!task.InOrder)
        {
            Session.Window.Forget(task.CmdSN);
        }

        FreeTask(task);
    }

    private void Respond(IscsiTask task)
    {
        task.Stage = TaskStage.Responding;
        Queue(task.Response);
    }

    private void LeaveTables(IscsiTask task)
    {
        ref IscsiTask? at = ref _byTag[BucketOf(task.InitiatorTaskTag)];
        if (at is not null)
        {
            IscsiTask? previous = null, here = at;
            while (here is not null && !ReferenceEquals(here, task))
            {
                previous = here;
                here = here.HashNext;
            }

            if (here is not null)
            {
                if (previous is null)
                {
                    at = task.HashNext;
                }
                else
                {
                    previous.HashNext = task.HashNext;
                }

                task.HashNext = null;
            }
        }

        if (task.InFlight)
        {
            task.InFlight = false;
            Session!.Window.LeaveFlight();
            Session.Info.Counters.Left();
        }

        if (task.Immediate)
        {
            task.Immediate = false;
            _immediateTasks--;
        }
    }

    private IscsiTask TakeTask()
    {
        _liveTasks++;
        if (_freeTasks.TryPop(out IscsiTask? task))
        {
            return task;
        }

        task = new IscsiTask(this, _tasks.Count);
        _tasks.Add(task);
        return task;
    }

    private void FreeTask(IscsiTask task)
    {
        if (!task.Buffer.IsEmpty)
        {
            Thread.Buffers.Return(task.Buffer);
            task.Buffer = default;
        }

        task.Reset();
        _freeTasks.Push(task);
        _liveTasks--;
    }

    private static int BucketOf(uint initiatorTaskTag) => (int)((initiatorTaskTag * 0x9E3779B1u) >> 24);
}
