namespace ActorSan.Node.Hocon;

/// <summary>
/// Replaces substitutions, concatenations and layers by their values. A substitution sees the final tree, itself excepted: where it names the value that it stands in
/// it sees what was written before. What the tree lacks is sought in the environment.
/// </summary>
internal sealed class HoconResolver
{
    private readonly HoconTable _root;
    private readonly HashSet<HoconNode> _underWay = [];
    private readonly Dictionary<HoconNode, HoconNode?> _done = [];

    private HoconResolver(HoconTable root) => _root = root;

    public static HoconTable Resolve(HoconTable root)
    {
        var resolver = new HoconResolver(root);
        return (HoconTable)resolver.Value(root, [], null)!;
    }

    /// <summary>Joins at once what needs no resolution; else returns the concatenation as it is.</summary>
    public static HoconNode JoinKnown(HoconJoin join) => join.Pieces.All(piece => piece is HoconScalar) ? Join(join.Origin, join.Pieces) : join;

    // Null: an optional substitution without a value: the field does not exist. `earlier` is what a self reference means.
    private HoconNode? Value(HoconNode node, IReadOnlyList<string> path, HoconNode? earlier)
    {
        switch (node)
        {
            case HoconTable table:
                return Table(table, path);
            case HoconArray array:
                return new HoconArray(array.Origin, [.. array.Items.Select(item => Value(item, path, earlier)).OfType<HoconNode>()]);
            case HoconReference reference:
                return Reference(reference, path, earlier);
            case HoconJoin join:
                return Join(join.Origin, [.. join.Pieces.Select(piece => Value(piece, path, earlier)).OfType<HoconNode>()]);
            case HoconLayer layer:
                return Layer(layer, path, earlier);
            default:
                return node;
        }
    }

    private HoconTable Table(HoconTable table, IReadOnlyList<string> path)
    {
        var resolved = new HoconTable(table.Origin);
        foreach (string key in table.Keys)
        {
            table.TryGet(key, out HoconNode? value);
            if (Field(value!, [.. path, key]) is { } known)
            {
                resolved.Put(key, known);
            }
        }

        return resolved;
    }

    private HoconNode? Field(HoconNode value, IReadOnlyList<string> path)
    {
        if (value is HoconScalar or HoconTable)
        {
            return Value(value, path, null);
        }

        if (_done.TryGetValue(value, out HoconNode? known))
        {
            return known;
        }

        if (!_underWay.Add(value))
        {
            throw new HoconException(value.Origin, $"the substitutions of '{string.Join('.', path)}' run in a circle");
        }

        HoconNode? resolved = Value(value, path, null);
        _underWay.Remove(value);
        _done[value] = resolved;
        return resolved;
    }

    private HoconNode? Layer(HoconLayer layer, IReadOnlyList<string> path, HoconNode? earlier)
    {
        HoconNode? before = Value(layer.Earlier, path, earlier);
        HoconNode? after = Value(layer.Later, path, before);
        if (before is HoconTable below && after is HoconTable above)
        {
            var merged = new HoconTable(above.Origin);
            HoconParser.Merge(merged, below);
            HoconParser.Merge(merged, above);
            return Value(merged, path, null);
        }

        return after ?? before;
    }

    private HoconNode? Reference(HoconReference reference, IReadOnlyList<string> path, HoconNode? earlier)
    {
        if (reference.Path.SequenceEqual(path, StringComparer.Ordinal))
        {
            return earlier ?? Missing(reference, "refers to itself and has no earlier value");
        }

        HoconNode? found = null;
        if (reference.Scope.Count > 0)
        {
            found = LookUp([.. reference.Scope, .. reference.Path], path, reference);
        }

        found ??= LookUp(reference.Path, path, reference);
        if (found is null && Environment.GetEnvironmentVariable(string.Join('.', reference.Path)) is { } variable)
        {
            found = new HoconScalar(reference.Origin, variable, quoted: true);
        }

        return found ?? Missing(reference, "has no value, neither in the configuration nor in the environment");
    }

    private static HoconNode? Missing(HoconReference reference, string reason) =>
        reference.Optional ? null : throw new HoconException(reference.Origin, $"the substitution ${{{string.Join('.', reference.Path)}}} {reason}");

    private HoconNode? LookUp(IReadOnlyList<string> wanted, IReadOnlyList<string> from, HoconReference reference)
    {
        // A reference to something that holds it cannot end.
        if (wanted.Count < from.Count && wanted.SequenceEqual(from.Take(wanted.Count), StringComparer.Ordinal))
        {
            throw new HoconException(reference.Origin, $"the substitution ${{{string.Join('.', wanted)}}} stands inside what it names");
        }

        HoconNode node = _root;
        for (int i = 0; i < wanted.Count; i++)
        {
            if (node is not HoconTable table || !table.TryGet(wanted[i], out HoconNode? next))
            {
                return null;
            }

            node = next;
            if (node is HoconLayer or HoconReference or HoconJoin)
            {
                if (Field(node, [.. wanted.Take(i + 1)]) is not { } resolved)
                {
                    return null;
                }

                node = resolved;
            }
        }

        return Field(node, wanted);
    }

    private static HoconNode? JoinOrNothing(IReadOnlyList<HoconNode> pieces) => pieces.Count == 0 ? null : pieces[0];

    // HOCON "Value concatenation": strings join with the blanks between them; lists with lists, objects with objects, blanks there meaning nothing.
    private static HoconNode Join(HoconOrigin origin, IReadOnlyList<HoconNode> pieces)
    {
        List<HoconNode> solid = [.. pieces.Where(piece => piece is not HoconScalar { Quoted: false } blank || !string.IsNullOrWhiteSpace(blank.Text))];
        if (solid.Count <= 1 && JoinOrNothing(solid) is var only)
        {
            return only ?? new HoconScalar(origin, "", quoted: true);
        }

        if (solid.All(piece => piece is HoconScalar))
        {
            string text = string.Concat(pieces.Cast<HoconScalar>().Select(piece => piece.Text));
            return new HoconScalar(origin, text, quoted: true);
        }

        if (solid.All(piece => piece is HoconArray))
        {
            return new HoconArray(origin, [.. solid.Cast<HoconArray>().SelectMany(array => array.Items)]);
        }

        if (solid.All(piece => piece is HoconTable))
        {
            var merged = new HoconTable(origin);
            foreach (HoconNode table in solid)
            {
                HoconParser.Merge(merged, (HoconTable)table);
            }

            return merged;
        }

        throw new HoconException(origin, $"{solid[0].KindName} and {solid.First(piece => piece.GetType() != solid[0].GetType()).KindName} cannot stand side by side"
            + " (a key or a value with ':' in it wants quotes)");
    }
}
