namespace ActorSan.Scsi;

/// <summary>
/// REQUEST SENSE (SPC-4 §6.39): byte 1 bit 0 DESC, byte 4 ALLOCATION LENGTH. The sense data is parameter data of a GOOD command: a pending unit attention (which it
/// takes), else what keeps the unit from being ready, else its power condition, else nothing.
/// </summary>
internal static class RequestSense
{
    public static readonly CommandDescriptor[] Rows =
    [
        new()
        {
            Name = "REQUEST SENSE",
            OperationCode = 0x03,
            Usage = [0x03, 0x01, 0x00, 0x00, 0xFF, 0x00],
            Demand = static (_, cdb) => new CdbDemand(0, Math.Min((int)cdb[4], SenseData.MaxBytes)),
            Start = Start,
            Flags = CommandFlags.IgnoresAttention | CommandFlags.ImplicitHeadOfQueue,
            Reservation = ReservationClass.Allowed,
            BlockedBy = Restrictions.None,
        },
    ];

    private static void Start(TaskState task)
    {
        SenseDescription sense;
        if (task.Nexus.Attentions.TryTake(out UnitAttention attention))
        {
            sense = new SenseDescription(SenseKey.UnitAttention, UnitAttentionQueue.CodeOf(attention));
        }
        else
        {
            sense = task.Device.DescribeReadiness(task.Nexus);
        }

        Span<byte> data = stackalloc byte[SenseData.MaxBytes];
        int length = SenseData.Write(data, (task.CdbByte(1) & 0x01) != 0, sense);
        task.EndWith(data[..length], task.CdbByte(4));
    }
}
