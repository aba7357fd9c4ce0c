using System.Collections.Immutable;

namespace ActorSan.Scsi.Reservations;

/// <summary>
/// Decides what PERSISTENT RESERVE OUT (SPC-4 §5.13, §6.16) and RESERVE and RELEASE (SPC-2 §7.16, §7.21; exceptions of SPC-3 §5.6.3) do to a state. Pure: it makes the next
/// state and says who is to be told; nothing has happened until the caller has made that state durable. Registering stands in ReservationMachine.Register.cs.
/// </summary>
public static partial class ReservationMachine
{
    public static ReservationOutcome Apply(
        ReservationState state, in ReservationNexus nexus, ReservationRequest request, ReservationSurroundings surroundings)
    {
        // SPC-2 §5.5.1: while any initiator holds the unit by RESERVE, PERSISTENT RESERVE conflicts for all, the holder included.
        if (state.Reserver is not null)
        {
            return Refuse(state, ReservationResult.Conflict);
        }

        switch (request.Action)
        {
            case ReservationAction.Register:
            case ReservationAction.RegisterAndIgnoreExistingKey:
                return Register(state, nexus, request, surroundings);
            case ReservationAction.RegisterAndMove:
                return RegisterAndMove(state, nexus, request, surroundings);
            case ReservationAction.ReplaceLostReservation:
                return Refuse(state, ReservationResult.InvalidFieldInCdb, 1, 4);
        }

        // All others: from a registered nexus that knows its key (SPC-4 §6.16.3, RESERVATION KEY).
        int own = state.IndexOf(nexus);
        if (own < 0 || state.Registrations[own].Key != request.Key)
        {
            return Refuse(state, ReservationResult.Conflict);
        }

        switch (request.Action)
        {
            case ReservationAction.Reserve:
                return Reserve(state, nexus, request);
            case ReservationAction.Release:
                return Release(state, nexus, request);
            case ReservationAction.Clear:
                return Clear(state, nexus);
            case ReservationAction.Preempt:
            case ReservationAction.PreemptAndAbort:
                return Preempt(state, nexus, request);
            default:
                return Refuse(state, ReservationResult.InvalidFieldInCdb, 1, 4);
        }
    }

    /// <summary>RESERVE(6) and RESERVE(10) of the whole unit.</summary>
    public static ReservationOutcome ReserveUnit(ReservationState state, in ReservationNexus nexus)
    {
        if (!state.Registrations.IsEmpty)
        {
            // Compatible reservation handling: GOOD, nothing changes, for a holder and, with a registrants type, whoever is registered.
            return Refuse(state, IsCompatible(state, nexus) ? ReservationResult.Good : ReservationResult.Conflict);
        }

        if (state.Reserver is { } reserver)
        {
            return Refuse(state, reserver == nexus ? ReservationResult.Good : ReservationResult.Conflict);
        }

        return new ReservationOutcome { Verdict = ReservationResult.Good, Next = state.WithReserver(nexus), TakesRightsAway = true };
    }

    /// <summary>RELEASE(6) and RELEASE(10): GOOD without effect when another nexus, or none, holds the unit.</summary>
    public static ReservationOutcome ReleaseUnit(ReservationState state, in ReservationNexus nexus)
    {
        if (!state.Registrations.IsEmpty)
        {
            return Refuse(state, IsCompatible(state, nexus) ? ReservationResult.Good : ReservationResult.Conflict);
        }

        return new ReservationOutcome { Verdict = ReservationResult.Good, Next = state.Reserver == nexus ? state.WithReserver(null) : state };
    }

    /// <summary>Logical unit reset and hard reset end an SPC-2 reservation; persistent ones stay (SPC-4 §5.13.1).</summary>
    public static ReservationState AfterReset(ReservationState state) => state.Reserver is null ? state : state.WithReserver(null);

    /// <summary>I_T nexus loss ends that nexus' SPC-2 reservation.</summary>
    public static ReservationState AfterNexusLoss(ReservationState state, in ReservationNexus nexus) =>
        state.Reserver == nexus ? state.WithReserver(null) : state;

    private static bool IsCompatible(ReservationState state, in ReservationNexus nexus) => state.StandingOf(nexus) switch
    {
        ReservationStanding.Holder => true,
        ReservationStanding.Registered => state.Type.IncludesRegistrants(),
        _ => false,
    };

