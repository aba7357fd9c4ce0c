using ActorSan.Cluster.Engines;
using ActorSan.Cluster.Settings;
using ActorSan.Iscsi;
using ActorSan.Scsi;
using ActorSan.Storage.Blocks;
using ActorSan.Storage.Metadata;
using ActorSan.Storage.Stores;
using ActorSan.Storage.Threads;
using ActorSan.Storage.Volumes;
using Serilog;

namespace ActorSan.Node.Engines;

/// <summary>Opens volumes: the store on a thread of the pool, because that blocks, and then the volume on its home thread.</summary>
internal sealed class VolumeEngine(NodeSettings node, ILogger log) : IVolumeEngine
{
    public async Task<IOpenVolume> Open(VolumeSettings settings, IoThread home, IVolumeObserver observer)
    {
        Prepared prepared;
        try
        {
            prepared = await Task.Run(() => settings.Kind == StoreKind.Memory ? PrepareMemory(settings) : Prepare(settings)).ConfigureAwait(false);
        }
        catch (StoreException failure)
        {
            throw new VolumeOpenException(failure.Message, mayPass: failure.Fault is StoreFault.Missing or StoreFault.InUse);
        }

        try
        {
            return await home.Invoke(() => OpenOn(home, settings, prepared, observer)).ConfigureAwait(false);
        }
        catch (Exception failure) when (failure is StoreException or InvalidOperationException)
        {
            prepared.Dispose();
            throw new VolumeOpenException(failure.Message, mayPass: false);
        }
    }

    private static Prepared PrepareMemory(VolumeSettings settings) => new()
    {
        Handle = StoreOpener.OpenMemory(settings.SizeBytes!.Value),
        Transient = new TransientMetadata(VolumeStores.FormatOf(settings, key: null, force: false)),
    };

    private Prepared Prepare(VolumeSettings settings)
    {
        NodeKey? key = VolumeStores.ReadKey(settings);
        IStoreHandle? handle = null;
        try
        {
            bool mayFormat = settings.Format == FormatPolicy.IfMissing && !settings.ReadOnly;
            handle = mayFormat ? VolumeStores.Make(settings) : VolumeStores.Open(settings, settings.ReadOnly);
            VolumeMetadata metadata = Load(settings, handle, key, mayFormat);
            foreach (string note in metadata.Report.Notes)
            {
                log.Information("Volume {Volume}: {Note:l}", settings.Name, note);
            }

            if (metadata.Report.Replayed.Count > 0)
            {
                log.Information("Volume {Volume}: {Count} writes were put into place from their redo slots", settings.Name, metadata.Report.Replayed.Count);
            }

            return new Prepared { Handle = handle, Stored = metadata, Key = key };
        }
        catch
        {
            handle?.Dispose();
            key?.Dispose();
            throw;
        }
    }

    private VolumeMetadata Load(VolumeSettings settings, IStoreHandle handle, NodeKey? key, bool mayFormat)
    {
        try
        {
            return VolumeMetadata.Load(handle, VolumeStores.ExpectationOf(settings), key);
        }
        catch (StoreException failure) when (failure.Fault == StoreFault.Unformatted && mayFormat)
        {
            Superblock made = VolumeFormat.Format(handle, VolumeStores.FormatOf(settings, key, force: false));
            log.Information("Volume {Volume}: {Store} was empty and has been formatted, volume id {VolumeId}", settings.Name, handle.Description, made.VolumeId);
            return VolumeMetadata.Load(handle, VolumeStores.ExpectationOf(settings), key);
        }
    }

