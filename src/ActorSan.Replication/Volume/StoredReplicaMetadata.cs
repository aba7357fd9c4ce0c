using ActorSan.Replication.Core.Ports;
using ActorSan.Storage;
using ActorSan.Storage.Blocks;
using ActorSan.Storage.Metadata;
using ActorSan.Storage.Stores;

namespace ActorSan.Replication.Volume;

/// <summary>The metadata area of an open store as a replica sees it. Carries requests over and allocates nothing once as many are there as were under way together.</summary>
public sealed unsafe class StoredReplicaMetadata : IReplicaMetadata
{
    private readonly IVolumeMetadata _volume;
    private readonly IMetadataPages _pages;
    private readonly Stack<Carrier> _spare = new();

    /// <param name="loaded">Loaded as a replica; attached by this.</param>
    /// <param name="store">The store that it was loaded from, below any encryption.</param>
    public StoredReplicaMetadata(VolumeMetadata loaded, IStore store)
        : this(loaded.Attach(store), loaded.AttachPages(store), loaded.Report.WasClean)
    {
    }

    public StoredReplicaMetadata(IVolumeMetadata volume, IMetadataPages pages, bool wasClean)
    {
        _volume = volume;
        _pages = pages;
        WasClean = wasClean;
    }

    public bool WasClean { get; }

    public Guid VolumeId => _volume.VolumeId;

    public VolumeGeometry Geometry => _volume.Geometry;

    public long DataOffsetBytes => _volume.DataOffsetBytes;

    public int MaxAttributeBytes => _volume.MaxAttributeBytes;

    public int RedoSlotBytes => _volume.RedoSlotBytes;

    public int RedoSlotCount => _volume.RedoSlotCount;

    public ReadOnlySpan<byte> DataKey => _volume.DataKey;

    public int PageCount(ReplicaPageKind kind) => _pages.PageCount(KindOf(kind));

    public int PageContentBytes(ReplicaPageKind kind) => _pages.PageContentBytes(KindOf(kind));

    public ReadOnlySpan<byte> LoadedPage(ReplicaPageKind kind, int peer, int index, out PageHealth health)
    {
        ReadOnlySpan<byte> content = _pages.LoadedPage(KindOf(kind), peer, index, out MetadataPageHealth found);
        health = found switch
        {
            MetadataPageHealth.Blank => PageHealth.Blank,
            MetadataPageHealth.Sound => PageHealth.Sound,
            _ => PageHealth.Doubtful,
        };
        return content;
    }

    public long GrowLimitBytes => _volume.GrowLimitBytes;

    public bool IsThick => _volume.IsThick;

    public void Extend(MetadataRequest request) => _volume.Extend(request);

    public void SetSize(MetadataRequest request) => _volume.SetSize(request);

    /// <summary>Whoever has read what it wants gives the memory back.</summary>
    public void ReleaseLoaded() => _pages.ReleaseLoaded();

    public void WritePage(PageWrite request)
    {
        request.Status = StoreStatus.Pending;
        Carrier carrier = _spare.TryPop(out Carrier? spare) ? spare : new Carrier(this);
        carrier.Carry(request);
        _pages.WritePage(carrier);
    }

    public ReadOnlySpan<byte> GetAttribute(VolumeAttribute attribute) => _volume.GetAttribute(attribute);

    public void SetAttribute(MetadataRequest request) => _volume.SetAttribute(request);

    public void WriteRedo(MetadataRequest request) => _volume.WriteRedo(request);

    public void ClearRedo(MetadataRequest request) => _volume.ClearRedo(request);

    public void MarkDirty(MetadataRequest request) => _volume.MarkDirty(request);

    public void MarkClean(MetadataRequest request) => _volume.MarkClean(request);

    public void ReplaceDataKey(MetadataRequest request) => _volume.ReplaceDataKey(request);

    private static MetadataPageKind KindOf(ReplicaPageKind kind)
    {
        switch (kind)
        {
            case ReplicaPageKind.State:
                return MetadataPageKind.Replica;
            case ReplicaPageKind.Configuration:
                return MetadataPageKind.Configuration;
            case ReplicaPageKind.WriteIntent:
                return MetadataPageKind.WriteIntent;
            default:
                Invariant.Check(kind == ReplicaPageKind.OutOfSync);
                return MetadataPageKind.OutOfSync;
        }
    }

    private sealed class Carrier(StoredReplicaMetadata owner) : MetadataPageWrite
    {
        private PageWrite? _carried;

        public void Carry(PageWrite request)
        {
            _carried = request;
            Kind = KindOf(request.Kind);
            Peer = request.Peer;
            Index = request.Index;
            Content = request.Content;
            LengthBytes = request.LengthBytes;
        }

        protected override void OnEnded()
        {
            PageWrite request = _carried!;
            _carried = null;
            owner._spare.Push(this);
            request.End(Status);
        }
    }
}
