using ActorSan.Storage;
using ActorSan.Storage.Buffers;
using ActorSan.Storage.Threads;
using ActorSan.Storage.Threads.Epoll;
using ActorSan.Storage.Threads.Uring;
using Xunit;
using static ActorSan.Tests.Storage.Threads.EngineHarness;

namespace ActorSan.Tests.Storage.Threads;

/// <summary>The epoll engine's parts, and how an engine is chosen.</summary>
public sealed class EpollPartsTests
{
    [Theory]
    [InlineData(Errno.EPERM, "kernel.io_uring_disabled")]
    [InlineData(Errno.ENOSYS, "seccomp")]
    [InlineData(Errno.ENOMEM, "errno 12")]
    public async Task Where_io_uring_is_refused_auto_takes_epoll_and_says_why(int errno, string word)
    {
        var refusing = new RefusingSetup(errno);
        EngineProbe probe = IoThreadFactory.Probe(refusing);
        Assert.Equal(IoEngineKind.Epoll, probe.Engine);
        Assert.Contains(word, probe.Reason, StringComparison.Ordinal);
        using IoThread thread = IoThreadFactory.Create(new IoThreadOptions { Name = "auto", Index = 0, BufferPoolBytes = 8 << 20 }, null, refusing);
        thread.Start();
        Assert.Equal(IoEngineKind.Epoll, thread.Engine);
        Assert.Equal(7, await thread.Invoke(() => 7).WaitAsync(Limit));
    }

