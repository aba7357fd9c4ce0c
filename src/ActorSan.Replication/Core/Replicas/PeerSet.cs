using ActorSan.Replication.Core.Intent;

namespace ActorSan.Replication.Core.Replicas;

/// <summary>The out-of-sync set that this replica keeps for one that is out (S1), in one of the places of the metadata area.</summary>
public sealed class PeerSet
{
    internal PeerSet(int place, string node, Guid incarnation, OutOfSyncSet set)
    {
        Place = place;
        Node = node;
        Incarnation = incarnation;
        Set = set;
    }

    public string Node { get; }

    public Guid Incarnation { get; internal set; }

    public OutOfSyncSet Set { get; }

    /// <summary>0, 1 or 2.</summary>
    internal int Place { get; }
}
