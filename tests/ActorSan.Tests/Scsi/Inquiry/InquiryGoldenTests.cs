using ActorSan.Scsi;
using ActorSan.Tests.Scsi.Harness;
using Xunit;

namespace ActorSan.Tests.Scsi.Inquiry;

/// <summary>INQUIRY data by golden bytes: initiators keep what they once read, so a change here is a change of the device.</summary>
public sealed class InquiryGoldenTests
{
    [Fact]
    public void StandardData()
    {
        using var bench = new UnitBench();
        byte[] data = bench.Good(bench.A, [0x12, 0, 0, 1, 4, 0]).Data;
        Assert.Equal(96, data.Length);
        // Version 6 (SPC-4), HISUP, format 2; TPGS 01b; MULTIP; CMDQUE. 3PC (08h) follows the table of commands.
        Assert.Equal("000006125B", Convert.ToHexString(data[..5]));
        Assert.Equal(CommandTable.KnowsOperationCode(0x83) ? 0x18 : 0x10, data[5]);
        Assert.Equal("1002", Convert.ToHexString(data[6..8]));
        Assert.Equal("ACTORSANVOLUME          0.1 ", System.Text.Encoding.ASCII.GetString(data[8..36]));
        // SAM-5, SPC-4, SBC-3, iSCSI.
        Assert.Equal(new string('0', 44) + "00A0046004C00960" + new string('0', 60), Convert.ToHexString(data[36..]));
    }

    [Fact]
    public void ARemovableUnitSaysSo()
    {
        using var bench = new UnitBench(settings: new LogicalUnitSettings { Removable = true });
        Assert.Equal(0x80, bench.Good(bench.A, [0x12, 0, 0, 0, 96, 0]).Data[1]);
    }

    [Fact]
    public void PagesAreListedInOrderAndEachIsThere()
    {
        using var bench = new UnitBench();
        byte[] list = Page(bench, 0x00);
        byte[] codes = list[4..];
        Assert.Equal(codes.Order(), codes);
        Assert.Superset(new HashSet<byte>([0x00, 0x80, 0x83, 0x86, 0xB0, 0xB1, 0xB2]), codes.ToHashSet());
        for (int code = 0; code < 256; code++)
        {
            if (codes.Contains((byte)code))
            {
                byte[] page = Page(bench, (byte)code);
                Assert.Equal(code, page[1]);
                Assert.Equal(page.Length - 4, (page[2] << 8) | page[3]);
            }
            else
            {
                Assert.Equal(0xC00002, bench.Refused(bench.A, 0x5_2400, [0x12, 1, (byte)code, 2, 0, 0]));
            }
        }
    }

    [Fact]
    public void SerialNumberAndIdentificationComeFromTheVolumeId()
    {
        using var bench = new UnitBench();
        Assert.Equal("00800020" + Ascii("5f2d8f5e6a434a399d0c3b6f0d8f1a11"), Convert.ToHexString(Page(bench, 0x80)));
        string page = Convert.ToHexString(Page(bench, 0x83));
        // NAA 3h: 60 bits of the volume id's SHA-256. T10: vendor and id. UUID: the id.
        Assert.StartsWith("008300A2" + "01030008" + "373D49B63D5B6B28" + "02010028" + Ascii("ACTORSAN5f2d8f5e6a434a399d0c3b6f0d8f1a11"), page, StringComparison.Ordinal);
        Assert.Contains("010A0012" + "1000" + "5F2D8F5E6A434A399D0C3B6F0D8F1A11", page, StringComparison.Ordinal);
        // The port by which it was asked: relative port 1, group 1, port name and device name.
        Assert.Contains("51940004" + "00000001" + "51950004" + "00000001", page, StringComparison.Ordinal);
        Assert.Contains("53980024" + Ascii("iqn.2026-01.test:target,t,0x0001"), page, StringComparison.Ordinal);
        Assert.EndsWith("53A80018" + Ascii("iqn.2026-01.test:target") + "00", page, StringComparison.Ordinal);
    }

    [Fact]
    public void TheExtendedPageClaimsWhatThereIs()
    {
        using var bench = new UnitBench();
        // HEADSUP, ORDSUP, SIMPSUP; V_SUP; LUICLR; a self-test of a minute; 40 bytes of sense. No WU_SUP, no CRD_SUP, no microcode.
        Assert.Equal("0086003C" + "00" + "07" + "01" + "01" + "0000" + "0001" + "00" + "28" + new string('0', 100), Convert.ToHexString(Page(bench, 0x86)));
    }

    [Fact]
    public void AnExtendedSelfTestIsGivenTwiceItsTimeAtFullPace()
    {
        Assert.Equal(1, ActorSan.Scsi.Background.SelfTest.ExtendedMinutes(1 << 20));
        // 1 TiB at 128 MiB/s: 8192 s.
        Assert.Equal(137, ActorSan.Scsi.Background.SelfTest.ExtendedMinutes(1L << 40));
        Assert.Equal(65535, ActorSan.Scsi.Background.SelfTest.ExtendedMinutes(long.MaxValue));
    }

    [Fact]
    public void BlockPages()
    {
        using var bench = new UnitBench();
        Assert.Equal(
            "00B0003C" + "00" + "FF" + "0008" + "00002000" + "00000200" + "00000000" + "00100000" + "00000100" + "00000008" + "80000000"
            + "0000000000000000" + "00000100" + "00000008" + "00000008" + new string('0', 16),
            Convert.ToHexString(Page(bench, 0xB0)));
        Assert.Equal("00B1003C" + "0001" + "00" + "50" + "02" + new string('0', 110), Convert.ToHexString(Page(bench, 0xB1)));
        Assert.Equal("00B20004" + "00E40200", Convert.ToHexString(Page(bench, 0xB2)));
    }

    [Fact]
    public void WithoutCryptoEraseAndThinProvisioningNeitherIsClaimed()
    {
        using var bench = new UnitBench(new TestVolume(new Shared.SimulatedThread(), thin: false, cryptoErase: false));
        Assert.Equal("00B1003C" + "0001" + "00" + "40" + "02" + new string('0', 110), Convert.ToHexString(Page(bench, 0xB1)));
        Assert.Equal("00B20004" + "00000000", Convert.ToHexString(Page(bench, 0xB2)));
        Assert.Equal(new string('0', 32), Convert.ToHexString(Page(bench, 0xB0)[20..36]));
    }

    private static byte[] Page(UnitBench bench, byte code) => bench.Good(bench.A, [0x12, 1, code, 8, 0, 0]).Data;

    private static string Ascii(string text) => Convert.ToHexString(System.Text.Encoding.ASCII.GetBytes(text));
}
