using ActorSan.Scsi;
using ActorSan.Storage.Blocks;
using ActorSan.Tests.Scsi.Harness;
using Xunit;

namespace ActorSan.Tests.Scsi.Commands;

/// <summary>SANITIZE: what it leaves on the medium, what it lets through while it runs, and what it outlives.</summary>
public sealed class SanitizeTests
{
    private const int InvalidCdb = 0x5_2400;
    private const int InvalidParameter = 0x5_2600;
    private const int InProgress = 0x2_041B;
    private const int HasFailed = 0x3_3103;

    private static readonly byte[] TestUnitReady = new byte[6];
    private static readonly byte[] RequestSense = [0x03, 0, 0, 0, 252, 0];
    private static readonly byte[] BlockErase = Cdb(2);
    private static readonly byte[] ExitFailureMode = Cdb(0x1F);

    [Fact]
    public void OverwriteFillsEachBlockWithThePatternFromItsFirstByte()
    {
        using var bench = new UnitBench();
        bench.Volume.Bytes.Fill((byte)'a');
        byte[] pattern = [1, 2, 3, 4, 5];
        BenchTask task = bench.Good(bench.A, Cdb(1, 9), List(1, pattern));
        Assert.Equal(9, task.TransferBytes);
        byte[] block = [.. Enumerable.Range(0, 512).Select(i => pattern[i % 5])];
        for (int at = 0; at < bench.Volume.Bytes.Length; at += 512)
        {
            Assert.True(bench.Volume.Bytes.Slice(at, 512).SequenceEqual(block), $"the block at {at} is not the pattern");
        }

        Assert.True(bench.Volume.GetAttribute(VolumeAttribute.Sanitize).IsEmpty);
        bench.Good(bench.A, TestUnitReady);
    }

    [Theory]
    [InlineData(1, new byte[] { 0x0F })]
    [InlineData(2, new byte[] { 0xF0, 0x0F })]
    [InlineData(3, new byte[] { 0x0F, 0xF0, 0x0F })]
    public void InvertedPassesAlternateAndTheLastIsThePattern(int passes, byte[] written)
    {
        using var bench = new UnitBench();
        List<byte> seen = [];
        bench.Volume.Answer = operation =>
        {
            if (operation.Kind == VolumeOperationKind.Flush)
            {
                seen.Add(bench.Volume.Bytes[0]);
                Assert.False(bench.Volume.Bytes.ContainsAnyExcept(bench.Volume.Bytes[0]));
            }

            return VolumeStatus.Success;
        };
        bench.Good(bench.A, Cdb(1, 5), List(0x80 | passes, 0x0F));
        Assert.Equal(written, seen);
    }

    [Theory]
    [InlineData(true, VolumeOperationKind.Unmap)]
    [InlineData(false, VolumeOperationKind.WriteZeroes)]
    public void BlockEraseLeavesZeroesAndFlushesThem(bool thin, VolumeOperationKind kind)
    {
        using var bench = new UnitBench(new TestVolume(new Shared.SimulatedThread(), thin: thin));
        bench.Volume.Bytes.Fill((byte)'a');
        bench.Volume.Log.Clear();
        bench.Good(bench.A, BlockErase);
        Assert.False(bench.Volume.Bytes.ContainsAnyExcept((byte)0));
        Assert.Equal(
            [VolumeOperationKind.SetAttribute, kind, VolumeOperationKind.Flush, VolumeOperationKind.SetAttribute],
            bench.Volume.Log.Select(entry => entry.Kind));
    }

    [Fact]
    public void CryptoEraseExistsWhereTheVolumeIsEncrypted()
    {
        using var bench = new UnitBench();
        bench.Volume.Bytes.Fill((byte)'a');
        bench.Good(bench.A, Cdb(3));
        Assert.Contains(bench.Volume.Log, entry => entry.Kind == VolumeOperationKind.CryptoErase);
        Assert.False(bench.Volume.Bytes.ContainsAnyExcept((byte)0));

        using var plain = new UnitBench(new TestVolume(new Shared.SimulatedThread(), cryptoErase: false));
        Assert.Equal(0xCC0001, plain.Refused(plain.A, InvalidCdb, Cdb(3)));
    }

