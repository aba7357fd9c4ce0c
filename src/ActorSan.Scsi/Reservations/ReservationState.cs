using System.Collections.Immutable;

namespace ActorSan.Scsi.Reservations;

/// <summary>
/// All reservations of one logical unit, immutable: a change makes a new object, which takes effect when it is durable. Registrations stand in the order in which they were
/// made. Besides the persistent part it knows the nexus that holds an SPC-2 reservation (RESERVE), which is volatile and excludes the persistent part.
/// </summary>
public sealed class ReservationState
{
    private ReservationState(
        ImmutableArray<Registration> registrations,
        ReservationType type,
        ReservationNexus? holder,
        uint generation,
        bool persistThroughPowerLoss,
        ReservationNexus? reserver)
    {
        Registrations = registrations;
        Type = type;
        Holder = holder;
        Generation = generation;
        PersistThroughPowerLoss = persistThroughPowerLoss;
        Reserver = reserver;
    }

    public static ReservationState Empty { get; } = new([], ReservationType.None, null, 0, persistThroughPowerLoss: false, null);

    public ImmutableArray<Registration> Registrations { get; }

    /// <summary>None without a reservation.</summary>
    public ReservationType Type { get; }

    /// <summary>The single holder; null without a reservation and with the all-registrants types.</summary>
    public ReservationNexus? Holder { get; }

    /// <summary>PRgeneration (SPC-4 §6.15.2).</summary>
    public uint Generation { get; }

    /// <summary>APTPL as the last REGISTER said it: registrations and reservation survive a loss of power.</summary>
    public bool PersistThroughPowerLoss { get; }

    /// <summary>Who holds the SPC-2 reservation (RESERVE); null for nobody.</summary>
    public ReservationNexus? Reserver { get; }

    public bool IsReserved => Type != ReservationType.None;

    /// <summary>The key that READ RESERVATION shows: the holder's, zero with the all-registrants types.</summary>
    public ulong HolderKey => Holder is { } holder ? Registrations[IndexOf(holder)].Key : 0;

    /// <summary>Makes a state and checks what must hold of every one.</summary>
    internal static ReservationState Create(
        ImmutableArray<Registration> registrations,
        ReservationType type,
        ReservationNexus? holder,
        uint generation,
        bool persistThroughPowerLoss,
        ReservationNexus? reserver = null)
    {
        var state = new ReservationState(registrations, type, holder, generation, persistThroughPowerLoss, reserver);
        Storage.Invariant.Check(type == ReservationType.None || registrations.Length > 0);
        Storage.Invariant.Check(holder.HasValue == (type != ReservationType.None && !type.IsAllRegistrants()));
        Storage.Invariant.Check(holder is not { } nexus || state.IndexOf(nexus) >= 0);
        Storage.Invariant.Check(reserver is null || registrations.IsEmpty);
        return state;
    }

    internal ReservationState WithReserver(ReservationNexus? reserver) =>
        Create(Registrations, Type, Holder, Generation, PersistThroughPowerLoss, reserver);

    /// <summary>Position of the nexus among the registrations, −1 when it has none.</summary>
    public int IndexOf(in ReservationNexus nexus)
    {
        for (int i = 0; i < Registrations.Length; i++)
        {
            if (Registrations[i].Nexus == nexus)
            {
                return i;
            }
        }

        return -1;
    }

    public ReservationStanding StandingOf(in ReservationNexus nexus)
    {
        if (IndexOf(nexus) < 0)
        {
            return ReservationStanding.None;
        }

        return Type.IsAllRegistrants() || Holder == nexus ? ReservationStanding.Holder : ReservationStanding.Registered;
    }

    /// <summary>
    /// What is left after a loss of power: everything if APTPL was one, else nothing; PRgeneration starts at zero in both cases (SPC-4 §6.15.2). SPC-2 reservations end.
    /// </summary>
    public ReservationState AfterPowerLoss() =>
        PersistThroughPowerLoss ? Create(Registrations, Type, Holder, generation: 0, persistThroughPowerLoss: true) : Empty;
}
