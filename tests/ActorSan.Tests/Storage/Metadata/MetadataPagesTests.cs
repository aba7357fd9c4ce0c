using ActorSan.Storage.Metadata;
using ActorSan.Storage.Stores;
using Xunit;

namespace ActorSan.Tests.Storage.Metadata;

/// <summary>The pages that replication adds: the value before or the value after, and what cannot be told is said.</summary>
public sealed unsafe class MetadataPagesTests
{
    public static TheoryData<MetadataPageKind, int, int> Places { get; } = new()
    {
        { MetadataPageKind.Replica, 0, 100 },
        { MetadataPageKind.Configuration, 0, 5000 },
        { MetadataPageKind.Configuration, 0, (64 << 10) - 64 },
        { MetadataPageKind.WriteIntent, 0, 4032 },
        { MetadataPageKind.OutOfSync, 0, 4032 },
        { MetadataPageKind.OutOfSync, 2, 1 },
    };

    [Fact]
    public void AStoreThatNeverHadThemReadsBlank()
    {
        IMetadataPages pages = Attached(Known.Formatted(), out _);
        Assert.Equal(3, pages.PeerCount);
        foreach (MetadataPageKind kind in Enum.GetValues<MetadataPageKind>())
        {
            Assert.Equal(1, pages.PageCount(kind));
            Assert.Equal(kind == MetadataPageKind.Configuration ? (64 << 10) - 64 : 4032, pages.PageContentBytes(kind));
            Assert.True(pages.LoadedPage(kind, 0, 0, out MetadataPageHealth health).IsEmpty);
            Assert.Equal(MetadataPageHealth.Blank, health);
        }
    }

    [Theory]
    [MemberData(nameof(Places))]
    public void ThePowerGoesAtEveryStepOfEveryWrite(MetadataPageKind kind, int peer, int length)
    {
        Medium medium = Known.Formatted();
        IMetadataPages pages = Attached(medium, out _);
        byte[] before = [];
        for (int version = 1; version <= 5; version++)
        {
            byte[] after = PowerLossTests.Bytes(length, version);
            var seen = new Dictionary<(MetadataPageHealth, bool), int>();
            medium.BeforeDurable = () =>
            {
                foreach (byte[] left in medium.PowerLosses())
                {
                    byte[] found = Read(Medium.Holding(left), kind, peer, 0, out MetadataPageHealth health);
                    bool isAfter = found.AsSpan().SequenceEqual(after);
                    Assert.True(isAfter || found.AsSpan().SequenceEqual(before), "neither the value before nor the value after");
                    Assert.True(health != MetadataPageHealth.Blank || version == 1);
                    Assert.True(!isAfter || health == MetadataPageHealth.Sound);
                    seen[(health, isAfter)] = seen.GetValueOrDefault((health, isAfter)) + 1;
                }
            };
            Write(pages, kind, peer, 0, after);
            medium.BeforeDurable = null;
            Assert.True(seen.ContainsKey((MetadataPageHealth.Sound, true)));
            Assert.True(seen.ContainsKey((version == 1 ? MetadataPageHealth.Blank : MetadataPageHealth.Sound, false)));
            Assert.Equal(after, Read(medium.Copy(), kind, peer, 0, out MetadataPageHealth now));
            Assert.Equal(MetadataPageHealth.Sound, now);
            before = after;
        }

        // What other pages are is no part of it.
        foreach (MetadataPageKind other in Enum.GetValues<MetadataPageKind>().Where(other => other != kind))
        {
            Assert.Empty(Read(medium.Copy(), other, 0, 0, out MetadataPageHealth health));
            Assert.Equal(MetadataPageHealth.Blank, health);
        }
    }

