namespace ActorSan.Storage.Threads;

/// <summary>A binary heap of timers by due time; a timer knows its place, so that it moves and stops in O(log n). Grows, never shrinks.</summary>
internal sealed class TimerHeap
{
    private IoTimer[] _heap = new IoTimer[64];
    private int _count;

    /// <summary>When the first is due, or <see cref="long.MaxValue"/>.</summary>
    internal long NextDueNs => _count == 0 ? long.MaxValue : _heap[0].DueNs;

    internal void Start(IoTimer timer, long dueNs)
    {
        timer.DueNs = dueNs;
        if (timer.HeapIndex < 0)
        {
            if (_count == _heap.Length)
            {
                Array.Resize(ref _heap, _count * 2);
            }

            timer.HeapIndex = _count;
            _heap[_count++] = timer;
        }

        Settle(timer.HeapIndex);
    }

    internal void Stop(IoTimer timer)
    {
        int hole = timer.HeapIndex;
        if (hole < 0)
        {
            return;
        }

        timer.HeapIndex = -1;
        IoTimer last = _heap[--_count];
        _heap[_count] = null!;
        if (!ReferenceEquals(last, timer))
        {
            _heap[hole] = last;
            last.HeapIndex = hole;
            Settle(hole);
        }
    }

    /// <summary>Takes the first timer if it is due.</summary>
    internal bool TryTakeDue(long nowNs, out IoTimer timer)
    {
        if (_count == 0 || _heap[0].DueNs > nowNs)
        {
            timer = null!;
            return false;
        }

        timer = _heap[0];
        Stop(timer);
        return true;
    }

    private void Settle(int index)
    {
        while (index > 0 && _heap[index].DueNs < _heap[(index - 1) / 2].DueNs)
        {
            Swap(index, (index - 1) / 2);
            index = (index - 1) / 2;
        }

        while (true)
        {
            int child = (2 * index) + 1;
            if (child >= _count)
            {
                return;
            }

            if (child + 1 < _count && _heap[child + 1].DueNs < _heap[child].DueNs)
            {
                child++;
            }

            if (_heap[child].DueNs >= _heap[index].DueNs)
            {
                return;
            }

            Swap(index, child);
            index = child;
        }
    }

    private void Swap(int a, int b)
    {
        (_heap[a], _heap[b]) = (_heap[b], _heap[a]);
        _heap[a].HeapIndex = a;
        _heap[b].HeapIndex = b;
    }
}
