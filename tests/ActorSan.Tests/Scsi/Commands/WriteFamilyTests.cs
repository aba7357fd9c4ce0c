using System.Buffers.Binary;
using ActorSan.Scsi;
using ActorSan.Storage.Blocks;
using ActorSan.Tests.Scsi.Harness;
using ActorSan.Tests.Shared;
using Xunit;

namespace ActorSan.Tests.Scsi.Commands;

/// <summary>WRITE SAME, UNMAP, GET LBA STATUS, COMPARE AND WRITE, ORWRITE, WRITE ATOMIC, VERIFY, SYNCHRONIZE CACHE on a volume of 256 blocks.</summary>
public sealed class WriteFamilyTests
{
    private static readonly VolumeCapabilities Thick = new MemoryVolumeOptions().Capabilities with { Thin = false };

    private static ScsiFixture Patterned(MemoryVolumeOptions? volume = null, LogicalUnitSettings? settings = null)
    {
        var scsi = new ScsiFixture(volume, settings);
        Bytes.Pattern(256 * 512).CopyTo(scsi.Volume.Bytes);
        return scsi;
    }

    [Theory]
    [InlineData(0x41, 10, 3, 0x00, 512, "good", VolumeOperationKind.Write)]
    [InlineData(0x93, 10, 3, 0x00, 512, "good", VolumeOperationKind.Write)]
    [InlineData(0x93, 10, 0, 0x00, 512, "good", VolumeOperationKind.Write)] // to the end
    [InlineData(0x93, 10, 0, 0x01, 0, "good", VolumeOperationKind.WriteZeroes)] // NDOB
    [InlineData(0x93, 10, 3, 0x09, 0, "good", VolumeOperationKind.WriteZeroes)]
    [InlineData(0x93, 10, 3, 0x08, 512, "good", VolumeOperationKind.Write)] // UNMAP, but the block isn't zero
    [InlineData(0x41, 10, 3, 0x08, 512, "good", VolumeOperationKind.WriteZeroes)]
    [InlineData(0x93, 10, 3, 0x20, 512, "5/2400 c1.7", VolumeOperationKind.None)]
    [InlineData(0x93, 10, 3, 0x10, 512, "5/2400 c1.4", VolumeOperationKind.None)] // ANCHOR
    [InlineData(0x93, 10, 3, 0x18, 512, "5/2400 c1.4", VolumeOperationKind.None)]
    [InlineData(0x93, 255, 2, 0x00, 512, "5/2100 i256", VolumeOperationKind.None)]
    [InlineData(0x93, 257, 0, 0x01, 0, "5/2100 i257", VolumeOperationKind.None)]
    [InlineData(0x93, 10, 3, 0x00, 511, "5/0e03", VolumeOperationKind.None)]
    [InlineData(0x93, 10, 3, 0x00, 1024, "5/0e03", VolumeOperationKind.None)]
    [InlineData(0x93, 10, 3, 0x01, 512, "5/0e03", VolumeOperationKind.None)]
    public void WriteSame(byte operationCode, int lba, int blocks, byte flags, int sent, string outcome, VolumeOperationKind how)
    {
        using ScsiFixture scsi = Patterned();
        byte[] expected = scsi.Volume.Bytes.ToArray();
        byte[] block = Bytes.Pattern(sent, seed: 7);
        byte[] cdb = operationCode == 0x41 ? Bytes.Ten(0x41, (uint)lba, (ushort)blocks, flags) : Bytes.Sixteen(0x93, (ulong)lba, (uint)blocks, flags);
        TestTask task = scsi.Run(cdb, block);
        Assert.Equal(outcome, task.Outcome);
        for (int i = lba; outcome == "good" && i < (blocks == 0 ? 256 : lba + blocks); i++)
        {
            (how == VolumeOperationKind.Write ? block : new byte[512]).CopyTo(expected.AsSpan(i * 512));
        }

        Assert.True(scsi.Volume.Bytes.SequenceEqual(expected));
        Assert.All(scsi.Volume.Log, entry => Assert.Equal(how, entry.Kind));
        Assert.Equal(how == VolumeOperationKind.None, scsi.Volume.Log.Count == 0);
    }

    [Fact]
    public void WriteSameOfMuchIsDoneInPiecesAndAnAbortEndsItBetweenTwo()
    {
        using var scsi = new ScsiFixture(new MemoryVolumeOptions { Blocks = 4096 });
        scsi.Volume.Holds = true;
        TestTask task = scsi.Send(scsi.First, Bytes.Sixteen(0x93, 0, 0), Bytes.Pattern(512));
        scsi.Release(scsi.Volume, 2);
        scsi.Manage(scsi.First, TaskManagementFunction.AbortTaskSet);
        Assert.Equal("pending", task.Outcome);
        scsi.Release(scsi.Volume);
        Assert.Equal("aborted", task.Outcome);
        Assert.Equal(3, scsi.Volume.Log.Count);
    }

