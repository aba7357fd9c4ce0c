namespace ActorSan.Storage.Threads;

/// <summary>
/// Helper threads of one I/O thread, for what the kernel can only do blocking. Started when first needed, ended with the thread. The owner puts work into a ring that
/// the helpers take from without a lock; what the ring has no room for waits in a list, in order, until completions make room.
/// </summary>
internal sealed class BlockingWorkers(IoThreadBase owner, int limit)
{
    private const int Capacity = 1024;
    private const int Mask = Capacity - 1;

    private readonly BlockingWork?[] _ring = new BlockingWork?[Capacity];
    private readonly FutexSemaphore _available = new();
    private readonly List<Thread> _threads = [];
    private BlockingWork? _firstWaiting;
    private BlockingWork? _lastWaiting;
    private long _head;
    private long _tail;
    private bool _closed;

    /// <summary>On the owner. <paramref name="outstanding"/>, this work included, tells how many threads are of use.</summary>
    internal void Submit(BlockingWork work, int outstanding)
    {
        Invariant.Check(!_closed);
        work.Next = null;
        if (_lastWaiting is not null)
        {
            _lastWaiting.Next = work;
            _lastWaiting = work;
        }
        else if (!TryPut(work))
        {
            _firstWaiting = work;
            _lastWaiting = work;
        }

        if (outstanding > _threads.Count && _threads.Count < limit)
        {
            StartThread();
        }
    }

    /// <summary>On the owner, when a completion was taken: the ring has room for what waited.</summary>
    internal void Refill()
    {
        while (_firstWaiting is BlockingWork work)
        {
            // Once in the ring the link is its taker's.
            var next = (BlockingWork?)work.Next;
            work.Next = null;
            if (!TryPut(work))
            {
                work.Next = next;
                return;
            }

            _firstWaiting = next;
            _lastWaiting = next is null ? null : _lastWaiting;
        }
    }

    /// <summary>On the owner: waits for what the helpers are at and for what is in the ring, because it may use this thread's memory and descriptors; then they end.</summary>
    internal void Close()
    {
        if (_closed)
        {
            return;
        }

        _closed = true;
        _available.Release(Math.Max(1, _threads.Count));
        foreach (Thread thread in _threads)
        {
            thread.Join();
        }

        _available.Dispose();
    }

    private bool TryPut(BlockingWork work)
    {
        if (_tail - Volatile.Read(ref _head) == Capacity)
        {
            return false;
        }

        _ring[_tail & Mask] = work;
        Volatile.Write(ref _tail, _tail + 1);
        _available.Release(1);
        return true;
    }

    /// <summary>Null when the ring is empty: only at the end is there a turn without work.</summary>
    private BlockingWork? TryTake()
    {
        while (true)
        {
            long head = Volatile.Read(ref _head);
            if (head == Volatile.Read(ref _tail))
            {
                return null;
            }

            BlockingWork? work = Volatile.Read(ref _ring[head & Mask]);
            if (Interlocked.CompareExchange(ref _head, head + 1, head) == head)
            {
                // The owner may have filled the place again, with other work: this one is not begun yet, so it can't be there twice.
                _ = Interlocked.CompareExchange(ref _ring[head & Mask], null, work);
                return work;
            }
        }
    }

    private void StartThread()
    {
        var thread = new Thread(Run, 256 << 10) { Name = $"{owner.Name}-b{_threads.Count}", IsBackground = true };
        _threads.Add(thread);
        thread.Start();
    }

    private void Run()
    {
        while (true)
        {
            _available.Wait();
            if (TryTake() is not BlockingWork work)
            {
                return;
            }

            try
            {
                work.Execute();
            }
            catch (Exception failure)
            {
                owner.FailFromHelper(failure);
                continue;
            }

            owner.PostCompletedWork(work);
        }
    }
}
