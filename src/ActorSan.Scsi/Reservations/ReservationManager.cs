namespace ActorSan.Scsi.Reservations;

/// <summary>What a reservation says about a command.</summary>
internal enum ReservationVerdict : byte
{
    Allowed,
    Conflict,

    /// <summary>A change is on its way to the medium: the command waits for it (replication.md W12) and is checked again after <see cref="BlockDevice.ReleaseParked"/>.</summary>
    Wait,
}

/// <summary>What the reservations keep for one nexus.</summary>
internal struct NexusReservation;

/// <summary>The reservations of one unit. Home thread only.</summary>
internal sealed class ReservationManager(BlockDevice device)
{
    /// <summary>False when every command of every nexus is allowed: the fast path asks nothing else.</summary>
    public bool MayRefuse { get; private set; }

    public BlockDevice Device { get; } = device;

    public ReservationVerdict Check(TaskState task) => ReservationVerdict.Allowed;

    /// <summary>A session began; the nexus may have a registration from before.</summary>
    public void Attached(NexusState nexus)
    {
    }

    /// <summary>I_T nexus loss: a RESERVE(6) reservation of it ends, registrations stay.</summary>
    public void Detached(NexusState nexus)
    {
    }

    /// <summary>Logical unit reset: a RESERVE(6) reservation ends, persistent ones stay.</summary>
    public void Reset()
    {
    }
}