    public static TheoryData<string, string> Unmaps() => new()
    {
        { "0000 0000 00000000", "good" },
        { "0006 0000 00000000", "good" },
        { "0016 0010 00000000 000000000000000A 00000003 00000000", "good" },
        { "0026 0020 00000000 000000000000000A 00000003 00000000 0000000000000020 00000000 00000000", "good" },
        { "0016 0010 00000000 00000000000000FF 00000002 00000000", "5/2100 i256" },
        { "0026 0020 00000000 000000000000000A 00000003 00000000 00000000000000FF 00000002 00000000", "5/2100 i256" },
        { "0016 0020 00000000 000000000000000A 00000003 00000000", "5/1a00 c7" },
        { "0016", "5/1a00 c7" },
        { "0016 0010 00000000 0000000000000000 00000081 00000000", "5/2600 p16" },
        { "", "good" },
    };

    [Theory]
    [MemberData(nameof(Unmaps))]
    public void Unmap(string list, string outcome)
    {
        using ScsiFixture scsi = Patterned(settings: new LogicalUnitSettings { MaxUnmapBytes = 128 * 512 });
        byte[] before = scsi.Volume.Bytes.ToArray();
        byte[] data = Bytes.Hex(list);
        byte[] cdb = new byte[10];
        cdb[0] = 0x42;
        cdb[8] = (byte)data.Length;
        Assert.Equal(outcome, scsi.Run(cdb, data).Outcome);
        if (outcome == "good" && data.Length > 8)
        {
            before.AsSpan(10 * 512, 3 * 512).Clear();
        }

        Assert.True(scsi.Volume.Bytes.SequenceEqual(before));
        cdb[1] = 1;
        Assert.Equal("5/2400 c1.0", scsi.Run(cdb, data).Outcome);
    }

    [Fact]
    public void AThickVolumeKnowsNoUnmap()
    {
        using var scsi = new ScsiFixture(new MemoryVolumeOptions { Capabilities = Thick });
        Assert.Equal("5/2000 c0", scsi.Run(Bytes.Hex("42000000000000001800"), new byte[24]).Outcome);
        Assert.Equal("5/2400 c1.3", scsi.Run(Bytes.Sixteen(0x93, 0, 1, 0x08), new byte[512]).Outcome);
        Assert.Equal("good", scsi.Run(Bytes.Sixteen(0x93, 0, 1), new byte[512]).Outcome);
        Assert.Equal("01", scsi.Run(Bytes.Hex("A30C0342000000000400 0000")).Hex[2..4]);
    }

    [Fact]
    public void LbaStatusIsToldRunByRun()
    {
        using var scsi = new ScsiFixture();
        Assert.Equal("00000014 00000000 000000000000000A 000000F6 01000000".Replace(" ", "", StringComparison.Ordinal), scsi.Run(Bytes.Sixteen(0x9E, 10, 1024, 0x12)).Hex);
        scsi.Volume.Bytes[^1] = 1;
        Assert.Equal("00000014 00000000 0000000000000000 00000100 00000000".Replace(" ", "", StringComparison.Ordinal), scsi.Run(Bytes.Sixteen(0x9E, 0, 24, 0x12)).Hex);
        Assert.Equal("00000014", scsi.Run(Bytes.Sixteen(0x9E, 0, 4, 0x12)).Hex);
        Assert.Equal("5/2100 i256", scsi.Run(Bytes.Sixteen(0x9E, 256, 24, 0x12)).Outcome);
    }

    private static byte[] CompareCdb(ulong lba, byte blocks, byte flags = 0)
    {
        byte[] cdb = Bytes.Sixteen(0x89, lba, blocks, flags);
        return cdb;
    }