    [Fact]
    public void ReservedFieldsOfTheCdbAreRefusedWhereTheyAre()
    {
        using var bench = new UnitBench();
        foreach (byte action in (byte[])[1, 2, 3, 0x1F])
        {
            ushort list = action == 1 ? (ushort)5 : (ushort)0;
            byte[] zoned = Cdb(action, list);
            zoned[1] |= 0x40;
            Assert.Equal(0xCE0001, bench.Refused(bench.A, InvalidCdb, zoned, List(1, 9)));
            for (int i = 2; i <= 6; i++)
            {
                byte[] cdb = Cdb(action, list);
                cdb[i] = (byte)i;
                Assert.Equal(i, bench.Refused(bench.A, InvalidCdb, cdb, List(1, 9)) & 0xFFFF);
            }
        }

        Assert.Equal(0xCF0001, bench.Refused(bench.A, InvalidCdb, [0x48, 0x9F, 0, 0, 0, 0, 0, 0, 0, 0]));
        for (byte action = 0; action < 32; action++)
        {
            if (action is not (1 or 2 or 3 or 0x1F))
            {
                bench.Refused(bench.A, InvalidCdb, Cdb(action));
            }
        }

        Assert.DoesNotContain(bench.Volume.Log, entry => entry.Kind == VolumeOperationKind.SetAttribute);
    }

    [Theory]
    [InlineData(1, 0)]
    [InlineData(1, 4)]
    [InlineData(1, 517)]
    [InlineData(2, 8)]
    [InlineData(3, 8)]
    [InlineData(0x1F, 8)]
    public void AListOfAWrongLengthIsRefusedAtItsLengthField(byte action, ushort length)
    {
        using var bench = new UnitBench();
        Assert.Equal(0xC00007, bench.Refused(bench.A, InvalidCdb, Cdb(action, length), new byte[length]));
    }

    [Theory]
    [InlineData(new byte[] { 0x00, 0, 0, 1, 7 }, 0x8C0000)]
    [InlineData(new byte[] { 0x21, 0, 0, 1, 7 }, 0x8E0000)]
    [InlineData(new byte[] { 0x01, 1, 0, 1, 7 }, 0x800001)]
    [InlineData(new byte[] { 0x01, 0, 0, 0, 7 }, 0x800002)]
    [InlineData(new byte[] { 0x01, 0, 0, 2, 7 }, 0x800002)]
    public void ABadParameterListIsRefusedWhereItIsWrong(byte[] list, int specific)
    {
        using var bench = new UnitBench();
        Assert.Equal(specific, bench.Refused(bench.A, InvalidParameter, Cdb(1, 5), list));
    }

    [Fact]
    public void ShortDataIsAParameterListLengthError()
    {
        using var bench = new UnitBench();
        Assert.Equal(0xC00007, bench.Refused(bench.A, 0x5_1A00, Cdb(1, 9), [1, 0, 0, 5]));
    }

    [Fact]
    public void ItKeepsItsPaceTellsItsProgressAndLetsNothingElseThrough()
    {
        // 256 KiB at 64 KiB a second: four seconds.
        using var bench = Paced();
        byte[] cdb = Cdb(1, 5);
        cdb[1] |= 0x80;
        long begun = bench.Thread.NowNs;
        bench.Good(bench.A, cdb, List(1, 0xAA));
        Assert.Equal(InProgress, Code(bench.Send(bench.B, RequestSense).Data));
        bench.Refused(bench.B, InProgress, TestUnitReady);
        bench.Refused(bench.B, InProgress, [0x1B, 0, 0, 0, 1, 0]);
        bench.Refused(bench.B, InProgress, Read16(0, 1));
        bench.Refused(bench.B, InProgress, BlockErase);
        bench.Refused(bench.B, InProgress, [0x1A, 0, 0x3F, 0, 255, 0]);
        bench.Refused(bench.B, InProgress, [0x5E, 0, 0, 0, 0, 0, 0, 0, 8, 0]);
        bench.Good(bench.B, [0x12, 0, 0, 0, 96, 0]);
        bench.Good(bench.B, [0xA0, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0]);
        int before = 0;
        while (bench.Thread.FireNextTimer())
        {
            Assert.True(bench.Thread.RunToIdle(100));
            byte[] sense = bench.Send(bench.B, RequestSense).Data;
            if (Code(sense) != InProgress)
            {
                break;
            }

            int progress = (sense[16] << 8) | sense[17];
            Assert.Equal(0x80, sense[15]);
            Assert.InRange(progress, before, 65535);
            before = progress;
        }

        Assert.InRange(before, 60000, 65535);
        Assert.InRange(bench.Thread.NowNs - begun, 3_900_000_000, 4_200_000_000);
        bench.Good(bench.B, TestUnitReady);
        Assert.False(bench.Volume.Bytes.ContainsAnyExcept((byte)0xAA));
    }

