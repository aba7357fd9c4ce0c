using ActorSan.Storage.Threads;

namespace ActorSan.Storage.Stores;

/// <summary>
/// An open, locked store before it lives on an I/O thread: for format, open, replay and inspect, which may block (never on an I/O thread). Failures throw
/// <see cref="StoreException"/>. Disposed, it gives lock and descriptor back, unless <see cref="Attach"/> has handed them on.
/// </summary>
public interface IStoreHandle : IDisposable
{
    /// <summary>Path for people and logs.</summary>
    string Description { get; }

    StoreTraits Traits { get; }

    /// <summary>True for a file that this handle may make longer; a device and memory have their size.</summary>
    bool CanGrow { get; }

    void ReadAt(long offsetBytes, Span<byte> destination);

    /// <summary>Durable when it returns.</summary>
    void WriteAt(long offsetBytes, ReadOnlySpan<byte> source);

    /// <summary>The range reads as zeroes afterwards; with <paramref name="allocate"/> its space is taken from the file system (thick).</summary>
    void ZeroAt(long offsetBytes, long lengthBytes, bool allocate);

    /// <summary>True when nothing but zeroes is in the range; holes are not read.</summary>
    bool IsZero(long offsetBytes, long lengthBytes);

    /// <summary>Only where <see cref="CanGrow"/>.</summary>
    void SetSize(long sizeBytes);

    void Sync();

    /// <summary>The same descriptor and lock as an <see cref="IStore"/> on that thread; this handle is of no further use. On that thread.</summary>
    IStore Attach(IoThread home);
}

/// <summary>Why a store cannot be opened, formatted or read.</summary>
public enum StoreFault : byte
{
    /// <summary>No file or device of that name (yet): a later try makes sense.</summary>
    Missing,

    /// <summary>Another process, or another volume of this one, has it locked.</summary>
    InUse,

    /// <summary>Permission, a directory, a read-only file system, O_DIRECT refused, an alignment that does not fit.</summary>
    Refused,

    /// <summary>The medium failed (EIO).</summary>
    Io,

    /// <summary>ENOSPC at format.</summary>
    NoSpace,

    /// <summary>It holds something that is not an ActorSan store.</summary>
    Foreign,

    /// <summary>It is empty: not formatted yet.</summary>
    Unformatted,

    /// <summary>Superblock or a metadata page is damaged in both slots.</summary>
    Damaged,

    /// <summary>Made by a later version.</summary>
    TooNew,

    /// <summary>Size, block or volume id differ from what the configuration says.</summary>
    Mismatch,

    /// <summary>The node key does not unwrap the data key, or is missing.</summary>
    WrongKey,

    /// <summary>Format was asked for a store that is not empty.</summary>
    NotEmpty,
}

/// <summary>The message says what is wrong with which store and what to do, for people.</summary>
public sealed class StoreException(StoreFault fault, string message, Exception? inner = null) : Exception(message, inner)
{
    public StoreFault Fault { get; } = fault;
}
