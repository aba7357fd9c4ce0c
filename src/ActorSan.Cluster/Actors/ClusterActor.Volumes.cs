using ActorSan.Cluster.Catalog;
using ActorSan.Cluster.Engines;
using ActorSan.Cluster.Messages;
using ActorSan.Replication.Volume;
using ActorSan.Storage.Stores;
using Akka.Actor;
using Akka.Event;

namespace ActorSan.Cluster.Actors;

/// <summary>The volumes that the catalog names: offered to the targets, given a replica, ended.</summary>
public sealed partial class ClusterActor
{
    private void Offer(Entry entry)
    {
        if (entry.Unit is not { } unit)
        {
            return;
        }

        TellPortGroups(entry);
        var summary = new VolumeSummary(entry.Catalog.Name, entry.Catalog.Id, unit.Volume.Geometry.SizeBytes, entry.Catalog.LogicalBlockBytes, _home!.Options.Index, null);
        Context.Parent.Tell(new VolumeAvailable(entry.Catalog.Name, unit, summary));
        _log.Info("Volume {Volume} is known here: id {VolumeId}, {SizeBytes} bytes, {Replica}", entry.Catalog.Name, entry.Catalog.Id, unit.Volume.Geometry.SizeBytes,
            entry.HasReplica ? "with a replica on this node" : "no replica on this node");
    }

    // S7: a volume is deleted when its own register says so. A catalog that names it no more may come of journals that were put back, or be another one: it ends nothing by itself (I6).
    private void EndIfDeleted(Entry entry)
    {
        if (entry.Side is { } side && _side is { } all)
        {
            Guid id = entry.Catalog.Id;
            _loop.Invoke(() => new VolumeEnded(id, all.RemoveIfDeleted(side), side.Control is not null)).PipeTo(Self, failure: _ => new VolumeEnded(id, false, false));
        }
    }

    private void OnVolumeEnded(VolumeEnded ended)
    {
        if (!_volumes.TryGetValue(ended.VolumeId, out Entry? entry))
        {
            return;
        }

        if (!ended.IsDeleted)
        {
            _log.Warning("The catalog names volume {Volume} no more, and its own register does not say that it was deleted: the replica {Path} is kept. If it is heard of, it goes; else remove it by hand when you are sure",
                entry.Catalog.Name, _stores?.PathOf(ended.VolumeId));
            return;
        }

        _ = _volumes.Remove(ended.VolumeId);
        _log.Info("Volume {Volume} was deleted", entry.Catalog.Name);
        if (entry.Unit is not { } unit)
        {
            return;
        }

        ReplicaStoreDirectory stores = _stores!;
        ILoggingAdapter log = _log;
        Guid id = ended.VolumeId;
        bool hadReplica = ended.HadReplica;
        unit.Close().ContinueWith(_ =>
        {
            try
            {
                if (hadReplica)
                {
                    stores.Delete(id);
                }
            }
            catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or StoreException)
            {
                log.Warning("The store of a deleted volume is left: {Path}: {Reason}", stores.PathOf(id), failure.Message);
            }
        }, TaskScheduler.Default);
    }

    // A replica that this node was given after the volume began: its store may have been made just now, or be gone with its disk, and then it is made anew (S1).
    private void BeginReplica(Entry entry)
    {
        if (!entry.HasReplica && !_isStopping && _stores is { } stores && entry.Side is { } one && _side is { } side
            && (entry.IsMade || entry.Latest is { Deleted: false } latest && latest.ReplicaOf(_settings.Name) is not null))
        {
            entry.HasReplica = true;
            CatalogVolume volume = entry.Catalog;
            IReplicaStores own = stores.Of(volume.Id, volume.Name, one.First, volume.LogicalBlockBytes, volume.PhysicalBlockBytes);
            _loop.Post(() => side.BeginReplica(one, own));
        }
    }

    // A volume that this node knew without a replica has one now.
    private void OnReplicaThere(Guid volumeId)
    {
        if (_volumes.TryGetValue(volumeId, out Entry? entry))
        {
            entry.IsMade = true;
            BeginReplica(entry);
        }
    }
}
