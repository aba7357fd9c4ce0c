using System.Diagnostics;
using ActorSan.Storage.Stores;
using ActorSan.Storage.Threads;
using Xunit;

namespace ActorSan.Tests.Storage.Stores;

/// <summary>An open store becomes longer.</summary>
public sealed class ExtendTests
{
    private const int Mebi = 1 << 20;

    public static TheoryData<IoEngineKind, bool> Ways => new()
    {
        { IoEngineKind.IoUring, true },
        { IoEngineKind.IoUring, false },
        { IoEngineKind.Epoll, true },
        { IoEngineKind.Epoll, false },
    };

    public static TheoryData<IoEngineKind> Engines => [IoEngineKind.IoUring, IoEngineKind.Epoll];

    [Theory]
    [MemberData(nameof(Ways))]
    public void AFileIsLongerKeepsItsBytesAndReadsAsZeroesBehind(IoEngineKind engine, bool direct)
    {
        using var file = new TemporaryFile();
        using var bench = new StoreBench(engine, file.Create(4 * Mebi, direct));
        byte[] bytes = Pattern.Of(4 * Mebi, 1);
        Assert.Equal(StoreStatus.Success, bench.Write(0, bytes, durable: true));
        long taken = file.Sectors;
        Assert.Equal(StoreStatus.Success, Extend(bench, 4 * Mebi, 60 * Mebi, takesSpace: false));
        Assert.Equal((64L * Mebi, 64L * Mebi), (bench.Run(() => bench.Store.Traits.SizeBytes), new FileInfo(file.Path).Length));
        Assert.InRange(file.Sectors, 0, taken + (Mebi / 512));
        Assert.Equal(bytes, bench.Read(0, bytes.Length));
        Assert.Equal(new byte[Mebi], bench.Read(4 * Mebi, Mebi));
        byte[] last = Pattern.Of(Mebi, 2);
        Assert.Equal(StoreStatus.Success, bench.Write(63 * Mebi, last, durable: true));
        Assert.Equal(last, bench.Read(63 * Mebi, Mebi));

        // Never shorter.
        Assert.Equal(StoreStatus.Success, Extend(bench, 4 * Mebi, Mebi, takesSpace: false));
        Assert.Equal((64L * Mebi, 64L * Mebi), (bench.Run(() => bench.Store.Traits.SizeBytes), new FileInfo(file.Path).Length));
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public void AThickOneTakesTheSpace(IoEngineKind engine)
    {
        using var file = new TemporaryFile();
        using var bench = new StoreBench(engine, file.Create(Mebi));
        long taken = file.Sectors;
        Assert.Equal(StoreStatus.Success, Extend(bench, Mebi, 8 * Mebi, takesSpace: true));
        Assert.InRange(file.Sectors, taken + (8 * Mebi / 512), long.MaxValue);
        Assert.Equal(new byte[8 * Mebi], bench.Read(Mebi, 8 * Mebi));
        Assert.Equal(StoreStatus.Success, bench.Zero(Mebi, 8 * Mebi, mayDeallocate: false, durable: true));
        Assert.InRange(file.Sectors, taken + (8 * Mebi / 512), long.MaxValue);
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public async Task ItEndsBeforeTheStoreIsClosed(IoEngineKind engine)
    {
        using var file = new TemporaryFile();
        using var bench = new StoreBench(engine, file.Create(Mebi));
        Task<TestRequest> extended = bench.Submit(
            request =>
            {
                request.OffsetBytes = Mebi;
                request.LengthBytes = Mebi;
            },
            (store, request) => store.Extend(request));
        bench.Close();
        Assert.Equal(StoreStatus.Success, (await extended).Status);
        Assert.Equal(2 * Mebi, new FileInfo(file.Path).Length);
    }

    [Fact]
    public void AStoreForReadingOnlyIsAsItIs()
    {
        using var file = new TemporaryFile();
        using (new StoreBench(IoEngineKind.Epoll, file.Create(Mebi)))
        {
        }

        using var bench = new StoreBench(IoEngineKind.Epoll, file.Open(readOnly: true).Attach);
        Assert.Equal(StoreStatus.ReadOnly, Extend(bench, Mebi, Mebi, takesSpace: false));
        Assert.Equal(Mebi, new FileInfo(file.Path).Length);
    }

    [LoopTheory]
    [MemberData(nameof(Engines))]
    public void AFullFileSystemRefusesAndTheFileIsAsItWas(IoEngineKind engine)
    {
        using var medium = new LoopMedium(48 * Mebi, fileSystem: "ext4");
        using var file = new TemporaryFile(medium.MountPoint);
        using var bench = new StoreBench(engine, file.Create(Mebi));
        byte[] bytes = Pattern.Of(Mebi, 3);
        Assert.Equal(StoreStatus.Success, bench.Write(0, bytes, durable: true));
        long taken = file.Sectors;
        Assert.Equal(StoreStatus.NoSpace, Extend(bench, Mebi, 200 * Mebi, takesSpace: true));
        Assert.Equal((1L * Mebi, 1L * Mebi), (bench.Run(() => bench.Store.Traits.SizeBytes), new FileInfo(file.Path).Length));
        Assert.InRange(file.Sectors, 0, taken + 64);
        Assert.Equal(bytes, bench.Read(0, Mebi));
        Assert.Equal(StoreStatus.Success, Extend(bench, Mebi, Mebi, takesSpace: true));
        Assert.Equal(StoreStatus.Success, bench.Write(Mebi, bytes, durable: true));
    }

    [LoopTheory]
    [MemberData(nameof(Engines))]
    public void ADeviceIsUsedAsFarAsItIsLongNow(IoEngineKind engine)
    {
        using var medium = new LoopMedium(8 * Mebi);
        IStoreHandle handle = StoreOpener.Open(new StoreOptions { Path = medium.Device, Medium = StoreMedium.BlockDevice });
        using var bench = new StoreBench(engine, handle.Attach);
        Assert.Equal(StoreStatus.NoSpace, Extend(bench, 8 * Mebi, 4 * Mebi, takesSpace: false));
        Assert.Equal(8L * Mebi, bench.Run(() => bench.Store.Traits.SizeBytes));
        using (FileStream backing = File.OpenWrite(medium.BackingFile))
        {
            backing.SetLength(16 * Mebi);
        }

        using (Process losetup = Process.Start("losetup", ["--set-capacity", medium.Device]))
        {
            losetup.WaitForExit();
            Assert.Equal(0, losetup.ExitCode);
        }

        Assert.Equal(StoreStatus.Success, Extend(bench, 8 * Mebi, 4 * Mebi, takesSpace: false));
        byte[] bytes = Pattern.Of(Mebi, 4);
        Assert.Equal(StoreStatus.Success, bench.Write(11 * Mebi, bytes, durable: true));
        Assert.Equal(bytes, bench.Read(11 * Mebi, Mebi));
    }

    private static StoreStatus Extend(StoreBench bench, long offset, long length, bool takesSpace) => bench.Submit(
        request =>
        {
            request.OffsetBytes = offset;
            request.LengthBytes = length;
            request.MayDeallocate = !takesSpace;
        },
        (store, request) => store.Extend(request)).GetAwaiter().GetResult().Status;
}
