using System.Runtime.InteropServices;
using ActorSan.Storage.Buffers;
using ActorSan.Storage.Stores;
using ActorSan.Storage.Threads;
using Xunit;

namespace ActorSan.Tests.Storage.Stores;

public sealed class EncryptedStoreTests
{
    private const int Mebi = 1 << 20;
    private const int DataOffset = Mebi;

    public static TheoryData<IoEngineKind> Engines => [.. StoreBench.Engines];

    [Theory]
    [MemberData(nameof(Engines))]
    public void DataIsCiphertextBelowAndMetadataIsNot(IoEngineKind engine)
    {
        using var file = new TemporaryFile();
        byte[] data = Pattern.Of(3 * Mebi, 1);
        byte[] metadata = Pattern.Of(8192, 2);
        byte[] key = Pattern.Of(XtsCipher.KeyBytes, 3);
        Func<IoThread, IStore> attach = file.Create(8 * Mebi);
        using (var cipher = new XtsCipher(key, 512))
        using (var bench = new StoreBench(engine, thread => new EncryptedStore(attach(thread), cipher, DataOffset)))
        {
            Assert.Equal(StoreStatus.Success, bench.Write(0, metadata));
            Assert.Equal(StoreStatus.Success, bench.Write(DataOffset + 512, data, durable: true, misalign: 5));
            Assert.Equal(data, bench.Read(DataOffset + 512, data.Length, misalign: 9));
            Assert.Equal(metadata, bench.Read(0, 8192));
            Assert.Equal(new byte[Mebi], bench.Read(7 * Mebi, Mebi));
            Assert.Equal(StoreStatus.Success, bench.Zero(DataOffset + Mebi, Mebi, mayDeallocate: true));
            Array.Clear(data, Mebi - 512, Mebi);
            Assert.Equal(data, bench.Read(DataOffset + 512, data.Length));
            Assert.Equal((false, (long)Mebi), bench.Map(DataOffset + Mebi, Mebi));
        }

        byte[] stored = File.ReadAllBytes(file.Path);
        Assert.Equal(metadata, stored[..8192]);
        Assert.NotEqual(data[..512], stored[(DataOffset + 512)..(DataOffset + 1024)]);
        Assert.Equal(new byte[Mebi], stored[(DataOffset + Mebi)..(DataOffset + (2 * Mebi))]);

        // The tweak is the sector's number in the volume, not in the store.
        using var other = new XtsCipher(key, 512);
        Assert.Equal(data[..512], Decrypt(other, 512, stored[(DataOffset + 512)..(DataOffset + 1024)]));
    }

