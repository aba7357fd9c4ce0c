namespace ActorSan.Storage.Threads.Epoll;

/// <summary>
/// The sockets in a thread's care, by place. A key is a place and its generation: an event that was taken for a socket that has gone since finds nobody, even when
/// another has its place or its descriptor by then.
/// </summary>
internal sealed class SocketTable
{
    private EpollSocket?[] _sockets = new EpollSocket?[256];
    private uint[] _generations = new uint[256];
    private int[] _free = new int[256];
    private int _freeCount;

    /// <summary>Places in use at some time: the bound for <see cref="this[int]"/>.</summary>
    internal int Length { get; private set; }

    internal EpollSocket? this[int place] => _sockets[place];

    internal void Add(EpollSocket socket)
    {
        int place;
        if (_freeCount > 0)
        {
            place = _free[--_freeCount];
        }
        else
        {
            if (Length == _sockets.Length)
            {
                Array.Resize(ref _sockets, Length * 2);
                Array.Resize(ref _generations, Length * 2);
                Array.Resize(ref _free, Length * 2);
            }

            place = Length++;
        }

        _sockets[place] = socket;
        socket.Key = ((ulong)_generations[place] << 32) | (uint)place;
    }

    internal void Remove(EpollSocket socket)
    {
        int place = (int)(uint)socket.Key;
        Invariant.Check(ReferenceEquals(_sockets[place], socket));
        _sockets[place] = null;
        _generations[place]++;
        _free[_freeCount++] = place;
    }

    internal EpollSocket? Find(ulong key)
    {
        int place = (int)(uint)key;
        return place < Length && _sockets[place] is EpollSocket socket && socket.Key == key ? socket : null;
    }
}
