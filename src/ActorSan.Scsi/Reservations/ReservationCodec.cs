using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Numerics;
using System.Text;

namespace ActorSan.Scsi.Reservations;

/// <summary>Why bytes are not a reservation state that we trust.</summary>
public enum ReservationDamage : byte
{
    None,
    TooShort,
    BadMagic,

    /// <summary>Written by a newer version.</summary>
    UnknownVersion,
    BadChecksum,

    /// <summary>The checksum fits, but the content contradicts itself.</summary>
    Inconsistent,
}

/// <summary>
/// The persistent part of a <see cref="ReservationState"/> as bytes (<see cref="Storage.Blocks.VolumeAttribute.Reservations"/>), version 1, little endian:
/// <code>
///  0  4  magic "ASPR"             16  2  number of names (n)
///  4  2  version                  18  2  number of registrations (r)
///  6  2  flags: bit 0 APTPL       20     n names: length (1), UTF-8 bytes
///  8  4  PRgeneration                    r registrations, 20 bytes each: key (8), ISID (8), relative port (2), name (2)
/// 12  1  type                            CRC32C (4) of all before it
/// 13  1  scope, zero
/// 14  2  holder, FFFFh for none
/// </code>
/// </summary>
public static class ReservationCodec
{
    private const int HeaderBytes = 20;
    private const int RegistrationBytes = 20;
    private const int ChecksumBytes = 4;
    private const ushort Version = 1;
    private const ushort PersistFlag = 1;
    private const ushort NoHolder = 0xFFFF;

    private static ReadOnlySpan<byte> Magic => "ASPR"u8;

    public static int LengthOf(ReservationState state)
    {
        int length = HeaderBytes + ChecksumBytes + (state.Registrations.Length * RegistrationBytes);
        foreach (string name in NamesOf(state))
        {
            length += 1 + Encoding.UTF8.GetByteCount(name);
        }

        return length;
    }

    /// <summary>Returns the length.</summary>
    public static int Write(ReservationState state, Span<byte> destination)
    {
        List<string> names = NamesOf(state);
        Magic.CopyTo(destination);
        BinaryPrimitives.WriteUInt16LittleEndian(destination[4..], Version);
        BinaryPrimitives.WriteUInt16LittleEndian(destination[6..], state.PersistThroughPowerLoss ? PersistFlag : (ushort)0);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[8..], state.Generation);
        destination[12] = (byte)state.Type;
        destination[13] = 0;
        BinaryPrimitives.WriteUInt16LittleEndian(destination[14..], state.Holder is { } holder ? (ushort)state.IndexOf(holder) : NoHolder);
        BinaryPrimitives.WriteUInt16LittleEndian(destination[16..], (ushort)names.Count);
        BinaryPrimitives.WriteUInt16LittleEndian(destination[18..], (ushort)state.Registrations.Length);
        int at = HeaderBytes;
        foreach (string name in names)
        {
            int length = Encoding.UTF8.GetBytes(name, destination[(at + 1)..]);
            destination[at] = (byte)length;
            at += 1 + length;
        }

