using System.Buffers.Binary;

namespace ActorSan.Scsi.Modes;

/// <summary>The rows of MODE SENSE and MODE SELECT.</summary>
internal static class ModeCommands
{
    public static readonly CommandDescriptor[] Rows =
    [
        new()
        {
            Name = "MODE SENSE(6)",
            OperationCode = 0x1A,
            Usage = [0x1A, 0x08, 0xFF, 0xFF, 0xFF, 0x00],
            Demand = static (_, cdb) => new CdbDemand(0, cdb[4]),
            Start = ModeSense.Start6,
            Reservation = ReservationClass.Reads,
            BlockedBy = Restrictions.UnitAnywhere,
        },
        new()
        {
            Name = "MODE SENSE(10)",
            OperationCode = 0x5A,
            Usage = [0x5A, 0x18, 0xFF, 0xFF, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0x00],
            Demand = static (_, cdb) => new CdbDemand(0, Math.Min((int)BinaryPrimitives.ReadUInt16BigEndian(cdb[7..]), ModeSense.MaxBytes)),
            Start = ModeSense.Start10,
            Reservation = ReservationClass.Reads,
            BlockedBy = Restrictions.UnitAnywhere,
        },
        new()
        {
            Name = "MODE SELECT(6)",
            OperationCode = 0x15,
            Usage = [0x15, 0x11, 0x00, 0x00, 0xFF, 0x00],
            Demand = static (_, cdb) => new CdbDemand(cdb[4], 0),
            Start = ModeSelect.Start6,
            Flags = CommandFlags.EndsWhatItBegan,
        },
        new()
        {
            Name = "MODE SELECT(10)",
            OperationCode = 0x55,
            Usage = [0x55, 0x11, 0x00, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0x00],
            Demand = static (_, cdb) => new CdbDemand(BinaryPrimitives.ReadUInt16BigEndian(cdb[7..]) is var length && length <= ModeSense.MaxBytes ? length : 0, 0),
            Start = ModeSelect.Start10,
            Flags = CommandFlags.EndsWhatItBegan,
        },
    ];
}
