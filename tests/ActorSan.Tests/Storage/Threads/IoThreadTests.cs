using System.Net;
using System.Net.Sockets;
using ActorSan.Storage.Buffers;
using ActorSan.Storage.Threads;
using Xunit;

namespace ActorSan.Tests.Storage.Threads;

public sealed class IoThreadTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(20);

    public static TheoryData<IoEngineKind> Engines => [IoEngineKind.IoUring, IoEngineKind.Epoll];

    [Theory]
    [MemberData(nameof(Engines))]
    public async Task MessagesOfOnePosterRunInTheirOrder(IoEngineKind engine)
    {
        using IoThread thread = StartThread(engine);
        var seen = new List<int>();
        for (int i = 0; i < 1000; i++)
        {
            int number = i;
            Assert.True(thread.Post(() => seen.Add(number)));
        }

        int count = await thread.Invoke(() => seen.Count).WaitAsync(s_limit);
        Assert.Equal(1000, count);
        Assert.Equal(Enumerable.Range(0, 1000), seen);
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public async Task TimersFireInTheOrderOfTheirDelays(IoEngineKind engine)
    {
        using IoThread thread = StartThread(engine);
        var fired = new List<string>();
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _ = thread.Post(() =>
        {
            var stopped = new ActionTimer(() => fired.Add("stopped"));
            thread.StartTimer(new ActionTimer(() => { fired.Add("late"); done.SetResult(); }), TimeSpan.FromMilliseconds(40));
            thread.StartTimer(new ActionTimer(() => fired.Add("early")), TimeSpan.FromMilliseconds(5));
            thread.StartTimer(stopped, TimeSpan.FromMilliseconds(10));
            thread.StopTimer(stopped);
        });
        await done.Task.WaitAsync(s_limit);
        Assert.Equal(["early", "late"], fired);
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public async Task ASocketEchoesInBothVectorForms(IoEngineKind engine)
    {
        using IoThread thread = StartThread(engine);
        int port = await thread.Invoke(() =>
        {
            int fd = NativeSocket.Listen(new IPEndPoint(IPAddress.Loopback, 0));
            IoSocket listener = thread.AdoptSocket(fd);
            var accept = new ActionOperation(_ => { });
            accept.Action = accepted =>
            {
                if (accepted >= 0)
                {
                    _ = new Echo(thread, accepted);
                }
            };
            thread.Accept(listener, accept);
            return NativeSocket.LocalEndPoint(fd).Port;
        }).WaitAsync(s_limit);

        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, port).WaitAsync(s_limit);
        NetworkStream stream = client.GetStream();
        byte[] sent = new byte[100_000];
        new Random(7).NextBytes(sent);
        Task writing = stream.WriteAsync(sent).AsTask();
        byte[] received = new byte[sent.Length];
        await stream.ReadExactlyAsync(received).AsTask().WaitAsync(s_limit);
        await writing;
        Assert.Equal(sent, received);
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public async Task SteadyStateAllocatesNothing(IoEngineKind engine)
    {
        using IoThread thread = StartThread(engine);
        string path = Path.GetTempFileName();
        try
        {
            await File.WriteAllBytesAsync(path, new byte[1 << 20]);
            TaskCompletionSource<long> finished = RunReadsAndWrites(thread, path);
            Assert.Equal(0, await finished.Task.WaitAsync(s_limit));
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public void AfterTheEndPostsAreRefused(IoEngineKind engine)
    {
        IoThread thread = StartThread(engine);
        thread.Stop();
        Assert.True(thread.Join(s_limit));
        Assert.False(thread.Post(() => { }));
        thread.Dispose();
    }

    private static unsafe TaskCompletionSource<long> RunReadsAndWrites(IoThread thread, string path)
    {
        var finished = new TaskCompletionSource<long>(TaskCreationOptions.RunContinuationsAsynchronously);
        _ = thread.Post(() =>
        {
            IoFile file = thread.AdoptFile(NativeFile.Open(path, NativeFile.ReadWrite));
            Assert.True(thread.Buffers.TryRent(4096, BufferOwner.Test, out IoBuffer buffer));
            int left = 3000;
            var allocation = new SteadyAllocation(batchSteps: 500);
            var operation = new ActionOperation(_ => { });
            operation.Action = result =>
            {
                if (result != 4096)
                {
                    finished.SetException(new IOException(Errno.Describe(-result)));
                    return;
                }

                allocation.Step();
                if (--left == 0)
                {
                    thread.Buffers.Return(buffer);
                    thread.CloseFile(file);
                    finished.SetResult(allocation.LeastBytes);
                    return;
                }

                if (left % 2 == 0)
                {
                    thread.Read(file, buffer.Address, 4096, left % 256 * 4096, operation);
                }
                else
                {
                    thread.Write(file, buffer.Address, 4096, left % 256 * 4096, durable: false, operation);
                }
            };
            thread.Read(file, buffer.Address, 4096, 0, operation);
        });
        return finished;
    }

    private static IoThread StartThread(IoEngineKind engine)
    {
        IoThread thread = IoThreadFactory.Create(new IoThreadOptions { Name = "test", Index = 0, Engine = engine, BufferPoolBytes = 8 << 20, QueueDepth = 64 });
        thread.Start();
        return thread;
    }

    private sealed class ActionTimer(Action action) : IoTimer
    {
        protected internal override void OnFired() => action();
    }

    private sealed class ActionOperation(Action<int> action) : IoOperation
    {
        internal Action<int> Action = action;

        protected internal override void OnCompleted(int result) => Action(result);
    }

    /// <summary>Sends back whatever comes, in two vectors.</summary>
    private sealed unsafe class Echo
    {
        private readonly IoThread _thread;
        private readonly IoSocket _socket;
        private readonly IoBuffer _buffer;
        private readonly IoVector* _vectors;
        private readonly ActionOperation _receive;
        private readonly ActionOperation _send;
        private int _from;
        private int _until;

        internal Echo(IoThread thread, int fd)
        {
            _thread = thread;
            _socket = thread.AdoptSocket(fd);
            Assert.True(thread.Buffers.TryRent(8192, BufferOwner.Test, out _buffer));
            Assert.True(thread.Buffers.TryRent(4096, BufferOwner.Test, out IoBuffer vectors));
            _vectors = (IoVector*)vectors.Address;
            _receive = new ActionOperation(OnReceived);
            _send = new ActionOperation(OnSent);
            Receive();
        }

        private void Receive()
        {
            _vectors[0] = new IoVector(_buffer.Address, 1000);
            _vectors[1] = new IoVector(_buffer.Address + 1000, 7192);
            _thread.Receive(_socket, _vectors, 2, _receive);
        }

        private void OnReceived(int result)
        {
            if (result <= 0)
            {
                _thread.CloseSocket(_socket);
                return;
            }

            _from = 0;
            _until = result;
            OnSent(0);
        }

        private void OnSent(int result)
        {
            if (result < 0)
            {
                return;
            }

            _from += result;
            if (_from == _until)
            {
                Receive();
                return;
            }

            _vectors[0] = new IoVector(_buffer.Address + _from, (nuint)(_until - _from));
            _thread.Send(_socket, _vectors, 1, _send);
        }
    }
}
