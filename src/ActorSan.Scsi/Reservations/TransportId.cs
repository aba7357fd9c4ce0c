using System.Buffers.Binary;
using System.Text;

namespace ActorSan.Scsi.Reservations;

/// <summary>
/// iSCSI TransportID (SPC-4 §7.6.4.6). Byte 0: FORMAT CODE (bits 7-6) and PROTOCOL IDENTIFIER 5h; bytes 2-3: ADDITIONAL LENGTH, a multiple of 4, at least 20; from byte 4
/// a null-terminated, null-padded string. Format 00b: the iSCSI name, which stands for every port of that initiator. Format 01b: name, <c>,i,0x</c>, ISID in hexadecimal.
/// </summary>
/// <param name="InitiatorName">iSCSI name.</param>
/// <param name="Isid">Null in format 00b.</param>
public readonly record struct TransportId(string InitiatorName, ulong? Isid)
{
    public const int HeaderBytes = 4;

    /// <summary>The longest that we take: a name of 223 bytes, separator and ISID, terminated and padded.</summary>
    public const int MaxBytes = HeaderBytes + 244;

    private const byte IscsiProtocol = 0x05;
    private const string Separator = ",i,0x";
    private const int MinAdditionalLength = 20;
    private const int MaxNameBytes = 223;

    /// <summary>Reads one from the front of <paramref name="source"/>; false when it is malformed, of another protocol, or cut short.</summary>
    public static bool TryRead(ReadOnlySpan<byte> source, out TransportId id, out int lengthBytes)
    {
        id = default;
        lengthBytes = 0;
        if (source.Length < HeaderBytes || (source[0] & 0x0F) != IscsiProtocol)
        {
            return false;
        }

        int format = source[0] >> 6;
        int additional = BinaryPrimitives.ReadUInt16BigEndian(source[2..]);
        if (format > 1 || additional < MinAdditionalLength || additional % 4 != 0 || HeaderBytes + additional > MaxBytes || HeaderBytes + additional > source.Length)
        {
            return false;
        }

        ReadOnlySpan<byte> text = source.Slice(HeaderBytes, additional);
        int end = text.IndexOf((byte)0);
        if (end <= 0)
        {
            return false;
        }

        lengthBytes = HeaderBytes + additional;
        return TryReadText(Encoding.UTF8.GetString(text[..end]), format, out id);
    }

    /// <summary>Bytes that <see cref="Write"/> takes.</summary>
    public static int LengthOf(in ReservationNexus nexus)
    {
        int text = Encoding.UTF8.GetByteCount(nexus.InitiatorName) + Separator.Length + 12 + 1;
        return HeaderBytes + Math.Max(MinAdditionalLength, (text + 3) & ~3);
    }

    /// <summary>Writes format 01b; returns its length.</summary>
    public static int Write(in ReservationNexus nexus, Span<byte> destination)
    {
        int length = LengthOf(nexus);
        destination[..length].Clear();
        destination[0] = 0x40 | IscsiProtocol;
        BinaryPrimitives.WriteUInt16BigEndian(destination[2..], (ushort)(length - HeaderBytes));
        Encoding.UTF8.GetBytes($"{nexus.InitiatorName}{Separator}{nexus.Isid:x12}", destination[HeaderBytes..]);
        return length;
    }

    private static bool TryReadText(string text, int format, out TransportId id)
    {
        id = default;
        if (format == 0)
        {
            id = new TransportId(text, null);
            return IsName(text);
        }

        int separator = text.LastIndexOf(Separator, StringComparison.Ordinal);
        if (separator <= 0)
        {
            return false;
        }

        string name = text[..separator];
        ReadOnlySpan<char> digits = text.AsSpan(separator + Separator.Length);
        if (digits.Length is 0 or > 12 || !IsName(name))
        {
            return false;
        }

        ulong isid = 0;
        foreach (char digit in digits)
        {
            if (!char.IsAsciiHexDigit(digit))
            {
                return false;
            }

            isid = (isid << 4) | (uint)HexValue(digit);
        }

        id = new TransportId(name, isid);
        return true;
    }

    private static int HexValue(char digit) => char.IsAsciiDigit(digit) ? digit - '0' : (digit | 0x20) - 'a' + 10;

    private static bool IsName(string name) =>
        Encoding.UTF8.GetByteCount(name) <= MaxNameBytes
        && (name.StartsWith("iqn.", StringComparison.Ordinal) || name.StartsWith("eui.", StringComparison.Ordinal) || name.StartsWith("naa.", StringComparison.Ordinal));
}
