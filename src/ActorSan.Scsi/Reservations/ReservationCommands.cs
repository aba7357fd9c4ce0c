using ActorSan.Storage.Blocks;

namespace ActorSan.Scsi.Reservations;

/// <summary>PERSISTENT RESERVE IN and OUT (SPC-4 §6.15, §6.16), RESERVE and RELEASE 6 and 10 (SPC-2 §7.16 to §7.22).</summary>
internal static unsafe class ReservationCommands
{
    // In a standby port group reservations can be read and changed (SPC-4 §5.15.2.4.4), but only where the unit serves: nobody else knows them.
    private const Restrictions BlockedBy = Restrictions.Sanitizing | Restrictions.Formatting | Restrictions.VolumeNotReady
        | Restrictions.ReservationsLost | (Restrictions.Port & ~Restrictions.PortStandby);

    public static readonly CommandDescriptor[] Rows =
    [
        InRow("PERSISTENT RESERVE IN (READ KEYS)", PersistentReserveIn.ReadKeys),
        InRow("PERSISTENT RESERVE IN (READ RESERVATION)", PersistentReserveIn.ReadReservation),
        InRow("PERSISTENT RESERVE IN (REPORT CAPABILITIES)", PersistentReserveIn.ReportCapabilities),
        InRow("PERSISTENT RESERVE IN (READ FULL STATUS)", PersistentReserveIn.ReadFullStatus),
        OutRow("PERSISTENT RESERVE OUT (REGISTER)", ReservationAction.Register, scopeAndType: 0x00),
        OutRow("PERSISTENT RESERVE OUT (RESERVE)", ReservationAction.Reserve, scopeAndType: 0xFF),
        OutRow("PERSISTENT RESERVE OUT (RELEASE)", ReservationAction.Release, scopeAndType: 0xFF),
        OutRow("PERSISTENT RESERVE OUT (CLEAR)", ReservationAction.Clear, scopeAndType: 0x00),
        OutRow("PERSISTENT RESERVE OUT (PREEMPT)", ReservationAction.Preempt, scopeAndType: 0xFF),
        OutRow("PERSISTENT RESERVE OUT (PREEMPT AND ABORT)", ReservationAction.PreemptAndAbort, scopeAndType: 0xFF),
        OutRow("PERSISTENT RESERVE OUT (REGISTER AND IGNORE EXISTING KEY)", ReservationAction.RegisterAndIgnoreExistingKey, scopeAndType: 0x00),
        OutRow("PERSISTENT RESERVE OUT (REGISTER AND MOVE)", ReservationAction.RegisterAndMove, scopeAndType: 0x00),
        UnitRow("RESERVE(6)", [0x16, 0x00, 0x00, 0x00, 0x00, 0x00], reserves: true),
        UnitRow("RELEASE(6)", [0x17, 0x00, 0x00, 0x00, 0x00, 0x00], reserves: false),
        UnitRow("RESERVE(10)", [0x56, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00], reserves: true),
        UnitRow("RELEASE(10)", [0x57, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00], reserves: false),
    ];

    private static CommandDescriptor InRow(string name, int serviceAction) => new()
    {
        Name = name,
        OperationCode = PersistentReserveIn.OperationCode,
        ServiceAction = (byte)serviceAction,
        Usage = [PersistentReserveIn.OperationCode, (byte)serviceAction, 0x00, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0x00],
        Demand = static (_, cdb) => new CdbDemand(0, PersistentReserveIn.AllocationLength(cdb)),
        Start = StartIn,
        Reservation = ReservationClass.Allowed,
        BlockedBy = BlockedBy,
    };

    private static CommandDescriptor OutRow(string name, ReservationAction action, byte scopeAndType) => new()
    {
        Name = name,
        OperationCode = PersistentReserveOut.OperationCode,
        ServiceAction = (byte)action,
        Usage = [PersistentReserveOut.OperationCode, (byte)action, scopeAndType, 0x00, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0x00],
        Demand = static (_, cdb) => new CdbDemand(DataOutOf(cdb), 0),
        Start = StartOut,
        Flags = CommandFlags.EndsWhatItBegan,
        Reservation = ReservationClass.Allowed,
        BlockedBy = BlockedBy,
    };

    private static CommandDescriptor UnitRow(string name, byte[] usage, bool reserves) => new()
    {
        Name = name,
        OperationCode = usage[0],
        Usage = usage,
        Start = reserves ? StartReserve : StartRelease,
        Reservation = ReservationClass.Allowed,
        BlockedBy = BlockedBy,
    };

    private static long DataOutOf(ReadOnlySpan<byte> cdb)
    {
        uint length = PersistentReserveOut.ParameterListLength(cdb);
        return length <= PersistentReserveOut.MaxParameterListLength ? length : 0;
    }

    private static void StartIn(TaskState task)
    {
        if (!task.Device.MayTell(task))
        {
            return;
        }

        int allocation = PersistentReserveIn.AllocationLength(task.Cdb);
        int room = Math.Min(allocation, task.Task.DataInCapacity);
        int length = PersistentReserveIn.Write(task.Cdb, task.Device.Reservations.State, new Span<byte>(task.Task.DataIn, room));
        task.Task.DataInLength = Math.Min(length, room);
        task.EndGood(Math.Min(length, allocation));
    }