    [Theory]
    [MemberData(nameof(Places))]
    public void OneDamagedSlotIsDoubtBothAreRefused(MetadataPageKind kind, int peer, int length)
    {
        for (int writes = 1; writes <= 4; writes++)
        {
            Medium medium = Known.Formatted();
            IMetadataPages pages = Attached(medium, out MediumStore store);
            for (int version = 1; version <= writes; version++)
            {
                Write(pages, kind, peer, 0, PowerLossTests.Bytes(length, version));
            }

            (long first, long second) = SlotsOf(medium, kind, peer);
            foreach (bool unreadable in (bool[])[false, true])
            {
                Medium one = Damaged(medium, unreadable, first);
                byte[] found = Read(one, kind, peer, 0, out MetadataPageHealth health);
                Assert.Equal(MetadataPageHealth.Doubtful, health);
                Assert.Equal(writes == 1 ? [] : PowerLossTests.Bytes(length, writes % 2 == 0 ? writes : writes - 1), found);

                // The next write makes it whole again, and what it read meanwhile stays readable.
                if (!unreadable)
                {
                    Write(Attached(one, out _), kind, peer, 0, PowerLossTests.Bytes(length, 9));
                    Write(Attached(one, out _), kind, peer, 0, PowerLossTests.Bytes(length, 10));
                    Assert.Equal(PowerLossTests.Bytes(length, 10), Read(one, kind, peer, 0, out health));
                    Assert.Equal(MetadataPageHealth.Sound, health);
                }

                if (writes == 1)
                {
                    continue;
                }

                found = Read(Damaged(medium, unreadable, second), kind, peer, 0, out health);
                Assert.Equal(MetadataPageHealth.Doubtful, health);
                Assert.Equal(PowerLossTests.Bytes(length, writes % 2 == 1 ? writes : writes - 1), found);

                (VolumeMetadata? loaded, StoreException? fault) = TryLoad(Damaged(medium, unreadable, first, second));
                Assert.Null(loaded);
                Assert.Equal(StoreFault.Damaged, fault!.Fault);
                Assert.Contains("both slots of its", fault.Message, StringComparison.Ordinal);

                // Who is no replica does not ask.
                Assert.NotNull(Known.TryLoad(Damaged(medium, unreadable, first, second)).Loaded);
            }
        }
    }

    // A medium that loses a write whole, and answers it, leaves a slot that is older than it can be.
    [Fact]
    public void AWriteThatTheMediumForgotIsSeen()
    {
        Medium medium = Known.Formatted();
        IMetadataPages pages = Attached(medium, out _);
        Write(pages, MetadataPageKind.WriteIntent, 0, 0, [1]);
        Write(pages, MetadataPageKind.WriteIntent, 0, 0, [2]);
        (_, long second) = SlotsOf(medium, MetadataPageKind.WriteIntent, 0);
        byte[] old = medium.Bytes.AsSpan((int)second, 4096).ToArray();
        Write(pages, MetadataPageKind.WriteIntent, 0, 0, [3]);
        Write(pages, MetadataPageKind.WriteIntent, 0, 0, [4]);
        Write(pages, MetadataPageKind.WriteIntent, 0, 0, [5]);
        old.CopyTo(medium.Bytes, second);
        Assert.Equal([5], Read(medium, MetadataPageKind.WriteIntent, 0, 0, out MetadataPageHealth health));
        Assert.Equal(MetadataPageHealth.Doubtful, health);
        medium.Bytes.AsSpan((int)second, 4096).Clear();
        Assert.Equal([5], Read(medium, MetadataPageKind.WriteIntent, 0, 0, out health));
        Assert.Equal(MetadataPageHealth.Doubtful, health);
    }

    [Fact]
    public void APageInAnothersPlaceIsNotTakenForIt()
    {
        Medium medium = Known.Formatted();
        Write(Attached(medium, out _), MetadataPageKind.OutOfSync, 1, 0, [1, 2, 3]);
        long from = SlotsOf(medium, MetadataPageKind.OutOfSync, 1).First;
        long to = SlotsOf(medium, MetadataPageKind.OutOfSync, 2).First;
        medium.Bytes.AsSpan((int)from, 4096).CopyTo(medium.Bytes.AsSpan((int)to));
        Assert.Empty(Read(medium, MetadataPageKind.OutOfSync, 2, 0, out MetadataPageHealth health));
        Assert.Equal(MetadataPageHealth.Doubtful, health);
    }

