using System.Buffers.Binary;
using System.Numerics;
using ActorSan.Replication.Core.Frames;
using ActorSan.Storage;

namespace ActorSan.Replication.Core.Formats;

/// <summary>What a write-intent page says beside its bits.</summary>
/// <param name="Mark">The group that was made durable with it (W2).</param>
/// <param name="Index">Of the page: its first chunk is <see cref="WriteIntentPage.Bits"/> times that.</param>
/// <param name="Chunks">How many of its bits stand for a chunk of the volume; the others are zero.</param>
/// <param name="ChunkBytes">A power of two.</param>
public readonly record struct WriteIntentHeader(long Mark, int Index, int Chunks, long ChunkBytes);

/// <summary>
/// The content of a write-intent page, version 1, 4032 bytes, little endian; it is written with each group of intents, so writing it allocates nothing.
/// <code>
///  0  2  version, 1                   16  4  chunks
///  2  1  heard marks, at most 8       20 12  zero
///  3  1  log2 of a chunk's bytes      32 192 heard marks: incarnation (16), mark (8)
///  4  4  index of the page           224 32  zero
///  8  8  mark                        256     bits: the first chunk in the lowest bit of the first byte
/// </code>
/// </summary>
public static class WriteIntentPage
{
    public const ushort Version = 1;
    public const int Bytes = 4032;
    public const int HeaderBytes = 256;
    public const int Bits = (Bytes - HeaderBytes) * 8;
    public const int MaxHeard = 8;
    public const long DefaultChunkBytes = 4 << 20;
    private const int HeardAt = 32;
    private const int HeardBytes = 24;

    /// <summary>Where the bits go, or are.</summary>
    public static Span<byte> BitsOf(Span<byte> content) => content[HeaderBytes..Bytes];

    public static ReadOnlySpan<byte> BitsOf(ReadOnlySpan<byte> content) => content[HeaderBytes..Bytes];

    /// <summary>How many pages a volume needs.</summary>
    public static int CountFor(long sizeBytes, long chunkBytes) => BitmapPages.CountFor(sizeBytes, chunkBytes, Bits);

    /// <summary>The default, or a larger one where the metadata area has fewer pages than it would take.</summary>
    public static long ChunkBytesFor(long sizeBytes, int pages) => BitmapPages.UnitFor(sizeBytes, pages, DefaultChunkBytes, Bits);

    /// <summary>All but the bits.</summary>
    /// <param name="heard">No more than <see cref="MaxHeard"/>; the State page has all.</param>
    public static void WriteHeader(Span<byte> content, WriteIntentHeader header, ReadOnlySpan<HeardMark> heard)
    {
        Invariant.Check(heard.Length <= MaxHeard && header.Mark >= 0 && header.Chunks is >= 0 and <= Bits && header.Index >= 0);
        content[..HeaderBytes].Clear();
        BinaryPrimitives.WriteUInt16LittleEndian(content, Version);
        content[2] = (byte)heard.Length;
        content[3] = BitmapPages.Shift(header.ChunkBytes);
        BinaryPrimitives.WriteInt32LittleEndian(content[4..], header.Index);
        BinaryPrimitives.WriteInt64LittleEndian(content[8..], header.Mark);
        BinaryPrimitives.WriteInt32LittleEndian(content[16..], header.Chunks);
        for (int i = 0; i < heard.Length; i++)
        {
            Span<byte> entry = content.Slice(HeardAt + (i * HeardBytes), HeardBytes);
            _ = heard[i].Incarnation.TryWriteBytes(entry, bigEndian: true, out _);
            BinaryPrimitives.WriteInt64LittleEndian(entry[16..], heard[i].Mark);
        }
    }

    /// <param name="index">Which page it was read from.</param>
    /// <param name="heard">Filled from its begin; as many as <paramref name="heardCount"/>.</param>
    public static bool TryRead(ReadOnlySpan<byte> content, int index, Span<HeardMark> heard, out WriteIntentHeader header, out int heardCount, out ContentFault fault)
    {
        var reader = new ContentReader("a write-intent page", content);
        reader.WideVersion(Version);
        heardCount = reader.Choice("number of heard marks", MaxHeard);
        long chunk = 1L << reader.Choice("chunk size", BitmapPages.MaxShift);
        BitmapPages.ReadIndex(ref reader, index);
        long mark = reader.Number("mark");
        int chunks = reader.Int32("number of chunks");
        reader.Zeroes(HeardAt - 20);
        for (int i = 0; i < MaxHeard; i++)
        {
            if (i < heardCount)
            {
                heard[i] = new HeardMark(reader.Id("incarnation of a mark"), reader.Number("mark heard"));
            }
            else
            {
                reader.Zeroes(HeardBytes);
            }
        }

        reader.Zeroes(HeaderBytes - HeardAt - (MaxHeard * HeardBytes));
        BitmapPages.ReadBits(ref reader, chunks, Bytes - HeaderBytes);
        header = new WriteIntentHeader(mark, index, chunks, chunk);
        return reader.TryEnd(out fault);
    }
}

