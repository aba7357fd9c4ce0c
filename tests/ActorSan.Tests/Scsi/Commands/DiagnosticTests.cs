using ActorSan.Scsi;
using ActorSan.Storage.Blocks;
using ActorSan.Tests.Scsi.Harness;
using Xunit;

namespace ActorSan.Tests.Scsi.Commands;

public sealed class DiagnosticTests
{
    private const int InvalidCdb = 0x5_2400;
    private const int Testing = 0x2_0409;

    private static readonly byte[] TestUnitReady = new byte[6];
    private static readonly byte[] RequestSense = [0x03, 0, 0, 0, 252, 0];

    [Fact]
    public void TheDefaultSelfTestReadsFromTheFirstToTheLastBlockAndLeavesNoLine()
    {
        using var bench = new UnitBench();
        bench.Volume.Log.Clear();
        bench.Good(bench.A, [0x1D, 0x04, 0, 0, 0, 0]);
        List<long> read = [.. bench.Volume.Log.Where(entry => entry.Kind == VolumeOperationKind.Read).Select(entry => entry.Offset)];
        Assert.Equal(0, read[0]);
        Assert.Equal(bench.Volume.Bytes.Length - 512, read[^1]);
        Assert.InRange(read.Count, 60, 70);
        Assert.Equal(read.Order(), read);
        Assert.All(Results(bench), line => Assert.Equal(0, line[4]));
    }

    [Fact]
    public void TheExtendedSelfTestReadsEverything()
    {
        using var bench = new UnitBench();
        bench.Volume.Log.Clear();
        bench.Good(bench.A, SelfTest(6));
        Assert.Equal(bench.Volume.Bytes.Length, bench.Volume.Log.Where(entry => entry.Kind == VolumeOperationKind.Read).Sum(entry => entry.Length));
        Assert.Equal(0xC0, Results(bench)[0][4]);
    }

    [Fact]
    public void InTheForegroundItHasTheUnitForItself()
    {
        using var bench = Held();
        BenchTask task = bench.Send(bench.A, SelfTest(5));
        Assert.False(task.IsDone);
        bench.Refused(bench.B, Testing, TestUnitReady);
        bench.Refused(bench.B, Testing, [0x2A, 0, 0, 0, 0, 0, 0, 0, 1, 0], new byte[512]);
        bench.Refused(bench.B, Testing, SelfTest(1));
        bench.Good(bench.B, [0x12, 0, 0, 0, 96, 0]);
        Assert.Equal(Testing, Code(bench.Send(bench.B, RequestSense).Data));
        LetGo(bench);
        Assert.Equal(ScsiStatus.Good, task.Status);
        bench.Good(bench.B, TestUnitReady);
        Assert.Equal(0xA0, Results(bench)[0][4]);
    }

    [Fact]
    public void InTheBackgroundOthersGoOnAndItCanBeAborted()
    {
        using var bench = Held();
        bench.Good(bench.A, SelfTest(2));
        bench.Good(bench.B, TestUnitReady);
        bench.Good(bench.B, [0x2A, 0, 0, 0, 0, 0, 0, 0, 1, 0], new byte[512]);
        Assert.Equal(Testing, Code(bench.Send(bench.B, RequestSense).Data));
        Assert.Equal(0x4F, Results(bench)[0][4]);
        bench.Refused(bench.B, Testing, SelfTest(1));
        bench.Refused(bench.B, Testing, [0x1D, 0x04, 0, 0, 0, 0]);
        bench.Good(bench.B, SelfTest(4));
        Assert.Equal(0x41, Results(bench)[0][4]);
        // Its last read is still in flight; the next test begins behind it.
        bench.Good(bench.A, SelfTest(1));
        LetGo(bench);
        Assert.Equal(0x20, Results(bench)[0][4]);
        Assert.Equal(0x41, Results(bench)[1][4]);
    }

    [Fact]
    public void AbortsAndResetsEndIt()
    {
        using var bench = Held();
        BenchTask task = bench.Send(bench.A, SelfTest(6));
        bench.Manage(bench.A, TaskManagementFunction.AbortTask, task.Tag);
        Assert.True(task.Aborted);
        bench.Good(bench.B, TestUnitReady);
        Assert.Equal(0xC2, Results(bench)[0][4]);
        bench.Good(bench.A, SelfTest(2));
        bench.Manage(bench.A, TaskManagementFunction.LogicalUnitReset);
        bench.TakeAttentions(bench.A);
        bench.TakeAttentions(bench.B);
        Assert.Equal(0x42, Results(bench)[0][4]);
        bench.Volume.Release();
    }

