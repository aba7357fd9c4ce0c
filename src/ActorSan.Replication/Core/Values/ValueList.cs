using System.Collections;
using System.Runtime.CompilerServices;

namespace ActorSan.Replication.Core.Values;

/// <summary>An immutable list that is equal to another with equal elements in the same order, as records that hold one need it. The default value is the empty list.</summary>
[CollectionBuilder(typeof(ValueList), nameof(ValueList.Create))]
public readonly struct ValueList<T> : IEquatable<ValueList<T>>, IReadOnlyList<T>
{
    private readonly T[]? _items;

    internal ValueList(T[] items) => _items = items;

    public int Count => _items?.Length ?? 0;

    public ReadOnlySpan<T> Span => _items;

    public T this[int index] => _items![index];

    public static bool operator ==(ValueList<T> left, ValueList<T> right) => left.Equals(right);

    public static bool operator !=(ValueList<T> left, ValueList<T> right) => !left.Equals(right);

    public bool Contains(T item) => Array.IndexOf(_items ?? [], item) >= 0;

    public ValueList<T> Add(T item) => new([.. this, item]);

    public ValueList<T> Where(Predicate<T> keep) => new(Array.FindAll(_items ?? [], keep));

    public ValueList<T> Select(Func<T, T> change) => new([.. (_items ?? []).Select(change)]);

    public bool Equals(ValueList<T> other) => Span.SequenceEqual(other.Span, EqualityComparer<T>.Default);

    public override bool Equals(object? obj) => obj is ValueList<T> other && Equals(other);

    public override int GetHashCode() => Count;

    public override string ToString() => "[" + string.Join(", ", this) + "]";

    public IEnumerator<T> GetEnumerator() => ((IEnumerable<T>)(_items ?? [])).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}

/// <summary>Makes a <see cref="ValueList{T}"/> from a collection expression.</summary>
public static class ValueList
{
    public static ValueList<T> Create<T>(ReadOnlySpan<T> items) => new(items.ToArray());
}
