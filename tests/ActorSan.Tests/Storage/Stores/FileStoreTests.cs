using System.Runtime.InteropServices;
using ActorSan.Storage.Buffers;
using ActorSan.Storage.Stores;
using ActorSan.Storage.Threads;
using Xunit;

namespace ActorSan.Tests.Storage.Stores;

public sealed class FileStoreTests
{
    private const int Mebi = 1 << 20;

    /// <summary>Each engine, past and through the page cache.</summary>
    public static TheoryData<IoEngineKind, bool> Ways
    {
        get
        {
            var ways = new TheoryData<IoEngineKind, bool>();
            foreach (IoEngineKind engine in StoreBench.Engines)
            {
                ways.Add(engine, true);
                ways.Add(engine, false);
            }

            return ways;
        }
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void WhatIsWrittenIsReadAndTheRestIsZero(IoEngineKind engine, bool direct)
    {
        using var file = new TemporaryFile();
        using var bench = new StoreBench(engine, file.Create(8 * Mebi, direct));
        byte[] bytes = Pattern.Of(3 * Mebi, 1);
        Assert.Equal(StoreStatus.Success, bench.Write(Mebi + 512, bytes));
        Assert.Equal(bytes, bench.Read(Mebi + 512, bytes.Length));
        Assert.Equal(new byte[Mebi + 512], bench.Read(0, Mebi + 512));
        Assert.Equal(new byte[Mebi], bench.Read(7 * Mebi, Mebi));
    }

    /// <summary>Memory that direct I/O would refuse goes through a copy, also in pieces when the pool is nearly empty.</summary>
    [Theory]
    [MemberData(nameof(Ways))]
    public void MemoryOfAnyAlignmentIsTaken(IoEngineKind engine, bool direct)
    {
        using var file = new TemporaryFile();
        using var bench = new StoreBench(engine, file.Create(8 * Mebi, direct));
        byte[] bytes = Pattern.Of(2 * Mebi + 4096, 2);
        Assert.Equal(StoreStatus.Success, bench.Write(4096, bytes, durable: true, misalign: 3));
        Assert.Equal(bytes, bench.Read(4096, bytes.Length));
        Assert.Equal(bytes, bench.Read(4096, bytes.Length, misalign: 7));
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task AnEmptyPoolDelaysCopiesButNeverStopsThem(IoEngineKind engine, bool direct)
    {
        using var file = new TemporaryFile();
        using var bench = new StoreBench(engine, file.Create(8 * Mebi, direct), poolBytes: BufferPool.MaxBufferBytes);
        var held = new IoBuffer[1];
        bench.Run(() => Assert.True(bench.Thread.Buffers.TryRent(BufferPool.MaxBufferBytes, BufferOwner.Test, out held[0])));

        // All of the pool is held until these have ended: only the store's own buffer can move them.
        byte[] bytes = Pattern.Of(Mebi, 3);
        IntPtr memory = Marshal.AllocHGlobal(bytes.Length + 1);
        Marshal.Copy(bytes, 0, memory + 1, bytes.Length);
        Task<TestRequest>[] writes = [.. Enumerable.Range(0, 8).Select(i => bench.Submit(
            request =>
            {
                request.OffsetBytes = i * Mebi;
                request.LengthBytes = Mebi;
                request.Address = memory + 1;
            },
            (store, request) => store.Write(request)))];
        Assert.All(await Task.WhenAll(writes), request => Assert.Equal(StoreStatus.Success, request.Status));
        Marshal.FreeHGlobal(memory);
        bench.Run(() => bench.Thread.Buffers.Return(held[0]));
        Assert.All(Enumerable.Range(0, 8), i => Assert.Equal(bytes, bench.Read(i * Mebi, Mebi)));
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void ZeroesGiveSpaceBackOrKeepItAsAsked(IoEngineKind engine, bool direct)
    {
        using var file = new TemporaryFile();
        using var bench = new StoreBench(engine, file.Create(16 * Mebi, direct));
        byte[] bytes = Pattern.Of(8 * Mebi, 4);
        Assert.Equal(StoreStatus.Success, bench.Write(0, bytes, durable: true));
        long full = file.Sectors;
        Assert.True(full >= 8 * Mebi / 512);

        // Edges smaller than a hole: from 512 bytes into a page to 512 bytes before the end of one.
        Assert.Equal(StoreStatus.Success, bench.Zero(Mebi + 512, (4 * Mebi) - 1024, mayDeallocate: true, durable: true));
        Array.Clear(bytes, Mebi + 512, (4 * Mebi) - 1024);
        Assert.Equal(bytes, bench.Read(0, bytes.Length));
        Assert.InRange(file.Sectors, 0, full - (3 * Mebi / 512));
        (bool mapped, long run) = bench.Map(2 * Mebi, 8 * Mebi);
        Assert.False(mapped);
        Assert.Equal((3 * Mebi) - 4096, run);
        Assert.Equal((true, Mebi + 4096L), bench.Map(0, Mebi + 4096));

        long before = file.Sectors;
        Assert.Equal(StoreStatus.Success, bench.Zero(6 * Mebi, 4 * Mebi, mayDeallocate: false));
        Array.Clear(bytes, 6 * Mebi, 2 * Mebi);
        Assert.Equal(bytes, bench.Read(0, bytes.Length));
        Assert.Equal(StoreStatus.Success, bench.Flush());
        Assert.InRange(file.Sectors, before + (2 * Mebi / 512), long.MaxValue);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void TheMapOfTheLastHoleReachesTheEnd(IoEngineKind engine, bool direct)
    {
        using var file = new TemporaryFile();
        using var bench = new StoreBench(engine, file.Create(16 * Mebi, direct));
        Assert.Equal((false, 16L * Mebi), bench.Map(0, 16 * Mebi));
        Assert.Equal(StoreStatus.Success, bench.Write(Mebi, new byte[8192], durable: true));
        Assert.Equal((false, (long)Mebi), bench.Map(0, 16 * Mebi));
        Assert.Equal((true, 8192L), bench.Map(Mebi, 15 * Mebi));
        Assert.Equal((false, (15L * Mebi) - 8192), bench.Map(Mebi + 8192, (15 * Mebi) - 8192));
    }

    /// <summary>Many durable writes share fdatasyncs; a few have one each in the write itself.</summary>
    [Theory]
    [MemberData(nameof(Ways))]
    public async Task ManyDurableWritesShareTheirFlushes(IoEngineKind engine, bool direct)
    {
        using var file = new TemporaryFile();
        using var bench = new StoreBench(engine, file.Create(16 * Mebi, direct));
        var store = (FileStore)bench.Store;
        Assert.Equal(StoreStatus.Success, bench.Write(0, new byte[4096], durable: true));
        Assert.Equal(direct ? 0 : 1, store.SyncsIssued);

        const int Writes = 1024;
        long before = store.SyncsIssued;
        Assert.Equal(Writes, await KeepWriting(bench, depth: 2 * FileStore.GroupCommitDepth, Writes));
        Assert.InRange(store.SyncsIssued - before, 1, Writes / 8);

        // Back at low depth: no common flush any more.
        before = store.SyncsIssued;
        for (int i = 0; i < 8; i++)
        {
            Assert.Equal(StoreStatus.Success, bench.Write(i * 4096, new byte[4096], durable: true));
        }

        Assert.InRange(store.SyncsIssued - before, 0, direct ? 3 : 8);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task FlushesThatArriveTogetherAreOne(IoEngineKind engine, bool direct)
    {
        using var file = new TemporaryFile();
        using var bench = new StoreBench(engine, file.Create(16 * Mebi, direct));
        var store = (FileStore)bench.Store;
        TestRequest[] requests = [.. Enumerable.Range(0, 64).Select(_ => new TestRequest())];
        bench.Run(() =>
        {
            foreach (TestRequest request in requests)
            {
                store.Flush(request);
            }
        });
        await Task.WhenAll(requests.Select(request => request.Ended)).WaitAsync(StoreBench.Limit);
        Assert.All(requests, request => Assert.Equal(StoreStatus.Success, request.Status));
        Assert.Equal(1, store.SyncsIssued);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task SteadyStateAllocatesNothing(IoEngineKind engine, bool direct)
    {
        using var file = new TemporaryFile();
        using var bench = new StoreBench(engine, file.Create(16 * Mebi, direct));
        await Mill.AssertAllocatesNothing(bench);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task ClosingWaitsForWhatIsInFlight(IoEngineKind engine, bool direct)
    {
        using var file = new TemporaryFile();
        using var bench = new StoreBench(engine, file.Create(64 * Mebi, direct));
        IntPtr memory = Marshal.AllocHGlobal(Mebi + 4096);
        TestRequest[] writes = [.. Enumerable.Range(0, 32).Select(i => new TestRequest { OffsetBytes = i * 2 * Mebi, LengthBytes = Mebi, Address = memory + 1, Durable = i % 2 == 0 })];
        var late = new TestRequest { LengthBytes = 4096, Address = memory };
        var closed = new TestMessage();
        bench.Run(() =>
        {
            foreach (TestRequest write in writes)
            {
                bench.Store.Write(write);
            }

            bench.Store.Close(closed);
            bench.Store.Read(late);
        });
        await closed.Ran.WaitAsync(StoreBench.Limit);
        Assert.All(writes, write => Assert.True(write.Ended.IsCompletedSuccessfully && write.Status == StoreStatus.Success, write.Status.ToString()));
        Assert.Equal(StoreStatus.Cancelled, (await late.Ended).Status);
        Marshal.FreeHGlobal(memory);
        bench.MarkClosed();

        // The lock went with the descriptor.
        file.Open(direct).Dispose();
    }

    /// <summary>The end of the thread cancels what is in flight; each request hears of it.</summary>
    [Theory]
    [MemberData(nameof(Ways))]
    public async Task TheEndOfTheThreadLeavesNoRequestWithoutAnAnswer(IoEngineKind engine, bool direct)
    {
        using var file = new TemporaryFile();
        using IoThread thread = StoreBench.StartThread(engine);
        Func<IoThread, IStore> attach = file.Create(64 * Mebi, direct);
        IStore store = await thread.Invoke(() => attach(thread)).WaitAsync(StoreBench.Limit);
        IntPtr memory = Marshal.AllocHGlobal(Mebi + 4096);
        TestRequest[] requests = [.. Enumerable.Range(0, 64).Select(i => new TestRequest { OffsetBytes = i * Mebi, LengthBytes = Mebi, Address = memory + 1, Durable = true })];
        _ = await thread.Invoke(() =>
        {
            for (int i = 0; i < requests.Length; i++)
            {
                if (i % 4 == 3)
                {
                    store.Zero(requests[i]);
                }
                else
                {
                    store.Write(requests[i]);
                }
            }

            thread.Stop();
            return 0;
        }).WaitAsync(StoreBench.Limit);
        Assert.True(thread.Join(StoreBench.Limit));
        Assert.All(requests, request => Assert.True(request.Ended.IsCompleted && request.Status is StoreStatus.Success or StoreStatus.Cancelled, request.Status.ToString()));
        Marshal.FreeHGlobal(memory);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void AReadOnlyStoreReadsAndRefusesWrites(IoEngineKind engine, bool direct)
    {
        using var file = new TemporaryFile();
        byte[] bytes = Pattern.Of(Mebi, 5);
        File.WriteAllBytes(file.Path, bytes);
        using var bench = new StoreBench(engine, file.Open(direct, readOnly: true).Attach);
        Assert.True(bench.Store.Traits.ReadOnly);
        Assert.Equal(bytes, bench.Read(0, Mebi));
        Assert.Equal(StoreStatus.ReadOnly, bench.Write(0, new byte[4096]));
        Assert.Equal(StoreStatus.ReadOnly, bench.Zero(0, 4096, mayDeallocate: true));
        Assert.Equal(StoreStatus.Success, bench.Flush());
        bench.Close();
        Assert.Equal(bytes, File.ReadAllBytes(file.Path));
    }

    /// <summary>Someone cut the file although it is locked: zeroes in place of what was there would be a lie.</summary>
    [Theory]
    [MemberData(nameof(Ways))]
    public void AFileThatWasCutIsNotReadAsZeroes(IoEngineKind engine, bool direct)
    {
        using var file = new TemporaryFile();
        using var bench = new StoreBench(engine, file.Create(4 * Mebi, direct));
        int other = NativeFile.Open(file.Path, NativeFile.ReadWrite);
        Assert.Equal(0, StoreNative.Truncate(other, Mebi));
        NativeFile.Close(other);

        Assert.Equal(StoreStatus.Success, bench.ReadStatus(0, Mebi));
        Assert.Equal(StoreStatus.ReadError, bench.ReadStatus(Mebi - 4096, 8192));
    }

    private static async Task<int> KeepWriting(StoreBench bench, int depth, int total)
    {
        var done = new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously);
        IntPtr memory = Marshal.AllocHGlobal(8192);
        IntPtr data = (memory + 4095) & ~4095;
        int started = 0;
        int succeeded = 0;
        int ended = 0;
        void Start(CallbackRequest request)
        {
            request.OffsetBytes = started++ % 256 * 4096;
            request.LengthBytes = 4096;
            request.Address = data;
            request.Durable = true;
            bench.Store.Write(request);
        }

        bench.Run(() =>
        {
            for (int i = 0; i < depth; i++)
            {
                Start(new CallbackRequest(request =>
                {
                    succeeded += request.Status == StoreStatus.Success ? 1 : 0;
                    if (++ended == total)
                    {
                        done.SetResult(succeeded);
                    }
                    else if (started < total)
                    {
                        Start(request);
                    }
                }));
            }
        });
        int result = await done.Task.WaitAsync(StoreBench.Limit);
        Marshal.FreeHGlobal(memory);
        return result;
    }
}
