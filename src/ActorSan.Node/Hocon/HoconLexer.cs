using System.Globalization;
using System.Text;

namespace ActorSan.Node.Hocon;

/// <summary>Characters of one file with the current line; the parser asks for pieces.</summary>
internal sealed class HoconLexer(string file, string text)
{
    // What ends unquoted text wherever it stands. A value may hold more than a key may: see IsUnquoted.
    private const string Structural = "$\"{}[],#\n\\`^?!@&=";
    private int _at;

    public string File { get; } = file;

    public int Line { get; private set; } = 1;

    public HoconOrigin Here => new(File, Line);

    public bool AtEnd => _at >= text.Length;

    public char Current => AtEnd ? '\0' : text[_at];

    public char Following => _at + 1 < text.Length ? text[_at + 1] : '\0';

    public HoconException Error(string reason) => new(Here, reason);

    public bool StartsWith(string expected) => string.CompareOrdinal(text, _at, expected, 0, expected.Length) == 0;

    /// <summary>What stands after <paramref name="skip"/> characters and the blanks that follow them, at most 16 characters of the same line.</summary>
    public string Peek(int skip)
    {
        int start = Math.Min(_at + skip, text.Length);
        while (start < text.Length && (text[start] is ' ' or '\t'))
        {
            start++;
        }

        return text[start..Math.Min(start + 16, text.Length)];
    }

    public void Advance(int count = 1)
    {
        for (; count > 0 && !AtEnd; count--)
        {
            if (text[_at++] == '\n')
            {
                Line++;
            }
        }
    }

    /// <summary>Spaces within a line; returns what was passed.</summary>
    public string SkipBlanks()
    {
        int start = _at;
        while (!AtEnd && Current != '\n' && (char.IsWhiteSpace(Current) || Current == '\uFEFF'))
        {
            _at++;
        }

        return text[start.._at];
    }

    public bool AtComment => Current == '#' || (Current == '/' && Following == '/');

    /// <summary>Passes spaces, newlines and comments; true if a newline was among them.</summary>
    public bool SkipToToken()
    {
        bool newline = false;
        while (true)
        {
            SkipBlanks();
            if (AtComment)
            {
                while (!AtEnd && Current != '\n')
                {
                    _at++;
                }
            }

            if (Current != '\n' || AtEnd)
            {
                return newline;
            }

            newline = true;
            Advance();
        }
    }

    /// <summary>Unquoted text up to a blank or a structural character; in a key also ':' and '.' and '+=' end it.</summary>
    public string ReadUnquoted(bool key)
    {
        int start = _at;
        while (!AtEnd && IsUnquoted(key))
        {
            _at++;
        }

        return text[start.._at];
    }

    public bool AtUnquoted(bool key) => !AtEnd && IsUnquoted(key);

    /// <summary>A string with JSON's escapes, or raw text between triple quotes. Stands on the first quote.</summary>
    public string ReadQuoted()
    {
        if (StartsWith("\"\"\""))
        {
            return ReadRaw();
        }

        HoconOrigin start = Here;
        Advance();
        var result = new StringBuilder();
        while (true)
        {
            if (AtEnd || Current == '\n')
            {
                throw new HoconException(start, "a string that begins here has no closing quote in its line");
            }

            char c = Current;
            Advance();
            switch (c)
            {
                case '"':
                    return result.ToString();
                case '\\':
                    result.Append(ReadEscape());
                    break;
                default:
                    result.Append(c);
                    break;
            }
        }
    }

    private string ReadRaw()
    {
        HoconOrigin origin = Here;
        Advance(3);
        int start = _at;
        int end = text.IndexOf("\"\"\"", start, StringComparison.Ordinal);
        if (end < 0)
        {
            throw new HoconException(origin, "a string that begins here with \"\"\" does not end");
        }

        // Quotes beyond three at the end belong to the text.
        while (end + 3 < text.Length && text[end + 3] == '"')
        {
            end++;
        }

        string raw = text[start..end];
        Advance(end + 3 - start);
        return raw;
    }

    private char ReadEscape()
    {
        char c = Current;
        Advance();
        switch (c)
        {
            case '"' or '\\' or '/':
                return c;
            case 'n':
                return '\n';
            case 't':
                return '\t';
            case 'r':
                return '\r';
            case 'b':
                return '\b';
            case 'f':
                return '\f';
            case 'u' when _at + 4 <= text.Length
                && ushort.TryParse(text.AsSpan(_at, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ushort code):
                Advance(4);
                return (char)code;
            default:
                throw Error($"'\\{c}' is no escape: \\\" \\\\ \\/ \\n \\t \\r \\b \\f \\uXXXX are");
        }
    }

    private bool IsUnquoted(bool key)
    {
        char c = text[_at];
        if (Structural.Contains(c, StringComparison.Ordinal) || char.IsWhiteSpace(c) || (c == '/' && Following == '/'))
        {
            return false;
        }

        return !key || !(c is ':' or '.' or '*' || (c == '+' && Following == '='));
    }
}
