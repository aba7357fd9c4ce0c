using System.Numerics;
using ActorSan.Storage.Threads;

namespace ActorSan.Storage.Buffers;

/// <summary>
/// One thread's native buffers: one region, mapped and touched at start, cut in powers of two from 4 KiB to <see cref="MaxBufferBytes"/> (buddies: a returned half
/// joins its other half). Not thread-safe: the owner thread rents and returns. Empty is a normal state: the renter stops reading and waits (<see cref="WaitForSpace"/>).
/// </summary>
public sealed unsafe class BufferPool : IDisposable
{
    /// <summary>The largest single buffer.</summary>
    public const int MaxBufferBytes = 8 << 20;

    /// <summary>The smallest; every buffer is aligned to it.</summary>
    public const int MinBufferBytes = 4096;

    private const int MinShift = 12;
    private const int OrderCount = 12;
    private const byte NotAHead = 0xFF;

    private readonly byte* _region;
    private readonly int _pageCount;

    // For each page: the order of the block that begins there, or NotAHead; and its owner (Free: it is in a free list).
    private readonly byte[] _order;
    private readonly BufferOwner[] _owner;

    // Free lists by order, linked by page number; −1 ends.
    private readonly int[] _next;
    private readonly int[] _previous;
    private readonly int[] _head = new int[OrderCount];
    private readonly long[] _inUseBy = new long[Enum.GetValues<BufferOwner>().Length];
    private readonly Queue<IoMessage> _waiters = new();
    private readonly WaiterRun _runWaiters;
    private bool _waitersScheduled;
    private long _inUseBytes;
    private bool _disposed;

    /// <param name="capacityBytes">Rounded up to a multiple of <see cref="MaxBufferBytes"/>.</param>
    /// <exception cref="OutOfMemoryException">The kernel does not give that much.</exception>
    public BufferPool(long capacityBytes)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(capacityBytes, 1);
        CapacityBytes = (capacityBytes + MaxBufferBytes - 1) / MaxBufferBytes * MaxBufferBytes;

        // Mapped with room to align the region to its largest block, so that huge pages can back it.
        nuint mapped = (nuint)(CapacityBytes + MaxBufferBytes);
        byte* raw = Native.MemoryMap(null, mapped, Native.ProtRead | Native.ProtWrite, Native.MapPrivate | Native.MapAnonymous, -1, 0);
        if ((nint)raw == -1)
        {
            throw new OutOfMemoryException($"No memory for a buffer pool of {CapacityBytes} bytes: {Errno.DescribeLast()}.");
        }

        byte* aligned = (byte*)(((nuint)raw + MaxBufferBytes - 1) & ~(nuint)(MaxBufferBytes - 1));
        if (aligned != raw)
        {
            _ = Native.MemoryUnmap(raw, (nuint)(aligned - raw));
        }

        nuint behind = mapped - (nuint)(aligned - raw) - (nuint)CapacityBytes;
        if (behind > 0)
        {
            _ = Native.MemoryUnmap(aligned + CapacityBytes, behind);
        }

        _region = aligned;
        _runWaiters = new WaiterRun(this);
        _ = Native.MemoryAdvise(_region, (nuint)CapacityBytes, Native.MadvHugepage);
        for (long offset = 0; offset < CapacityBytes; offset += MinBufferBytes)
        {
            _region[offset] = 0;
        }

