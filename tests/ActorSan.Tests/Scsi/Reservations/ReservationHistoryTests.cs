using ActorSan.Scsi.Reservations;
using CsCheck;
using Xunit;
using static ActorSan.Tests.Scsi.Reservations.ReservationFixture;

namespace ActorSan.Tests.Scsi.Reservations;

/// <summary>Random histories of PERSISTENT RESERVE OUT: machine and oracle agree after every command.</summary>
public sealed class ReservationHistoryTests
{
    private static readonly ReservationAction[] s_actions =
    [
        ReservationAction.Register, ReservationAction.Register, ReservationAction.RegisterAndIgnoreExistingKey,
        ReservationAction.Reserve, ReservationAction.Release, ReservationAction.Clear,
        ReservationAction.Preempt, ReservationAction.PreemptAndAbort,
    ];

    /// <summary>Three keys, so that nexuses share them; the right key three times out of four, so that commands get through.</summary>
    private static readonly Gen<Command> s_command = Gen.Select(
        Gen.Int[0, All.Length - 1].Select(i => All[i]), Gen.Int[0, s_actions.Length - 1].Select(i => s_actions[i]), Gen.Int[0, 3], Gen.ULong[0, 3], Gen.Int[0, Types.Length - 1].Select(i => Types[i]), Gen.Bool, Gen.Bool)
        .Select((sender, action, wrongKey, actionKey, type, allPorts, persist) =>
            new Command(sender, action, wrongKey, actionKey, type, allPorts, persist));

    [Fact]
    public void Machine_and_oracle_agree()
    {
        s_command.List[1, 60].Sample(
            history =>
            {
                var oracle = new ReservationOracle();
                ReservationState state = ReservationState.Empty;
                foreach (Command command in history)
                {
                    state = Step(state, oracle, command);
                }
            },
            iter: 4000);
    }

    private static ReservationState Step(ReservationState state, ReservationOracle oracle, Command command)
    {
        ulong key = command.WrongKey == 0 ? 3 : oracle.Keys.GetValueOrDefault(command.From);
        bool[] rightsBefore = Rights(oracle);
        ReservationResult expected = oracle.Send(
            command.From, command.Action, key, command.ActionKey, command.Type, command.AllPorts, command.Persist);
        ReservationOutcome outcome = Send(
            state, command.From, command.Action, key, command.ActionKey, command.Type, command.AllPorts, command.Persist);
        Assert.Equal(expected, outcome.Verdict);
        ReservationState next = outcome.Next;
        if (expected != ReservationResult.Good)
        {
            Assert.Same(state, next);
            Assert.Empty(outcome.Attentions);
            return next;
        }

        Assert.Equal(oracle.Keys.OrderBy(pair => pair.Key.ToString()), next.Registrations.Select(r => KeyValuePair.Create(r.Nexus, r.Key)).OrderBy(pair => pair.Key.ToString()));
        Assert.Equal((oracle.Type, oracle.Single, oracle.Generation, oracle.Persist), (next.Type, next.Holder, next.Generation, next.PersistThroughPowerLoss));
        Assert.Equal(oracle.Told.OrderBy(told => told.ToString()), outcome.Attentions.Select(a => (a.Nexus, a.Attention)).OrderBy(told => told.ToString()));
        bool[] rights = Rights(oracle);
        Assert.Equal(rights, RightsOf(next));
        if (rightsBefore.Where((had, i) => had && !rights[i]).Any())
        {
            Assert.True(outcome.TakesRightsAway, $"{command} takes rights away and does not say so");
        }

        AssertSurvivesEncoding(next);
        return next;
    }

    private static bool[] Rights(ReservationOracle oracle) => [.. All.SelectMany(nexus => new[] { oracle.May(nexus, write: false), oracle.May(nexus, write: true) })];

    private static bool[] RightsOf(ReservationState state) =>
        [.. All.SelectMany(nexus => new[] { CommandAccess.Read, CommandAccess.Write }
            .Select(access => ReservationRules.Allows(state, access, state.StandingOf(nexus), isReserver: false)))];

    private static void AssertSurvivesEncoding(ReservationState state)
    {
        var bytes = new byte[ReservationCodec.LengthOf(state)];
        Assert.Equal(bytes.Length, ReservationCodec.Write(state, bytes));
        Assert.Equal(ReservationDamage.None, ReservationCodec.TryRead(bytes, out ReservationState read));
        Assert.Equal(state.Registrations.AsEnumerable(), read.Registrations);
        Assert.Equal(
            (state.Type, state.Holder, state.Generation, state.PersistThroughPowerLoss),
            (read.Type, read.Holder, read.Generation, read.PersistThroughPowerLoss));
    }

    private sealed record Command(
        ReservationNexus From, ReservationAction Action, int WrongKey, ulong ActionKey, ReservationType Type, bool AllPorts, bool Persist);
}