    private static ReservationOutcome Reserve(ReservationState state, in ReservationNexus nexus, ReservationRequest request)
    {
        if (!state.IsReserved)
        {
            ReservationNexus? holder = request.Type.IsAllRegistrants() ? null : nexus;
            return new ReservationOutcome
            {
                Verdict = ReservationResult.Good,
                Next = ReservationState.Create(state.Registrations, request.Type, holder, state.Generation, state.PersistThroughPowerLoss),
                TakesRightsAway = true,
            };
        }

        // SPC-4 §5.13.9: a holder that asks for what he has gets GOOD; anything else conflicts, even by the holder.
        bool same = state.StandingOf(nexus) == ReservationStanding.Holder && state.Type == request.Type;
        return Refuse(state, same ? ReservationResult.Good : ReservationResult.Conflict);
    }

    private static ReservationOutcome Release(ReservationState state, in ReservationNexus nexus, ReservationRequest request)
    {
        if (state.StandingOf(nexus) != ReservationStanding.Holder || !state.IsReserved)
        {
            return Refuse(state, ReservationResult.Good);
        }

        if (state.Type != request.Type)
        {
            return Refuse(state, ReservationResult.InvalidRelease);
        }

        return new ReservationOutcome
        {
            Verdict = ReservationResult.Good,
            Next = ReservationState.Create(state.Registrations, ReservationType.None, null, state.Generation, state.PersistThroughPowerLoss),
            Attentions = state.Type.IncludesRegistrants()
                ? AttentionsFor(state.Registrations, nexus, ReservationAttention.ReservationsReleased)
                : [],
        };
    }

    private static ReservationOutcome Clear(ReservationState state, in ReservationNexus nexus) => new()
    {
        Verdict = ReservationResult.Good,
        Next = ReservationState.Create([], ReservationType.None, null, unchecked(state.Generation + 1), state.PersistThroughPowerLoss),
        Attentions = AttentionsFor(state.Registrations, nexus, ReservationAttention.ReservationsPreempted),
    };

    /// <summary>SPC-4 §5.13.11.4, table 'Preempting actions'.</summary>
    private static ReservationOutcome Preempt(ReservationState state, ReservationNexus nexus, ReservationRequest request)
    {
        ulong victimKey = request.ActionKey;
        bool allRegistrants = state.Type.IsAllRegistrants();
        if (victimKey == 0 && !allRegistrants)
        {
            return Refuse(state, ReservationResult.InvalidFieldInParameterList, 8);
        }

        bool takesReservation = allRegistrants ? victimKey == 0 : state.IsReserved && state.HolderKey == victimKey;
        if (takesReservation && request.Type == ReservationType.None)
        {
            return Refuse(state, ReservationResult.InvalidFieldInCdb, 2);
        }

        ImmutableArray<Registration> victims = takesReservation
            ? [.. state.Registrations.Where(r => r.Nexus != nexus && (victimKey == 0 || r.Key == victimKey))]
            : [.. state.Registrations.Where(r => r.Key == victimKey)];
        if (victims.IsEmpty && !takesReservation)
        {
            return Refuse(state, ReservationResult.Conflict);
        }

        ImmutableArray<Registration> remaining = state.Registrations.RemoveRange(victims);
        (ReservationType type, ReservationNexus? holder) = (state.Type, state.Holder);
        var attentions = new List<AttentionFor>(AttentionsFor(victims, nexus, ReservationAttention.RegistrationsPreempted));
        if (takesReservation)
        {
            if (state.Type != request.Type)
            {
                attentions.AddRange(AttentionsFor(remaining, nexus, ReservationAttention.ReservationsReleased));
            }

            (type, holder) = (request.Type, request.Type.IsAllRegistrants() ? null : nexus);
        }
        else if (remaining.IsEmpty)
        {
            // The last registrant of an all-registrants reservation has preempted himself.
            (type, holder) = (ReservationType.None, null);
        }

        return new ReservationOutcome
        {
            Verdict = ReservationResult.Good,
            Next = ReservationState.Create(remaining, type, holder, unchecked(state.Generation + 1), state.PersistThroughPowerLoss),
            TakesRightsAway = type != ReservationType.None || request.Action == ReservationAction.PreemptAndAbort,
            Attentions = attentions,
            AbortTasksOf = request.Action == ReservationAction.PreemptAndAbort ? [.. victims.Select(r => r.Nexus)] : [],
        };
    }

    private static List<AttentionFor> AttentionsFor(ImmutableArray<Registration> registrations, ReservationNexus except, ReservationAttention attention)
    {
        var result = new List<AttentionFor>(registrations.Length);
        foreach (Registration registration in registrations)
        {
            if (registration.Nexus != except)
            {
                result.Add(new AttentionFor(registration.Nexus, attention));
            }
        }

        return result;
    }

    /// <summary>An end without a change.</summary>
    private static ReservationOutcome Refuse(ReservationState state, ReservationResult verdict, int field = -1, int bit = -1) =>
        new() { Verdict = verdict, Next = state, FieldPointer = field, BitPointer = bit };
}
