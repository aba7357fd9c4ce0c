using ActorSan.Storage;
using ActorSan.Storage.Blocks;
using ActorSan.Storage.Buffers;

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
    private readonly RestartOperation _restart = new();
    private ReservationState _state = ReservationState.Empty;
    private bool _loaded;
    private bool _standsBy;
    private TaskState? _changer;
    private int _undrained;

    /// <summary>False when every command of every nexus is allowed: the fast path asks nothing else.</summary>
    public bool MayRefuse { get; private set; } = true;

    /// <summary>A change waits for older commands: each that ends is told to <see cref="Ended"/>.</summary>
    public bool IsDraining => _undrained != 0;

    public BlockDevice Device { get; } = device;

    public ReservationState State => _state;

    /// <summary>A change, or the forgetting after a loss of power, is not over: nothing may be loaded before it is.</summary>
    public bool IsBusy => _changer is not null || _restart.IsInFlight;

    // Damaged reservations let nothing wait: they refuse (Restrictions.ReservationsLost).
    private bool IsGateClosed => _changer is not null || (!_loaded && LoadDamage == ReservationDamage.None);

    /// <summary>The unit does not serve: another one knows the reservations, and here nothing is checked against any. A change that is under way ends by itself.</summary>
    public void Standby()
    {
        _standsBy = true;
        _loaded = false;
        _restart.Outlive();
        Forget();
    }

    /// <summary>The unit is to serve: whatever depends on reservations waits until they are loaded.</summary>
    public void Await()
    {
        _standsBy = false;
        Forget();
    }

    /// <summary>
    /// Takes up what the volume keeps. <paramref name="afterPowerLoss"/>: what has no APTPL is forgotten and PRgeneration begins anew, durably, before anything is admitted;
    /// else the volume has only come to another node, and nothing of it is lost.
    /// </summary>
    public void Load(bool afterPowerLoss)
    {
        Invariant.Check(!_loaded && !_standsBy && !IsBusy);
        ReservationDamage damage = ReservationCodec.TryRead(Device.Volume.GetAttribute(VolumeAttribute.Reservations), out ReservationState kept);
        if (damage != ReservationDamage.None)
        {
            // Nobody knows who may write: the unit stops rather than guess (replication.md I6). The gate stays closed behind it.
            Device.Restrict(Restrictions.ReservationsLost, holds: true);
            LoadDamage = damage;
            Refresh();
            Device.ReleaseParked();
            return;
        }

        ReservationState next = afterPowerLoss ? kept.AfterPowerLoss() : kept;
        if (!next.Registrations.SequenceEqual(kept.Registrations) || next.Generation != kept.Generation)
        {
            _restart.Begin(this, next);
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
        var ports = new SortedSet<ushort>(Device.Settings.TargetPorts.Concat(Device.PortGroups.SelectMany(group => group.RelativePorts)))
        {
            sender.Reservation.Identity.RelativePortId,
        };
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

    /// <summary>The change is durable and in force, or failed: the gate opens, and what waited is checked against the present state.</summary>
    public void EndChange()
    {
        Invariant.Check(_changer is not null && _undrained == 0);
        _changer = null;
        Refresh();
        Device.ReleaseParked();
        Device.TakeUp();
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

    private void Forget()
    {
        _state = ReservationState.Empty;
        LoadDamage = ReservationDamage.None;
        Device.Restrict(Restrictions.ReservationsLost, holds: false);
        Refresh();
    }

    private void Refresh() => MayRefuse = !_standsBy && (IsGateClosed || _state.IsReserved || _state.Reserver is not null);

    /// <summary>Makes durable what a loss of power left of the reservations, so that no later reader, here or on another node, takes up more.</summary>
    private sealed unsafe class RestartOperation : VolumeOperation
    {
        private ReservationManager? _manager;
        private ReservationState _next = ReservationState.Empty;
        private IoBuffer _buffer;
        private bool _outlived;

        public bool IsInFlight { get; private set; }

        public void Begin(ReservationManager manager, ReservationState next)
        {
            _manager = manager;
            _next = next;
            _outlived = false;
            Attribute = VolumeAttribute.Reservations;
            LengthBytes = 0;
            Data = null;
            if (!ReferenceEquals(next, ReservationState.Empty))
            {
                if (!manager.Device.Volume.Home.Buffers.TryRent(ReservationCodec.LengthOf(next), BufferOwner.Task, out _buffer))
                {
                    // Only PRgeneration would be another one.
                    _buffer = default;
                    manager.Open(next);
                    return;
                }

                Data = _buffer.Address;
                LengthBytes = ReservationCodec.Write(next, _buffer.Span);
            }

            IsInFlight = true;
            manager.Device.Volume.SetAttribute(this);
        }

        /// <summary>The unit serves no more: what comes of it concerns nobody here.</summary>
        public void Outlive() => _outlived = true;

        protected override void OnCompleted()
        {
            IsInFlight = false;
            if (!_buffer.IsEmpty)
            {
                _manager!.Device.Volume.Home.Buffers.Return(_buffer);
                _buffer = default;
            }

            if (_outlived)
            {
                _manager!.Device.TakeUp();
            }
            else if (Status != VolumeStatus.Deposed)
            {
                // Not written: the next open finds the same and forgets it again.
                _manager!.Open(_next);
            }
        }
    }
}
