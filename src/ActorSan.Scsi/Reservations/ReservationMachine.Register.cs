using System.Collections.Immutable;

namespace ActorSan.Scsi.Reservations;

public static partial class ReservationMachine
{
    private const int ActionKeyField = 8;
    private const int FlagsField = 20;
    private const int SpecIptBit = 3;
    private const int TransportIdField = 24;
    private const int MoveRelativePortField = 18;

    /// <summary>REGISTER and REGISTER AND IGNORE EXISTING KEY (SPC-4 §5.13.7, tables 'Register behaviors').</summary>
    private static ReservationOutcome Register(
        ReservationState state, ReservationNexus nexus, ReservationRequest request, ReservationSurroundings surroundings)
    {
        int own = state.IndexOf(nexus);
        ulong present = own < 0 ? 0 : state.Registrations[own].Key;
        bool ignoreKey = request.Action == ReservationAction.RegisterAndIgnoreExistingKey;
        if (!ignoreKey && request.Key != present)
        {
            return Refuse(state, ReservationResult.Conflict);
        }

        if (request.SpecifyInitiatorPorts && own >= 0)
        {
            return Refuse(state, ReservationResult.InvalidFieldInParameterList, FlagsField, SpecIptBit);
        }

        if (request.ActionKey == 0)
        {
            return own < 0 ? Refuse(state, ReservationResult.Good) : Unregister(state, nexus, present, request);
        }

        ImmutableArray<Registration>.Builder registrations = state.Registrations.ToBuilder();
        foreach (ReservationNexus target in Ports(nexus, request, surroundings))
        {
            Enter(registrations, target, request.ActionKey, present, replaceAny: ignoreKey);
        }

        if (request.SpecifyInitiatorPorts && !EnterOthers(registrations, state, nexus, request, surroundings))
        {
            return Refuse(state, ReservationResult.InvalidFieldInParameterList, TransportIdField);
        }

        var next = ReservationState.Create(
            registrations.ToImmutable(), state.Type, state.Holder, unchecked(state.Generation + 1), request.PersistThroughPowerLoss);
        return Fits(next, surroundings)
            ? new ReservationOutcome { Verdict = ReservationResult.Good, Next = next }
            : Refuse(state, ReservationResult.InsufficientRegistrationResources);
    }

    /// <summary>The nexuses of the sender's initiator port that the command means: its own, or with ALL_TG_PT one per target port.</summary>
    private static IEnumerable<ReservationNexus> Ports(ReservationNexus nexus, ReservationRequest request, ReservationSurroundings surroundings)
    {
        yield return nexus;
        if (!request.AllTargetPorts)
        {
            yield break;
        }

        foreach (ushort port in surroundings.TargetPorts)
        {
            if (port != nexus.RelativePortId)
            {
                yield return nexus with { RelativePortId = port };
            }
        }
    }

    /// <summary>Registers an unregistered nexus; one that has the key <paramref name="present"/> (any, where the existing key is ignored) gets the new one.</summary>
    private static void Enter(
        ImmutableArray<Registration>.Builder registrations, ReservationNexus nexus, ulong key, ulong present, bool replaceAny)
    {
        for (int i = 0; i < registrations.Count; i++)
        {
            if (registrations[i].Nexus == nexus)
            {
                if (replaceAny || registrations[i].Key == present)
                {
                    registrations[i] = new Registration(nexus, key);
                }

                return;
            }
        }

        registrations.Add(new Registration(nexus, key));
    }

    /// <summary>SPEC_I_PT: each unregistered nexus that a TransportID names. False when one names no initiator port that we know of.</summary>
    private static bool EnterOthers(
        ImmutableArray<Registration>.Builder registrations,
        ReservationState state,
        ReservationNexus nexus,
        ReservationRequest request,
        ReservationSurroundings surroundings)
    {
        foreach (TransportId id in request.TransportIds)
        {
            List<ulong> isids = IsidsOf(id, state, surroundings);
            if (isids.Count == 0)
            {
                return false;
            }

            foreach (ulong isid in isids)
            {
                foreach (ReservationNexus target in Ports(new(id.InitiatorName, isid, nexus.RelativePortId), request, surroundings))
                {
                    Enter(registrations, target, request.ActionKey, present: 0, replaceAny: false);
                }
            }
        }

        return true;
    }

