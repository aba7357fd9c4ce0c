using ActorSan.Storage.Stores;
using ActorSan.Storage.Threads;
using Xunit;

namespace ActorSan.Tests.Storage.Stores;

/// <summary>What a real disk does once in years: the kernel's side is played by the test.</summary>
public sealed class FileStoreFaultTests : IDisposable
{
    private const int PunchMode = NativeFile.AllocatePunchHole | NativeFile.AllocateKeepSize;
    private const int ZeroRangeMode = NativeFile.AllocateZeroRange | NativeFile.AllocateKeepSize;

    private readonly ScriptedFileThread _thread = new();

    public void Dispose() => _thread.Dispose();

    [Fact]
    public void AShortTransferGoesOnAtItsSector()
    {
        FileStore store = Store();
        TestRequest read = Request(8192, 16384);
        store.Read(read);
        _thread.Complete(4096);
        AssertCall("read", 12288, 12288);

        // Half a sector is moved again.
        _thread.Complete(700);
        AssertCall("read", 12800, 11776);
        _thread.Complete(-Errno.EINTR);
        AssertCall("read", 12800, 11776);
        _thread.Complete(-Errno.EAGAIN);
        AssertCall("read", 12800, 11776);
        _thread.Complete(11776);
        Assert.Equal(StoreStatus.Success, read.Status);
        Assert.Empty(_thread.Calls);
    }

    [Fact]
    public void ATransferThatNeverMovesEndsAsAnError()
    {
        FileStore store = Store();
        TestRequest write = Request(0, 4096);
        store.Write(write);
        for (int i = 0; i < 1000 && _thread.Calls.Count > 0; i++)
        {
            _thread.Complete(0);
        }

        Assert.Equal(StoreStatus.WriteError, write.Status);
    }

    [Fact]
    public void MoreThanTheKernelTakesAtOnceIsSplit()
    {
        FileStore store = Store(sizeBytes: 8L << 30);
        TestRequest read = Request(0, 5L << 30);
        store.Read(read);
        for (int i = 0; i < 5; i++)
        {
            AssertCall("read", (long)i << 30, 1 << 30);
            _thread.Complete(1 << 30);
        }

        Assert.Equal(StoreStatus.Success, read.Status);
    }

    [Theory]
    [InlineData(28, StoreStatus.NoSpace)]
    [InlineData(122, StoreStatus.NoSpace)]
    [InlineData(27, StoreStatus.NoSpace)]
    [InlineData(5, StoreStatus.WriteError)]
    [InlineData(19, StoreStatus.Vanished)]
    [InlineData(6, StoreStatus.Vanished)]
    [InlineData(30, StoreStatus.Vanished)]
    [InlineData(116, StoreStatus.Vanished)]
    [InlineData(108, StoreStatus.Vanished)]
    [InlineData(1, StoreStatus.ReadOnly)]
    [InlineData(125, StoreStatus.Cancelled)]
    public void AnErrorNumberOfAWriteHasItsStatus(int errno, StoreStatus status)
    {
        FileStore store = Store();
        TestRequest write = Request(0, 4096);
        store.Write(write);
        _thread.Complete(-errno);
        Assert.Equal((status, errno), (write.Status, write.Errno));

        // One write's failure is not the store's.
        TestRequest next = Request(0, 4096);
        store.Write(next);
        _thread.Complete(4096);
        Assert.Equal(StoreStatus.Success, next.Status);
    }

    [Theory]
    [InlineData(5, StoreStatus.ReadError)]
    [InlineData(84, StoreStatus.ReadError)]
    [InlineData(19, StoreStatus.Vanished)]
    public void AnErrorNumberOfAReadHasItsStatus(int errno, StoreStatus status)
    {
        FileStore store = Store();
        TestRequest read = Request(0, 4096);
        store.Read(read);
        _thread.Complete(-errno);
        Assert.Equal((status, errno), (read.Status, read.Errno));
    }

