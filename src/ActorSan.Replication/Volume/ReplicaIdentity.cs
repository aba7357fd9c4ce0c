using ActorSan.Replication.Core.Formats;
using ActorSan.Storage.Stores;

namespace ActorSan.Replication.Volume;

/// <summary>Whose replica a store is (I6, I7): looked at before anything is written to it, when it is loaded.</summary>
public static class ReplicaIdentity
{
    /// <summary>Null: its page was never written, or its first write was torn: nobody has relied on it yet.</summary>
    /// <param name="page">The content of the State page.</param>
    /// <param name="store">For people.</param>
    /// <param name="name">Of the volume, for people.</param>
    /// <exception cref="StoreException">Damaged, or of another volume or node. It is left as it is.</exception>
    public static ReplicaState? Read(ReadOnlySpan<byte> page, string store, string name, Guid volumeId, string node) =>
        page.IsEmpty ? null
        : !ReplicaState.TryRead(page, out ReplicaState? read, out ContentFault wrong)
            ? throw new StoreException(StoreFault.Damaged, $"{store}: {wrong.Sentence}. It is left as it is; replace the replica ('pbm … replica replace'), or put the store back.")
        : read.VolumeId != volumeId
            ? throw new StoreException(StoreFault.Mismatch, $"{store} is a replica of volume id {read.VolumeId}, not of {name} ({volumeId}). It is left as it is: put the right store in its place.")
        : read.Node != node
            ? throw new StoreException(StoreFault.Mismatch, $"{store} is the replica of node {read.Node}, and this is {node}. It is left as it is: give it back to its node, or remove it and let this node resync into a new one.")
        : read;
}
