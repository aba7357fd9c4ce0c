using System.Buffers.Binary;
using ActorSan.Scsi;
using ActorSan.Storage.Blocks;
using ActorSan.Storage.Threads;
using ActorSan.Tests.Scsi.Harness;
using Xunit;

namespace ActorSan.Tests.Scsi.Logs;

public sealed class LogTests
{
    private const int InvalidCdb = 0x5_2400;

    [Fact]
    public void TheSupportedPagesAreListedWithAndWithoutSubpages()
    {
        using var bench = new UnitBench();
        Assert.Equal("00000008" + "000203050610192F", Convert.ToHexString(Sense(bench, 0x00)));
        Assert.Equal("40FF0012" + "0000" + "00FF" + "0200" + "0300" + "0500" + "0600" + "1000" + "1900" + "2F00", Convert.ToHexString(Sense(bench, 0x00, subpage: 0xFF)));
    }

    [Fact]
    public void EveryListedPageIsThereAndNoOther()
    {
        using var bench = new UnitBench();
        byte[] listed = Sense(bench, 0x00)[4..];
        for (byte code = 0; code < 0x40; code++)
        {
            if (listed.Contains(code))
            {
                byte[] page = Sense(bench, code);
                Assert.Equal(code, page[0] & 0x3F);
                Assert.Equal(page.Length - 4, BinaryPrimitives.ReadUInt16BigEndian(page.AsSpan(2)));
                Assert.Equal(0xC00003, bench.Refused(bench.A, InvalidCdb, Cdb(code, 1, subpage: 1)));
            }
            else
            {
                Assert.Equal(0xCD0002, bench.Refused(bench.A, InvalidCdb, Cdb(code, 1)));
            }
        }
    }

