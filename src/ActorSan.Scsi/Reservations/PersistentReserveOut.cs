using System.Buffers.Binary;

namespace ActorSan.Scsi.Reservations;

/// <summary>
/// PERSISTENT RESERVE OUT, 5Fh (SPC-4 §6.16). CDB: service action (byte 1, bits 4-0), SCOPE and TYPE (byte 2), PARAMETER LIST LENGTH (bytes 5-8). Basic parameter list, 24 bytes:
/// RESERVATION KEY (0), SERVICE ACTION RESERVATION KEY (8), SPEC_I_PT, ALL_TG_PT and APTPL (20, bits 3, 2 and 0); with SPEC_I_PT a length (24) and TransportIDs (28).
/// REGISTER AND MOVE: keys, UNREG and APTPL (17, bits 1 and 0), RELATIVE TARGET PORT IDENTIFIER (18), a length (20) and one TransportID (24).
/// </summary>
public static class PersistentReserveOut
{
    public const byte OperationCode = 0x5F;

    /// <summary>The basic parameter list.</summary>
    public const int BasicLength = 24;

    /// <summary>The longest parameter list that we take.</summary>
    public const int MaxParameterListLength = 8192;

    private const int ParameterListLengthField = 5;

    /// <summary>PARAMETER LIST LENGTH of the CDB.</summary>
    public static uint ParameterListLength(ReadOnlySpan<byte> cdb) => BinaryPrimitives.ReadUInt32BigEndian(cdb[ParameterListLengthField..]);

    /// <summary>Reads the command. With a verdict other than Good, <paramref name="request"/> is null and the pointer names the offending byte.</summary>
    public static ReservationResult TryRead(
        ReadOnlySpan<byte> cdb, ReadOnlySpan<byte> parameters, out ReservationRequest? request, out int fieldPointer)
    {
        request = null;
        fieldPointer = -1;
        int code = cdb[1] & 0x1F;
        if (code > (int)ReservationAction.RegisterAndMove)
        {
            fieldPointer = 1;
            return ReservationResult.InvalidFieldInCdb;
        }

        var action = (ReservationAction)code;
        if (!HasValidScopeAndType(action, cdb[2]))
        {
            fieldPointer = 2;
            return ReservationResult.InvalidFieldInCdb;
        }

        // SPC-4 §6.16.2: a length that would cut the list is an error; so is one that exceeds what we take.
        if (ParameterListLength(cdb) > MaxParameterListLength || parameters.Length < BasicLength || parameters.Length != ParameterListLength(cdb))
        {
            fieldPointer = ParameterListLengthField;
            return ReservationResult.ParameterListLengthError;
        }

        return action == ReservationAction.RegisterAndMove
            ? ReadMove(parameters, out request, out fieldPointer)
            : ReadBasic(action, cdb, parameters, out request, out fieldPointer);
    }

    /// <summary>RESERVE and RELEASE need both; PREEMPT only if it takes a reservation, which the state decides; others ignore them.</summary>
    private static bool HasValidScopeAndType(ReservationAction action, byte scopeAndType) =>
        action is not (ReservationAction.Reserve or ReservationAction.Release) || (scopeAndType >> 4 == 0 && ReservationTypes.IsValid(scopeAndType & 0x0F));

    private static ReservationResult ReadBasic(
        ReservationAction action, ReadOnlySpan<byte> cdb, ReadOnlySpan<byte> parameters, out ReservationRequest? request, out int fieldPointer)
    {
        request = null;
        fieldPointer = -1;
        bool registers = action is ReservationAction.Register or ReservationAction.RegisterAndIgnoreExistingKey;
        byte flags = parameters[20];
        bool specify = registers && (flags & 0x08) != 0;
        if (specify && action != ReservationAction.Register)
        {
            fieldPointer = 20;
            return ReservationResult.InvalidFieldInParameterList;
        }

        var ids = new List<TransportId>();
        if (specify)
        {
            ReservationResult verdict = ReadTransportIds(parameters, lengthField: BasicLength, ids, out fieldPointer);
            if (verdict != ReservationResult.Good)
            {
                return verdict;
            }
        }
        else if (parameters.Length != BasicLength)
        {
            fieldPointer = ParameterListLengthField;
            return ReservationResult.ParameterListLengthError;
        }

        bool scopeIsUnit = cdb[2] >> 4 == 0;
        int type = cdb[2] & 0x0F;
        request = new ReservationRequest
        {
            Action = action,
            Type = !registers && scopeIsUnit && ReservationTypes.IsValid(type) ? (ReservationType)type : ReservationType.None,
            Key = BinaryPrimitives.ReadUInt64BigEndian(parameters),
            ActionKey = BinaryPrimitives.ReadUInt64BigEndian(parameters[8..]),
            SpecifyInitiatorPorts = specify,
            AllTargetPorts = registers && (flags & 0x04) != 0,
            PersistThroughPowerLoss = registers && (flags & 0x01) != 0,
            TransportIds = ids,
        };
        return ReservationResult.Good;
    }

    private static ReservationResult ReadMove(ReadOnlySpan<byte> parameters, out ReservationRequest? request, out int fieldPointer)
    {
        request = null;
        var ids = new List<TransportId>();
        ReservationResult verdict = ReadTransportIds(parameters, lengthField: 20, ids, out fieldPointer);
        if (verdict != ReservationResult.Good)
        {
            return verdict;
        }

        if (ids.Count != 1)
        {
            fieldPointer = 20;
            return ReservationResult.InvalidFieldInParameterList;
        }

        request = new ReservationRequest
        {
            Action = ReservationAction.RegisterAndMove,
            Key = BinaryPrimitives.ReadUInt64BigEndian(parameters),
            ActionKey = BinaryPrimitives.ReadUInt64BigEndian(parameters[8..]),
            Unregister = (parameters[17] & 0x02) != 0,
            PersistThroughPowerLoss = (parameters[17] & 0x01) != 0,
            RelativePortId = BinaryPrimitives.ReadUInt16BigEndian(parameters[18..]),
            TransportIds = ids,
        };
        return ReservationResult.Good;
    }

    /// <summary>A 4-byte length at <paramref name="lengthField"/> and TransportIDs behind it, to the end of the list exactly.</summary>
    private static ReservationResult ReadTransportIds(ReadOnlySpan<byte> parameters, int lengthField, List<TransportId> ids, out int fieldPointer)
    {
        fieldPointer = lengthField;
        int at = lengthField + 4;
        if (parameters.Length < at || BinaryPrimitives.ReadUInt32BigEndian(parameters[lengthField..]) != parameters.Length - at)
        {
            return ReservationResult.ParameterListLengthError;
        }

        while (at < parameters.Length)
        {
            if (!TransportId.TryRead(parameters[at..], out TransportId id, out int length))
            {
                fieldPointer = at;
                return ReservationResult.InvalidFieldInParameterList;
            }

            ids.Add(id);
            at += length;
        }

        fieldPointer = -1;
        return ReservationResult.Good;
    }
}
