using ActorSan.Replication.Core.Ports;
using ActorSan.Storage.Blocks;
using ActorSan.Storage.Metadata;

namespace ActorSan.Simulator.Disk;

/// <summary>A disk's metadata area as the next process that opens it would find it: for checks, which change nothing.</summary>
internal sealed class DiskView : IReplicaMetadata
{
    private readonly SimDisk _disk;
    private readonly SimPage[] _pages;
    private readonly PageHealth[] _health;

    public DiskView(SimDisk disk)
    {
        _disk = disk;
        _pages = Array.ConvertAll(disk.Content.Pages, page => page.Copy());
        _health = Array.ConvertAll(_pages, page => page.Open());
    }

    public bool WasClean => false;

    public Guid VolumeId => _disk.Content.VolumeId;

    public VolumeGeometry Geometry => new((long)_disk.Content.Blocks * _disk.Options.BlockBytes, _disk.Options.BlockBytes, _disk.Options.BlockBytes, 0);

    public long DataOffsetBytes => _disk.Options.DataOffsetBytes;

    public int MaxAttributeBytes => _disk.Options.AttributeBytes;

    public int RedoSlotBytes => _disk.Options.RedoSlotBytes;

    public int RedoSlotCount => _disk.Options.RedoSlots;

    public ReadOnlySpan<byte> DataKey => default;

    public int PageCount(ReplicaPageKind kind) => kind switch
    {
        ReplicaPageKind.WriteIntent => _disk.Options.WriteIntentPages,
        ReplicaPageKind.OutOfSync => _disk.Options.OutOfSyncPages,
        _ => 1,
    };

    public int PageContentBytes(ReplicaPageKind kind) => _pages[SimDiskContent.PageIndex(_disk.Options, kind, 0, 0)].MaxBytes;

    public ReadOnlySpan<byte> LoadedPage(ReplicaPageKind kind, int peer, int index, out PageHealth health)
    {
        int page = SimDiskContent.PageIndex(_disk.Options, kind, peer, index);
        health = _health[page];
        return _pages[page].Content;
    }

    public ReadOnlySpan<byte> GetAttribute(VolumeAttribute attribute) => _disk.Content.Attributes[(int)attribute - 1].Content;

    public long GrowLimitBytes => Geometry.SizeBytes;

    /// <summary>What a replica on a view would remember is nobody's: it never ends.</summary>
    public void WritePage(PageWrite request)
    {
    }

    public void Extend(MetadataRequest request) => throw Refused();

    public void SetSize(MetadataRequest request) => throw Refused();

    public void SetAttribute(MetadataRequest request) => throw Refused();

    public void WriteRedo(MetadataRequest request) => throw Refused();

    public void ClearRedo(MetadataRequest request) => throw Refused();

    public void MarkDirty(MetadataRequest request) => throw Refused();

    public void MarkClean(MetadataRequest request) => throw Refused();

    public void ReplaceDataKey(MetadataRequest request) => throw Refused();

    private static NotSupportedException Refused() => new("a view of a disk is written");
}
