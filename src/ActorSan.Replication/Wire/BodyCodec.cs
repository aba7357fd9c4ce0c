using System.Diagnostics.CodeAnalysis;
using ActorSan.Replication.Core.Formats;
using ActorSan.Replication.Core.Frames;
using ActorSan.Replication.Core.Values;
using ActorSan.Storage;

namespace ActorSan.Replication.Wire;

/// <summary>
/// What follows the headers of Attach, Attached, Refused, Config, Stable and SetRanges; each begins with its version (1), little endian, and is covered by the checksum of data
/// in the header. A body that a reader would refuse is not written: it is our own bug.
/// <code>
/// Attach     flags (1: settled), volume id, lineage, reign (8), primary (node, instance), configuration, marks
/// Attached   flags (1: coarse), instance, incarnation, session, size (8), marks, unsettled: count (4), each reign, seq, offset, length (8 each), flags (1: atomic),
///            attribute (1); intents: count (4), each offset, length (8 each)
/// Refused    reason (1), incarnation, lineage, mark (8)
/// Config     configuration
/// Marks      marks: count (4), each incarnation, mark (8)
/// Set        flags (1: wholly, 2: goes on), node, incarnation, ranges: count (4), each offset, length (8 each)
/// </code>
/// </summary>
public static class BodyCodec
{
    public const byte Version = 1;
    public const int MaxMarks = 1024;

    /// <summary>A replica whose list is longer than this has more to reconcile than anyone waits for (P5): it says coarse.</summary>
    public const int MaxUnsettled = 1 << 17;

    /// <summary>Write-intent chunks are taken together where they are neighbours.</summary>
    public const int MaxIntents = 1 << 17;

    /// <summary>Ranges of one SetRanges frame; a longer set goes in several.</summary>
    public const int MaxSetRanges = 1 << 15;

    public const int RefusedBytes = 1 + 1 + 16 + 16 + 8;
    public const int MaxMarksBytes = 1 + MarkListBytes;
    public const int MaxConfigBytes = 1 + ConfigurationCodec.MaxBytes;
    public const int MaxAttachBytes = 2 + 32 + 8 + 1 + ConfigurationCodec.MaxNameBytes + 16 + ConfigurationCodec.MaxBytes + MarkListBytes;
    public const int MaxAttachedBytes = 2 + 48 + 8 + MarkListBytes + 4 + (MaxUnsettled * UnsettledBytes) + 4 + (MaxIntents * RangeBytes);
    public const int MaxSetBytes = 2 + 1 + ConfigurationCodec.MaxNameBytes + 16 + 4 + (MaxSetRanges * RangeBytes);

    private const int MarkBytes = 24;
    private const int MarkListBytes = 4 + (MaxMarks * MarkBytes);
    private const int RangeBytes = 16;
    private const int UnsettledBytes = 34;
    private const long MaxVolumeBytes = 1L << 56;

    public static void Write(ContentWriter writer, AttachBody body)
    {
        writer.Byte(Version);
        writer.Byte(body.Settled ? (byte)1 : (byte)0);
        writer.Id(body.VolumeId);
        writer.Id(body.Lineage);
        writer.Number(body.Reign);
        ConfigurationCodec.WritePrimary(writer, body.Primary);
        ConfigurationCodec.Write(writer, body.Configuration);
        WriteMarks(writer, body.Marks);
    }

    public static bool TryRead(ReadOnlySpan<byte> bytes, [NotNullWhen(true)] out AttachBody? body, out ContentFault fault)
    {
        var reader = new ContentReader("an Attach body", bytes);
        reader.Version(Version);
        bool settled = reader.Flags("flags", 1) != 0;
        body = new AttachBody(
            reader.Id("volume id"),
            reader.Id("lineage"),
            reader.Number("reign"),
            ConfigurationCodec.ReadPrimary(ref reader),
            ConfigurationCodec.Read(ref reader),
            settled,
            ReadMarks(ref reader));
        return End(ref reader, ref body, out fault);
    }

    public static void Write(ContentWriter writer, AttachedBody body)
    {
        Invariant.Check(body.SizeBytes <= MaxVolumeBytes);
        writer.Byte(Version);
        writer.Byte(body.Coarse ? (byte)1 : (byte)0);
        writer.Id(body.Instance);
        writer.Id(body.Incarnation);
        writer.Id(body.Session);
        writer.Number(body.SizeBytes);
        WriteMarks(writer, body.Marks);
        writer.List(body.Unsettled, MaxUnsettled, WriteUnsettled);
        writer.List(body.Intents, MaxIntents, WriteRange);
    }

    public static bool TryRead(ReadOnlySpan<byte> bytes, [NotNullWhen(true)] out AttachedBody? body, out ContentFault fault)
    {
        var reader = new ContentReader("an Attached body", bytes);
        reader.Version(Version);
        bool coarse = reader.Flags("flags", 1) != 0;
        Guid instance = reader.Id("instance");
        Guid incarnation = reader.Id("incarnation");
        Guid session = reader.Id("session");
        long size = reader.Number("size", MaxVolumeBytes);
        body = new AttachedBody(
            instance,
            incarnation,
            session,
            coarse,
            ReadMarks(ref reader),
            reader.List("unsettled writes", MaxUnsettled, UnsettledBytes, ReadUnsettled),
            reader.List("intents", MaxIntents, RangeBytes, ReadRange),
            size);
        return End(ref reader, ref body, out fault);
    }

