using System.Text;
using System.Text.Json;
using ActorSan.Storage.Blocks;
using ActorSan.Storage.Metadata;
using ActorSan.Storage.Stores;
using Xunit;

namespace ActorSan.Tests.Storage.Metadata;

/// <summary>What a format makes of what was asked, what it refuses, the node key's file, and what inspection tells.</summary>
public sealed class FormatTests
{
    [Fact]
    public void TheSameIdTimeAndRandomnessGiveTheSameBytes() => Assert.Equal(Known.Formatted(Known.Encrypted).Bytes, Known.Formatted(Known.Encrypted).Bytes);

    [Fact]
    public void WithoutThemEachVolumeIsAnother()
    {
        FormatRequest request = new() { SizeBytes = 4096, GrowLimitBytes = 1 << 20, EncryptionKey = Known.NodeKey };
        Medium[] media = [Known.Formatted(request), Known.Formatted(request)];
        VolumeMetadata[] loaded = [.. media.Select(medium => Known.TryLoad(medium, Known.NodeKey).Loaded!)];
        Assert.NotEqual(loaded[0].Superblock.VolumeId, loaded[1].Superblock.VolumeId);
        Assert.NotEqual(loaded[0].Incarnation, loaded[1].Incarnation);
        byte[] key = loaded[0].Attach(new MediumStore(media[0])).DataKey.ToArray();
        Assert.NotEqual(key, loaded[1].Attach(new MediumStore(media[1])).DataKey.ToArray());
        Assert.NotEqual(key[..32], key[32..]);
        Assert.InRange(loaded[0].Superblock.Created, DateTimeOffset.UtcNow.AddMinutes(-10), DateTimeOffset.UtcNow);
    }

    [Fact]
    public void AFileHasRoomToGrowByDefault()
    {
        var medium = new Medium(0, file: true);
        Superblock superblock = VolumeFormat.Format(medium.Open(), new FormatRequest { SizeBytes = 1 << 20 });
        Assert.Equal((1L << 40, 25 << 20), (superblock.GrowLimitBytes, superblock.DataOffsetBytes));
        Assert.Equal(26 << 20, medium.SizeBytes);
        IVolumeMetadata metadata = Known.Attached(medium, out _);
        Assert.Equal((1 << 20, 8, 256 << 10), (metadata.RedoSlotBytes, metadata.RedoSlotCount, metadata.MaxAttributeBytes));
    }

    [Fact]
    public void ADeviceIsTakenWholeByDefault()
    {
        var medium = new Medium((40 << 20) + 512);
        Superblock superblock = VolumeFormat.Format(medium.Open(), new FormatRequest());
        Assert.Equal(16L * medium.SizeBytes, superblock.GrowLimitBytes);
        Assert.Equal(0, superblock.Geometry.SizeBytes % 4096);
        Assert.InRange(medium.SizeBytes - superblock.EndBytes, 0, 4095);
        Assert.InRange(superblock.DataOffsetBytes, 1 << 20, 3 << 20);
    }

    // The first physical boundary of the volume falls on one of the medium's.
    [Theory]
    [InlineData(0)]
    [InlineData(512)]
    [InlineData(3584)]
    public void AnAlignmentOffsetIsTrue(int alignment)
    {
        var medium = new Medium(4 << 20);
        Superblock superblock = VolumeFormat.Format(medium.Open(), Known.Request with { AlignmentOffsetBytes = alignment });
        Assert.Equal(0, (superblock.DataOffsetBytes + alignment) % 4096);
        Assert.Equal(alignment, Known.TryLoad(medium).Loaded!.Superblock.Geometry.AlignmentOffsetBytes);
    }

