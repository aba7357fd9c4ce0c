using System.Globalization;

namespace ActorSan.Iscsi.Login;

/// <summary>Values of RFC 7143 §6.1: numbers in decimal or 0x hexadecimal, Yes and No, lists with commas, binary values as 0x hexadecimal or 0b base64.</summary>
internal static class TextValues
{
    public const string Yes = "Yes";
    public const string No = "No";
    public const string None = "None";
    public const string Reject = "Reject";
    public const string NotUnderstood = "NotUnderstood";
    public const string Irrelevant = "Irrelevant";

    public static bool TryNumber(string value, out long number)
    {
        if (value.StartsWith("0x", StringComparison.OrdinalIgnoreCase))
        {
            return long.TryParse(value.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out number) && number >= 0 && value.Length <= 17;
        }

        return long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out number);
    }

    public static string Number(long number) => number.ToString(CultureInfo.InvariantCulture);

    public static bool TryBoolean(string value, out bool result)
    {
        result = value == Yes;
        return result || value == No;
    }

    public static string Boolean(bool value) => value ? Yes : No;

    /// <summary>A binary value of at most <paramref name="maxBytes"/>; null if it is not one. An odd number of hexadecimal digits has a zero before the first.</summary>
    public static byte[]? Binary(string value, int maxBytes)
    {
        try
        {
            if (value.StartsWith("0x", StringComparison.OrdinalIgnoreCase))
            {
                string digits = value[2..];
                if (digits.Length == 0 || digits.Length > maxBytes * 2)
                {
                    return null;
                }

                return Convert.FromHexString(digits.Length % 2 == 0 ? digits : "0" + digits);
            }

            if (value.StartsWith("0b", StringComparison.OrdinalIgnoreCase) && value.Length <= (((maxBytes + 2) / 3 * 4) + 2))
            {
                byte[] bytes = Convert.FromBase64String(value[2..]);
                return bytes.Length == 0 || bytes.Length > maxBytes ? null : bytes;
            }
        }
        catch (FormatException)
        {
            return null;
        }

        return null;
    }

    public static string Hexadecimal(ReadOnlySpan<byte> bytes) => "0x" + Convert.ToHexStringLower(bytes);
}
