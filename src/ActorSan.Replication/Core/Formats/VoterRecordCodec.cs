using System.Buffers.Binary;
using System.Text;
using ActorSan.Replication.Core.Register;
using ActorSan.Replication.Core.Values;
using ActorSan.Storage;

namespace ActorSan.Replication.Core.Formats;

/// <summary>
/// What a voter's journal holds (replication.md §2, Register); version 1, little endian. The database under it checks its structure and not its contents, and a vote that reads as
/// another is worse than none: hence the checksum.
/// <code>
/// a record:   version (1), entry, CRC32C of all before (4).
/// a snapshot: version (1), write count (8), number of entries (4), entries, CRC32C of all before (4).
/// an entry:   kind (1), then
///   1 promised:      key, ballot
///   2 accepted:      key, flags (1: has ballot), [ballot], kind of value (1: configuration, 2: document), value
///   3 lineage:       name, lineage (16), parents: count (4), ids
///   4 longest lease: nanoseconds (8)
///   5 put back:      write count seen (8)
/// a document: version (8), epoch (8), voters, old voters: count (4), each node, incarnation (16); length (4) and UTF-8. It has no primary.
/// a key: name, lineage (16). A ballot: counter (8), node, instance (16). A text: length (1) and UTF-8. A first value has no ballot (S7).
/// </code>
/// </summary>
public static class VoterRecordCodec
{
    public const byte Version = 1;

    /// <summary>The most that a snapshot may have.</summary>
    public const int MaxEntries = 1 << 20;

    private const int ChecksumBytes = 4;
    private const int LeastEntryBytes = 1 + 8;
    private const byte HasBallot = 1;
    private const byte ConfigurationValue = 1;
    private const byte DocumentKind = 2;

    private enum Kind : byte
    {
        Promised = 1,
        Accepted = 2,
        Lineage = 3,
        LongestLease = 4,
        PutBack = 5,
    }

    public static void Write(ContentWriter writer, VoterRecord record)
    {
        int start = writer.Length;
        writer.Byte(Version);
        WriteEntry(writer, record);
        WriteChecksum(writer, start);
    }

    /// <param name="writeCount">How many records the journal had when its state was <paramref name="records"/>.</param>
    public static void WriteSnapshot(ContentWriter writer, long writeCount, IReadOnlyList<VoterRecord> records)
    {
        Invariant.Check(records.Count <= MaxEntries);
        int start = writer.Length;
        writer.Byte(Version);
        writer.Number(writeCount);
        writer.Int32(records.Count);
        foreach (VoterRecord record in records)
        {
            WriteEntry(writer, record);
        }

        WriteChecksum(writer, start);
    }

    /// <summary>The whole of <paramref name="bytes"/> is one.</summary>
    public static bool TryRead(ReadOnlySpan<byte> bytes, out VoterRecord? record, out ContentFault fault)
    {
        ContentReader reader = Begin("a record of a voter", bytes);
        record = ReadEntry(ref reader);
        bool good = reader.TryEnd(out fault);
        record = good ? record : null;
        return good;
    }

    /// <summary>The whole of <paramref name="bytes"/> is one.</summary>
    public static bool TryReadSnapshot(ReadOnlySpan<byte> bytes, out long writeCount, out IReadOnlyList<VoterRecord> records, out ContentFault fault)
    {
        ContentReader reader = Begin("a snapshot of a voter", bytes);
        writeCount = reader.Number("write count");
        ValueList<VoterRecord> read = reader.List("entries", MaxEntries, LeastEntryBytes, static (ref ContentReader from) => ReadEntry(ref from)!);
        bool good = reader.TryEnd(out fault);
        records = good ? [.. read] : [];
        return good;
    }

    private static void WriteChecksum(ContentWriter writer, int start)
    {
        uint checksum = Crc32C.Compute(writer.Written[start..]);
        BinaryPrimitives.WriteUInt32LittleEndian(writer.Room(ChecksumBytes), checksum);
    }

    // The version comes first: another one may have no checksum, or another.
    private static ContentReader Begin(string what, ReadOnlySpan<byte> bytes)
    {
        int length = Math.Max(0, bytes.Length - ChecksumBytes);
        var reader = new ContentReader(what, bytes[..length]);
        reader.Version(Version);
        if (reader.IsGood && BinaryPrimitives.ReadUInt32LittleEndian(bytes[length..]) != Crc32C.Compute(bytes[..length]))
        {
            reader.Refuse(ContentFaultReason.Checksum, "does not have the checksum of its bytes");
        }

        return reader;
    }