    [Fact]
    public void ADevicesOldBytesAreGoneUnlessTheyAreToBeKept()
    {
        foreach (bool keep in (bool[])[false, true])
        {
            var medium = new Medium(Known.StoreBytes);
            medium.Bytes.AsSpan().Fill(0xAB);
            Superblock superblock = VolumeFormat.Format(medium.Open(), Known.Request with { Force = true, KeepOldBytes = keep });
            Assert.Equal(keep, medium.Bytes.AsSpan((int)superblock.DataOffsetBytes).ContainsAnyExcept((byte)0));
            Assert.NotNull(Known.TryLoad(medium).Loaded);
        }
    }

    [Fact]
    public void WhatCannotBeIsRefusedAndNothingIsWritten()
    {
        Refused(Known.Request with { SizeBytes = 1000 }, "multiple of the logical block");
        Refused(Known.Request with { SizeBytes = 0 }, "not 0");
        Refused(Known.Request with { LogicalBlockBytes = 1024 }, "512 or 4096");
        Refused(Known.Request with { PhysicalBlockBytes = 5000 }, "power of two");
        Refused(Known.Request with { AlignmentOffsetBytes = 4096 }, "first physical boundary");
        Refused(Known.Request with { GrowLimitBytes = 32768 }, "Raise grow-limit");
        Refused(Known.Request with { SizeBytes = 1L << 57, GrowLimitBytes = null }, "larger than");
        Refused(Known.Request with { Label = new string('x', 256) }, "name");
        Refused(Known.Request with { SizeBytes = 128 << 10 }, "metadata area takes 2 MiB", StoreFault.NoSpace);
        Refused(Known.Request with { SizeBytes = null }, "the volume's size must be given", file: true);
        Refused(Known.Request, "direct = off", sectorBytes: 4096);

        static void Refused(FormatRequest request, string word, StoreFault fault = StoreFault.Refused, bool file = false, int sectorBytes = 512)
        {
            var medium = new Medium(Known.StoreBytes, file, sectorBytes);
            StoreException thrown = Assert.Throws<StoreException>(() => VolumeFormat.Format(medium.Open(), request));
            Assert.True(fault == thrown.Fault, thrown.Message);
            Assert.Contains(word, thrown.Message, StringComparison.Ordinal);
            Assert.Equal(0, medium.Writes);
        }
    }

    [Fact]
    public void ANodeKeyIs32BytesOr64Digits()
    {
        byte[] raw = [.. Enumerable.Range(1, 32).Select(i => (byte)i)];
        byte[] hex = Encoding.ASCII.GetBytes(Convert.ToHexString(raw));
        byte[] endsLikeALine = [.. raw[..31], (byte)'\n'];
        byte[][] same = [raw, [.. raw, (byte)'\n'], hex, [.. hex, (byte)'\n'], [.. hex, (byte)'\r', (byte)'\n'], Encoding.ASCII.GetBytes(Convert.ToHexStringLower(raw))];
        Assert.All(same, file => Assert.Equal(Known.NodeKey.Fingerprint, NodeKey.FromFile(file, "k").Fingerprint));
        Assert.NotEqual(Known.NodeKey.Fingerprint, NodeKey.FromFile(endsLikeALine, "k").Fingerprint);
        byte[][] wrong = [[], raw[..31], [.. raw, 1], hex[..63], hex[..32], [.. hex[..63], (byte)'g'], new byte[32], [.. hex, (byte)'\n', (byte)'\n']];
        Assert.All(wrong, file =>
        {
            StoreException fault = Assert.Throws<StoreException>(() => NodeKey.FromFile(file, "node.key"));
            Assert.Equal(StoreFault.WrongKey, fault.Fault);
            Assert.Contains("head -c 32 /dev/urandom > node.key", fault.Message, StringComparison.Ordinal);
        });
    }

