namespace ActorSan.Scsi;

/// <summary>What stands in for every CDB that is not in the table: it transfers nothing and says what is unknown.</summary>
internal static class UnknownCommand
{
    public static readonly CommandDescriptor Row = new()
    {
        // The length is not known: the last byte of the CDB's room, which is zero, stands for the control byte.
        Name = "unknown",
        OperationCode = 0xFF,
        Usage = [0xFF, .. new byte[CdbBuffer.MaxLength - 1]],
        Start = Fail,
        Reservation = ReservationClass.Allowed,
        BlockedBy = Restrictions.None,
    };

    /// <summary>ILLEGAL REQUEST: INVALID COMMAND OPERATION CODE, or INVALID FIELD IN CDB at the service action of a known one (SPC-4 §4.3.4.1).</summary>
    public static void Fail(TaskState task)
    {
        if (CommandTable.HasServiceActions(task.CdbByte(0)))
        {
            task.FailCdbField(1, 4);
        }
        else
        {
            task.Fail(new SenseDescription(
                SenseKey.IllegalRequest,
                AdditionalSense.InvalidOperationCode,
                SenseKeySpecific.Field(inCdb: true, 0)));
        }
    }
}