    private static void WriteEntry(ContentWriter writer, VoterRecord record)
    {
        switch (record)
        {
            case PromisedRecord promised:
                writer.Byte((byte)Kind.Promised);
                WriteKey(writer, promised.Key);
                WriteBallot(writer, promised.Ballot);
                break;
            case AcceptedRecord accepted:
                writer.Byte((byte)Kind.Accepted);
                WriteKey(writer, accepted.Key);
                writer.Byte(accepted.Ballot == default ? (byte)0 : HasBallot);
                if (accepted.Ballot != default)
                {
                    WriteBallot(writer, accepted.Ballot);
                }

                WriteValue(writer, accepted.Value);
                break;
            case LineageRecord lineage:
                writer.Byte((byte)Kind.Lineage);
                writer.Text(lineage.Name);
                writer.Id(lineage.Lineage);
                writer.List(lineage.Parents, ConfigurationCodec.MaxParents, static (ContentWriter to, in Guid parent) => to.Id(parent));
                break;
            case LongestLeaseRecord longest:
                writer.Byte((byte)Kind.LongestLease);
                writer.Number(longest.LeaseNs);
                break;
            case PutBackRecord putBack:
                writer.Byte((byte)Kind.PutBack);
                writer.Number(putBack.Seen);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(record), record, "No record of a voter");
        }
    }

    private static VoterRecord? ReadEntry(ref ContentReader reader)
    {
        byte kind = reader.Choice("kind", (byte)Kind.PutBack);
        switch ((Kind)kind)
        {
            case Kind.Promised:
                return new PromisedRecord(ReadKey(ref reader), ReadBallot(ref reader));
            case Kind.Accepted:
                RegisterKey key = ReadKey(ref reader);
                Ballot ballot = reader.Flags("flags", HasBallot) != 0 ? ReadBallot(ref reader) : default;
                return new AcceptedRecord(key, ballot, ReadValue(ref reader));
            case Kind.Lineage:
                return new LineageRecord(
                    reader.Text("name"), reader.Id("lineage"), reader.List("parents", ConfigurationCodec.MaxParents, 16, static (ref ContentReader from) => from.Id("parent")));
            case Kind.LongestLease:
                return new LongestLeaseRecord(reader.Number("longest lease"));
            case Kind.PutBack:
                return new PutBackRecord(reader.Number("write count seen"));
            default:
                reader.Refuse(ContentFaultReason.OutOfRange, $"has the unknown kind {kind}");
                return null;
        }
    }

    private static void WriteKey(ContentWriter writer, RegisterKey key)
    {
        writer.Text(key.Name);
        writer.Id(key.Lineage);
    }

    private static RegisterKey ReadKey(ref ContentReader reader) => new(reader.Text("register"), reader.Id("lineage of the register"));

    private static void WriteBallot(ContentWriter writer, Ballot ballot)
    {
        writer.Number(ballot.Counter);
        writer.Text(ballot.Node);
        writer.Id(ballot.Instance);
    }

    private static Ballot ReadBallot(ref ContentReader reader) => new(reader.Number("counter of the ballot"), reader.Text("node of the ballot"), reader.Id("instance of the ballot"));

    private static void WriteValue(ContentWriter writer, RegisterValue value)
    {
        switch (value)
        {
            case Configuration configuration:
                writer.Byte(ConfigurationValue);
                ConfigurationCodec.Write(writer, configuration);
                break;
            case DocumentValue document:
                writer.Byte(DocumentKind);
                WriteDocument(writer, document);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(value), value, "No value that a journal can hold");
        }
    }

    private static RegisterValue ReadValue(ref ContentReader reader)
    {
        byte kind = reader.Choice("kind of value", DocumentKind);
        if (kind == DocumentKind)
        {
            return ReadDocument(ref reader);
        }

        if (kind != ConfigurationValue)
        {
            reader.Refuse(ContentFaultReason.OutOfRange, $"holds a value of the unknown kind {kind}");
        }

        return ConfigurationCodec.Read(ref reader);
    }

    private static void WriteDocument(ContentWriter writer, DocumentValue value)
    {
        Invariant.Check(value.Primary is null && value.Voters.Count > 0, "a document has voters and no primary");
        int length = Encoding.UTF8.GetByteCount(value.Document);
        Invariant.Check(length <= DocumentValue.MaxBytes, $"a document has at most {DocumentValue.MaxBytes} bytes");
        writer.Number(value.Version);
        writer.Number(value.Epoch);
        writer.List(value.Voters, ConfigurationCodec.MaxNodes, ConfigurationCodec.WriteVoter);
        writer.List(value.OldVoters, ConfigurationCodec.MaxNodes, ConfigurationCodec.WriteVoter);
        writer.Int32(length);
        _ = Encoding.UTF8.GetBytes(value.Document, writer.Room(length));
    }

    private static DocumentValue ReadDocument(ref ContentReader reader)
    {
        long version = reader.Number("version");
        long epoch = reader.Number("epoch");
        ValueList<VoterId> voters = reader.List("voters", ConfigurationCodec.MaxNodes, 2 + 16, ConfigurationCodec.ReadVoter);
        ValueList<VoterId> oldVoters = reader.List("old voters", ConfigurationCodec.MaxNodes, 2 + 16, ConfigurationCodec.ReadVoter);
        int length = reader.Count("length of the document", DocumentValue.MaxBytes, 1);
        string text = Encoding.UTF8.GetString(reader.Take(length, "document"));
        if (voters.Count == 0)
        {
            reader.Refuse(ContentFaultReason.OutOfRange, "has a document without voters");
        }

        return new DocumentValue { Version = version, Epoch = epoch, Voters = voters, OldVoters = oldVoters, Document = text };
    }
}
