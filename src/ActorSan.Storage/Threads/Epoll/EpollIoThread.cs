namespace ActorSan.Storage.Threads.Epoll;

/// <summary>
/// An I/O thread on epoll, for hosts where io_uring is forbidden. A socket's call is tried when it is asked for; only one that would block waits for an edge, and a
/// socket is registered once in its life. Disk calls run on the helper threads. Completions are told in the next pass, as a ring would.
/// </summary>
internal sealed unsafe class EpollIoThread : IoThreadBase
{
    private const ulong WakeKey = ulong.MaxValue;
    private const int PreparedRequests = 64;

    /// <summary>Passes that had completions to take in which epoll was not asked: the question costs a system call, and events can wait that long.</summary>
    private const int MaxPassesWithoutLook = 4;

    private readonly CompletionQueue _completed = new();
    private readonly SocketTable _sockets = new();
    private EpollSet? _epoll;
    private DiskRequest[] _freeRequests = new DiskRequest[PreparedRequests];
    private int _freeRequestCount;
    private int _requestCount;
    private int _eventCount;
    private int _passesWithoutLook;
    private volatile bool _hasFailed;

    internal EpollIoThread(IoThreadOptions options, IIoThreadEvents? events)
        : base(options, events)
    {
    }

    public override IoEngineKind Engine => IoEngineKind.Epoll;

    /// <summary>The thread failed: nothing is begun or told any more. Read by helper threads too.</summary>
    internal bool HasFailed => _hasFailed;

    protected override bool HasCompletions => _completed.Count > 0 || _eventCount > 0;

    public override IoSocket AdoptSocket(int fd)
    {
        TakeCareOf(fd);
        var socket = new EpollSocket { Fd = fd };
        _sockets.Add(socket);
        return socket;
    }

    public override IoFile AdoptFile(int fd)
    {
        TakeCareOf(fd);
        return new EpollFile { Fd = fd };
    }

    public override void Accept(IoSocket listener, IoOperation operation)
    {
        var owned = (EpollSocket)listener;
        Submit(owned, ref owned.Reading, SocketCall.Accept, null, 0, operation);
    }

    public override void Connect(IoSocket socket, byte* address, int addressLength, IoOperation operation)
    {
        var owned = (EpollSocket)socket;
        owned.Address = new ReadOnlySpan<byte>(address, addressLength).ToArray();
        Submit(owned, ref owned.Writing, SocketCall.Connect, address, addressLength, operation);
    }

    public override void Receive(IoSocket socket, IoVector* vectors, int count, IoOperation operation)
    {
        var owned = (EpollSocket)socket;
        Submit(owned, ref owned.Reading, SocketCall.Receive, vectors, count, operation);
    }

    public override void Send(IoSocket socket, IoVector* vectors, int count, IoOperation operation)
    {
        var owned = (EpollSocket)socket;
        Submit(owned, ref owned.Writing, SocketCall.Send, vectors, count, operation);
    }

    public override void CloseSocket(IoSocket socket)
    {
        var owned = (EpollSocket)socket;
        int fd = owned.Fd;
        if (fd < 0)
        {
            return;
        }

        NativeSocket.Shutdown(fd);
        CancelParked(owned);
        Forget(owned);
        _ = Native.CloseFd(fd);
    }

    public override int ReleaseSocket(IoSocket socket)
    {
        var owned = (EpollSocket)socket;
        int fd = owned.Fd;
        Invariant.Check(fd >= 0 && owned.Reading.Operation is null && owned.Writing.Operation is null);
        Forget(owned);
        return fd;
    }

    public override void Read(IoFile file, byte* data, int lengthBytes, long offsetBytes, IoOperation operation) =>
        Submit(file, DiskCall.Read, data, lengthBytes, offsetBytes, 0, operation);

    public override void Write(IoFile file, byte* data, int lengthBytes, long offsetBytes, bool durable, IoOperation operation) =>
        Submit(file, durable ? DiskCall.WriteDurable : DiskCall.Write, data, lengthBytes, offsetBytes, 0, operation);

    public override void Sync(IoFile file, IoOperation operation) => Submit(file, DiskCall.Sync, null, 0, 0, 0, operation);

