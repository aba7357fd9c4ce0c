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
}
