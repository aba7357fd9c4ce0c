using ActorSan.Storage;
using ActorSan.Storage.Blocks;

namespace ActorSan.Scsi.Reservations;

/// <summary>What a reservation says about a command.</summary>
internal enum ReservationVerdict : byte
{
    Allowed,
    Conflict,

    /// <summary>A change is on its way to the medium: the command waits for it (replication.md W12) and is checked again after <see cref="BlockDevice.ReleaseParked"/>.</summary>
    Wait,
}

/// <summary>What the reservations keep for one nexus: its identity, and its standing in the state for which it was last found.</summary>
internal struct NexusReservation
{
    public ReservationNexus Identity;
    public ReservationState? FoundIn;
    public ReservationStanding Standing;
    public bool IsReserver;
}

/// <summary>
/// The reservations of one unit. Home thread only. A change closes the gate, waits for the commands that were admitted before it (if it takes rights away), is made durable,
/// takes effect, and opens the gate: so no answer is ever given from a change that is not complete (replication.md W12).
/// </summary>
internal sealed class ReservationManager(BlockDevice device)
{
    private readonly ForgetOperation _forget = new();
    private ReservationState _state = ReservationState.Empty;
    private bool _loaded;
    private TaskState? _changer;
    private Action<TaskState>? _drained;
    private int _undrained;

    /// <summary>False when every command of every nexus is allowed: the fast path asks nothing else.</summary>
    public bool MayRefuse { get; private set; } = true;

    /// <summary>A change waits for older commands: each that ends is told to <see cref="Ended"/>.</summary>
    public bool IsDraining => _undrained != 0;

    public BlockDevice Device { get; } = device;

    public ReservationState State => _state;

    private bool IsGateClosed => !_loaded || _changer is not null;

    /// <summary>
    /// Takes up what the volume keeps, once, when it first serves. <paramref name="afterPowerLoss"/>: what has no APTPL is forgotten, durably, before anything is admitted.
    /// </summary>
    public void Load(bool afterPowerLoss)
    {
        if (_loaded)
        {
            return;
        }

        ReservationDamage damage = ReservationCodec.TryRead(Device.Volume.GetAttribute(VolumeAttribute.Reservations), out ReservationState kept);
        if (damage != ReservationDamage.None)
        {
            // Nobody knows who may write: the unit stops rather than guess (replication.md I6). The gate stays closed behind it.
            Device.Restrict(Restrictions.ReservationsLost, holds: true);
            LoadDamage = damage;
            return;
        }

        ReservationState next = afterPowerLoss ? kept.AfterPowerLoss() : kept;
        if (afterPowerLoss && !kept.PersistThroughPowerLoss && !kept.Registrations.IsEmpty)
        {
            _forget.Begin(this);
            return;
        }

        Open(next);
    }

    /// <summary>Why the kept reservations were refused.</summary>
    public ReservationDamage LoadDamage { get; private set; }

    public ReservationVerdict Check(TaskState task)
    {
        CommandAccess access = ReservationRules.AccessOf(task.Cdb);
        if (IsGateClosed && access > CommandAccess.Status)
        {
            return ReservationVerdict.Wait;
        }

        ref NexusReservation own = ref task.Nexus.Reservation;
        if (!ReferenceEquals(own.FoundIn, _state))
        {
            own.Standing = _state.StandingOf(own.Identity);
            own.IsReserver = _state.Reserver == own.Identity;
            own.FoundIn = _state;
        }

        return ReservationRules.Allows(_state, access, own.Standing, own.IsReserver) ? ReservationVerdict.Allowed : ReservationVerdict.Conflict;
    }

    /// <summary>A session began; the nexus may have a registration from before.</summary>
    public void Attached(NexusState nexus) => nexus.Reservation.Identity = ReservationNexus.Of(nexus.LunNexus.Nexus);

    /// <summary>I_T nexus loss: a RESERVE(6) reservation of it ends, registrations stay.</summary>
    public void Detached(NexusState nexus) => Take(ReservationMachine.AfterNexusLoss(_state, nexus.Reservation.Identity));

    /// <summary>Logical unit reset: a RESERVE(6) reservation ends, persistent ones stay.</summary>
    public void Reset() => Take(ReservationMachine.AfterReset(_state));

