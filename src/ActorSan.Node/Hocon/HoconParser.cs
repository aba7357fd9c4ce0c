namespace ActorSan.Node.Hocon;

/// <summary>
/// Reads HOCON into a tree in which every value knows its file and line: comments, dotted and quoted keys, objects that merge, lists, <c>+=</c>, concatenation,
/// substitutions and includes of files. Written here because Akka's parser keeps no lines, reads <c>a += 1</c> as a key named "a +", and overflows the
/// stack on a self reference; what a user mistypes must become a message with a place, never that. <c>include url(…)</c> and <c>classpath(…)</c> are refused.
/// </summary>
public sealed class HoconParser
{
    private const int MaxDepth = 64;
    private readonly HoconLexer _lexer;
    private readonly IReadOnlyList<string> _scope;
    private readonly IReadOnlyList<string> _includedFrom;
    private readonly List<string> _path;
    private int _depth;

    private HoconParser(HoconLexer lexer, IReadOnlyList<string> scope, IReadOnlyList<string> includedFrom)
    {
        _lexer = lexer;
        _scope = scope;
        _path = [.. scope];
        _includedFrom = includedFrom;
    }

    /// <summary>Reads a file with what it includes, substitutions resolved.</summary>
    /// <exception cref="HoconException">The text is not HOCON, or a substitution has no value.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static HoconTable ParseFile(string path)
    {
        HoconTable table = Parse(path, File.ReadAllText(path), [], [Path.GetFullPath(path)]);
        return HoconResolver.Resolve(table);
    }

    /// <summary>Reads a text; <paramref name="name"/> stands for its file in messages, and includes are sought beside it.</summary>
    public static HoconTable ParseText(string name, string text) => HoconResolver.Resolve(Parse(name, text, [], []));

    /// <summary>The keys of a path as it stands in a configuration: <c>a."b.c".d</c>.</summary>
    public static IReadOnlyList<string> SplitPath(string path) => new HoconParser(new HoconLexer("path", path), [], []).ParseKey(closing: "the end");

    private static HoconTable Parse(string file, string text, IReadOnlyList<string> scope, IReadOnlyList<string> includedFrom)
    {
        var parser = new HoconParser(new HoconLexer(file, text), scope, includedFrom);
        return parser.ParseRoot();
    }

    private HoconTable ParseRoot()
    {
        _lexer.SkipToToken();
        var root = new HoconTable(_lexer.Here);
        bool braced = _lexer.Current == '{' && !_lexer.AtEnd;
        if (braced)
        {
            _lexer.Advance();
        }

        ParseFields(root, braced);
        _lexer.SkipToToken();
        if (!_lexer.AtEnd)
        {
            throw _lexer.Error($"'{_lexer.Current}' stands after the end of the document");
        }

        return root;
    }

    private void ParseFields(HoconTable table, bool braced)
    {
        HoconOrigin opened = _lexer.Here;
        while (true)
        {
            _lexer.SkipToToken();
            if (_lexer.AtEnd)
            {
                if (braced)
                {
                    throw new HoconException(opened, "a '{' that opens here has no '}'");
                }

                return;
            }

            if (_lexer.Current == '}')
            {
                if (!braced)
                {
                    throw _lexer.Error("a '}' closes nothing");
                }

                _lexer.Advance();
                return;
            }

            if (!TryParseInclude(table))
            {
                ParseField(table);
            }

            EndElement('}');
        }
    }

    // After a field or an item stands a newline, a comma, or what closes the object or list.
    private void EndElement(char closing)
    {
        bool newline = _lexer.SkipToToken();
        if (_lexer.Current == ',' && !_lexer.AtEnd)
        {
            _lexer.Advance();
        }
        else if (!newline && !_lexer.AtEnd && _lexer.Current != closing)
        {
            throw _lexer.Error($"'{_lexer.Current}' was not expected here: a newline, a comma or '{closing}' is");
        }
    }

