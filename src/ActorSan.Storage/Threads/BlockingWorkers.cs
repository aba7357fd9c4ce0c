namespace ActorSan.Storage.Threads;

/// <summary>Helper threads of one I/O thread, for what the kernel can only do blocking. Started when first needed, ended with the thread.</summary>
internal sealed class BlockingWorkers(string ownerName, int limit)
{
    private readonly Lock _gate = new();
    private readonly Queue<(BlockingWork Work, IoThreadBase Owner)> _queue = new(64);
    private readonly SemaphoreSlim _available = new(0);
    private readonly List<Thread> _threads = [];
    private int _idle;
    private bool _closed;

    internal void Submit(BlockingWork work, IoThreadBase owner)
    {
        lock (_gate)
        {
            Invariant.Check(!_closed);
            _queue.Enqueue((work, owner));
            if (_queue.Count > _idle && _threads.Count < limit)
            {
                var thread = new Thread(Work, 256 << 10) { Name = $"{ownerName}-b{_threads.Count}", IsBackground = true };
                _threads.Add(thread);
                thread.Start();
            }
        }

        _ = _available.Release();
    }

    /// <summary>Ends the threads once their queue is empty.</summary>
    internal void Close()
    {
        int count;
        lock (_gate)
        {
            _closed = true;
            count = _threads.Count;
        }

        if (count > 0)
        {
            _ = _available.Release(count);
        }
    }

    private void Work()
    {
        while (true)
        {
            (BlockingWork Work, IoThreadBase Owner) next;
            lock (_gate)
            {
                _idle++;
            }

            _available.Wait();
            lock (_gate)
            {
                _idle--;
                if (!_queue.TryDequeue(out next))
                {
                    return;
                }
            }

            try
            {
                next.Work.Execute();
            }
            catch (Exception failure)
            {
                next.Owner.FailFromHelper(failure);
                continue;
            }

            next.Owner.PostCompletedWork(next.Work);
        }
    }
}
