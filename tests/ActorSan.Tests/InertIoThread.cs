using ActorSan.Storage.Threads;

namespace ActorSan.Tests;

/// <summary>An I/O thread that can do nothing: what a test needs of one, it adds.</summary>
internal abstract class InertIoThread(IoThreadOptions options, IIoThreadEvents? events) : IoThread(options, events)
{
    public override IoEngineKind Engine => IoEngineKind.Epoll;

    public override long PassTimeNs => 0;

    public override long NowNs => 0;

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
}
