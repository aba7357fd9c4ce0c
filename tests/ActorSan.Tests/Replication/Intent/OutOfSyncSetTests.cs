using ActorSan.Replication.Core.Frames;
using ActorSan.Replication.Core.Intent;
using ActorSan.Storage;
using CsCheck;
using Xunit;

namespace ActorSan.Tests.Replication.Intent;

/// <summary>The set against an array of booleans; its pages against what was last written of them.</summary>
public sealed class OutOfSyncSetTests
{
    private const int Granule = 4096;
    private const int PageGranules = 128;

    private static readonly Gen<(int Kind, int First, int Length, bool Exact)> Step = Gen.Select(Gen.Int[0, 9], Gen.Int[0, 399], Gen.Int[0, 300], Gen.Bool);

    [Fact]
    public void ItIsWhatAnArrayOfBooleansIs() =>
        Gen.Select(Gen.Int[0, 400 * Granule], Step.List[1, 60]).Sample(
            history =>
            {
                var set = new OutOfSyncSet(history.Item1, Granule, PageGranules);
                var model = new Model(history.Item1);
                foreach ((int kind, int first, int length, bool exact) in history.Item2)
                {
                    Apply(set, model, kind, first, length, exact);
                    model.Compare(set);
                }
            },
            iter: 1500);

    [Fact]
    public void APageThatNeedsNoWriteIsOnTheMediumAsItIs() =>
        Step.List[1, 80].Sample(
            history =>
            {
                const long Size = (400 * Granule) - 17;
                var set = new OutOfSyncSet(Size, Granule, PageGranules);
                var model = new Model(Size);
                var medium = new byte[set.PageCount][];
                var written = new byte[set.PageCount][];
                Array.Fill(medium, new byte[set.PageBytes]);
                foreach ((int kind, int first, int length, bool exact) in history)
                {
                    Apply(set, model, kind % 5, first, length, exact);
                    int page = first % set.PageCount;
                    if (kind > 5 && set.NextChangedPage(page) is >= 0 and int due)
                    {
                        written[due] = new byte[set.PageBytes];
                        set.BeginWrite(due, written[due]);
                    }
                    else if (written[page] is not null)
                    {
                        medium[page] = exact ? written[page] : medium[page];
                        set.EndWrite(page, durable: exact);
                        written[page] = null!;
                    }

                    Look();
                }

                void Look()
                {
                    int changed = 0;
                    var now = new byte[set.PageBytes];
                    for (int page = 0; page < set.PageCount; page++)
                    {
                        set.CopyPage(page, now);
                        bool due = set.NextChangedPage(page) == page;
                        long start = (long)page * PageGranules * Granule;
                        bool durable = set.IsDurable(new ByteRange(start, Math.Min(Size - start, PageGranules * Granule)));
                        Assert.True(due || written[page] is not null || now.AsSpan().SequenceEqual(medium[page]), "a change that nobody writes");
                        Assert.True(!durable || now.Zip(medium[page]).All(pair => (pair.First & ~pair.Second) == 0), "an added granule that is called durable and is not");
                        changed += due ? 1 : 0;
                    }

                    Assert.InRange(set.ChangedPages, changed, set.PageCount);
                }
            },
            iter: 1000);

    [Fact]
    public void PagesCarryTheSetToAnother() =>
        Step.List[1, 40].Sample(
            history =>
            {
                const long Size = 390 * Granule;
                var set = new OutOfSyncSet(Size, Granule, PageGranules);
                var model = new Model(Size);
                var other = new OutOfSyncSet(Size, Granule, PageGranules);
                foreach ((int kind, int first, int length, bool exact) in history)
                {
                    Apply(set, model, kind % 5, first, length, exact);
                }

                var page = new byte[set.PageBytes];
                for (int i = 0; i < set.PageCount; i++)
                {
                    set.CopyPage(i, page);
                    other.LoadPage(i, page);
                }

                model.Compare(other);
                Assert.Equal(0, other.ChangedPages);
            },
            iter: 500);

    [Fact]
    public void AnotherGranuleSizeMergesToWhatCoversIt() =>
        Gen.Select(Step.List[1, 30], Gen.Int[0, 3]).Sample(
            history =>
            {
                const long Size = (390 * Granule) + 100;
                var set = new OutOfSyncSet(Size, Granule, PageGranules);
                var model = new Model(Size);
                foreach ((int kind, int first, int length, bool exact) in history.Item1)
                {
                    Apply(set, model, kind % 4, first, length, exact);
                }

                var coarse = new OutOfSyncSet(Size, Granule << history.Item2, 64);
                coarse.Merge(set);
                for (int i = 0; i < model.Bits.Length; i++)
                {
                    Assert.True(!model.Bits[i] || coarse.Contains(Model.RangeOf(i, Size)));
                }

                var again = new OutOfSyncSet(Size, Granule, PageGranules);
                again.Merge(coarse);
                Assert.True(again.CountGranules >= set.CountGranules);
                Assert.True(again.CountGranules <= coarse.CountGranules << history.Item2);
            },
            iter: 300);