    /// <summary>The bytes of a write may be on their way to a peer: they are as they were, during and after it.</summary>
    [Theory]
    [MemberData(nameof(Engines))]
    public async Task TheCallersBytesAreLeftAlone(IoEngineKind engine)
    {
        using var cipher = new XtsCipher(Pattern.Of(XtsCipher.KeyBytes, 3), 4096);
        FaultyStore? faulty = null;
        using var bench = new StoreBench(engine, thread => new EncryptedStore(faulty = new FaultyStore(StoreOpener.OpenMemory(8 * Mebi).Attach(thread)), cipher, 0));
        byte[] data = Pattern.Of(2 * Mebi, 4);
        IntPtr memory = Marshal.AllocHGlobal(data.Length);
        Marshal.Copy(data, 0, memory, data.Length);
        var write = new TestRequest { LengthBytes = data.Length, Address = memory };
        byte[] seen = new byte[data.Length];
        bench.Run(() =>
        {
            faulty!.Hold(StoreCall.Write);
            bench.Store.Write(write);
            Assert.Equal(1, faulty.HeldCount);
            Marshal.Copy(memory, seen, 0, seen.Length);
            faulty.Release();
        });
        Assert.Equal(StoreStatus.Success, (await write.Ended.WaitAsync(StoreBench.Limit)).Status);
        Assert.Equal(data, seen);
        Marshal.Copy(memory, seen, 0, seen.Length);
        Assert.Equal(data, seen);
        Assert.Equal(data, bench.Read(0, data.Length));
        Marshal.FreeHGlobal(memory);
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public async Task AnEmptyPoolDelaysWritesButNeverStopsThem(IoEngineKind engine)
    {
        using var file = new TemporaryFile();
        using var cipher = new XtsCipher(Pattern.Of(XtsCipher.KeyBytes, 3), 4096);
        Func<IoThread, IStore> attach = file.Create(16 * Mebi);
        using var bench = new StoreBench(engine, thread => new EncryptedStore(attach(thread), cipher, 0), poolBytes: BufferPool.MaxBufferBytes);
        var held = new IoBuffer[1];
        byte[] data = Pattern.Of(Mebi, 5);
        TestRequest[] writes = [.. Enumerable.Range(0, 8).Select(i => new TestRequest { OffsetBytes = i * Mebi, LengthBytes = Mebi, Durable = true })];
        bench.Run(() =>
        {
            // The writes' own data fills the pool, as it does when an initiator has sent more than the disk can take.
            Assert.True(bench.Thread.Buffers.TryRent(BufferPool.MaxBufferBytes, BufferOwner.Test, out held[0]));
            data.CopyTo(held[0].Span);
            foreach (TestRequest write in writes)
            {
                SetData(write, held[0]);
                bench.Store.Write(write);
            }
        });
        await Task.WhenAll(writes.Select(write => write.Ended)).WaitAsync(StoreBench.Limit);
        Assert.All(writes, write => Assert.Equal(StoreStatus.Success, write.Status));
        bench.Run(() => bench.Thread.Buffers.Return(held[0]));
        Assert.All(writes, write => Assert.Equal(data, bench.Read(write.OffsetBytes, Mebi)));
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public void FailuresPassAndBuffersComeBack(IoEngineKind engine)
    {
        using var cipher = new XtsCipher(Pattern.Of(XtsCipher.KeyBytes, 3), 512);
        FaultyStore? faulty = null;
        using var bench = new StoreBench(engine, thread => new EncryptedStore(faulty = new FaultyStore(StoreOpener.OpenMemory(8 * Mebi).Attach(thread)), cipher, 0));
        bench.Run(() =>
        {
            // A write of 2 MiB goes down in pieces: the second fails.
            faulty!.Fail(StoreCall.Write, 2, StoreStatus.NoSpace, Errno.ENOSPC);
            faulty.Fail(StoreCall.Read, 1, StoreStatus.ReadError, Errno.EIO);
        });
        Assert.Equal(StoreStatus.NoSpace, bench.Write(0, new byte[2 * Mebi]));
        Assert.Equal(StoreStatus.ReadError, bench.ReadStatus(0, 4096));
        Assert.Equal(0, bench.Run(() => bench.Thread.Buffers.InUseBytes));
        bench.Run(() => faulty!.Vanish());
        Assert.Equal(StoreStatus.Vanished, bench.Write(0, new byte[4096]));
        Assert.Equal(StoreStatus.Vanished, bench.Flush());
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public async Task ClosingWaitsForTheLastPiece(IoEngineKind engine)
    {
        using var cipher = new XtsCipher(Pattern.Of(XtsCipher.KeyBytes, 3), 512);
        FaultyStore? faulty = null;
        using var bench = new StoreBench(engine, thread => new EncryptedStore(faulty = new FaultyStore(StoreOpener.OpenMemory(8 * Mebi).Attach(thread)), cipher, 0));
        IntPtr memory = Marshal.AllocHGlobal(3 * Mebi);
        var write = new TestRequest { LengthBytes = 3 * Mebi, Address = memory };
        var late = new TestRequest { LengthBytes = 4096, Address = memory };
        var closed = new TestMessage();
        bench.Run(() =>
        {
            faulty!.Hold(StoreCall.Write);
            bench.Store.Write(write);
            bench.Store.Close(closed);
            bench.Store.Read(late);
            faulty.ReleaseOne();
            Assert.Equal(StoreStatus.Pending, write.Status);
            Assert.False(closed.Ran.IsCompleted);
            faulty.Release();
        });
        await closed.Ran.WaitAsync(StoreBench.Limit);
        bench.MarkClosed();
        Assert.Equal(StoreStatus.Success, write.Status);
        Assert.Equal(StoreStatus.Cancelled, late.Status);
        Marshal.FreeHGlobal(memory);
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public async Task SteadyStateAllocatesNothing(IoEngineKind engine)
    {
        using var file = new TemporaryFile();
        using var cipher = new XtsCipher(Pattern.Of(XtsCipher.KeyBytes, 3), 512);
        Func<IoThread, IStore> attach = file.Create(16 * Mebi);
        using var bench = new StoreBench(engine, thread => new EncryptedStore(attach(thread), cipher, 0));
        await Mill.AssertAllocatesNothing(bench);
    }

    private static unsafe void SetData(TestRequest request, IoBuffer buffer) => request.Data = buffer.Address;

    private static unsafe byte[] Decrypt(XtsCipher cipher, long offset, byte[] stored)
    {
        fixed (byte* at = stored)
        {
            cipher.Decrypt(offset, at, at, stored.Length);
        }

        return stored;
    }
}
