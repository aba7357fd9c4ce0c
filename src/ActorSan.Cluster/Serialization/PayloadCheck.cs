using System.Buffers.Binary;
using System.Text.Unicode;

namespace ActorSan.Cluster.Serialization;

/// <summary>
/// Goes over a payload before Hyperion sees it, and makes nothing: every type is one of the list and fits where it stands, every length is covered by bytes that are there, null stands
/// only where it may, enums have values that are defined, and nothing is left over. Hyperion alone would load types by name, and trust lengths.
/// </summary>
/// <remarks>
/// Hyperion's form, little endian. Primitive field: <c>long</c> (8), <c>bool</c> and <c>byte</c> (1), id (16, as <see cref="Guid.ToByteArray()"/>), text: 0 for null, else length + 1
/// (1), or, from 254 bytes on, 255 and the length (4); UTF-8. <c>long?</c>: 0 for null, else 2 and the value. Any other field: 0 for null, else 254, the number of the type (2), and its fields one after
/// another. A list, ours: number of entries (4), and the entries without type.
/// </remarks>
internal ref struct PayloadCheck
{
    private const byte Null = 0;
    private const byte NumberManifest = 2;
    private const byte KnownManifest = 254;
    private const byte LongText = 255;
    private const int MaxDepth = 16;

    private readonly WireTypes _types;
    private ReadOnlySpan<byte> _left;

    private PayloadCheck(WireTypes types, ReadOnlySpan<byte> payload)
    {
        _types = types;
        _left = payload;
    }

    /// <exception cref="System.Runtime.Serialization.SerializationException">It is not one, whole and alone: the sentence says what is wrong.</exception>
    public static void Run(WireTypes types, Type expected, ReadOnlySpan<byte> payload)
    {
        var check = new PayloadCheck(types, payload);
        check.Object("the payload", expected, mayBeNull: false, depth: 0);
        if (check._left.Length > 0)
        {
            throw WireTypes.Refusal($"A payload of {WireTypes.NameOf(expected)} has {check._left.Length} bytes too many.");
        }
    }

    private void Field(in WireField field, int depth)
    {
        if (!WireTypes.IsPrimitive(field.Type))
        {
            Object(field.Name, field.Type, field.MayBeNull, depth);
        }
        else if (field.Type == typeof(string) || !field.MayBeNull)
        {
            Primitive(field.Name, field.Type, field.MayBeNull);
        }
        else if (Take(1, field.Name)[0] is var manifest and not Null)
        {
            Demand(manifest == NumberManifest, field.Name, $"is of an unknown kind ({manifest})");
            _ = Take(sizeof(long), field.Name);
        }
    }

    private void Object(string name, Type declared, bool mayBeNull, int depth)
    {
        Demand(depth < MaxDepth, name, "lies too deep");
        byte manifest = Take(1, name)[0];
        if (manifest == Null)
        {
            Demand(mayBeNull, name, "is missing");
            return;
        }

        Demand(manifest == KnownManifest, name, $"is of a type that is not allowed (kind {manifest})");
        int number = BinaryPrimitives.ReadUInt16LittleEndian(Take(sizeof(ushort), name));
        Demand(number < _types.Types.Count, name, $"is of a type that is not allowed (number {number})");
        Type type = _types.Types[number];
        Demand(declared.IsAssignableFrom(type), name, $"is a {WireTypes.NameOf(type)}, which is not allowed here");
        Body(name, type, depth);
    }

    private void Body(string name, Type type, int depth)
    {
        if (type.IsEnum)
        {
            byte value = Take(1, name)[0];
            Demand(Enum.IsDefined(type, value), name, $"has an unknown value ({value})");
        }
        else if (WireTypes.IsList(type))
        {
            Entries(name, type.GetGenericArguments()[0], depth);
        }
        else
        {
            foreach (WireField field in _types.FieldsOf(type))
            {
                Field(field, depth + 1);
            }
        }
    }

    private void Entries(string name, Type entry, int depth)
    {
        int count = BinaryPrimitives.ReadInt32LittleEndian(Take(sizeof(int), name));
        Demand(count >= 0 && count <= _left.Length, name, $"cannot have {count} entries");
        for (int i = 0; i < count; i++)
        {
            if (WireTypes.IsPrimitive(entry))
            {
                Primitive(name, entry, mayBeNull: false);
            }
            else
            {
                Body(name, entry, depth);
            }
        }
    }

    private void Primitive(string name, Type type, bool mayBeNull)
    {
        if (type == typeof(string))
        {
            Text(name, mayBeNull);
        }
        else if (type == typeof(bool))
        {
            Demand(Take(1, name)[0] <= 1, name, "is neither true nor false");
        }
        else
        {
            _ = Take(type == typeof(Guid) ? 16 : type == typeof(long) ? sizeof(long) : 1, name);
        }
    }

    private void Text(string name, bool mayBeNull)
    {
        byte length = Take(1, name)[0];
        if (length == Null)
        {
            Demand(mayBeNull, name, "is missing");
            return;
        }

        int lengthBytes = length - 1;
        if (length == LongText)
        {
            lengthBytes = BinaryPrimitives.ReadInt32LittleEndian(Take(sizeof(int), name));
            Demand(lengthBytes >= LongText - 1, name, $"has a length that is written otherwise ({lengthBytes})");
        }

        Demand(Utf8.IsValid(Take(lengthBytes, name)), name, "is not UTF-8");
    }

    private ReadOnlySpan<byte> Take(int count, string name)
    {
        Demand(count >= 0 && count <= _left.Length, name, "is cut short");
        ReadOnlySpan<byte> taken = _left[..count];
        _left = _left[count..];
        return taken;
    }

    private static void Demand(bool holds, string name, string otherwise)
    {
        if (!holds)
        {
            throw WireTypes.Refusal($"In a payload, {name} {otherwise}.");
        }
    }
}
