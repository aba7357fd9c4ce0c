using ActorSan.Scsi.Reservations;
using Xunit;
using static ActorSan.Tests.Scsi.Reservations.ReservationFixture;

namespace ActorSan.Tests.Scsi.Reservations;

/// <summary>The behaviours of SPC-4 §5.13, one by one.</summary>
public sealed class ReservationMachineTests
{
    public static TheoryData<ReservationType> AllTypes => TypeData;

    [Fact]
    public void Register_needs_key_zero_when_not_registered_and_the_own_key_when_registered()
    {
        Assert.Equal(ReservationResult.Conflict, Send(ReservationState.Empty, A1, ReservationAction.Register, key: 7, actionKey: 1).Verdict);
        ReservationState state = Registered((A1, 1));
        Assert.Equal(ReservationResult.Conflict, Send(state, A1, ReservationAction.Register, key: 0, actionKey: 2).Verdict);
        Assert.Equal(2UL, state.Good(A1, ReservationAction.Register, 1, 2).Registrations[0].Key);
        Assert.Equal(3UL, state.Good(A1, ReservationAction.RegisterAndIgnoreExistingKey, 99, 3).Registrations[0].Key);
    }

    [Fact]
    public void Registering_key_zero_without_a_registration_changes_nothing()
    {
        ReservationOutcome outcome = Send(ReservationState.Empty, A1, ReservationAction.Register, key: 0, actionKey: 0, persist: true);
        Assert.Equal(ReservationResult.Good, outcome.Verdict);
        Assert.Same(ReservationState.Empty, outcome.Next);
    }

    [Fact]
    public void Generation_counts_registrations_clear_and_preempt_but_not_reserve_and_release()
    {
        ReservationState state = Registered((A1, 1), (B1, 2));
        Assert.Equal(2u, state.Generation);
        state = state.Good(A1, ReservationAction.Reserve, 1, 0, ReservationType.WriteExclusive);
        state = state.Good(A1, ReservationAction.Release, 1, 0, ReservationType.WriteExclusive);
        Assert.Equal(2u, state.Generation);
        state = state.Good(A1, ReservationAction.Preempt, 1, 2, ReservationType.WriteExclusive);
        Assert.Equal(3u, state.Generation);
        Assert.Equal(4u, state.Good(A1, ReservationAction.Clear, 1).Generation);
    }

    [Theory]
    [MemberData(nameof(AllTypes))]
    public void Reserving_again_with_the_same_type_is_good_and_with_another_conflicts(ReservationType type)
    {
        ReservationState state = Registered((A1, 1), (B1, 2)).Good(A1, ReservationAction.Reserve, 1, 0, type);
        Assert.Same(state, state.Good(A1, ReservationAction.Reserve, 1, 0, type));
        foreach (ReservationType other in Types.Where(other => other != type))
        {
            Assert.Equal(ReservationResult.Conflict, Send(state, A1, ReservationAction.Reserve, 1, 0, other).Verdict);
        }

        // Another registrant holds it too exactly when all registrants do.
        ReservationResult expected = type.IsAllRegistrants() ? ReservationResult.Good : ReservationResult.Conflict;
        Assert.Equal(expected, Send(state, B1, ReservationAction.Reserve, 2, 0, type).Verdict);
    }

    [Theory]
    [MemberData(nameof(AllTypes))]
    public void Release_tells_the_other_registrants_only_where_registration_gave_them_rights(ReservationType type)
    {
        ReservationState state = Registered((A1, 1), (B1, 2)).Good(A1, ReservationAction.Reserve, 1, 0, type);
        ReservationOutcome outcome = Send(state, A1, ReservationAction.Release, 1, 0, type);
        Assert.Equal(ReservationResult.Good, outcome.Verdict);
        Assert.False(outcome.Next.IsReserved);
        Assert.False(outcome.TakesRightsAway);
        AttentionFor[] expected = type.IncludesRegistrants() ? [new(B1, ReservationAttention.ReservationsReleased)] : [];
        Assert.Equal(expected, outcome.Attentions);
    }

