using System.Security.Cryptography;
using ActorSan.Storage.Stores;

namespace ActorSan.Storage.Metadata;

/// <summary>What the configuration says of a volume, to be found in its store; null: whatever it has. Sizes are bytes.</summary>
public sealed record VolumeExpectation
{
    public long? SizeBytes { get; init; }

    public int? LogicalBlockBytes { get; init; }

    public int? PhysicalBlockBytes { get; init; }

    public int? AlignmentOffsetBytes { get; init; }

    public Guid? VolumeId { get; init; }

    public bool? Encrypted { get; init; }

    /// <summary>Of a replica: looks at what the replica's page holds (empty: nothing, or nothing that can be read) before the first write, and throws a <see cref="StoreException"/> when this store is another's.</summary>
    public ReplicaPageCheck? ReplicaPage { get; init; }
}

/// <param name="content">As in <see cref="IMetadataPages.LoadedPage"/>.</param>
public delegate void ReplicaPageCheck(ReadOnlySpan<byte> content);

/// <summary>A write that was put whole into its place again.</summary>
public readonly record struct ReplayedWrite(int Slot, long OffsetBytes, long LengthBytes);

/// <summary>What opening found and did.</summary>
/// <param name="WasClean">Closed in order the last time, and the page that says so is trusted.</param>
/// <param name="OpenCount">How often it was opened for writing, this time included.</param>
/// <param name="Replayed">In the order in which they were written.</param>
/// <param name="UnfinishedRedo">Slots that hold a write which was never answered: not replayed; nothing of it is in its place.</param>
/// <param name="SuspectPages">One slot is damaged: what is read from the other is not trusted to be the latest (replication.md §2).</param>
/// <param name="SuperblockRepaired">One of its slots was not like the other and was written again.</param>
/// <param name="Notes">Sentences for the log; empty when all is as it should be.</param>
public sealed record LoadReport(
    bool WasClean,
    ulong OpenCount,
    IReadOnlyList<ReplayedWrite> Replayed,
    IReadOnlyList<int> UnfinishedRedo,
    IReadOnlyList<MetadataPage> SuspectPages,
    bool SuperblockRepaired,
    IReadOnlyList<string> Notes);

/// <summary>
/// The metadata of an open store: read, checked, its redo slots replayed. <see cref="Load"/> blocks and runs before the store has a thread; <see cref="Attach"/> makes of it what
/// the volume uses. Dispose it when the volume is closed: it forgets the data key.
/// </summary>
public sealed class VolumeMetadata : IDisposable
{
    private readonly FoundPage[] _attributes;
    private readonly FoundPage _state;
    private readonly FoundPage _key;
    private readonly byte[] _dataKey;
    private readonly ulong _redoSequence;
    private readonly StateContent _stateNow;
    private readonly LoadedPages? _pages;

    internal VolumeMetadata(AreaLoader loaded)
    {
        Superblock = loaded.Superblock;
        Report = loaded.Report;
        Incarnation = loaded.Identity.Incarnation;
        Label = loaded.Identity.Label;
        _attributes = loaded.Attributes;
        _state = loaded.State;
        _key = loaded.Key;
        _dataKey = loaded.DataKey;
        NodeKey = loaded.NodeKey;
        _redoSequence = loaded.RedoSequence;
        _stateNow = loaded.StateNow;
        _pages = loaded.Pages;
    }

    public Superblock Superblock { get; }

    public LoadReport Report { get; }

    /// <summary>Of this store: made at format.</summary>
    public Guid Incarnation { get; }

    /// <summary>The name that the volume had at format.</summary>
    public string Label { get; }

    internal NodeKey? NodeKey { get; }

    /// <summary>Checks everything before it writes anything. A store opened for reading only is left as it is.</summary>
    /// <param name="handle">Open and locked.</param>
    /// <param name="expectation">What the configuration says.</param>
    /// <param name="nodeKey">For an encrypted volume; must live as long as what is attached.</param>
    /// <param name="replicated">Reads the pages of <see cref="AttachPages"/> too.</param>
    /// <exception cref="StoreException">With what to do: Unformatted, Foreign, Damaged, TooNew, Mismatch, WrongKey, Refused, Io.</exception>
    public static VolumeMetadata Load(IStoreHandle handle, VolumeExpectation expectation, NodeKey? nodeKey = null, bool replicated = false)
    {
        var loader = new AreaLoader(handle);
        loader.Load(expectation, nodeKey, replicated);
        return new VolumeMetadata(loader);
    }

    /// <summary>On the store's home thread, once; the store is the one that was loaded from, below any encryption.</summary>
    public IVolumeMetadata Attach(IStore store)
    {
        Invariant.Check(store.Traits.SizeBytes >= Superblock.EndBytes);
        return new StoredMetadata(store, this, _stateNow, _state, _key, _attributes, _dataKey, _redoSequence);
    }

    /// <summary>As <see cref="Attach"/>, when it was loaded as a replica: the pages that replication adds.</summary>
    public IMetadataPages AttachPages(IStore store)
    {
        Invariant.Check(_pages is not null && store.Traits.SizeBytes >= Superblock.EndBytes);
        return new StoredPages(store, Superblock.VolumeId, _pages);
    }

    public void Dispose() => CryptographicOperations.ZeroMemory(_dataKey);
}