    /// <summary>The kernel tells of a lost page once: a second fdatasync would succeed without it.</summary>
    [Fact]
    public void AFlushThatFailedIsNeverRepeated()
    {
        FileStore store = Store();
        TestRequest first = Request(0, 0);
        TestRequest second = Request(0, 0);
        TestRequest read = Request(4096, 4096);
        store.Flush(first);
        _thread.EndPass();
        store.Flush(second);
        store.Read(read);
        _thread.EndPass();
        AssertCall("sync", 0, 0);
        _thread.Complete(-Errno.EIO);
        Assert.Equal(StoreStatus.WriteError, first.Status);

        // Waited for the next one: it would cover writes that the failed one has lost.
        Assert.Equal(StoreStatus.WriteError, second.Status);
        Assert.DoesNotContain(_thread.Calls, call => call.Name == "sync");
        _thread.Complete(4096);
        Assert.Equal(StoreStatus.Success, read.Status);

        foreach ((Action<StoreRequest> submit, StoreStatus status) in new (Action<StoreRequest>, StoreStatus)[]
        {
            (store.Flush, StoreStatus.WriteError), (store.Write, StoreStatus.WriteError), (store.Zero, StoreStatus.WriteError), (store.Read, StoreStatus.ReadError),
        })
        {
            TestRequest later = Request(0, 4096);
            submit(later);
            Assert.Equal((status, Errno.EIO), (later.Status, later.Errno));
        }

        Assert.Empty(_thread.Calls);
    }

    [Fact]
    public void ADurableWriteThatFailedMayHaveBeenTheFlush()
    {
        FileStore store = Store();
        TestRequest write = Request(0, 4096, durable: true);
        store.Write(write);
        Assert.True(_thread.Calls[0].Durable);
        _thread.Complete(-Errno.EIO);
        Assert.Equal(StoreStatus.WriteError, write.Status);
        TestRequest flush = Request(0, 0);
        store.Flush(flush);
        Assert.Equal(StoreStatus.WriteError, flush.Status);
    }

    [Fact]
    public void ADurableWriteThatFoundNoRoomIsItsOwnFailureOnly()
    {
        FileStore store = Store();
        TestRequest write = Request(0, 4096, durable: true);
        store.Write(write);
        _thread.Complete(-Errno.ENOSPC);
        Assert.Equal(StoreStatus.NoSpace, write.Status);
        TestRequest flush = Request(0, 0);
        store.Flush(flush);
        _thread.EndPass();
        _thread.Complete(0);
        Assert.Equal(StoreStatus.Success, flush.Status);
    }

    /// <summary>One that joins while a flush is in flight is not covered by it.</summary>
    [Fact]
    public void AFlushCoversWhatCompletedBeforeItAndNothingElse()
    {
        FileStore store = Store(direct: false);
        TestRequest early = Request(0, 4096, durable: true);
        TestRequest late = Request(4096, 4096, durable: true);
        store.Write(early);
        Assert.DoesNotContain(_thread.Calls, call => call.Durable);
        _thread.Complete(4096);
        store.Write(late);
        Assert.Equal(["sync", "write"], _thread.Calls.Select(call => call.Name));
        _thread.Complete(4096, index: 1);
        AssertCall("sync", 0, 0);
        Assert.Single(_thread.Calls);
        _thread.Complete(0);
        Assert.Equal(StoreStatus.Success, early.Status);
        Assert.Equal(StoreStatus.Pending, late.Status);
        AssertCall("sync", 0, 0);
        _thread.Complete(-Errno.EINTR);
        Assert.Equal(StoreStatus.Pending, late.Status);
        _thread.Complete(0);
        Assert.Equal(StoreStatus.Success, late.Status);
    }

    /// <summary>Whether the one that waits for the flush ends its write last or first: it is neither flushed alone early nor forgotten.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void FromTheNamedDepthOnDurableWritesShareOneFlush(bool groupedFirst)
    {
        FileStore store = Store();
        TestRequest[] writes = [.. Enumerable.Range(0, FileStore.GroupCommitDepth).Select(i => Request(i * 4096, 4096, durable: true))];
        foreach (TestRequest write in writes)
        {
            store.Write(write);
        }

        Assert.Equal(FileStore.GroupCommitDepth - 1, _thread.Calls.Count(call => call.Durable));
        Assert.False(_thread.Calls[^1].Durable);
        if (groupedFirst)
        {
            _thread.Complete(4096, _thread.Calls.Count - 1);
            Assert.DoesNotContain(_thread.Calls, call => call.Name == "sync");
        }

        while (_thread.Calls.Count > 0)
        {
            _thread.Complete((int)_thread.Calls[0].Length);
        }

        Assert.All(writes, write => Assert.Equal(StoreStatus.Success, write.Status));
        Assert.Equal(1, store.SyncsIssued);
    }

