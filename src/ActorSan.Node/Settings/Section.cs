using System.Globalization;
using System.Net;
using ActorSan.Node.Hocon;
using ActorSan.Storage;

namespace ActorSan.Node.Settings;

/// <summary>What one reading of a configuration found: the issues, and every key that was asked for (so that what the reader knows can be held against what reference.conf says).</summary>
public sealed class SettingsFindings
{
    private readonly List<SettingsIssue> _issues = [];
    private readonly List<SettingsIssue> _warnings = [];
    private readonly SortedSet<string> _asked = new(StringComparer.Ordinal);

    public IReadOnlyList<SettingsIssue> Issues => _issues;

    /// <summary>Keys of single values, by the path under which reference.conf documents them.</summary>
    public IReadOnlySet<string> Asked => _asked;

    public void Add(SettingsIssue issue)
    {
        if (!_issues.Contains(issue))
        {
            _issues.Add(issue);
        }
    }

    /// <summary>What is allowed and yet worth a word.</summary>
    public IReadOnlyList<SettingsIssue> Warnings => _warnings;

    public void Warn(SettingsIssue warning) => _warnings.Add(warning);

    internal void Ask(string schemaPath) => _asked.Add(schemaPath);
}

/// <summary>
/// One section while it is read. Values come from the section itself, else from what stands in for it (<c>actorsan.defaults</c>). Each read names a key; what is there and
/// was never named is an unknown key (<see cref="Close"/>). A wrong value becomes an issue and reads as something harmless, so that the reading goes on to the next.
/// </summary>
public sealed class Section
{
    private readonly IReadOnlyList<HoconTable> _layers;
    private readonly SettingsFindings _findings;
    private readonly SortedSet<string> _known = new(StringComparer.Ordinal);
    private readonly List<Section> _children = [];
    private readonly string _schemaPath;

    public Section(IReadOnlyList<HoconTable> layers, string path, string schemaPath, HoconOrigin origin, SettingsFindings findings, bool isTemplate)
    {
        _layers = layers;
        Path = path;
        _schemaPath = schemaPath;
        Origin = origin;
        _findings = findings;
        IsTemplate = isTemplate;
    }

    /// <summary>The full key.</summary>
    public string Path { get; }

    public HoconOrigin Origin { get; }

    /// <summary>Stands under <c>actorsan.defaults</c>: what an instance must have may be missing here.</summary>
    public bool IsTemplate { get; }

    /// <summary>The last key of <see cref="Path"/>, unquoted.</summary>
    public string Name { get; init; } = "";

    // Sections that lend values and are checked where they stand.
    private IReadOnlyList<HoconTable> Lenders { get; init; } = [];

    public void Report(SettingsFault fault, string key, string reason)
    {
        string path = key.Length == 0 ? Path : $"{Path}.{Quote(key)}";
        _findings.Add(new SettingsIssue(fault, path, OriginOf(key), reason));
    }

    public void Warn(string key, string reason) => _findings.Warn(new SettingsIssue(SettingsFault.Unsafe, $"{Path}.{Quote(key)}", OriginOf(key), reason));

    /// <summary>Where the key was written; if it was not, where its section was.</summary>
    public HoconOrigin OriginOf(string key) => Find(key) is { } node ? node.Origin : Origin;

    /// <summary>Where a dotted path under this section was written; if its end was not, where the nearest section was.</summary>
    public HoconOrigin Locate(string path)
    {
        HoconOrigin nearest = Origin;
        IReadOnlyList<HoconTable> tables = _layers;
        foreach (string key in HoconParser.SplitPath(path))
        {
            List<HoconNode> found = [.. tables.Select(table => table.Find(key)).OfType<HoconNode>()];
            if (found.Count == 0)
            {
                break;
            }

            nearest = found[0].Origin;
            tables = [.. found.OfType<HoconTable>()];
        }

        return nearest;
    }

    /// <summary>True if the key has a value that is neither null nor empty.</summary>
    public bool Has(string key) => Find(key) is { } node && node is not HoconScalar { Text: "" };

    public string Text(string key) => Scalar(key)?.Text ?? "";

