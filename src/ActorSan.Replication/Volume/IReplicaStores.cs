using ActorSan.Storage.Metadata;
using ActorSan.Storage.Stores;

namespace ActorSan.Replication.Volume;

/// <summary>A store with its metadata area, opened, checked and replayed, and not on a thread yet.</summary>
public sealed class LoadedReplica(IStoreHandle handle, VolumeMetadata metadata) : IDisposable
{
    public IStoreHandle Handle { get; } = handle;

    /// <summary>Loaded as a replica's.</summary>
    public VolumeMetadata Metadata { get; } = metadata;

    public void Dispose()
    {
        Metadata.Dispose();
        Handle.Dispose();
    }
}

/// <summary>Where a node's replica of a volume is.</summary>
public interface IReplicaStores
{
    /// <summary>Blocks: never on an I/O thread.</summary>
    /// <exception cref="StoreException">With what to do.</exception>
    LoadedReplica Load();
}
