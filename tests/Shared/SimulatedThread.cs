using ActorSan.Storage.Buffers;
using ActorSan.Storage.Threads;

namespace ActorSan.Tests.Shared;

/// <summary>One end of a connection whose other end is an input: bytes come in pieces, then the peer closes; what is sent is kept up to a bound.</summary>
internal sealed class SimulatedSocket : IoSocket
{
    internal const int MaxKeptBytes = 1 << 20;

    internal byte[] Input = [];
    internal int InputAt;
    internal int InputBytes { get; set; }

    internal int PieceBytes = int.MaxValue;
    internal byte[] Output = new byte[1 << 16];
    internal int OutputBytes;
    internal bool Closed;
    internal IoOperation? Receiving;
    internal unsafe IoVector* Vectors;
    internal int VectorCount;
}

/// <summary>An I/O thread without a kernel or a clock: passes run when the caller says so, and time goes on only when nothing else is to do. Deterministic.</summary>
internal sealed unsafe class SimulatedThread : IoThread
{
    private const int Cancelled = -125;

    private readonly Queue<IoMessage> _posts = new();
    private readonly Queue<(IoOperation Operation, int Result)> _completions = new();
    private readonly List<PassHook> _hooks = [];
    private readonly List<IoTimer> _timers = [];
    private readonly List<SimulatedSocket> _sockets = [];
    private readonly BufferPool _buffers;
    private long _nowNs = 1_000_000_000;

    internal SimulatedThread(string name = "simulated", int index = 0, int poolBytes = 32 << 20)
        : base(new IoThreadOptions { Name = name, Index = index }, null)
    {
        _buffers = new BufferPool(poolBytes);
        Current = this;
    }

    /// <summary>The socket that the next <see cref="AdoptSocket"/> gives out.</summary>
    internal SimulatedSocket? NextSocket { get; set; }

    public override IoEngineKind Engine => IoEngineKind.Epoll;

    public override BufferPool Buffers => _buffers;

    public override long PassTimeNs => _nowNs;

    public override long NowNs => _nowNs;

