using System.Collections.Immutable;
using System.Reflection;
using ActorSan.Cluster.Serialization;
using ActorSan.Replication.Core.Ports;
using ActorSan.Replication.Core.Values;
using ActorSan.Tests.Replication.Wire;
using CsCheck;

namespace ActorSan.Tests.Cluster.Serialization;

/// <summary>Control messages as chance makes them: found by reflection, so that a new message, or a new field of one, is in every test without being named.</summary>
internal static class ControlSamples
{
    private static readonly NullabilityInfoContext Nulls = new();

    /// <summary>Every message that a node could send, by name.</summary>
    public static IReadOnlyList<Type> Messages { get; } = Concrete(typeof(ControlMessage));

    public static Gen<ControlMessage> Of(Type message) => Value(message, mayBeNull: false).Select(value => (ControlMessage)value!);

    public static Type Named(string name) => Messages.Single(type => type.Name == name);

    /// <summary>Those of the product that derive from <paramref name="root"/>, by name.</summary>
    public static IReadOnlyList<Type> Concrete(Type root)
        => [.. new[] { typeof(ControlMessage).Assembly, typeof(ControlWire).Assembly }
            .SelectMany(assembly => assembly.GetTypes())
            .Where(type => !type.IsAbstract && root.IsAssignableFrom(type))
            .OrderBy(type => type.Name, StringComparer.Ordinal)];

    private static Gen<object?> Value(Type type, bool mayBeNull)
    {
        if (Nullable.GetUnderlyingType(type) is { } inner)
        {
            return Value(inner, mayBeNull: true);
        }

        Gen<object?> some = Some(type);
        return mayBeNull ? Gen.OneOf(Gen.Bool.Select(object? (_) => null), some) : some;
    }

    private static Gen<object?> Some(Type type)
    {
        if (type == typeof(string))
        {
            return Gen.OneOf(Gen.String[Gen.Char['a', 'z'], 0, 12], Gen.Const("knöt"), Gen.Const(new string('n', 253)), Gen.Const(new string('n', 254)), Gen.Const(new string('m', 300)))
                .Select(text => (object?)text);
        }

        if (type == typeof(long))
        {
            return Gen.OneOf(Gen.Long[0, 9], Gen.Long).Select(number => (object?)number);
        }

        if (type == typeof(bool))
        {
            return Gen.Bool.Select(flag => (object?)flag);
        }

        if (type == typeof(Guid))
        {
            return Gen.Guid.Select(id => (object?)id);
        }

        if (type == typeof(Configuration))
        {
            return WireSamples.Configuration.Select(value => (object?)value);
        }

        if (type.IsEnum)
        {
            object[] values = [.. Enum.GetValues(type).Cast<object>()];
            return Gen.Int[0, values.Length - 1].Select(object? (at) => values[at]);
        }

        if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(ValueList<>))
        {
            MethodInfo make = typeof(ControlSamples).GetMethod(nameof(ListOf), BindingFlags.NonPublic | BindingFlags.Static)!.MakeGenericMethod(type.GetGenericArguments());
            return Value(type.GetGenericArguments()[0], mayBeNull: false).Array[0, 4].Select(items => make.Invoke(null, [items]));
        }

        if (type.IsAbstract)
        {
            return Gen.OneOf(Concrete(type).Select(Some).ToArray());
        }

        return type == typeof(Ballot) ? Gen.OneOf(Gen.Bool.Select(object? (_) => default(Ballot)), Made(type)) : Made(type);
    }

    private static Gen<object?> Made(Type type)
    {
        ConstructorInfo constructor = type.GetConstructors().MaxBy(each => each.GetParameters().Length)!;
        ParameterInfo[] parameters = constructor.GetParameters();
        PropertyInfo[] rest = [.. type.GetProperties()
            .Where(property => property.CanWrite && !parameters.Any(parameter => parameter.Name == property.Name))
            .OrderBy(property => property.Name, StringComparer.Ordinal)];
        IEnumerable<Gen<object?>> parts = parameters.Select(parameter => Value(parameter.ParameterType, Nulls.Create(parameter).WriteState == NullabilityState.Nullable))
            .Concat(rest.Select(property => Value(property.PropertyType, Nulls.Create(property).WriteState == NullabilityState.Nullable)));
        return parts.Aggregate(Gen.Const(ImmutableList<object?>.Empty), (all, part) => Gen.Select(all, part, (values, value) => values.Add(value))).Select(object? (values) =>
        {
            object? made = constructor.Invoke([.. values.Take(parameters.Length)]);
            for (int i = 0; i < rest.Length; i++)
            {
                rest[i].SetValue(made, values[parameters.Length + i]);
            }

            return made;
        });
    }

    private static ValueList<T> ListOf<T>(object?[] items) => [.. items.Cast<T>()];
}