    private void ParseField(HoconTable table)
    {
        HoconOrigin origin = _lexer.Here;
        List<string> key = ParseKey(closing: "'=', ':', '+=' or '{'");
        _lexer.SkipBlanks();
        bool append = false;
        if (_lexer.StartsWith("+="))
        {
            append = true;
            _lexer.Advance(2);
        }
        else if (_lexer.Current is '=' or ':' && !_lexer.AtEnd)
        {
            _lexer.Advance();
        }
        else if (_lexer.Current != '{' || _lexer.AtEnd)
        {
            throw new HoconException(origin, $"after the key '{string.Join('.', key)}' stands neither '=' nor ':' nor '+=' nor '{{'");
        }

        int mark = _path.Count;
        _path.AddRange(key);
        HoconNode value = ParseValue(origin);
        if (append)
        {
            value = new HoconJoin(origin, [new HoconReference(origin, [.. _path], [], optional: true), new HoconArray(origin, [value])]);
        }

        _path.RemoveRange(mark, _path.Count - mark);
        Assign(table, key, value, origin);
    }

    private static void Assign(HoconTable table, List<string> key, HoconNode value, HoconOrigin origin)
    {
        for (int i = 0; i < key.Count - 1; i++)
        {
            table = Descend(table, key[i], origin);
        }

        string last = key[^1];
        if (!table.TryGet(last, out HoconNode? earlier))
        {
            table.Put(last, value);
        }
        else if (earlier is HoconTable into && value is HoconTable from)
        {
            Merge(into, from);
        }
        else
        {
            table.Put(last, value is HoconScalar or HoconArray && !HoldsReference(value) ? value : new HoconLayer(earlier, value));
        }
    }

    // A step of a dotted key: the object that stands there, or a new one layered over what else stands there.
    private static HoconTable Descend(HoconTable table, string key, HoconOrigin origin)
    {
        if (table.TryGet(key, out HoconNode? existing))
        {
            if (existing is HoconTable found)
            {
                return found;
            }

            if (existing is HoconLayer { Later: HoconTable layered })
            {
                return layered;
            }
        }

        var made = new HoconTable(origin);
        table.Put(key, existing is null ? made : new HoconLayer(existing, made));
        return made;
    }

    internal static void Merge(HoconTable into, HoconTable from)
    {
        foreach (string key in from.Keys)
        {
            from.TryGet(key, out HoconNode? value);
            Assign(into, [key], value!, value!.Origin);
        }
    }

    private static bool HoldsReference(HoconNode node) => node switch
    {
        HoconReference or HoconJoin or HoconLayer => true,
        HoconArray array => array.Items.Any(HoldsReference),
        _ => false,
    };

    private List<string> ParseKey(string closing)
    {
        var path = new List<string>();
        while (true)
        {
            _lexer.SkipBlanks();
            string part = ParseKeyPart(closing);
            path.Add(part);
            if (_lexer.Current != '.' || _lexer.AtEnd)
            {
                return path;
            }

            _lexer.Advance();
        }
    }

    // Unquoted words with the blanks between them, and quoted strings, make one part.
    private string ParseKeyPart(string closing)
    {
        string part = "";
        bool any = false;
        while (true)
        {
            string blanks = _lexer.SkipBlanks();
            if (_lexer.AtEnd || !(_lexer.Current == '"' || _lexer.AtUnquoted(key: true)))
            {
                return any ? part : throw _lexer.Error(_lexer.AtEnd
                    ? "the text ends where a key should stand"
                    : $"'{_lexer.Current}' stands where a key should; a key with other than letters, digits, '-' and '_' wants quotes, and {closing} after it");
            }

            part += any ? blanks : "";
            part += _lexer.Current == '"' ? _lexer.ReadQuoted() : _lexer.ReadUnquoted(key: true);
            any = true;
        }
    }

    private HoconNode ParseValue(HoconOrigin keyOrigin)
    {
        if (++_depth > MaxDepth)
        {
            throw _lexer.Error($"nested deeper than {MaxDepth}");
        }

        _lexer.SkipToToken();
        var pieces = new List<HoconNode>();
        while (true)
        {
            HoconOrigin origin = _lexer.Here;
            string blanks = _lexer.SkipBlanks();
            if (_lexer.AtEnd || _lexer.AtComment || _lexer.Current is '\n' or ',' or '}' or ']')
            {
                break;
            }

            if (blanks.Length > 0 && pieces.Count > 0)
            {
                pieces.Add(new HoconScalar(origin, blanks, quoted: false));
            }

            pieces.Add(ParsePiece());
        }

        _depth--;
        return pieces.Count switch
        {
            0 => throw new HoconException(keyOrigin, $"'{string.Join('.', _path)}' has no value"),
            1 => pieces[0],
            _ => HoconResolver.JoinKnown(new HoconJoin(pieces[0].Origin, pieces)),
        };
    }

