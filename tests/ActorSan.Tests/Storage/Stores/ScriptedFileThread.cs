using ActorSan.Storage.Buffers;
using ActorSan.Storage.Threads;

namespace ActorSan.Tests.Storage.Stores;

/// <summary>What a store asked the kernel for; the test says how it ends.</summary>
internal sealed record FileCall(string Name, long Offset, long Length, bool Durable, int Mode, IoOperation Operation);

/// <summary>An I/O thread without a kernel, on the test's own thread: file calls pile up until the test completes them with any result.</summary>
internal sealed unsafe class ScriptedFileThread : IoThread
{
    private readonly List<PassHook> _hooks = [];

    internal ScriptedFileThread()
        : base(new IoThreadOptions { Name = "scripted", Index = 0 }, null) => Current = this;

    internal List<FileCall> Calls { get; } = [];

    internal Queue<IoMessage> Posted { get; } = new();

    public override IoEngineKind Engine => IoEngineKind.Epoll;

    public override BufferPool Buffers { get; } = new(BufferPool.MaxBufferBytes);

    public override long PassTimeNs => 0;

    public override long NowNs => 0;

    /// <summary>Ends a call, the oldest if nothing is said; a pass ends after it.</summary>
    internal void Complete(int result, int index = 0)
    {
        FileCall call = Calls[index];
        Calls.RemoveAt(index);
        call.Operation.OnCompleted(result);
        EndPass();
    }

    internal void EndPass()
    {
        for (int i = 0; i < _hooks.Count; i++)
        {
            _hooks[i].Queued = false;
            _hooks[i].OnEndOfPass();
        }

        _hooks.Clear();
        while (Posted.TryDequeue(out IoMessage? message))
        {
            message.Run();
        }
    }

    public override IoFile AdoptFile(int fd) => new ScriptedFile();

    public override void Read(IoFile file, byte* data, int lengthBytes, long offsetBytes, IoOperation operation) =>
        Calls.Add(new FileCall("read", offsetBytes, lengthBytes, false, 0, operation));

    public override void Write(IoFile file, byte* data, int lengthBytes, long offsetBytes, bool durable, IoOperation operation) =>
        Calls.Add(new FileCall("write", offsetBytes, lengthBytes, durable, 0, operation));

    public override void Sync(IoFile file, IoOperation operation) => Calls.Add(new FileCall("sync", 0, 0, false, 0, operation));

    public override void Allocate(IoFile file, int mode, long offsetBytes, long lengthBytes, IoOperation operation) =>
        Calls.Add(new FileCall("allocate", offsetBytes, lengthBytes, false, mode, operation));

    public override void CloseFile(IoFile file) => Calls.Add(new FileCall("close", 0, 0, false, 0, null!));

    public override void AtEndOfPass(PassHook hook)
    {
        if (!hook.Queued)
        {
            hook.Queued = true;
            _hooks.Add(hook);
        }
    }

    public override bool Post(IoMessage message)
    {
        Posted.Enqueue(message);
        return true;
    }

    public override void RunBlocking(BlockingWork work) => throw new NotSupportedException();

    public override IoThreadCounters ReadCounters() => default;

    public override void Start() => throw new NotSupportedException();

    public override void Stop() => throw new NotSupportedException();

    public override bool Join(TimeSpan timeout) => true;

    public override IoSocket AdoptSocket(int fd) => throw new NotSupportedException();

    public override void Accept(IoSocket listener, IoOperation operation) => throw new NotSupportedException();

    public override void Connect(IoSocket socket, byte* address, int addressLength, IoOperation operation) => throw new NotSupportedException();

    public override void Receive(IoSocket socket, IoVector* vectors, int count, IoOperation operation) => throw new NotSupportedException();

    public override void Send(IoSocket socket, IoVector* vectors, int count, IoOperation operation) => throw new NotSupportedException();

    public override void CloseSocket(IoSocket socket) => throw new NotSupportedException();

    public override int ReleaseSocket(IoSocket socket) => throw new NotSupportedException();

    public override void StartTimer(IoTimer timer, TimeSpan delay) => throw new NotSupportedException();

    public override void StopTimer(IoTimer timer) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        Current = null;
        Buffers.Dispose();
    }

    private sealed class ScriptedFile : IoFile;
}
