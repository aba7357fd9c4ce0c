namespace ActorSan.Storage.Buffers;

/// <summary>Who holds a buffer: told apart in leak reports.</summary>
public enum BufferOwner : byte
{
    Free,
    Connection,
    Task,
    Volume,
    Store,
    Metadata,
    Link,
    Resync,
    Copy,
    Test,
}

/// <summary>A piece of a thread's <see cref="BufferPool"/>: native, aligned to 4096 bytes, touched. A value: whoever rented it returns it once, on the pool's thread.</summary>
public readonly unsafe struct IoBuffer(byte* address, int capacityBytes)
{
    public readonly byte* Address = address;

    /// <summary>At least what was asked for.</summary>
    public readonly int CapacityBytes = capacityBytes;

    public bool IsEmpty => Address is null;

    public Span<byte> Span => new(Address, CapacityBytes);
}