    [Fact]
    public void ASanitizeEndsIt()
    {
        using var bench = Held();
        bench.Good(bench.A, SelfTest(2));
        BenchTask sanitize = bench.Send(bench.A, [0x48, 2, 0, 0, 0, 0, 0, 0, 0, 0]);
        LetGo(bench);
        Assert.Equal(ScsiStatus.Good, sanitize.Status);
        Assert.Equal(0x42, Results(bench)[0][4]);
    }

    [Theory]
    [InlineData(VolumeStatus.ReadError, 0xC7, "0000000000000000 031100")]
    [InlineData(VolumeStatus.NotReady, 0xC3, "FFFFFFFFFFFFFFFF 000000")]
    public void AFailureIsAHardwareErrorWithItsPlaceInTheLog(VolumeStatus status, byte result, string rest)
    {
        using var bench = new UnitBench();
        bench.Volume.Answer = operation => operation.Kind == VolumeOperationKind.Read ? status : VolumeStatus.Success;
        bench.Refused(bench.A, 0x4_3E03, SelfTest(6));
        byte[] line = Results(bench)[0];
        Assert.Equal(result, line[4]);
        Assert.Equal(rest.Replace(" ", "", StringComparison.Ordinal), Convert.ToHexString(line[8..19]));
        bench.Good(bench.A, TestUnitReady);
    }

    [Fact]
    public void TwentyResultsAreKeptTheNewestFirst()
    {
        using var bench = new UnitBench();
        for (int i = 0; i < 21; i++)
        {
            bench.Good(bench.A, SelfTest(5));
        }

        bench.Good(bench.A, SelfTest(6));
        byte[][] lines = Results(bench);
        Assert.Equal(20, lines.Length);
        Assert.Equal(0xC0, lines[0][4]);
        Assert.All(lines[1..], line => Assert.Equal(0xA0, line[4]));
        Assert.Equal(Enumerable.Range(1, 20), lines.Select(line => (line[0] << 8) | line[1]));
    }

    [Theory]
    [InlineData(new byte[] { 0x1D, 0x24, 0, 0, 0, 0 }, 0xCF0001)]
    [InlineData(new byte[] { 0x1D, 0x60, 0, 0, 0, 0 }, 0xCF0001)]
    [InlineData(new byte[] { 0x1D, 0xE0, 0, 0, 0, 0 }, 0xCF0001)]
    [InlineData(new byte[] { 0x1D, 0x80, 0, 0, 0, 0 }, 0xCF0001)]
    [InlineData(new byte[] { 0x1D, 0x04, 0, 0, 4, 0 }, 0xC00003)]
    [InlineData(new byte[] { 0x1D, 0xA0, 0, 0, 4, 0 }, 0xC00003)]
    [InlineData(new byte[] { 0x1D, 0x00, 0, 0, 4, 0 }, 0xCC0001)]
    public void ABadCdbIsRefusedWhereItIsWrong(byte[] cdb, int specific)
    {
        using var bench = new UnitBench();
        Assert.Equal(specific, bench.Refused(bench.A, InvalidCdb, cdb, new byte[4]));
    }

    [Fact]
    public void TheSupportedPagesPageIsTheOnlyDiagnosticPage()
    {
        using var bench = new UnitBench();
        bench.Good(bench.A, [0x1D, 0x10, 0, 0, 0, 0]);
        bench.Good(bench.A, [0x1D, 0x10, 0, 0, 4, 0], new byte[4]);
        Assert.Equal(0x800000, bench.Refused(bench.A, 0x5_2600, [0x1D, 0x10, 0, 0, 4, 0], [0x40, 0, 0, 0]));
        Assert.Equal(0x800002, bench.Refused(bench.A, 0x5_2600, [0x1D, 0x10, 0, 0, 5, 0], [0, 0, 0, 1, 0]));
        Assert.Equal(0xC00003, bench.Refused(bench.A, 0x5_1A00, [0x1D, 0x10, 0, 0, 4, 0], [0, 0]));
        Assert.Equal("0000000100", Convert.ToHexString(bench.Good(bench.A, [0x1C, 0x01, 0, 0, 64, 0]).Data));
        Assert.Equal("0000000100", Convert.ToHexString(bench.Good(bench.A, [0x1C, 0, 0, 0, 64, 0]).Data));
        Assert.Equal("0000", Convert.ToHexString(bench.Good(bench.A, [0x1C, 0x01, 0, 0, 2, 0]).Data));
        Assert.Equal(0xC00002, bench.Refused(bench.A, InvalidCdb, [0x1C, 0x01, 0x40, 0, 64, 0]));
    }

