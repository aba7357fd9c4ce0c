using ActorSan.Scsi.Reservations;
using ActorSan.Storage;
using ActorSan.Storage.Blocks;

namespace ActorSan.Scsi;

/// <summary>Why an enabled task does not start, in the order of SAM-5 §5.3.3: resets, reservation conflict, everything else.</summary>
public sealed partial class BlockDevice
{
    // False: the task was ended or parked.
    private bool Admit(TaskState state)
    {
        CommandDescriptor command = state.Command;
        NexusState nexus = state.Nexus;
        bool takesAttention = (command.Flags & CommandFlags.IgnoresAttention) == 0;
        if (takesAttention && nexus.Attentions.HasReset)
        {
            return EndWithAttention(state);
        }

        if (Reservations.MayRefuse && command.Reservation != ReservationClass.Own)
        {
            switch (Reservations.Check(state))
            {
                case ReservationVerdict.Conflict when !MayTell(state):
                    End(state);
                    return false;
                case ReservationVerdict.Conflict:
                    state.EndStatus(ScsiStatus.ReservationConflict);
                    End(state);
                    return false;
                case ReservationVerdict.Wait when (_restrictions & command.BlockedBy & Restrictions.VolumeNotReady) == 0:
                    Park(state);
                    return false;
            }
        }

        if (takesAttention && !nexus.Attentions.IsEmpty)
        {
            return EndWithAttention(state);
        }

        if (state.Task.Attribute == TaskAttribute.Aca)
        {
            // SAM-5 §8.6.5: there is never an ACA condition here.
            state.Fail(SenseKey.IllegalRequest, AdditionalSense.InvalidMessageError);
        }
        else if ((state.Cdb[command.CdbLength - 1] & 0x04) != 0)
        {
            // NACA with NORMACA zero (SAM-5 §5.2).
            state.FailCdbField(command.CdbLength - 1, 2);
        }
        else if (command.ExistsOn is { } existsOn && !existsOn(this))
        {
            UnknownCommand.Fail(state);
        }
        else if (((_restrictions | nexus.Restrictions) & command.BlockedBy) is var blocked and not Restrictions.None)
        {
            FailRestricted(state, blocked);
        }

        if (!state.Ended)
        {
            return true;
        }

        End(state);
        return false;
    }

    /// <summary>
    /// Before an answer that comes of the reservations as this unit knows them: it is as good as a read of the volume (replication.md I3), and whoever can't be certain that nobody else
    /// serves gives none. False: the command has failed, to be tried again, by whatever path is active then.
    /// </summary>
    internal bool MayTell(TaskState state)
    {
        if (Volume.MayTell)
        {
            return true;
        }

        state.Fail(DescribePort(state.Nexus));
        return false;
    }

    private bool EndWithAttention(TaskState state)
    {
        Invariant.Check(state.Nexus.Attentions.TryTake(out UnitAttention attention));
        state.Fail(SenseKey.UnitAttention, UnitAttentionQueue.CodeOf(attention));
        End(state);
        return false;
    }

    private void FailRestricted(TaskState state, Restrictions blocked) => state.Fail(Describe(blocked));

    /// <summary>What REQUEST SENSE says when no unit attention is pending.</summary>
    internal SenseDescription DescribeReadiness(NexusState nexus)
    {
        Restrictions unready = (_restrictions | nexus.Restrictions) & Restrictions.Medium;
        if (unready != Restrictions.None)
        {
            return Describe(unready);
        }

        return SelfTest.IsRunning ? SelfTestSense() : default;
    }

    /// <summary>NOT READY, SELF-TEST IN PROGRESS with how far it is.</summary>
    internal SenseDescription SelfTestSense() => InBackground(AdditionalSense.SelfTestInProgress);

    // The condition that lies deepest is told: an initiator must not wait for a sanitize on a medium that is not there.
    private SenseDescription Describe(Restrictions blocked)
    {
        if ((blocked & Restrictions.Port) != 0)
        {
            return DescribePort(blocked);
        }

        return true switch
        {
            _ when Has(blocked, Restrictions.VolumeNotReady) => NotReadySense(),
            _ when Has(blocked, Restrictions.ReservationsLost) => new SenseDescription(SenseKey.NotReady, AdditionalSense.ManualInterventionRequired),
            _ when Has(blocked, Restrictions.MediumAbsent) => new SenseDescription(SenseKey.NotReady, AdditionalSense.MediumNotPresent),
            _ when Has(blocked, Restrictions.Formatting) => InBackground(AdditionalSense.FormatInProgress),
            _ when Has(blocked, Restrictions.Sanitizing) => InBackground(AdditionalSense.SanitizeInProgress),
            _ when Has(blocked, Restrictions.SanitizeFailed) => new SenseDescription(SenseKey.MediumError, AdditionalSense.SanitizeCommandFailed),
            _ when Has(blocked, Restrictions.FormatCorrupt) => new SenseDescription(SenseKey.MediumError, AdditionalSense.MediumFormatCorrupted),
            _ when Has(blocked, Restrictions.SelfTesting) => SelfTestSense(),
            _ when Has(blocked, Restrictions.WriteProtected) => new SenseDescription(SenseKey.DataProtect, AdditionalSense.WriteProtected),
            _ => new SenseDescription(SenseKey.DataProtect, AdditionalSense.SoftwareWriteProtected),
        };
    }

