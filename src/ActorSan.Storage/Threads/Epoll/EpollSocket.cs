namespace ActorSan.Storage.Threads.Epoll;

/// <summary>The calls that a socket's operations make.</summary>
internal enum SocketCall : byte
{
    Accept,
    Connect,
    Receive,
    Send,
}

/// <summary>One direction of a socket: its operation in flight, from submission until its completion is taken, and what is known of readiness.</summary>
internal unsafe struct SocketSide
{
    public IoOperation? Operation;

    /// <summary>The caller's, until completion; for <see cref="SocketCall.Connect"/> the address.</summary>
    public void* Argument;

    /// <summary>Vectors, or bytes of the address.</summary>
    public int Count;

    public SocketCall Call;

    /// <summary>The operation waits for an event.</summary>
    public bool Parked;

    /// <summary>The last call left nothing to do; cleared by an event. Only a hint that saves a call in vain: an edge comes after every change.</summary>
    public bool Exhausted;
}

internal sealed class EpollSocket : IoSocket
{
    /// <summary>Accept, receive.</summary>
    public SocketSide Reading;

    /// <summary>Connect, send.</summary>
    public SocketSide Writing;

    /// <summary>Where it is being connected to; the caller's copy need not stay.</summary>
    public byte[]? Address;

    /// <summary>Place in the thread's table, with its generation: what epoll hands back.</summary>
    public ulong Key;

    /// <summary>Registered with epoll: from the first operation that had to wait.</summary>
    public bool Registered;

    /// <summary>The peer's end, an error or urgent data was seen: a short receive no longer says that nothing is left to read.</summary>
    public bool ShortMayHaveMore;
}

internal sealed class EpollFile : IoFile;