    public override void Allocate(IoFile file, int mode, long offsetBytes, long lengthBytes, IoOperation operation) =>
        Submit(file, DiskCall.Allocate, null, lengthBytes, offsetBytes, mode, operation);

    /// <summary>A request came back from its helper thread.</summary>
    internal void FinishDisk(DiskRequest request)
    {
        IoOperation operation = request.Operation!;
        IoFile file = request.File!;
        int result = request.Result;
        request.Operation = null;
        request.File = null;
        ReturnRequest(request);
        EndRequest(file);
        if (!_hasFailed)
        {
            Tell(operation, result);
        }
    }

    protected override void OpenEngine()
    {
        _epoll = EpollSet.Create(Options.QueueDepth);
        int errno = _epoll.Add(WakeFd, WakeKey);
        if (errno != 0)
        {
            throw new IOException($"epoll_ctl: {Errno.Describe(errno)}");
        }

        while (_requestCount < PreparedRequests)
        {
            _freeRequests[_freeRequestCount++] = new DiskRequest(this);
            _requestCount++;
        }
    }

    protected override int TakeCompletions()
    {
        // What these completions submit may complete at once: that is the next pass's, or a busy socket would starve timers and posts.
        int taken = _completed.Count;
        for (int left = taken; left > 0; left--)
        {
            CompletionQueue.Entry entry = _completed.Take();
            ref SocketSide side = ref entry.IsWriting ? ref entry.Socket.Writing : ref entry.Socket.Reading;
            Finish(ref side, entry.Result);
        }

        int events = _eventCount;
        _eventCount = 0;
        for (int i = 0; i < events; i++)
        {
            // Edge-triggered, the wake-up needs no read: every write to it is an event, and its count has room for 2^64.
            uint bits = _epoll!.Event(i, out ulong key);
            if (key != WakeKey && _sockets.Find(key) is EpollSocket socket)
            {
                taken += TakeEvent(socket, bits);
            }
        }

        return taken;
    }

    protected override void SubmitAndWait(long deadlineNs)
    {
        if (_eventCount > 0)
        {
            return;
        }

        if (_completed.Count > 0)
        {
            deadlineNs = 0;
            if (++_passesWithoutLook < MaxPassesWithoutLook)
            {
                return;
            }
        }

        _passesWithoutLook = 0;
        _eventCount = _epoll!.Wait(deadlineNs);
    }

    protected override void CancelAll()
    {
        for (int i = 0; i < _sockets.Length; i++)
        {
            if (_sockets[i] is EpollSocket socket)
            {
                CancelParked(socket);
            }
        }
    }

    protected override void AbandonInFlight()
    {
        // The kernel holds nothing of a socket's operations; what the helper threads are at is awaited when they are closed.
        _hasFailed = true;
        InFlightCount = 0;
        while (_completed.Count > 0)
        {
            CompletionQueue.Entry entry = _completed.Take();
            if (!entry.IsWriting && entry.Socket.Reading.Call == SocketCall.Accept && entry.Result >= 0)
            {
                _ = Native.CloseFd(entry.Result);
            }
        }
    }

    protected override void CloseEngine()
    {
        _epoll?.Dispose();
        _epoll = null;
    }

    private void Submit(EpollSocket socket, ref SocketSide side, SocketCall call, void* argument, int count, IoOperation operation)
    {
        Invariant.Check(socket.Fd >= 0 && side.Operation is null);
        side.Operation = operation;
        side.Call = call;
        side.Argument = argument;
        side.Count = count;
        if (!Begin(operation))
        {
            return;
        }

        int result = side.Exhausted ? -Errno.EAGAIN : SocketCalls.Try(socket, ref side);
        if (result != -Errno.EAGAIN)
        {
            _completed.Add(socket, IsWriting(call), result);
            return;
        }

        side.Exhausted = true;
        side.Parked = true;
        if (socket.Registered)
        {
            return;
        }

        int errno = _epoll!.Add(socket.Fd, socket.Key);
        if (errno == 0)
        {
            socket.Registered = true;
            return;
        }

        side.Exhausted = false;
        side.Parked = false;
        _completed.Add(socket, IsWriting(call), -errno);
    }

