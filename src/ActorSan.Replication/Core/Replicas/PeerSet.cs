using ActorSan.Replication.Core.Frames;
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

    /// <summary>Of the place: in every page of this set.</summary>
    internal long Generation { get; init; }

    /// <summary>The state page that names its place is durable: its pages count from then on.</summary>
    internal bool IsPlaced { get; set; }

    /// <summary>§3, Protocols: what joined <see cref="Set"/> since the turn began, and what was not settled then. Null: no turn is under way.</summary>
    internal OutOfSyncSet? Since { get; private set; }

    /// <summary>Which turn, as its primary names it; 0: none.</summary>
    internal long Turn { get; private set; }

    internal void Add(ByteRange range)
    {
        Set.Add(range);
        Since?.Add(range);
    }

    internal void AddAll()
    {
        Set.AddAll();
        Since?.AddAll();
    }

    internal void Grow(long sizeBytes)
    {
        Set.Grow(sizeBytes);
        Since?.Grow(sizeBytes);
    }

    internal void BeginTurn(long turn, OutOfSyncSet since) => (Turn, Since) = (turn, since);

    /// <summary>The first set is dropped: the replica has what is only in it, and will not lose it.</summary>
    internal void Keep()
    {
        if (Since is { } since)
        {
            Set.Clear();
            Set.Merge(since);
            Join();
        }
    }

    /// <summary>The two sets are one again: the first has everything that the second has.</summary>
    internal void Join() => (Turn, Since) = (0, null);
}
