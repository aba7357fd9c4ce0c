using System.Buffers.Binary;
using System.Text;
using ActorSan.Replication.Core.Values;
using ActorSan.Storage;

namespace ActorSan.Replication.Core.Formats;

/// <summary>Grows as it is written to; reused. What <see cref="ContentReader"/> would refuse is our own bug.</summary>
public sealed class ContentWriter
{
    private byte[] _bytes = new byte[256];

    /// <summary>Writes one entry of a list.</summary>
    public delegate void Entry<T>(ContentWriter writer, in T entry);

    public int Length { get; private set; }

    /// <summary>Valid until the next write or <see cref="Clear"/>.</summary>
    public ReadOnlySpan<byte> Written => _bytes.AsSpan(0, Length);

    public void Clear() => Length = 0;

    public void Byte(byte value) => Room(1)[0] = value;

    public void UInt16(ushort value) => BinaryPrimitives.WriteUInt16LittleEndian(Room(2), value);

    public void Int32(int value) => BinaryPrimitives.WriteInt32LittleEndian(Room(4), value);

    public void Number(long value)
    {
        Invariant.Check(value >= 0);
        BinaryPrimitives.WriteInt64LittleEndian(Room(8), value);
    }

    public void Id(Guid value) => _ = value.TryWriteBytes(Room(16), bigEndian: true, out _);

    public void Text(string value)
    {
        int length = Encoding.UTF8.GetByteCount(value);
        Invariant.Check(length is > 0 and <= byte.MaxValue);
        Byte((byte)length);
        _ = Encoding.UTF8.GetBytes(value, Room(length));
    }

    public void List<T>(ValueList<T> items, int maxCount, Entry<T> write)
    {
        Invariant.Check(items.Count <= maxCount);
        Int32(items.Count);
        foreach (ref readonly T item in items.Span)
        {
            write(this, item);
        }
    }

    public Span<byte> Room(int count)
    {
        if (_bytes.Length - Length < count)
        {
            Array.Resize(ref _bytes, Math.Max(_bytes.Length * 2, Length + count));
        }

        Length += count;
        return _bytes.AsSpan(Length - count, count);
    }
}
