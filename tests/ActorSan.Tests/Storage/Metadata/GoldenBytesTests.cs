using System.Security.Cryptography;
using ActorSan.Storage.Blocks;
using ActorSan.Storage.Metadata;
using Xunit;

namespace ActorSan.Tests.Storage.Metadata;

/// <summary>What is on disk stays readable: these bytes were written by version 1 and never change. A new version gets new ones beside them.</summary>
public sealed class GoldenBytesTests
{
    // The used part of the superblock of Known.Request.
    private const string SuperblockHex =
        "4163746F7253414E0100000074195500010000000000000000000000000000006D2C1B5A0F3E4A7B9C8D112233445566B04B57F65E4706000000010000000000"
        + "00001000000000000000200000000000000200000010000000000000000008000100000010000000001000000000000000200000000000000000020000000000"
        + "02000000040000000010020000000000002002000000000000801000000000000300000004000000001002000000000000A01200000000000040080000000000"
        + "0400000001000000000001000000000000E01A000000000000000200000000000500000001000000001000000000000000E01C00000000000020000000000000"
        + "0600000001000000001000000000000000001D000000000000200000000000000600000001000000001000000000000000201D00000000000020000000000000"
        + "0600000001000000001000000000000000401D00000000000020";

    private const string StateHex =
        "41535047010001000100000000000000100000000D92FAB96D2C1B5A0F3E4A7B9C8D112233445566000000000000000000000000000000000000000000000000"
        + "01";
    private const string IdentityHex =
        "415350470200010001000000000000002600000032B445006D2C1B5A0F3E4A7B9C8D112233445566000000000000000000000000000000000000000000000000"
        + "0102030405064708890A0B0C0D0E0F1000000000000000000000000000000000056469736B30";
    private const string KeyHex =
        "4153504703000100010000000000000068000000A385DEF36D2C1B5A0F3E4A7B9C8D112233445566000000000000000000000000000000000000000000000000"
        + "01000000C0D2D09B8EBD18A65152535455565758595A5B5C4BCB64706F101F20A854B51B746E8D15E53E4638365FE92776776DA17A8168D67BA69E6739B97FC9"
        + "3B1DED0E116708E89AFD1601C43BFE92C55A51614B6E384DE4774E98BF552B85855298424330F842";
    private const string RedoHex = "415352440100010001000000000000006D2C1B5A0F3E4A7B9C8D112233445566002000000000000000040000000000008F6EDF2C7570E277";
    private const string AreaSha256 = "8BB61E104F2F6148A7BB361BD06998C60A503BECABF94C4CBF52569F54B50C35";

    [Fact]
    public void TheSuperblock()
    {
        byte[] bytes = Known.Formatted().Bytes;
        byte[] expected = Whole(SuperblockHex);
        Assert.Equal(Convert.ToHexString(expected), Convert.ToHexString(bytes.AsSpan(0, 4096)));
        Assert.Equal(Convert.ToHexString(expected), Convert.ToHexString(bytes.AsSpan(4096, 4096)));

        Assert.Equal(SlotState.Valid, Superblock.TryRead(expected, out Superblock? read, out ulong generation));
        Assert.Equal(1ul, generation);
        Assert.Equal(Known.VolumeId, read!.VolumeId);
        Assert.Equal(new DateTimeOffset(2026, 1, 2, 3, 4, 5, 678, TimeSpan.Zero), read.Created);
        Assert.Equal(new VolumeGeometry(64 << 10, 512, 4096, 0), read.Geometry);
        Assert.Equal(1 << 20, read.GrowLimitBytes);
        Assert.Equal(2 << 20, read.DataOffsetBytes);
        Assert.False(read.Thick);
        Assert.Equal(EncryptionMode.None, read.Encryption);
        Assert.Equal(
            [
                (MetadataRegionKind.Pages, 16, 4096, 8192),
                (MetadataRegionKind.Attributes, 4, 135168, 139264),
                (MetadataRegionKind.RedoSlots, 4, 135168, 1220608),
                (MetadataRegionKind.Configuration, 1, 65536, 1761280),
                (MetadataRegionKind.WriteIntent, 1, 4096, 1892352),
                (MetadataRegionKind.OutOfSync, 1, 4096, 1900544),
                (MetadataRegionKind.OutOfSync, 1, 4096, 1908736),
                (MetadataRegionKind.OutOfSync, 1, 4096, 1916928),
            ],
            read.Regions.Select(region => (region.Kind, region.Count, (int)region.UnitBytes, (int)region.OffsetBytes)));
    }

    [Fact]
    public void ThePages()
    {
        byte[] bytes = Known.Formatted(Known.Encrypted).Bytes;
        Assert.Equal(StateHex, Used(bytes.AsSpan(8192, 4096)));
        Assert.Equal(IdentityHex, Used(bytes.AsSpan(2 * 8192, 4096)));
        Assert.Equal(KeyHex, Used(bytes.AsSpan(3 * 8192, 4096)));

        Medium medium = Medium.Holding(bytes);
        VolumeMetadata loaded = VolumeMetadata.Load(medium.Open(), new VolumeExpectation(), Known.NodeKey);
        Assert.Equal("disk0", loaded.Label);
        Assert.Equal(new Guid("01020304-0506-4708-890a-0b0c0d0e0f10"), loaded.Incarnation);
        Assert.Equal(Enumerable.Range(17, 64).Select(i => (byte)i), loaded.Attach(new MediumStore(medium)).DataKey.ToArray());
    }

    [Fact]
    public void ARedoSlot()
    {
        Medium medium = Known.Formatted();
        IVolumeMetadata metadata = Known.Attached(medium, out _);
        using var request = new TestRequest(Enumerable.Range(0, 1024).Select(i => (byte)i).ToArray()) { Slot = 1, OffsetBytes = 8192 };
        metadata.WriteRedo(request);
        Assert.Equal(RedoHex, Used(medium.Bytes.AsSpan(1220608 + 135168, 4096)));
        Assert.Equal(Enumerable.Range(0, 1024).Select(i => (byte)i), medium.Bytes.AsSpan(1220608 + 135168 + 4096, 1024).ToArray());
    }

    [Fact]
    public void TheWholeArea() => Assert.Equal(AreaSha256, Convert.ToHexString(SHA256.HashData(Known.Formatted().Bytes)));

    // Every size follows from the grow limit alone; the numbers that the rule's table tells.
    [Theory]
    [InlineData(1L << 20, 2L << 20)]
    [InlineData(1L << 30, 13L << 20)]
    [InlineData(1L << 40, 25L << 20)]
    [InlineData(16L << 40, 212L << 20)]
    public void TheAreasSize(long growLimit, long dataOffset) => Assert.Equal(dataOffset, MetadataRule.DataOffset(MetadataRule.Regions(growLimit), 4096, 0));

    private static byte[] Whole(string hex)
    {
        var bytes = new byte[4096];
        Convert.FromHexString(hex).CopyTo(bytes, 0);
        return bytes;
    }

    private static string Used(ReadOnlySpan<byte> bytes) => Convert.ToHexString(bytes[..(bytes.LastIndexOfAnyExcept((byte)0) + 1)]);
}
