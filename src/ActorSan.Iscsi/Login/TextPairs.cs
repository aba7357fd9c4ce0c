using System.Text;

namespace ActorSan.Iscsi.Login;

/// <summary>Why a text could not be read as key=value pairs.</summary>
public enum TextFault : byte
{
    None,
    TooLong,
    TooManyPairs,
    NotTerminated,
    NoEqualsSign,
    BadKeyName,
    KeyTooLong,
    ValueTooLong,
    BadCharacter,
}

/// <summary>One key=value pair of a text (RFC 7143 §6.1).</summary>
internal readonly record struct TextPair(string Key, string Value);

/// <summary>
/// The text format of RFC 7143 §6.1: <c>key=value</c>, each ended by a zero byte. Keys are 1 to 63 characters, a capital letter and then letters, digits and <c>. - + @ _</c>
/// (or an X- or X# key of the same alphabet); values are UTF-8. Bounded in bytes and in pairs.
/// </summary>
internal static class TextPairs
{
    /// <summary>All that one negotiation sequence may gather over C-bit continuations.</summary>
    public const int MaxTextBytes = 32 << 10;

    public const int MaxPairs = 96;
    public const int MaxKeyBytes = 63;

    /// <summary>Long enough for a 1024 byte binary value in hexadecimal, and for lists.</summary>
    public const int MaxValueBytes = 8192;

    public static TextFault Read(ReadOnlySpan<byte> text, List<TextPair> pairs)
    {
        if (text.Length > MaxTextBytes)
        {
            return TextFault.TooLong;
        }

        while (!text.IsEmpty)
        {
            int end = text.IndexOf((byte)0);
            if (end < 0)
            {
                return TextFault.NotTerminated;
            }

            ReadOnlySpan<byte> pair = text[..end];
            text = text[(end + 1)..];
            if (pair.IsEmpty)
            {
                continue; // Zero bytes between pairs: some initiators pad so.
            }

            if (pairs.Count == MaxPairs)
            {
                return TextFault.TooManyPairs;
            }

            TextFault fault = ReadPair(pair, out TextPair read);
            if (fault != TextFault.None)
            {
                return fault;
            }

            pairs.Add(read);
        }

        return TextFault.None;
    }

    public static void Append(StringBuilder text, string key, string value) => text.Append(key).Append('=').Append(value).Append('\0');

    private static TextFault ReadPair(ReadOnlySpan<byte> pair, out TextPair read)
    {
        read = default;
        int equals = pair.IndexOf((byte)'=');
        if (equals < 0)
        {
            return TextFault.NoEqualsSign;
        }

        ReadOnlySpan<byte> key = pair[..equals], value = pair[(equals + 1)..];
        if (key.Length > MaxKeyBytes)
        {
            return TextFault.KeyTooLong;
        }

        if (!IsKeyName(key))
        {
            return TextFault.BadKeyName;
        }

        if (value.Length > MaxValueBytes)
        {
            return TextFault.ValueTooLong;
        }

        foreach (byte character in value)
        {
            if (character < 0x20 || character == 0x7F)
            {
                return TextFault.BadCharacter;
            }
        }

        read = new TextPair(Encoding.ASCII.GetString(key), Encoding.UTF8.GetString(value));
        return TextFault.None;
    }

    private static bool IsKeyName(ReadOnlySpan<byte> key)
    {
        if (key.IsEmpty || !char.IsAsciiLetter((char)key[0]))
        {
            return false;
        }

        foreach (byte character in key)
        {
            if (!char.IsAsciiLetterOrDigit((char)character) && ".-+@_#".IndexOf((char)character, StringComparison.Ordinal) < 0)
            {
                return false;
            }
        }

        return true;
    }
}
