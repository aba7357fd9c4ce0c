using ActorSan.Storage.Blocks;
using ActorSan.Storage.Stores;

namespace ActorSan.Storage.Metadata;

/// <summary>
/// What an open volume keeps beside its blocks: identity and geometry, attributes, redo slots, the clean mark, the wrapped key. All on the volume's home thread. What
/// completes with success is durable. Changes of one page wait for each other inside.
/// </summary>
public interface IVolumeMetadata
{
    Guid VolumeId { get; }

    VolumeGeometry Geometry { get; }

    /// <summary>Where the volume's byte 0 lies in the store.</summary>
    long DataOffsetBytes { get; }

    int MaxAttributeBytes { get; }

    /// <summary>The most bytes of the volume that one redo slot holds.</summary>
    int RedoSlotBytes { get; }

    int RedoSlotCount { get; }

    /// <summary>Empty when never set.</summary>
    ReadOnlySpan<byte> GetAttribute(VolumeAttribute attribute);

    /// <summary><see cref="MetadataRequest.Attribute"/> becomes the bytes at Data; length 0 removes it. GetAttribute gives the new bytes from completion on.</summary>
    void SetAttribute(MetadataRequest request);

    /// <summary>
    /// The range (OffsetBytes in the volume, LengthBytes, Data as it goes to the store: ciphertext on an encrypted volume) is in slot <see cref="MetadataRequest.Slot"/> when this completes: from here on a replay at open
    /// writes it again. Which slots are free is the caller's to know: all are after open.
    /// </summary>
    void WriteRedo(MetadataRequest request);

    /// <summary>Empties the slot; only after the store has the write and was flushed.</summary>
    void ClearRedo(MetadataRequest request);

    /// <summary>Removes the clean mark, before the first write after open; at once when it is not set.</summary>
    void MarkDirty(MetadataRequest request);

    /// <summary>Sets the clean mark: the last thing of an orderly close, after the last flush.</summary>
    void MarkClean(MetadataRequest request);

    /// <summary>Encrypted volumes: makes a new data key, wraps it with the node key, and destroys the old one in every slot; the new key is at <see cref="DataKey"/> afterwards.</summary>
    void ReplaceDataKey(MetadataRequest request);

    /// <summary>Encrypted volumes: the unwrapped data key (64 bytes); else empty.</summary>
    ReadOnlySpan<byte> DataKey { get; }

    /// <summary>The largest size that the volume can be given while it is open, in bytes; its present size where it can't be grown.</summary>
    long GrowLimitBytes => Geometry.SizeBytes;

    /// <summary>All space of the volume is taken from the medium: what is made zero keeps it.</summary>
    bool IsThick => false;

    /// <summary>
    /// The store becomes long enough for a volume of <see cref="MetadataRequest.LengthBytes"/>, durable. What it reads in its new part is anything; <see cref="Geometry"/> is as it was. NoSpace: it
    /// can't, for it is beyond <see cref="GrowLimitBytes"/> or not whole blocks, or the medium has no room; nothing was changed. One at a time.
    /// </summary>
    void Extend(MetadataRequest request) => request.End(request.LengthBytes <= Geometry.SizeBytes ? StoreStatus.Success : StoreStatus.NoSpace);

    /// <summary>
    /// <see cref="Geometry"/> says <see cref="MetadataRequest.LengthBytes"/>, durable; only after <see cref="Extend"/>, and never less than before. After a failure the medium says either,
    /// and nothing more is changed: the next opening finds out. One at a time.
    /// </summary>
    void SetSize(MetadataRequest request) => request.End(request.LengthBytes == Geometry.SizeBytes ? StoreStatus.Success : StoreStatus.NoSpace);
}

/// <summary>One request to the metadata area, owned and reused by its caller as a <see cref="StoreRequest"/> is.</summary>
public abstract unsafe class MetadataRequest
{
    public VolumeAttribute Attribute;

    public int Slot;

    public long OffsetBytes;

    public long LengthBytes;

    public byte* Data;

    public StoreStatus Status;

    /// <summary>Neighbour in a queue of the metadata area.</summary>
    internal MetadataRequest? NextQueued;

    /// <summary>Which mark a request to the state page sets.</summary>
    internal bool SetsClean;

    /// <summary>Called once, on the home thread; may run before the submitting call returns.</summary>
    protected internal abstract void OnEnded();

    public void End(StoreStatus status)
    {
        Status = status;
        OnEnded();
    }
}
