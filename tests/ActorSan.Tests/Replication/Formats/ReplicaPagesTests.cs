using ActorSan.Replication.Core.Formats;
using ActorSan.Replication.Core.Frames;
using ActorSan.Replication.Core.Intent;
using ActorSan.Replication.Core.Replicas;
using ActorSan.Storage.Metadata;
using ActorSan.Tests.Replication.Wire;
using CsCheck;
using Xunit;

namespace ActorSan.Tests.Replication.Formats;

/// <summary>Contents of a replica's pages: these bytes stay readable; what is not one is refused with a reason.</summary>
public sealed class ReplicaPagesTests
{
    private const string StateHex =
        "01056D2C1B5A0F3E4A7B9C8D1122334455660000000100000000800000000000000100000004000000008000000000000004000000050000000080000000000000050000001400000000"
        + "8000000000000014090000000000000035000000000000000462657461020000000001"
        + "0567616D6D610000000800000000800000000000000803000000000000000200"
        + "0564656C74610000001500000000800000000000001504000000000000000100000000000006000000008000000000000006" + "3000000000000000";

    private const string IntentHex =
        "0100021603000000350000000000000011000000000000000000000000000000" + "00000004000000008000000000000004" + "2D00000000000000" + "00000006000000008000000000000006" + "2E00000000000000";

    private const string OutOfSyncHex = "01001000020000000000000800000000800000000000000803000000000000000C00000000";

    private static readonly ReplicaState KnownState = new()
    {
        VolumeId = WireSamples.VolumeId,
        Lineage = WireSamples.Id(1),
        Node = "beta",
        Incarnation = WireSamples.Id(4),
        Session = WireSamples.Id(5),
        BootId = WireSamples.Id(20),
        HighestEpoch = 9,
        Mark = 53,
        Heard = [new HeardMark(WireSamples.Id(6), 48)],
        Detached = true,
        WhollyOut = true,
        Places = [new PeerPlace(0, "gamma", WireSamples.Id(8), true, 3), new PeerPlace(2, "delta", WireSamples.Id(21), false, 4)],
    };

    private static readonly HeardMark[] KnownHeard = [new HeardMark(WireSamples.Id(4), 45), new HeardMark(WireSamples.Id(6), 46)];

    [Fact]
    public void TheStatePage()
    {
        byte[] bytes = Bytes(KnownState);
        Assert.Equal(StateHex, Convert.ToHexString(bytes));
        Assert.True(ReplicaState.TryRead(bytes, out ReplicaState? read, out _));
        Assert.Equal(KnownState, read);
    }

    /// <summary>§2, power session: it is kept over a loss of power only where nothing can have been acknowledged that the medium did not have, also before the settings were changed.</summary>
    [Theory]
    [InlineData(true, true, false)]
    [InlineData(true, false, false)]
    [InlineData(false, true, false)]
    [InlineData(false, false, true)]
    public void A_write_cache_that_is_switched_off_after_a_loss_of_power_brings_nothing_back(bool cachedBefore, bool cachedNow, bool isKept)
    {
        ReplicaState before = (KnownState with { WhollyOut = false }).Opened(WireSamples.Id(30), wasClean: false, cachedBefore, doubtful: false, WireSamples.Id(31));
        Assert.True(ReplicaState.TryRead(Bytes(before), out ReplicaState? read, out _));
        ReplicaState after = read.Opened(WireSamples.Id(32), wasClean: false, cachedNow, doubtful: false, WireSamples.Id(33));
        Assert.Equal(isKept ? WireSamples.Id(31) : WireSamples.Id(33), after.Session);
    }

    [Fact]
    public void TheWriteIntentPage()
    {
        byte[] page = IntentPage();
        Assert.Equal(IntentHex, Convert.ToHexString(page.AsSpan(0, IntentHex.Length / 2)));
        Assert.False(page.AsSpan(IntentHex.Length / 2, WriteIntentPage.HeaderBytes - (IntentHex.Length / 2)).ContainsAnyExcept((byte)0));
        Assert.Equal([0xFF, 0xFF, 0x01, 0x00], page.AsSpan(WriteIntentPage.HeaderBytes, 4).ToArray());
        var heard = new HeardMark[WriteIntentPage.MaxHeard];
        Assert.True(WriteIntentPage.TryRead(page, 3, heard, out WriteIntentHeader header, out int count, out _));
        Assert.Equal((new WriteIntentHeader(53, 3, 17, 4 << 20), 2), (header, count));
        Assert.Equal(KnownHeard, heard[..2]);
    }

