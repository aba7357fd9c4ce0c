using ActorSan.Replication.Core.Formats;
using ActorSan.Replication.Core.Register;
using Akka.Actor;
using Akka.Serialization;

namespace ActorSan.Cluster.Registers;

/// <summary>
/// Events and snapshots of a voter's journal: the manifest names the kind of content and its version, <see cref="VoterRecordCodec"/> its bytes. No type name of ours is on disk.
/// </summary>
public sealed class VoterJournalSerializer(ExtendedActorSystem system) : SerializerWithStringManifest(system)
{
    private const string RecordManifest = "voter-record/1";
    private const string SnapshotManifest = "voter-snapshot/1";

    /// <summary>On disk: never another's.</summary>
    public override int Identifier => 20250;

    public override string Manifest(object o) => o switch
    {
        VoterRecord => RecordManifest,
        VoterJournalSnapshot => SnapshotManifest,
        _ => throw new ArgumentException($"{o.GetType()} is nothing of a voter's journal", nameof(o)),
    };

    public override byte[] ToBinary(object obj)
    {
        var writer = new ContentWriter();
        switch (obj)
        {
            case VoterRecord record:
                VoterRecordCodec.Write(writer, record);
                break;
            case VoterJournalSnapshot snapshot:
                VoterRecordCodec.WriteSnapshot(writer, snapshot.WriteCount, snapshot.Records);
                break;
            default:
                throw new ArgumentException($"{obj.GetType()} is nothing of a voter's journal", nameof(obj));
        }

        return writer.Written.ToArray();
    }

    /// <exception cref="JournalException"><see cref="JournalFault.Damaged"/> or <see cref="JournalFault.OtherFormat"/>.</exception>
    public override object FromBinary(byte[] bytes, string manifest)
    {
        ContentFault fault;
        switch (manifest)
        {
            case RecordManifest:
                if (VoterRecordCodec.TryRead(bytes, out VoterRecord? record, out fault))
                {
                    return record!;
                }

                break;
            case SnapshotManifest:
                if (VoterRecordCodec.TryReadSnapshot(bytes, out long writeCount, out IReadOnlyList<VoterRecord> records, out fault))
                {
                    return new VoterJournalSnapshot(writeCount, records);
                }

                break;
            default:
                throw new JournalException(JournalFault.OtherFormat, $"'{manifest}' is nothing that this release knows in a voter's journal. Run the release that wrote it.");
        }

        throw new JournalException(fault.Reason == ContentFaultReason.OtherVersion ? JournalFault.OtherFormat : JournalFault.Damaged, fault.Sentence);
    }
}

/// <summary>What the journal's records up to <paramref name="WriteCount"/> amount to.</summary>
public sealed record VoterJournalSnapshot(long WriteCount, IReadOnlyList<VoterRecord> Records);
