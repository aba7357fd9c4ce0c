namespace ActorSan.Iscsi.Connections;

/// <summary>Something that a connection sends: one PDU or a task's whole answer. Intrusive, reused, in at most one queue.</summary>
internal abstract class Outgoing
{
    internal Outgoing? NextOutgoing;

    /// <summary>Writes PDUs into the batch; false: the batch is full, call again in the next. Sequence numbers are given here, in the order of sending.</summary>
    public abstract bool Fill(SendQueue queue);

    /// <summary>The kernel has taken every byte, or the connection is gone and never will.</summary>
    public abstract void OnReleased();
}

/// <summary>A FIFO of <see cref="Outgoing"/>.</summary>
internal struct OutgoingList
{
    private Outgoing? _head;
    private Outgoing? _tail;

    public int Count { get; private set; }

    public readonly Outgoing? First => _head;

    public void Add(Outgoing item)
    {
        item.NextOutgoing = null;
        if (_tail is null)
        {
            _head = item;
        }
        else
        {
            _tail.NextOutgoing = item;
        }

        _tail = item;
        Count++;
    }

    public Outgoing RemoveFirst()
    {
        Outgoing item = _head!;
        _head = item.NextOutgoing;
        if (_head is null)
        {
            _tail = null;
        }

        item.NextOutgoing = null;
        Count--;
        return item;
    }
}
