using ActorSan.Storage.Buffers;
using ActorSan.Storage.Threads;

namespace ActorSan.Tests.Cluster;

/// <summary>A thread without a kernel: starts, stops and dies as told; it runs nothing.</summary>
internal sealed class FakeIoThread(IoThreadOptions options, IIoThreadEvents events) : IoThread(options, events)
{
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Exception? FailsToStart { get; init; }

    /// <summary>A loop that hangs: Stop is asked and nothing ends.</summary>
    public bool Hangs { get; init; }

    public int Stops { get; private set; }

    public override IoEngineKind Engine => IoEngineKind.Epoll;

    public override BufferPool Buffers => throw new NotSupportedException();

    public override long PassTimeNs => 0;

    public override long NowNs => 0;

    public override IoThreadCounters ReadCounters() => new() { Passes = 42 };

    public override void Start()
    {
        if (FailsToStart is not null)
        {
            throw FailsToStart;
        }

        Events!.Started(this);
    }

    public void Die(Exception? failure) => Events!.Stopped(this, failure);

    public override void Stop()
    {
        Stops++;
        if (!Hangs && _ended.TrySetResult())
        {
            Events!.Stopped(this, null);
        }
    }

    public override bool Join(TimeSpan timeout) => !Hangs && _ended.Task.Wait(timeout);

    public override bool Post(IoMessage message) => throw new NotSupportedException();

    public override void AtEndOfPass(PassHook hook) => throw new NotSupportedException();

    public override IoSocket AdoptSocket(int fd) => throw new NotSupportedException();

    public override void Accept(IoSocket listener, IoOperation operation) => throw new NotSupportedException();

    public override unsafe void Connect(IoSocket socket, byte* address, int addressLength, IoOperation operation) => throw new NotSupportedException();

    public override unsafe void Receive(IoSocket socket, IoVector* vectors, int count, IoOperation operation) => throw new NotSupportedException();

    public override unsafe void Send(IoSocket socket, IoVector* vectors, int count, IoOperation operation) => throw new NotSupportedException();

    public override void CloseSocket(IoSocket socket) => throw new NotSupportedException();

    public override int ReleaseSocket(IoSocket socket) => throw new NotSupportedException();

    public override IoFile AdoptFile(int fd) => throw new NotSupportedException();

    public override unsafe void Read(IoFile file, byte* data, int lengthBytes, long offsetBytes, IoOperation operation) => throw new NotSupportedException();

    public override unsafe void Write(IoFile file, byte* data, int lengthBytes, long offsetBytes, bool durable, IoOperation operation) => throw new NotSupportedException();

    public override void Sync(IoFile file, IoOperation operation) => throw new NotSupportedException();

    public override void Allocate(IoFile file, int mode, long offsetBytes, long lengthBytes, IoOperation operation) => throw new NotSupportedException();

    public override void CloseFile(IoFile file) => throw new NotSupportedException();

    public override void RunBlocking(BlockingWork work) => throw new NotSupportedException();

    public override void StartTimer(IoTimer timer, TimeSpan delay) => throw new NotSupportedException();

    public override void StopTimer(IoTimer timer) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
    }
}