    /// <summary>What a command may name that is outside of the state.</summary>
    public ReservationSurroundings Surroundings(NexusState sender)
    {
        var ports = new SortedSet<ushort>(Device.Settings.TargetPorts) { sender.Reservation.Identity.RelativePortId };
        var initiators = new List<(string, ulong)>();
        foreach (NexusState nexus in Device.Nexuses)
        {
            ports.Add(nexus.Reservation.Identity.RelativePortId);
            initiators.Add((nexus.Reservation.Identity.InitiatorName, nexus.Reservation.Identity.Isid));
        }

        return new ReservationSurroundings([.. ports], initiators, Device.Settings.MaxRegistrations, Device.Volume.Capabilities.MaxAttributeBytes);
    }

    /// <summary>A volatile change (RESERVE, RELEASE): takes effect at once.</summary>
    public void Take(ReservationState next)
    {
        _state = next;
        Refresh();
    }

    /// <summary>
    /// Closes the gate for the change of <paramref name="changer"/> and runs <paramref name="next"/> in it: at once, or when every command has ended that was checked
    /// before and may not be allowed after. Tasks of <paramref name="spared"/> are not waited for.
    /// </summary>
    public void BeginChange(TaskState changer, bool takesRightsAway, IReadOnlyList<ReservationNexus> spared, Action<TaskState> next)
    {
        Invariant.Check(_changer is null);
        _changer = changer;
        Refresh();
        if (takesRightsAway)
        {
            for (TaskState? task = Device.Tasks.First; task is not null; task = task.Next)
            {
                if (task.Phase == TaskPhase.Enabled
                    && !ReferenceEquals(task, changer)
                    && (task.Command.Flags & CommandFlags.WorksByTasks) == 0
                    && ReservationRules.AccessOf(task.Cdb) is CommandAccess.Read or CommandAccess.Write
                    && !spared.Contains(task.Nexus.Reservation.Identity))
                {
                    task.HoldsUpReservations = true;
                    _undrained++;
                }
            }
        }

        _drained = next;
        changer.Await(next);
        if (_undrained == 0)
        {
            changer.Resume();
        }
    }

    /// <summary>A task that a change waits for has ended.</summary>
    public void Ended(TaskState task)
    {
        if (!task.HoldsUpReservations)
        {
            return;
        }

        task.HoldsUpReservations = false;
        if (--_undrained == 0)
        {
            _changer!.Resume();
        }
    }

    /// <summary>The change is durable, or failed (then <paramref name="next"/> is the present state): the gate opens, and what waited is checked against it.</summary>
    public void EndChange(ReservationState next)
    {
        Invariant.Check(_changer is not null && _undrained == 0);
        _changer = null;
        _drained = null;
        Take(next);
        Device.ReleaseParked();
    }

    /// <summary>Establishes the attentions for every session of the nexuses that they name.</summary>
    public void Tell(IReadOnlyList<AttentionFor> attentions)
    {
        foreach (AttentionFor told in attentions)
        {
            foreach (NexusState nexus in Device.Nexuses)
            {
                if (nexus.Reservation.Identity == told.Nexus)
                {
                    nexus.Attentions.Add(told.Attention switch
                    {
                        ReservationAttention.ReservationsPreempted => UnitAttention.ReservationsPreempted,
                        ReservationAttention.ReservationsReleased => UnitAttention.ReservationsReleased,
                        _ => UnitAttention.RegistrationsPreempted,
                    });
                }
            }
        }
    }

    private void Open(ReservationState state)
    {
        _loaded = true;
        Take(state);
        Device.ReleaseParked();
    }

    private void Refresh() => MayRefuse = IsGateClosed || _state.IsReserved || _state.Reserver is not null;

    /// <summary>Makes it durable that reservations without APTPL did not survive, so that no later reader takes them up.</summary>
    private sealed class ForgetOperation : VolumeOperation
    {
        private ReservationManager? _manager;

        public void Begin(ReservationManager manager)
        {
            _manager = manager;
            Attribute = VolumeAttribute.Reservations;
            LengthBytes = 0;
            manager.Device.Volume.SetAttribute(this);
        }

        protected override void OnCompleted()
        {
            // Not written: the next open finds the same and forgets it again.
            _manager!.Open(ReservationState.Empty);
        }
    }
}
