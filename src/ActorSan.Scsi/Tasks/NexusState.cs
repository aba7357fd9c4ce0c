using ActorSan.Scsi.Reservations;

namespace ActorSan.Scsi;

/// <summary>A unit's state for one I_T nexus, from Attach to Detach. Home thread only.</summary>
internal sealed class NexusState(LunNexus lunNexus)
{
    public LunNexus LunNexus { get; } = lunNexus;

    /// <summary>Pending unit attentions, in the order of their report.</summary>
    public UnitAttentionQueue Attentions;

    /// <summary>What this nexus' target port may not do now (ALUA); joins the unit's own restrictions.</summary>
    public Restrictions Restrictions;

    /// <summary>PREVENT ALLOW MEDIUM REMOVAL with PREVENT = 01b came by this nexus.</summary>
    public bool PreventsRemoval;

    /// <summary>What WRITE BUFFER put into the echo buffer (SPC-4 §6.49.9); null before the first one.</summary>
    public byte[]? Echo;

    /// <summary>Tasks of this nexus in the task set.</summary>
    public int TaskCount;

    /// <summary>What the reservations keep for it, so that a check looks nothing up.</summary>
    public NexusReservation Reservation;

    /// <summary>What RECEIVE COPY RESULTS can speak of; null before the first copy with a list identifier.</summary>
    public Copy.CopyResults? Copies;

    /// <summary>Runs when the last task has gone after Detach.</summary>
    public Storage.Threads.IoMessage? DetachDone;

    public bool Detached;
}
