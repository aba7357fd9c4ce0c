using ActorSan.Replication.Core.Frames;
using ActorSan.Replication.Core.Intent;

namespace ActorSan.Replication.Core.Replicas;

/// <summary>
/// §3, Protocols: how the set of a replica that is never in sync, and its own intents, become small again. A turn: members begin a second set, the replica brings all it has to
/// its medium, and when what it has can't be taken back either, the first sets go and so do its older intents.
/// </summary>
public sealed unsafe partial class Replica
{
    /// <summary>At a member. What is not settled yet may be taken back by a failover: it is in the second set, too.</summary>
    public void BeginSecondSet(string node, Guid incarnation, long turn)
    {
        if (SetOf(node) is not { } set || set.Incarnation != incarnation)
        {
            return;
        }

        var since = new OutOfSyncSet(SizeBytes, (int)Options.GranuleBytes);
        foreach (ByteRange range in UnsettledRanges())
        {
            since.Add(range);
        }

        set.BeginTurn(turn, since);
        if (_bugs.Has(Bug.DropFirstSetAtTurn))
        {
            set.Keep();
        }
    }

    public void KeepSecondSet(long turn)
    {
        foreach (PeerSet set in _sets)
        {
            if (set.Turn == turn && turn != 0)
            {
                set.Keep();
            }
        }
    }

    /// <summary>Nothing more will be heard of the turns that are under way.</summary>
    public void JoinSecondSets()
    {
        foreach (PeerSet set in _sets)
        {
            set.Join();
        }
    }

    /// <summary>At the replica itself: what is written from here on keeps its intent.</summary>
    public void BeginOwnTurn() => Intent.ResetTouched();

    /// <summary>What it had when the turn began is flushed, complete everywhere, and in no set any more.</summary>
    public void EndOwnTurn()
    {
        for (int chunk = 0; chunk < Intent.ChunkCount; chunk++)
        {
            if (Intent.IsSet(chunk) && !Intent.IsTouched(chunk))
            {
                Intent.Clear(chunk);
            }
        }

        Intent.WriteCleared();
    }
}
