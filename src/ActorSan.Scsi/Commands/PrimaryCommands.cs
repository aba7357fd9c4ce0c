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

            // SPC-4 §6.47: GOOD says that the next command will be accepted. A unit that can't be certain to serve leaves that to the path that can.
            Start = static task =>
            {
                if (task.Device.MayTell(task))
                {
                    task.EndGood();
                }
            },
            Reservation = ReservationClass.Allowed,
            BlockedBy = Restrictions.Medium,
        },
    ];
}
