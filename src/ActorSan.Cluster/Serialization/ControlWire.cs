using System.Collections.Frozen;
using ActorSan.Cluster.Control;
using ActorSan.Replication.Core.Control;
using ActorSan.Replication.Core.Leases;
using ActorSan.Replication.Core.Register;
using ActorSan.Replication.Core.Values;

namespace ActorSan.Cluster.Serialization;

/// <summary>Which control messages there are on the wire, in which versions, and of which types they consist.</summary>
public sealed class ControlWire
{
    // The place of a type is its number on the wire: new ones go to the end, none is ever taken out.
    private static readonly WireType[] AllowedTypes =
    [
        new(typeof(Prepare)), new(typeof(Accept)), new(typeof(Begin)), new(typeof(Learn)), new(typeof(Promise)), new(typeof(Lower)), new(typeof(Leased)), new(typeof(Unknown)),
        new(typeof(Accepted)), new(typeof(Begun)), new(typeof(WouldBegin)), new(typeof(BeginRefused)), new(typeof(VoterQuery)), new(typeof(VoterReply)), new(typeof(CatalogQuery)),
        new(typeof(CatalogReply)), new(typeof(Renew)), new(typeof(Granted)), new(typeof(RenewUnknown)), new(typeof(Release)), new(typeof(MemberQuery)), new(typeof(MemberReply)),
        new(typeof(HandOver)), new(typeof(GrowWish)), new(typeof(Together)), new(typeof(HandOverWish)), new(typeof(ChangeWish)), new(typeof(ChangeAnswer)),

        new(typeof(RegisterKey)), new(typeof(VoterId)), new(typeof(PrimaryId)), new(typeof(Ballot), MayBeDefault: true), new(typeof(UnknownReason)), new(typeof(HeldRegister)),
        new(typeof(DecidedCatalog)), new(typeof(LeaseRequest)), new(typeof(LeaseAnswer)), new(typeof(LeaseVerdict)), new(typeof(Member)), new(typeof(ReplicaEntry)),
        new(typeof(ReplicationProtocol)), new(typeof(NoQuorumPolicy)), new(typeof(VolumeSettings)), new(typeof(Configuration)),

        new(typeof(ChangeOutcome)), new(typeof(ChangeEnd)), new(typeof(ChangeReason)), new(typeof(AddReplica)), new(typeof(RemoveReplica)), new(typeof(ReplaceReplica)),
        new(typeof(AddVoter)), new(typeof(RemoveVoter)), new(typeof(ChangeVoters)), new(typeof(ChangeSettings)), new(typeof(DetachReplica)), new(typeof(AttachReplica)),
        new(typeof(DeleteVolume)),

        new(typeof(ValueList<string>)), new(typeof(ValueList<Guid>)), new(typeof(ValueList<VoterId>)), new(typeof(ValueList<Member>)), new(typeof(ValueList<ReplicaEntry>)),
        new(typeof(ValueList<LeaseRequest>)), new(typeof(ValueList<LeaseAnswer>)),

        new(typeof(DocumentValue)), new(typeof(MakeReplica)), new(typeof(ReplicaMade)), new(typeof(NodeHello)), new(typeof(NodePortal)), new(typeof(ValueList<NodePortal>)),
        new(typeof(NodeQuestion)), new(typeof(NodeAnswer)),
    ];

