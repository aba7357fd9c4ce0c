using ActorSan.Storage.Buffers;
using ActorSan.Storage.Threads;

namespace ActorSan.Storage.Stores;

/// <summary>
/// The bytes under a replica: a file, a block device or memory, as one address space from 0 to <see cref="StoreTraits.SizeBytes"/>. A store orders nothing: requests
/// that overlap are the caller's to keep apart. Everything runs on <see cref="Home"/>. Decorators (encryption, injected faults) implement it over another.
/// </summary>
public interface IStore
{
    IoThread Home { get; }

    StoreTraits Traits { get; }

    /// <summary>Path for people and logs; "memory" for a memory store.</summary>
    string Description { get; }

    /// <summary>Fills <see cref="StoreRequest.Data"/> with <see cref="StoreRequest.LengthBytes"/> bytes; what was never written, or is a hole, reads as zeroes.</summary>
    void Read(StoreRequest request);

    /// <summary>With <see cref="StoreRequest.Durable"/> the bytes are on the medium when it completes: alone at low depth, by one flush for many at higher depth.</summary>
    void Write(StoreRequest request);

    /// <summary>The range reads as zeroes afterwards; holes where <see cref="StoreRequest.MayDeallocate"/> allows and the medium can, written zeroes elsewhere. Any length that the store has.</summary>
    void Zero(StoreRequest request);

    /// <summary>Takes the space that the range needs, without changing its bytes: a write into it cannot meet <see cref="StoreStatus.NoSpace"/> afterwards.</summary>
    void Provision(StoreRequest request);

    /// <summary>
    /// The range becomes part of the store where it lies behind its end, durable, with all that is before it; <see cref="Traits"/> say so when this ends with success. Without
    /// <see cref="StoreRequest.MayDeallocate"/> its space is taken too. A file reads as zeroes there, a device as whatever it holds. A store never becomes shorter; one at a time. NoSpace: it
    /// can't be so long (a full file system, a device that ends before, memory), and is as it was.
    /// </summary>
    void Extend(StoreRequest request) => request.End(request.OffsetBytes + request.LengthBytes <= Traits.SizeBytes ? StoreStatus.Success : StoreStatus.NoSpace);

    /// <summary>
    /// Every request that completed before this was submitted is on the medium when it completes. A flush that failed is never repeated: what it covered is lost, and the
    /// store serves nothing from then on (writes end with WriteError, reads with ReadError: what they would read may be older than what was acknowledged).
    /// </summary>
    void Flush(StoreRequest request);

    /// <summary>
    /// Sets <see cref="StoreRequest.ResultLengthBytes"/> (at least one byte, at most the asked length) and <see cref="StoreRequest.ResultMapped"/> for the run that begins at
    /// the offset. A medium that does not tell (a block device) says mapped of everything.
    /// </summary>
    void MapStatus(StoreRequest request);

    /// <summary>Gives the descriptor and its lock back after what is in flight has ended; <paramref name="closed"/> then runs on the home thread. Nothing is flushed.</summary>
    void Close(IoMessage? closed);
}

/// <summary>What a store can do; constant while it is open, but for the size, which <see cref="IStore.Extend"/> raises.</summary>
/// <param name="SizeBytes">Of the whole address space, metadata area included.</param>
/// <param name="OffsetAlignmentBytes">Offset and length of every read and write are multiples of this power of two.</param>
/// <param name="HoleGranularityBytes">The smallest aligned run that becomes a hole; 0 when it keeps none.</param>
/// <param name="VolatileCache">Completed writes may be lost with the power until a flush.</param>
/// <param name="ReadOnly">Opened for reading only.</param>
/// <param name="Rotational">Seeks cost.</param>
public sealed record StoreTraits(long SizeBytes, int OffsetAlignmentBytes, int HoleGranularityBytes, bool VolatileCache, bool ReadOnly, bool Rotational)
{
    public bool Thin => HoleGranularityBytes > 0;
}

/// <summary>How a <see cref="StoreRequest"/> ended.</summary>
public enum StoreStatus : byte
{
    Pending,
    Success,

    /// <summary>ENOSPC, EDQUOT, EFBIG. Nothing is known of the range's bytes but that each sector is old or new.</summary>
    NoSpace,

    /// <summary>EIO, EILSEQ and their like while reading.</summary>
    ReadError,

    /// <summary>EIO and its like while writing, zeroing or flushing.</summary>
    WriteError,

    /// <summary>The device or file system went away (ENODEV, ENXIO, ESTALE, ESHUTDOWN, EROFS after a file system error): nothing further will succeed.</summary>
    Vanished,

    /// <summary>EROFS, EPERM, or the store was opened for reading only.</summary>
    ReadOnly,

    /// <summary>The thread or the store is closing.</summary>
    Cancelled,
}

/// <summary>
/// One request to a store, owned and reused by its caller; it is the kernel operation too, so that nothing is allocated. Left alone from submission until
/// <see cref="OnEnded"/>, which runs on the home thread and may run before the submitting call returns.
/// </summary>
public abstract unsafe class StoreRequest : IoOperation
{
    public long OffsetBytes;

    public long LengthBytes;

    /// <summary>Native memory; the store copies where its alignment does not suit the medium (aligned to 4096 it never does).</summary>
    public byte* Data;

    /// <summary>Write and Zero: on the medium before completion.</summary>
    public bool Durable;

    /// <summary>Zero: holes are welcome. Extend: the space need not be taken.</summary>
    public bool MayDeallocate;

    public StoreStatus Status;

    /// <summary>The errno behind <see cref="Status"/>, for the log; 0 when there is none.</summary>
    public int Errno;

    public long ResultLengthBytes;

    public bool ResultMapped;

    // The store's own state while it has the request.

    internal IStoreBackend? Backend;
    internal StoreRequest? NextQueued;
    internal long BackendCursor;
    internal int BackendPhase;
    internal int BackendRetries;
    internal IoBuffer BackendBuffer;

    /// <summary>Called once, on the home thread, when <see cref="Status"/> is set.</summary>
    protected internal abstract void OnEnded();

    /// <summary>For implementers of <see cref="IStore"/>.</summary>
    public void End(StoreStatus status, int errno = 0)
    {
        Status = status;
        Errno = errno;
        OnEnded();
    }

    protected internal sealed override void OnCompleted(int result) => Backend!.OnKernelCompleted(this, result);
}

/// <summary>A store whose requests go to the kernel themselves.</summary>
internal interface IStoreBackend
{
    /// <param name="request">The request whose current system call ended.</param>
    /// <param name="result">A count or −errno.</param>
    void OnKernelCompleted(StoreRequest request, int result);
}