    /// <summary>Text that an instance must have.</summary>
    public string Required(string key, string what)
    {
        string text = Text(key);
        if (text.Length == 0 && !IsTemplate)
        {
            Report(SettingsFault.Missing, key, $"{what} must be given");
        }

        return text;
    }

    public bool Flag(string key)
    {
        string text = Text(key).ToLowerInvariant();
        switch (text)
        {
            case "on" or "true" or "yes":
                return true;
            case "off" or "false" or "no":
                return false;
            default:
                Report(SettingsFault.IllTyped, key, $"'{text}' is neither on nor off");
                return false;
        }
    }

    public long Integer(string key, long least, long most)
    {
        string text = Text(key);
        if (!long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value))
        {
            Report(SettingsFault.IllTyped, key, $"'{text}' is no whole number");
            return least;
        }

        if (value < least || value > most)
        {
            Report(SettingsFault.OutOfRange, key, $"{value} is not between {least} and {most}");
            return least;
        }

        return value;
    }

    /// <summary>A decimal fraction.</summary>
    public double Fraction(string key, double least, double most)
    {
        string text = Text(key);
        if (!double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double value))
        {
            Report(SettingsFault.IllTyped, key, $"'{text}' is no number");
            return least;
        }

        if (value < least || value > most)
        {
            Report(SettingsFault.OutOfRange, key, string.Create(CultureInfo.InvariantCulture, $"{value} is not between {least} and {most}"));
            return least;
        }

        return value;
    }

    /// <summary>An address to listen on, with its port; null where the key is empty or wrong.</summary>
    public IPEndPoint? EndPoint(string key)
    {
        string text = Text(key);
        return text.Length == 0 ? null : ParseEndPoint(key, text);
    }

    /// <summary>As <see cref="EndPoint"/>, one or a list, none of them twice; empty: none is given.</summary>
    public IReadOnlyList<IPEndPoint> EndPoints(string key)
    {
        var endPoints = new List<IPEndPoint>();
        foreach ((string text, _) in Texts(key))
        {
            if (ParseEndPoint(key, text) is not { } endPoint)
            {
                continue;
            }

            if (endPoint.Port != 0 && endPoints.Contains(endPoint))
            {
                Report(SettingsFault.Conflict, key, $"{endPoint} is named twice");
            }

            endPoints.Add(endPoint);
        }

        return endPoints;
    }

    private IPEndPoint? ParseEndPoint(string key, string text)
    {
        int colon = text.LastIndexOf(':');
        bool hasPort = colon > 0 && (text[colon - 1] == ']' || text.IndexOf(':', StringComparison.Ordinal) == colon);
        if (hasPort && IPEndPoint.TryParse(text, out IPEndPoint? endPoint))
        {
            return endPoint;
        }

        Report(SettingsFault.IllTyped, key, $"'{text}' is no address with a port, like 192.0.2.7:7310 or [2001:db8::7]:7310");
        return null;
    }

    /// <summary>Bytes.</summary>
    public long Size(string key, long least, long most)
    {
        string text = Text(key);
        if (!Quantity.TryParseBytes(text, out long bytes))
        {
            Report(SettingsFault.IllTyped, key, $"'{text}' is no size; a size is a number with a unit, like 512 MiB or 1GiB");
            return least;
        }

        if (bytes < least || bytes > most)
        {
            Report(SettingsFault.OutOfRange, key, $"{Quantity.Format(bytes)} is not between {Quantity.Format(least)} and {Quantity.Format(most)}");
            return least;
        }

        return bytes;
    }

    /// <summary>Bytes, or null where the key is empty.</summary>
    public long? OptionalSize(string key, long least, long most)
    {
        Know(key);
        return Has(key) ? Size(key, least, most) : null;
    }

    public TimeSpan Duration(string key, TimeSpan least, TimeSpan most)
    {
        string text = Text(key);
        if (!Quantity.TryParseDuration(text, out TimeSpan duration))
        {
            Report(SettingsFault.IllTyped, key, $"'{text}' is no duration; a duration is a number with a unit: us, ms, s, minutes, hours");
            return least;
        }

        if (duration < least || duration > most)
        {
            Report(SettingsFault.OutOfRange, key, $"{text} is not between {least.TotalSeconds.ToString(CultureInfo.InvariantCulture)} s and {most.TotalSeconds.ToString(CultureInfo.InvariantCulture)} s");
            return least;
        }

        return duration;
    }

    /// <summary>One of a fixed set of words.</summary>
    public T Word<T>(string key, params ReadOnlySpan<(string Word, T Value)> words)
    {
        string text = Text(key);
        var all = new List<string>();
        foreach ((string word, T value) in words)
        {
            if (string.Equals(word, text, StringComparison.OrdinalIgnoreCase))
            {
                return value;
            }

            all.Add(word);
        }

        string? near = Suggestion.For(text, all);
        Report(SettingsFault.IllTyped, key, $"'{text}' is none of {string.Join(", ", all)}{(near is null ? "" : $"; did you mean '{near}'?")}");
        return words[0].Value;
    }

    /// <summary>A list of single values; a single value stands for a list of it.</summary>
    public IReadOnlyList<(string Text, HoconOrigin Origin)> Texts(string key)
    {
        Know(key);
        switch (Find(key))
        {
            case null or HoconScalar { Text: "" }:
                return [];
            case HoconScalar scalar:
                return [(scalar.Text, scalar.Origin)];
            case HoconArray array:
                var texts = new List<(string, HoconOrigin)>();
                foreach (HoconNode item in array.Items)
                {
                    if (item is HoconScalar scalar)
                    {
                        texts.Add((scalar.Text, scalar.Origin));
                    }
                    else
                    {
                        _findings.Add(new SettingsIssue(SettingsFault.IllTyped, $"{Path}.{key}", item.Origin, $"an item of this list must be a single value, not {item.KindName}"));
                    }
                }

                return texts;
            case var other:
                Report(SettingsFault.IllTyped, key, $"must be a list of values, not {other.KindName}");
                return [];
        }
    }

    /// <summary>A section inside this one; there even if nobody wrote it. <paramref name="isTemplate"/>: it lends its values to others, so what an instance must have may be missing.</summary>
    public Section Sub(string key, bool isTemplate = false)
    {
        _known.Add(key);
        List<HoconTable> layers = Inside(_layers, key);
        HoconOrigin origin = layers.Count > 0 ? layers[0].Origin : Origin;
        return Child(new Section(layers, $"{Path}.{Quote(key)}", $"{_schemaPath}.{key}", origin, _findings, IsTemplate || isTemplate) { Name = key, Lenders = Inside(Lenders, key) });
    }

    /// <summary>
    /// The sections that people name, in the order of their names; each falls back to <paramref name="template"/>. A single value stands for a section with it as
    /// <paramref name="shortKey"/>, where there is one.
    /// </summary>
    public IReadOnlyList<Section> Named(string key, Section template, string? shortKey = null)
    {
        _known.Add(key);
        var sections = new List<Section>();
        foreach (HoconTable table in Inside(_layers, key))
        {
            foreach (string name in table.Keys.Where(name => sections.TrueForAll(section => section.Name != name)).Order(StringComparer.Ordinal))
            {
                table.TryGet(name, out HoconNode? item);
                if (!IsNull(item!))
                {
                    sections.Add(Instance(Widen(item!, shortKey), $"{Path}.{Quote(key)}.{Quote(name)}", name, template));
                }
            }
        }

        return sections;
    }

    /// <summary>A list of sections; each falls back to <paramref name="template"/>. A single value in the list stands for a section with it as <paramref name="shortKey"/>.</summary>
    public IReadOnlyList<Section> Items(string key, Section template, string shortKey)
    {
        Know(key);
        if (Find(key) is not { } node || node is HoconScalar { Text: "" })
        {
            return [];
        }

        if (node is not HoconArray array)
        {
            Report(SettingsFault.IllTyped, key, $"must be a list [ … ], not {node.KindName}");
            return [];
        }

        var sections = new List<Section>();
        for (int i = 0; i < array.Items.Count; i++)
        {
            sections.Add(Instance(Widen(array.Items[i], shortKey), $"{Path}.{Quote(key)}[{i}]", i.ToString(CultureInfo.InvariantCulture), template));
        }

        return sections;
    }

    /// <summary>After the last read: reports what is there and was never asked for.</summary>
    public void Close()
    {
        foreach (HoconTable layer in _layers)
        {
            foreach (string key in layer.Keys.Where(key => !_known.Contains(key)))
            {
                layer.TryGet(key, out HoconNode? node);
                string? near = Suggestion.For(key, _known);
                string hint = near is not null ? $"; did you mean '{near}'?" : _known.Count == 0 ? "; nothing can be set here" : $"; known here: {string.Join(", ", _known)}";
                _findings.Add(new SettingsIssue(SettingsFault.UnknownKey, $"{Path}.{Quote(key)}", node!.Origin, $"unknown key{hint}"));
            }
        }

        foreach (Section child in _children)
        {
            child.Close();
        }
    }

    /// <summary>The key as it must be written in a path.</summary>
    public static string Quote(string key) => key.Length > 0 && key.All(c => char.IsLetterOrDigit(c) || c is '-' or '_') ? key : $"\"{key}\"";

    private List<HoconTable> Inside(IReadOnlyList<HoconTable> layers, string key)
    {
        var inside = new List<HoconTable>();
        foreach (HoconTable layer in layers)
        {
            if (!layer.TryGet(key, out HoconNode? node) || IsNull(node))
            {
                continue;
            }

            if (node is HoconTable table)
            {
                inside.Add(table);
            }
            else
            {
                Report(SettingsFault.IllTyped, key, $"must be a section {{ … }}, not {node.KindName}");
            }
        }

        return inside;
    }

    private void Know(string key)
    {
        _known.Add(key);
        _findings.Ask($"{_schemaPath}.{key}");
    }

    private HoconNode? Find(string key)
    {
        foreach (HoconTable layer in _layers.Concat(Lenders))
        {
            if (layer.TryGet(key, out HoconNode? node) && !IsNull(node))
            {
                return node;
            }
        }

        return null;
    }

    // A key without a value anywhere is one that reference.conf should have had.
    private HoconScalar? Scalar(string key)
    {
        Know(key);
        HoconNode? node = Find(key);
        Invariant.Check(node is not null, $"reference.conf has a value for {_schemaPath}.{key}");
        switch (node)
        {
            case null:
                return null;
            case HoconScalar scalar:
                return scalar;
            default:
                Report(SettingsFault.IllTyped, key, $"must be a single value, not {node.KindName}");
                return FirstScalar(key);
        }
    }

    // After a value of the wrong kind the default serves, so that one mistake is one issue.
    private HoconScalar? FirstScalar(string key) =>
        _layers.Concat(Lenders).Reverse().Select(layer => layer.TryGet(key, out HoconNode? node) ? node : null).OfType<HoconScalar>().FirstOrDefault();

    private static bool IsNull(HoconNode node) => node is HoconScalar { IsNull: true };

    private static HoconNode Widen(HoconNode item, string? shortKey)
    {
        if (item is not HoconScalar scalar || shortKey is null)
        {
            return item;
        }

        var table = new HoconTable(scalar.Origin);
        table.Put(shortKey, scalar);
        return table;
    }

    private Section Child(Section child)
    {
        _children.Add(child);
        return child;
    }

    private Section Instance(HoconNode item, string path, string name, Section template)
    {
        if (item is HoconTable table)
        {
            // The template's own keys are checked where the template stands; here they only lend values.
            var section = new Section([table], path, template._schemaPath, table.Origin, _findings, isTemplate: false) { Name = name, Lenders = template._layers };
            return Child(section);
        }

        _findings.Add(new SettingsIssue(SettingsFault.IllTyped, path, item.Origin, $"must be a section {{ … }}, not {item.KindName}"));
        return new Section([], path, template._schemaPath, item.Origin, new SettingsFindings(), isTemplate: true) { Name = name, Lenders = template._layers };
    }
}