    [Fact]
    public void CountersHaveTheirGoldenBytes()
    {
        using var bench = new UnitBench();
        bench.Good(bench.A, [0x2A, 0, 0, 0, 0, 0, 0, 0, 2, 0], new byte[1024]);
        bench.Good(bench.A, [0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
        bench.Good(bench.A, [0x2F, 0, 0, 0, 0, 0, 0, 0, 4, 0]);
        bench.Volume.Answer = static operation => operation.Kind == VolumeOperationKind.Read ? VolumeStatus.ReadError : VolumeStatus.Busy;
        bench.Refused(bench.A, 0x3_1100, [0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
        Assert.Equal(ScsiStatus.Busy, bench.Send(bench.A, [0x2A, 0, 0, 0, 0, 0, 0, 0, 1, 0], new byte[512]).Status);
        Assert.Equal("82000018" + "00052008" + "0000000000000400" + "00062008" + "0000000000000001", Convert.ToHexString(Sense(bench, 0x02)));
        Assert.Equal("83000018" + "00052008" + "0000000000000200" + "00062008" + "0000000000000001", Convert.ToHexString(Sense(bench, 0x03)));
        Assert.Equal("85000018" + "00052008" + "0000000000000800" + "00062008" + "0000000000000000", Convert.ToHexString(Sense(bench, 0x05)));
        Assert.Equal("8600000C" + "00002008" + "0000000000000001", Convert.ToHexString(Sense(bench, 0x06)));
        Assert.Equal(
            "99000044" + "00010340" + "0000000000000001" + "0000000000000001" + "0000000000000002" + "0000000000000001" + new string('0', 64),
            Convert.ToHexString(Sense(bench, 0x19)));
        Assert.Equal("AF000008" + "00000304" + "0000FF00", Convert.ToHexString(Sense(bench, 0x2F)));
    }

    [Fact]
    public void TheParameterPointerLeavesOutWhatIsBelowIt()
    {
        using var bench = new UnitBench();
        Assert.Equal("8300000C" + "00062008" + "0000000000000000", Convert.ToHexString(Sense(bench, 0x03, pointer: 6)));
        Assert.Equal(0xC00005, bench.Refused(bench.A, InvalidCdb, Cdb(0x03, 1, pointer: 7)));
        Assert.Equal(4 + (20 * 3), Sense(bench, 0x10, pointer: 18).Length);
    }

    [Fact]
    public void WhatIsNotKeptIsRefused()
    {
        using var bench = new UnitBench();
        byte[] save = Cdb(0x03, 1);
        save[1] = 0x01;
        Assert.Equal(0xC80001, bench.Refused(bench.A, InvalidCdb, save));
        byte[] changes = Cdb(0x03, 1);
        changes[1] = 0x02;
        Assert.Equal(0xC90001, bench.Refused(bench.A, InvalidCdb, changes));
        Assert.Equal(0xCF0002, bench.Refused(bench.A, InvalidCdb, Cdb(0x03, 0)));
        Assert.Equal(0xCF0002, bench.Refused(bench.A, InvalidCdb, Cdb(0x03, 2)));
        bench.Good(bench.A, Cdb(0x10, 0));
    }

    [Fact]
    public void LogSelectResetsOnePageOrAllAndTellsTheOthers()
    {
        using var bench = new UnitBench();
        bench.Good(bench.A, [0x2A, 0, 0, 0, 0, 0, 0, 0, 2, 0], new byte[1024]);
        bench.Good(bench.A, [0x28, 0, 0, 0, 0, 0, 0, 0, 2, 0]);
        Assert.Equal("0000000000000000", Counter(bench, 0x03, control: 3));
        bench.Good(bench.A, [0x4C, 0x02, 0x43, 0, 0, 0, 0, 0, 0, 0]);
        bench.Refused(bench.B, 0x6_2A02, new byte[6]);
        bench.Good(bench.A, new byte[6]);
        Assert.Equal("0000000000000000", Counter(bench, 0x03, control: 1));
        Assert.Equal("0000000000000400", Counter(bench, 0x02, control: 1));
        bench.Good(bench.A, [0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
        Assert.Equal("0000000000000200", Counter(bench, 0x03, control: 1));
        bench.Good(bench.A, [0x4C, 0, 0xC0, 0, 0, 0, 0, 0, 0, 0]);
        Assert.Equal("0000000000000000", Counter(bench, 0x02, control: 1));
        // What metrics read goes on.
        Assert.Equal(1536, bench.Unit.Statistics.ReadBytes);
    }

    [Fact]
    public void HowLongReadsAndWritesTookIsCounted()
    {
        using var bench = new UnitBench();
        bench.Good(bench.A, [0x28, 0, 0, 0, 0, 0, 0, 0, 2, 0]);
        bench.Volume.Holds = operation => operation.Kind == VolumeOperationKind.Write;
        BenchTask write = bench.Send(bench.A, [0x2A, 0, 0, 0, 0, 0, 0, 0, 2, 0], new byte[1024]);
        Assert.False(write.IsDone);
        bench.Thread.StartTimer(new Nothing(), TimeSpan.FromMilliseconds(3));
        Assert.True(bench.Thread.FireNextTimer());
        bench.Volume.Release();
        Assert.True(bench.Thread.RunToIdle(1000));
        Assert.True(write.IsDone);
        Assert.Equal(0, bench.Unit.Statistics.ReadDurations.SumNs);
        Assert.Equal(1, bench.Unit.Statistics.ReadDurations.Counts()[0]);
        Assert.Equal(3_000_000, bench.Unit.Statistics.WriteDurations.SumNs);
        Assert.Equal(1, bench.Unit.Statistics.WriteDurations.Counts().Sum());

        // What fails is no measure of how fast the unit is.
        bench.Volume.Answer = static _ => VolumeStatus.WriteError;
        bench.Send(bench.A, [0x2A, 0, 0, 0, 0, 0, 0, 0, 2, 0], new byte[1024]);
        bench.Volume.Release();
        Assert.Equal(1, bench.Unit.Statistics.WriteDurations.Counts().Sum());
    }

    [Fact]
    public void LogSelectRefusesListsAndSaving()
    {
        using var bench = new UnitBench();
        Assert.Equal(0xC80001, bench.Refused(bench.A, InvalidCdb, [0x4C, 0x03, 0x40, 0, 0, 0, 0, 0, 0, 0]));
        Assert.Equal(0xC90001, bench.Refused(bench.A, InvalidCdb, [0x4C, 0x02, 0x40, 0, 0, 0, 0, 0, 4, 0], new byte[4]));
        Assert.Equal(0xC00007, bench.Refused(bench.A, InvalidCdb, [0x4C, 0, 0x40, 0, 0, 0, 0, 0, 4, 0], new byte[4]));
        Assert.Equal(0xCD0002, bench.Refused(bench.A, InvalidCdb, [0x4C, 0x02, 0x4D, 0, 0, 0, 0, 0, 0, 0]));
    }

    private static string Counter(UnitBench bench, byte code, int control) => Convert.ToHexString(bench.Good(bench.A, Cdb(code, control)).Data[8..16]);

    private static byte[] Sense(UnitBench bench, byte code, byte subpage = 0, ushort pointer = 0) => bench.Good(bench.A, Cdb(code, 1, subpage, pointer)).Data;

    private static byte[] Cdb(byte code, int control, byte subpage = 0, ushort pointer = 0) =>
        [0x4D, 0, (byte)((control << 6) | code), subpage, 0, (byte)(pointer >> 8), (byte)pointer, 0x02, 0x00, 0];

    private sealed class Nothing : IoTimer
    {
        protected internal override void OnFired()
        {
        }
    }
}