    [Fact]
    public void AbortsResetsAndLogoutsDoNotEndIt()
    {
        using var bench = Paced();
        BenchTask task = bench.Send(bench.A, Cdb(1, 5), List(1, 0xAA));
        Assert.False(task.IsDone);
        Assert.Equal(TaskManagementResponse.Complete, Managed(bench, bench.A, TaskManagementFunction.AbortTask, task.Tag));
        Assert.True(task.IsDone && task.Aborted);
        BenchTask second = bench.Send(bench.A, RequestSense);
        Assert.Equal(InProgress, Code(second.Data));
        foreach (TaskManagementFunction function in (TaskManagementFunction[])[TaskManagementFunction.AbortTaskSet, TaskManagementFunction.ClearTaskSet, TaskManagementFunction.LogicalUnitReset, TaskManagementFunction.TargetWarmReset, TaskManagementFunction.TargetColdReset])
        {
            Assert.Equal(TaskManagementResponse.Complete, Managed(bench, bench.A, function, 0));
        }

        bench.Unit.Detach(bench.A, null);
        LunNexus again = bench.Attach(1);
        bench.Refused(again, InProgress, TestUnitReady);
        bench.RunOut();
        Assert.False(bench.Volume.Bytes.ContainsAnyExcept((byte)0xAA));
        bench.Good(again, TestUnitReady);
        bench.Unit.Detach(again, null);
    }

    [Fact]
    public void TheWaitingCommandEndsWithTheSanitize()
    {
        using var bench = Paced();
        BenchTask task = bench.Send(bench.A, BlockErase);
        Assert.False(task.IsDone);
        bench.RunOut();
        Assert.Equal(1, task.Completions);
        Assert.Equal(ScsiStatus.Good, task.Status);
    }

    [Fact]
    public void ARestartGoesOnFromTheLastCheckpoint()
    {
        using var bench = Paced();
        bench.Unit.Rewrite.CheckpointBytes = 64 << 10;
        BenchTask task = bench.Send(bench.A, Cdb(1, 5), List(0x82, 0x55));
        // One pass and a little more than a checkpoint of the second.
        while (bench.Volume.Log.FindAll(entry => entry.Kind == VolumeOperationKind.Write).Sum(entry => entry.Length) < (256 + 80) << 10)
        {
            Assert.True(bench.Thread.FireNextTimer());
            Assert.True(bench.Thread.RunToIdle(100));
        }

        bench.Volume.Log.Clear();
        bench.Restart();
        Assert.True(task.Aborted);
        bench.Refused(bench.A, InProgress, TestUnitReady);
        byte[] sense = bench.Send(bench.A, RequestSense).Data;
        Assert.InRange((sense[16] << 8) | sense[17], 0xA000, 0xA000 + 0x1000);
        bench.RunOut();
        Assert.Equal(64 << 10, bench.Volume.Log.First(entry => entry.Kind == VolumeOperationKind.Write).Offset);
        Assert.False(bench.Volume.Bytes.ContainsAnyExcept((byte)0x55));
        bench.Good(bench.A, TestUnitReady);
        Assert.True(bench.Volume.GetAttribute(VolumeAttribute.Sanitize).IsEmpty);
    }

