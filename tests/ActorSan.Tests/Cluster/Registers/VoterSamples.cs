using ActorSan.Replication.Core.Register;
using ActorSan.Replication.Core.Values;

namespace ActorSan.Tests.Cluster.Registers;

/// <summary>Records and values such as a voter writes.</summary>
internal static class VoterSamples
{
    public static readonly RegisterKey Key = new("volume/1", Id(1));

    public static Guid Id(int number) => new(number, 0, 0, [0, 0, 0, 0, 0, 0, 0, 0]);

    public static Ballot Ballot(long counter, string node = "a") => new(counter, node, Id(7));

    public static Configuration Value(RegisterKey key, long version, long epoch, string? primary, params VoterId[] voters) => new()
    {
        VolumeId = Id(50),
        Lineage = key.Lineage,
        Version = version,
        Epoch = epoch,
        Reign = epoch,
        SizeBytes = 1 << 30,
        Primary = primary is null ? null : new PrimaryId(primary, Id(7)),
        InSync = [new Member("a", Id(60), Id(61))],
        Replicas = [new ReplicaEntry("a", Id(60)), new ReplicaEntry("b", Id(62), HighestMark: 9, LeftAt: 8)],
        Voters = [.. voters],
    };

    public static PromisedRecord Promise(long counter, RegisterKey? key = null) => new(key ?? Key, Ballot(counter));

    public static AcceptedRecord Acceptance(long counter, RegisterKey? key = null) => new(key ?? Key, Ballot(counter), Value(key ?? Key, counter, counter, "a", new VoterId("v", Id(100))));

    /// <summary>What a state amounts to, in an order that does not matter to a voter.</summary>
    public static IEnumerable<string> Sorted(IReadOnlyList<VoterRecord> records) => records.Select(record => record.ToString()!).Order(StringComparer.Ordinal);
}
