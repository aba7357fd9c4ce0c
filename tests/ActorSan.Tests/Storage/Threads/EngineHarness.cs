using System.Net;
using System.Net.Sockets;
using ActorSan.Storage.Threads;
using Xunit;

namespace ActorSan.Tests.Storage.Threads;

/// <summary>What the tests of both engines share.</summary>
internal static class EngineHarness
{
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    public static TheoryData<IoEngineKind> Engines => [IoEngineKind.IoUring, IoEngineKind.Epoll];

    public static IoThread Start(IoEngineKind engine, IIoThreadEvents? events = null, int queueDepth = 64, int blockingThreads = 4, TimeSpan spin = default)
    {
        IoThread thread = IoThreadFactory.Create(
            new IoThreadOptions
            {
                Name = "test",
                Index = 0,
                Engine = engine,
                BufferPoolBytes = 16 << 20,
                QueueDepth = queueDepth,
                BlockingThreads = blockingThreads,
                Spin = spin,
            },
            events);
        thread.Start();
        Assert.Equal(engine, thread.Engine);
        return thread;
    }

    /// <summary>Two ends of a connection: a descriptor for an I/O thread, and a peer in .NET's hands. Small buffers make sends wait.</summary>
    public static async Task<(int Fd, Socket Peer)> Pair(int bufferBytes = 0)
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen(1);
        var peer = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        if (bufferBytes > 0)
        {
            peer.ReceiveBufferSize = bufferBytes;
        }

        await peer.ConnectAsync(listener.LocalEndPoint!).WaitAsync(Limit);
        Socket accepted = await listener.AcceptAsync().WaitAsync(Limit);
        accepted.Blocking = false;
        int fd = (int)accepted.SafeHandle.DangerousGetHandle();
        accepted.SafeHandle.SetHandleAsInvalid();
        NativeSocket.Tune(fd, TimeSpan.FromSeconds(30), bufferBytes);
        return (fd, peer);
    }

    public static async Task<byte[]> ReadToEnd(Socket peer, int expected)
    {
        byte[] bytes = new byte[expected];
        int at = 0;
        while (at < expected)
        {
            int count = await peer.ReceiveAsync(bytes.AsMemory(at)).AsTask().WaitAsync(Limit);
            Assert.NotEqual(0, count);
            at += count;
        }

        return bytes;
    }
}

/// <summary>An operation whose results are counted, kept and waited for; checks that none comes inside the call that asks for it.</summary>
internal sealed class TestOperation : IoOperation
{
    private TaskCompletionSource<int> _source = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool _submitting;

    public Task<int> Result => _source.Task;

    public int Completions { get; private set; }

    /// <summary>Runs after the result was noted.</summary>
    public Action<int>? Then { get; set; }

    /// <summary>On the thread: asks, by <paramref name="submit"/>, for this operation.</summary>
    public Task<int> Begin(Action<TestOperation> submit)
    {
        if (_source.Task.IsCompleted)
        {
            _source = new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        _submitting = true;
        submit(this);
        _submitting = false;
        Assert.True(IsInFlight);
        return _source.Task;
    }

    protected internal override void OnCompleted(int result)
    {
        Assert.False(_submitting);
        Assert.False(IsInFlight);
        Completions++;
        _source.SetResult(result);
        Then?.Invoke(result);
    }
}

/// <summary>Says when and why a thread ended.</summary>
internal sealed class RecordedEnd(Func<bool>? observe = null) : IIoThreadEvents
{
    public TaskCompletionSource<Exception?> Stopped { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>What <c>observe</c> said at the end.</summary>
    public bool Observed { get; private set; }

    void IIoThreadEvents.Started(IoThread thread)
    {
    }

    void IIoThreadEvents.Stopped(IoThread thread, Exception? failure)
    {
        Observed = observe?.Invoke() ?? false;
        Stopped.SetResult(failure);
    }
}