    private void Submit(IoFile file, DiskCall call, byte* data, long lengthBytes, long offsetBytes, int mode, IoOperation operation)
    {
        Invariant.Check(file.Fd >= 0);
        if (!Begin(operation))
        {
            return;
        }

        file.InFlight++;
        DiskRequest request = TakeRequest();
        request.Operation = operation;
        request.File = file;
        request.Call = call;
        request.Fd = file.Fd;
        request.Data = data;
        request.LengthBytes = lengthBytes;
        request.OffsetBytes = offsetBytes;
        request.Mode = mode;
        operation.Transfer = call switch
        {
            DiskCall.Read => IoTransfer.Read,
            DiskCall.Write or DiskCall.WriteDurable => IoTransfer.Written,
            _ => IoTransfer.None,
        };
        RunBlocking(request);
    }

    /// <summary>False after a failure: the operation stays in flight for ever, as one that was abandoned.</summary>
    private bool Begin(IoOperation operation)
    {
        Invariant.Check(IsCurrent && !operation.InFlight);
        operation.InFlight = true;
        if (_hasFailed)
        {
            return false;
        }

        InFlightCount++;
        OperationCount++;
        return true;
    }

    /// <summary>Tries again what waited for this event; returns how many operations ended.</summary>
    private int TakeEvent(EpollSocket socket, uint bits)
    {
        const uint broken = Native.EpollErr | Native.EpollHup;
        const uint readable = Native.EpollIn | Native.EpollPri | Native.EpollRdhup | broken;
        const uint writable = Native.EpollOut | broken;
        if ((bits & (Native.EpollPri | Native.EpollRdhup | broken)) != 0)
        {
            socket.ShortMayHaveMore = true;
        }

        int ended = 0;
        if ((bits & readable) != 0)
        {
            ended += TryAgain(socket, ref socket.Reading);
        }

        // The receiver may have closed the socket.
        if ((bits & writable) != 0 && socket.Fd >= 0)
        {
            ended += TryAgain(socket, ref socket.Writing);
        }

        return ended;
    }

    private int TryAgain(EpollSocket socket, ref SocketSide side)
    {
        side.Exhausted = false;
        if (!side.Parked)
        {
            return 0;
        }

        int result = SocketCalls.TryParked(socket, ref side);
        if (result == -Errno.EAGAIN)
        {
            side.Exhausted = true;
            return 0;
        }

        side.Parked = false;
        Finish(ref side, result);
        return 1;
    }

    private void Finish(ref SocketSide side, int result)
    {
        IoOperation operation = side.Operation!;
        side.Operation = null;
        operation.Transfer = side.Call switch
        {
            SocketCall.Receive => IoTransfer.Received,
            SocketCall.Send => IoTransfer.Sent,
            _ => IoTransfer.None,
        };
        Tell(operation, result);
    }

    private void Tell(IoOperation operation, int result)
    {
        InFlightCount--;
        operation.InFlight = false;
        CountBytes(operation, result);
        operation.OnCompleted(result);
    }

    private void CancelParked(EpollSocket socket)
    {
        CancelParked(socket, ref socket.Reading);
        CancelParked(socket, ref socket.Writing);
    }

    private void CancelParked(EpollSocket socket, ref SocketSide side)
    {
        if (side.Parked)
        {
            side.Parked = false;
            _completed.Add(socket, IsWriting(side.Call), -Errno.ECANCELED);
        }
    }

    private void Forget(EpollSocket socket)
    {
        if (socket.Registered)
        {
            // Not left to close(2): a child between fork and exec may hold the same open socket, and a released one lives on.
            _epoll!.Remove(socket.Fd);
            socket.Registered = false;
        }

        _sockets.Remove(socket);
        LetGoOf(socket.Fd);
        socket.Fd = -1;
    }

    private DiskRequest TakeRequest()
    {
        if (_freeRequestCount > 0)
        {
            return _freeRequests[--_freeRequestCount];
        }

        _requestCount++;
        return new DiskRequest(this);
    }

    private void ReturnRequest(DiskRequest request)
    {
        if (_freeRequestCount == _freeRequests.Length)
        {
            Array.Resize(ref _freeRequests, _freeRequests.Length * 2);
        }

        _freeRequests[_freeRequestCount++] = request;
    }

    private static bool IsWriting(SocketCall call) => call is SocketCall.Connect or SocketCall.Send;
}
