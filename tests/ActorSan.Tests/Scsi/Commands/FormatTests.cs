using ActorSan.Scsi;
using ActorSan.Storage.Blocks;
using ActorSan.Tests.Scsi.Harness;
using Xunit;

namespace ActorSan.Tests.Scsi.Commands;

public sealed class FormatTests
{
    private const int InvalidCdb = 0x5_2400;
    private const int InvalidParameter = 0x5_2600;
    private const int InProgress = 0x2_0404;

    private static readonly byte[] TestUnitReady = new byte[6];
    private static readonly byte[] WithList = [0x04, 0x10, 0, 0, 0, 0];
    private static readonly byte[] WithLongList = [0x04, 0x30, 0, 0, 0, 0];

    [Theory]
    [InlineData(new byte[] { 0x04, 0, 0, 0, 0, 0 }, new byte[0])]
    [InlineData(new byte[] { 0x04, 0x10, 0, 0, 0, 0 }, new byte[] { 0, 0, 0, 0 })]
    [InlineData(new byte[] { 0x04, 0x18, 0, 0, 0, 0 }, new byte[] { 0, 0xF0, 0, 0 })]
    [InlineData(new byte[] { 0x04, 0x1D, 0, 0, 0, 0 }, new byte[] { 0, 0x80, 0, 0 })]
    [InlineData(new byte[] { 0x04, 0x30, 0, 0, 0, 0 }, new byte[] { 0, 0, 0, 0, 0, 0, 0, 0 })]
    [InlineData(new byte[] { 0x04, 0x10, 0, 0, 0, 0 }, new byte[] { 0, 0x88, 0, 0, 0, 0, 0, 0 })]
    public void TheDefaultFormatLeavesZeroesThatAreUnmapped(byte[] cdb, byte[] list)
    {
        using var bench = new UnitBench();
        bench.Volume.Bytes.Fill((byte)'a');
        Assert.Equal(list.Length, bench.Good(bench.A, cdb, list).TransferBytes);
        Assert.False(bench.Volume.Bytes.ContainsAnyExcept((byte)0));
        Assert.Contains(bench.Volume.Log, entry => entry.Kind == VolumeOperationKind.Unmap);
        bench.Good(bench.A, TestUnitReady);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AnInitializationPatternFillsEachBlock(bool longHeader)
    {
        using var bench = new UnitBench();
        byte[] header = longHeader ? [0, 0x88, 0, 0, 0, 0, 0, 0] : [0, 0x88, 0, 0];
        BenchTask task = bench.Good(bench.A, longHeader ? WithLongList : WithList, [.. header, 0x00, 0x01, 0x00, 0x02, 0xBE, 0xEF]);
        Assert.Equal(header.Length + 6, task.TransferBytes);
        Assert.Equal(Convert.FromHexString("BEEFBEEF"), bench.Volume.Bytes[^4..].ToArray());
    }

    [Theory]
    [InlineData(new byte[] { 0x04, 0x40, 0, 0, 0, 0 }, 0xCF0001)]
    [InlineData(new byte[] { 0x04, 0x90, 0, 0, 0, 0 }, 0xCF0001)]
    [InlineData(new byte[] { 0x04, 0x05, 0, 0, 0, 0 }, 0xCA0001)]
    [InlineData(new byte[] { 0x04, 0x16, 0, 0, 0, 0 }, 0xCA0001)]
    [InlineData(new byte[] { 0x04, 0x10, 0, 0, 0x01, 0 }, 0xC80004)]
    [InlineData(new byte[] { 0x04, 0x10, 0, 0, 0x02, 0 }, 0xC90004)]
    public void ABadCdbIsRefusedWhereItIsWrong(byte[] cdb, int specific)
    {
        using var bench = new UnitBench();
        Assert.Equal(specific, bench.Refused(bench.A, InvalidCdb, cdb, new byte[4]));
    }

    [Theory]
    [InlineData(false, new byte[] { 0x01, 0, 0, 0 }, 0x8A0000)]
    [InlineData(false, new byte[] { 0, 0x20, 0, 0 }, 0x8D0001)]
    [InlineData(false, new byte[] { 0, 0x08, 0, 0 }, 0x8B0001)]
    [InlineData(false, new byte[] { 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 1 }, 0x800002)]
    [InlineData(true, new byte[] { 0, 0, 0, 0, 0, 0, 0, 8 }, 0x800004)]
    [InlineData(true, new byte[] { 0, 0, 0, 0x03, 0, 0, 0, 0 }, 0x890003)]
    [InlineData(false, new byte[] { 0, 0x88, 0, 0, 0x40, 0, 0, 0 }, 0x8F0004)]
    [InlineData(false, new byte[] { 0, 0x88, 0, 0, 0x20, 0, 0, 0 }, 0x8D0004)]
    [InlineData(false, new byte[] { 0, 0x88, 0, 0, 0, 0x02, 0, 0 }, 0x800005)]
    [InlineData(false, new byte[] { 0, 0x88, 0, 0, 0, 0x00, 0, 1, 9 }, 0x800006)]
    [InlineData(false, new byte[] { 0, 0x88, 0, 0, 0, 0x01, 0, 0 }, 0x800006)]
    [InlineData(true, new byte[] { 0, 0x88, 0, 0, 0, 0, 0, 0, 0, 0x01, 0x02, 0x01, 9 }, 0x80000A)]
    public void ABadParameterListIsRefusedWhereItIsWrong(bool longHeader, byte[] list, int specific)
    {
        using var bench = new UnitBench();
        Assert.Equal(specific, bench.Refused(bench.A, InvalidParameter, longHeader ? WithLongList : WithList, list));
        Assert.DoesNotContain(bench.Volume.Log, entry => entry.Kind == VolumeOperationKind.SetAttribute);
    }

    [Theory]
    [InlineData(false, new byte[0])]
    [InlineData(false, new byte[] { 0, 0, 0 })]
    [InlineData(true, new byte[] { 0, 0, 0, 0 })]
    [InlineData(false, new byte[] { 0, 0x88, 0, 0, 0, 1 })]
    [InlineData(false, new byte[] { 0, 0x88, 0, 0, 0, 1, 0, 4, 1, 2 })]
    public void AListThatIsCutShortIsRefused(bool longHeader, byte[] list)
    {
        using var bench = new UnitBench();
        bench.Refused(bench.A, 0x5_1A00, longHeader ? WithLongList : WithList, list);
    }

    [Fact]
    public void WithImmedItGoesOnBehindItsAnswerAndTellsItsProgress()
    {
        using var bench = new UnitBench();
        bench.Volume.Holds = static operation => operation.Kind == VolumeOperationKind.Unmap;
        bench.Good(bench.A, WithList, [0, 0x02, 0, 0]);
        bench.Refused(bench.B, InProgress, TestUnitReady);
        bench.Refused(bench.B, InProgress, [0x04, 0, 0, 0, 0, 0]);
        bench.Refused(bench.B, InProgress, [0x48, 2, 0, 0, 0, 0, 0, 0, 0, 0]);
        byte[] sense = bench.Send(bench.A, [0x03, 0, 0, 0, 252, 0]).Data;
        Assert.Equal("70000200000000 0A00000000 0404 00 800000".Replace(" ", "", StringComparison.Ordinal), Convert.ToHexString(sense));
        bench.Volume.Holds = static _ => false;
        bench.Volume.Release();
        bench.RunOut();
        bench.Good(bench.B, TestUnitReady);
    }

    [Fact]
    public void ARestartGoesOnWithIt()
    {
        using var bench = new UnitBench();
        bench.Volume.Bytes.Fill((byte)'a');
        bench.Volume.Answer = static operation => operation.Kind == VolumeOperationKind.Unmap ? VolumeStatus.Busy : VolumeStatus.Success;
        bench.Good(bench.A, WithList, [0, 0x02, 0, 0]);
        bench.Restart();
        bench.Refused(bench.A, InProgress, TestUnitReady);
        bench.Volume.Answer = static _ => VolumeStatus.Success;
        bench.RunOut();
        bench.Good(bench.A, TestUnitReady);
        Assert.False(bench.Volume.Bytes.ContainsAnyExcept((byte)0));
    }

    [Fact]
    public void AFailedFormatLeavesACorruptMediumUntilAnotherOneSucceeds()
    {
        using var bench = new UnitBench();
        bench.Volume.Answer = static operation => operation.Kind == VolumeOperationKind.Unmap ? VolumeStatus.WriteError : VolumeStatus.Success;
        bench.Refused(bench.A, 0x3_3101, [0x04, 0, 0, 0, 0, 0]);
        bench.Refused(bench.B, 0x3_3100, TestUnitReady);
        bench.Restart();
        bench.Refused(bench.A, 0x3_3100, [0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
        bench.Volume.Answer = static _ => VolumeStatus.Success;
        bench.Good(bench.A, [0x48, 0x1F, 0, 0, 0, 0, 0, 0, 0, 0]);
        bench.Refused(bench.A, 0x3_3100, TestUnitReady);
        bench.Good(bench.A, [0x04, 0, 0, 0, 0, 0]);
        bench.Good(bench.A, TestUnitReady);
    }

    [Fact]
    public void AReservationOfAnotherConflictsAndWriteProtectionRefuses()
    {
        using var bench = new UnitBench();
        bench.Good(bench.B, [0x16, 0, 0, 0, 0, 0]);
        Assert.Equal(ScsiStatus.ReservationConflict, bench.Send(bench.A, [0x04, 0, 0, 0, 0, 0]).Status);
        bench.Good(bench.B, [0x17, 0, 0, 0, 0, 0]);
        using var guarded = new UnitBench(settings: new LogicalUnitSettings { WriteProtected = true });
        guarded.Refused(guarded.A, 0x7_2700, [0x04, 0, 0, 0, 0, 0]);
    }
}
