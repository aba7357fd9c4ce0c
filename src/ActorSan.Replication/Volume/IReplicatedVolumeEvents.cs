using ActorSan.Replication.Core.Engine;
using ActorSan.Storage.Stores;

namespace ActorSan.Replication.Volume;

/// <summary>What a volume tells its node, on its home thread: handed on at once.</summary>
public interface IReplicatedVolumeEvents
{
    /// <summary>For the volume's control side, in order.</summary>
    void Happened(EngineEvent happened);

    /// <summary>The replica is open in a new session, and knows what it was told last.</summary>
    /// <param name="remembersNothing">It has no configuration of its own lineage: the value that the volume began with is where to start from.</param>
    void ReplicaOpened(bool remembersNothing);

    /// <summary>It can't be opened, and is tried again; the sentence says why.</summary>
    void ReplicaUnavailable(StoreFault fault, string reason);

    /// <summary>From here on this node's replica serves: reads and writes, and attributes are complete (W12). Before the first operation is admitted.</summary>
    /// <param name="reign">Of the role; 1 is the volume's first.</param>
    void Serves(long reign);

    /// <summary>It serves no more; what it had in hand has ended, or ends, as Deposed.</summary>
    void ServesNoMore();
}
