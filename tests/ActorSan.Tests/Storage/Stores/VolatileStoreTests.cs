using System.Runtime.InteropServices;
using ActorSan.Storage.Stores;
using ActorSan.Storage.Stores.Faults;
using ActorSan.Storage.Threads;
using Xunit;

namespace ActorSan.Tests.Storage.Stores;

/// <summary>What is in the inner store is what a kill would leave.</summary>
public sealed class VolatileStoreTests
{
    private const int Mebi = 1 << 20;

    public static TheoryData<IoEngineKind> Engines => [.. StoreBench.Engines];

    [Theory]
    [MemberData(nameof(Engines))]
    public void WhatWasNotFlushedIsNotBelow(IoEngineKind engine)
    {
        using var file = new TemporaryFile();
        using StoreBench bench = Bench(engine, file);
        byte[] first = Pattern.Of(8192, 1);
        byte[] second = Pattern.Of(4096, 2);
        Assert.Equal(StoreStatus.Success, bench.Write(512, first));
        Assert.Equal(first, bench.Read(512, 8192));
        Assert.Equal(new byte[16384], Below(file, 0, 16384));

        // A durable write goes down alone: not what was written before it.
        Assert.Equal(StoreStatus.Success, bench.Write(1024, second, durable: true));
        second.CopyTo(first, 512);
        Assert.Equal(first, bench.Read(512, 8192));
        Assert.Equal(second, Below(file, 1024, 4096));
        Assert.Equal(new byte[1024], Below(file, 0, 1024));
        Assert.Equal(new byte[3584], Below(file, 5120, 3584));

        Assert.Equal(StoreStatus.Success, bench.Flush());
        Assert.Equal(first, Below(file, 512, 8192));
        Assert.Equal(first, bench.Read(512, 8192));
        Assert.Equal(0, bench.Run(() => ((VolatileStore)bench.Store).HeldBytes));
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public void ZeroesAreHeldAndBecomeHoles(IoEngineKind engine)
    {
        using var file = new TemporaryFile();
        using StoreBench bench = Bench(engine, file);
        byte[] bytes = Pattern.Of(64 * 1024, 3);
        Assert.Equal(StoreStatus.Success, bench.Write(0, bytes));
        Assert.Equal(StoreStatus.Success, bench.Flush());
        long full = file.Sectors;
        Assert.Equal(StoreStatus.Success, bench.Zero(4096 + 512, 32 * 1024, mayDeallocate: true));
        Assert.Equal(bytes, Below(file, 0, bytes.Length));
        Array.Clear(bytes, 4096 + 512, 32 * 1024);
        Assert.Equal(bytes, bench.Read(0, bytes.Length));
        Assert.False(bench.Map(8192, 4096).Mapped);
        Assert.Equal(StoreStatus.Success, bench.Flush());
        Assert.Equal(bytes, Below(file, 0, bytes.Length));
        Assert.InRange(file.Sectors, 0, full - (24 * 1024 / 512));
    }

    /// <summary>Against an array, with flushes and durable writes in between: reads always see the latest, and a flush brings all of it down.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void ReadsSeeTheLatestAndAFlushBringsItDown(int seed)
    {
        const int Size = 256 * 1024;
        using var file = new TemporaryFile();
        using StoreBench bench = Bench(IoEngineKind.Auto, file, Size);
        byte[] model = new byte[Size];
        var random = new Random(seed);
        for (int step = 0; step < 300; step++)
        {
            int offset = random.Next(Size / 512) * 512;
            int length = (1 + random.Next(Math.Min(40, (Size - offset) / 512))) * 512;
            switch (random.Next(8))
            {
                case 0:
                    Assert.Equal(StoreStatus.Success, bench.Flush());
                    Assert.Equal(model, Below(file, 0, Size));
                    break;
                case 1:
                    Assert.Equal(StoreStatus.Success, bench.Zero(offset, length, random.Next(2) == 0, random.Next(4) == 0));
                    Array.Clear(model, offset, length);
                    break;
                case 2 or 3:
                    Assert.Equal(model[offset..(offset + length)], bench.Read(offset, length));
                    break;
                default:
                    byte[] bytes = Pattern.Of(length, step);
                    Assert.Equal(StoreStatus.Success, bench.Write(offset, bytes, durable: random.Next(4) == 0));
                    bytes.CopyTo(model, offset);
                    break;
            }
        }

        Assert.Equal(model, bench.Read(0, Size));
        bench.Close();
        Assert.Equal(model, Below(file, 0, Size));
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public async Task ItHoldsNoMoreThanItsBound(IoEngineKind engine)
    {
        using var file = new TemporaryFile();
        using StoreBench bench = Bench(engine, file, 2 * VolatileStore.MaxHeldBytes);
        byte[] bytes = Pattern.Of(Mebi, 4);
        IntPtr memory = Marshal.AllocHGlobal(Mebi);
        Marshal.Copy(bytes, 0, memory, Mebi);
        int count = (int)(2 * VolatileStore.MaxHeldBytes / Mebi);
        TestRequest[] writes = [.. Enumerable.Range(0, count).Select(i => new TestRequest { OffsetBytes = (long)i * Mebi, LengthBytes = Mebi, Address = memory })];
        bench.Run(() =>
        {
            foreach (TestRequest write in writes)
            {
                bench.Store.Write(write);
            }
        });
        await Task.WhenAll(writes.Select(write => write.Ended)).WaitAsync(StoreBench.Limit);
        Assert.InRange(bench.Run(() => ((VolatileStore)bench.Store).HeldBytes), 1, VolatileStore.MaxHeldBytes);

        // The oldest went first.
        Assert.Equal(bytes, Below(file, 0, Mebi));
        Assert.Equal(new byte[Mebi], Below(file, (2 * VolatileStore.MaxHeldBytes) - Mebi, Mebi));
        Assert.All(Enumerable.Range(0, 8), i => Assert.Equal(bytes, bench.Read(i * 16L * Mebi, Mebi)));
        Marshal.FreeHGlobal(memory);
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public void TheLyingOneLosesWhatItSaidWasDurable(IoEngineKind engine)
    {
        using var file = new TemporaryFile();
        using StoreBench bench = Bench(engine, file, ignoresFlush: true);
        byte[] bytes = Pattern.Of(4096, 5);
        Assert.Equal(StoreStatus.Success, bench.Write(0, bytes, durable: true));
        Assert.Equal(StoreStatus.Success, bench.Flush());
        Assert.Equal(bytes, bench.Read(0, 4096));
        Assert.Equal(new byte[4096], Below(file, 0, 4096));
    }

    /// <summary>An acknowledged write that could not be pushed down fails every flush from then on.</summary>
    [Theory]
    [MemberData(nameof(Engines))]
    public void APushThatFailsFailsEveryFlush(IoEngineKind engine)
    {
        FaultyStore? faulty = null;
        using var bench = new StoreBench(engine, thread => new VolatileStore(faulty = new FaultyStore(StoreOpener.OpenMemory(Mebi).Attach(thread))));
        bench.Run(() => faulty!.Fail(StoreCall.Write, 1, StoreStatus.WriteError, Errno.EIO));
        Assert.Equal(StoreStatus.Success, bench.Write(0, new byte[4096]));
        Assert.Equal(StoreStatus.WriteError, bench.Flush());
        Assert.Equal(StoreStatus.Success, bench.Write(0, new byte[4096]));
        Assert.Equal(StoreStatus.WriteError, bench.Flush());
    }

    private static StoreBench Bench(IoEngineKind engine, TemporaryFile file, long sizeBytes = 4 * Mebi, bool ignoresFlush = false)
    {
        Func<IoThread, IStore> attach = file.Create(sizeBytes);
        return new StoreBench(engine, thread => new VolatileStore(attach(thread), ignoresFlush));
    }

    /// <summary>Past the lock, as someone who looks at the disk after the power is back.</summary>
    private static unsafe byte[] Below(TemporaryFile file, long offset, int length)
    {
        byte[] bytes = new byte[length];
        int fd = NativeFile.Open(file.Path, NativeFile.ReadOnly);
        fixed (byte* data = bytes)
        {
            Assert.Equal(length, Native.ReadAt(fd, data, (nuint)length, offset));
        }

        NativeFile.Close(fd);
        return bytes;
    }
}
