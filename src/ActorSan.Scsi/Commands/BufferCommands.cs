namespace ActorSan.Scsi;

/// <summary>
/// WRITE BUFFER (SPC-4 §6.49) and READ BUFFER (SPC-4 §6.25), echo buffer modes only: byte 1 4..0 MODE, byte 2 BUFFER ID (ignored), bytes 3..5 BUFFER OFFSET (ignored), bytes 6..8
/// length. Each nexus has an echo buffer of its own (EBOS): what it writes with mode 0Ah it reads with mode 0Ah; mode 0Bh reads the descriptor.
/// </summary>
internal static class BufferCommands
{
    private const int EchoMode = 0x0A;
    private const int EchoDescriptorMode = 0x0B;
    private const int EchoBytes = 4096;

    // 0 EBOS; 2..3 the capacity.
    private static readonly byte[] EchoDescriptor = [0x01, 0x00, EchoBytes >> 8, EchoBytes & 0xFF];

    public static readonly CommandDescriptor[] Rows =
    [
        new()
        {
            Name = "WRITE BUFFER",
            OperationCode = 0x3B,
            Usage = [0x3B, 0x1F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00],
            Demand = static (_, cdb) => new CdbDemand((cdb[1] & 0x1F) == EchoMode && Length(cdb) <= EchoBytes ? Length(cdb) : 0, 0),
            Start = Write,
            BlockedBy = Restrictions.UnitAnywhere,
        },
        new()
        {
            Name = "READ BUFFER",
            OperationCode = 0x3C,
            Usage = [0x3C, 0x1F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00],
            Demand = static (_, cdb) => new CdbDemand(0, Math.Min(Length(cdb), EchoBytes)),
            Start = Read,
            Reservation = ReservationClass.Reads,
            BlockedBy = Restrictions.UnitAnywhere,
        },
    ];

    private static int Length(ReadOnlySpan<byte> cdb) => (cdb[6] << 16) | (cdb[7] << 8) | cdb[8];

    private static void Write(TaskState task)
    {
        int length = Length(task.Cdb);
        if ((task.CdbByte(1) & 0x1F) != EchoMode)
        {
            task.FailCdbField(1, 4);
        }
        else if (length > EchoBytes)
        {
            task.FailCdbField(6);
        }
        else if (task.CheckDataOut(length))
        {
            if (length > 0)
            {
                task.Nexus.Echo = task.DataOut[..length].ToArray();
            }

            task.EndGood(length);
        }
    }

    private static void Read(TaskState task)
    {
        switch (task.CdbByte(1) & 0x1F)
        {
            case EchoDescriptorMode:
                task.EndWith(EchoDescriptor, Length(task.Cdb));
                break;
            case EchoMode when task.Nexus.Echo is { } echo:
                task.EndWith(echo, Length(task.Cdb));
                break;
            case EchoMode:
                // Nothing was written before (SPC-4 §6.25.7).
                task.Fail(SenseKey.IllegalRequest, AdditionalSense.CommandSequenceError);
                break;
            default:
                task.FailCdbField(1, 4);
                break;
        }
    }
}
