using ActorSan.Storage.Metadata;
using ActorSan.Storage.Stores;

namespace ActorSan.Replication.Core.Ports;

/// <summary>What a page of the metadata area holds. Each page has two checksummed slots, written alternately.</summary>
public enum ReplicaPageKind : byte
{
    /// <summary>One page: lineage, incarnation, highest epoch, power session, boot id, marks.</summary>
    State,

    /// <summary>One page: the configuration that was last heard.</summary>
    Configuration,

    /// <summary>A bit for each chunk, behind a header with the mark.</summary>
    WriteIntent,

    /// <summary>A bit for each granule, for one other replica. <see cref="PageWrite.Peer"/> says which of the places for peers.</summary>
    OutOfSync,
}

/// <summary>How a page was found when the area was opened. A page with both slots damaged is never handed out: opening fails (I6).</summary>
public enum PageHealth : byte
{
    /// <summary>Never written since the store was formatted; its content is empty.</summary>
    Blank,
    Sound,

    /// <summary>One slot is damaged: the other may be the older of the two, so the page is not trusted to be the latest.</summary>
    Doubtful,
}

/// <summary>One write of one page, owned and reused by its caller. Durable when it ends with success. Writes of one page take effect in the order of submission.</summary>
public abstract unsafe class PageWrite
{
    public ReplicaPageKind Kind;

    /// <summary>OutOfSync only: 0, 1 or 2.</summary>
    public int Peer;

    public int Index;

    /// <summary>Native memory, left alone until the end.</summary>
    public byte* Content;

    /// <summary>At most what <see cref="IReplicaMetadata.PageContentBytes"/> says of the kind.</summary>
    public int LengthBytes;

    public StoreStatus Status;

    /// <summary>Called once, on the home thread; may run before the submitting call returns.</summary>
    public abstract void OnEnded();

    public void End(StoreStatus status)
    {
        Status = status;
        OnEnded();
    }
}

/// <summary>
/// The metadata area of an open replica: what one node's volume keeps (attributes, redo slots, clean mark: <see cref="IVolumeMetadata"/>; every slot was replayed and emptied at
/// open; its growth is S7's), and the pages that replication adds.
/// </summary>
public interface IReplicaMetadata : IVolumeMetadata
{
    /// <summary>The clean mark as it was found at open.</summary>
    bool WasClean { get; }

    /// <summary>Pages of that kind (per peer).</summary>
    int PageCount(ReplicaPageKind kind);

    int PageContentBytes(ReplicaPageKind kind);

    /// <summary>As found at open; valid until the next write of the page.</summary>
    ReadOnlySpan<byte> LoadedPage(ReplicaPageKind kind, int peer, int index, out PageHealth health);

    void WritePage(PageWrite request);
}
