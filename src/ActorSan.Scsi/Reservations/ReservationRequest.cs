namespace ActorSan.Scsi.Reservations;

/// <summary>PERSISTENT RESERVE OUT service actions (SPC-4 §6.16.2).</summary>
public enum ReservationAction : byte
{
    Register = 0,
    Reserve = 1,
    Release = 2,
    Clear = 3,
    Preempt = 4,
    PreemptAndAbort = 5,
    RegisterAndIgnoreExistingKey = 6,
    RegisterAndMove = 7,

    /// <summary>Valid only while reservation information is lost (SPC-4 §5.13.11.5), a state that a unit of ours never serves in: refused.</summary>
    ReplaceLostReservation = 8,
}

/// <summary>A PERSISTENT RESERVE OUT command, read and checked for form.</summary>
public sealed record ReservationRequest
{
    public required ReservationAction Action { get; init; }

    /// <summary>RESERVE, RELEASE, PREEMPT and PREEMPT AND ABORT; None elsewhere (the field is ignored there).</summary>
    public ReservationType Type { get; init; }

    /// <summary>RESERVATION KEY: the key that the nexus claims to be registered with.</summary>
    public ulong Key { get; init; }

    /// <summary>SERVICE ACTION RESERVATION KEY.</summary>
    public ulong ActionKey { get; init; }

    /// <summary>APTPL.</summary>
    public bool PersistThroughPowerLoss { get; init; }

    /// <summary>ALL_TG_PT.</summary>
    public bool AllTargetPorts { get; init; }

    /// <summary>SPEC_I_PT: <see cref="TransportIds"/> are registered besides.</summary>
    public bool SpecifyInitiatorPorts { get; init; }

    /// <summary>SPEC_I_PT: any number. REGISTER AND MOVE: exactly one.</summary>
    public IReadOnlyList<TransportId> TransportIds { get; init; } = [];

    /// <summary>REGISTER AND MOVE: UNREG.</summary>
    public bool Unregister { get; init; }

    /// <summary>REGISTER AND MOVE: the target port of the nexus that gets the reservation.</summary>
    public ushort RelativePortId { get; init; }
}

/// <summary>How a reservation command ends. Decided by kind, never by text.</summary>
public enum ReservationResult : byte
{
    Good,

    /// <summary>RESERVATION CONFLICT status.</summary>
    Conflict,

    /// <summary>ILLEGAL REQUEST, INVALID FIELD IN CDB (24h/00h).</summary>
    InvalidFieldInCdb,

    /// <summary>ILLEGAL REQUEST, INVALID FIELD IN PARAMETER LIST (26h/00h).</summary>
    InvalidFieldInParameterList,

    /// <summary>ILLEGAL REQUEST, PARAMETER LIST LENGTH ERROR (1Ah/00h).</summary>
    ParameterListLengthError,

    /// <summary>ILLEGAL REQUEST, INVALID RELEASE OF PERSISTENT RESERVATION (26h/04h).</summary>
    InvalidRelease,

    /// <summary>ILLEGAL REQUEST, INSUFFICIENT REGISTRATION RESOURCES (55h/04h).</summary>
    InsufficientRegistrationResources,
}

/// <summary>The unit attentions that reservation changes establish (SPC-4 §5.13.11), ADDITIONAL SENSE CODE 2Ah.</summary>
public enum ReservationAttention : byte
{
    /// <summary>2Ah/03h: CLEAR.</summary>
    ReservationsPreempted = 3,

    /// <summary>2Ah/04h.</summary>
    ReservationsReleased = 4,

    /// <summary>2Ah/05h: PREEMPT.</summary>
    RegistrationsPreempted = 5,
}

/// <summary>A unit attention for every I_T_L nexus of that identity.</summary>
public readonly record struct AttentionFor(ReservationNexus Nexus, ReservationAttention Attention);

/// <summary>
/// What a command does to the state. With Good, <see cref="Next"/> takes effect once it is durable: then the attentions are established, then the tasks of
/// <see cref="AbortTasksOf"/> are aborted, then the command ends.
/// </summary>
public sealed record ReservationOutcome
{
    public required ReservationResult Verdict { get; init; }

    /// <summary>First offending byte in the CDB or the parameter list, by the verdict; −1 when there is none to name.</summary>
    public int FieldPointer { get; init; } = -1;

    /// <summary>Its highest offending bit, −1 for a whole byte.</summary>
    public int BitPointer { get; init; } = -1;

    /// <summary>The same object as before when nothing changes.</summary>
    public required ReservationState Next { get; init; }

    /// <summary>Some nexus may do less in <see cref="Next"/> than before (replication.md W12).</summary>
    public bool TakesRightsAway { get; init; }

    public IReadOnlyList<AttentionFor> Attentions { get; init; } = [];

    /// <summary>PREEMPT AND ABORT: the nexuses whose tasks end, but for the command itself.</summary>
    public IReadOnlyList<ReservationNexus> AbortTasksOf { get; init; } = [];
}

/// <summary>What the unit knows of the outside, that a registration may name.</summary>
/// <param name="TargetPorts">Relative target port identifiers by which the unit is reached, ascending.</param>
/// <param name="InitiatorPorts">Initiator ports with a session to it: name and ISID.</param>
/// <param name="MaxRegistrations">A bound of ours.</param>
/// <param name="MaxStateBytes">The encoded state must fit (<see cref="Storage.Blocks.VolumeCapabilities.MaxAttributeBytes"/>).</param>
public sealed record ReservationSurroundings(
    IReadOnlyList<ushort> TargetPorts,
    IReadOnlyList<(string InitiatorName, ulong Isid)> InitiatorPorts,
    int MaxRegistrations,
    int MaxStateBytes);