        _pageCount = (int)(CapacityBytes >> MinShift);
        _order = new byte[_pageCount];
        _owner = new BufferOwner[_pageCount];
        _next = new int[_pageCount];
        _previous = new int[_pageCount];
        Array.Fill(_order, NotAHead);
        Array.Fill(_head, -1);
        int step = MaxBufferBytes >> MinShift;
        for (int page = _pageCount - step; page >= 0; page -= step)
        {
            Link(page, OrderCount - 1);
        }
    }

    public long CapacityBytes { get; }

    public long InUseBytes => Volatile.Read(ref _inUseBytes);

    /// <summary>The region, for registering it with a ring.</summary>
    internal byte* Region => _region;

    /// <summary>False when no run of that length is free. <paramref name="lengthBytes"/> is 1 to <see cref="MaxBufferBytes"/>.</summary>
    public bool TryRent(int lengthBytes, BufferOwner owner, out IoBuffer buffer)
    {
        Invariant.Check(lengthBytes is > 0 and <= MaxBufferBytes && owner != BufferOwner.Free);
        int order = lengthBytes <= MinBufferBytes ? 0 : BitOperations.Log2((uint)(lengthBytes - 1)) + 1 - MinShift;
        int found = order;
        while (found < OrderCount && _head[found] < 0)
        {
            found++;
        }

        if (found == OrderCount)
        {
            buffer = default;
            return false;
        }

        int page = _head[found];
        Unlink(page, found);
        while (found > order)
        {
            found--;
            Link(page + (1 << found), found);
        }

        int capacity = MinBufferBytes << order;
        _order[page] = (byte)order;
        _owner[page] = owner;
        _inUseBytes += capacity;
        _inUseBy[(int)owner] += capacity;
        buffer = new IoBuffer(_region + ((long)page << MinShift), capacity);
        return true;
    }

    /// <summary>A buffer that this pool did not give, or that was returned already, is our own bug.</summary>
    public void Return(in IoBuffer buffer)
    {
        long offset = buffer.Address - _region;
        Invariant.Check(offset >= 0 && offset < CapacityBytes && (offset & (MinBufferBytes - 1)) == 0);
        int page = (int)(offset >> MinShift);
        int order = _order[page];
        BufferOwner owner = _owner[page];
        Invariant.Check(order < OrderCount && owner != BufferOwner.Free && MinBufferBytes << order == buffer.CapacityBytes);
        _inUseBytes -= buffer.CapacityBytes;
        _inUseBy[(int)owner] -= buffer.CapacityBytes;
        while (order < OrderCount - 1)
        {
            int buddy = page ^ (1 << order);
            if (_order[buddy] != order || _owner[buddy] != BufferOwner.Free)
            {
                break;
            }

            Unlink(buddy, order);
            _order[page] = NotAHead;
            _owner[page] = BufferOwner.Free;
            page &= ~(1 << order);
            order++;
        }

        Link(page, order);
        if (_waiters.Count > 0)
        {
            ScheduleWaiters();
        }
    }

    /// <summary>
    /// Runs <paramref name="waiter"/> once on the owner thread, in a later pass than the next return; all that wait are run then, in the order of the calls, while anything
    /// is free. One that finds too little waits again.
    /// </summary>
    public void WaitForSpace(IoMessage waiter) => _waiters.Enqueue(waiter);

    /// <summary>Bytes held by each owner: for leak tests and metrics.</summary>
    public long InUseBy(BufferOwner owner) => _inUseBy[(int)owner];

    /// <summary>Whether the address lies in this pool's region.</summary>
    public bool Contains(byte* address) => address >= _region && address < _region + CapacityBytes;

    public void Dispose()
    {
        if (!_disposed)
        {
            _disposed = true;
            _ = Native.MemoryUnmap(_region, (nuint)CapacityBytes);
        }
    }

    private void ScheduleWaiters()
    {
        if (IoThread.Current is not IoThread thread)
        {
            RunWaiters();
        }
        else if (!_waitersScheduled)
        {
            // One post for all: a waiter that no longer wants a buffer must not leave those behind it asleep beside a free pool.
            _waitersScheduled = thread.Post(_runWaiters);
        }
    }

    private void RunWaiters()
    {
        _waitersScheduled = false;
        for (int left = _waiters.Count; left > 0 && _inUseBytes < CapacityBytes; left--)
        {
            _waiters.Dequeue().Run();
        }
    }

    private void Link(int page, int order)
    {
        int first = _head[order];
        _order[page] = (byte)order;
        _owner[page] = BufferOwner.Free;
        _next[page] = first;
        _previous[page] = -1;
        if (first >= 0)
        {
            _previous[first] = page;
        }

        _head[order] = page;
    }

    private void Unlink(int page, int order)
    {
        int next = _next[page];
        int previous = _previous[page];
        if (previous >= 0)
        {
            _next[previous] = next;
        }
        else
        {
            _head[order] = next;
        }

        if (next >= 0)
        {
            _previous[next] = previous;
        }

        _order[page] = NotAHead;
    }

    private sealed class WaiterRun(BufferPool pool) : IoMessage
    {
        protected internal override void Run() => pool.RunWaiters();
    }
}