    [Fact]
    public void Release_of_another_type_is_an_invalid_release_and_by_who_does_not_hold_it_has_no_effect()
    {
        ReservationState state = Registered((A1, 1), (B1, 2)).Good(A1, ReservationAction.Reserve, 1, 0, ReservationType.WriteExclusive);
        Assert.Equal(
            ReservationResult.InvalidRelease, Send(state, A1, ReservationAction.Release, 1, 0, ReservationType.ExclusiveAccess).Verdict);
        Assert.Same(state, state.Good(B1, ReservationAction.Release, 2, 0, ReservationType.WriteExclusive));
        Assert.Equal(ReservationResult.Conflict, Send(state, B2, ReservationAction.Release, 2, 0, ReservationType.WriteExclusive).Verdict);
    }

    [Theory]
    [MemberData(nameof(AllTypes))]
    public void Unregistering_the_holder_ends_the_reservation_unless_all_registrants_hold_it(ReservationType type)
    {
        ReservationState state = Registered((A1, 1), (B1, 2)).Good(A1, ReservationAction.Reserve, 1, 0, type);
        ReservationOutcome outcome = Send(state, A1, ReservationAction.Register, 1, 0);
        Assert.Equal(type.IsAllRegistrants() ? type : ReservationType.None, outcome.Next.Type);
        bool tells = type.IncludesRegistrants() && !type.IsAllRegistrants();
        AttentionFor[] expected = tells ? [new(B1, ReservationAttention.ReservationsReleased)] : [];
        Assert.Equal(expected, outcome.Attentions);

        // The last registrant takes it with him.
        Assert.False(outcome.Next.Good(B1, ReservationAction.Register, 2, 0).IsReserved);
    }

    [Fact]
    public void Clear_ends_everything_and_tells_all_others()
    {
        ReservationState state = Registered((A1, 1), (B1, 2), (B2, 2)).Good(A1, ReservationAction.Reserve, 1, 0, ReservationType.ExclusiveAccess);
        ReservationOutcome outcome = Send(state, B1, ReservationAction.Clear, 2);
        Assert.Empty(outcome.Next.Registrations);
        Assert.False(outcome.Next.IsReserved);
        Assert.Equal(
            [new(A1, ReservationAttention.ReservationsPreempted), new AttentionFor(B2, ReservationAttention.ReservationsPreempted)], outcome.Attentions);
    }

    [Fact]
    public void Preempting_the_holder_takes_the_reservation_and_tells_whose_rights_changed()
    {
        ReservationState state = Registered((A1, 1), (A2, 1), (B1, 2), (B2, 3))
            .Good(A1, ReservationAction.Reserve, 1, 0, ReservationType.WriteExclusive);
        ReservationOutcome outcome = Send(state, B1, ReservationAction.PreemptAndAbort, 2, 1, ReservationType.ExclusiveAccess);
        Assert.Equal(B1, outcome.Next.Holder);
        Assert.Equal(ReservationType.ExclusiveAccess, outcome.Next.Type);
        Assert.Equal([B1, B2], outcome.Next.Registrations.Select(r => r.Nexus));
        Assert.True(outcome.TakesRightsAway);
        Assert.Equal([A1, A2], outcome.AbortTasksOf);
        Assert.Equal(
            [
                new(A1, ReservationAttention.RegistrationsPreempted),
                new(A2, ReservationAttention.RegistrationsPreempted),
                new AttentionFor(B2, ReservationAttention.ReservationsReleased),
            ],
            outcome.Attentions);
    }

    [Fact]
    public void Preempting_oneself_changes_the_type_and_removes_the_others_of_the_key()
    {
        ReservationState state = Registered((A1, 1), (A2, 1)).Good(A1, ReservationAction.Reserve, 1, 0, ReservationType.WriteExclusive);
        ReservationOutcome outcome = Send(state, A1, ReservationAction.Preempt, 1, 1, ReservationType.WriteExclusiveRegistrantsOnly);
        Assert.Equal(A1, outcome.Next.Holder);
        Assert.Equal([A1], outcome.Next.Registrations.Select(r => r.Nexus));
        Assert.Equal([new AttentionFor(A2, ReservationAttention.RegistrationsPreempted)], outcome.Attentions);
        Assert.Empty(outcome.AbortTasksOf);
    }

