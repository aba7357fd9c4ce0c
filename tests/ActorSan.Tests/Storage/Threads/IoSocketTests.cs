using System.Net;
using System.Net.Sockets;
using ActorSan.Storage.Buffers;
using ActorSan.Storage.Threads;
using Xunit;
using static ActorSan.Tests.Storage.Threads.EngineHarness;

namespace ActorSan.Tests.Storage.Threads;

/// <summary>Sockets on both engines: what waits, what ends half, what is cancelled, what moves.</summary>
public sealed class IoSocketTests
{
    public static TheoryData<IoEngineKind> Engines => EngineHarness.Engines;

    [Theory]
    [MemberData(nameof(Engines))]
    public async Task A_send_waits_for_a_peer_that_does_not_read_and_then_goes_on(IoEngineKind engine)
    {
        using IoThread thread = Start(engine);
        (int fd, Socket peer) = await Pair(bufferBytes: 4096);
        using Socket end = peer;
        var sender = await thread.Invoke(() => new Sender(thread, fd, 1 << 20));
        while (await thread.Invoke(() => sender.SentBytes) == 0)
        {
            await thread.Invoke(() => 0).WaitAsync(Limit);
        }

        // More than both buffers take is left, so one send of it waits until the peer reads; each took what there was room for.
        Assert.True(await thread.Invoke(() => sender.IsInFlight));
        byte[] received = await ReadToEnd(end, 1 << 20);
        Assert.Equal(1 << 20, await sender.Finished.Task.WaitAsync(Limit));
        Assert.True(sender.Sends > 1);
        Assert.Equal(Sender.Pattern(1 << 20), received);
        Assert.Equal(1 << 20, thread.ReadCounters().BytesSent);
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public async Task A_peer_that_ended_its_half_is_read_to_its_end_and_still_answered(IoEngineKind engine)
    {
        using IoThread thread = Start(engine);
        (int fd, Socket peer) = await Pair();
        using Socket end = peer;
        await end.SendAsync(new byte[100]);
        end.Shutdown(SocketShutdown.Send);
        var one = await thread.Invoke(() => new Connection(thread, fd, 4096));
        int total = 0;
        for (int result = -1; result != 0; total += result)
        {
            result = await await thread.Invoke(one.Receive).WaitAsync(Limit);
            Assert.InRange(result, 0, 100);
        }

        Assert.Equal(100, total);
        Assert.Equal(0, await await thread.Invoke(one.Receive).WaitAsync(Limit));
        Assert.Equal(50, await await thread.Invoke(() => one.Send(50)).WaitAsync(Limit));
        await ReadToEnd(end, 50);
        Assert.Equal(100, thread.ReadCounters().BytesReceived);
    }

    /// <summary>The end arrives while nobody waits for it, behind bytes that a short receive has taken.</summary>
    [Theory]
    [MemberData(nameof(Engines))]
    public async Task An_end_that_came_between_two_receives_is_seen_by_the_second(IoEngineKind engine)
    {
        using IoThread thread = Start(engine);
        (int fd, Socket peer) = await Pair();
        var one = await thread.Invoke(() => new Connection(thread, fd, 4096));
        Task<int> first = await thread.Invoke(one.Receive);
        await peer.SendAsync(new byte[10]);
        Assert.Equal(10, await first.WaitAsync(Limit));
        peer.Dispose();
        Assert.Equal(0, await await thread.Invoke(one.Receive).WaitAsync(Limit));
    }

    /// <summary>A receive stops at urgent data though more has come: it must not be taken for the end of what there is.</summary>
    [Theory]
    [MemberData(nameof(Engines))]
    public async Task Urgent_data_does_not_hide_what_follows_it(IoEngineKind engine)
    {
        using IoThread thread = Start(engine);
        (int fd, Socket peer) = await Pair();
        using Socket end = peer;
        await end.SendAsync(new byte[10]);
        await end.SendAsync(new byte[1], SocketFlags.OutOfBand);
        await end.SendAsync(new byte[10]);
        var one = await thread.Invoke(() => new Connection(thread, fd, 4096));
        for (int total = 0; total < 20;)
        {
            total += await await thread.Invoke(one.Receive).WaitAsync(Limit);
        }
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public async Task A_refused_connection_says_so_and_the_socket_can_try_again(IoEngineKind engine)
    {
        using IoThread thread = Start(engine);
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        var address = (IPEndPoint)listener.LocalEndPoint!;
        var one = await thread.Invoke(() => new Connection(thread, NativeSocket.Create(AddressFamily.InterNetwork), 4096));
        Assert.Equal(-Errno.ECONNREFUSED, await await thread.Invoke(() => one.Connect(address)).WaitAsync(Limit));
        listener.Listen(1);
        Assert.Equal(0, await await thread.Invoke(() => one.Connect(address)).WaitAsync(Limit));
        using Socket accepted = await listener.AcceptAsync().WaitAsync(Limit);
        await accepted.SendAsync(new byte[7]);
        Assert.Equal(7, await await thread.Invoke(one.Receive).WaitAsync(Limit));
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public async Task Closing_ends_what_is_in_flight_once_and_never_inside_the_call(IoEngineKind engine)
    {
        using IoThread thread = Start(engine);
        (int fd, Socket peer) = await Pair();
        using Socket end = peer;
        var one = await thread.Invoke(() => new Connection(thread, fd, 4096));
        Task<int> receiving = await thread.Invoke(one.Receive);
        (bool inFlight, int number) = await thread.Invoke(() =>
        {
            thread.CloseSocket(one.Socket);
            return (one.Receiving.IsInFlight, one.Socket.Fd);
        });
        Assert.True(inFlight);
        Assert.Equal(-1, number);
        Assert.Contains(await receiving.WaitAsync(Limit), new[] { -Errno.ECANCELED, 0 });
        Assert.Equal(0, await end.ReceiveAsync(new byte[1]).WaitAsync(Limit));
        Assert.Equal(1, await thread.Invoke(() => one.Receiving.Completions));
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public async Task Closing_a_listener_cancels_its_accept(IoEngineKind engine)
    {
        using IoThread thread = Start(engine);
        var accept = new TestOperation();
        IoSocket listener = await thread.Invoke(() => thread.AdoptSocket(NativeSocket.Listen(new IPEndPoint(IPAddress.Loopback, 0))));
        Task<int> accepting = await thread.Invoke(() => accept.Begin(operation => thread.Accept(listener, operation)));
        Assert.True(thread.Post(() => thread.CloseSocket(listener)));
        Assert.InRange(await accepting.WaitAsync(Limit), int.MinValue, -1);
    }

    /// <summary>The address is documentation's (RFC 5737): no machine has it.</summary>
    [Fact]
    public void It_is_listened_freely_on_an_address_that_is_not_there_yet()
    {
        var nowhere = new IPEndPoint(IPAddress.Parse("192.0.2.77"), 0);
        Assert.Contains("192.0.2.77", Assert.Throws<IOException>(() => NativeSocket.Listen(nowhere)).Message, StringComparison.Ordinal);
        int fd = NativeSocket.Listen(nowhere, freely: true);
        using var socket = new Socket(new SafeSocketHandle(fd, ownsHandle: true));
        Assert.Equal(nowhere.Address, NativeSocket.LocalEndPoint(fd).Address);
    }

    /// <summary>One callback closes another socket whose event was taken with its own: the closed one hears once, and who gets its number hears nothing of it.</summary>
    [Theory]
    [MemberData(nameof(Engines))]
    public async Task An_event_of_a_closed_socket_reaches_nobody_else(IoEngineKind engine)
    {
        using IoThread thread = Start(engine);
        (int fd, Socket firstPeer) = await Pair();
        (int otherFd, Socket otherPeer) = await Pair();
        (int lateFd, Socket latePeer) = await Pair();
        using Socket first = firstPeer;
        using Socket other = otherPeer;
        using Socket late = latePeer;
        var closer = await thread.Invoke(() => new Connection(thread, fd, 4096));
        var closed = await thread.Invoke(() => new Connection(thread, otherFd, 4096));
        Connection? heir = null;
        Task<int>? heirReceives = null;
        closer.Receiving.Then = _ =>
        {
            thread.CloseSocket(closed.Socket);
            heir = new Connection(thread, lateFd, 4096);
            heirReceives = heir.Receive();
        };
        Task<int> one = await thread.Invoke(closer.Receive);
        Task<int> two = await thread.Invoke(closed.Receive);

        // Both have bytes before the thread looks again.
        using var go = new ManualResetEventSlim();
        Assert.True(thread.Post(() => go.Wait(Limit)));
        await first.SendAsync(new byte[3]);
        await other.SendAsync(new byte[5]);
        go.Set();
        Assert.Equal(3, await one.WaitAsync(Limit));
        Assert.Contains(await two.WaitAsync(Limit), new[] { -Errno.ECANCELED, 0, 5 });
        Assert.False(await thread.Invoke(() => heirReceives!.IsCompleted));
        await late.SendAsync(new byte[9]);
        Assert.Equal(9, await heirReceives!.WaitAsync(Limit));
        Assert.Equal((1, 1), await thread.Invoke(() => (closed.Receiving.Completions, heir!.Receiving.Completions)));
    }

    [Theory]
    [InlineData(IoEngineKind.IoUring, IoEngineKind.IoUring)]
    [InlineData(IoEngineKind.Epoll, IoEngineKind.Epoll)]
    [InlineData(IoEngineKind.Epoll, IoEngineKind.IoUring)]
    public async Task A_released_socket_lives_on_another_thread(IoEngineKind from, IoEngineKind to)
    {
        using IoThread old = Start(from);
        using IoThread young = Start(to);
        (int fd, Socket peer) = await Pair();
        using Socket end = peer;
        var before = await old.Invoke(() => new Connection(old, fd, 4096));
        Task<int> receiving = await old.Invoke(before.Receive);
        await end.SendAsync(new byte[4]);
        Assert.Equal(4, await receiving.WaitAsync(Limit));
        Assert.Equal(fd, await old.Invoke(() => old.ReleaseSocket(before.Socket)));
        var after = await young.Invoke(() => new Connection(young, fd, 4096));
        receiving = await young.Invoke(after.Receive);
        IoThreadCounters idle = await old.Invoke(old.ReadCounters);
        await end.SendAsync(new byte[6]);
        Assert.Equal(6, await receiving.WaitAsync(Limit));
        Assert.Equal(8, await await young.Invoke(() => after.Send(8)).WaitAsync(Limit));
        await ReadToEnd(end, 8);

        // The old thread was told nothing: the looks at its counters are its only passes.
        Assert.InRange((await old.Invoke(old.ReadCounters)).Passes - idle.Passes, 0, 3);
        Assert.Equal(1, before.Receiving.Completions);
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public async Task Thousands_of_sockets_are_served(IoEngineKind engine)
    {
        const int count = 1500;
        using IoThread thread = Start(engine, queueDepth: 128);
        var peers = new List<Socket>();
        var connections = new List<Connection>();
        try
        {
            for (int i = 0; i < count; i++)
            {
                (int fd, Socket peer) = await Pair();
                peers.Add(peer);
                connections.Add(await thread.Invoke(() => new Connection(thread, fd, 512)));
            }

            for (int round = 1; round <= 3; round++)
            {
                Task<int>[] receiving = await thread.Invoke(() => connections.Select(connection => connection.Receive()).ToArray());
                foreach (Socket peer in peers)
                {
                    await peer.SendAsync(new byte[round]);
                }

                Assert.All(await Task.WhenAll(receiving).WaitAsync(Limit), result => Assert.Equal(round, result));
                Task<int>[] sending = await thread.Invoke(() => connections.Select(connection => connection.Send(round)).ToArray());
                Assert.All(await Task.WhenAll(sending).WaitAsync(Limit), result => Assert.Equal(round, result));
                foreach (Socket peer in peers)
                {
                    await ReadToEnd(peer, round);
                }
            }

            // All wait when the thread stops, and each is told.
            Task<int>[] last = await thread.Invoke(() => connections.Select(connection => connection.Receive()).ToArray());
            thread.Stop();
            Assert.True(thread.Join(Limit));
            Assert.All(last, result => Assert.Equal(-Errno.ECANCELED, result.Result));
        }
        finally
        {
            peers.ForEach(peer => peer.Dispose());
        }
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public async Task An_echo_allocates_nothing(IoEngineKind engine)
    {
        using IoThread thread = Start(engine);
        (int fd, Socket peer) = await Pair();
        using Socket end = peer;
        var echo = await thread.Invoke(() => new Echo(thread, fd));
        byte[] bytes = new byte[4096];
        for (int round = 0; round < 3000; round++)
        {
            await end.SendAsync(bytes);
            await ReadToEnd(end, bytes.Length);
        }

        Assert.Equal(0, await thread.Invoke(() => echo.AllocatedBytes));
        Assert.True(await thread.Invoke(() => echo.Rounds) >= 3000);
    }

    /// <summary>A spinning thread finds its work without going to sleep, and sleeps when there is none.</summary>
    [Theory]
    [MemberData(nameof(Engines))]
    public async Task A_spinning_thread_takes_what_comes(IoEngineKind engine)
    {
        using IoThread thread = Start(engine, spin: TimeSpan.FromMilliseconds(2));
        (int fd, Socket peer) = await Pair();
        using Socket end = peer;
        var one = await thread.Invoke(() => new Connection(thread, fd, 4096));
        for (int i = 1; i < 50; i++)
        {
            Task<int> receiving = await thread.Invoke(one.Receive);
            await end.SendAsync(new byte[i]);
            Assert.Equal(i, await receiving.WaitAsync(Limit));
        }
    }

    /// <summary>One socket with its buffer and its operations.</summary>
    private sealed unsafe class Connection
    {
        private readonly IoThread _thread;
        private readonly IoBuffer _buffer;
        private readonly int _capacity;

        public Connection(IoThread thread, int fd, int capacity)
        {
            _thread = thread;
            _capacity = capacity;
            Socket = thread.AdoptSocket(fd);
            Assert.True(thread.Buffers.TryRent(capacity + 256, BufferOwner.Test, out _buffer));
        }

        public IoSocket Socket { get; }

        public TestOperation Receiving { get; } = new();

        public TestOperation Sending { get; } = new();

        public Task<int> Receive()
        {
            var vectors = (IoVector*)_buffer.Address;
            *vectors = new IoVector(_buffer.Address + 256, (nuint)_capacity);
            return Receiving.Begin(operation => _thread.Receive(Socket, (IoVector*)_buffer.Address, 1, operation));
        }

        public Task<int> Send(int length)
        {
            var vectors = (IoVector*)(_buffer.Address + 64);
            *vectors = new IoVector(_buffer.Address + 256, (nuint)length);
            return Sending.Begin(operation => _thread.Send(Socket, (IoVector*)(_buffer.Address + 64), 1, operation));
        }

        public Task<int> Connect(IPEndPoint to)
        {
            int length = NativeSocket.Encode(to, _buffer.Address + 128);
            return Sending.Begin(operation => _thread.Connect(Socket, _buffer.Address + 128, length, operation));
        }
    }

    /// <summary>Sends a pattern, all of it in one call whenever the last took a part.</summary>
    private sealed unsafe class Sender
    {
        private readonly IoThread _thread;
        private readonly IoSocket _socket;
        private readonly IoBuffer _vectors;
        private readonly IoBuffer _data;
        private readonly int _length;
        private readonly TestOperation _send = new();

        public Sender(IoThread thread, int fd, int length)
        {
            _thread = thread;
            _length = length;
            _socket = thread.AdoptSocket(fd);
            Assert.True(thread.Buffers.TryRent(64, BufferOwner.Test, out _vectors));
            Assert.True(thread.Buffers.TryRent(length, BufferOwner.Test, out _data));
            Pattern(length).CopyTo(new Span<byte>(_data.Address, length));
            _send.Then = OnSent;
            Go();
        }

        public int SentBytes { get; private set; }

        public int Sends { get; private set; }

        public bool IsInFlight => _send.IsInFlight;

        public TaskCompletionSource<int> Finished { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public static byte[] Pattern(int length)
        {
            byte[] bytes = new byte[length];
            new Random(3).NextBytes(bytes);
            return bytes;
        }

        private void Go()
        {
            var vectors = (IoVector*)_vectors.Address;
            int half = (_length - SentBytes) / 2;
            vectors[0] = new IoVector(_data.Address + SentBytes, (nuint)half);
            vectors[1] = new IoVector(_data.Address + SentBytes + half, (nuint)(_length - SentBytes - half));
            Sends++;
            _ = _send.Begin(operation => _thread.Send(_socket, (IoVector*)_vectors.Address, 2, operation));
        }

        private void OnSent(int result)
        {
            SentBytes += Math.Max(result, 0);
            if (result < 0 || SentBytes == _length)
            {
                Finished.SetResult(result < 0 ? result : SentBytes);
                return;
            }

            Go();
        }
    }

    /// <summary>Sends back what comes and counts what that allocates once it is warm.</summary>
    private sealed unsafe class Echo
    {
        private readonly IoThread _thread;
        private readonly IoSocket _socket;
        private readonly IoBuffer _buffer;
        private readonly ReceiveOperation _receive;
        private readonly SendOperation _send;
        private readonly SteadyAllocation _allocation = new(batchSteps: 500);
        private int _length;

        public Echo(IoThread thread, int fd)
        {
            _thread = thread;
            _socket = thread.AdoptSocket(fd);
            Assert.True(thread.Buffers.TryRent(8192, BufferOwner.Test, out _buffer));
            _receive = new ReceiveOperation(this);
            _send = new SendOperation(this);
            Receive();
        }

        public int Rounds { get; private set; }

        public long AllocatedBytes => _allocation.LeastBytes;

        private void Receive()
        {
            *(IoVector*)_buffer.Address = new IoVector(_buffer.Address + 64, 4096);
            _thread.Receive(_socket, (IoVector*)_buffer.Address, 1, _receive);
        }

        private void OnReceived(int result)
        {
            if (result > 0)
            {
                _length = result;
                ((IoVector*)_buffer.Address)->LengthBytes = (nuint)result;
                _thread.Send(_socket, (IoVector*)_buffer.Address, 1, _send);
            }
        }

        private void OnSent(int result)
        {
            Assert.True(result == _length);
            Rounds++;
            _allocation.Step();
            Receive();
        }

        private sealed class ReceiveOperation(Echo echo) : IoOperation
        {
            protected internal override void OnCompleted(int result) => echo.OnReceived(result);
        }

        private sealed class SendOperation(Echo echo) : IoOperation
        {
            protected internal override void OnCompleted(int result) => echo.OnSent(result);
        }
    }
}