    [Fact]
    public void WhollyCostsNoMemory()
    {
        const long Size = 1L << 50;
        var set = new OutOfSyncSet(Size, pageGranules: OutOfSyncSet.DefaultPageGranules);
        long before = GC.GetAllocatedBytesForCurrentThread();
        set.AddAll();
        Assert.True(set.IsWhole);
        Assert.True(set.TryNext(0, long.MaxValue, out ByteRange all));
        Assert.Equal(new ByteRange(0, Size), all);
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 1 << 20);
        set.Remove(new ByteRange(5L << 40, 1 << 20));
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 1 << 20);
        Assert.Equal((Size >> 16) - 16, set.CountGranules);
    }

    [Fact]
    public void NothingIsAllocatedWhileGranulesComeAndGo()
    {
        var set = new OutOfSyncSet(1L << 40);
        var page = new byte[set.PageBytes];
        var allocation = new SteadyAllocation(200);
        for (int i = 0; i < 2000; i++)
        {
            long offset = i % 8 * (2L << 30);
            set.Add(new ByteRange(offset + 4096, 1 << 20));
            Assert.True(set.TryNext(0, 1 << 18, out ByteRange range));
            int due = set.NextChangedPage(0);
            set.BeginWrite(due, page);
            set.EndWrite(due, durable: true);
            set.Remove(new ByteRange(offset, 4 << 20));
            Assert.True(set.IsEmpty && range.LengthBytes == 1 << 18);
            allocation.Step();
        }

        Assert.Equal(0, allocation.LeastBytes);
    }

    // A page that was full ends where the volume did: grown, it is full no longer.
    [Fact]
    public void AVolumeThatGrowsKeepsWhatItLacks()
    {
        var set = new OutOfSyncSet((100 * Granule) + 5, Granule, PageGranules);
        set.AddAll();
        set.Grow(300 * Granule);
        Assert.Equal(101, set.CountGranules);
        Assert.True(set.Contains(new ByteRange(0, 101 * Granule)));
        Assert.False(set.Overlaps(new ByteRange(101 * Granule, 199 * Granule)));
        set.AddAll();
        Assert.True(set.IsWhole);
        Assert.Equal(3, set.PageCount);
    }

    [Fact]
    public void ARangeBeyondTheVolumeIsOurOwnBug()
    {
        var set = new OutOfSyncSet(1 << 20);
        Assert.Throws<InvariantViolationException>(() => set.Add(new ByteRange(1 << 20, 1)));
        Assert.Throws<InvariantViolationException>(() => set.Add(new ByteRange(1, long.MaxValue)));
        Assert.Throws<InvariantViolationException>(() => set.Remove(new ByteRange(-1, 1)));
    }

    private static void Apply(OutOfSyncSet set, Model model, int kind, int first, int length, bool exact)
    {
        if (kind == 8 && !exact)
        {
            // Rarely, for it changes everything.
            set.AddAll();
            model.Set(new ByteRange(0, model.Size), true);
            return;
        }

        long from = Math.Min(model.Size, ((long)first * Granule) + (exact ? 0 : first));
        long to = Math.Min(model.Size, from + ((long)length * Granule) + (exact ? 0 : length * 7));
        var range = new ByteRange(from, to - from);
        switch (kind)
        {
            case < 3:
                set.Add(range);
                model.Set(range, true);
                break;
            case < 6:
                set.Remove(range);
                model.Set(range, false);
                break;
            case 6:
                set.Grow(model.Size + to);
                model.Grow(model.Size + to);
                break;
            case 7 when set.PageCount > 0:
                int page = first % set.PageCount;
                set.AddPage(page);
                long start = (long)page * PageGranules * Granule;
                model.Set(new ByteRange(start, Math.Min(model.Size - start, PageGranules * Granule)), true);
                break;
            case 9 when length == 0:
                set.Clear();
                Array.Clear(model.Bits);
                break;
            default:
                break;
        }
    }

    private sealed class Model(long size)
    {
        public long Size { get; private set; } = size;

        public bool[] Bits { get; private set; } = new bool[(size + Granule - 1) / Granule];

        public static ByteRange RangeOf(int granule, long size) => new((long)granule * Granule, Math.Min(size, (granule + 1L) * Granule) - ((long)granule * Granule));

        public void Grow(long to)
        {
            Size = to;
            bool[] bits = Bits;
            Array.Resize(ref bits, (int)((to + Granule - 1) / Granule));
            Bits = bits;
        }

        public void Set(ByteRange range, bool present)
        {
            for (int i = 0; i < Bits.Length; i++)
            {
                ByteRange granule = RangeOf(i, Size);
                if (present ? range.LengthBytes > 0 && granule.Overlaps(range) : granule.OffsetBytes >= range.OffsetBytes && granule.EndBytes <= range.EndBytes)
                {
                    Bits[i] = present;
                }
            }
        }

        public void Compare(OutOfSyncSet set)
        {
            Assert.Equal(Bits.Count(bit => bit), set.CountGranules);
            Assert.Equal(Bits.All(bit => bit), set.IsWhole);
            foreach (int maxGranules in (int[])[1, 7, 100_000])
            {
                var found = new bool[Bits.Length];
                long end = -1;
                for (long at = 0; set.TryNext(at, maxGranules * Granule, out ByteRange range); at = range.EndBytes)
                {
                    Assert.True(range.OffsetBytes >= at && range.LengthBytes > 0 && range.LengthBytes <= maxGranules * Granule && range.EndBytes <= Size);
                    Assert.True(maxGranules < 100_000 || range.OffsetBytes > end, "neighbours that were not taken together");
                    end = range.EndBytes;
                    Array.Fill(found, true, (int)(range.OffsetBytes / Granule), (int)((range.LengthBytes + Granule - 1) / Granule));
                }

                Assert.Equal(Bits, found);
            }

            for (int i = 0; i < Bits.Length; i += 13)
            {
                ByteRange one = RangeOf(i, Size);
                Assert.Equal(Bits[i], set.Overlaps(one));
                Assert.Equal(Bits[i], set.Contains(one));
                var some = new ByteRange(one.OffsetBytes, Math.Min(Size - one.OffsetBytes, 50L * Granule));
                bool[] part = Bits[i..Math.Min(Bits.Length, i + 50)];
                Assert.Equal(part.Any(bit => bit), set.Overlaps(some));
                Assert.Equal(part.All(bit => bit), set.Contains(some));
            }
        }
    }
}
