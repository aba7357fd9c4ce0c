using ActorSan.Scsi;
using ActorSan.Storage.Blocks;
using ActorSan.Tests.Scsi.Harness;
using Xunit;

namespace ActorSan.Tests.Scsi.Commands;

/// <summary>READ and WRITE in their four lengths on a volume of 256 blocks.</summary>
public sealed class ReadWriteTests
{
    private static readonly LogicalUnitSettings Short = new() { MaxTransferBytes = 64 << 10 };

    private static byte[] Cdb(int length, bool write, ulong lba, uint blocks, byte flags = 0) => length switch
    {
        6 => [(byte)(write ? 0x0A : 0x08), (byte)(lba >> 16), (byte)(lba >> 8), (byte)lba, (byte)blocks, 0],
        10 => Bytes.Ten((byte)(write ? 0x2A : 0x28), (uint)lba, (ushort)blocks, flags),
        12 => Bytes.Twelve((byte)(write ? 0xAA : 0xA8), (uint)lba, blocks, flags),
        _ => Bytes.Sixteen((byte)(write ? 0x8A : 0x88), lba, blocks, flags),
    };

    [Theory]
    [InlineData(6, 0, 1, 0, "good")]
    [InlineData(6, 0, 0, 0, "good")] // zero is 256, which is all
    [InlineData(6, 1, 0, 0, "5/2100 i256")]
    [InlineData(6, 255, 1, 0, "good")]
    [InlineData(6, 255, 2, 0, "5/2100 i256")]
    [InlineData(6, 0x1FFFFF, 1, 0, "5/2100 i2097151")]
    [InlineData(10, 0, 128, 0, "good")]
    [InlineData(10, 0, 0, 0, "good")]
    [InlineData(10, 256, 0, 0, "good")]
    [InlineData(10, 257, 0, 0, "5/2100 i257")]
    [InlineData(10, 250, 7, 0, "5/2100 i256")]
    [InlineData(10, uint.MaxValue, 1, 0, "5/2100 i-1")]
    [InlineData(10, 0, 129, 0, "5/2400 c7")]
    [InlineData(10, 0, 1, 0x18, "good")]
    [InlineData(10, 0, 1, 0x20, "5/2400 c1.7")]
    [InlineData(12, 0, 128, 0, "good")]
    [InlineData(12, 0, 129, 0, "5/2400 c6")]
    [InlineData(12, 0, uint.MaxValue, 0, "5/2100 i256")]
    [InlineData(12, 0, 1, 0xE0, "5/2400 c1.7")]
    [InlineData(16, 0, 128, 0, "good")]
    [InlineData(16, 0, 129, 0, "5/2400 c10")]
    [InlineData(16, 255, 1, 0x08, "good")]
    [InlineData(16, 256, 1, 0, "5/2100 i256")]
    [InlineData(16, ulong.MaxValue, 1, 0, "5/2100")] // does not fit the fixed format
    [InlineData(16, ulong.MaxValue, uint.MaxValue, 0, "5/2100")]
    public void RangesAndFlags(int length, ulong lba, uint blocks, byte flags, string outcome)
    {
        // READ(6) and WRITE(6) of 256 blocks are 128 KiB.
        LogicalUnitSettings settings = length == 6 ? new LogicalUnitSettings() : Short;
        using var scsi = new ScsiFixture(settings: settings);
        byte[] pattern = Bytes.Pattern(256 * 512);
        pattern.CopyTo(scsi.Volume.Bytes);
        int bytes = outcome == "good" ? (int)(length == 6 && blocks == 0 ? 256 : blocks) * 512 : 0;

        TestTask read = scsi.Run(Cdb(length, write: false, lba, blocks, flags));
        Assert.Equal(outcome, read.Outcome);
        Assert.Equal(bytes, read.TransferBytes);
        Assert.Equal(pattern.AsSpan(bytes == 0 ? 0 : (int)lba * 512, bytes).ToArray(), read.Data);

        byte[] data = Bytes.Pattern(outcome == "good" ? bytes : 4096, seed: 2);
        TestTask write = scsi.Run(Cdb(length, write: true, lba, blocks, flags), data);
        Assert.Equal(outcome, write.Outcome);
        Assert.Equal(bytes, write.TransferBytes);
        data.AsSpan(0, bytes).CopyTo(pattern.AsSpan(bytes == 0 ? 0 : (int)lba * 512));
        Assert.True(scsi.Volume.Bytes.SequenceEqual(pattern));
        (VolumeOperationKind, long, long, bool)[] log = [.. scsi.Volume.Log.Where(entry => entry.Kind == VolumeOperationKind.Write)];
        Assert.Equal(bytes == 0 ? [] : [(VolumeOperationKind.Write, (long)lba * 512, bytes, (flags & 8) != 0)], log);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 1)]
    [InlineData(511, 511)]
    [InlineData(513, 513)]
    [InlineData(1536, 1536)]
    [InlineData(2047, 2047)]
    [InlineData(2048, 2048)]
    [InlineData(5000, 2048)]
    public void AReadGivesWhatThereIsRoomForAndTellsTheWhole(int room, int given)
    {
        using var scsi = new ScsiFixture();
        byte[] pattern = Bytes.Pattern(256 * 512);
        pattern.CopyTo(scsi.Volume.Bytes);
        TestTask read = scsi.Run(Bytes.Ten(0x28, 9, 4), room: room);
        Assert.Equal("good", read.Outcome);
        Assert.Equal(pattern.AsSpan(9 * 512, given).ToArray(), read.Data);
        Assert.Equal(2048, read.TransferBytes);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(511, 0)]
    [InlineData(512, 512)]
    [InlineData(1000, 512)]
    [InlineData(2047, 1536)]
    [InlineData(2048, 2048)]
    [InlineData(4096, 2048)]
    public void AWriteDoesTheWholeBlocksThatCame(int sent, int written)
    {
        using var scsi = new ScsiFixture();
        byte[] data = Bytes.Pattern(sent);
        TestTask write = scsi.Run(Bytes.Ten(0x2A, 9, 4), data);
        Assert.Equal("good", write.Outcome);
        Assert.Equal(2048, write.TransferBytes);
        Assert.True(scsi.Volume.Bytes.Slice(9 * 512, written).SequenceEqual(data.AsSpan(0, written)));
        Assert.False(scsi.Volume.Bytes[((9 * 512) + written)..].ContainsAnyExcept((byte)0));
    }

    [Theory]
    [InlineData(VolumeStatus.OutOfRange, "5/2100 i9")]
    [InlineData(VolumeStatus.NoSpace, "7/2707 i9")]
    [InlineData(VolumeStatus.ReadError, "3/1100 i9")]
    [InlineData(VolumeStatus.WriteError, "3/0c00 i9")]
    [InlineData(VolumeStatus.WriteProtected, "7/2700")]
    [InlineData(VolumeStatus.NotReady, "2/0400")]
    [InlineData(VolumeStatus.Busy, "Busy")]
    [InlineData(VolumeStatus.Deposed, "2/040a")]
    public void WhatTheVolumeSaysBecomesSense(VolumeStatus status, string outcome)
    {
        using var scsi = new ScsiFixture();
        scsi.Volume.FailNext(VolumeOperationKind.Write, status);
        TestTask write = scsi.Run(Bytes.Ten(0x2A, 9, 4), Bytes.Pattern(2048));
        Assert.Equal(outcome, write.Outcome);
        Assert.Equal(0, write.TransferBytes);
        scsi.Volume.FailNext(VolumeOperationKind.Read, status);
        TestTask read = scsi.Run(Bytes.Ten(0x28, 9, 4));
        Assert.Equal(outcome, read.Outcome);
        Assert.Empty(read.Data);
    }

    [Fact]
    public void EveryBitOutsideOfTheUsageIsIgnoredOrRefusedButNeverObeyed()
    {
        using var scsi = new ScsiFixture();

        // NACA: there is no ACA here. The vendor's bits of the control byte mean nothing.
        Assert.Equal("5/2400 c9.2", scsi.Run(Bytes.Hex("28000000000000000104")).Outcome);
        Assert.Equal("good", scsi.Run(Bytes.Hex("280000000000000001C0")).Outcome);
        Assert.Equal("5/2000 c0", scsi.Run(Bytes.Hex("290000000000000001 00")).Outcome);
        Assert.Equal("5/2400 c1.4", scsi.Run(Bytes.Sixteen(0x9E, 0, 0, 0x1F)).Outcome);
    }

    [Theory]
    [InlineData(VolumeStateKind.Starting, "2/0401")]
    [InlineData(VolumeStateKind.Failed, "2/0403")]
    [InlineData(VolumeStateKind.Detached, "2/0400")]
    public void AVolumeThatDoesNotServeIsNotReadyToWhatNeedsTheMedium(VolumeStateKind kind, string outcome)
    {
        using var scsi = new ScsiFixture();
        scsi.On(scsi.First, () => scsi.Volume.Become(kind));
        foreach (string cdb in (string[])["000000000000", "28000000000000000100", "25000000000000000000", "35000000000000000000"])
        {
            Assert.Equal(outcome, scsi.Run(Bytes.Hex(cdb)).Outcome);
        }

        Assert.Equal("good", scsi.Run(Bytes.Hex("120000006000")).Outcome);
        Assert.Equal(outcome, TestTask.DescribeSense(scsi.Run(Bytes.Hex("03000000FC00")).Data));
        scsi.On(scsi.First, () => scsi.Volume.Become(VolumeStateKind.Ready));
        Assert.Equal("good", scsi.Run(Bytes.Hex("000000000000")).Outcome);
    }

    [Fact]
    public void AWriteProtectedUnitRefusesAllThatWrites()
    {
        using var scsi = new ScsiFixture(settings: new LogicalUnitSettings { WriteProtected = true });
        string[] writes = ["0A0000000100", "2A000000000000000100", "AA0000000000000000010000", "42000000000000001800", "41000000000000000100", "2E000000000000000100"];
        Assert.All(writes, cdb => Assert.Equal("7/2700", scsi.Run(Bytes.Hex(cdb), new byte[512]).Outcome));
        foreach (byte operationCode in (byte[])[0x8A, 0x8B, 0x8E, 0x93, 0x89, 0x9C])
        {
            Assert.Equal("7/2700", scsi.Run(Bytes.Sixteen(operationCode, 0, 1), new byte[512]).Outcome);
        }

        Assert.Equal("good", scsi.Run(Bytes.Ten(0x28, 0, 1)).Outcome);
        Assert.DoesNotContain(scsi.Volume.Log, entry => entry.Kind is not VolumeOperationKind.Read);
        Assert.Equal("90", scsi.Run(Bytes.Hex("1A003F00FF00")).Hex[4..6]);
    }

    [Fact]
    public void AChangedSizeIsToldAndInForce()
    {
        using var scsi = new ScsiFixture();
        scsi.On(scsi.First, () => scsi.Volume.Resize(100));
        Assert.Equal("6/2a09", scsi.Run(Bytes.Ten(0x28, 0, 1)).Outcome);
        Assert.Equal("0000006300000200", scsi.Run(Bytes.Hex("25000000000000000000")).Hex);
        Assert.Equal("5/2100 i100", scsi.Run(Bytes.Ten(0x28, 100, 1)).Outcome);
        Assert.Equal("6/2a09", scsi.Run(scsi.Second, Bytes.Ten(0x28, 0, 1)).Outcome);
    }

    [Theory]
    [InlineData("25000000000000000000", "000000FF00000200")]
    [InlineData("25000000000100000000", "5/2400 c2")]
    [InlineData("25000000000100000100", "000000FF00000200")] // PMI
    [InlineData("9E1000000000000000000000002000 00", "00000000000000FF 00000200 00 03 C000 00000000000000000000000000000000")]
    [InlineData("9E1000000000000000000000000C00 00", "00000000000000FF 00000200")]
    [InlineData("9E1000000000000000010000002000 00", "5/2400 c2")]
    public void Capacity(string cdb, string answer)
    {
        using var scsi = new ScsiFixture();
        TestTask task = scsi.Run(Bytes.Hex(cdb));
        Assert.Equal(answer.Replace(task.Outcome == "good" ? " " : "\0", "", StringComparison.Ordinal), task.Outcome == "good" ? task.Hex : task.Outcome);
    }
}
