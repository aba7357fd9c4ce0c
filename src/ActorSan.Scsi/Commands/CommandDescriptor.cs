namespace ActorSan.Scsi;

/// <summary>
/// What a command does under a reservation of somebody else (SPC-4 §5.12.1, tables of SPC and SBC): the strictest of its forms where they differ (START STOP UNIT that
/// stops, PREVENT ALLOW MEDIUM REMOVAL that prevents); each CDB is checked by <see cref="Reservations.ReservationRules.AccessOf"/>.
/// </summary>
internal enum ReservationClass : byte
{
    /// <summary>Allowed under every reservation.</summary>
    Allowed,

    /// <summary>Conflicts with exclusive access, allowed under write exclusive: reads.</summary>
    Reads,

    /// <summary>Conflicts with every reservation of which the nexus has no part: writes, and what changes the unit.</summary>
    Writes,

    /// <summary>The command decides itself (PERSISTENT RESERVE OUT, RESERVE, RELEASE).</summary>
    Own,
}

[Flags]
internal enum CommandFlags
{
    None = 0,

    /// <summary>Runs with a unit attention pending and leaves it there (SAM-5 §5.14; SPC-4: INQUIRY, REPORT LUNS, REQUEST SENSE).</summary>
    IgnoresAttention = 1 << 0,

    /// <summary>Starts at once, whatever is in the task set (SAM-5 §8.2: implicit HEAD OF QUEUE).</summary>
    ImplicitHeadOfQueue = 1 << 1,

    /// <summary>An abort does not stop it between steps: state in memory must follow what became durable. Its answer is dropped all the same.</summary>
    EndsWhatItBegan = 1 << 2,

    /// <summary>Allowed while another nexus holds a RESERVE(6) reservation, beyond what <see cref="ReservationClass.Allowed"/> says.</summary>
    AllowedWhileReserved6 = 1 << 3,

    /// <summary>Not on every unit (<see cref="CommandDescriptor.ExistsOn"/>), or not a command at all: always takes the slow path.</summary>
    Conditional = 1 << 4,

    /// <summary>Reads and writes by tasks of its own, which are admitted one by one (EXTENDED COPY): a reservation change waits for those, not for the command.</summary>
    WorksByTasks = 1 << 5,
}

/// <summary>What a CDB wants to transfer, from its bytes and the unit's constants alone; runs on any thread.</summary>
internal delegate CdbDemand DemandFunction(BlockDevice device, ReadOnlySpan<byte> cdb);

/// <summary>One row of the command table: all that is known about a command before it runs.</summary>
internal sealed class CommandDescriptor
{
    public required string Name { get; init; }

    public required byte OperationCode { get; init; }

    /// <summary>Null when the command has none.</summary>
    public byte? ServiceAction { get; init; }

    /// <summary>
    /// The CDB with every supported bit set, and operation code and service action in place (SPC-4 §6.35.3, CDB USAGE DATA); its length is the CDB's. The control byte is last.
    /// </summary>
    public required byte[] Usage { get; init; }

    public int CdbLength => Usage.Length;

    /// <summary>Null: transfers nothing.</summary>
    public DemandFunction? Demand { get; init; }

    /// <summary>First step.</summary>
    public required Action<TaskState> Start { get; init; }

    public CommandFlags Flags { get; init; }

    public ReservationClass Reservation { get; init; } = ReservationClass.Writes;

    /// <summary>Conditions under which it is refused before it starts.</summary>
    public Restrictions BlockedBy { get; init; } = Restrictions.Unit;

    /// <summary>Null: on every unit. Goes with <see cref="CommandFlags.Conditional"/>.</summary>
    public Func<BlockDevice, bool>? ExistsOn { get; init; }

    /// <summary>For the command timeouts descriptor (SPC-4 §6.35.4), seconds.</summary>
    public uint NominalSeconds { get; init; }

    /// <summary>Seconds; what an initiator should wait at least.</summary>
    public uint RecommendedSeconds { get; init; } = 30;
}
