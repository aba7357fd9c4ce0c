using ActorSan.Storage.Buffers;
using ActorSan.Storage.Threads;
using ActorSan.Tests.Node;
using Xunit;
using static ActorSan.Tests.Storage.Threads.EngineHarness;

namespace ActorSan.Tests.Storage.Threads;

/// <summary>Files on both engines, and how a thread ends with disk I/O on its way.</summary>
public sealed class IoFileTests
{
    private const int Block = 4096;

    public static TheoryData<IoEngineKind> Engines => EngineHarness.Engines;

    /// <summary>More at once than the ring, or the hand-over to the disk threads, has room for: all of it is done.</summary>
    [Theory]
    [MemberData(nameof(Engines))]
    public async Task What_the_queues_have_no_room_for_waits_and_is_done(IoEngineKind engine)
    {
        const int count = 3000;
        using var directory = new TemporaryDirectory();
        using IoThread thread = Start(engine, queueDepth: 8);
        var store = await thread.Invoke(() => new Store(thread, directory, count));
        Task<int>[] writes = await thread.Invoke(() => Enumerable.Range(0, count).Select(i => store.Write(i, i % 7 == 0)).ToArray());
        Assert.All(await Task.WhenAll(writes).WaitAsync(Limit), result => Assert.Equal(Block, result));
        Assert.Equal(0, await await thread.Invoke(store.Sync).WaitAsync(Limit));
        Task<int>[] reads = await thread.Invoke(() => Enumerable.Range(0, count).Select(store.Read).ToArray());
        Assert.All(await Task.WhenAll(reads).WaitAsync(Limit), result => Assert.Equal(Block, result));
        Assert.True(await thread.Invoke(store.AllRead));
        byte[] bytes = await File.ReadAllBytesAsync(store.Path);
        Assert.Equal(count * Block, bytes.Length);
        Assert.All(Enumerable.Range(0, count), i => Assert.Equal(Store.MarkOf(i), bytes[(i * Block) + 17]));
        IoThreadCounters counters = thread.ReadCounters();
        Assert.Equal((count * (long)Block, count * (long)Block), (counters.BytesRead, counters.BytesWritten));
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public async Task Errors_and_short_reads_are_the_kernels(IoEngineKind engine)
    {
        using var directory = new TemporaryDirectory();
        using IoThread thread = Start(engine);
        string path = Path.Combine(directory.Path, "short");
        await File.WriteAllBytesAsync(path, new byte[100]);
        using var buffer = await thread.Invoke(() => new Rented(thread));
        Assert.Equal(60, await Run(thread, path, NativeFile.ReadOnly, (file, operation) => buffer.Read(file, 40, operation)));
        Assert.Equal(0, await Run(thread, path, NativeFile.ReadOnly, (file, operation) => buffer.Read(file, 100, operation)));
        Assert.Equal(-Errno.EBADF, await Run(thread, path, NativeFile.ReadOnly, (file, operation) => buffer.Write(file, false, operation)));
        Assert.Equal(-Errno.ENOSPC, await Run(thread, "/dev/full", NativeFile.ReadWrite, (file, operation) => buffer.Write(file, false, operation)));
        Assert.Equal(-Errno.EINVAL, await Run(thread, "/dev/null", NativeFile.ReadWrite, thread.Sync));
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public async Task Allocate_reserves_and_punches(IoEngineKind engine)
    {
        using var directory = new TemporaryDirectory();
        using IoThread thread = Start(engine);
        string path = Path.Combine(directory.Path, "holes");
        await File.WriteAllBytesAsync(path, Enumerable.Repeat((byte)9, 4 * Block).ToArray());
        const int punch = NativeFile.AllocatePunchHole | NativeFile.AllocateKeepSize;
        Assert.Equal(0, await Run(thread, path, NativeFile.ReadWrite, (file, operation) => thread.Allocate(file, punch, Block, 2 * Block, operation)));
        Assert.Equal(0, await Run(thread, path, NativeFile.ReadWrite, (file, operation) => thread.Allocate(file, 0, 0, 8 * Block, operation)));
        byte[] bytes = await File.ReadAllBytesAsync(path);
        Assert.Equal(8 * Block, bytes.Length);
        Assert.Equal((9, 0, 0, 9), (bytes[0], bytes[Block], bytes[(3 * Block) - 1], bytes[3 * Block]));
    }

    /// <summary>A store's lock must not go before its last write has ended, and must go then.</summary>
    [Theory]
    [MemberData(nameof(Engines))]
    public async Task A_closed_file_is_let_go_with_the_last_of_its_requests(IoEngineKind engine)
    {
        const int count = 200;
        using var directory = new TemporaryDirectory();
        using IoThread thread = Start(engine, blockingThreads: 1);
        var store = await thread.Invoke(() => new Store(thread, directory, count));
        Task<int>[] writes = await thread.Invoke(() =>
        {
            Assert.True(NativeFile.TryLock(store.File.Fd));
            Task<int>[] all = Enumerable.Range(0, count).Select(i => store.Write(i, true)).ToArray();
            thread.CloseFile(store.File);
            Assert.Equal(-1, store.File.Fd);
            thread.CloseFile(store.File);
            return all;
        });
        Assert.All(await Task.WhenAll(writes).WaitAsync(Limit), result => Assert.Equal(Block, result));
        int again = NativeFile.Open(store.Path, NativeFile.ReadWrite);
        Assert.True(NativeFile.TryLock(again));
        NativeFile.Close(again);
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public async Task Stop_with_disk_work_under_way_tells_every_operation_once(IoEngineKind engine)
    {
        const int count = 1500;
        using var directory = new TemporaryDirectory();
        var end = new RecordedEnd();
        using IoThread thread = Start(engine, end, queueDepth: 16, blockingThreads: 2);
        var store = await thread.Invoke(() => new Store(thread, directory, count));
        Task<int>[] writes = await thread.Invoke(() =>
        {
            Task<int>[] all = Enumerable.Range(0, count).Select(i => store.Write(i, false)).ToArray();
            thread.Stop();
            return all;
        });
        Assert.Null(await end.Stopped.Task.WaitAsync(Limit));
        Assert.True(thread.Join(Limit));
        Assert.All(writes, write => Assert.Contains(write.Result, new[] { Block, -Errno.ECANCELED }));
        Assert.All(store.Operations, operation => Assert.Equal(1, operation.Completions));
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public async Task A_failure_with_disk_work_under_way_tells_nobody_and_ends(IoEngineKind engine)
    {
        const int count = 1500;
        using var directory = new TemporaryDirectory();
        var end = new RecordedEnd();
        using IoThread thread = Start(engine, end, queueDepth: 16, blockingThreads: 2);
        var store = await thread.Invoke(() => new Store(thread, directory, count));
        Assert.True(thread.Post(() =>
        {
            for (int i = 0; i < count; i++)
            {
                _ = store.Write(i, true);
            }

            throw new InvalidDataException("broken");
        }));
        Assert.IsType<InvalidDataException>(await end.Stopped.Task.WaitAsync(Limit));
        Assert.True(thread.Join(Limit));
        Assert.All(store.Operations, operation => Assert.Equal(0, operation.Completions));

        // Nothing holds the file any more.
        int again = NativeFile.Open(store.Path, NativeFile.ReadWrite);
        Assert.True(NativeFile.TryLock(again));
        NativeFile.Close(again);
    }

    /// <summary>What a helper is at may use the thread's memory: the thread has not ended before it.</summary>
    [Theory]
    [MemberData(nameof(Engines))]
    public async Task A_failed_thread_awaits_its_helpers(IoEngineKind engine)
    {
        bool ended = false;
        var end = new RecordedEnd(() => Volatile.Read(ref ended));
        using IoThread thread = Start(engine, end);
        using var begun = new ManualResetEventSlim();
        using var mayEnd = new ManualResetEventSlim();
        Assert.True(thread.Post(() => thread.RunBlocking(new Work(() =>
        {
            begun.Set();
            Assert.True(mayEnd.Wait(Limit));
            Volatile.Write(ref ended, true);
        }))));
        Assert.True(begun.Wait(Limit));
        Assert.True(thread.Post(() => throw new InvalidDataException("broken")));

        // Refused posts are the sign that the thread is on its way out.
        Assert.True(SpinWait.SpinUntil(() => !thread.Post(() => { }), Limit));
        mayEnd.Set();
        Assert.IsType<InvalidDataException>(await end.Stopped.Task.WaitAsync(Limit));
        Assert.True(end.Observed);
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public async Task Helpers_work_side_by_side_up_to_their_number(IoEngineKind engine)
    {
        using IoThread thread = Start(engine, blockingThreads: 3);
        using var together = new Barrier(3);
        var done = new CountdownEvent(6);
        Assert.True(thread.Post(() =>
        {
            for (int i = 0; i < 6; i++)
            {
                thread.RunBlocking(new Work(() => Assert.True(together.SignalAndWait(Limit)), () => done.Signal()));
            }
        }));
        Assert.True(done.Wait(Limit));
        await thread.Invoke(() => 0).WaitAsync(Limit);
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public async Task Ten_thousand_posts_of_many_threads_come_in_order_beside_disk_work(IoEngineKind engine)
    {
        const int posters = 4;
        const int each = 10_000;
        using var directory = new TemporaryDirectory();
        using IoThread thread = Start(engine);
        var store = await thread.Invoke(() => new Store(thread, directory, 64));
        int[] next = new int[posters];
        bool inOrder = true;
        Task[] posting = Enumerable.Range(0, posters).Select(poster => Task.Run(() =>
        {
            for (int i = 0; i < each; i++)
            {
                int number = i;
                Assert.True(thread.Post(() => inOrder &= next[poster]++ == number));
            }
        })).ToArray();
        for (int round = 0; round < 20; round++)
        {
            Task<int>[] writes = await thread.Invoke(() => Enumerable.Range(0, 64).Select(i => store.Write(i, false)).ToArray());
            Assert.All(await Task.WhenAll(writes).WaitAsync(Limit), result => Assert.Equal(Block, result));
        }

        await Task.WhenAll(posting).WaitAsync(Limit);
        Assert.Equal(Enumerable.Repeat(each, posters), await thread.Invoke(() => next.ToArray()));
        Assert.True(inOrder);
    }

    private static async Task<int> Run(IoThread thread, string path, int flags, Action<IoFile, TestOperation> submit)
    {
        var operation = new TestOperation();
        Task<int> result = await thread.Invoke(() =>
        {
            IoFile file = thread.AdoptFile(NativeFile.Open(path, flags));
            Task<int> running = operation.Begin(begun => submit(file, begun));
            thread.CloseFile(file);
            return running;
        });
        return await result.WaitAsync(Limit);
    }

    private sealed class Work(Action execute, Action? completed = null) : BlockingWork
    {
        protected internal override void Execute() => execute();

        protected internal override void OnCompleted() => completed?.Invoke();
    }

    private sealed unsafe class Rented : IDisposable
    {
        private readonly IoThread _thread;
        private readonly IoBuffer _buffer;

        public Rented(IoThread thread)
        {
            _thread = thread;
            Assert.True(thread.Buffers.TryRent(Block, BufferOwner.Test, out _buffer));
        }

        public void Read(IoFile file, long offset, IoOperation operation) => _thread.Read(file, _buffer.Address, Block, offset, operation);

        public void Write(IoFile file, bool durable, IoOperation operation) => _thread.Write(file, _buffer.Address, Block, 0, durable, operation);

        public void Dispose() => _thread.Post(() => _thread.Buffers.Return(_buffer));
    }

    /// <summary>A file of blocks, each with an operation and a mark of its own; one buffer for each block of 64.</summary>
    private sealed unsafe class Store
    {
        private const int Buffers = 64;

        private readonly IoThread _thread;
        private readonly IoBuffer[] _sources = new IoBuffer[256];
        private readonly IoBuffer[] _targets = new IoBuffer[Buffers];

        public Store(IoThread thread, TemporaryDirectory directory, int count)
        {
            _thread = thread;
            Path = System.IO.Path.Combine(directory.Path, "store");
            File = thread.AdoptFile(NativeFile.Open(Path, NativeFile.ReadWrite | NativeFile.Create));
            Operations = Enumerable.Range(0, count).Select(_ => new TestOperation()).ToArray();
            for (int i = 0; i < _sources.Length; i++)
            {
                Assert.True(thread.Buffers.TryRent(Block, BufferOwner.Test, out _sources[i]));
                new Span<byte>(_sources[i].Address, Block).Fill((byte)i);
            }

            for (int i = 0; i < Buffers; i++)
            {
                Assert.True(thread.Buffers.TryRent(Block, BufferOwner.Test, out _targets[i]));
            }
        }

        public string Path { get; }

        public IoFile File { get; }

        public TestOperation[] Operations { get; }

        public static byte MarkOf(int block) => (byte)((block * 31) + 1);

        public Task<int> Write(int block, bool durable) =>
            Operations[block].Begin(operation => _thread.Write(File, _sources[MarkOf(block)].Address, Block, block * (long)Block, durable, operation));

        public Task<int> Read(int block) =>
            Operations[block].Begin(operation => _thread.Read(File, _targets[block % Buffers].Address, Block, block * (long)Block, operation));

        public Task<int> Sync() => new TestOperation().Begin(operation => _thread.Sync(File, operation));

        /// <summary>Each target holds one of the blocks that were read into it.</summary>
        public bool AllRead() => Enumerable.Range(0, Buffers).All(
            target => Enumerable.Range(0, Operations.Length).Any(block => block % Buffers == target && MarkOf(block) == _targets[target].Address[Block - 1]));
    }
}
