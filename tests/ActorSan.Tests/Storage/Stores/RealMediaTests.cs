using ActorSan.Storage.Stores;
using ActorSan.Storage.Threads;
using Xunit;

namespace ActorSan.Tests.Storage.Stores;

/// <summary>Block devices and other file systems than the one that the temporary directory happens to lie on.</summary>
public sealed class RealMediaTests
{
    private const int Mebi = 1 << 20;

    public static TheoryData<IoEngineKind> Engines => [.. StoreBench.Engines];

    public static TheoryData<IoEngineKind, int> EnginesAndSectors
    {
        get
        {
            var data = new TheoryData<IoEngineKind, int>();
            foreach (IoEngineKind engine in StoreBench.Engines)
            {
                data.Add(engine, 512);
                data.Add(engine, 4096);
            }

            return data;
        }
    }

    [LoopTheory]
    [MemberData(nameof(EnginesAndSectors))]
    public void ABlockDeviceIsAStore(IoEngineKind engine, int sectorBytes)
    {
        using var medium = new LoopMedium(64 * Mebi, sectorBytes);
        IStoreHandle handle = Open(medium.Device, StoreMedium.BlockDevice);
        Assert.False(handle.CanGrow);
        Assert.Equal(64 * Mebi, handle.Traits.SizeBytes);
        Assert.Equal(sectorBytes, handle.Traits.OffsetAlignmentBytes);
        Assert.True(handle.IsZero(0, 64 * Mebi));
        Assert.Equal(StoreFault.InUse, Assert.Throws<StoreException>(() => Open(medium.Device, StoreMedium.BlockDevice)).Fault);
        Assert.Equal(StoreFault.Refused, Assert.Throws<StoreException>(() => Open(medium.Device, StoreMedium.File)).Fault);

        using (var bench = new StoreBench(engine, handle.Attach))
        {
            byte[] bytes = Pattern.Of(8 * Mebi, 1);
            Assert.Equal(StoreStatus.Success, bench.Write(Mebi + sectorBytes, bytes, durable: true, misalign: 1));
            long full = Sectors(medium.BackingFile);
            Assert.Equal(StoreStatus.Success, bench.Zero((2 * Mebi) + sectorBytes, 6 * Mebi, mayDeallocate: true, durable: true));
            Array.Clear(bytes, Mebi, 6 * Mebi);
            Assert.Equal(bytes, bench.Read(Mebi + sectorBytes, bytes.Length));
            Assert.InRange(Sectors(medium.BackingFile), 0, full - (5 * Mebi / 512));
            Assert.Equal(StoreStatus.Success, bench.Zero(0, 16 * Mebi, mayDeallocate: false));
            Assert.Equal(new byte[16 * Mebi], bench.Read(0, 16 * Mebi));
            Assert.True(bench.Map(0, Mebi).Mapped);
            Assert.Equal(StoreStatus.Success, bench.Flush());
        }

        Open(medium.Device, StoreMedium.BlockDevice).Dispose();
    }

    [LoopTheory("ext4")]
    [MemberData(nameof(Engines))]
    public void AMountedDeviceIsRefused(IoEngineKind engine)
    {
        _ = engine;
        using var medium = new LoopMedium(64 * Mebi, fileSystem: "ext4");
        StoreException refused = Assert.Throws<StoreException>(() => Open(medium.Device, StoreMedium.BlockDevice));
        Assert.Equal(StoreFault.InUse, refused.Fault);
        Assert.Contains("mounted", refused.Message, StringComparison.Ordinal);
    }

    [LoopTheory("xfs")]
    [MemberData(nameof(EnginesAndSectors))]
    public async Task XfsIsAFileSystemForStores(IoEngineKind engine, int sectorBytes)
    {
        using var medium = new LoopMedium(512 * Mebi, sectorBytes, "xfs");
        using var file = new TemporaryFile(medium.MountPoint);
        using var bench = new StoreBench(engine, file.Create(64 * Mebi));
        Assert.Equal(sectorBytes, bench.Store.Traits.OffsetAlignmentBytes);
        HolesComeAndGo(bench, file);
        if (sectorBytes == 512)
        {
            await Mill.AssertAllocatesNothing(bench);
        }
    }

