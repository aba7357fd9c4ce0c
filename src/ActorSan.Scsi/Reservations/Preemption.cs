namespace ActorSan.Scsi.Reservations;

/// <summary>
/// The abort half of PREEMPT AND ABORT (SPC-4 §5.13.11.4.5): all tasks of the preempted nexuses end, but for the command itself; it goes on when they have, or after the
/// bound of a task management function.
/// </summary>
internal sealed class Preemption
{
    private readonly TaskState _command;
    private int _waiting = 1;

    private Preemption(TaskState command) => _command = command;

    /// <summary>Resumes <paramref name="command"/> when it is done, perhaps before it returns.</summary>
    public static void Begin(TaskState command, IReadOnlyList<ReservationNexus> preempted)
    {
        var preemption = new Preemption(command);
        NexusState[] nexuses = [.. command.Device.Nexuses.Where(nexus => preempted.Contains(nexus.Reservation.Identity))];
        foreach (NexusState nexus in nexuses)
        {
            preemption.Abort(nexus);
        }

        preemption.EndOne();
    }

    private void Abort(NexusState nexus)
    {
        bool own = ReferenceEquals(nexus, _command.Nexus);
        bool aborting = _command.Aborting;
        _command.Aborting = true;
        _command.Device.AbortPreempted(nexus);
        _command.Aborting = aborting;
        if (!own && !nexus.Detached)
        {
            // All tasks are marked by now: this only waits for them.
            _waiting++;
            _command.Device.Manage(new Wait(this) { Function = TaskManagementFunction.AbortTaskSet, LunNexus = nexus.LunNexus });
        }
    }

    private void EndOne()
    {
        if (--_waiting == 0)
        {
            _command.Resume();
        }
    }

    private sealed class Wait(Preemption preemption) : TaskManagementOperation
    {
        protected internal override void OnCompleted() => preemption.EndOne();
    }
}