    [Theory]
    [MemberData(nameof(AllTypes))]
    public void Preempt_with_key_zero_is_for_all_registrants_alone(ReservationType type)
    {
        ReservationState state = Registered((A1, 1), (B1, 2)).Good(A1, ReservationAction.Reserve, 1, 0, type);
        ReservationOutcome outcome = Send(state, B1, ReservationAction.Preempt, 2, 0, ReservationType.WriteExclusive);
        if (!type.IsAllRegistrants())
        {
            Assert.Equal(ReservationResult.InvalidFieldInParameterList, outcome.Verdict);
            Assert.Same(state, outcome.Next);
            return;
        }

        Assert.Equal([B1], outcome.Next.Registrations.Select(r => r.Nexus));
        Assert.Equal((ReservationType.WriteExclusive, (ReservationNexus?)B1), (outcome.Next.Type, outcome.Next.Holder));
    }

    [Fact]
    public void Preempting_a_key_that_nobody_has_conflicts()
    {
        ReservationState state = Registered((A1, 1));
        Assert.Equal(ReservationResult.Conflict, Send(state, A1, ReservationAction.Preempt, 1, 9, ReservationType.WriteExclusive).Verdict);
    }

    [Fact]
    public void All_target_ports_registers_the_initiator_port_everywhere_and_unregisters_it_everywhere()
    {
        ReservationState state = ReservationState.Empty.Good(A1, ReservationAction.RegisterAndIgnoreExistingKey, 0, 5, allPorts: true);
        Assert.Equal([A1, A2], state.Registrations.Select(r => r.Nexus));
        state = state.Good(B1, ReservationAction.Register, 0, 5);
        Assert.Equal([B1], state.Good(A2, ReservationAction.Register, 5, 0, allPorts: true).Registrations.Select(r => r.Nexus));
        Assert.Equal([A1, B1], state.Good(A2, ReservationAction.Register, 5, 0).Registrations.Select(r => r.Nexus));
    }

    [Fact]
    public void Register_and_move_hands_the_reservation_over_and_may_unregister_the_sender()
    {
        ReservationState state = Registered((A1, 1), (B2, 8)).Good(A1, ReservationAction.Reserve, 1, 0, ReservationType.WriteExclusive);
        var move = new ReservationRequest
        {
            Action = ReservationAction.RegisterAndMove,
            Key = 1,
            ActionKey = 4,
            RelativePortId = 2,
            Unregister = true,
            TransportIds = [new TransportId(B2.InitiatorName, B2.Isid)],
        };
        ReservationOutcome outcome = ReservationMachine.Apply(state, A1, move, Surroundings);
        Assert.Equal([new Registration(B2, 4)], outcome.Next.Registrations.AsEnumerable());
        Assert.Equal(B2, outcome.Next.Holder);
        Assert.True(outcome.TakesRightsAway);
        Assert.Equal(3u, outcome.Next.Generation);

        Assert.Equal(ReservationResult.Conflict, ReservationMachine.Apply(state, B2, move with { Key = 8 }, Surroundings).Verdict);
        Assert.Equal(
            ReservationResult.InvalidFieldInParameterList, ReservationMachine.Apply(state, A1, move with { ActionKey = 0 }, Surroundings).Verdict);
        Assert.Equal(
            ReservationResult.InvalidFieldInParameterList, ReservationMachine.Apply(state, A1, move with { RelativePortId = 9 }, Surroundings).Verdict);
        var self = new TransportId(A1.InitiatorName, A1.Isid);
        Assert.Equal(
            ReservationResult.InvalidFieldInParameterList,
            ReservationMachine.Apply(state, A1, move with { RelativePortId = 1, TransportIds = [self] }, Surroundings).Verdict);
    }

    [Fact]
    public void Specified_initiator_ports_are_registered_with_the_sender_once_each()
    {
        var request = new ReservationRequest
        {
            Action = ReservationAction.Register,
            ActionKey = 6,
            SpecifyInitiatorPorts = true,
            AllTargetPorts = true,
            TransportIds = [new TransportId(B1.InitiatorName, null), new TransportId("iqn.2026-01.test:new", 3)],
        };
        ReservationOutcome outcome = ReservationMachine.Apply(Registered((B1, 2)), A1, request, Surroundings);
        Assert.Equal(ReservationResult.Good, outcome.Verdict);
        Assert.Equal(2UL, outcome.Next.Registrations[outcome.Next.IndexOf(B1)].Key);
        Assert.Equal(6, outcome.Next.Registrations.Length);
        Assert.All([A1, A2, B2], nexus => Assert.Equal(6UL, outcome.Next.Registrations[outcome.Next.IndexOf(nexus)].Key));

        ReservationRequest stranger = request with { TransportIds = [new TransportId("iqn.2026-01.test:nobody", null)] };
        Assert.Equal(
            ReservationResult.InvalidFieldInParameterList, ReservationMachine.Apply(ReservationState.Empty, A1, stranger, Surroundings).Verdict);
        Assert.Equal(
            ReservationResult.InvalidFieldInParameterList,
            ReservationMachine.Apply(Registered((A1, 1)), A1, request with { Key = 1 }, Surroundings).Verdict);
    }

