namespace ActorSan.Storage.Threads.Epoll;

/// <summary>Socket operations that have ended and wait to be told, oldest first: a ring that grows to the most that ever waited at once.</summary>
internal sealed class CompletionQueue
{
    private Entry[] _entries = new Entry[1024];
    private int _head;

    internal int Count { get; private set; }

    internal void Add(EpollSocket socket, bool isWriting, int result)
    {
        if (Count == _entries.Length)
        {
            var larger = new Entry[Count * 2];
            for (int i = 0; i < Count; i++)
            {
                larger[i] = _entries[(_head + i) & (Count - 1)];
            }

            _entries = larger;
            _head = 0;
        }

        _entries[(_head + Count++) & (_entries.Length - 1)] = new Entry(socket, isWriting, result);
    }

    internal Entry Take()
    {
        Invariant.Check(Count > 0);
        Entry entry = _entries[_head];
        _entries[_head] = default;
        _head = (_head + 1) & (_entries.Length - 1);
        Count--;
        return entry;
    }

    internal readonly record struct Entry(EpollSocket Socket, bool IsWriting, int Result);
}