    private static void StartReserve(TaskState task) => EndUnit(task, reserves: true);

    private static void StartRelease(TaskState task) => EndUnit(task, reserves: false);

    private static void EndUnit(TaskState task, bool reserves)
    {
        // Third-party and extent reservations (SPC-2: 3RDPTY, EXTENT) do not exist here.
        if ((task.CdbByte(1) & 0x11) != 0)
        {
            task.FailCdbField(1, (task.CdbByte(1) & 0x10) != 0 ? 4 : 0);
            return;
        }

        if (!task.Device.MayTell(task))
        {
            return;
        }

        ReservationManager manager = task.Device.Reservations;
        ReservationNexus nexus = task.Nexus.Reservation.Identity;
        ReservationOutcome outcome = reserves
            ? ReservationMachine.ReserveUnit(manager.State, nexus)
            : ReservationMachine.ReleaseUnit(manager.State, nexus);
        if (outcome.Verdict != ReservationResult.Good)
        {
            task.EndStatus(ScsiStatus.ReservationConflict);
            return;
        }

        manager.Take(outcome.Next);
        task.EndGood();
    }

    private static void StartOut(TaskState task)
    {
        if (!task.Device.MayTell(task))
        {
            return;
        }

        ReservationManager manager = task.Device.Reservations;
        ReservationResult read = PersistentReserveOut.TryRead(task.Cdb, task.DataOut, out ReservationRequest? request, out int pointer);
        if (read != ReservationResult.Good)
        {
            Refuse(task, read, pointer, bit: -1);
            return;
        }

        ReservationOutcome outcome = ReservationMachine.Apply(
            manager.State, task.Nexus.Reservation.Identity, request!, manager.Surroundings(task.Nexus));
        if (outcome.Verdict != ReservationResult.Good)
        {
            Refuse(task, outcome.Verdict, outcome.FieldPointer, outcome.BitPointer);
            return;
        }

        if (ReferenceEquals(outcome.Next, manager.State))
        {
            task.EndGood(task.Task.DataOutLength);
            return;
        }

        if (task.TryRentScratch(ReservationCodec.LengthOf(outcome.Next)))
        {
            task.Extra = outcome;
            manager.BeginChange(task, outcome.TakesRightsAway, outcome.AbortTasksOf, MakeDurable);
        }
    }

    private static void MakeDurable(TaskState task)
    {
        var outcome = (ReservationOutcome)task.Extra!;
        task.Attribute = VolumeAttribute.Reservations;
        task.Data = task.Scratch.Address;
        task.LengthBytes = ReservationCodec.Write(outcome.Next, task.Scratch.Span);
        task.TakesRightsAway = outcome.TakesRightsAway;
        task.Issue(VolumeOperationKind.SetAttribute, TakeEffect);
    }

    private static void TakeEffect(TaskState task)
    {
        ReservationManager manager = task.Device.Reservations;
        var outcome = (ReservationOutcome)task.Extra!;
        task.TakesRightsAway = false;
        if (task.Status != VolumeStatus.Success)
        {
            task.FailVolume(0);
            manager.EndChange();
            return;
        }

        // Who has stopped serving meanwhile has no state to change: whoever serves takes up what is durable now. Its tasks all end by themselves.
        if (!task.Outlived)
        {
            manager.Take(outcome.Next);
        }

        manager.Tell(outcome.Attentions);
        if (outcome.AbortTasksOf.Count == 0 || task.Outlived)
        {
            End(task);
            return;
        }

        // The gate stays closed until the preempted nexuses have nothing left that could still write.
        task.Await(End);
        Preemption.Begin(task, outcome.AbortTasksOf);
    }

    private static void End(TaskState task)
    {
        ReservationManager manager = task.Device.Reservations;
        task.EndGood(task.Task.DataOutLength);
        manager.EndChange();
    }

    private static void Refuse(TaskState task, ReservationResult result, int pointer, int bit)
    {
        switch (result)
        {
            case ReservationResult.Conflict:
                task.EndStatus(ScsiStatus.ReservationConflict);
                break;
            case ReservationResult.InvalidFieldInCdb:
                task.FailCdbField(pointer, bit);
                break;
            case ReservationResult.InvalidFieldInParameterList:
                task.FailParameter(pointer, bit);
                break;
            case ReservationResult.ParameterListLengthError:
                task.FailParameterLength(pointer);
                break;
            case ReservationResult.InvalidRelease:
                task.Fail(SenseKey.IllegalRequest, AdditionalSense.InvalidReleaseOfPersistentReservation);
                break;
            case ReservationResult.InsufficientRegistrationResources:
                task.Fail(SenseKey.IllegalRequest, AdditionalSense.InsufficientRegistrationResources);
                break;
            default:
                Storage.Invariant.Fail($"A reservation command cannot be refused so: {result}.");
                break;
        }
    }
}