    private OpenVolume OpenOn(IoThread home, VolumeSettings settings, Prepared prepared, IVolumeObserver observer)
    {
        IStore store = prepared.Handle.Attach(home);
        IVolumeMetadata metadata = prepared.Stored?.Attach(store) ?? prepared.Transient!;
        XtsCipher? cipher = null;
        try
        {
            if (prepared.Stored?.Superblock.Encryption == EncryptionMode.Aes256Xts)
            {
                cipher = new XtsCipher(metadata.DataKey, metadata.Geometry.LogicalBlockBytes);
                store = new EncryptedStore(store, cipher, metadata.DataOffsetBytes);
            }

            var volume = new LocalVolume(
                new LocalVolumeOptions { Name = settings.Name, WriteCache = settings.WriteCache, ReadOnly = settings.ReadOnly, Thin = !(prepared.Stored?.Superblock.Thick ?? false) },
                store,
                metadata,
                cipher);
            volume.AddObserver(observer);
            return new OpenVolume(node, volume, prepared);
        }
        catch
        {
            store.Close(null);
            cipher?.Dispose();
            throw;
        }
    }

    /// <summary>A store that has been opened, checked and, where that was due, formatted and replayed; not on a thread yet.</summary>
    private sealed class Prepared : IDisposable
    {
        public required IStoreHandle Handle { get; init; }

        public VolumeMetadata? Stored { get; init; }

        public TransientMetadata? Transient { get; init; }

        public NodeKey? Key { get; init; }

        public void Dispose()
        {
            Handle.Dispose();
            ForgetKeys();
        }

        public void ForgetKeys()
        {
            Stored?.Dispose();
            Key?.Dispose();
        }
    }

    private sealed class OpenVolume(NodeSettings node, LocalVolume volume, Prepared prepared) : IOpenVolume
    {
        private readonly Lock _gate = new();
        private BlockDevice? _unit;

        public IBlockVolume Volume => volume;

        public LogicalUnit UnitOf(LunConfiguration lun)
        {
            lock (_gate)
            {
                if (_unit is null)
                {
                    BlockDevice unit = new(volume, SettingsOf(lun));
                    _unit = unit;

                    // Before any session's attachment, which comes by the same queue and later.
                    _ = volume.Home.Post(unit.Open);
                }

                return _unit;
            }
        }

        public Task Close()
        {
            var closed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            bool taken = volume.Home.Post(() =>
            {
                _unit?.Close();
                volume.Close(fault =>
                {
                    prepared.ForgetKeys();
                    if (fault is null)
                    {
                        closed.SetResult();
                    }
                    else
                    {
                        closed.SetException(new IOException(fault));
                    }
                });
            });
            return taken ? closed.Task : Task.FromException(new IOException($"I/O thread {volume.Home.Name} has stopped: nothing was flushed"));
        }

        private LogicalUnitSettings SettingsOf(LunConfiguration lun)
        {
            // Every way to the volume: the portal groups of all targets that have it.
            PortalGroupSettings[] groups =
            [
                .. node.Targets.Where(target => target.Luns.Any(other => other.Volume == lun.Volume)).SelectMany(target => target.PortalGroups)
                    .DistinctBy(group => group.GroupTag).OrderBy(group => group.RelativePortId),
            ];
            return new LogicalUnitSettings
            {
                Removable = lun.Removable,
                WriteProtected = lun.ReadOnly,
                TargetPorts = [.. groups.Select(group => group.RelativePortId)],
                PortGroups =
                [
                    .. groups.GroupBy(group => group.PortGroupId).OrderBy(group => group.Key)
                        .Select(group => new TargetPortGroup { Id = group.Key, RelativePorts = [.. group.Select(port => port.RelativePortId)] }),
                ],
                SanitizeMaxRateBytes = node.Scsi.SanitizeMaxRateBytes,
                MaxTasks = node.Scsi.MaxTasks,
                MaxTransferBytes = node.Scsi.MaxTransferBytes,
                MaxUnmapBytes = node.Scsi.MaxUnmapBytes,
                MaxRegistrations = node.Scsi.MaxRegistrations,
                MaxConcurrentCopies = node.Scsi.MaxConcurrentCopies,
                MaxCopySegmentBytes = node.Scsi.MaxCopySegmentBytes,
            };
        }
    }
}