    /// <summary>tmpfs knows holes but cannot zero a range in place.</summary>
    [Theory]
    [MemberData(nameof(Engines))]
    public void TmpfsIsAFileSystemForStores(IoEngineKind engine)
    {
        using var file = new TemporaryFile("/dev/shm");
        using var bench = new StoreBench(engine, file.Create(64 * Mebi, direct: false));
        HolesComeAndGo(bench, file);
    }

    /// <summary>Full is a state of the file system, not of the store: what gives room makes it write again.</summary>
    [LoopTheory("ext4")]
    [MemberData(nameof(Engines))]
    public void AFullFileSystemIsToldAndRecovers(IoEngineKind engine)
    {
        using var medium = new LoopMedium(48 * Mebi, fileSystem: "ext4");
        using var file = new TemporaryFile(medium.MountPoint);
        using var bench = new StoreBench(engine, file.Create(256 * Mebi));
        byte[] bytes = Pattern.Of(Mebi, 2);
        int written = 0;
        StoreStatus status;
        while ((status = bench.Write((long)written * Mebi, bytes, durable: true)) == StoreStatus.Success)
        {
            written++;
            Assert.InRange(written, 0, 48);
        }

        Assert.Equal(StoreStatus.NoSpace, status);
        Assert.Equal(StoreStatus.NoSpace, bench.Write(128 * Mebi, bytes));
        Assert.Equal(StoreStatus.NoSpace, bench.Zero(200 * Mebi, 50 * Mebi, mayDeallocate: false));
        Assert.Equal(StoreStatus.Success, bench.Flush());
        Assert.All(Enumerable.Range(0, written), i => Assert.Equal(bytes, bench.Read((long)i * Mebi, Mebi)));
        Assert.Equal(StoreStatus.Success, bench.Zero(0, 4 * Mebi, mayDeallocate: true, durable: true));
        Assert.Equal(StoreStatus.Success, bench.Write(128 * Mebi, bytes, durable: true));
        Assert.Equal(bytes, bench.Read(128 * Mebi, Mebi));
    }

    [LoopTheory("ext4")]
    [MemberData(nameof(Engines))]
    public void FormatOnAFullFileSystemSaysWhatToDo(IoEngineKind engine)
    {
        _ = engine;
        using var medium = new LoopMedium(48 * Mebi, fileSystem: "ext4");
        using var file = new TemporaryFile(medium.MountPoint);
        using IStoreHandle handle = StoreOpener.Open(new StoreOptions { Path = file.Path, Create = true });
        handle.SetSize(256 * Mebi);
        StoreException full = Assert.Throws<StoreException>(() => handle.ZeroAt(0, 256 * Mebi, allocate: true));
        Assert.Equal(StoreFault.NoSpace, full.Fault);
        Assert.Contains("room", full.Message, StringComparison.Ordinal);
    }

    private static void HolesComeAndGo(StoreBench bench, TemporaryFile file)
    {
        byte[] bytes = Pattern.Of(8 * Mebi, 3);
        Assert.Equal(StoreStatus.Success, bench.Write(Mebi, bytes, durable: true, misalign: 1));
        long full = file.Sectors;
        Assert.Equal(StoreStatus.Success, bench.Zero((2 * Mebi) + 4096, 4 * Mebi, mayDeallocate: true, durable: true));
        Array.Clear(bytes, Mebi + 4096, 4 * Mebi);
        Assert.Equal(bytes, bench.Read(Mebi, bytes.Length));
        Assert.InRange(file.Sectors, 0, full - (3 * Mebi / 512));
        Assert.Equal((false, 4L * Mebi), bench.Map((2 * Mebi) + 4096, 16 * Mebi));
        Assert.Equal(StoreStatus.Success, bench.Zero(7 * Mebi, Mebi, mayDeallocate: false, durable: true));
        Array.Clear(bytes, 6 * Mebi, Mebi);
        Assert.Equal(bytes, bench.Read(Mebi, bytes.Length));
        Assert.Equal(StoreStatus.Success, bench.Zero(0, 64 * Mebi, mayDeallocate: true, durable: true));
        Assert.Equal((false, 64L * Mebi), bench.Map(0, 64 * Mebi));
        Assert.InRange(file.Sectors, 0, Mebi / 512);
    }

    private static IStoreHandle Open(string path, StoreMedium medium) => StoreOpener.Open(new StoreOptions { Path = path, Medium = medium });

    private static long Sectors(string path)
    {
        Assert.Equal(0, StoreNative.StatusOf(path, out StoreNative.FileStatus status));
        return (long)status.Sectors;
    }
}
