using ActorSan.Replication.Core.Control;
using ActorSan.Replication.Core.Leases;
using ActorSan.Replication.Core.Ports;
using ActorSan.Replication.Core.Register;
using ActorSan.Replication.Core.Values;

namespace ActorSan.Tests.Cluster.Serialization;

/// <summary>Messages whose bytes are known: together they have every kind of field.</summary>
internal static class ControlGoldens
{
    private static readonly Guid Id = new("00112233-4455-6677-8899-aabbccddeeff");
    private static readonly RegisterKey Key = new("volume/1", Id);
    private static readonly VoterId Voter = new("hera", Id);

    public static ControlMessage[] Messages { get; } =
    [
        new VoterQuery("atlas", Key),
        new Begun(Key, Voter, 5, 4),
        new Renew("atlas", Id, Voter, 4, 17, 3_000_000_000, [new LeaseRequest(Key, 2), new LeaseRequest(Key, 3)]),
        new MemberReply("zeus", Key, 9, new Member("zeus", Id, Id), true, 44),
        new Learn("atlas", Key, new Configuration
        {
            VolumeId = Id,
            Lineage = Id,
            Version = 2,
            Epoch = 3,
            Reign = 3,
            Primary = new PrimaryId("atlas", Id),
            Parents = [Id],
            InSync = [new Member("atlas", Id, Id)],
            Replicas = [new ReplicaEntry("atlas", Id), new ReplicaEntry("zeus", Id, ReplicationProtocol.A, 7, 6, true)],
            Voters = [Voter],
            SizeBytes = 1 << 20,
            Settings = new VolumeSettings { OnNoQuorum = NoQuorumPolicy.Fail, PreferredPrimary = "atlas" },
        }),
        new ChangeWish("zeus", Key, Id, 1, new ChangeVoters(["atlas", "zeus"])),
    ];
}
