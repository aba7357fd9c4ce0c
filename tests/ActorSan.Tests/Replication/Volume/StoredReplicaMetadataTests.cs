using System.Runtime.InteropServices;
using ActorSan.Replication.Core.Ports;
using ActorSan.Replication.Volume;
using ActorSan.Storage.Metadata;
using ActorSan.Storage.Stores;
using ActorSan.Storage.Threads;
using ActorSan.Tests.Storage.Metadata;
using ActorSan.Tests.Storage.Stores;
using Xunit;
using MetadataTestRequest = ActorSan.Tests.Storage.Metadata.TestRequest;

namespace ActorSan.Tests.Replication.Volume;

/// <summary>What a replica keeps, on real files: pages that are there at the next opening, pages whose health is told, and a store that grows while it is open.</summary>
public sealed unsafe class StoredReplicaMetadataTests
{
    private const long Mebi = 1 << 20;
    private const long VolumeBytes = 4 * Mebi;
    private const long LimitBytes = 64 * Mebi;

    public static TheoryData<IoEngineKind> Engines => [IoEngineKind.IoUring, IoEngineKind.Epoll];

    private static readonly (ReplicaPageKind Kind, int Peer, int Index)[] s_places =
    [
        (ReplicaPageKind.State, 0, 0), (ReplicaPageKind.Configuration, 0, 0), (ReplicaPageKind.WriteIntent, 0, 0), (ReplicaPageKind.OutOfSync, 0, 0), (ReplicaPageKind.OutOfSync, 2, 0),
    ];

