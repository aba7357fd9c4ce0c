using System.Collections.Concurrent;
using System.Runtime.Serialization;
using ActorSan.Replication.Core.Values;
using Hyperion;
using Hyperion.SerializerFactories;
using Hyperion.ValueSerializers;

namespace ActorSan.Cluster.Serialization;

/// <summary>
/// Values of the listed types to bytes and back, by Hyperion, which is given a number for each type, so that no CLR name is ever written, and which is told of no
/// other type. Any number of threads at once.
/// </summary>
internal sealed class HyperionForm
{
    private readonly WireTypes _types;
    private readonly Hyperion.Serializer _hyperion;

    public HyperionForm(WireTypes types)
    {
        _types = types;
        _hyperion = new Hyperion.Serializer(new SerializerOptions(
            versionTolerance: false,
            preserveObjectReferences: false,
            surrogates: null,
            serializerFactories: [new ListedOnly(types)],
            knownTypes: types.Types,
            ignoreISerializable: true,
            packageNameOverrides: null,
            disallowUnsafeTypes: true,
            typeFilter: new ListedNames(types)));
    }

    /// <exception cref="SerializationException"><paramref name="value"/>, or something in it, is of a type that is not listed.</exception>
    public void Write(Stream stream, object value) => _hyperion.Serialize(value, stream, _hyperion.GetSerializerSession());

    /// <exception cref="SerializationException">The bytes are not one <paramref name="type"/>: nothing was made of them.</exception>
    public object Read(Type type, byte[] bytes, int offset)
    {
        PayloadCheck.Run(_types, type, bytes.AsSpan(offset));
        using var stream = new MemoryStream(bytes, offset, bytes.Length - offset, writable: false);
        return _hyperion.Deserialize(stream, _hyperion.GetDeserializerSession());
    }

    /// <summary>Before all of Hyperion's own, which know delegates, exceptions, any collection: takes lists, and whatever is not listed, which it refuses.</summary>
    private sealed class ListedOnly(WireTypes types) : ValueSerializerFactory
    {
        public override bool CanSerialize(Hyperion.Serializer serializer, Type type) => WireTypes.IsList(type) || !types.IsDeclared(type);

        public override bool CanDeserialize(Hyperion.Serializer serializer, Type type) => CanSerialize(serializer, type);

        public override ValueSerializer BuildSerializer(Hyperion.Serializer serializer, Type type, ConcurrentDictionary<Type, ValueSerializer> typeMapping)
        {
            if (!types.Contains(type))
            {
                throw WireTypes.Refusal($"{WireTypes.NameOf(type)} is not allowed in a payload.");
            }

            Type entry = type.GetGenericArguments()[0];
            var list = (ValueSerializer)Activator.CreateInstance(typeof(ListSerializer<>).MakeGenericType(entry), types.NumberOf(type), serializer.GetSerializerByType(entry))!;
            return typeMapping.GetOrAdd(type, list);
        }
    }

    /// <summary>Hyperion would write the array inside, with its CLR name. Layout: number of entries (4), entries without type.</summary>
    private sealed class ListSerializer<T>(int number, ValueSerializer entry) : ValueSerializer
    {
        public override void WriteManifest(Stream stream, SerializerSession session)
        {
            stream.WriteByte(ObjectSerializer.ManifestIndex);
            stream.Write(BitConverter.GetBytes((ushort)number));
        }

        public override void WriteValue(Stream stream, object value, SerializerSession session)
        {
            var list = (ValueList<T>)value;
            stream.Write(BitConverter.GetBytes(list.Count));
            foreach (T one in list.Span)
            {
                entry.WriteValue(stream, one!, session);
            }
        }

        public override object ReadValue(Stream stream, DeserializerSession session)
        {
            byte[] count = new byte[sizeof(int)];
            stream.ReadExactly(count);
            var items = new T[BitConverter.ToInt32(count)];
            foreach (ref T one in items.AsSpan())
            {
                one = (T)entry.ReadValue(stream, session);
            }

            return items.Length == 0 ? default : ValueList.Create<T>(items);
        }

        public override Type GetElementType() => typeof(ValueList<T>);
    }

    /// <summary>Asked when a value is written, and before a type is loaded by the name that bytes give.</summary>
    private sealed class ListedNames(WireTypes types) : ITypeFilter
    {
        private readonly HashSet<string> _names = [.. types.Types.Select(type => type.AssemblyQualifiedName!)];

        public bool IsAllowed(string typeName) => _names.Contains(typeName);
    }
}