    [Fact]
    public void A_registration_beyond_the_bound_is_refused_and_changes_nothing()
    {
        ReservationState state = Registered((A1, 1));
        var request = new ReservationRequest { Action = ReservationAction.Register, ActionKey = 2 };
        ReservationOutcome byCount = ReservationMachine.Apply(state, B1, request, Surroundings with { MaxRegistrations = 1 });
        ReservationOutcome byBytes = ReservationMachine.Apply(state, B1, request, Surroundings with { MaxStateBytes = ReservationCodec.LengthOf(state) });
        Assert.Equal(ReservationResult.InsufficientRegistrationResources, byCount.Verdict);
        Assert.Equal(ReservationResult.InsufficientRegistrationResources, byBytes.Verdict);
        Assert.Same(state, byCount.Next);
    }

    [Fact]
    public void Power_loss_keeps_everything_but_the_generation_exactly_when_aptpl_was_last_set()
    {
        ReservationState state = ReservationState.Empty
            .Good(A1, ReservationAction.Register, 0, 1, persist: true)
            .Good(A1, ReservationAction.Reserve, 1, 0, ReservationType.WriteExclusive);
        ReservationState after = state.AfterPowerLoss();
        Assert.Equal((0u, ReservationType.WriteExclusive, 1), (after.Generation, after.Type, after.Registrations.Length));
        Assert.Same(ReservationState.Empty, state.Good(A1, ReservationAction.Register, 1, 1, persist: false).AfterPowerLoss());
    }

    [Fact]
    public void Reserve_and_persistent_reservations_exclude_each_other()
    {
        ReservationState reserved = ReservationMachine.ReserveUnit(ReservationState.Empty, A1).Next;
        Assert.Equal(A1, reserved.Reserver);
        Assert.Equal(ReservationResult.Good, ReservationMachine.ReserveUnit(reserved, A1).Verdict);
        Assert.Equal(ReservationResult.Conflict, ReservationMachine.ReserveUnit(reserved, A2).Verdict);
        Assert.Equal(ReservationResult.Conflict, Send(reserved, A1, ReservationAction.Register, 0, 1).Verdict);
        Assert.Same(reserved, ReservationMachine.ReleaseUnit(reserved, B1).Next);
        Assert.Null(ReservationMachine.ReleaseUnit(reserved, A1).Next.Reserver);
        Assert.Null(ReservationMachine.AfterReset(reserved).Reserver);
        Assert.Null(ReservationMachine.AfterNexusLoss(reserved, A1).Reserver);
        Assert.Same(reserved, ReservationMachine.AfterNexusLoss(reserved, A2));

        Assert.Equal(ReservationResult.Conflict, ReservationMachine.ReserveUnit(Registered((A1, 1)), A1).Verdict);
        Assert.Equal(ReservationResult.Conflict, ReservationMachine.ReleaseUnit(Registered((A1, 1)), B1).Verdict);
    }

    [Theory]
    [MemberData(nameof(AllTypes))]
    public void Compatible_reserve_is_good_without_effect_for_those_who_may_write(ReservationType type)
    {
        ReservationState state = Registered((A1, 1), (B1, 2)).Good(A1, ReservationAction.Reserve, 1, 0, type);
        foreach (ReservationNexus nexus in All)
        {
            bool mayWrite = ReservationRules.Allows(state, CommandAccess.Write, state.StandingOf(nexus), isReserver: false);
            ReservationOutcome outcome = ReservationMachine.ReserveUnit(state, nexus);
            Assert.Equal(mayWrite ? ReservationResult.Good : ReservationResult.Conflict, outcome.Verdict);
            Assert.Same(state, outcome.Next);
        }
    }
}
