using ActorSan.Scsi;
using ActorSan.Scsi.Identity;
using ActorSan.Tests.Scsi.Harness;
using ActorSan.Tests.Shared;
using Xunit;

namespace ActorSan.Tests.Scsi.Inquiry;

/// <summary>Golden: initiators keep these bytes, and what is not the same is another unit to them.</summary>
public sealed class InquiryCommandTests
{
    private static string Packed(string hex) => hex.Replace(" ", "", StringComparison.Ordinal);

    [Fact]
    public void IdentityComesFromTheVolumeIdAlone()
    {
        var identity = new UnitIdentity(new Guid("5f2d8f5e-6a43-4a39-9d0c-3b6f0d8f1a11"));

        // The first 64 bits of SHA-256 over the sixteen bytes of the id in the order of RFC 9562, the first nibble replaced by NAA 3h.
        byte[] hash = System.Security.Cryptography.SHA256.HashData(Bytes.Hex("5F2D8F5E6A434A399D0C3B6F0D8F1A11"));
        Assert.Equal((byte)(0x30 | (hash[0] & 0x0F)), identity.Naa.Span[0]);
        Assert.Equal(hash[1..8], identity.Naa[1..].ToArray());
        Assert.Equal("373D49B63D5B6B28", Convert.ToHexString(identity.Naa.Span));
        Assert.Equal("ACTORSAN5f2d8f5e6a434a399d0c3b6f0d8f1a11", System.Text.Encoding.ASCII.GetString(identity.T10.Span));
        Assert.Equal("5F2D8F5E6A434A399D0C3B6F0D8F1A11", Convert.ToHexString(identity.Uuid.Span));
        Assert.Equal("5f2d8f5e6a434a399d0c3b6f0d8f1a11", identity.SerialNumber);
    }

    [Fact]
    public void Page83NamesUnitPortGroupAndTarget()
    {
        using var scsi = new ScsiFixture();
        string expected = "008300A2"
            + "01030008 373D49B63D5B6B28"
            + "02010028 4143544F5253414E 3566326438663565366134333461333939643063336236663064386631613131"
            + "010A0012 1000 5F2D8F5E6A434A399D0C3B6F0D8F1A11"
            + "51940004 00000002"
            + "51950004 00000002"
            + "53980024 69716E2E323032362D30312E746573743A7461726765742C742C30783030303200000000"
            + "53A80018 69716E2E323032362D30312E746573743A74617267657400";
        Assert.Equal(Packed(expected), scsi.Run(scsi.Second, Bytes.Hex("12018304000000")).Hex);
    }

    [Theory]
    [InlineData("12 00 00 00 60 00", "00 00 06 12 5B 18 10 02 4143544F5253414E 564F4C554D4520202020202020202020 302E3120 00000000000000000000000000000000000000000000 00A0 0460 04C0 0960 0000 0000 0000 0000 00000000000000000000000000000000000000000000")]
    [InlineData("12 00 00 00 05 00", "00 00 06 12 5B")]
    [InlineData("12 01 00 00 FF 00", "00 00 0008 00 80 83 86 8F B0 B1 B2")]
    [InlineData("12 01 80 00 FF 00", "00 80 0020 3566326438663565366134333461333939643063336236663064386631613131")]
    [InlineData("12 01 86 00 10 00", "00 86 003C 00 07 01 01 00 00 00 01 00 28 00 00")]
    [InlineData("12 01 B1 00 0A 00", "00 B1 003C 0001 00 50 02 00")]
    [InlineData("12 01 B2 00 FF 00", "00 B2 0004 00 E4 02 00")]
    [InlineData("12 01 B0 00 40 00", "00 B0 003C 00 FF 0008 00002000 00000200 00000000 00100000 00000100 00000008 80000000 0000000000000000 00000100 00000008 00000008 0000000000000000")]
    [InlineData("12 01 B7 00 FF 00", "5/2400 c2")]
    [InlineData("12 00 01 00 FF 00", "5/2400 c2")]
    [InlineData("12 02 00 00 FF 00", "5/2400 c1.1")]
    public void Pages(string cdb, string answer)
    {
        using var scsi = new ScsiFixture();
        TestTask task = scsi.Run(Bytes.Hex(cdb));
        Assert.Equal(task.Outcome == "good" ? Packed(answer) : answer, task.Outcome == "good" ? task.Hex : task.Outcome);
    }

    [Fact]
    public void ThickReadOnlyAndRemovableAreTold()
    {
        var options = new MemoryVolumeOptions();
        options = options with { Capabilities = options.Capabilities with { Thin = false, WriteCache = false, Rotational = true } };
        using var scsi = new ScsiFixture(options, new LogicalUnitSettings { Removable = true, Vendor = "OTHER", Product = "THING", Revision = "7" });
        Assert.Equal("00800612", scsi.Run(Bytes.Hex("120000000400")).Hex);
        Assert.Equal("4F54484552202020", Convert.ToHexString(scsi.Run(Bytes.Hex("120000006000")).Data[8..16]));
        Assert.Equal("00B2000400000000", scsi.Run(Bytes.Hex("1201B200FF00")).Hex);
        Assert.Equal("0000", scsi.Run(Bytes.Hex("1201B100FF00")).Hex[8..12]);
        Assert.Equal("00", scsi.Run(Bytes.Hex("12018600FF00")).Hex[12..14]);
        Assert.False(scsi.Run(Bytes.Hex("1201B000FF00")).Data[20..36].AsSpan().ContainsAnyExcept((byte)0));
    }

    [Theory]
    [InlineData("A000 00 000000 00000100 0000", "00000010 00000000 0000000000000000 0001000000000000")]
    [InlineData("A000 01 000000 00000100 0000", "00000008 00000000 C101000000000000")]
    [InlineData("A000 02 000000 00000100 0000", "00000018 00000000 0000000000000000 0001000000000000 C101000000000000")]
    [InlineData("A000 00 000000 00000008 0000", "00000010 00000000")]
    [InlineData("A000 03 000000 00000100 0000", "5/2400 c2")]
    public void LunsAreThoseOfTheView(string cdb, string answer)
    {
        using var scsi = new ScsiFixture([new MemoryVolumeOptions(), new MemoryVolumeOptions { Id = Guid.Empty }]);
        TestTask task = scsi.Run(Bytes.Hex(cdb));
        Assert.Equal(task.Outcome == "good" ? Packed(answer) : answer, task.Outcome == "good" ? task.Hex : task.Outcome);
    }

    [Fact]
    public void WhatIsNotThereSaysSo()
    {
        using var scsi = new ScsiFixture();
        LunNexus nothing = ScsiFixture.Lun(scsi.First, 5);
        var inquiry = new TestTask(nothing, Bytes.Hex("120000002400"), default, null, TaskAttribute.Simple, 1);
        nothing.Unit.Submit(inquiry);
        Assert.Equal(0x7F, inquiry.Data[0]);
        var ready = new TestTask(nothing, Bytes.Hex("000000000000"), default, null, TaskAttribute.Simple, 1);
        nothing.Unit.Submit(ready);
        Assert.Equal("5/2500", ready.Outcome);
        inquiry.Dispose();
        ready.Dispose();
    }
}
