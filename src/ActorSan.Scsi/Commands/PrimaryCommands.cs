namespace ActorSan.Scsi;

/// <summary>Commands of SPC that need no family of their own.</summary>
internal static class PrimaryCommands
{
    public static readonly CommandDescriptor[] Rows =
    [
        new()
        {
            Name = "TEST UNIT READY",
            OperationCode = 0x00,
            Usage = [0x00, 0x00, 0x00, 0x00, 0x00, 0x00],
            Start = static task => task.EndGood(),
            Reservation = ReservationClass.Allowed,
            BlockedBy = Restrictions.Medium,
        },
    ];
}
