using ActorSan.Storage.Blocks;
using ActorSan.Storage.Metadata;
using ActorSan.Storage.Stores;
using Xunit;

namespace ActorSan.Tests.Storage.Metadata;

/// <summary>The power goes at every step of every operation, and keeps any part of what was being written: the value before or the value after is there, and nothing else.</summary>
public sealed class PowerLossTests
{
    private static readonly VolumeAttribute[] Attributes = [VolumeAttribute.Reservations, VolumeAttribute.ModePages, VolumeAttribute.Sanitize];

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public void AFormatIsThereWholeOrIsSeenAsNone(bool file, bool encrypted)
    {
        FormatRequest request = encrypted ? Known.Encrypted : Known.Request;
        var medium = new Medium(file ? 0 : Known.StoreBytes, file);
        int begun = 0;
        int whole = 0;
        medium.BeforeDurable = () =>
        {
            foreach (byte[] left in medium.PowerLosses())
            {
                bool empty = !left.AsSpan().ContainsAnyExcept((byte)0);
                (VolumeMetadata? loaded, StoreException? fault) = Known.TryLoad(Medium.Holding(left, file), encrypted ? Known.NodeKey : null);
                if (loaded is not null)
                {
                    whole++;
                    Assert.Equal(Known.VolumeId, loaded.Superblock.VolumeId);
                    Assert.True(loaded.Report.WasClean);
                    Assert.Empty(loaded.Report.SuspectPages);
                    continue;
                }

                begun++;
                Assert.True(fault!.Fault is StoreFault.Unformatted or StoreFault.Damaged, fault.Message);
                (StoreFault? again, _) = FaultOf(() => VolumeFormat.Format(Medium.Holding(left, file).Open(), request));
                Assert.Equal(empty ? null : StoreFault.NotEmpty, again);
            }
        };
        VolumeFormat.Format(medium.Open(), request);
        Assert.True(begun > 100 && whole > 10, $"{begun} cut short, {whole} whole");
    }

    [Fact]
    public void AForcedFormatOverAVolumeIsNeverTheOldVolumeWithNewBytes()
    {
        Medium medium = Known.Formatted();
        byte[] before = (byte[])medium.Bytes.Clone();
        var second = Guid.NewGuid();
        medium.BeforeDurable = () =>
        {
            foreach (byte[] left in medium.PowerLosses())
            {
                bool untouched = left.AsSpan(2 * Superblock.SlotBytes).SequenceEqual(before.AsSpan(2 * Superblock.SlotBytes));
                (VolumeMetadata? loaded, _) = Known.TryLoad(Medium.Holding(left));
                Assert.True(loaded is null || loaded.Superblock.VolumeId == second || untouched);
            }
        };
        VolumeFormat.Format(medium.Open(), Known.Request with { VolumeId = second, Force = true });
        medium.BeforeDurable = null;
        Assert.Equal(second, Known.TryLoad(medium).Loaded!.Superblock.VolumeId);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(4032)]
    [InlineData(4033)]
    [InlineData(20_000)]
    [InlineData(128 << 10)]
    public void AnAttributeIsTheOldOrTheNew(int length)
    {
        Medium medium = Known.Formatted();
        IVolumeMetadata metadata = Known.Attached(medium, out _);
        byte[] before = [];
        foreach (int version in (int[])[1, 2, 3])
        {
            foreach (VolumeAttribute attribute in Attributes)
            {
                byte[] after = Bytes(length, version + (10 * (int)attribute));
                byte[] old = before.Length == 0 ? [] : Bytes(before.Length, version - 1 + (10 * (int)attribute));
                int cuts = 0;
                medium.BeforeDurable = () =>
                {
                    foreach (byte[] left in medium.PowerLosses())
                    {
                        cuts++;
                        IVolumeMetadata reopened = Known.Attached(Medium.Holding(left), out _);
                        byte[] found = reopened.GetAttribute(attribute).ToArray();
                        Assert.True(found.AsSpan().SequenceEqual(old) || found.AsSpan().SequenceEqual(after), $"neither the old nor the new bytes ({found.Length})");
                    }
                };
                Set(metadata, attribute, after);
                medium.BeforeDurable = null;
                Assert.True(cuts >= 8);
                Assert.Equal(after, metadata.GetAttribute(attribute).ToArray());
                Assert.Equal(after, Known.Attached(medium.Copy(), out _).GetAttribute(attribute).ToArray());
            }

            before = new byte[length];
        }
    }

    [Fact]
    public void TheCleanMarkIsNeverThereOnceItsRemovalWasAnswered()
    {
        Medium medium = Known.Formatted();
        IVolumeMetadata metadata = Known.Attached(medium, out _);
        bool? certainly = true;
        medium.BeforeDurable = () =>
        {
            foreach (byte[] left in medium.PowerLosses())
            {
                VolumeMetadata loaded = Known.TryLoad(Medium.Holding(left)).Loaded!;
                Assert.True(loaded.Report.OpenCount == 2);
                if (loaded.Report.WasClean)
                {
                    Assert.NotEqual(false, certainly);
                }
            }
        };
        for (int i = 0; i < 4; i++)
        {
            Run(metadata.MarkDirty);
            certainly = false;
            Assert.False(Known.TryLoad(medium.Copy()).Loaded!.Report.WasClean);
            int writes = medium.Writes;
            Run(metadata.MarkDirty);
            Assert.Equal(writes, medium.Writes);
            certainly = null;
            Run(metadata.MarkClean);
            certainly = true;
            Assert.True(Known.TryLoad(medium.Copy()).Loaded!.Report.WasClean);
        }
    }

