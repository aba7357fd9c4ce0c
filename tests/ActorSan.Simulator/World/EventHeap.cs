namespace ActorSan.Simulator.World;

/// <summary>A heap of structs with four children each, by (time, sequence): two events of one instant happen in the order in which they were scheduled.</summary>
internal sealed class EventHeap
{
    private Entry[] _entries = new Entry[1024];
    private long _sequence;

    public int Count { get; private set; }

    public long NextTime => _entries[0].Time;

    public void Push(long time, SimEvent what)
    {
        if (Count == _entries.Length)
        {
            Array.Resize(ref _entries, Count * 2);
        }

        Entry[] entries = _entries;
        var entry = new Entry { Time = time, Sequence = ++_sequence, Event = what };
        int index = Count++;
        while (index > 0)
        {
            int parent = (index - 1) >> 2;
            ref Entry above = ref entries[parent];
            if (!entry.IsBefore(in above))
            {
                break;
            }

            entries[index] = above;
            index = parent;
        }

        entries[index] = entry;
    }

    public SimEvent Pop(out long time)
    {
        Entry[] entries = _entries;
        SimEvent what = entries[0].Event;
        time = entries[0].Time;
        int count = --Count;
        Entry last = entries[count];
        entries[count] = default;
        int index = 0;
        while (true)
        {
            int child = (index << 2) + 1;
            if (child >= count)
            {
                break;
            }

            int end = Math.Min(child + 4, count);
            int least = child;
            for (int other = child + 1; other < end; other++)
            {
                if (entries[other].IsBefore(in entries[least]))
                {
                    least = other;
                }
            }

            if (!entries[least].IsBefore(in last))
            {
                break;
            }

            entries[index] = entries[least];
            index = least;
        }

        if (count > 0)
        {
            entries[index] = last;
        }

        return what;
    }

    private struct Entry
    {
        public long Time;
        public long Sequence;
        public SimEvent Event;

        public readonly bool IsBefore(in Entry other) => Time < other.Time || (Time == other.Time && Sequence < other.Sequence);
    }
}