    [Fact]
    public void NothingIsErasedBeforeItIsDurablyBegun()
    {
        using var bench = new UnitBench();
        bench.Volume.Bytes.Fill((byte)'a');
        bench.Volume.Holds = static operation => operation.Kind == VolumeOperationKind.SetAttribute;
        BenchTask task = bench.Send(bench.A, BlockErase);
        bench.Refused(bench.B, InProgress, TestUnitReady);
        Assert.False(task.IsDone);
        Assert.False(bench.Volume.Bytes.ContainsAnyExcept((byte)'a'));
        bench.Volume.Holds = static _ => false;
        bench.Volume.Release();
        bench.RunOut();
        Assert.Equal(ScsiStatus.Good, task.Status);
        Assert.False(bench.Volume.Bytes.ContainsAnyExcept((byte)0));
    }

    [Fact]
    public void WhatCannotBeBegunChangesNothing()
    {
        using var bench = new UnitBench();
        bench.Volume.Bytes.Fill((byte)'a');
        bench.Volume.Answer = static operation => operation.Kind == VolumeOperationKind.SetAttribute ? VolumeStatus.WriteError : VolumeStatus.Success;
        bench.Refused(bench.A, 0x3_0C00, BlockErase);
        bench.Good(bench.A, TestUnitReady);
        Assert.False(bench.Volume.Bytes.ContainsAnyExcept((byte)'a'));
    }