    [Theory]
    [MemberData(nameof(Engines))]
    public void PagesAreThereAtTheNextOpening(IoEngineKind engine)
    {
        using var file = new TemporaryFile();
        Format(file);
        for (int version = 0; version < 4; version++)
        {
            using var bench = new Opened(engine, file);
            foreach ((ReplicaPageKind kind, int peer, int index) in s_places)
            {
                (byte[] found, PageHealth health) = bench.Page(kind, peer, index);
                Assert.Equal(version == 0 ? [] : Content(bench, kind, peer, version), found);
                Assert.Equal(version == 0 ? PageHealth.Blank : PageHealth.Sound, health);

                // Two writes under way at once: the second is what counts.
                byte[] last = Content(bench, kind, peer, version + 1);
                Assert.Equal([StoreStatus.Success, StoreStatus.Success], bench.Write(kind, peer, index, [1, 2, 3], last));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public void ADamagedSlotIsDoubtAndBothAreRefused(IoEngineKind engine)
    {
        using var file = new TemporaryFile();
        Format(file);
        var slots = new Dictionary<(ReplicaPageKind, int, int), (long First, long Second)>();
        using (var bench = new Opened(engine, file))
        {
            foreach ((ReplicaPageKind kind, int peer, int index) in s_places)
            {
                _ = bench.Write(kind, peer, index, [1], [2], [3]);
                slots[(kind, peer, index)] = SlotsOf(bench.Loaded.Superblock, kind, peer);
            }
        }

        foreach ((ReplicaPageKind kind, int peer, int index) in s_places)
        {
            (long first, long second) = slots[(kind, peer, index)];
            byte[] whole = File.ReadAllBytes(file.Path);
            Damage(file, first);
            using (var bench = new Opened(engine, file))
            {
                // The third write lay there.
                (byte[] found, PageHealth health) = bench.Page(kind, peer, index);
                Assert.Equal([2], found);
                Assert.Equal(PageHealth.Doubtful, health);
                foreach ((ReplicaPageKind Kind, int Peer, int Index) other in s_places.Where(other => other != (kind, peer, index)))
                {
                    Assert.Equal(PageHealth.Sound, bench.Page(other.Kind, other.Peer, other.Index).Health);
                }
            }

            Damage(file, second);
            StoreException refused = Assert.Throws<StoreException>(() => new Opened(engine, file));
            Assert.Equal(StoreFault.Damaged, refused.Fault);
            File.WriteAllBytes(file.Path, whole);
        }
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public void LoadedPagesStayUntilTheyAreReleased(IoEngineKind engine)
    {
        using var file = new TemporaryFile();
        Format(file);
        using (var bench = new Opened(engine, file))
        {
            _ = bench.Write(ReplicaPageKind.State, 0, 0, [7]);
            _ = bench.Write(ReplicaPageKind.OutOfSync, 1, 0, [8]);
        }

        using (var bench = new Opened(engine, file))
        {
            // The write of one page leaves the others, and what is read is what was found.
            Assert.Equal([7], bench.Page(ReplicaPageKind.State, 0, 0).Content);
            Assert.Equal([8], bench.Page(ReplicaPageKind.OutOfSync, 1, 0).Content);
            _ = bench.Write(ReplicaPageKind.State, 0, 0, [9]);
            Assert.Equal([8], bench.Page(ReplicaPageKind.OutOfSync, 1, 0).Content);
            bench.Run(bench.Metadata.ReleaseLoaded);
            Assert.Empty(bench.Page(ReplicaPageKind.OutOfSync, 1, 0).Content);
            Assert.Equal(PageHealth.Sound, bench.Page(ReplicaPageKind.OutOfSync, 1, 0).Health);
        }

        using (var bench = new Opened(engine, file))
        {
            Assert.Equal([9], bench.Page(ReplicaPageKind.State, 0, 0).Content);
            Assert.Equal([8], bench.Page(ReplicaPageKind.OutOfSync, 1, 0).Content);
        }
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public void AnOpenStoreGrowsToItsLimit(IoEngineKind engine)
    {
        using var file = new TemporaryFile();
        Format(file);
        foreach (long size in (long[])[5 * Mebi, (5 * Mebi) + 512, LimitBytes])
        {
            using var bench = new Opened(engine, file);
            Assert.Equal((LimitBytes, false), (bench.Metadata.GrowLimitBytes, bench.Metadata.IsThick));
            long before = bench.Metadata.Geometry.SizeBytes;
            int intent = bench.Metadata.PageCount(ReplicaPageKind.WriteIntent);
            Assert.True(intent * (bench.Metadata.PageContentBytes(ReplicaPageKind.WriteIntent) - 256L) * 8 * (4 << 20) >= LimitBytes);
            Assert.True(bench.Metadata.PageCount(ReplicaPageKind.OutOfSync) * (bench.Metadata.PageContentBytes(ReplicaPageKind.OutOfSync) - 64L) * 8 * (64 << 10) >= LimitBytes);
            Assert.Equal(StoreStatus.Success, bench.Ask(bench.Metadata.Extend, size));
            Assert.Equal(before, bench.Metadata.Geometry.SizeBytes);
            Assert.Equal(StoreStatus.Success, bench.Ask(bench.Metadata.SetSize, size));
            Assert.Equal(size, bench.Metadata.Geometry.SizeBytes);
            Assert.Equal(intent, bench.Metadata.PageCount(ReplicaPageKind.WriteIntent));
            Assert.Equal(StoreStatus.NoSpace, bench.Ask(bench.Metadata.Extend, LimitBytes + 512));
        }

        using var last = new Opened(engine, file);
        Assert.Equal(LimitBytes, last.Metadata.Geometry.SizeBytes);
        Assert.Equal(last.Loaded.Superblock.EndBytes, new FileInfo(file.Path).Length);
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public void AThickStoreTakesTheSpaceOfItsNewPart(IoEngineKind engine)
    {
        using var file = new TemporaryFile();
        Format(file, thick: true);
        using var bench = new Opened(engine, file);
        long taken = file.Sectors;
        Assert.True(bench.Metadata.IsThick);
        Assert.Equal(StoreStatus.Success, bench.Ask(bench.Metadata.Extend, VolumeBytes + (8 * Mebi)));
        Assert.InRange(file.Sectors, taken + (8 * Mebi / 512), long.MaxValue);
    }

    /// <summary>As a kill leaves it after each step; torn slots besides.</summary>
    [Fact]
    public void AGrowthThatIsCutOpensWithEitherSize()
    {
        using var file = new TemporaryFile();
        Format(file);
        const long larger = 8 * Mebi;
        byte[] before = File.ReadAllBytes(file.Path);
        byte[] extended;
        using (var bench = new Opened(IoEngineKind.Epoll, file))
        {
            Assert.Equal(StoreStatus.Success, bench.Ask(bench.Metadata.Extend, larger));
        }

        extended = File.ReadAllBytes(file.Path);
        using (var bench = new Opened(IoEngineKind.Epoll, file))
        {
            Assert.Equal(VolumeBytes, bench.Metadata.Geometry.SizeBytes);
            Assert.Equal(StoreStatus.Success, bench.Ask(bench.Metadata.Extend, larger));
            Assert.Equal(StoreStatus.Success, bench.Ask(bench.Metadata.SetSize, larger));
        }

        byte[] after = File.ReadAllBytes(file.Path);
        byte[] torn = new byte[4096];
        Array.Fill(torn, (byte)0xA5);
        byte[] oldSlot = before[..4096];
        byte[] newSlot = after[..4096];
        Assert.NotEqual(oldSlot, newSlot);
        foreach ((byte[] first, byte[] second, long size) in ((byte[], byte[], long)[])
            [(oldSlot, before[4096..8192], VolumeBytes), (oldSlot, torn, VolumeBytes), (oldSlot, newSlot, larger), (torn, newSlot, larger), (newSlot, newSlot, larger)])
        {
            byte[] left = (byte[])extended.Clone();
            first.CopyTo(left, 0);
            second.CopyTo(left, 4096);
            File.WriteAllBytes(file.Path, left);
            using (var bench = new Opened(IoEngineKind.Epoll, file))
            {
                Assert.Equal(size, bench.Metadata.Geometry.SizeBytes);

                // It goes on from there.
                Assert.Equal(StoreStatus.Success, bench.Ask(bench.Metadata.Extend, LimitBytes));
                Assert.Equal(StoreStatus.Success, bench.Ask(bench.Metadata.SetSize, LimitBytes));
            }

            using (var bench = new Opened(IoEngineKind.Epoll, file))
            {
                Assert.Equal((LimitBytes, false), (bench.Metadata.Geometry.SizeBytes, bench.Loaded.Report.SuperblockRepaired));
            }
        }

        // Not by us: the new size without the space for it.
        File.WriteAllBytes(file.Path, after[..before.Length]);
        StoreException refused = Assert.Throws<StoreException>(() => new Opened(IoEngineKind.Epoll, file));
        Assert.Equal(StoreFault.Damaged, refused.Fault);
        Assert.Contains("was cut short", refused.Message, StringComparison.Ordinal);
    }

    private static byte[] Content(Opened bench, ReplicaPageKind kind, int peer, int version) =>
        PowerLossTests.Bytes(version % 2 == 0 ? 100 : bench.Metadata.PageContentBytes(kind), (version * 10) + ((int)kind * 3) + peer);

    private static void Format(TemporaryFile file, bool thick = false)
    {
        using IStoreHandle handle = StoreOpener.Open(new StoreOptions { Path = file.Path, Create = true, Direct = true });
        _ = VolumeFormat.Format(handle, new FormatRequest { VolumeId = Known.VolumeId, Label = "disk0", SizeBytes = VolumeBytes, GrowLimitBytes = LimitBytes, Thick = thick });
    }

    private static (long First, long Second) SlotsOf(Superblock superblock, ReplicaPageKind kind, int peer)
    {
        if (kind == ReplicaPageKind.State)
        {
            long at = AreaReader.PageOffset(superblock, MetadataPage.Replica, out long bytes);
            return (at, at + bytes);
        }

        MetadataRegionKind region = kind switch
        {
            ReplicaPageKind.Configuration => MetadataRegionKind.Configuration,
            ReplicaPageKind.WriteIntent => MetadataRegionKind.WriteIntent,
            _ => MetadataRegionKind.OutOfSync,
        };
        MetadataRegion found = superblock.Regions.Where(candidate => candidate.Kind == region).ElementAt(peer);
        return (found.OffsetBytes, found.OffsetBytes + found.UnitBytes);
    }

    private static void Damage(TemporaryFile file, long offset)
    {
        using FileStream stream = File.OpenWrite(file.Path);
        stream.Position = offset + 8;
        stream.Write([0xA5, 0xA5, 0xA5, 0xA5, 0xA5, 0xA5, 0xA5, 0xA5]);
    }

    /// <summary>A replica's store, loaded and on an I/O thread.</summary>
    private sealed class Opened : IDisposable
    {
        private readonly StoreBench _bench;

        public Opened(IoEngineKind engine, TemporaryFile file)
        {
            IStoreHandle handle = file.Open();
            try
            {
                Loaded = VolumeMetadata.Load(handle, new VolumeExpectation { VolumeId = Known.VolumeId }, replicated: true);
            }
            catch
            {
                handle.Dispose();
                throw;
            }

            _bench = new StoreBench(engine, handle.Attach);
            Metadata = _bench.Run(() => new StoredReplicaMetadata(Loaded, _bench.Store));
        }

        public VolumeMetadata Loaded { get; }

        public StoredReplicaMetadata Metadata { get; }

        public void Run(Action action) => _bench.Run(action);

        public (byte[] Content, PageHealth Health) Page(ReplicaPageKind kind, int peer, int index) =>
            _bench.Run(() => (Metadata.LoadedPage(kind, peer, index, out PageHealth health).ToArray(), health));

        /// <summary>All are submitted before the first has ended.</summary>
        public StoreStatus[] Write(ReplicaPageKind kind, int peer, int index, params byte[][] contents)
        {
            var writes = contents.Select(content => new OneWrite(kind, peer, index, content)).ToArray();
            _bench.Run(() => Array.ForEach(writes, Metadata.WritePage));
            return [.. writes.Select(write => write.Ended.WaitAsync(StoreBench.Limit).GetAwaiter().GetResult())];
        }

        public StoreStatus Ask(Action<MetadataRequest> ask, long sizeBytes)
        {
            var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            using var request = new MetadataTestRequest([]) { LengthBytes = sizeBytes, WhenEnded = ended.SetResult };
            _bench.Run(() => ask(request));
            ended.Task.WaitAsync(StoreBench.Limit).GetAwaiter().GetResult();
            return request.Status;
        }

        public void Dispose()
        {
            _bench.Dispose();
            Loaded.Dispose();
        }
    }

    private sealed class OneWrite : PageWrite
    {
        private readonly TaskCompletionSource<StoreStatus> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public OneWrite(ReplicaPageKind kind, int peer, int index, byte[] content)
        {
            (Kind, Peer, Index, LengthBytes) = (kind, peer, index, content.Length);
            Content = (byte*)NativeMemory.Alloc((nuint)Math.Max(1, content.Length));
            content.CopyTo(new Span<byte>(Content, content.Length));
        }

        public Task<StoreStatus> Ended => _ended.Task;

        public override void OnEnded()
        {
            NativeMemory.Free(Content);
            _ended.SetResult(Status);
        }
    }
}
