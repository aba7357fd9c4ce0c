namespace ActorSan.Node.Settings;

/// <summary>iSCSI names (RFC 7143 §4.2.7): <c>iqn.</c>, <c>eui.</c> and <c>naa.</c>, in the normal form of RFC 3722.</summary>
public static class IscsiName
{
    /// <summary>RFC 7143 §4.2.7.2: bytes of UTF-8, without the terminating zero.</summary>
    public const int MaxLength = 223;

    /// <summary>What is wrong with a name that was brought to lower case; null if nothing is.</summary>
    public static string? Fault(string name)
    {
        if (name.Length is 0 or > MaxLength)
        {
            return $"an iSCSI name has 1 to {MaxLength} characters";
        }

        if (name.FirstOrDefault(c => !IsNameCharacter(c)) is var bad and not '\0')
        {
            return $"'{bad}' may not stand in an iSCSI name: letters, digits, '-', '.' and ':' may";
        }

        return name.Split('.')[0] switch
        {
            "iqn" => IqnFault(name),
            "eui" => IsHex(name.AsSpan(4), 16) ? null : "eui. is followed by 16 hexadecimal digits",
            "naa" => IsHex(name.AsSpan(4), 16) || IsHex(name.AsSpan(4), 32) ? null : "naa. is followed by 16 or 32 hexadecimal digits",
            _ => "an iSCSI name begins with iqn., eui. or naa.",
        };
    }

    /// <summary>The same for a pattern, in which <c>*</c> stands for any characters.</summary>
    public static string? PatternFault(string pattern)
    {
        if (!pattern.Contains('*', StringComparison.Ordinal))
        {
            return Fault(pattern);
        }

        return pattern.Length > MaxLength ? $"a pattern has 1 to {MaxLength} characters"
            : pattern.All(c => c == '*' || IsNameCharacter(c)) ? null : "a pattern holds letters, digits, '-', '.', ':' and '*'";
    }

    // iqn.yyyy-mm.naming-authority[:string]
    private static string? IqnFault(string name)
    {
        string[] parts = name.Split(':', 2);
        string[] labels = parts[0].Split('.');
        bool dated = labels.Length >= 3 && labels[1].Length == 7 && labels[1][4] == '-'
            && labels[1].Where((_, i) => i != 4).All(char.IsAsciiDigit) && int.Parse(labels[1].AsSpan(5), System.Globalization.CultureInfo.InvariantCulture) is >= 1 and <= 12;
        if (!dated || labels.Skip(2).Any(label => label.Length == 0))
        {
            return "an iqn name is iqn.yyyy-mm.reversed-domain[:anything], like iqn.2026-01.org.example:disks";
        }

        return parts.Length == 2 && parts[1].Length == 0 ? "after the ':' of an iqn name stands something, or the ':' doesn't" : null;
    }

    private static bool IsNameCharacter(char c) => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '-' or '.' or ':' || (c > '\u007F' && char.IsLetterOrDigit(c));

    private static bool IsHex(ReadOnlySpan<char> text, int length)
    {
        if (text.Length != length)
        {
            return false;
        }

        foreach (char c in text)
        {
            if (!char.IsAsciiHexDigit(c))
            {
                return false;
            }
        }

        return true;
    }
}