    [Fact]
    public void An_engine_that_was_asked_for_and_is_refused_is_an_error_with_the_way_out()
    {
        var options = new IoThreadOptions { Name = "uring", Index = 0, BufferPoolBytes = 8 << 20, Engine = IoEngineKind.IoUring };
        using IoThread thread = IoThreadFactory.Create(options, null, new RefusingSetup(Errno.EPERM));
        var failure = Assert.Throws<InvalidOperationException>(thread.Start);
        Assert.Contains("actorsan.io.engine = epoll", failure.Message, StringComparison.Ordinal);
        Assert.Contains("kernel.io_uring_disabled", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Epoll_that_was_asked_for_needs_no_probe()
    {
        var refusing = new RefusingSetup(Errno.EPERM);
        using IoThread thread = IoThreadFactory.Create(new IoThreadOptions { Name = "epoll", Index = 0, Engine = IoEngineKind.Epoll }, null, refusing);
        Assert.Equal(IoEngineKind.Epoll, thread.Engine);
        Assert.Equal(0, refusing.Calls);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public unsafe void A_wait_ends_at_its_deadline_and_not_before(bool nanoseconds)
    {
        using var set = EpollSet.Create(4, nanoseconds);
        int fd = Native.EventFd(0, Native.EfdNonblock | Native.EfdCloexec);
        Assert.Equal(0, set.Add(fd, 0x1234_5678_9ABC_DEF0));
        Assert.Equal(1, set.Wait(0));
        long deadline = Native.BoottimeNs() + 1_500_000;
        Assert.Equal(0, set.Wait(deadline));
        Assert.True(Native.BoottimeNs() >= deadline);

        // Each write is an edge, though nobody reads.
        for (int i = 0; i < 3; i++)
        {
            ulong one = 1;
            Assert.Equal(8, Native.WriteFd(fd, &one, 8));
            Assert.Equal(1, set.Wait(long.MaxValue));
            Assert.NotEqual(0u, set.Event(0, out ulong key) & Native.EpollIn);
            Assert.Equal(0x1234_5678_9ABC_DEF0u, key);
            Assert.Equal(0, set.Wait(0));
        }

        set.Remove(fd);
        ulong more = 1;
        _ = Native.WriteFd(fd, &more, 8);
        Assert.Equal(0, set.Wait(0));
        Assert.Equal(Errno.EBADF, set.Add(-1, 1));
        _ = Native.CloseFd(fd);
    }

    [Fact]
    public void A_place_that_was_used_again_is_not_found_by_its_old_key()
    {
        var table = new SocketTable();
        EpollSocket[] sockets = Enumerable.Range(0, 600).Select(_ => new EpollSocket()).ToArray();
        Array.ForEach(sockets, table.Add);
        Assert.Equal(600, sockets.Select(socket => socket.Key).Distinct().Count());
        Assert.All(sockets, socket => Assert.Same(socket, table.Find(socket.Key)));
        ulong old = sockets[300].Key;
        table.Remove(sockets[300]);
        Assert.Null(table.Find(old));
        var heir = new EpollSocket();
        table.Add(heir);
        Assert.Equal((uint)old, (uint)heir.Key);
        Assert.Null(table.Find(old));
        Assert.Same(heir, table.Find(heir.Key));
        Assert.Equal(600, table.Length);
        Assert.Throws<InvariantViolationException>(() => table.Remove(sockets[300]));
    }

    [Fact]
    public void Completions_keep_their_order_while_their_queue_grows()
    {
        var queue = new CompletionQueue();
        var socket = new EpollSocket();
        int added = 0;
        int taken = 0;
        var random = new Random(5);
        while (taken < 20_000)
        {
            for (int i = random.Next(2000); i > 0; i--)
            {
                queue.Add(socket, added % 2 == 0, added++);
            }

            for (int i = random.Next(queue.Count + 1); i > 0; i--)
            {
                Assert.Equal(new CompletionQueue.Entry(socket, taken % 2 == 0, taken), queue.Take());
                taken++;
            }
        }

        Assert.Equal(added - taken, queue.Count);
    }

    [Fact]
    public void A_semaphore_wakes_one_for_each_release()
    {
        const int each = 5000;
        using var semaphore = new FutexSemaphore();
        int passed = 0;
        Thread[] takers = Enumerable.Range(0, 4).Select(_ => new Thread(() =>
        {
            for (int i = 0; i < each; i++)
            {
                semaphore.Wait();
                _ = Interlocked.Increment(ref passed);
            }
        })).ToArray();
        Array.ForEach(takers, taker => taker.Start());
        for (int i = 0; i < each; i++)
        {
            semaphore.Release(1 + (i % 2 * 6));
        }

        Assert.All(takers, taker => Assert.True(taker.Join(Limit)));
        Assert.Equal(4 * each, passed);
    }

    /// <summary>Files under /proc take no RWF_DSYNC: the bytes arrive all the same, and that such a file can't be synced either is told.</summary>
    [Fact]
    public async Task Where_a_file_has_no_durable_write_the_write_is_followed_by_a_sync()
    {
        const string path = "/proc/self/coredump_filter";
        string before = await File.ReadAllTextAsync(path);
        using IoThread thread = Start(IoEngineKind.Epoll);
        var operation = new TestOperation();
        Task<int> written = await thread.Invoke(() => WriteDurably(thread, path, "0x13"u8, operation));
        int result = await written.WaitAsync(Limit);
        string after = await File.ReadAllTextAsync(path);
        await File.WriteAllTextAsync(path, "0x" + before.Trim());
        Assert.Equal("00000013", after.Trim());
        Assert.Equal(-Errno.EINVAL, result);
    }

    private static unsafe Task<int> WriteDurably(IoThread thread, string path, ReadOnlySpan<byte> bytes, TestOperation operation)
    {
        Assert.True(thread.Buffers.TryRent(64, BufferOwner.Test, out IoBuffer buffer));
        bytes.CopyTo(new Span<byte>(buffer.Address, 64));
        int length = bytes.Length;
        IoFile file = thread.AdoptFile(NativeFile.Open(path, NativeFile.ReadWrite));
        return operation.Begin(begun => thread.Write(file, buffer.Address, length, 0, durable: true, begun));
    }

    private sealed class RefusingSetup(int errno) : IUringSetup
    {
        public int Calls { get; private set; }

        public unsafe int Setup(uint entries, UringLayout.Parameters* parameters)
        {
            Calls++;
            return -errno;
        }
    }
}
