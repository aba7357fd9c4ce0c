using System.Buffers.Binary;

namespace ActorSan.Scsi.Reservations;

/// <summary>PERSISTENT RESERVE IN, 5Eh (SPC-4 §6.15): pure writers of its parameter data, big endian. Each writes as much as fits and returns the full length.</summary>
public static class PersistentReserveIn
{
    public const byte OperationCode = 0x5E;

    public const int ReadKeys = 0;
    public const int ReadReservation = 1;
    public const int ReportCapabilities = 2;
    public const int ReadFullStatus = 3;

    private const int HeaderBytes = 8;
    private const int FullStatusBytes = 24;

    /// <summary>ALLOCATION LENGTH of the CDB.</summary>
    public static int AllocationLength(ReadOnlySpan<byte> cdb) => BinaryPrimitives.ReadUInt16BigEndian(cdb[7..]);

    /// <summary>Runs the service action of the CDB; −1 for one that does not exist (INVALID FIELD IN CDB, byte 1).</summary>
    public static int Write(ReadOnlySpan<byte> cdb, ReservationState state, Span<byte> destination) => (cdb[1] & 0x1F) switch
    {
        ReadKeys => WriteKeys(state, destination),
        ReadReservation => WriteReservation(state, destination),
        ReportCapabilities => WriteCapabilities(state, destination),
        ReadFullStatus => WriteFullStatus(state, destination),
        _ => -1,
    };

    private static int WriteKeys(ReservationState state, Span<byte> destination)
    {
        Span<byte> item = stackalloc byte[8];
        int length = HeaderBytes + (state.Registrations.Length * 8);
        WriteHeader(state, length - HeaderBytes, destination);
        for (int i = 0; i < state.Registrations.Length; i++)
        {
            BinaryPrimitives.WriteUInt64BigEndian(item, state.Registrations[i].Key);
            Copy(item, destination, HeaderBytes + (i * 8));
        }

        return length;
    }

    private static int WriteReservation(ReservationState state, Span<byte> destination)
    {
        WriteHeader(state, state.IsReserved ? 16 : 0, destination);
        if (!state.IsReserved)
        {
            return HeaderBytes;
        }

        // Key, obsolete, reserved, SCOPE (LU_SCOPE 0h) and TYPE, obsolete.
        Span<byte> item = stackalloc byte[16];
        item.Clear();
        BinaryPrimitives.WriteUInt64BigEndian(item, state.HolderKey);
        item[13] = (byte)state.Type;
        Copy(item, destination, HeaderBytes);
        return HeaderBytes + 16;
    }

    /// <summary>
    /// §6.15.4. CRH, SIP_C, ATP_C, PTPL_C are one; TMV with all six types; ALLOW COMMANDS 001b: TEST UNIT READY is allowed through write exclusive and exclusive access.
    /// </summary>
    private static int WriteCapabilities(ReservationState state, Span<byte> destination)
    {
        Span<byte> item = stackalloc byte[8];
        item.Clear();
        item[1] = 8;
        item[2] = 0x10 | 0x08 | 0x04 | 0x01;
        item[3] = (byte)(0x80 | 0x10 | (state.PersistThroughPowerLoss ? 1 : 0));
        item[4] = 0xEA;
        item[5] = 0x01;
        Copy(item, destination, 0);
        return item.Length;
    }

    /// <summary>§6.15.5: one descriptor for each registration, with its TransportID.</summary>
    private static int WriteFullStatus(ReservationState state, Span<byte> destination)
    {
        Span<byte> item = stackalloc byte[FullStatusBytes + TransportId.MaxBytes];
        int at = HeaderBytes;
        foreach (Registration registration in state.Registrations)
        {
            item.Clear();
            bool holds = state.IsReserved && state.StandingOf(registration.Nexus) == ReservationStanding.Holder;
            int idLength = TransportId.Write(registration.Nexus, item[FullStatusBytes..]);
            BinaryPrimitives.WriteUInt64BigEndian(item, registration.Key);
            item[12] = (byte)(holds ? 1 : 0);
            item[13] = (byte)(holds ? state.Type : 0);
            BinaryPrimitives.WriteUInt16BigEndian(item[18..], registration.Nexus.RelativePortId);
            BinaryPrimitives.WriteUInt32BigEndian(item[20..], (uint)idLength);
            Copy(item[..(FullStatusBytes + idLength)], destination, at);
            at += FullStatusBytes + idLength;
        }

        WriteHeader(state, at - HeaderBytes, destination);
        return at;
    }

    private static void WriteHeader(ReservationState state, int additionalLength, Span<byte> destination)
    {
        Span<byte> header = stackalloc byte[HeaderBytes];
        BinaryPrimitives.WriteUInt32BigEndian(header, state.Generation);
        BinaryPrimitives.WriteUInt32BigEndian(header[4..], (uint)additionalLength);
        Copy(header, destination, 0);
    }

    private static void Copy(ReadOnlySpan<byte> item, Span<byte> destination, int at)
    {
        if (at < destination.Length)
        {
            item[..Math.Min(item.Length, destination.Length - at)].CopyTo(destination[at..]);
        }
    }
}
