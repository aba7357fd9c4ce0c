using System.Reflection;
using System.Runtime.Serialization;
using ActorSan.Replication.Core.Values;

namespace ActorSan.Cluster.Serialization;

/// <summary>A type that may be in a payload. Its number on the wire is its place in the list that it stands in.</summary>
/// <param name="MayBeDefault">A struct whose default value is a value too, so that its text may be null.</param>
public readonly record struct WireType(Type Type, bool MayBeDefault = false);

/// <summary>One field of a type, as it is written: <paramref name="Name"/> for people and for the order.</summary>
/// <param name="Type">As declared, without <see cref="Nullable{T}"/>.</param>
public sealed record WireField(string Name, Type Type, bool MayBeNull)
{
    public override string ToString() => $"{Name} {WireTypes.NameOf(Type)}{(MayBeNull ? "?" : "")}";
}

/// <summary>
/// The types that may be in a payload, by number, and the fields of each. Nothing else is ever written, looked up or made. A type has a form on the wire when its fields have one:
/// text, ids, <c>long</c>, <c>bool</c>, <c>byte</c>, enums of bytes, and types of this list; <see cref="ValueList{T}"/> of them; an abstract type stands for those of the list that
/// derive from it.
/// </summary>
public sealed class WireTypes
{
    private readonly Type[] _types;
    private readonly Dictionary<Type, int> _numbers = [];
    private readonly Dictionary<Type, WireField[]> _fields = [];
    private readonly HashSet<Type> _declared = [];

    /// <exception cref="ArgumentException">A type stands twice, or has no form on the wire: the sentence names it.</exception>
    public WireTypes(IReadOnlyList<WireType> types)
    {
        _types = [.. types.Select(type => type.Type)];
        for (int number = 0; number < _types.Length; number++)
        {
            Demand(_numbers.TryAdd(_types[number], number), $"{NameOf(_types[number])} stands twice in the list");
        }

        foreach (WireType type in types)
        {
            _fields[type.Type] = IsList(type.Type) || type.Type.IsEnum ? [] : [.. FieldsOf(type)];
            foreach (Type field in IsList(type.Type) ? [type.Type.GetGenericArguments()[0]] : _fields[type.Type].Select(field => field.Type))
            {
                bool abstracted = field.IsAbstract && _types.Any(field.IsAssignableFrom);
                Demand(IsPrimitive(field) || _numbers.ContainsKey(field) || abstracted, $"{NameOf(field)}, in {NameOf(type.Type)}, has no form on the wire");
                _ = abstracted && _declared.Add(field);
            }

            Demand(type.Type is { IsSealed: true } or { IsValueType: true }, $"{NameOf(type.Type)} is not sealed");
            Demand(!type.Type.IsEnum || Enum.GetUnderlyingType(type.Type) == typeof(byte), $"{NameOf(type.Type)} is not an enum of bytes");
        }
    }

    public IReadOnlyList<Type> Types => _types;

    /// <summary>For a person: as in the source, without namespaces.</summary>
    public static string NameOf(Type type)
        => type.IsGenericType ? $"{type.Name[..type.Name.IndexOf('`', StringComparison.Ordinal)]}<{string.Join(", ", type.GetGenericArguments().Select(NameOf))}>" : type.Name;

    internal static bool IsList(Type type) => type.IsGenericType && type.GetGenericTypeDefinition() == typeof(ValueList<>);

    internal static bool IsPrimitive(Type type) => type == typeof(string) || type == typeof(long) || type == typeof(bool) || type == typeof(byte) || type == typeof(Guid);

    internal bool Contains(Type type) => _numbers.ContainsKey(type);

    internal int NumberOf(Type type) => _numbers[type];

    /// <summary>Whether a field may be declared as this: it is in the list, the base of one that is, or one of them made nullable.</summary>
    internal bool IsDeclared(Type type) => Contains(type) || _declared.Contains(type) || (Nullable.GetUnderlyingType(type) is { } value && (Contains(value) || value == typeof(long)));

    /// <summary>In the order in which they are written.</summary>
    internal ReadOnlySpan<WireField> FieldsOf(Type type) => _fields[type];

    private static void Demand(bool holds, string otherwise)
    {
        if (!holds)
        {
            throw new ArgumentException($"{otherwise}.");
        }
    }

    // Hyperion writes the fields of a type and its bases sorted by their names, which for a property is that of the field behind it.
    private static IEnumerable<WireField> FieldsOf(WireType type)
    {
        var nulls = new NullabilityInfoContext();
        var fields = new SortedDictionary<string, WireField>(StringComparer.Ordinal);
        for (Type? at = type.Type; at is not null && at != typeof(object) && at != typeof(ValueType); at = at.BaseType)
        {
            foreach (FieldInfo field in at.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly))
            {
                PropertyInfo? property = field.Name[0] == '<' ? at.GetProperty(field.Name[1..field.Name.IndexOf('>', StringComparison.Ordinal)]) : null;
                Demand(property is not null, $"{NameOf(type.Type)} has the field {field.Name}, which is not that of a property");
                bool mayBeNull = type.MayBeDefault ? !field.FieldType.IsValueType : nulls.Create(property!).ReadState != NullabilityState.NotNull;
                Type? value = Nullable.GetUnderlyingType(field.FieldType);
                Demand(value is null || value == typeof(long) || !IsPrimitive(value), $"{NameOf(type.Type)}.{property!.Name} has no form on the wire");
                Demand(fields.TryAdd(field.Name, new WireField(property.Name, value ?? field.FieldType, mayBeNull)), $"{NameOf(type.Type)} has {property.Name} twice");
            }
        }

        return fields.Values;
    }

    /// <summary>What a refusal throws: Akka.Remote logs it and drops the one message.</summary>
    internal static SerializationException Refusal(string sentence) => new(sentence);
}
