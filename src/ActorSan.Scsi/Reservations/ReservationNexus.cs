namespace ActorSan.Scsi.Reservations;

/// <summary>
/// The identity by which a registration knows an I_T nexus (SPC-4 §5.13.7): the initiator port (iSCSI name and ISID) and the relative target port identifier. It outlives
/// the session: who logs in again with the same name and ISID at the same port is the same nexus.
/// </summary>
/// <param name="InitiatorName">iSCSI name.</param>
/// <param name="Isid">48 bits.</param>
/// <param name="RelativePortId">Of the target port (SPC-4 §3.1.120).</param>
public readonly record struct ReservationNexus(string InitiatorName, ulong Isid, ushort RelativePortId)
{
    public static ReservationNexus Of(ScsiNexus nexus) => new(nexus.InitiatorName, nexus.Isid, nexus.RelativePortId);

    public bool SameInitiatorPort(in ReservationNexus other) =>
        Isid == other.Isid && string.Equals(InitiatorName, other.InitiatorName, StringComparison.Ordinal);
}

/// <summary>One registration: the nexus and its reservation key, never zero.</summary>
public readonly record struct Registration(ReservationNexus Nexus, ulong Key);

/// <summary>What a nexus is to the present state; each value has the rights of those below it.</summary>
public enum ReservationStanding : byte
{
    /// <summary>Not registered.</summary>
    None,
    Registered,

    /// <summary>Holds the reservation; with an all-registrants type every registered nexus does.</summary>
    Holder,
}
