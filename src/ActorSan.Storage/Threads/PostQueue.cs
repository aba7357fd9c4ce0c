namespace ActorSan.Storage.Threads;

/// <summary>
/// Many posters, one taker, no lock, no allocation: posters push on a stack, the taker takes it whole and turns it round, so that each poster's messages keep their order.
/// </summary>
internal sealed class PostQueue
{
    private static readonly IoMessage s_closed = new Sentinel();

    private IoMessage? _head;

    /// <summary>True when something may be waiting.</summary>
    internal bool HasMessages => Volatile.Read(ref _head) is not null;

    /// <summary>False when the queue was closed; the message was not taken then.</summary>
    internal bool TryPost(IoMessage message)
    {
        while (true)
        {
            IoMessage? head = Volatile.Read(ref _head);
            if (ReferenceEquals(head, s_closed))
            {
                return false;
            }

            message.Next = head;
            if (ReferenceEquals(Interlocked.CompareExchange(ref _head, message, head), head))
            {
                return true;
            }
        }
    }

    /// <summary>Takes all, oldest first, as a list over <see cref="IoMessage.Next"/>.</summary>
    internal IoMessage? TakeAll() => Reverse(Interlocked.Exchange(ref _head, null));

    /// <summary>Refuses all later posts if nothing is there; false when something is.</summary>
    internal bool TryCloseEmpty() => Interlocked.CompareExchange(ref _head, s_closed, null) is null;

    /// <summary>Takes what is there and refuses all later posts.</summary>
    internal IoMessage? Close() => Reverse(Interlocked.Exchange(ref _head, s_closed));

    private static IoMessage? Reverse(IoMessage? newest)
    {
        IoMessage? oldest = null;
        while (newest is not null && !ReferenceEquals(newest, s_closed))
        {
            IoMessage? next = newest.Next;
            newest.Next = oldest;
            oldest = newest;
            newest = next;
        }

        return oldest;
    }

    private sealed class Sentinel : IoMessage
    {
        protected internal override void Run() => Invariant.Fail("the end of a closed queue is not a message");
    }
}
