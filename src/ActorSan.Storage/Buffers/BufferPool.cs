namespace ActorSan.Storage.Buffers;

/// <summary>
/// One thread's native buffers: one region, mapped and touched at start, cut in powers of two from 4 KiB to <see cref="MaxBufferBytes"/>. Not thread-safe: the owner
/// thread rents and returns. Empty is a normal state: the renter stops reading and waits (<see cref="WaitForSpace"/>).
/// </summary>
public abstract class BufferPool
{
    /// <summary>The largest single buffer.</summary>
    public const int MaxBufferBytes = 8 << 20;

    public abstract long CapacityBytes { get; }

    public abstract long InUseBytes { get; }

    /// <summary>False when no run of that length is free. <paramref name="lengthBytes"/> is 1 to <see cref="MaxBufferBytes"/>.</summary>
    public abstract bool TryRent(int lengthBytes, BufferOwner owner, out IoBuffer buffer);

    public abstract void Return(in IoBuffer buffer);

    /// <summary>Runs <paramref name="waiter"/> once, on the owner thread, after something was returned; in the order of the calls.</summary>
    public abstract void WaitForSpace(Threads.IoMessage waiter);

    /// <summary>Bytes held by each owner: for leak tests and metrics.</summary>
    public abstract long InUseBy(BufferOwner owner);
}