    [Theory]
    [InlineData(new byte[] { 0x37, 0, 0x18, 0, 0, 0, 0, 0, 32, 0 }, "00180000")]
    [InlineData(new byte[] { 0x37, 0, 0x0D, 0, 0, 0, 0, 0, 32, 0 }, "000D0000")]
    [InlineData(new byte[] { 0x37, 0, 0x00, 0, 0, 0, 0, 0, 32, 0 }, "00000000")]
    [InlineData(new byte[] { 0x37, 0, 0x18, 0, 0, 0, 0, 0, 2, 0 }, "0018")]
    [InlineData(new byte[] { 0xB7, 0x1B, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0 }, "001B000000000000")]
    [InlineData(new byte[] { 0xB7, 0x08, 0, 0, 0, 9, 0, 0, 0, 6, 0, 0 }, "000800000000")]
    public void DefectListsAreValidAndEmpty(byte[] cdb, string data)
    {
        using var bench = new UnitBench();
        Assert.Equal(data, Convert.ToHexString(bench.Good(bench.A, cdb).Data));
    }

    [Fact]
    public void UnknownDefectFormatsAreRefused()
    {
        using var bench = new UnitBench();
        Assert.Equal(0xCA0002, bench.Refused(bench.A, InvalidCdb, [0x37, 0, 0x06, 0, 0, 0, 0, 0, 32, 0]));
        Assert.Equal(0xCA0001, bench.Refused(bench.A, InvalidCdb, [0xB7, 0x07, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0]));
    }

    [Fact]
    public void EachNexusHasItsOwnEchoBuffer()
    {
        using var bench = new UnitBench();
        bench.Refused(bench.A, 0x5_2C00, Buffer(0x3C, 0x0A, 8));
        bench.Good(bench.A, Buffer(0x3B, 0x0A, 3), [1, 2, 3]);
        bench.Good(bench.B, Buffer(0x3B, 0x0A, 2), [9, 8]);
        Assert.Equal("010203", Convert.ToHexString(bench.Good(bench.A, Buffer(0x3C, 0x0A, 8)).Data));
        Assert.Equal("09", Convert.ToHexString(bench.Good(bench.B, Buffer(0x3C, 0x0A, 1)).Data));
        Assert.Equal("01001000", Convert.ToHexString(bench.Good(bench.A, Buffer(0x3C, 0x0B, 8)).Data));
        Assert.Equal(0xCC0001, bench.Refused(bench.A, InvalidCdb, Buffer(0x3C, 0x02, 8)));
        Assert.Equal(0xCC0001, bench.Refused(bench.A, InvalidCdb, Buffer(0x3B, 0x05, 8), new byte[8]));
        Assert.Equal(0xC00006, bench.Refused(bench.A, InvalidCdb, Buffer(0x3B, 0x0A, 4097), new byte[4097]));
        bench.Refused(bench.A, 0x5_0E03, Buffer(0x3B, 0x0A, 4), [1, 2]);
    }

    private static UnitBench Held()
    {
        var bench = new UnitBench();
        bench.Volume.Holds = static operation => operation.Kind == VolumeOperationKind.Read;
        return bench;
    }

    private static void LetGo(UnitBench bench)
    {
        bench.Volume.Holds = static _ => false;
        bench.Volume.Release();
        bench.RunOut();
    }

    private static byte[] SelfTest(int code) => [0x1D, (byte)(code << 5), 0, 0, 0, 0];

    private static byte[] Buffer(byte opcode, byte mode, int length) => [opcode, mode, 0, 0, 0, 0, 0, (byte)(length >> 8), (byte)length, 0];

    private static int Code(byte[] sense) => ((sense[2] & 0xF) << 16) | (sense[12] << 8) | sense[13];

    // The self-test results log, a parameter of 20 bytes each. While a test has the unit for itself it cannot be asked for.
    private static byte[][] Results(UnitBench bench)
    {
        byte[] page = bench.Good(bench.B, [0x4D, 0, 0x50, 0, 0, 0, 0, 2, 0, 0]).Data;
        Assert.Equal("90000190", Convert.ToHexString(page[..4]));
        return [.. page[4..].Chunk(20)];
    }
}