    [Fact]
    public void TheOutOfSyncPage()
    {
        byte[] page = OutOfSync();
        Assert.Equal(OutOfSyncHex, Convert.ToHexString(page.AsSpan(0, OutOfSyncHex.Length / 2)));
        Assert.True(OutOfSyncPage.TryRead(page, 2, out OutOfSyncHeader header, out _));
        Assert.Equal(new OutOfSyncHeader(WireSamples.Id(8), 3, 2, 12, 64 << 10), header);
    }

    [Fact]
    public void StatesComeBackAsTheyWere()
    {
        Gen<PeerPlace> place = Gen.Select(Gen.Byte[0, 2], Gen.Guid, Gen.Bool, Gen.Long[0, long.MaxValue], (at, id, wholly, generation) => new PeerPlace(at, "n" + at, id, wholly, generation));
        Gen.Select(Gen.Guid.Array[5], Gen.Int[0, 7], Gen.Long[0, long.MaxValue].Array[2], WireSamples.Mark.Array[0, 64], place.Array[0, 5]).Sample(
            (ids, flags, numbers, heard, places) =>
            {
                var state = new ReplicaState
                {
                    VolumeId = ids[0],
                    Lineage = ids[1],
                    Node = "nö",
                    Incarnation = ids[2],
                    Session = ids[3],
                    BootId = ids[4],
                    HighestEpoch = numbers[0],
                    Mark = numbers[1],
                    Heard = [.. heard],
                    Detached = (flags & 1) != 0,
                    Discarded = (flags & 2) != 0,
                    WhollyOut = (flags & 4) != 0,
                    Places = [.. places.DistinctBy(each => each.Place).OrderBy(each => each.Place)],
                };
                Assert.True(ReplicaState.TryRead(Bytes(state), out ReplicaState? read, out _));
                Assert.Equal(state, read);
            },
            iter: 500);
    }

    [Fact]
    public void TheLargestStateFitsItsPage()
    {
        string name = new('n', 255);
        ReplicaState largest = KnownState with
        {
            Node = name,
            Heard = [.. Enumerable.Repeat(new HeardMark(Guid.Empty, 1), ReplicaState.MaxHeard)],
            Places = [.. Enumerable.Range(0, ReplicaState.PeerPlaces).Select(at => new PeerPlace((byte)at, name, Guid.Empty, true, long.MaxValue))],
        };
        Assert.InRange(Bytes(largest).Length, 1, 4032);
    }

    [Fact]
    public void WhatWasChangedIsAnotherOrRefusedAndWhatWasCutIsRefused()
    {
        byte[] state = Bytes(KnownState);
        var heard = new HeardMark[WriteIntentPage.MaxHeard];
        Each(state, state.Length, bytes => ReplicaState.TryRead(bytes, out ReplicaState? read, out ContentFault fault) ? Bytes(read) : Reason(fault));
        Each(IntentPage(), WriteIntentPage.HeaderBytes + 8, bytes =>
        {
            if (!WriteIntentPage.TryRead(bytes, 3, heard, out WriteIntentHeader header, out int count, out ContentFault fault))
            {
                return Reason(fault);
            }

            byte[] again = [.. bytes];
            WriteIntentPage.WriteHeader(again, header, heard.AsSpan(0, count));
            return again;
        });
        Each(OutOfSync(), OutOfSyncPage.HeaderBytes + 8, bytes =>
        {
            if (!OutOfSyncPage.TryRead(bytes, 2, out OutOfSyncHeader header, out ContentFault fault))
            {
                return Reason(fault);
            }

            byte[] again = [.. bytes];
            OutOfSyncPage.WriteHeader(again, header);
            return again;
        });

        static byte[]? Reason(ContentFault fault)
        {
            Assert.NotEqual(ContentFaultReason.None, fault.Reason);
            Assert.EndsWith(".", fault.Sentence, StringComparison.Ordinal);
            return null;
        }

        static void Each(byte[] bytes, int changed, Func<byte[], byte[]?> readAndWrite)
        {
            for (int bit = 0; bit < changed * 8; bit++)
            {
                bytes[bit / 8] ^= (byte)(1 << (bit % 8));
                Assert.True(readAndWrite(bytes) is not { } again || again.AsSpan().SequenceEqual(bytes), "one value has two encodings");
                bytes[bit / 8] ^= (byte)(1 << (bit % 8));
            }

            for (int length = 0; length < bytes.Length; length += length < changed ? 1 : 97)
            {
                Assert.Null(readAndWrite(bytes[..length]));
            }
        }
    }

