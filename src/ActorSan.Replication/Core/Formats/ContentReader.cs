using System.Buffers.Binary;
using System.Text;
using System.Text.Unicode;
using ActorSan.Replication.Core.Values;

namespace ActorSan.Replication.Core.Formats;

/// <summary>
/// Reads little-endian fields; ids are as RFC 9562 prints them. The first thing that is wrong is kept, and from then on every field reads as zero and every list as empty, so
/// that a reader asks once, at its end. No list is allocated before its entries can be there.
/// </summary>
public ref struct ContentReader
{
    private readonly string _what;
    private ReadOnlySpan<byte> _left;

    /// <param name="what">Named in sentences: 'a state page'.</param>
    public ContentReader(string what, ReadOnlySpan<byte> bytes)
    {
        _what = what;
        _left = bytes;
    }

    /// <summary>Reads one entry of a list.</summary>
    public delegate T Entry<T>(ref ContentReader reader);

    public ContentFault Fault { get; private set; }

    public readonly bool IsGood => Fault.Reason == ContentFaultReason.None;

    /// <summary>Call last: true when all was read, all of it was right, and nothing is left.</summary>
    public bool TryEnd(out ContentFault fault)
    {
        if (IsGood && _left.Length > 0)
        {
            Refuse(ContentFaultReason.Trailing, $"has {_left.Length} bytes too many");
        }

        fault = Fault;
        return IsGood;
    }

    /// <param name="what">The rest of a sentence that begins with what is read.</param>
    public void Refuse(ContentFaultReason reason, string what)
    {
        if (IsGood)
        {
            Fault = new ContentFault(reason, $"{char.ToUpperInvariant(_what[0])}{_what[1..]} {what}.");
        }
    }

    public byte Byte(string name) => Take(1, name) is { Length: > 0 } bytes ? bytes[0] : (byte)0;

    public ushort UInt16(string name) => Take(2, name) is { Length: > 0 } bytes ? BinaryPrimitives.ReadUInt16LittleEndian(bytes) : (ushort)0;

    public int Int32(string name) => Take(4, name) is { Length: > 0 } bytes ? BinaryPrimitives.ReadInt32LittleEndian(bytes) : 0;

    /// <summary>From 0 to <paramref name="max"/>.</summary>
    public long Number(string name, long max = long.MaxValue)
    {
        long value = Take(8, name) is { Length: > 0 } bytes ? BinaryPrimitives.ReadInt64LittleEndian(bytes) : 0;
        if (value < 0 || value > max)
        {
            Refuse(ContentFaultReason.OutOfRange, $"has a {name} that cannot be ({value})");
            return 0;
        }

        return value;
    }

    public Guid Id(string name) => Take(16, name) is { Length: > 0 } bytes ? new Guid(bytes, bigEndian: true) : default;

    /// <summary>Flags, of which none but <paramref name="known"/> may be set.</summary>
    public byte Flags(string name, byte known)
    {
        byte value = Byte(name);
        if ((value & ~known) != 0)
        {
            Refuse(ContentFaultReason.OutOfRange, $"has {name} that are not known ({value:x2}h)");
        }

        return value;
    }

    /// <summary>An enum's number, from 0 to <paramref name="max"/>.</summary>
    public byte Choice(string name, byte max)
    {
        byte value = Byte(name);
        if (value > max)
        {
            Refuse(ContentFaultReason.OutOfRange, $"has a {name} that is not known ({value})");
            return 0;
        }

        return value;
    }

    public void Version(byte known)
    {
        byte version = Byte("version");
        if (IsGood && version != known)
        {
            Refuse(ContentFaultReason.OtherVersion, $"has version {version}, and this release knows version {known}");
        }
    }

    public void WideVersion(ushort known)
    {
        ushort version = UInt16("version");
        if (IsGood && version != known)
        {
            Refuse(ContentFaultReason.OtherVersion, $"has version {version}, and this release knows version {known}");
        }
    }

    /// <summary>Bytes that are kept for later.</summary>
    public void Zeroes(int count)
    {
        if (Take(count, "reserved bytes").ContainsAnyExcept((byte)0))
        {
            Refuse(ContentFaultReason.OutOfRange, "has bytes set that this version keeps at zero");
        }
    }

    /// <summary>Length (1 byte) and UTF-8; at least one byte of it.</summary>
    public string Text(string name)
    {
        int length = Byte(name);
        if (IsGood && length == 0)
        {
            Refuse(ContentFaultReason.OutOfRange, $"has an empty {name}");
        }

        ReadOnlySpan<byte> bytes = Take(length, name);
        if (!Utf8.IsValid(bytes))
        {
            Refuse(ContentFaultReason.BadText, $"has a {name} that is not UTF-8");
        }

        return IsGood ? Encoding.UTF8.GetString(bytes) : "";
    }

    /// <summary>How many entries (4 bytes), and these.</summary>
    /// <param name="entryBytes">The least that one has.</param>
    public ValueList<T> List<T>(string name, int maxCount, int entryBytes, Entry<T> read)
    {
        int count = Count(name, maxCount, entryBytes);
        if (count == 0)
        {
            return default;
        }

        var items = new T[count];
        for (int i = 0; i < count && IsGood; i++)
        {
            items[i] = read(ref this);
        }

        return IsGood ? new ValueList<T>(items) : default;
    }

    /// <summary>How many entries follow: no more than <paramref name="maxCount"/>, and than there are bytes for.</summary>
    public int Count(string name, int maxCount, int entryBytes)
    {
        int count = Int32("number of " + name);
        if (count < 0 || count > maxCount)
        {
            Refuse(ContentFaultReason.TooLong, $"lists {(uint)count} {name}, and {maxCount} is the most");
        }
        else if (count > _left.Length / entryBytes)
        {
            Refuse(ContentFaultReason.Truncated, $"lists {count} {name} and has room for {_left.Length / entryBytes}");
        }

        return IsGood ? count : 0;
    }

    /// <summary>Empty when they are not there.</summary>
    public ReadOnlySpan<byte> Take(int count, string name)
    {
        if (!IsGood)
        {
            return default;
        }

        if (_left.Length < count)
        {
            Refuse(ContentFaultReason.Truncated, $"ends within its {name}");
            return default;
        }

        ReadOnlySpan<byte> bytes = _left[..count];
        _left = _left[count..];
        return bytes;
    }
}
