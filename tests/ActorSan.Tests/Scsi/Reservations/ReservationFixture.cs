using System.Buffers.Binary;
using ActorSan.Scsi.Reservations;
using Xunit;

namespace ActorSan.Tests.Scsi.Reservations;

/// <summary>Four nexuses (two initiators, two target ports) and short ways to send commands from them.</summary>
internal static class ReservationFixture
{
    internal static readonly ReservationNexus A1 = new("iqn.2026-01.test:a", 0x8012_3456_0001, 1);
    internal static readonly ReservationNexus A2 = new("iqn.2026-01.test:a", 0x8012_3456_0001, 2);
    internal static readonly ReservationNexus B1 = new("iqn.2026-01.test:b", 0x4000_0000_0002, 1);
    internal static readonly ReservationNexus B2 = new("iqn.2026-01.test:b", 0x4000_0000_0002, 2);
    internal static readonly ReservationNexus[] All = [A1, A2, B1, B2];

    internal static readonly ReservationSurroundings Surroundings = new(
        [1, 2], [(A1.InitiatorName, A1.Isid), (B1.InitiatorName, B1.Isid)], MaxRegistrations: 32, MaxStateBytes: 4096);

    internal static readonly ReservationType[] Types =
    [
        ReservationType.WriteExclusive, ReservationType.ExclusiveAccess,
        ReservationType.WriteExclusiveRegistrantsOnly, ReservationType.ExclusiveAccessRegistrantsOnly,
        ReservationType.WriteExclusiveAllRegistrants, ReservationType.ExclusiveAccessAllRegistrants,
    ];

    internal static TheoryData<ReservationType> TypeData => [.. Types];

    internal static ReservationOutcome Send(
        ReservationState state,
        ReservationNexus nexus,
        ReservationAction action,
        ulong key,
        ulong actionKey = 0,
        ReservationType type = ReservationType.None,
        bool allPorts = false,
        bool persist = false) =>
        ReservationMachine.Apply(
            state,
            nexus,
            new ReservationRequest
            {
                Action = action,
                Key = key,
                ActionKey = actionKey,
                Type = type,
                AllTargetPorts = allPorts,
                PersistThroughPowerLoss = persist,
            },
            Surroundings);

    /// <summary>Sends what must end GOOD and returns the next state.</summary>
    internal static ReservationState Good(
        this ReservationState state,
        ReservationNexus nexus,
        ReservationAction action,
        ulong key,
        ulong actionKey = 0,
        ReservationType type = ReservationType.None,
        bool allPorts = false,
        bool persist = false)
    {
        ReservationOutcome outcome = Send(state, nexus, action, key, actionKey, type, allPorts, persist);
        Assert.Equal(ReservationResult.Good, outcome.Verdict);
        return outcome.Next;
    }

    internal static ReservationState Registered(params (ReservationNexus Nexus, ulong Key)[] registrations) =>
        registrations.Aggregate(ReservationState.Empty, (state, r) => state.Good(r.Nexus, ReservationAction.Register, 0, r.Key));

    internal static byte[] Cdb(ReservationAction action, int parameterLength, byte scopeAndType = 0)
    {
        var cdb = new byte[10];
        cdb[0] = PersistentReserveOut.OperationCode;
        cdb[1] = (byte)action;
        cdb[2] = scopeAndType;
        BinaryPrimitives.WriteUInt32BigEndian(cdb.AsSpan(5), (uint)parameterLength);
        return cdb;
    }
}
