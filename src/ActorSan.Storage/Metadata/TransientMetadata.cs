using ActorSan.Storage.Blocks;
using ActorSan.Storage.Stores;

namespace ActorSan.Storage.Metadata;

/// <summary>The metadata of a volume in memory: gone with the process, so nothing of it is written anywhere. Not encrypted: there is no medium to protect.</summary>
public sealed unsafe class TransientMetadata : IVolumeMetadata
{
    private readonly Dictionary<VolumeAttribute, byte[]> _attributes = [];

    /// <param name="request">As for a store; the size must be given.</param>
    /// <exception cref="StoreException">Refused: no volume can be as asked.</exception>
    public TransientMetadata(FormatRequest request)
    {
        string? fault = VolumeFormat.BlockFault(request)
            ?? (request.SizeBytes is null ? "must have a size" : request.EncryptionKey is not null ? "is not encrypted: there is no medium to protect" : null);
        if (fault is not null)
        {
            throw new StoreException(StoreFault.Refused, $"A volume in memory {fault}.");
        }

        VolumeId = request.VolumeId ?? request.NewId();
        Geometry = new VolumeGeometry(request.SizeBytes!.Value, request.LogicalBlockBytes, request.PhysicalBlockBytes, request.AlignmentOffsetBytes);
        long limit = request.GrowLimitBytes ?? MetadataRule.DefaultGrowLimit(Geometry.SizeBytes, sparse: true);
        MaxAttributeBytes = MetadataRule.AttributeBytes(limit);
        RedoSlotBytes = MetadataRule.RedoBytes(limit);
        RedoSlotCount = MetadataRule.RedoCount(limit);
    }

    public Guid VolumeId { get; }

    public VolumeGeometry Geometry { get; }

    public long DataOffsetBytes => 0;

    public int MaxAttributeBytes { get; }

    public int RedoSlotBytes { get; }

    public int RedoSlotCount { get; }

    public ReadOnlySpan<byte> DataKey => default;

    public ReadOnlySpan<byte> GetAttribute(VolumeAttribute attribute) => _attributes.GetValueOrDefault(attribute);

    public void SetAttribute(MetadataRequest request)
    {
        Invariant.Check(request.Attribute != VolumeAttribute.None && request.LengthBytes >= 0 && request.LengthBytes <= MaxAttributeBytes);
        _attributes[request.Attribute] = new ReadOnlySpan<byte>(request.Data, (int)request.LengthBytes).ToArray();
        request.End(StoreStatus.Success);
    }

    // Memory tears only when it is gone: there is nothing to write again.
    public void WriteRedo(MetadataRequest request)
    {
        Invariant.Check(request.LengthBytes > 0 && request.LengthBytes <= RedoSlotBytes && request.Slot >= 0 && request.Slot < RedoSlotCount);
        request.End(StoreStatus.Success);
    }

    public void ClearRedo(MetadataRequest request)
    {
        Invariant.Check(request.Slot >= 0 && request.Slot < RedoSlotCount);
        request.End(StoreStatus.Success);
    }

    public void MarkDirty(MetadataRequest request) => request.End(StoreStatus.Success);

    public void MarkClean(MetadataRequest request) => request.End(StoreStatus.Success);

    public void ReplaceDataKey(MetadataRequest request) => Invariant.Fail("A volume in memory has no data key.");
}