    [Theory]
    [InlineData(10, 1, 0x00, -1, 1024, "good")]
    [InlineData(10, 16, 0x08, -1, 16384, "good")]
    [InlineData(10, 2, 0x00, 700, 2048, "e/1d00 i700")]
    [InlineData(10, 0, 0x00, -1, 0, "good")]
    [InlineData(10, 0, 0x00, -1, 1024, "5/2400 c13")]
    [InlineData(10, 200, 0x00, -1, 204800, "good")]
    [InlineData(10, 255, 0x00, -1, 0, "5/2100 i256")]
    [InlineData(10, 1, 0x20, -1, 1024, "5/2400 c1.7")]
    [InlineData(10, 2, 0x00, -1, 1024, "5/0e03")]
    [InlineData(10, 2, 0x00, -1, 2560, "5/0e03")]
    public void CompareAndWrite(ulong lba, byte blocks, byte flags, int difference, int sent, string outcome)
    {
        using ScsiFixture scsi = Patterned();
        byte[] before = scsi.Volume.Bytes.ToArray();
        byte[] data = Bytes.Pattern(sent, seed: 9);
        int half = Math.Min(blocks * 512, sent);
        before.AsSpan((int)lba * 512, half).CopyTo(data);
        if (difference >= 0)
        {
            data[difference] ^= 0x40;
        }

        Assert.Equal(outcome, scsi.Run(CompareCdb(lba, blocks, flags), data).Outcome);
        if (outcome == "good")
        {
            data.AsSpan(half).CopyTo(before.AsSpan((int)lba * 512));
        }

        Assert.True(scsi.Volume.Bytes.SequenceEqual(before));
        Assert.All(scsi.Volume.Log, entry => Assert.Equal((VolumeOperationKind.CompareAndWrite, (flags & 8) != 0), (entry.Kind, entry.Durable)));
    }

    [Theory]
    [InlineData(10, 2, 0, 1024, "good")]
    [InlineData(255, 2, 0, 1024, "5/2100 i256")]
    [InlineData(10, 0, 0, 0, "good")]
    [InlineData(10, 2, 0x20, 1024, "5/2400 c1.7")]
    public void OrWrite(ulong lba, uint blocks, byte flags, int sent, string outcome)
    {
        using ScsiFixture scsi = Patterned();
        byte[] before = scsi.Volume.Bytes.ToArray();
        byte[] data = Bytes.Pattern(sent, seed: 3);
        Assert.Equal(outcome, scsi.Run(Bytes.Sixteen(0x8B, lba, blocks, flags), data).Outcome);
        for (int i = 0; outcome == "good" && i < sent; i++)
        {
            before[((int)lba * 512) + i] |= data[i];
        }

        Assert.True(scsi.Volume.Bytes.SequenceEqual(before));
    }

    [Theory]
    [InlineData(8, 8, 0, 0, 4096, "good")]
    [InlineData(8, 256, 0, 0, 0, "5/2100 i256")]
    [InlineData(8, 9, 0, 0, 4608, "5/2400 c12")]
    [InlineData(9, 8, 0, 0, 4096, "5/2400 c2")]
    [InlineData(8, 8, 1, 0, 4096, "5/2400 c10")]
    [InlineData(8, 8, 0, 0, 4095, "5/0e03")]
    [InlineData(8, 8, 0, 0x20, 4096, "5/2400 c1.7")]
    [InlineData(8, 0, 0, 0, 0, "good")]
    public void WriteAtomic(ulong lba, ushort blocks, ushort boundary, byte flags, int sent, string outcome)
    {
        using ScsiFixture scsi = Patterned();
        byte[] before = scsi.Volume.Bytes.ToArray();
        byte[] cdb = Bytes.Sixteen(0x9C, lba, 0, flags);
        BinaryPrimitives.WriteUInt16BigEndian(cdb.AsSpan(10), boundary);
        BinaryPrimitives.WriteUInt16BigEndian(cdb.AsSpan(12), blocks);
        byte[] data = Bytes.Pattern(sent, seed: 4);
        Assert.Equal(outcome, scsi.Run(cdb, data).Outcome);
        if (outcome == "good")
        {
            data.CopyTo(before.AsSpan((int)lba * 512));
        }

        Assert.True(scsi.Volume.Bytes.SequenceEqual(before));
    }

