using ActorSan.Cluster.Settings;
using ActorSan.Replication.Core.Values;
using ActorSan.Replication.Volume;
using ActorSan.Storage.Metadata;
using ActorSan.Storage.Stores;

namespace ActorSan.Cluster.Engines;

/// <summary>
/// Where this node keeps its replicas: a file for each volume, named by its id. Everything here blocks: never on an I/O thread nor on the control loop. A directory that is not there is
/// refused, not made: a mount that is missing must not look like an empty disk (nor may its mount point: <see cref="StoreMount"/>).
/// </summary>
/// <param name="path">Absolute.</param>
/// <param name="direct">O_DIRECT.</param>
/// <param name="thick">All space is taken when a store is made.</param>
/// <param name="node">Whose replicas they are: another's store is refused before anything is written to it.</param>
public sealed class ReplicaStoreDirectory(string path, bool direct, bool thick, string node)
{
    public string Path { get; } = path;

    /// <summary>Null: the node is a witness.</summary>
    public static ReplicaStoreDirectory? Of(NodeSettings settings) =>
        settings.Cluster is { Role: NodeRole.Storage, Stores: { } stores } ? new ReplicaStoreDirectory(stores.Directory, stores.Direct, stores.Thick, settings.Name) : null;

    public string PathOf(Guid volumeId) => System.IO.Path.Combine(Path, $"{volumeId:N}.store");

    public bool Has(Guid volumeId) => File.Exists(PathOf(volumeId));

    /// <summary>The store is there, formatted; returns its incarnation, or null where it is open already.</summary>
    /// <exception cref="StoreException">With what to do.</exception>
    public Guid? Make(Guid volumeId, string name, long sizeBytes, int logicalBlockBytes, int physicalBlockBytes)
    {
        try
        {
            using LoadedReplica loaded = OpenOrMake(volumeId, name, sizeBytes, logicalBlockBytes, physicalBlockBytes);
            return loaded.Metadata.Incarnation;
        }
        catch (StoreException failure) when (failure.Fault == StoreFault.InUse)
        {
            return null;
        }
    }

    /// <summary>The replica of a volume that the catalog names. One that is not there is made new: it is out of sync wholly, and the primary brings it up to date (S1).</summary>
    public IReplicaStores Of(Guid volumeId, string name, Configuration first, int logicalBlockBytes, int physicalBlockBytes) =>
        new One(() => OpenOrMake(volumeId, name, first.SizeBytes, logicalBlockBytes, physicalBlockBytes));

    /// <summary>Of a volume that was deleted.</summary>
    public void Delete(Guid volumeId)
    {
        File.Delete(PathOf(volumeId));
        StoreOpener.SyncDirectoryOf(PathOf(volumeId));
    }

    /// <summary>A store that was made for a volume that did not come about. Another one, or one that is open, stays.</summary>
    public void Unmake(Guid volumeId, Guid incarnation, string name, long sizeBytes, int logicalBlockBytes, int physicalBlockBytes)
    {
        if (Has(volumeId) && Make(volumeId, name, sizeBytes, logicalBlockBytes, physicalBlockBytes) == incarnation)
        {
            Delete(volumeId);
        }
    }

    private LoadedReplica OpenOrMake(Guid volumeId, string name, long sizeBytes, int logicalBlockBytes, int physicalBlockBytes)
    {
        if (!Directory.Exists(Path))
        {
            throw new StoreException(StoreFault.Missing, $"the directory of replicas {Path} is not there: mount its file system, or make it, or change actorsan.cluster.stores.directory");
        }

        string file = PathOf(volumeId);
        bool isNew = !File.Exists(file);
        IStoreHandle handle = StoreOpener.Open(new StoreOptions { Path = file, Direct = direct, Create = isNew });
        try
        {
            var expected = new VolumeExpectation
            {
                VolumeId = volumeId,
                LogicalBlockBytes = logicalBlockBytes,
                ReplicaPage = page => _ = ReplicaIdentity.Read(page, handle.Description, name, volumeId, node),
            };
            try
            {
                return new LoadedReplica(handle, VolumeMetadata.Load(handle, expected, replicated: true));
            }
            catch (StoreException failure) when (failure.Fault == StoreFault.Unformatted)
            {
                // New, or its format was cut short before it held anything.
                _ = VolumeFormat.Format(handle, new FormatRequest
                {
                    VolumeId = volumeId,
                    Label = name,
                    SizeBytes = sizeBytes,
                    GrowLimitBytes = VolumeFormat.ReplicaGrowLimit(sizeBytes),
                    LogicalBlockBytes = logicalBlockBytes,
                    PhysicalBlockBytes = physicalBlockBytes,
                    Thick = thick,

                    // Of a file that begins with zeroes and goes on with something nobody knows what it was: that one is refused.
                    Force = VolumeFormat.IsBegun(handle),
                });
                return new LoadedReplica(handle, VolumeMetadata.Load(handle, expected, replicated: true));
            }
        }
        catch
        {
            handle.Dispose();
            if (isNew)
            {
                // The file was ours, and holds nothing.
                File.Delete(file);
            }

            throw;
        }
    }

    private sealed class One(Func<LoadedReplica> load) : IReplicaStores
    {
        public LoadedReplica Load() => load();
    }
}