    [Fact]
    public void WritesOfOnePageTakeEffectInTheirOrderAndAFailedOneRisksNothing()
    {
        Medium medium = Known.Formatted();
        IMetadataPages pages = Attached(medium, out MediumStore store);
        medium.HoldsBack = true;
        using var first = new PageRequest(PowerLossTests.Bytes(4032, 1));
        using var second = new PageRequest(PowerLossTests.Bytes(4032, 2));
        using var third = new PageRequest(PowerLossTests.Bytes(4032, 3));
        using var other = new PageRequest(PowerLossTests.Bytes(4032, 9)) { Kind = MetadataPageKind.OutOfSync };
        pages.WritePage(first);
        pages.WritePage(second);
        pages.WritePage(other);
        Assert.Equal(2, store.WaitingCount);
        store.EndOne(1);
        Assert.Equal((0, 1), (first.Ended, other.Ended));
        store.EndOne(0);
        Assert.Equal((1, 0), (first.Ended, second.Ended));
        medium.Faults.Enqueue((StoreStatus.WriteError, 3));
        store.EndOne(0);
        Assert.Equal((1, StoreStatus.WriteError), (second.Ended, second.Status));
        Assert.Equal(PowerLossTests.Bytes(4032, 1), Read(medium.Copy(), MetadataPageKind.WriteIntent, 0, 0, out MetadataPageHealth health));
        Assert.Equal(MetadataPageHealth.Doubtful, health);
        pages.WritePage(third);
        store.EndOne(0);
        Assert.Equal((1, StoreStatus.Success), (third.Ended, third.Status));
        Assert.Equal(PowerLossTests.Bytes(4032, 3), Read(medium.Copy(), MetadataPageKind.WriteIntent, 0, 0, out health));
        Assert.Equal(MetadataPageHealth.Sound, health);
    }

    [Fact]
    public void ALargeAreaTakesMemoryForWhatIsInUseAlone()
    {
        FormatRequest request = Known.Request with { GrowLimitBytes = 4L << 40 };
        var medium = new Medium(80 << 20);
        VolumeFormat.Format(medium.Open(), request);
        IMetadataPages pages = Attached(medium, out _);
        Assert.Equal(2115, pages.PageCount(MetadataPageKind.OutOfSync));
        foreach (int index in (int[])[0, 127, 128, 2000, 2114])
        {
            Write(pages, MetadataPageKind.OutOfSync, 1, index, PowerLossTests.Bytes(4032, index));
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        pages = Attached(medium, out _);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 1, 400 << 10);
        foreach (int index in (int[])[0, 127, 128, 2000, 2114])
        {
            Assert.Equal(PowerLossTests.Bytes(4032, index), pages.LoadedPage(MetadataPageKind.OutOfSync, 1, index, out MetadataPageHealth health).ToArray());
            Assert.Equal(MetadataPageHealth.Sound, health);
        }

        Assert.True(pages.LoadedPage(MetadataPageKind.OutOfSync, 1, 126, out MetadataPageHealth blank).IsEmpty);
        Assert.Equal(MetadataPageHealth.Blank, blank);
        pages.ReleaseLoaded();
        Assert.True(pages.LoadedPage(MetadataPageKind.OutOfSync, 1, 0, out _).IsEmpty);
    }

    [Fact]
    public void WritingAllocatesNothing()
    {
        IMetadataPages pages = Attached(Known.Formatted(), out _, new EndingPageStore());
        using var request = new PageRequest(new byte[4032]);
        var allocation = new SteadyAllocation(200);
        for (int i = 0; i < 2000; i++)
        {
            pages.WritePage(request);
            allocation.Step();
        }

        Assert.Equal(0, allocation.LeastBytes);
        Assert.Equal(2000, request.Ended);
    }

