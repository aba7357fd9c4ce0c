namespace ActorSan.Scsi.Reservations;

/// <summary>PERSISTENT RESERVE IN and OUT, RESERVE and RELEASE.</summary>
internal static class ReservationCommands
{
    public static readonly CommandDescriptor[] Rows = [];
}
