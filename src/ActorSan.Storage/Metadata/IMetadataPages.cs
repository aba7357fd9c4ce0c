using ActorSan.Storage.Stores;

namespace ActorSan.Storage.Metadata;

/// <summary>The pages that replication adds to the metadata area.</summary>
public enum MetadataPageKind : byte
{
    /// <summary>One small page.</summary>
    Replica,

    /// <summary>One page of the region of that name.</summary>
    Configuration,

    /// <summary>Small pages, as many as the region of that name has.</summary>
    WriteIntent,

    /// <summary>Likewise, for each peer.</summary>
    OutOfSync,
}

/// <summary>How a page was found at open. One with both slots damaged is never handed out: opening fails.</summary>
public enum MetadataPageHealth : byte
{
    /// <summary>Never written since the store was formatted.</summary>
    Blank,
    Sound,

    /// <summary>
    /// One slot is damaged, or a write that was answered is not there: the content is the other slot's, which may be the older one; empty when there was no other yet.
    /// </summary>
    Doubtful,
}

/// <summary>One write of one page, owned and reused by its caller.</summary>
public abstract unsafe class MetadataPageWrite
{
    public MetadataPageKind Kind;

    /// <summary>OutOfSync only.</summary>
    public int Peer;

    public int Index;

    /// <summary>Native memory, left alone until the end.</summary>
    public byte* Content;

    public int LengthBytes;

    public StoreStatus Status;

    internal MetadataPageWrite? NextQueued;

    /// <summary>Called once, on the home thread; may run before the submitting call returns.</summary>
    protected internal abstract void OnEnded();

    public void End(StoreStatus status)
    {
        Status = status;
        OnEnded();
    }
}

/// <summary>
/// Pages of an open store, each with two slots written alternately; on the volume's home thread. What ends with success is durable; writes of one page take effect in the order
/// of submission, those of different pages in any.
/// </summary>
public interface IMetadataPages
{
    /// <summary>How many places for peers there are.</summary>
    int PeerCount { get; }

    /// <summary>Pages of that kind (for each peer).</summary>
    int PageCount(MetadataPageKind kind);

    /// <summary>The longest content.</summary>
    int PageContentBytes(MetadataPageKind kind);

    /// <summary>As found at open; empty from the first write of the page, or <see cref="ReleaseLoaded"/>, on.</summary>
    ReadOnlySpan<byte> LoadedPage(MetadataPageKind kind, int peer, int index, out MetadataPageHealth health);

    /// <summary>Whoever has read what it wants gives the memory back.</summary>
    void ReleaseLoaded();

    void WritePage(MetadataPageWrite request);
}
