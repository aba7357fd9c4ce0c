using ActorSan.Storage.Stores;
using ActorSan.Storage.Threads;
using Xunit;

namespace ActorSan.Tests.Storage.Stores;

public sealed class MemoryStoreTests
{
    private const int Mebi = 1 << 20;

    public static TheoryData<IoEngineKind> Engines => [.. StoreBench.Engines];

    /// <summary>Against an array: writes, zeroes of both kinds and the map, at sector granularity.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void ItIsAnArrayWithHoles(int seed)
    {
        const int Size = 256 * 1024;
        using var bench = new StoreBench(IoEngineKind.Auto, StoreOpener.OpenMemory(Size).Attach);
        byte[] model = new byte[Size];
        var random = new Random(seed);
        for (int step = 0; step < 400; step++)
        {
            int offset = random.Next(Size / 512) * 512;
            int length = (1 + random.Next(Math.Min(64, (Size - offset) / 512))) * 512;
            if (random.Next(3) > 0)
            {
                byte[] bytes = Pattern.Of(length, step);
                Assert.Equal(StoreStatus.Success, bench.Write(offset, bytes));
                bytes.CopyTo(model, offset);
            }
            else
            {
                Assert.Equal(StoreStatus.Success, bench.Zero(offset, length, mayDeallocate: random.Next(2) == 0));
                Array.Clear(model, offset, length);
            }
        }

        Assert.Equal(model, bench.Read(0, Size));

        // What the map calls a hole is zero; the runs cover the store.
        for (long at = 0; at < Size;)
        {
            (bool mapped, long run) = bench.Map(at, Size - at);
            Assert.InRange(run, 1, Size - at);
            Assert.True(mapped || !model.AsSpan((int)at, (int)run).ContainsAnyExcept((byte)0));
            at += run;
        }

        Assert.Equal(StoreStatus.Success, bench.Zero(0, Size, mayDeallocate: true));
        Assert.Equal((false, (long)Size), bench.Map(0, Size));
    }

    /// <summary>A terabyte costs nothing until it is written, and its holes are found at once.</summary>
    [Fact]
    public void SpaceIsTakenWhenItIsWritten()
    {
        const long Size = 1L << 40;
        using var bench = new StoreBench(IoEngineKind.Auto, StoreOpener.OpenMemory(Size).Attach);
        byte[] bytes = Pattern.Of(8192, 5);
        Assert.Equal(StoreStatus.Success, bench.Write(Size - 8192, bytes));
        Assert.Equal(bytes, bench.Read(Size - 8192, 8192));
        Assert.Equal((false, Size - 8192), bench.Map(0, Size));
        Assert.Equal((true, 8192L), bench.Map(Size - 8192, 8192));
    }

    /// <summary>Long zeroing takes turns with other work on the thread, and closing waits for it.</summary>
    [Theory]
    [MemberData(nameof(Engines))]
    public async Task LongZeroingLetsOthersRun(IoEngineKind engine)
    {
        const long Size = 8 * MemoryStore.ZeroPieceBytes;
        using var bench = new StoreBench(engine, StoreOpener.OpenMemory(Size).Attach);
        Assert.Equal(StoreStatus.Success, bench.Write(Size - 4096, Pattern.Of(4096, 6)));
        TestRequest[] zeroes = [.. Enumerable.Range(0, 2).Select(_ => new TestRequest { LengthBytes = Size, MayDeallocate = true })];
        var closed = new TestMessage();
        bench.Run(() =>
        {
            bench.Store.Zero(zeroes[0]);
            bench.Store.Zero(zeroes[1]);
            Assert.Equal(StoreStatus.Pending, zeroes[1].Status);
            bench.Store.Close(closed);
        });
        await closed.Ran.WaitAsync(StoreBench.Limit);
        bench.MarkClosed();
        Assert.All(zeroes, zero => Assert.True(zero.Ended.IsCompleted && zero.Status == StoreStatus.Success));
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public async Task SteadyStateAllocatesNothing(IoEngineKind engine)
    {
        using var bench = new StoreBench(engine, StoreOpener.OpenMemory(16 * Mebi).Attach);
        await Mill.AssertAllocatesNothing(bench);
    }

    [Fact]
    public void AHandleReadsWritesAndZeroes()
    {
        using IStoreHandle handle = StoreOpener.OpenMemory(4 * Mebi);
        Assert.False(handle.CanGrow);
        Assert.True(handle.IsZero(0, 4 * Mebi));
        byte[] bytes = Pattern.Of(Mebi + 512, 7);
        handle.WriteAt(512, bytes);
        byte[] read = new byte[bytes.Length];
        handle.ReadAt(512, read);
        Assert.Equal(bytes, read);
        Assert.False(handle.IsZero(0, 4 * Mebi));
        Assert.True(handle.IsZero(2 * Mebi, Mebi));
        handle.ZeroAt(0, 2 * Mebi, allocate: false);
        Assert.True(handle.IsZero(0, 4 * Mebi));
        handle.ZeroAt(0, Mebi, allocate: true);
        Assert.True(handle.IsZero(0, 4 * Mebi));
    }

    [Fact]
    public void MoreThanThereIsAddressSpaceForIsRefused() =>
        Assert.Equal(StoreFault.NoSpace, Assert.Throws<StoreException>(() => StoreOpener.OpenMemory(1L << 60)).Fault);
}
