using ActorSan.Scsi.Reservations;
using Xunit;
using static ActorSan.Tests.Scsi.Reservations.ReservationFixture;

namespace ActorSan.Tests.Scsi.Reservations;

/// <summary>The standards' conflict tables, written out: A allowed, C conflict.</summary>
public sealed class ReservationRulesTests
{
    /// <summary>
    /// Columns: write exclusive held by another; exclusive access held by another; registered, under registrants only or all registrants; not registered, write exclusive
    /// of these; not registered, exclusive access of these; RESERVE held by another (SPC-4 §5.13.1, SBC-3 §4.17; SPC-2 §5.5.1).
    /// </summary>
    [Theory]
    [InlineData("INQUIRY", "12 00 00 00 60 00", "A A A A A A")]
    [InlineData("REPORT LUNS", "A0 00 00 00 00 00 00 00 01 00 00 00", "A A A A A A")]
    [InlineData("REQUEST SENSE", "03 00 00 00 FC 00", "A A A A A A")]
    [InlineData("PREVENT ALLOW, allow", "1E 00 00 00 00 00", "A A A A A A")]
    [InlineData("PREVENT ALLOW, prevent", "1E 00 00 00 01 00", "C C A C C C")]
    [InlineData("TEST UNIT READY", "00 00 00 00 00 00", "A A A A A C")]
    [InlineData("LOG SENSE", "4D 00 00 00 00 00 00 00 60 00", "A A A A A C")]
    [InlineData("READ CAPACITY(10)", "25 00 00 00 00 00 00 00 00 00", "A A A A A C")]
    [InlineData("READ CAPACITY(16)", "9E 10 00 00 00 00 00 00 00 00 00 00 00 20 00 00", "A A A A A C")]
    [InlineData("REPORT TARGET PORT GROUPS", "A3 0A 00 00 00 00 00 00 01 00 00 00", "A A A A A C")]
    [InlineData("START STOP UNIT, start", "1B 00 00 00 01 00", "A A A A A C")]
    [InlineData("START STOP UNIT, stop", "1B 00 00 00 00 00", "C C A C C C")]
    [InlineData("START STOP UNIT, standby", "1B 00 00 00 31 00", "C C A C C C")]
    [InlineData("READ(6)", "08 00 00 00 01 00", "A C A A C C")]
    [InlineData("READ(10)", "28 00 00 00 00 00 00 00 01 00", "A C A A C C")]
    [InlineData("READ(12)", "A8 00 00 00 00 00 00 00 00 01 00 00", "A C A A C C")]
    [InlineData("READ(16)", "88 00 00 00 00 00 00 00 00 00 00 00 00 01 00 00", "A C A A C C")]
    [InlineData("VERIFY(10)", "2F 00 00 00 00 00 00 00 01 00", "A C A A C C")]
    [InlineData("PRE-FETCH(10)", "34 00 00 00 00 00 00 00 01 00", "A C A A C C")]
    [InlineData("GET LBA STATUS", "9E 12 00 00 00 00 00 00 00 00 00 00 00 20 00 00", "A C A A C C")]
    [InlineData("READ DEFECT DATA(10)", "37 00 00 00 00 00 00 00 08 00", "A C A A C C")]
    [InlineData("MODE SENSE(6)", "1A 00 3F 00 FF 00", "A C A A C C")]
    [InlineData("REPORT SUPPORTED OPERATION CODES", "A3 0C 00 00 00 00 00 00 01 00 00 00", "A C A A C C")]
    [InlineData("MODE SELECT(6)", "15 10 00 00 18 00", "C C A C C C")]
    [InlineData("WRITE(6)", "0A 00 00 00 01 00", "C C A C C C")]
    [InlineData("WRITE(10)", "2A 00 00 00 00 00 00 00 01 00", "C C A C C C")]
    [InlineData("WRITE(16)", "8A 00 00 00 00 00 00 00 00 00 00 00 00 01 00 00", "C C A C C C")]
    [InlineData("WRITE ATOMIC(16)", "9C 00 00 00 00 00 00 00 00 00 00 00 00 01 00 00", "C C A C C C")]
    [InlineData("WRITE AND VERIFY(10)", "2E 00 00 00 00 00 00 00 01 00", "C C A C C C")]
    [InlineData("WRITE SAME(16)", "93 00 00 00 00 00 00 00 00 00 00 00 00 01 00 00", "C C A C C C")]
    [InlineData("COMPARE AND WRITE", "89 00 00 00 00 00 00 00 00 00 00 00 00 01 00 00", "C C A C C C")]
    [InlineData("ORWRITE(16)", "8B 00 00 00 00 00 00 00 00 00 00 00 00 01 00 00", "C C A C C C")]
    [InlineData("UNMAP", "42 00 00 00 00 00 00 00 18 00", "C C A C C C")]
    [InlineData("SYNCHRONIZE CACHE(10)", "35 00 00 00 00 00 00 00 00 00", "C C A C C C")]
    [InlineData("FORMAT UNIT", "04 00 00 00 00 00", "C C A C C C")]
    [InlineData("SANITIZE", "48 01 00 00 00 00 00 02 04 00", "C C A C C C")]
    [InlineData("EXTENDED COPY", "83 00 00 00 00 00 00 00 00 00 00 00 00 10 00 00", "C C A C C C")]
    [InlineData("RECEIVE COPY RESULTS", "84 03 00 00 00 00 00 00 00 00 00 00 00 10 00 00", "C C A C C C")]
    [InlineData("SEND DIAGNOSTIC", "1D 04 00 00 00 00", "C C A C C C")]
    [InlineData("PERSISTENT RESERVE IN", "5E 00 00 00 00 00 00 00 08 00", "A A A A A C")]
    public void Matches_the_table(string name, string cdbText, string row)
    {
        CommandAccess access = ReservationRules.AccessOf(Convert.FromHexString(cdbText.Replace(" ", "", StringComparison.Ordinal)));
        ReservationState registered = Registered((A1, 1), (B1, 2));
        bool Allowed(ReservationType type, ReservationNexus nexus)
        {
            ReservationState state = registered.Good(A1, ReservationAction.Reserve, 1, 0, type);
            Assert.True(ReservationRules.Allows(state, access, state.StandingOf(A1), isReserver: false), name + " from the holder");
            return ReservationRules.Allows(state, access, state.StandingOf(nexus), isReserver: false);
        }

        ReservationState reserved = ReservationMachine.ReserveUnit(ReservationState.Empty, A1).Next;
        foreach (bool allRegistrants in new[] { false, true })
        {
            (ReservationType write, ReservationType exclusive) = allRegistrants
                ? (ReservationType.WriteExclusiveAllRegistrants, ReservationType.ExclusiveAccessAllRegistrants)
                : (ReservationType.WriteExclusiveRegistrantsOnly, ReservationType.ExclusiveAccessRegistrantsOnly);
            Assert.Equal(Allowed(write, B1), Allowed(exclusive, B1));
            bool[] found =
            [
                Allowed(ReservationType.WriteExclusive, B1),
                Allowed(ReservationType.ExclusiveAccess, B1),
                Allowed(write, B1),
                Allowed(write, B2),
                Allowed(exclusive, B2),
                ReservationRules.Allows(reserved, access, ReservationStanding.None, isReserver: false),
            ];
            Assert.Equal(row, string.Join(' ', found.Select(allowed => allowed ? "A" : "C")));
        }
    }

    [Fact]
    public void Persistent_reserve_conflicts_with_reserve_even_for_the_reserver()
    {
        ReservationState reserved = ReservationMachine.ReserveUnit(ReservationState.Empty, A1).Next;
        Assert.False(ReservationRules.Allows(reserved, CommandAccess.PersistentReserve, ReservationStanding.None, isReserver: true));
        Assert.True(ReservationRules.Allows(reserved, CommandAccess.Write, ReservationStanding.None, isReserver: true));
    }
}
