using ActorSan.Storage.Threads;

namespace ActorSan.Storage.Blocks;

/// <summary>
/// The seam: what Scsi sees of a volume. <c>LocalVolume</c> (one store, no peers) and Replication's <c>ReplicatedVolume</c> implement it. All operations and
/// their completions run on <see cref="Home"/>. Range locks belong to the volume: overlapping operations take effect in the order in which they were submitted, and
/// CompareAndWrite and OrWrite are one step each. An operation that the state forbids completes with a status, it never throws.
/// </summary>
public interface IBlockVolume
{
    /// <summary>The I/O thread that owns this volume's engine.</summary>
    IoThread Home { get; }

    /// <summary>Name for people, unique on the node (HOCON).</summary>
    string Name { get; }

    /// <summary>Made at format, never changes: the identity that initiators see is derived from it alone.</summary>
    Guid VolumeId { get; }

    /// <summary>A new object whenever the size changes.</summary>
    VolumeGeometry Geometry { get; }

    VolumeCapabilities Capabilities { get; }

    /// <summary>Whether it serves now, and why not.</summary>
    VolumeState State { get; }

    /// <summary>
    /// What is known here of the attributes may be told now: nobody else can have changed them (replication.md I3, L4). False for a moment, or for as long as this node is cut off, while
    /// the volume is Ready. Home thread only.
    /// </summary>
    bool MayTell => true;

    void Read(VolumeOperation operation);

    void Write(VolumeOperation operation);

    void CompareAndWrite(VolumeOperation operation);

    /// <summary>The bytes of the range become (stored OR given), SBC-4 ORWRITE.</summary>
    void OrWrite(VolumeOperation operation);

    /// <summary>Afterwards the range reads as zeroes, and the store keeps holes where it can.</summary>
    void Unmap(VolumeOperation operation);

    void WriteZeroes(VolumeOperation operation);

    /// <summary>All writes that completed before this was submitted are durable when it completes.</summary>
    void Flush(VolumeOperation operation);

    void MapStatus(VolumeOperation operation);

    /// <summary>Durable before it completes. At most <see cref="VolumeCapabilities.MaxAttributeBytes"/>; empty removes it.</summary>
    void SetAttribute(VolumeOperation operation);

    /// <summary>Replaces the data key: every byte of the volume is unreadable afterwards and reads as zeroes. NotSupported without encryption.</summary>
    void CryptoErase(VolumeOperation operation);

    /// <summary>The attribute as it was last set; empty when never set. Home thread only.</summary>
    ReadOnlySpan<byte> GetAttribute(VolumeAttribute attribute);

    /// <summary>Called on the home thread on each change; an observer is added and removed on the home thread.</summary>
    void AddObserver(IVolumeObserver observer);

    void RemoveObserver(IVolumeObserver observer);
}

/// <summary>Told on the volume's home thread.</summary>
public interface IVolumeObserver
{
    void OnResized(IBlockVolume volume);

    void OnStateChanged(IBlockVolume volume);

    /// <summary>The store refused something; the operation has its status, this is for the log. Many may come in a burst: the observer's to thin out.</summary>
    void OnStoreFault(IBlockVolume volume, in StoreFaultEvent fault)
    {
    }
}

/// <summary>What a store did not do.</summary>
/// <param name="Operation">What was asked for.</param>
/// <param name="Status">How it ended.</param>
/// <param name="OffsetBytes">In the volume.</param>
/// <param name="LengthBytes">Of the operation.</param>
/// <param name="Errno">The system's number; 0 when there is none.</param>
public readonly record struct StoreFaultEvent(VolumeOperationKind Operation, VolumeStatus Status, long OffsetBytes, long LengthBytes, int Errno);

/// <summary>Small replicated values that are kept beside the blocks (replication.md W12). Numbers are on disk: never reuse one.</summary>
public enum VolumeAttribute : byte
{
    None = 0,

    /// <summary>Persistent reservations with APTPL: registrations, holder, type, generation.</summary>
    Reservations = 1,

    /// <summary>Saved mode pages.</summary>
    ModePages = 2,

    /// <summary>A sanitize that was begun, its parameters and progress, or that it failed.</summary>
    Sanitize = 3,
}

/// <summary>Sizes are bytes. <paramref name="PhysicalBlockBytes"/> ≥ <paramref name="LogicalBlockBytes"/>, both powers of two; <paramref name="AlignmentOffsetBytes"/> is where the first physical boundary lies.</summary>
public sealed record VolumeGeometry(long SizeBytes, int LogicalBlockBytes, int PhysicalBlockBytes, int AlignmentOffsetBytes)
{
    public long BlockCount => SizeBytes / LogicalBlockBytes;
}

/// <summary>What a volume can do; constant while it is open, except <paramref name="WriteCache"/>.</summary>
/// <param name="Thin">UNMAP gives space back: LBPME.</param>
/// <param name="UnmapGranularityBytes">The smallest aligned run that becomes a hole.</param>
/// <param name="WriteCache">Completed writes may be volatile until Flush: WCE.</param>
/// <param name="ReadOnly">Write protected.</param>
/// <param name="CryptoErase">Encrypted at rest: CRYPTO ERASE exists.</param>
/// <param name="Rotational">False for anything without seek cost.</param>
/// <param name="MaxAtomicBytes">The largest Atomic write and CompareAndWrite (one side of it); what a redo slot holds.</param>
/// <param name="MaxAttributeBytes">The largest attribute.</param>
/// <param name="WriteCacheChangeable">Whether the volume honours turning the cache off at run time (every write then is as with ForceUnitAccess).</param>
public sealed record VolumeCapabilities(
    bool Thin,
    int UnmapGranularityBytes,
    bool WriteCache,
    bool ReadOnly,
    bool CryptoErase,
    bool Rotational,
    int MaxAtomicBytes,
    int MaxAttributeBytes,
    bool WriteCacheChangeable = true);

public enum VolumeStateKind : byte
{
    /// <summary>Opening: superblock, redo, attributes.</summary>
    Starting,
    Ready,

    /// <summary>Waits for a quorum or a peer; requests wait.</summary>
    Suspended,

    /// <summary>The store failed or vanished: nothing is served until it is opened again.</summary>
    Failed,

    /// <summary>Closed in order.</summary>
    Detached,

    /// <summary>One of several replicas, and not the one that serves.</summary>
    Standby,
}

/// <summary>The state with its reason, in a sentence for people.</summary>
public readonly record struct VolumeState(VolumeStateKind Kind, string Reason)
{
    public bool IsReady => Kind == VolumeStateKind.Ready;
}