    /// <summary>Runs passes until nothing is left to do but to wait; false when that does not come within <paramref name="maxPasses"/>.</summary>
    internal bool RunToIdle(int maxPasses)
    {
        Current = this;
        for (int pass = 0; pass < maxPasses; pass++)
        {
            if (!RunPass())
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>One pass of this thread, for a test that takes turns between several; false when there was nothing to do.</summary>
    internal bool RunOnePass()
    {
        Current = this;
        return RunPass();
    }

    /// <summary>Moves time to the next timer and fires it; false when none runs.</summary>
    internal bool FireNextTimer()
    {
        IoTimer? next = null;
        foreach (IoTimer timer in _timers)
        {
            if (next is null || timer.DueNs < next.DueNs)
            {
                next = timer;
            }
        }

        if (next is null)
        {
            return false;
        }

        Current = this;
        _nowNs = Math.Max(_nowNs, next.DueNs);
        StopTimer(next);
        next.OnFired();
        return true;
    }

    public override IoThreadCounters ReadCounters() => default;

    public override void Start()
    {
    }

    public override void Stop()
    {
    }

    public override bool Join(TimeSpan timeout) => true;

    public override bool Post(IoMessage message)
    {
        _posts.Enqueue(message);
        return true;
    }

    public override void AtEndOfPass(PassHook hook)
    {
        if (!hook.Queued)
        {
            hook.Queued = true;
            _hooks.Add(hook);
        }
    }

    public override IoSocket AdoptSocket(int fd)
    {
        SimulatedSocket socket = NextSocket ?? throw new InvalidOperationException("no socket was prepared");
        NextSocket = null;
        socket.Fd = int.MaxValue;
        _sockets.Add(socket);
        return socket;
    }

    public override void Accept(IoSocket listener, IoOperation operation) => throw new NotSupportedException();

    public override void Connect(IoSocket socket, byte* address, int addressLength, IoOperation operation) => throw new NotSupportedException();

    public override void Receive(IoSocket socket, IoVector* vectors, int count, IoOperation operation)
    {
        var simulated = (SimulatedSocket)socket;
        Begin(operation);
        simulated.Receiving = operation;
        simulated.Vectors = vectors;
        simulated.VectorCount = count;
    }

    public override void Send(IoSocket socket, IoVector* vectors, int count, IoOperation operation)
    {
        var simulated = (SimulatedSocket)socket;
        int sent = 0;
        for (int i = 0; i < count; i++)
        {
            var bytes = new ReadOnlySpan<byte>(vectors[i].Address, (int)vectors[i].LengthBytes);
            sent += bytes.Length;
            int kept = Math.Min(bytes.Length, SimulatedSocket.MaxKeptBytes - simulated.OutputBytes);
            if (simulated.OutputBytes + kept > simulated.Output.Length)
            {
                Array.Resize(ref simulated.Output, Math.Min(SimulatedSocket.MaxKeptBytes, Math.Max(simulated.Output.Length * 2, simulated.OutputBytes + kept)));
            }

            bytes[..kept].CopyTo(simulated.Output.AsSpan(simulated.OutputBytes));
            simulated.OutputBytes += kept;
        }

        Begin(operation);
        _completions.Enqueue((operation, sent));
    }

    public override void CloseSocket(IoSocket socket)
    {
        var simulated = (SimulatedSocket)socket;
        simulated.Closed = true;
        simulated.Fd = -1;
        _sockets.Remove(simulated);
        if (simulated.Receiving is { } receiving)
        {
            simulated.Receiving = null;
            _completions.Enqueue((receiving, Cancelled));
        }
    }

    public override int ReleaseSocket(IoSocket socket) => throw new NotSupportedException();

    public override IoFile AdoptFile(int fd) => throw new NotSupportedException();

    public override void Read(IoFile file, byte* data, int lengthBytes, long offsetBytes, IoOperation operation) => throw new NotSupportedException();

    public override void Write(IoFile file, byte* data, int lengthBytes, long offsetBytes, bool durable, IoOperation operation) => throw new NotSupportedException();

    public override void Sync(IoFile file, IoOperation operation) => throw new NotSupportedException();

    public override void Allocate(IoFile file, int mode, long offsetBytes, long lengthBytes, IoOperation operation) => throw new NotSupportedException();

    public override void CloseFile(IoFile file) => throw new NotSupportedException();

    public override void RunBlocking(BlockingWork work)
    {
        work.Execute();
        _posts.Enqueue(work);
    }

    public override void StartTimer(IoTimer timer, TimeSpan delay)
    {
        if (timer.HeapIndex < 0)
        {
            _timers.Add(timer);
            timer.HeapIndex = 0;
        }

        timer.DueNs = _nowNs + (long)delay.TotalNanoseconds;
    }

    public override void StopTimer(IoTimer timer)
    {
        if (timer.HeapIndex >= 0)
        {
            timer.HeapIndex = -1;
            _timers.Remove(timer);
        }
    }

    protected override void Dispose(bool disposing)
    {
        if (IsCurrent)
        {
            Current = null;
        }

        _buffers.Dispose();
    }

    private static void Begin(IoOperation operation)
    {
        if (operation.InFlight)
        {
            throw new InvalidOperationException("an operation was begun twice");
        }

        operation.InFlight = true;
    }

    private static void Complete(IoOperation operation, int result)
    {
        operation.InFlight = false;
        operation.OnCompleted(result);
    }

    private bool RunPass()
    {
        bool did = false;
        for (int i = _posts.Count; i > 0; i--)
        {
            _posts.Dequeue().Run();
            did = true;
        }

        for (int i = _completions.Count; i > 0; i--)
        {
            (IoOperation operation, int result) = _completions.Dequeue();
            Complete(operation, result);
            did = true;
        }

        for (int i = _sockets.Count - 1; i >= 0; i--)
        {
            if (i < _sockets.Count && _sockets[i].Receiving is not null)
            {
                Deliver(_sockets[i]);
                did = true;
            }
        }

        for (int i = 0; i < _hooks.Count; i++)
        {
            PassHook hook = _hooks[i];
            hook.Queued = false;
            hook.OnEndOfPass();
            did = true;
        }

        _hooks.Clear();
        return did;
    }

    private static void Deliver(SimulatedSocket socket)
    {
        IoOperation operation = socket.Receiving!;
        socket.Receiving = null;
        int room = Math.Min(socket.PieceBytes, socket.InputBytes - socket.InputAt);
        int given = 0;
        for (int i = 0; i < socket.VectorCount && given < room; i++)
        {
            int part = (int)Math.Min((nuint)(room - given), socket.Vectors[i].LengthBytes);
            socket.Input.AsSpan(socket.InputAt, part).CopyTo(new Span<byte>(socket.Vectors[i].Address, part));
            socket.InputAt += part;
            given += part;
        }

        Complete(operation, given);
    }
}