    /// <summary>Format 01b names one port. Format 00b names an initiator: every port of it that has a session or a registration, ascending.</summary>
    private static List<ulong> IsidsOf(TransportId id, ReservationState state, ReservationSurroundings surroundings)
    {
        if (id.Isid is { } isid)
        {
            return [isid];
        }

        var known = new SortedSet<ulong>();
        foreach ((string name, ulong port) in surroundings.InitiatorPorts)
        {
            if (string.Equals(name, id.InitiatorName, StringComparison.Ordinal))
            {
                known.Add(port);
            }
        }

        foreach (Registration registration in state.Registrations)
        {
            if (string.Equals(registration.Nexus.InitiatorName, id.InitiatorName, StringComparison.Ordinal))
            {
                known.Add(registration.Nexus.Isid);
            }
        }

        return [.. known];
    }

    /// <summary>SPC-4 §5.13.11.3; with ALL_TG_PT the sender's initiator port leaves every target port where it has the same key.</summary>
    private static ReservationOutcome Unregister(ReservationState state, ReservationNexus nexus, ulong key, ReservationRequest request)
    {
        ImmutableArray<Registration> remaining = request.AllTargetPorts
            ? state.Registrations.RemoveAll(r => r.Nexus.SameInitiatorPort(nexus) && r.Key == key)
            : state.Registrations.RemoveAt(state.IndexOf(nexus));
        bool holderLeaves = state.Holder is { } holder && !remaining.Any(r => r.Nexus == holder);
        bool ends = state.IsReserved && (holderLeaves || remaining.IsEmpty);
        return new ReservationOutcome
        {
            Verdict = ReservationResult.Good,
            Next = ReservationState.Create(
                remaining,
                ends ? ReservationType.None : state.Type,
                ends ? null : state.Holder,
                unchecked(state.Generation + 1),
                request.PersistThroughPowerLoss),
            TakesRightsAway = !ends && state.Type.IncludesRegistrants(),
            Attentions = ends && state.Type.IncludesRegistrants()
                ? AttentionsFor(remaining, nexus, ReservationAttention.ReservationsReleased)
                : [],
        };
    }

    /// <summary>SPC-4 §5.13.8: the holder hands registration and reservation to another nexus.</summary>
    private static ReservationOutcome RegisterAndMove(
        ReservationState state, ReservationNexus nexus, ReservationRequest request, ReservationSurroundings surroundings)
    {
        int own = state.IndexOf(nexus);
        if (own < 0 || state.Registrations[own].Key != request.Key || state.Holder != nexus)
        {
            // Not registered, a wrong key, no reservation, another's, or one of all registrants: each is a conflict.
            return Refuse(state, ReservationResult.Conflict);
        }

        if (request.ActionKey == 0)
        {
            return Refuse(state, ReservationResult.InvalidFieldInParameterList, ActionKeyField);
        }

        if (!surroundings.TargetPorts.Contains(request.RelativePortId))
        {
            return Refuse(state, ReservationResult.InvalidFieldInParameterList, MoveRelativePortField);
        }

        List<ulong> isids = IsidsOf(request.TransportIds[0], state, surroundings);
        if (isids.Count != 1)
        {
            return Refuse(state, ReservationResult.InvalidFieldInParameterList, TransportIdField);
        }

        var heir = new ReservationNexus(request.TransportIds[0].InitiatorName, isids[0], request.RelativePortId);
        if (heir == nexus)
        {
            return Refuse(state, ReservationResult.InvalidFieldInParameterList, TransportIdField);
        }

        ImmutableArray<Registration>.Builder registrations = state.Registrations.ToBuilder();
        Enter(registrations, heir, request.ActionKey, present: 0, replaceAny: true);
        if (request.Unregister)
        {
            registrations.RemoveAt(own);
        }

        var next = ReservationState.Create(
            registrations.ToImmutable(), state.Type, heir, unchecked(state.Generation + 1), request.PersistThroughPowerLoss);
        return Fits(next, surroundings)
            ? new ReservationOutcome { Verdict = ReservationResult.Good, Next = next, TakesRightsAway = true }
            : Refuse(state, ReservationResult.InsufficientRegistrationResources);
    }

    private static bool Fits(ReservationState next, ReservationSurroundings surroundings) =>
        next.Registrations.Length <= surroundings.MaxRegistrations && ReservationCodec.LengthOf(next) <= surroundings.MaxStateBytes;
}