    // A wrapped key is good in its own store only.
    [Fact]
    public void AWrappedKeyCannotBeMovedToAnotherVolume()
    {
        Span<byte> content = stackalloc byte[KeyContent.Bytes];
        Span<byte> key = stackalloc byte[KeyContent.DataKeyBytes];
        KeyContent.Wrap(content, Known.NodeKey, Enumerable.Range(0, 64).Select(i => (byte)i).ToArray(), Known.VolumeId, System.Security.Cryptography.RandomNumberGenerator.Fill);
        Assert.True(KeyContent.TryUnwrap(content, Known.NodeKey, Known.VolumeId, key));
        Assert.Equal(Enumerable.Range(0, 64).Select(i => (byte)i), key.ToArray());
        Assert.False(KeyContent.TryUnwrap(content, Known.NodeKey, Guid.Empty, key));
        Assert.False(KeyContent.TryUnwrap(content, Known.OtherKey, Known.VolumeId, key));
        content[90] ^= 1;
        Assert.False(KeyContent.TryUnwrap(content, Known.NodeKey, Known.VolumeId, key));
    }

    [Fact]
    public void InspectionTellsWhatIsThereAndChangesNothing()
    {
        Medium medium = Known.Formatted(Known.Encrypted);
        IVolumeMetadata metadata = Known.Attached(medium, out _, Known.NodeKey);
        PowerLossTests.Set(metadata, VolumeAttribute.Reservations, new byte[5000]);
        PowerLossTests.Run(metadata.MarkDirty);
        using var redo = new TestRequest(new byte[1024]) { Slot = 2, OffsetBytes = 4096 };
        metadata.WriteRedo(redo);
        byte[] before = (byte[])medium.Bytes.Clone();

        StoreInspection inspection = StoreInspection.Read(medium.Open());
        Assert.Equal(before, medium.Bytes);
        Assert.Null(inspection.Fault);
        Assert.Equal(Known.VolumeId, inspection.Superblock!.VolumeId);
        Assert.Equal((false, 1ul, "disk0"), (inspection.Clean, inspection.OpenCount, inspection.Label));
        Assert.Equal($"{Known.NodeKey.Fingerprint:x16}", inspection.Key!.NodeKeyFingerprint);
        Assert.Equal([new KeyValuePair<string, int>("Reservations", 5000)], inspection.Attributes);
        Assert.Equal([new InspectedRedo(2, SlotState.Valid, SlotState.Valid, true, 1, 4096, 1024)], inspection.Redo);
        Assert.All(inspection.Pages, page => Assert.False(page.Suspect || page.Damaged));

        string text = Text(inspection);
        Assert.All(
            (string[])[
                "64 KiB", Known.VolumeId.ToString(), "formatted as 'disk0'", "not closed in order", "Reservations: 5000 bytes", "redo slot 2    in use: 1024 bytes",
                "AES-256-XTS", "2026-01-02 03:04:05 UTC"
            ],
            word => Assert.Contains(word, text, StringComparison.Ordinal));
        string json = JsonSerializer.Serialize(inspection);
        Assert.Contains("\"Reservations\":5000", json, StringComparison.Ordinal);

        // No key, wrapped or not, is told.
        Assert.DoesNotContain(Convert.ToHexStringLower(metadata.DataKey[..8]), (text + json).ToLowerInvariant(), StringComparison.Ordinal);
    }

    [Fact]
    public void InspectionOfWhatIsNoVolume()
    {
        Assert.Contains("is empty", Text(StoreInspection.Read(new Medium(0).Open())), StringComparison.Ordinal);
        var foreign = new Medium(1 << 20);
        "XFSB"u8.CopyTo(foreign.Bytes);
        Assert.Contains("XFS", Text(StoreInspection.Read(foreign.Open())), StringComparison.Ordinal);
        Medium cut = Medium.Holding(Known.Formatted().Bytes[..(1 << 20)]);
        Assert.Contains("cut short", Text(StoreInspection.Read(cut.Open())), StringComparison.Ordinal);
    }

    private static string Text(StoreInspection inspection)
    {
        var writer = new StringWriter();
        inspection.Describe(writer);
        return writer.ToString();
    }
}