    [Theory]
    [InlineData(512, 0)]
    [InlineData(4096, 1)]
    [InlineData(40_960, 0)]
    [InlineData(64 << 10, 1)]
    public void ARedoSlotIsWholeOrEmptyAndReplayMayBeCutAnywhere(int length, int firstToEnd)
    {
        Medium medium = Known.Formatted();
        IVolumeMetadata metadata = Known.Attached(medium, out MediumStore store);
        byte[] old = medium.Bytes.AsSpan((int)metadata.DataOffsetBytes, length).ToArray();
        byte[] given = Bytes(length, 7);
        bool answered = false;
        bool cleared = false;
        int replays = 0;
        medium.BeforeDurable = () =>
        {
            foreach (byte[] left in medium.PowerLosses())
            {
                // Where it was answered, its place may be torn: whatever is there, the write is put into it whole.
                if (answered && !cleared)
                {
                    left.AsSpan((int)metadata.DataOffsetBytes, 512).Fill(0xEE);
                }

                Medium again = Medium.Holding(left);
                VolumeMetadata loaded = Known.TryLoad(again).Loaded!;
                ReadOnlySpan<byte> place = again.Bytes.AsSpan((int)metadata.DataOffsetBytes, length);
                bool replayed = loaded.Report.Replayed.Count > 0;
                replays += replayed ? 1 : 0;
                Assert.True(place.SequenceEqual(replayed ? given : cleared ? given : old), "neither the old bytes nor the new");
                Assert.True(!answered || replayed || cleared, "an answered write was not replayed");

                // Opened again, nothing is left to do.
                Assert.Empty(Known.TryLoad(again).Loaded!.Report.Replayed);
                Assert.True(again.Bytes.AsSpan((int)metadata.DataOffsetBytes, length).SequenceEqual(replayed || cleared ? given : old));
            }
        };

        medium.HoldsBack = true;
        using var write = new TestRequest(given) { Slot = 2, OffsetBytes = 0 };
        metadata.WriteRedo(write);
        Assert.Equal(2, store.WaitingCount);
        store.EndOne(firstToEnd);
        Assert.Equal(0, write.Ended);
        store.EndOne(0);
        Assert.Equal((1, StoreStatus.Success), (write.Ended, write.Status));
        answered = true;

        // Replay itself is cut: the next one does it again.
        Medium halfway = medium.Copy();
        halfway.BeforeDurable = () =>
        {
            foreach (byte[] left in halfway.PowerLosses())
            {
                Medium again = Medium.Holding(left);
                Assert.NotNull(Known.TryLoad(again).Loaded);
                Assert.True(again.Bytes.AsSpan((int)metadata.DataOffsetBytes, length).SequenceEqual(given), "a replay that was cut lost the write");
            }
        };
        Assert.Equal([new ReplayedWrite(2, 0, length)], Known.TryLoad(halfway).Loaded!.Report.Replayed);

        new MediumHandle(medium).WriteAt(metadata.DataOffsetBytes, given);
        cleared = true;
        using var clear = new TestRequest([]) { Slot = 2 };
        metadata.ClearRedo(clear);
        store.EndOne(0);
        Assert.Equal((1, StoreStatus.Success), (clear.Ended, clear.Status));
        Assert.Empty(Known.TryLoad(medium.Copy()).Loaded!.Report.Replayed);
        Assert.True(replays > 4);
    }

    // A write that never got there whole is forgotten for good: its missing bytes must not come with a later write of the same bytes to another place.
    [Fact]
    public void AnUnfinishedRedoSlotIsEmptiedAtOpening()
    {
        Medium medium = Known.Formatted();
        IVolumeMetadata metadata = Known.Attached(medium, out _);
        using var write = new TestRequest(Bytes(8192, 3)) { Slot = 0, OffsetBytes = 4096 };
        metadata.WriteRedo(write);
        MetadataRegion redo = Known.TryLoad(Known.Formatted()).Loaded!.Superblock.Region(MetadataRegionKind.RedoSlots);
        byte[] missing = medium.Bytes.AsSpan((int)redo.OffsetBytes + 8192, 512).ToArray();
        medium.Bytes.AsSpan((int)redo.OffsetBytes + 8192, 512).Clear();

        VolumeMetadata loaded = Known.TryLoad(medium).Loaded!;
        Assert.Equal([0], loaded.Report.UnfinishedRedo);
        Assert.Empty(loaded.Report.Replayed);
        missing.CopyTo(medium.Bytes, redo.OffsetBytes + 8192);
        loaded = Known.TryLoad(medium).Loaded!;
        Assert.Empty(loaded.Report.Replayed);
        Assert.Empty(loaded.Report.UnfinishedRedo);
    }