    private static readonly WireContract[] SpokenMessages =
    [
        WireContract.Of<Prepare>("prepare", 1, ControlLane.Register),
        WireContract.Of<Accept>("accept", 1, ControlLane.Register),
        WireContract.Of<Begin>("begin", 1, ControlLane.Register),
        WireContract.Of<Learn>("learn", 1, ControlLane.Register),
        WireContract.Of<Promise>("promise", 1, ControlLane.Register),
        WireContract.Of<Lower>("lower", 1, ControlLane.Register),
        WireContract.Of<Leased>("leased", 1, ControlLane.Register),
        WireContract.Of<Unknown>("unknown", 1, ControlLane.Register),
        WireContract.Of<Accepted>("accepted", 1, ControlLane.Register),
        WireContract.Of<Begun>("begun", 1, ControlLane.Register),
        WireContract.Of<WouldBegin>("would-begin", 1, ControlLane.Register),
        WireContract.Of<BeginRefused>("begin-refused", 1, ControlLane.Register),
        WireContract.Of<VoterQuery>("voter-query", 1, ControlLane.Register),
        WireContract.Of<VoterReply>("voter-reply", 1, ControlLane.Register),
        WireContract.Of<CatalogQuery>("catalog-query", 1, ControlLane.Register),
        WireContract.Of<CatalogReply>("catalog-reply", 1, ControlLane.Register),
        WireContract.Of<Renew>("renew", 1, ControlLane.Lease),
        WireContract.Of<Granted>("granted", 1, ControlLane.Lease),
        WireContract.Of<RenewUnknown>("renew-unknown", 1, ControlLane.Lease),
        WireContract.Of<Release>("release", 1, ControlLane.Lease),
        WireContract.Of<MemberQuery>("member-query", 1, ControlLane.Register),
        WireContract.Of<MemberReply>("member-reply", 1, ControlLane.Register),
        WireContract.Of<HandOver>("hand-over", 1, ControlLane.Register),
        WireContract.Of<GrowWish>("grow-wish", 1, ControlLane.Register),
        WireContract.Of<Together>("together", 1, ControlLane.Register),
        WireContract.Of<HandOverWish>("hand-over-wish", 1, ControlLane.Register),
        WireContract.Of<ChangeWish>("change-wish", 1, ControlLane.Register),
        WireContract.Of<ChangeAnswer>("change-answer", 1, ControlLane.Register),
        WireContract.Of<MakeReplica>("make-replica", 1, ControlLane.Register),
        WireContract.Of<ReplicaMade>("replica-made", 1, ControlLane.Register),
        WireContract.Of<NodeHello>("node-hello", 1, ControlLane.Register),
        WireContract.Of<NodeQuestion>("node-question", 1, ControlLane.Register),
        WireContract.Of<NodeAnswer>("node-answer", 1, ControlLane.Register),
    ];

    private readonly FrozenDictionary<string, WireContract> _read;
    private readonly FrozenDictionary<Type, WireContract> _written;

    /// <exception cref="ArgumentException">A version stands twice, a message has two versions that are written, or a type has no form on the wire.</exception>
    public ControlWire(IReadOnlyList<WireType> types, IReadOnlyList<WireContract> messages)
    {
        Types = new WireTypes(types);
        foreach (WireContract message in messages)
        {
            if (!Types.Contains(message.Shape))
            {
                throw new ArgumentException($"{WireTypes.NameOf(message.Shape)}, the shape of {message.Manifest}, is not in the list of types.");
            }
        }

        // By way of a dictionary, which refuses what stands twice.
        _read = messages.ToDictionary(message => message.Manifest, StringComparer.Ordinal).ToFrozenDictionary(StringComparer.Ordinal);
        _written = messages.Where(message => message.ToShape is not null).ToDictionary(message => message.Message).ToFrozenDictionary();
        Form = new HyperionForm(Types);
    }

    /// <summary>What this release speaks.</summary>
    public static ControlWire Current { get; } = new(AllowedTypes, SpokenMessages);

    public WireTypes Types { get; }

    /// <summary>The versions that are read, in no order.</summary>
    public IReadOnlyList<WireContract> Messages => _read.Values;

    internal HyperionForm Form { get; }

    /// <summary>Null: this message is not on the wire.</summary>
    public WireContract? Written(Type message) => _written.GetValueOrDefault(message);

    /// <summary>Null: no such message, or no such version of it.</summary>
    public WireContract? Read(string manifest) => _read.GetValueOrDefault(manifest);
}