    [Fact]
    public void AStoreForReadingOnlyIsNotWritten()
    {
        Medium medium = Known.Formatted();
        medium.ReadOnly = true;
        using var request = new PageRequest([1]);
        Attached(medium, out _).WritePage(request);
        Assert.Equal((1, StoreStatus.ReadOnly), (request.Ended, request.Status));
    }

    private static IMetadataPages Attached(Medium medium, out MediumStore store, IStore? other = null)
    {
        store = new MediumStore(medium);
        return VolumeMetadata.Load(medium.Open(), new VolumeExpectation(), null, replicated: true).AttachPages(other ?? store);
    }

    private static (VolumeMetadata? Loaded, StoreException? Fault) TryLoad(Medium medium)
    {
        try
        {
            return (VolumeMetadata.Load(medium.Open(), new VolumeExpectation(), null, replicated: true), null);
        }
        catch (StoreException fault)
        {
            return (null, fault);
        }
    }

    private static byte[] Read(Medium medium, MetadataPageKind kind, int peer, int index, out MetadataPageHealth health) =>
        Attached(medium, out _).LoadedPage(kind, peer, index, out health).ToArray();

    private static void Write(IMetadataPages pages, MetadataPageKind kind, int peer, int index, byte[] bytes)
    {
        using var request = new PageRequest(bytes) { Kind = kind, Peer = peer, Index = index };
        pages.WritePage(request);
        Assert.Equal((1, StoreStatus.Success), (request.Ended, request.Status));
    }

    private static (long First, long Second) SlotsOf(Medium medium, MetadataPageKind kind, int peer)
    {
        PageArea area = new LoadedPages(Known.TryLoad(medium.Copy()).Loaded!.Superblock).Of(kind, peer);
        return (area.OffsetOf(0, 0), area.OffsetOf(0, 1));
    }

    private static Medium Damaged(Medium medium, bool unreadable, params long[] slots)
    {
        Medium copy = medium.Copy();
        foreach (long slot in slots)
        {
            if (unreadable)
            {
                _ = copy.BadSectors.Add(slot / 512);
            }
            else
            {
                copy.Bytes[slot + PageSlot.HeaderBytes] ^= 0x10;
            }
        }

        return copy;
    }

    private sealed class PageRequest : MetadataPageWrite, IDisposable
    {
        private readonly byte* _memory;

        public PageRequest(byte[] bytes)
        {
            _memory = (byte*)System.Runtime.InteropServices.NativeMemory.Alloc((nuint)Math.Max(1, bytes.Length));
            bytes.CopyTo(new Span<byte>(_memory, bytes.Length));
            Content = _memory;
            LengthBytes = bytes.Length;
            Kind = MetadataPageKind.WriteIntent;
        }

        public int Ended { get; private set; }

        public void Dispose() => System.Runtime.InteropServices.NativeMemory.Free(_memory);

        protected internal override void OnEnded() => Ended++;
    }

    /// <summary>Ends every write within its call and keeps nothing.</summary>
    private sealed class EndingPageStore : IStore
    {
        public ActorSan.Storage.Threads.IoThread Home => throw new NotSupportedException();

        public StoreTraits Traits { get; } = new(Known.StoreBytes, 512, 4096, VolatileCache: true, ReadOnly: false, Rotational: false);

        public string Description => "ending";

        public void Read(StoreRequest request) => throw new NotSupportedException();

        public void Write(StoreRequest request) => request.End(StoreStatus.Success);

        public void Zero(StoreRequest request) => throw new NotSupportedException();

        public void Provision(StoreRequest request) => throw new NotSupportedException();

        public void Flush(StoreRequest request) => throw new NotSupportedException();

        public void MapStatus(StoreRequest request) => throw new NotSupportedException();

        public void Close(ActorSan.Storage.Threads.IoMessage? closed) => closed?.Run();
    }
}
