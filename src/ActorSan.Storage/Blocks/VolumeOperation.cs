namespace ActorSan.Storage.Blocks;

/// <summary>What a <see cref="VolumeOperation"/> asks for.</summary>
public enum VolumeOperationKind : byte
{
    None,
    Read,
    Write,
    CompareAndWrite,
    OrWrite,
    Unmap,
    WriteZeroes,
    Flush,
    MapStatus,
    SetAttribute,
    CryptoErase,
}

/// <summary>How a <see cref="VolumeOperation"/> ended. Decided by kind, never by text.</summary>
public enum VolumeStatus : byte
{
    /// <summary>Not complete yet.</summary>
    Pending,
    Success,

    /// <summary>COMPARE AND WRITE found other bytes; <see cref="VolumeOperation.ResultOffsetBytes"/> is the first difference, from the start of the compare data. Nothing was written.</summary>
    Miscompare,

    /// <summary>Beyond the end of the volume, or not a multiple of its logical block.</summary>
    OutOfRange,

    /// <summary>The store is full (thin, ENOSPC): SPACE ALLOCATION FAILED WRITE PROTECT.</summary>
    NoSpace,

    /// <summary>The medium did not read (EIO, bad at-rest checksum): UNRECOVERED READ ERROR.</summary>
    ReadError,

    /// <summary>The medium did not write or flush (EIO): WRITE ERROR.</summary>
    WriteError,

    /// <summary>The volume does not serve now (suspended, detached, its device vanished); <see cref="IBlockVolume.State"/> has the reason.</summary>
    NotReady,

    /// <summary>The store or the volume was opened read-only.</summary>
    WriteProtected,

    /// <summary>The volume does not have what is asked for (CRYPTO ERASE without encryption).</summary>
    NotSupported,

    /// <summary>A resource of bounded number was not to be had; the initiator may try again.</summary>
    Busy,

    /// <summary>The node is no longer primary; no claim is made about the effect (replication.md W6).</summary>
    Deposed,
}

/// <summary>
/// One operation on a volume, owned and reused by its caller: no allocation, no <c>Task</c>. The caller fills the request fields, hands it to one method of
/// <see cref="IBlockVolume"/> on the volume's home thread, and leaves it and its bytes alone until <see cref="OnCompleted"/>, which runs on the home thread too and
/// may run before the method returns.
/// </summary>
public abstract unsafe class VolumeOperation
{
    /// <summary>Set by the volume's method, for logs and statistics.</summary>
    public VolumeOperationKind Kind;

    /// <summary>Start of the range in the volume, in bytes; a multiple of the logical block. Ignored by Flush (the whole volume is flushed) and SetAttribute.</summary>
    public long OffsetBytes;

    /// <summary>Length of the range in bytes; a multiple of the logical block. For SetAttribute the number of bytes at <see cref="Data"/>.</summary>
    public long LengthBytes;

    /// <summary>
    /// Native memory. Read fills <see cref="LengthBytes"/>; Write, OrWrite and SetAttribute take <see cref="LengthBytes"/> from it; CompareAndWrite takes
    /// 2 × <see cref="LengthBytes"/>: the compare bytes, then the new bytes. Stores are fastest when it is aligned to 4096 and inside the thread's buffer pool.
    /// </summary>
    public byte* Data;

    /// <summary>Durable on the medium of every required replica before it completes (FUA). For reads: from the medium, which every cached copy equals.</summary>
    public bool ForceUnitAccess;

    /// <summary>All or nothing over a power loss (WRITE ATOMIC): goes through a redo slot. CompareAndWrite over more than one block always does.</summary>
    public bool Atomic;

    /// <summary>WriteZeroes only: the range may become holes (UNMAP bit); else its space stays allocated where the store can promise that.</summary>
    public bool MayDeallocate;

    /// <summary>SetAttribute only.</summary>
    public VolumeAttribute Attribute;

    /// <summary>SetAttribute only: the change takes rights away, so everything admitted earlier on the whole volume is complete before it is (replication.md W12).</summary>
    public bool TakesRightsAway;

    /// <summary>The answer.</summary>
    public VolumeStatus Status;

    /// <summary>Miscompare: first differing byte, from the start of the compare data. MapStatus: unused.</summary>
    public long ResultOffsetBytes;

    /// <summary>MapStatus: length in bytes, from <see cref="OffsetBytes"/> on, of the run that has one <see cref="ResultMapped"/>; may be cut at the asked length, never zero on success.</summary>
    public long ResultLengthBytes;

    /// <summary>MapStatus: false where the run is a hole that reads as zeroes.</summary>
    public bool ResultMapped;

    /// <summary>Called once, on the volume's home thread, when <see cref="Status"/> is set. It may submit again at once; deep recursion is the volume's to avoid.</summary>
    protected internal abstract void OnCompleted();

    /// <summary>For implementers of <see cref="IBlockVolume"/>, here and in other assemblies.</summary>
    public void Complete(VolumeStatus status)
    {
        Status = status;
        OnCompleted();
    }
}