/// <summary>What an out-of-sync page says beside its bits.</summary>
/// <param name="Incarnation">The store that lacks them.</param>
/// <param name="Generation">Of the place (<see cref="PeerPlace.Generation"/>).</param>
/// <param name="Index">Of the page: its first granule is <see cref="OutOfSyncPage.Bits"/> times that.</param>
/// <param name="Granules">How many of its bits stand for a granule of the volume; the others are zero.</param>
/// <param name="GranuleBytes">A power of two.</param>
public readonly record struct OutOfSyncHeader(Guid Incarnation, long Generation, int Index, int Granules, long GranuleBytes);

/// <summary>
/// The content of an out-of-sync page, version 1, 4032 bytes, little endian.
/// <code>
///  0  2  version, 1                     24  8  generation
///  2  1  log2 of a granule's bytes      32  4  granules
///  3  1  zero                           36 28  zero
///  4  4  index of the page              64     bits: the first granule in the lowest bit of the first byte
///  8 16  incarnation
/// </code>
/// </summary>
public static class OutOfSyncPage
{
    public const ushort Version = 1;
    public const int Bytes = 4032;
    public const int HeaderBytes = 64;
    public const int Bits = (Bytes - HeaderBytes) * 8;
    public const long DefaultGranuleBytes = 64 << 10;

    public static Span<byte> BitsOf(Span<byte> content) => content[HeaderBytes..Bytes];

    public static ReadOnlySpan<byte> BitsOf(ReadOnlySpan<byte> content) => content[HeaderBytes..Bytes];

    public static int CountFor(long sizeBytes, long granuleBytes) => BitmapPages.CountFor(sizeBytes, granuleBytes, Bits);

    /// <summary>The default, or a larger one where the metadata area has fewer pages than it would take.</summary>
    public static long GranuleBytesFor(long sizeBytes, int pages) => BitmapPages.UnitFor(sizeBytes, pages, DefaultGranuleBytes, Bits);

    /// <summary>All but the bits.</summary>
    public static void WriteHeader(Span<byte> content, OutOfSyncHeader header)
    {
        Invariant.Check(header.Generation >= 0 && header.Granules is >= 0 and <= Bits && header.Index >= 0);
        content[..HeaderBytes].Clear();
        BinaryPrimitives.WriteUInt16LittleEndian(content, Version);
        content[2] = BitmapPages.Shift(header.GranuleBytes);
        BinaryPrimitives.WriteInt32LittleEndian(content[4..], header.Index);
        _ = header.Incarnation.TryWriteBytes(content[8..], bigEndian: true, out _);
        BinaryPrimitives.WriteInt64LittleEndian(content[24..], header.Generation);
        BinaryPrimitives.WriteInt32LittleEndian(content[32..], header.Granules);
    }

    /// <param name="index">Which page it was read from.</param>
    public static bool TryRead(ReadOnlySpan<byte> content, int index, out OutOfSyncHeader header, out ContentFault fault)
    {
        var reader = new ContentReader("an out-of-sync page", content);
        reader.WideVersion(Version);
        long granule = 1L << reader.Choice("granule size", BitmapPages.MaxShift);
        reader.Zeroes(1);
        BitmapPages.ReadIndex(ref reader, index);
        Guid incarnation = reader.Id("incarnation");
        long generation = reader.Number("generation");
        int granules = reader.Int32("number of granules");
        reader.Zeroes(HeaderBytes - 36);
        BitmapPages.ReadBits(ref reader, granules, Bytes - HeaderBytes);
        header = new OutOfSyncHeader(incarnation, generation, index, granules, granule);
        return reader.TryEnd(out fault);
    }
}

/// <summary>What both kinds of bitmap pages share.</summary>
internal static class BitmapPages
{
    public const byte MaxShift = 56;

    public static byte Shift(long unitBytes)
    {
        Invariant.Check(unitBytes > 0 && BitOperations.IsPow2(unitBytes));
        return (byte)BitOperations.Log2((ulong)unitBytes);
    }

    public static int CountFor(long sizeBytes, long unitBytes, int bits) => checked((int)(((((sizeBytes + unitBytes - 1) / unitBytes) + bits) - 1) / bits));

    public static long UnitFor(long sizeBytes, int pages, long smallestBytes, int bits)
    {
        Invariant.Check(pages > 0);
        long unit = smallestBytes;
        while (CountFor(sizeBytes, unit, bits) > pages)
        {
            unit *= 2;
        }

        return unit;
    }

    public static void ReadIndex(ref ContentReader reader, int index)
    {
        int found = reader.Int32("index");
        if (found != index)
        {
            reader.Refuse(ContentFaultReason.OutOfRange, $"says that it is page {found}, and is page {index}");
        }
    }

    /// <summary>What stands for nothing is zero.</summary>
    public static void ReadBits(ref ContentReader reader, int used, int bytes)
    {
        ReadOnlySpan<byte> bits = reader.Take(bytes, "bits");
        if (used < 0 || used > bytes * 8)
        {
            reader.Refuse(ContentFaultReason.OutOfRange, $"says that it has {used} bits");
        }
        else if (reader.IsGood && (bits[((used + 7) / 8)..].ContainsAnyExcept((byte)0) || (used % 8 != 0 && bits[used / 8] >> (used % 8) != 0)))
        {
            reader.Refuse(ContentFaultReason.OutOfRange, "has bits behind its last");
        }
    }
}
