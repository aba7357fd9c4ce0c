using ActorSan.Storage.Buffers;
using ActorSan.Storage.Threads;

namespace ActorSan.Fuzz.Iscsi;

/// <summary>
/// An I/O thread without a kernel: the caller is the thread. Its one socket gives out the bytes of a script, in pieces, and takes in whatever is sent, in pieces. Everything
/// runs in <see cref="RunUntilIdle"/>, in a fixed order, so that an input always does the same.
/// </summary>
internal sealed unsafe class ScriptedIoThread : IoThread
{
    private readonly Queue<IoMessage> _messages = new();
    private readonly Queue<(IoOperation Operation, int Result)> _completions = new();
    private readonly List<PassHook> _hooks = [];
    private readonly HashSet<IoTimer> _timers = [];
    private readonly Socket _socket = new();
    private readonly int _pieceBytes;
    private byte[] _script;
    private int _scriptAt;
    private IoOperation? _receive;
    private long _now = 1;

    public ScriptedIoThread(byte[] script, int pieceBytes, BufferPool pool)
        : base(new IoThreadOptions { Name = "scripted", Index = 0 }, null)
    {
        _script = script;
        _pieceBytes = Math.Max(pieceBytes, 1);
        Buffers = pool;
    }

    public MemoryStream Sent { get; } = new();

    public bool SocketIsOpen => _socket.IsOpen;

    /// <summary>The whole script was received.</summary>
    public bool ScriptIsDone => _scriptAt == _script.Length;

    public override IoEngineKind Engine => IoEngineKind.Epoll;

    public override BufferPool Buffers { get; }

    public override long PassTimeNs => _now;

    public override long NowNs => _now;

    /// <summary>Makes the caller this thread until it is disposed.</summary>
    public void Enter() => Current = this;

    /// <summary>More for the socket to give out.</summary>
    public void Append(byte[] bytes)
    {
        _script = [.. _script.AsSpan(_scriptAt), .. bytes];
        _scriptAt = 0;
        Feed();
    }

    /// <summary>The peer closes: a receive that waits, or comes, ends with 0.</summary>
    public void ClosePeer()
    {
        _socket.PeerClosed = true;
        Feed();
        RunUntilIdle();
    }

    /// <summary>Passes until nothing is left to do.</summary>
    public void RunUntilIdle()
    {
        while (_messages.Count + _completions.Count + _hooks.Count > 0)
        {
            _now += 1000;
            while (_messages.TryDequeue(out IoMessage? message))
            {
                message.Run();
            }

            while (_completions.TryDequeue(out (IoOperation Operation, int Result) completion))
            {
                completion.Operation.InFlight = false;
                completion.Operation.OnCompleted(completion.Result);
            }

            PassHook[] hooks = [.. _hooks];
            _hooks.Clear();
            foreach (PassHook hook in hooks)
            {
                hook.Queued = false;
                hook.OnEndOfPass();
            }
        }
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
        _messages.Enqueue(message);
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

    public override IoSocket AdoptSocket(int fd) => _socket;

    public override void Accept(IoSocket listener, IoOperation operation) => throw new NotSupportedException();

    public override void Connect(IoSocket socket, byte* address, int addressLength, IoOperation operation) => throw new NotSupportedException();

    public override void Receive(IoSocket socket, IoVector* vectors, int count, IoOperation operation)
    {
        operation.InFlight = true;
        _receive = operation;
        _vectors = vectors;
        _vectorCount = count;
        Feed();
    }

    public override void Send(IoSocket socket, IoVector* vectors, int count, IoOperation operation)
    {
        operation.InFlight = true;
        int sent = 0;
        for (int i = 0; i < count && sent < _pieceBytes; i++)
        {
            int take = (int)Math.Min((long)vectors[i].LengthBytes, _pieceBytes - sent);
            Sent.Write(new ReadOnlySpan<byte>(vectors[i].Address, take));
            sent += take;
        }

        _completions.Enqueue((operation, sent));
    }

    public override void CloseSocket(IoSocket socket)
    {
        _socket.IsOpen = false;
        if (_receive is { } waiting)
        {
            _receive = null;
            _completions.Enqueue((waiting, -125));
        }
    }

    public override int ReleaseSocket(IoSocket socket) => 0;

    public override IoFile AdoptFile(int fd) => throw new NotSupportedException();

    public override void Read(IoFile file, byte* data, int lengthBytes, long offsetBytes, IoOperation operation) => throw new NotSupportedException();

    public override void Write(IoFile file, byte* data, int lengthBytes, long offsetBytes, bool durable, IoOperation operation) => throw new NotSupportedException();

    public override void Sync(IoFile file, IoOperation operation) => throw new NotSupportedException();

    public override void Allocate(IoFile file, int mode, long offsetBytes, long lengthBytes, IoOperation operation) => throw new NotSupportedException();

    public override void CloseFile(IoFile file) => throw new NotSupportedException();

    public override void RunBlocking(BlockingWork work) => throw new NotSupportedException();

    public override void StartTimer(IoTimer timer, TimeSpan delay) => _timers.Add(timer);

    public override void StopTimer(IoTimer timer) => _timers.Remove(timer);

    protected override void Dispose(bool disposing) => Current = null;

    private IoVector* _vectors;
    private int _vectorCount;

    private void Feed()
    {
        if (_receive is not { } operation || (ScriptIsDone && !_socket.PeerClosed))
        {
            return;
        }

        int received = 0;
        for (int i = 0; i < _vectorCount && received < _pieceBytes && !ScriptIsDone; i++)
        {
            int take = (int)Math.Min(Math.Min((long)_vectors[i].LengthBytes, _pieceBytes - received), _script.Length - _scriptAt);
            _script.AsSpan(_scriptAt, take).CopyTo(new Span<byte>(_vectors[i].Address, take));
            _scriptAt += take;
            received += take;
        }

        _receive = null;
        _completions.Enqueue((operation, received));
    }

    private sealed class Socket : IoSocket
    {
        public bool IsOpen { get; set; } = true;

        public bool PeerClosed { get; set; }
    }
}