    [Fact]
    public void WhatDoesNotFitIsSaid()
    {
        byte[] page = OutOfSync();
        Assert.False(OutOfSyncPage.TryRead(page, 3, out _, out ContentFault fault));
        Assert.Equal("An out-of-sync page says that it is page 2, and is page 3.", fault.Sentence);
        page[OutOfSyncPage.HeaderBytes + 1] = 0x10;
        Assert.False(OutOfSyncPage.TryRead(page, 2, out _, out fault));
        Assert.Equal("An out-of-sync page has bits behind its last.", fault.Sentence);
        byte[] state = Bytes(KnownState with { Places = [KnownState.Places[0]] });
        state[0] = 7;
        Assert.False(ReplicaState.TryRead(state, out _, out fault));
        Assert.Equal((ContentFaultReason.OtherVersion, "A state page has version 7, and this release knows version 1."), (fault.Reason, fault.Sentence));
    }

    // The area is laid out for these pages; one that was made before with too few has larger granules.
    [Fact]
    public void TheAreaHasAsManyPagesAsTheContentsNeed()
    {
        Assert.Equal(OutOfSyncSet.DefaultPageGranules, OutOfSyncPage.Bits);
        Assert.Equal(MetadataRule.IntentHeaderBytes, WriteIntentPage.HeaderBytes);
        Assert.Equal(MetadataRule.OutOfSyncHeaderBytes, OutOfSyncPage.HeaderBytes);
        foreach (long size in (long[])[1, 64 << 20, (64 << 20) + 1, 1L << 40, (1L << 40) + 512, 16L << 40])
        {
            MetadataRegion[] regions = MetadataRule.Regions(size);
            Assert.Equal(WriteIntentPage.CountFor(size, WriteIntentPage.DefaultChunkBytes), regions.Single(region => region.Kind == MetadataRegionKind.WriteIntent).Count);
            Assert.All(
                regions.Where(region => region.Kind == MetadataRegionKind.OutOfSync),
                region => Assert.Equal(OutOfSyncPage.CountFor(size, OutOfSyncPage.DefaultGranuleBytes), region.Count));
            Assert.Equal(new OutOfSyncSet(size).PageCount, OutOfSyncPage.CountFor(size, OutOfSyncPage.DefaultGranuleBytes));
        }

        Assert.Equal(529, OutOfSyncPage.CountFor(1L << 40, 64 << 10));
        Assert.Equal(64 << 10, OutOfSyncPage.GranuleBytesFor(1L << 40, 529));
        Assert.Equal(128 << 10, OutOfSyncPage.GranuleBytesFor(1L << 40, 521));
        Assert.Equal(8 << 20, WriteIntentPage.ChunkBytesFor(1L << 40, 8));
    }

    [Fact]
    public void WritingAHeaderAllocatesNothing()
    {
        var page = new byte[WriteIntentPage.Bytes];
        var allocation = new SteadyAllocation(1000);
        for (int i = 0; i < 5000; i++)
        {
            WriteIntentPage.WriteHeader(page, new WriteIntentHeader(i, 0, 17, 4 << 20), KnownHeard);
            OutOfSyncPage.WriteHeader(page, new OutOfSyncHeader(WireSamples.VolumeId, i, 0, 17, 64 << 10));
            allocation.Step();
        }

        Assert.Equal(0, allocation.LeastBytes);
    }

    private static byte[] Bytes(ReplicaState state)
    {
        var writer = new ContentWriter();
        state.Write(writer);
        return writer.Written.ToArray();
    }

    private static byte[] IntentPage()
    {
        var page = new byte[WriteIntentPage.Bytes];
        WriteIntentPage.WriteHeader(page, new WriteIntentHeader(53, 3, 17, 4 << 20), KnownHeard);
        WriteIntentPage.BitsOf(page.AsSpan())[0] = 0xFF;
        WriteIntentPage.BitsOf(page.AsSpan())[1] = 0xFF;
        WriteIntentPage.BitsOf(page.AsSpan())[2] = 1;
        return page;
    }

    private static byte[] OutOfSync()
    {
        var page = new byte[OutOfSyncPage.Bytes];
        OutOfSyncPage.WriteHeader(page, new OutOfSyncHeader(WireSamples.Id(8), 3, 2, 12, 64 << 10));
        OutOfSyncPage.BitsOf(page.AsSpan())[0] = 0x81;
        OutOfSyncPage.BitsOf(page.AsSpan())[1] = 0x08;
        return page;
    }
}