    [Theory]
    [InlineData(0x00, 10, 2, 0, -1, "good")]
    [InlineData(0x00, 255, 2, 0, -1, "5/2100 i256")]
    [InlineData(0x02, 10, 2, 1024, -1, "good")]
    [InlineData(0x02, 10, 2, 1024, 513, "e/1d00 i513")]
    [InlineData(0x02, 10, 2, 512, -1, "5/0e03")]
    [InlineData(0x02, 10, 0, 0, -1, "good")]
    [InlineData(0x06, 30, 2, 512, -1, "good")] // one block against each of two that are alike
    [InlineData(0x06, 30, 3, 512, -1, "e/1d00 i1024")] // the third is another
    [InlineData(0x06, 30, 2, 512, 5, "e/1d00 i5")]
    [InlineData(0x06, 30, 2, 1024, -1, "5/0e03")]
    [InlineData(0x04, 10, 2, 0, -1, "5/2400 c1.2")] // BYTCHK 10b
    [InlineData(0x20, 10, 2, 0, -1, "5/2400 c1.7")]
    public void VerifyInItsThreeLengths(byte flags, uint lba, ushort blocks, int sent, int difference, string outcome)
    {
        foreach (int length in (int[])[10, 12, 16])
        {
            using ScsiFixture scsi = Patterned();
            scsi.Volume.Bytes.Slice(30 * 512, 512).CopyTo(scsi.Volume.Bytes[(31 * 512)..]);
            scsi.Volume.Bytes.Slice(30 * 512, 512).CopyTo(scsi.Volume.Bytes[(32 * 512)..]);
            scsi.Volume.Bytes[32 * 512] ^= 1;
            byte[] data = scsi.Volume.Bytes.Slice((int)lba * 512, Math.Min(sent, (256 - (int)lba) * 512)).ToArray();
            if (difference >= 0)
            {
                data[difference] ^= 0x40;
            }

            byte[] cdb = length switch
            {
                10 => Bytes.Ten(0x2F, lba, blocks, flags),
                12 => Bytes.Twelve(0xAF, lba, blocks, flags),
                _ => Bytes.Sixteen(0x8F, lba, blocks, flags),
            };
            Assert.Equal(outcome, scsi.Run(cdb, data).Outcome);
            Assert.DoesNotContain(scsi.Volume.Log, entry => entry.Kind != VolumeOperationKind.Read);
        }
    }

    [Theory]
    [InlineData(0x00, "good")]
    [InlineData(0x02, "good")]
    [InlineData(0x04, "5/2400 c1.2")]
    [InlineData(0x06, "5/2400 c1.2")]
    [InlineData(0x20, "5/2400 c1.7")]
    public void WriteAndVerifyReachesTheMediumAndReadsIt(byte flags, string outcome)
    {
        foreach (byte[] cdb in (byte[][])[Bytes.Ten(0x2E, 9, 2, flags), Bytes.Twelve(0xAE, 9, 2, flags), Bytes.Sixteen(0x8E, 9, 2, flags)])
        {
            using ScsiFixture scsi = Patterned();
            byte[] data = Bytes.Pattern(1024, seed: 5);
            TestTask task = scsi.Run(cdb, data);
            Assert.Equal(outcome, task.Outcome);
            if (outcome == "good")
            {
                Assert.True(scsi.Volume.Bytes.Slice(9 * 512, 1024).SequenceEqual(data));
                Assert.Equal([(VolumeOperationKind.Write, true), (VolumeOperationKind.Read, true)], scsi.Volume.Log.Select(entry => (entry.Kind, entry.Durable)));
                Assert.Equal(1024, task.TransferBytes);
            }
        }
    }

    [Fact]
    public void AMediumThatDoesNotReadFailsTheVerification()
    {
        using ScsiFixture scsi = Patterned();
        scsi.Volume.FailNext(VolumeOperationKind.Read, VolumeStatus.ReadError);
        Assert.Equal("3/1100 i9", scsi.Run(Bytes.Ten(0x2F, 9, 2)).Outcome);
    }

    [Theory]
    [InlineData("35000000000000000000", 1, "good")]
    [InlineData("35020000000000000000", 1, "good")]
    [InlineData("35000000010000000000", 1, "good")]
    [InlineData("35000000010100000000", 0, "5/2100 i257")]
    [InlineData("91000000000000000000000000000000", 1, "good")]
    [InlineData("34000000000000000100", 0, "ConditionMet")]
    [InlineData("34000000010000000100", 0, "5/2100 i256")]
    [InlineData("90000000000000000000000000010000", 0, "ConditionMet")]
    public void CachesAreFlushed(string cdb, int flushes, string outcome)
    {
        using var scsi = new ScsiFixture();
        Assert.Equal(outcome, scsi.Run(Bytes.Hex(cdb)).Outcome);
        Assert.Equal(flushes, scsi.Volume.Log.Count(entry => entry.Kind == VolumeOperationKind.Flush));
    }

    [Fact]
    public void SynchronizeCacheEndsWithTheFlushOrBeforeItWhenImmediate()
    {
        using var scsi = new ScsiFixture();
        scsi.Volume.Holds = true;
        TestTask waits = scsi.Send(scsi.First, Bytes.Hex("35000000000000000000"));
        TestTask immediate = scsi.Send(scsi.First, Bytes.Hex("35020000000000000000"));
        Assert.Equal(("pending", "good"), (waits.Outcome, immediate.Outcome));
        Assert.Equal(2, scsi.Volume.HeldCount);
        scsi.Volume.Holds = false;
        scsi.Volume.FailNext(VolumeOperationKind.Flush, VolumeStatus.WriteError);
        scsi.Release(scsi.Volume);
        Assert.Equal("3/0c00 i0", waits.Outcome);
    }
}