    public static void Write(ContentWriter writer, RefusedBody body)
    {
        writer.Byte(Version);
        writer.Byte((byte)body.Reason);
        writer.Id(body.Incarnation);
        writer.Id(body.Lineage);
        writer.Number(body.Mark);
    }

    public static bool TryRead(ReadOnlySpan<byte> bytes, [NotNullWhen(true)] out RefusedBody? body, out ContentFault fault)
    {
        var reader = new ContentReader("a Refused body", bytes);
        reader.Version(Version);
        body = new RefusedBody((RefusalReason)reader.Choice("reason", (byte)RefusalReason.Discarded), reader.Id("incarnation"), reader.Id("lineage"), reader.Number("mark"));
        return End(ref reader, ref body, out fault);
    }

    public static void Write(ContentWriter writer, ConfigBody body)
    {
        writer.Byte(Version);
        ConfigurationCodec.Write(writer, body.Configuration);
    }

    public static bool TryRead(ReadOnlySpan<byte> bytes, [NotNullWhen(true)] out ConfigBody? body, out ContentFault fault)
    {
        var reader = new ContentReader("a Config body", bytes);
        reader.Version(Version);
        body = new ConfigBody(ConfigurationCodec.Read(ref reader));
        return End(ref reader, ref body, out fault);
    }

    public static void Write(ContentWriter writer, MarksBody body)
    {
        writer.Byte(Version);
        WriteMarks(writer, body.Marks);
    }

    public static bool TryRead(ReadOnlySpan<byte> bytes, [NotNullWhen(true)] out MarksBody? body, out ContentFault fault)
    {
        var reader = new ContentReader("a Marks body", bytes);
        reader.Version(Version);
        body = new MarksBody(ReadMarks(ref reader));
        return End(ref reader, ref body, out fault);
    }

    public static void Write(ContentWriter writer, SetBody body)
    {
        Invariant.Check(!body.Wholly || body.Ranges.Count == 0);
        writer.Byte(Version);
        writer.Byte((byte)((body.Wholly ? 1 : 0) | (body.GoesOn ? 2 : 0)));
        writer.Text(body.Node);
        writer.Id(body.Incarnation);
        writer.List(body.Ranges, MaxSetRanges, WriteRange);
    }

    public static bool TryRead(ReadOnlySpan<byte> bytes, [NotNullWhen(true)] out SetBody? body, out ContentFault fault)
    {
        var reader = new ContentReader("a Set body", bytes);
        reader.Version(Version);
        byte flags = reader.Flags("flags", 3);
        bool wholly = (flags & 1) != 0;
        body = new SetBody(reader.Text("node"), reader.Id("incarnation"), wholly, (flags & 2) != 0, reader.List("ranges", wholly ? 0 : MaxSetRanges, RangeBytes, ReadRange));
        return End(ref reader, ref body, out fault);
    }

    private static bool End<T>(ref ContentReader reader, ref T? body, out ContentFault fault)
        where T : class
    {
        bool good = reader.TryEnd(out fault);
        body = good ? body : null;
        return good;
    }

    private static void WriteMarks(ContentWriter writer, ValueList<HeardMark> marks) => writer.List(
        marks,
        MaxMarks,
        static (ContentWriter to, in HeardMark mark) =>
        {
            to.Id(mark.Incarnation);
            to.Number(mark.Mark);
        });

    private static ValueList<HeardMark> ReadMarks(ref ContentReader reader) =>
        reader.List("marks", MaxMarks, MarkBytes, static (ref ContentReader from) => new HeardMark(from.Id("incarnation of a mark"), from.Number("mark")));

    private static void WriteRange(ContentWriter writer, in ByteRange range)
    {
        Invariant.Check(range.OffsetBytes <= MaxVolumeBytes && range.LengthBytes <= MaxVolumeBytes - range.OffsetBytes);
        writer.Number(range.OffsetBytes);
        writer.Number(range.LengthBytes);
    }

    private static ByteRange ReadRange(ref ContentReader reader)
    {
        long offset = reader.Number("offset of a range", MaxVolumeBytes);
        return new ByteRange(offset, reader.Number("length of a range", MaxVolumeBytes - offset));
    }

    private static void WriteUnsettled(ContentWriter writer, in UnsettledEntry entry)
    {
        writer.Number(entry.Reign);
        writer.Number(entry.Seq);
        WriteRange(writer, entry.Range);
        writer.Byte(entry.Atomic ? (byte)1 : (byte)0);
        writer.Byte(entry.Attribute);
    }

    private static UnsettledEntry ReadUnsettled(ref ContentReader reader) => new(
        reader.Number("reign of a write"),
        reader.Number("seq of a write"),
        ReadRange(ref reader),
        reader.Flags("flags of a write", 1) != 0,
        reader.Byte("attribute of a write"));
}
