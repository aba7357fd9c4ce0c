using System.Text.Json;
using ActorSan.Cluster.Management;
using Akka.Actor;
using Akka.Serialization;

namespace ActorSan.Cluster.Registers;

/// <summary>Events of the volumes' histories in the node's journal: JSON under a manifest of kind and version. What can't be read is no reason to stop: it is shown as such.</summary>
public sealed class HistorySerializer(ExtendedActorSystem system) : SerializerWithStringManifest(system)
{
    private const string RecordManifest = "volume-event/1";
    private const string SnapshotManifest = "volume-events/1";

    /// <summary>On disk: never another's.</summary>
    public override int Identifier => 20251;

    public override string Manifest(object o) => o switch
    {
        HistoryRecord => RecordManifest,
        HistorySnapshot => SnapshotManifest,
        _ => throw new ArgumentException($"{o.GetType()} is nothing of a history", nameof(o)),
    };

    public override byte[] ToBinary(object obj) => JsonSerializer.SerializeToUtf8Bytes(obj, obj.GetType());

    /// <exception cref="JournalException">Another release's, or damaged.</exception>
    public override object FromBinary(byte[] bytes, string manifest)
    {
        try
        {
            return manifest switch
            {
                RecordManifest => JsonSerializer.Deserialize<HistoryRecord>(bytes)!,
                SnapshotManifest => JsonSerializer.Deserialize<HistorySnapshot>(bytes)!,
                _ => throw new JournalException(JournalFault.OtherFormat, $"'{manifest}' is nothing that this release knows in a history. Run the release that wrote it."),
            };
        }
        catch (JsonException failure)
        {
            throw new JournalException(JournalFault.Damaged, $"An event of a history can't be read: {failure.Message}", failure);
        }
    }
}

/// <summary>One event of a volume, as it is kept.</summary>
public sealed record HistoryRecord(Guid Volume, VolumeEvent Event);

/// <summary>All that is kept.</summary>
public sealed record HistorySnapshot(IReadOnlyList<HistoryRecord> Records);
