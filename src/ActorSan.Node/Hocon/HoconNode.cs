using System.Diagnostics.CodeAnalysis;

namespace ActorSan.Node.Hocon;

/// <summary>Where something was written: the file as the user named it, and the line, from 1.</summary>
public readonly record struct HoconOrigin(string File, int Line)
{
    public override string ToString() => $"{File}:{Line}";
}

/// <summary>A configuration text that cannot be read, with the place.</summary>
public sealed class HoconException(HoconOrigin origin, string reason) : Exception($"{origin}: {reason}")
{
    public HoconOrigin Origin { get; } = origin;

    public string Reason { get; } = reason;
}

/// <summary>
/// A value of a HOCON document (https://github.com/lightbend/config/blob/main/HOCON.md) that remembers where it was written. After <see cref="HoconResolver"/> a
/// tree holds <see cref="HoconScalar"/>, <see cref="HoconArray"/> and <see cref="HoconTable"/> only.
/// </summary>
public abstract class HoconNode(HoconOrigin origin)
{
    public HoconOrigin Origin { get; } = origin;

    /// <summary>What it is, in a word for messages.</summary>
    public abstract string KindName { get; }
}

/// <summary>Text: HOCON's strings, numbers and booleans alike; who reads it decides what it means.</summary>
public sealed class HoconScalar(HoconOrigin origin, string text, bool quoted) : HoconNode(origin)
{
    public string Text { get; } = text;

    public bool Quoted { get; } = quoted;

    public bool IsNull => !Quoted && Text == "null";

    public override string KindName => "a value";
}

public sealed class HoconArray(HoconOrigin origin, IReadOnlyList<HoconNode> items) : HoconNode(origin)
{
    public IReadOnlyList<HoconNode> Items { get; } = items;

    public override string KindName => "a list";
}

/// <summary>An object. Keys keep the order in which they first appeared.</summary>
public sealed class HoconTable(HoconOrigin origin) : HoconNode(origin)
{
    private readonly Dictionary<string, HoconNode> _fields = new(StringComparer.Ordinal);
    private readonly List<string> _order = [];

    public IReadOnlyList<string> Keys => _order;

    public override string KindName => "a section";

    public bool TryGet(string key, [NotNullWhen(true)] out HoconNode? node) => _fields.TryGetValue(key, out node);

    /// <summary>Finds by a path of keys; null when a step is missing or is no object.</summary>
    public HoconNode? Find(params ReadOnlySpan<string> path)
    {
        HoconNode node = this;
        foreach (string key in path)
        {
            if (node is not HoconTable table || !table.TryGet(key, out HoconNode? next))
            {
                return null;
            }

            node = next;
        }

        return node;
    }

    internal void Put(string key, HoconNode node)
    {
        if (!_fields.ContainsKey(key))
        {
            _order.Add(key);
        }

        _fields[key] = node;
    }

    internal void Remove(string key)
    {
        if (_fields.Remove(key))
        {
            _order.Remove(key);
        }
    }
}

/// <summary><c>${path}</c> or <c>${?path}</c>, before it is resolved.</summary>
internal sealed class HoconReference(HoconOrigin origin, IReadOnlyList<string> path, IReadOnlyList<string> scope, bool optional) : HoconNode(origin)
{
    public IReadOnlyList<string> Path { get; } = path;

    /// <summary>Where the file that says it is included: tried first, in front of the path.</summary>
    public IReadOnlyList<string> Scope { get; } = scope;

    public bool Optional { get; } = optional;

    public override string KindName => "a substitution";
}

/// <summary>Pieces that stand side by side and become one value.</summary>
internal sealed class HoconJoin(HoconOrigin origin, IReadOnlyList<HoconNode> pieces) : HoconNode(origin)
{
    public IReadOnlyList<HoconNode> Pieces { get; } = pieces;

    public override string KindName => "a concatenation";
}

/// <summary>A value that was written over, or merged with, an earlier one which may matter to it: the earlier is needed for objects and self references.</summary>
internal sealed class HoconLayer(HoconNode earlier, HoconNode later) : HoconNode(later.Origin)
{
    public HoconNode Earlier { get; } = earlier;

    public HoconNode Later { get; } = later;

    public override string KindName => Later.KindName;
}