    [Fact]
    public void ItWaitsForTheCommandsThatWereAdmittedBefore()
    {
        using var bench = new UnitBench();
        bench.Volume.Holds = static operation => operation.Kind == VolumeOperationKind.Write;
        BenchTask write = bench.Send(bench.B, [0x2A, 0, 0, 0, 0, 1, 0, 0, 1, 0], new byte[512]);
        BenchTask sanitize = bench.Send(bench.A, BlockErase);
        Assert.DoesNotContain(bench.Volume.Log, entry => entry.Kind is VolumeOperationKind.SetAttribute or VolumeOperationKind.Unmap);
        bench.Refused(bench.B, InProgress, TestUnitReady);
        bench.Volume.Holds = static _ => false;
        bench.Volume.Release();
        bench.RunOut();
        Assert.Equal(ScsiStatus.Good, write.Status);
        Assert.Equal(ScsiStatus.Good, sanitize.Status);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void AFailureKeepsTheMediumShutOverARestartUntilItIsForgivenOrMadeGood(bool allowsExit)
    {
        using var bench = new UnitBench();
        bench.Volume.Answer = static operation => operation.Kind == VolumeOperationKind.Unmap ? VolumeStatus.WriteError : VolumeStatus.Success;
        byte[] erase = Cdb(2);
        erase[1] |= allowsExit ? (byte)0x20 : (byte)0;
        bench.Refused(bench.A, HasFailed, erase);
        bench.Refused(bench.B, HasFailed, TestUnitReady);
        bench.Restart();
        bench.Refused(bench.A, HasFailed, Read16(0, 1));
        Assert.Equal(HasFailed, Code(bench.Send(bench.A, RequestSense).Data));
        bench.Volume.Answer = static _ => VolumeStatus.Success;
        if (allowsExit)
        {
            bench.Good(bench.A, ExitFailureMode);
        }
        else
        {
            Assert.Equal(0xCC0001, bench.Refused(bench.A, InvalidCdb, ExitFailureMode));
            // A failure for good is not turned into one that may be given up.
            Assert.Equal(0xCD0001, bench.Refused(bench.A, InvalidCdb, [0x48, 0x22, 0, 0, 0, 0, 0, 0, 0, 0]));
            bench.Good(bench.A, BlockErase);
        }

        bench.Good(bench.A, TestUnitReady);
        Assert.True(bench.Volume.GetAttribute(VolumeAttribute.Sanitize).IsEmpty);
        bench.Restart();
        bench.Good(bench.A, TestUnitReady);
    }

    [Fact]
    public void ExitFailureModeWithoutAFailureIsGood()
    {
        using var bench = new UnitBench();
        bench.Good(bench.A, ExitFailureMode);
    }

    [Theory]
    [InlineData(new byte[] { 9 })]
    [InlineData(new byte[] { 2, 1, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 })]
    [InlineData(new byte[] { 1, 1, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 })]
    public void ARecordThatCannotBeReadKeepsTheMediumShut(byte[] record)
    {
        using var bench = new UnitBench();
        bench.Volume.SetAttribute(VolumeAttribute.Sanitize, record);
        bench.Restart();
        bench.Refused(bench.A, HasFailed, TestUnitReady);
        bench.Refused(bench.A, InvalidCdb, ExitFailureMode);
        bench.Good(bench.A, BlockErase);
        bench.Good(bench.A, TestUnitReady);
    }

    [Fact]
    public void AVolumeThatStopsServingInterruptsItAndItGoesOn()
    {
        using var bench = Paced();
        BenchTask task = bench.Send(bench.A, Cdb(1, 5), List(1, 0x77));
        bench.Thread.FireNextTimer();
        bench.Volume.Answer = static _ => VolumeStatus.NotReady;
        bench.Volume.Become(VolumeStateKind.Failed);
        bench.RunOut();
        Assert.False(task.IsDone);
        bench.Volume.Answer = static _ => VolumeStatus.Success;
        bench.Volume.Become(VolumeStateKind.Ready);
        bench.RunOut();
        Assert.Equal(ScsiStatus.Good, task.Status);
        Assert.False(bench.Volume.Bytes.ContainsAnyExcept((byte)0x77));
    }

    [Fact]
    public void ABusyVolumeIsAskedAgain()
    {
        using var bench = new UnitBench();
        int asked = 0;
        bench.Volume.Answer = _ => ++asked % 2 == 1 ? VolumeStatus.Busy : VolumeStatus.Success;
        BenchTask task = bench.Send(bench.A, Cdb(1, 5), List(1, 0x31));
        bench.RunOut();
        // The first record was refused with BUSY too.
        Assert.True(task.IsDone);
        Assert.Equal(ScsiStatus.Good, task.Status);
        Assert.False(bench.Volume.Bytes.ContainsAnyExcept((byte)0x31));
    }

    [Fact]
    public void AReservationOfAnotherConflictsAndWriteProtectionRefuses()
    {
        using var bench = new UnitBench();
        bench.Good(bench.B, [0x16, 0, 0, 0, 0, 0]);
        foreach (byte[] cdb in (byte[][])[Cdb(1, 5), BlockErase, Cdb(3)])
        {
            Assert.Equal(ScsiStatus.ReservationConflict, bench.Send(bench.A, cdb, List(1, 1)).Status);
        }

        bench.Good(bench.B, [0x17, 0, 0, 0, 0, 0]);
        using var guarded = new UnitBench(settings: new LogicalUnitSettings { WriteProtected = true });
        foreach (byte[] cdb in (byte[][])[Cdb(1, 5), BlockErase, Cdb(3)])
        {
            guarded.Refused(guarded.A, 0x7_2700, cdb, List(1, 1));
        }
    }

    [Fact]
    public void TheRecordHasItsGoldenBytes()
    {
        using var bench = Paced();
        byte[] cdb = Cdb(1, 7);
        cdb[1] |= 0xA0;
        bench.Good(bench.A, cdb, List(0x83, 0xDE, 0xAD, 0xBE));
        Assert.Equal(
            "01010181030000030000000000000000DEADBE",
            Convert.ToHexString(bench.Volume.GetAttribute(VolumeAttribute.Sanitize)));
        bench.RunOut();
    }

    private static UnitBench Paced() => new(settings: new LogicalUnitSettings { SanitizeMaxRateBytes = 64 << 10 });

    private static TaskManagementResponse Managed(UnitBench bench, LunNexus nexus, TaskManagementFunction function, ulong tag)
    {
        BenchOperation operation = bench.Manage(nexus, function, tag);
        Assert.True(operation.IsDone);
        bench.TakeAttentions(bench.A);
        bench.TakeAttentions(bench.B);
        return operation.Response;
    }

    private static int Code(byte[] sense) => ((sense[2] & 0xF) << 16) | (sense[12] << 8) | sense[13];

    private static byte[] Cdb(byte action, ushort list = 0) => [0x48, action, 0, 0, 0, 0, 0, (byte)(list >> 8), (byte)list, 0];

    private static byte[] List(int flags, params byte[] pattern) => [(byte)flags, 0, (byte)(pattern.Length >> 8), (byte)pattern.Length, .. pattern];

    private static byte[] Read16(byte lba, byte blocks) => [0x88, 0, 0, 0, 0, 0, 0, 0, 0, lba, 0, 0, 0, blocks, 0, 0];
}
