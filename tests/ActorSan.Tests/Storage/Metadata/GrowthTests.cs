using ActorSan.Storage;
using ActorSan.Storage.Metadata;
using ActorSan.Storage.Stores;
using Xunit;

namespace ActorSan.Tests.Storage.Metadata;

/// <summary>An open store becomes larger: wherever it is cut, it opens with the former or with the new size, and has the space for it.</summary>
public sealed class GrowthTests
{
    private const long Limit = 1 << 20;
    private const long Larger = 256 << 10;

    [Fact]
    public void ThePowerGoesAtEveryStepOfAGrowth()
    {
        Medium medium = Known.Formatted();
        IVolumeMetadata metadata = Known.Attached(medium, out _);
        long before = Known.VolumeBytes;
        foreach (long after in (long[])[Larger, Larger + 512, Limit])
        {
            Assert.Equal(StoreStatus.Success, Ask(metadata.Extend, after));
            Assert.Equal(before, metadata.Geometry.SizeBytes);
            var seen = new Dictionary<long, int>();
            medium.BeforeDurable = () =>
            {
                foreach (byte[] left in medium.PowerLosses())
                {
                    (VolumeMetadata? loaded, StoreException? fault) = Known.TryLoad(Medium.Holding(left));
                    Assert.True(loaded is not null, fault?.Message);
                    long size = loaded.Superblock.Geometry.SizeBytes;
                    Assert.True(size == before || size == after);
                    Assert.True(left.Length >= loaded.Superblock.EndBytes);
                    seen[size] = seen.GetValueOrDefault(size) + 1;
                }
            };
            Assert.Equal(StoreStatus.Success, Ask(metadata.SetSize, after));
            medium.BeforeDurable = null;
            Assert.Equal([before, after], seen.Keys.Order());
            Assert.Equal(after, metadata.Geometry.SizeBytes);

            VolumeMetadata now = Known.TryLoad(medium.Copy()).Loaded!;
            Assert.Equal((after, false), (now.Superblock.Geometry.SizeBytes, now.Report.SuperblockRepaired));
            foreach (int slot in (int[])[0, Superblock.SlotBytes])
            {
                Medium damaged = medium.Copy();
                damaged.Bytes.AsSpan(slot + 100, 512).Fill(0xA5);
                now = Known.TryLoad(damaged).Loaded!;
                Assert.Equal((after, true), (now.Superblock.Geometry.SizeBytes, now.Report.SuperblockRepaired));
            }

            before = after;
        }
    }

    /// <summary>All that a slot says is in its first sector, so that it is torn only within it.</summary>
    [Theory]
    [InlineData(0, 0, Known.VolumeBytes)]
    [InlineData(0, 1, Larger)]
    [InlineData(0, 8, Larger)]
    [InlineData(1, 0, Larger)]
    [InlineData(1, 1, Larger)]
    [InlineData(1, 8, Larger)]
    public void AfterAFailedWriteNothingMoreIsChangedAndTheNextOpeningFindsOut(int good, int sectors, long found)
    {
        Medium medium = Known.Formatted();
        IVolumeMetadata metadata = Known.Attached(medium, out _);
        Assert.Equal(StoreStatus.Success, Ask(metadata.Extend, Larger));
        for (int i = 0; i < good; i++)
        {
            medium.Faults.Enqueue((StoreStatus.Success, 8));
        }

        medium.Faults.Enqueue((StoreStatus.WriteError, sectors));
        Assert.Equal(StoreStatus.WriteError, Ask(metadata.SetSize, Larger));
        Assert.Equal(Known.VolumeBytes, metadata.Geometry.SizeBytes);
        int writes = medium.Writes;
        Assert.Equal(StoreStatus.WriteError, Ask(metadata.SetSize, Larger));
        Assert.Equal(writes, medium.Writes);
        Assert.Equal(found, Known.TryLoad(medium.Copy()).Loaded!.Superblock.Geometry.SizeBytes);
    }

    [Fact]
    public void BeyondTheLimitPartsOfBlocksAndWithoutRoomNothingIsDone()
    {
        Medium medium = Known.Formatted(Known.Request with { LogicalBlockBytes = 4096, PhysicalBlockBytes = 4096 });
        IVolumeMetadata metadata = Known.Attached(medium, out _);
        Assert.Equal(Limit, metadata.GrowLimitBytes);
        int writes = medium.Writes;
        int bytes = medium.SizeBytes;
        Assert.Equal(StoreStatus.NoSpace, Ask(metadata.Extend, Limit + 4096));
        Assert.Equal(StoreStatus.NoSpace, Ask(metadata.Extend, Larger + 512));
        medium.RoomBytes = bytes;
        Assert.Equal(StoreStatus.NoSpace, Ask(metadata.Extend, Larger));
        Assert.Equal((writes, bytes, (long)Known.VolumeBytes), (medium.Writes, medium.SizeBytes, metadata.Geometry.SizeBytes));

        // What it has already is no growth.
        Assert.Equal(StoreStatus.Success, Ask(metadata.Extend, Known.VolumeBytes));
        Assert.Equal(StoreStatus.Success, Ask(metadata.SetSize, Known.VolumeBytes));
        Assert.Equal(writes, medium.Writes);
    }

    [Fact]
    public void ASizeForWhichNoRoomWasMadeIsABugOfOurs()
    {
        foreach (long size in (long[])[Larger, Known.VolumeBytes - 512])
        {
            IVolumeMetadata metadata = Known.Attached(Known.Formatted(), out _);
            Assert.Throws<InvariantViolationException>(() => Ask(metadata.SetSize, size));
        }
    }

    private static StoreStatus Ask(Action<MetadataRequest> ask, long sizeBytes)
    {
        using var request = new TestRequest([]) { LengthBytes = sizeBytes };
        ask(request);
        Assert.Equal(1, request.Ended);
        return request.Status;
    }
}