    private HoconNode ParsePiece()
    {
        HoconOrigin origin = _lexer.Here;
        switch (_lexer.Current)
        {
            case '"':
                return new HoconScalar(origin, _lexer.ReadQuoted(), quoted: true);
            case '{':
                _lexer.Advance();
                var table = new HoconTable(origin);
                ParseFields(table, braced: true);
                return table;
            case '[':
                _lexer.Advance();
                return ParseArray(origin);
            case '$' when _lexer.Following == '{':
                return ParseReference(origin);
            default:
                return _lexer.AtUnquoted(key: false)
                    ? new HoconScalar(origin, _lexer.ReadUnquoted(key: false), quoted: false)
                    : throw _lexer.Error($"'{_lexer.Current}' must be quoted in a value");
        }
    }

    private HoconArray ParseArray(HoconOrigin origin)
    {
        var items = new List<HoconNode>();
        while (true)
        {
            _lexer.SkipToToken();
            if (_lexer.AtEnd)
            {
                throw new HoconException(origin, "a '[' that opens here has no ']'");
            }

            if (_lexer.Current == ']')
            {
                _lexer.Advance();
                return new HoconArray(origin, items);
            }

            _path.Add($"[{items.Count}]");
            items.Add(ParseValue(_lexer.Here));
            _path.RemoveAt(_path.Count - 1);
            EndElement(']');
        }
    }

    private HoconReference ParseReference(HoconOrigin origin)
    {
        _lexer.Advance(2);
        bool optional = _lexer.Current == '?';
        if (optional)
        {
            _lexer.Advance();
        }

        List<string> path = ParseKey(closing: "'}'");
        _lexer.SkipBlanks();
        if (_lexer.Current != '}')
        {
            throw new HoconException(origin, "a substitution '${' that begins here has no '}'");
        }

        _lexer.Advance();
        return new HoconReference(origin, path, _scope, optional);
    }

    private bool TryParseInclude(HoconTable table)
    {
        const string Word = "include";
        if (!_lexer.StartsWith(Word))
        {
            return false;
        }

        // `include` is a key like any other when an assignment follows.
        var ahead = _lexer.Peek(Word.Length);
        if (!(ahead.StartsWith('"') || ahead.StartsWith("file(", StringComparison.Ordinal) || ahead.StartsWith("required(", StringComparison.Ordinal)
            || ahead.StartsWith("url(", StringComparison.Ordinal) || ahead.StartsWith("classpath(", StringComparison.Ordinal)))
        {
            return false;
        }

        HoconOrigin origin = _lexer.Here;
        _lexer.Advance(Word.Length);
        _lexer.SkipBlanks();
        bool required = TakeOpening("required(");
        bool file = TakeOpening("file(");
        if (_lexer.Current != '"')
        {
            throw new HoconException(origin, "an include names a file: include \"other.conf\", or required(\"other.conf\"); url and classpath are not supported");
        }

        string name = _lexer.ReadQuoted();
        for (int closings = (required ? 1 : 0) + (file ? 1 : 0); closings > 0; closings--)
        {
            _lexer.SkipBlanks();
            if (_lexer.Current != ')')
            {
                throw new HoconException(origin, "an include that begins here has no ')'");
            }

            _lexer.Advance();
        }

        Include(table, name, required, origin);
        return true;
    }

    private bool TakeOpening(string opening)
    {
        if (!_lexer.StartsWith(opening))
        {
            return false;
        }

        _lexer.Advance(opening.Length);
        _lexer.SkipBlanks();
        return true;
    }

    private void Include(HoconTable table, string name, bool required, HoconOrigin origin)
    {
        string path = Path.Combine(Path.GetDirectoryName(_lexer.File) ?? "", name);
        string full = Path.GetFullPath(path);
        if (_includedFrom.Contains(full, StringComparer.Ordinal))
        {
            throw new HoconException(origin, $"'{name}' includes itself");
        }

        string text;
        try
        {
            text = File.ReadAllText(path);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // HOCON: a missing file is silently nothing. Only a file that truly isn't there is that.
            if (!required && failure is FileNotFoundException or DirectoryNotFoundException)
            {
                return;
            }

            throw new HoconException(origin, $"the included file '{path}' cannot be read: {failure.Message}");
        }

        Merge(table, Parse(path, text, [.. _path], [.. _includedFrom, full]));
    }
}