    [Fact]
    public void ACryptoEraseIsDoneOrNotAndLeavesNoCopyOfTheOldKey()
    {
        Medium medium = Known.Formatted(Known.Encrypted);
        IVolumeMetadata metadata = Known.Attached(medium, out _, Known.NodeKey);
        byte[] oldKey = metadata.DataKey.ToArray();
        byte[] wrapped = medium.Bytes.AsSpan(KeyPageAt(medium) + PageSlot.HeaderBytes + 12, 92).ToArray();
        Assert.Equal(2, Count(medium.Bytes, wrapped));
        var found = new HashSet<string>(StringComparer.Ordinal);
        medium.BeforeDurable = () =>
        {
            foreach (byte[] left in medium.PowerLosses())
            {
                Medium again = Medium.Holding(left);
                VolumeMetadata loaded = Known.TryLoad(again, Known.NodeKey).Loaded!;
                byte[] key = loaded.Attach(new MediumStore(again)).DataKey.ToArray();
                found.Add(Convert.ToHexString(key));

                // Whichever it is, no copy of another remains.
                Assert.Equal(key.AsSpan().SequenceEqual(oldKey) ? 2 : 0, Count(again.Bytes, wrapped));
                Assert.Equal(key, Known.TryLoad(again, Known.NodeKey).Loaded!.Attach(new MediumStore(again)).DataKey.ToArray());
            }
        };
        Run(metadata.ReplaceDataKey);
        medium.BeforeDurable = null;
        byte[] newKey = metadata.DataKey.ToArray();
        Assert.NotEqual(oldKey, newKey);
        Assert.Equal([Convert.ToHexString(oldKey), Convert.ToHexString(newKey)], found);
        Assert.Equal(0, Count(medium.Bytes, wrapped));
        Assert.Equal(newKey, Known.Attached(medium.Copy(), out _, Known.NodeKey).DataKey.ToArray());
    }

    [Fact]
    public void OpeningItselfMayBeCutAnywhere()
    {
        Medium medium = Known.Formatted(Known.Encrypted);
        IVolumeMetadata metadata = Known.Attached(medium, out _, Known.NodeKey);
        Run(metadata.MarkDirty);
        Set(metadata, VolumeAttribute.ModePages, Bytes(100, 1));
        using var first = new TestRequest(Bytes(4096, 2)) { Slot = 0, OffsetBytes = 4096 };
        using var second = new TestRequest(Bytes(8192, 3)) { Slot = 1, OffsetBytes = 16384 };
        metadata.WriteRedo(second);
        metadata.WriteRedo(first);
        int cuts = 0;
        medium.BeforeDurable = () =>
        {
            foreach (byte[] left in medium.PowerLosses())
            {
                cuts++;
                Medium again = Medium.Holding(left);
                VolumeMetadata loaded = Known.TryLoad(again, Known.NodeKey).Loaded!;
                Assert.False(loaded.Report.WasClean);
                Assert.Equal(Bytes(100, 1), loaded.Attach(new MediumStore(again)).GetAttribute(VolumeAttribute.ModePages).ToArray());
                Assert.Equal(Bytes(4096, 2), again.Bytes.AsSpan((int)metadata.DataOffsetBytes + 4096, 4096).ToArray());
                Assert.Equal(Bytes(8192, 3), again.Bytes.AsSpan((int)metadata.DataOffsetBytes + 16384, 8192).ToArray());
            }
        };
        LoadReport report = Known.TryLoad(medium, Known.NodeKey).Loaded!.Report;
        Assert.Equal([1, 0], report.Replayed.Select(write => write.Slot));
        Assert.True(cuts > 50);
    }

    internal static byte[] Bytes(int length, int seed)
    {
        var bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    internal static void Set(IVolumeMetadata metadata, VolumeAttribute attribute, byte[] bytes)
    {
        using var request = new TestRequest(bytes) { Attribute = attribute };
        metadata.SetAttribute(request);
        Assert.Equal((1, StoreStatus.Success), (request.Ended, request.Status));
    }

    internal static void Run(Action<MetadataRequest> operation)
    {
        using var request = new TestRequest([]);
        operation(request);
        Assert.Equal((1, StoreStatus.Success), (request.Ended, request.Status));
    }

    internal static int KeyPageAt(Medium medium) =>
        Superblock.TryRead(medium.Bytes.AsSpan(0, Superblock.SlotBytes), out Superblock? superblock, out _) == SlotState.Valid
            ? (int)AreaReader.PageOffset(superblock!, MetadataPage.Key, out _)
            : throw new InvalidOperationException("no superblock");

    private static (StoreFault? Fault, string Message) FaultOf(Action action)
    {
        try
        {
            action();
            return (null, "");
        }
        catch (StoreException fault)
        {
            return (fault.Fault, fault.Message);
        }
    }

    private static int Count(ReadOnlySpan<byte> where, ReadOnlySpan<byte> what)
    {
        int count = 0;
        for (int at; (at = where.IndexOf(what)) >= 0; where = where[(at + 1)..])
        {
            count++;
        }

        return count;
    }
}