    /// <summary>Durable zeroes beside durable writes that each have a flush of their own: they are flushed although those never join.</summary>
    [Fact]
    public void DurableZeroesDoNotWaitForWritesThatFlushThemselves()
    {
        FileStore store = Store();
        for (int i = 0; i < 8; i++)
        {
            store.Write(Request(i * 4096, 4096, durable: true));
        }

        store.Zero(Request(1 << 20, 1 << 16, durable: true, mayDeallocate: true));
        _thread.Complete(0, _thread.Calls.Count - 1);
        _thread.EndPass();
        Assert.Equal("sync", _thread.Calls[^1].Name);
    }

    /// <summary>In the stream of durable writes a flush is answered by its own fdatasync at once.</summary>
    [Fact]
    public void AFlushDoesNotWaitForWritesInFlight()
    {
        FileStore store = Store(direct: false);
        store.Write(Request(0, 4096, durable: true));
        TestRequest flush = Request(0, 0);
        store.Flush(flush);
        _thread.EndPass();
        Assert.Equal(["write", "sync"], _thread.Calls.Select(call => call.Name));
        _thread.Complete(0, index: 1);
        Assert.Equal(StoreStatus.Success, flush.Status);
        _thread.Complete(4096);
        Assert.Equal(["sync"], _thread.Calls.Select(call => call.Name));
    }

    /// <summary>A file system without holes, then one without either: zeroes are written, and it is not asked again.</summary>
    [Fact]
    public void ZeroesFindAnotherWayWhereTheMediumKnowsNone()
    {
        FileStore store = Store();
        TestRequest zero = Request(3584, 16384 + 1024, mayDeallocate: true);
        store.Zero(zero);
        AssertCall("write", 3584, 512);
        _thread.Complete(512);
        AssertCall("allocate", 4096, 16384, PunchMode);
        _thread.Complete(-Errno.EOPNOTSUPP);
        AssertCall("allocate", 4096, 16384, ZeroRangeMode);
        _thread.Complete(-Errno.EOPNOTSUPP);
        AssertCall("write", 4096, 16896);
        _thread.Complete(4096);
        AssertCall("write", 8192, 12800);
        _thread.Complete(12800);
        Assert.Equal(StoreStatus.Success, zero.Status);

        TestRequest again = Request(0, 4 << 20, mayDeallocate: true, durable: true);
        store.Zero(again);
        for (int i = 0; i < 4; i++)
        {
            AssertCall("write", i << 20, 1 << 20);
            _thread.Complete(1 << 20);
        }

        AssertCall("sync", 0, 0);
        _thread.Complete(0);
        Assert.Equal(StoreStatus.Success, again.Status);
    }

    [Fact]
    public void AllocateIsTriedAgainWhenItIsInterrupted()
    {
        FileStore store = Store();
        TestRequest zero = Request(0, 8192, mayDeallocate: true);
        store.Zero(zero);
        _thread.Complete(-Errno.EINTR);
        AssertCall("allocate", 0, 8192, PunchMode);
        _thread.Complete(0);
        Assert.Equal(StoreStatus.Success, zero.Status);
    }

    private static TestRequest Request(long offset, long length, bool durable = false, bool mayDeallocate = false) =>
        new() { OffsetBytes = offset, LengthBytes = length, Durable = durable, MayDeallocate = mayDeallocate };

    private FileStore Store(long sizeBytes = 64 << 20, bool direct = true) => new(
        _thread,
        3,
        "scripted",
        new FileFacts(IsDevice: false, direct, MemoryAlignmentBytes: 512, new StoreTraits(sizeBytes, 512, 4096, VolatileCache: true, ReadOnly: false, Rotational: false)));

    private void AssertCall(string name, long offset, long length, int mode = 0)
    {
        FileCall call = _thread.Calls[0];
        Assert.Equal((name, offset, length, mode), (call.Name, call.Offset, call.Length, call.Mode));
    }
}