        foreach (Registration registration in state.Registrations)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(destination[at..], registration.Key);
            BinaryPrimitives.WriteUInt64LittleEndian(destination[(at + 8)..], registration.Nexus.Isid);
            BinaryPrimitives.WriteUInt16LittleEndian(destination[(at + 16)..], registration.Nexus.RelativePortId);
            BinaryPrimitives.WriteUInt16LittleEndian(destination[(at + 18)..], (ushort)names.IndexOf(registration.Nexus.InitiatorName));
            at += RegistrationBytes;
        }

        BinaryPrimitives.WriteUInt32LittleEndian(destination[at..], Checksum(destination[..at]));
        return at + ChecksumBytes;
    }

    /// <summary>Reads what <see cref="Write"/> wrote. No bytes at all is the empty state: it was never set. Otherwise anything that does not fit is damage, and nothing is guessed.</summary>
    public static ReservationDamage TryRead(ReadOnlySpan<byte> source, out ReservationState state)
    {
        state = ReservationState.Empty;
        if (source.IsEmpty)
        {
            return ReservationDamage.None;
        }

        if (source.Length < HeaderBytes + ChecksumBytes)
        {
            return ReservationDamage.TooShort;
        }

        if (!source[..4].SequenceEqual(Magic))
        {
            return ReservationDamage.BadMagic;
        }

        // A newer version may check itself otherwise: the version comes first.
        if (BinaryPrimitives.ReadUInt16LittleEndian(source[4..]) != Version)
        {
            return ReservationDamage.UnknownVersion;
        }

        ReadOnlySpan<byte> body = source[..^ChecksumBytes];
        return BinaryPrimitives.ReadUInt32LittleEndian(source[^ChecksumBytes..]) == Checksum(body)
            ? ReadBody(body, out state)
            : ReservationDamage.BadChecksum;
    }

    private static ReservationDamage ReadBody(ReadOnlySpan<byte> body, out ReservationState state)
    {
        state = ReservationState.Empty;
        ushort flags = BinaryPrimitives.ReadUInt16LittleEndian(body[6..]);
        uint generation = BinaryPrimitives.ReadUInt32LittleEndian(body[8..]);
        var type = (ReservationType)body[12];
        ushort holder = BinaryPrimitives.ReadUInt16LittleEndian(body[14..]);
        var names = new string[BinaryPrimitives.ReadUInt16LittleEndian(body[16..])];
        int count = BinaryPrimitives.ReadUInt16LittleEndian(body[18..]);
        int at = HeaderBytes;
        for (int i = 0; i < names.Length; i++)
        {
            if (at >= body.Length || body[at] == 0 || at + 1 + body[at] > body.Length)
            {
                return ReservationDamage.Inconsistent;
            }

            names[i] = Encoding.UTF8.GetString(body.Slice(at + 1, body[at]));
            at += 1 + body[at];
        }

        if (body.Length - at != count * RegistrationBytes || (flags & ~PersistFlag) != 0 || body[13] != 0)
        {
            return ReservationDamage.Inconsistent;
        }

        ImmutableArray<Registration>.Builder registrations = ImmutableArray.CreateBuilder<Registration>(count);
        for (; at < body.Length; at += RegistrationBytes)
        {
            ulong key = BinaryPrimitives.ReadUInt64LittleEndian(body[at..]);
            ulong isid = BinaryPrimitives.ReadUInt64LittleEndian(body[(at + 8)..]);
            ushort name = BinaryPrimitives.ReadUInt16LittleEndian(body[(at + 18)..]);
            if (key == 0 || isid >> 48 != 0 || name >= names.Length)
            {
                return ReservationDamage.Inconsistent;
            }

            var nexus = new ReservationNexus(names[name], isid, BinaryPrimitives.ReadUInt16LittleEndian(body[(at + 16)..]));
            registrations.Add(new Registration(nexus, key));
        }

        if (!IsConsistent(registrations, type, holder))
        {
            return ReservationDamage.Inconsistent;
        }

        ReservationNexus? holderNexus = holder == NoHolder ? null : registrations[holder].Nexus;
        state = ReservationState.Create(registrations.MoveToImmutable(), type, holderNexus, generation, (flags & PersistFlag) != 0);
        return ReservationDamage.None;
    }

    private static bool IsConsistent(ImmutableArray<Registration>.Builder registrations, ReservationType type, ushort holder)
    {
        bool singleHolder = type != ReservationType.None && !type.IsAllRegistrants();
        return (type == ReservationType.None || (ReservationTypes.IsValid((int)type) && registrations.Count > 0))
            && (singleHolder ? holder < registrations.Count : holder == NoHolder)
            && registrations.Select(registration => registration.Nexus).Distinct().Count() == registrations.Count;
    }

    /// <summary>Each name once, in the order of the first registration that has it.</summary>
    private static List<string> NamesOf(ReservationState state)
    {
        var names = new List<string>();
        foreach (Registration registration in state.Registrations)
        {
            if (!names.Contains(registration.Nexus.InitiatorName))
            {
                names.Add(registration.Nexus.InitiatorName);
            }
        }

        return names;
    }

    private static uint Checksum(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte value in bytes)
        {
            crc = BitOperations.Crc32C(crc, value);
        }

        return ~crc;
    }
}