    /// <summary>What a command is told that was under way when the unit ceased to serve; while it serves still, or again, a transition.</summary>
    internal SenseDescription DescribePort(NexusState nexus)
    {
        Restrictions port = (_restrictions | nexus.Restrictions) & Restrictions.Port;
        return DescribePort(port == Restrictions.None ? Restrictions.PortTransitioning : port);
    }

    private static SenseDescription DescribePort(Restrictions port) => new(
        SenseKey.NotReady,
        Has(port, Restrictions.PortTransitioning) ? AdditionalSense.AsymmetricAccessTransition
        : Has(port, Restrictions.PortUnavailable) ? AdditionalSense.TargetPortUnavailable
        : AdditionalSense.TargetPortInStandby);

    private static bool Has(Restrictions all, Restrictions one) => (all & one) != 0;

    private SenseDescription InBackground(AdditionalSense additional) =>
        new(SenseKey.NotReady, additional, SenseKeySpecific.Progress(BackgroundProgress));

    /// <summary>Progress of the sanitize, format or self-test that runs (one at a time), as a fraction of 65536.</summary>
    internal ushort BackgroundProgress { get; set; }

    /// <summary>What NOT READY says about the volume's state.</summary>
    internal SenseDescription NotReadySense() => Volume.State.Kind switch
    {
        VolumeStateKind.Starting => new SenseDescription(SenseKey.NotReady, AdditionalSense.BecomingReady),
        VolumeStateKind.Failed => new SenseDescription(SenseKey.NotReady, AdditionalSense.ManualInterventionRequired),
        _ => new SenseDescription(SenseKey.NotReady, AdditionalSense.NotReadyCauseNotReportable),
    };

    private void Park(TaskState state)
    {
        state.Phase = TaskPhase.Parked;
        _parked.Add(state);
    }

    /// <summary>A reservation change is complete: what waited for it is checked again, in order.</summary>
    internal void ReleaseParked()
    {
        // One by one from a list that Unpark sees: what is enabled here may abort one that has not had its turn. Who parks again does so behind them.
        _releasing.Append(ref _parked);
        if (_isReleasing)
        {
            return;
        }

        _isReleasing = true;
        while (_releasing.TryTake() is { } task)
        {
            Enable(task);
        }

        _isReleasing = false;
    }

    /// <summary>An aborted task stops waiting.</summary>
    internal void Unpark(TaskState state)
    {
        if (!_parked.Remove(state))
        {
            _ = _releasing.Remove(state);
        }
    }

    /// <summary>Tasks in their order, linked by <see cref="TaskState.NextParked"/>; a task is in one list at most.</summary>
    private struct ParkedTasks
    {
        private TaskState? _last;

        public TaskState? First { get; private set; }

        public void Add(TaskState task)
        {
            task.NextParked = null;
            if (_last is null)
            {
                First = task;
            }
            else
            {
                _last.NextParked = task;
            }

            _last = task;
        }

        /// <summary>All of the other list, which is empty afterwards.</summary>
        public void Append(ref ParkedTasks other)
        {
            while (other.TryTake() is { } task)
            {
                Add(task);
            }
        }

        public TaskState? TryTake()
        {
            TaskState? task = First;
            if (task is not null)
            {
                First = task.NextParked;
                _last = First is null ? null : _last;
                task.NextParked = null;
            }

            return task;
        }

        public bool Remove(TaskState state)
        {
            TaskState? before = null;
            for (TaskState? task = First; task is not null; before = task, task = task.NextParked)
            {
                if (!ReferenceEquals(task, state))
                {
                    continue;
                }

                if (before is null)
                {
                    First = task.NextParked;
                }
                else
                {
                    before.NextParked = task.NextParked;
                }

                _last = ReferenceEquals(_last, task) ? before : _last;
                task.NextParked = null;
                return true;
            }

            return false;
        }
    }
}
