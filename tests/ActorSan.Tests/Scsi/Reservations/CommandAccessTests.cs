using ActorSan.Scsi;
using ActorSan.Scsi.Reservations;
using Xunit;

namespace ActorSan.Tests.Scsi.Reservations;

public sealed class CommandAccessTests
{
    /// <summary>The command table's coarse class and the access that reservations are checked by must not drift apart.</summary>
    [Fact]
    public void Every_row_of_the_command_table_agrees_with_its_access()
    {
        foreach (CommandDescriptor row in CommandTable.All)
        {
            CommandAccess access = ReservationRules.AccessOf(row.Usage);
            bool agrees = row.Reservation switch
            {
                ReservationClass.Reads => access == CommandAccess.Read,
                ReservationClass.Writes => access == CommandAccess.Write,
                _ => access is not (CommandAccess.Read or CommandAccess.Write),
            };
            Assert.True(agrees, $"{row.Name}: {row.Reservation} in the table, {access} by its CDB");
        }
    }

    /// <summary>Commands whose forms the tables of SPC-4 (§5.12.1) and SBC-3 (§4.17) tell apart.</summary>
    [Theory]
    [InlineData(new byte[] { 0x1E, 0, 0, 0, 0, 0 }, CommandAccess.Free)]
    [InlineData(new byte[] { 0x1E, 0, 0, 0, 1, 0 }, CommandAccess.Write)]
    [InlineData(new byte[] { 0x1E, 0, 0, 0, 3, 0 }, CommandAccess.Write)]
    [InlineData(new byte[] { 0x1B, 0, 0, 0, 0x01, 0 }, CommandAccess.Status)]
    [InlineData(new byte[] { 0x1B, 0, 0, 0, 0x00, 0 }, CommandAccess.Write)]
    [InlineData(new byte[] { 0x1B, 0, 0, 0, 0x21, 0 }, CommandAccess.Write)]
    public void FormsOfACommandThatTheStandardTellsApart(byte[] cdb, CommandAccess access) => Assert.Equal(access, ReservationRules.AccessOf(cdb));
}
