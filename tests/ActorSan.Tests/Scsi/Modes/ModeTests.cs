using ActorSan.Scsi;
using ActorSan.Storage.Blocks;
using ActorSan.Tests.Scsi.Harness;
using Xunit;

namespace ActorSan.Tests.Scsi.Modes;

/// <summary>MODE SENSE and SELECT, START STOP UNIT, PREVENT ALLOW MEDIUM REMOVAL.</summary>
public sealed class ModeTests
{
    private const string Recovery = "810A C0 000000000000000000";
    private const string Caching = "8812 04 00000000000000000000000000000000 00";
    private const string Control = "8A0A 02 10 00 00 0000 FFFF 0000";
    private const string Exceptions = "9C0A 08 000000000000000000";

    private static readonly byte[] Ready = Bytes.Hex("000000000000");

    private static string Packed(string hex) => hex.Replace(" ", "", StringComparison.Ordinal);

    [Theory]
    [InlineData("1A083F00FF00", "3B 00 10 00 " + Recovery + Caching + Control + Exceptions)]
    [InlineData("1A003F00FF00", "43 00 10 08 00000100 00000200 " + Recovery + Caching + Control + Exceptions)]
    [InlineData("1A080A00FF00", "0F 00 10 00 " + Control)]
    [InlineData("1A084A00FF00", "0F 00 10 00 8A0A 04 00 08 40 0000 0000 0000")]
    [InlineData("1A084800FF00", "17 00 10 00 8812 04 0000000000000000000000000000000000")]
    [InlineData("1A088A00FF00", "0F 00 10 00 " + Control)]
    [InlineData("1A08CA00FF00", "0F 00 10 00 " + Control)]
    [InlineData("1A080A000600", "0F 00 10 00 8A0A")]
    [InlineData("1A080AFFFF00", "0F 00 10 00 " + Control)]
    [InlineData("5A080A0000000000FF00", "0012 00 10 00 00 0000 " + Control)]
    [InlineData("5A100A0000000000FF00", "0022 00 10 01 00 0010 0000000000000100 00000000 00000200 " + Control)]
    [InlineData("5A000A0000000000FF00", "001A 00 10 00 00 0008 00000100 00000200 " + Control)]
    [InlineData("1A080B00FF00", "5/2400 c2.5")]
    [InlineData("1A080A01FF00", "5/2400 c3")]
    public void Sense(string cdb, string answer)
    {
        using var scsi = new ScsiFixture();
        TestTask task = scsi.Run(Bytes.Hex(cdb));
        Assert.Equal(task.Outcome == "good" ? Packed(answer) : answer, task.Outcome == "good" ? task.Hex : task.Outcome);
    }

    [Theory]
    [InlineData("151000001000", "00000000 0A0A 06 10 00 00 0000 FFFF 0000", "good")]
    [InlineData("151000001800", "00000008 00000100 00000200 0A0A 06 10 00 00 0000 FFFF 0000", "good")]
    [InlineData("151000001800", "00000008 00000000 00000200 0A0A 06 10 00 00 0000 FFFF 0000", "good")]
    [InlineData("55100000000000001400", "0000000000000000 0A0A 06 10 00 00 0000 FFFF 0000", "good")]
    [InlineData("151000000000", "", "good")]
    [InlineData("151000000400", "00000000", "good")]
    [InlineData("150000001000", "00000000 0A0A 06 10 00 00 0000 FFFF 0000", "5/2400 c1.4")]
    [InlineData("151200001000", "00000000 0A0A 06 10 00 00 0000 FFFF 0000", "5/2400 c1.1")]
    [InlineData("151000000300", "000000", "5/1a00 c4")]
    [InlineData("151000001000", "00000000 0A0A 06 10 00", "5/1a00 c4")]
    [InlineData("151000000F00", "00000000 0A0A 06 10 00 00 0000 FFFF 00", "5/1a00 c4")]
    [InlineData("151000001000", "00000000 0A0A 06 11 00 00 0000 FFFF 0000", "5/2600 p7")]
    [InlineData("151000001000", "00000000 0A0B 06 10 00 00 0000 FFFF 0000", "5/2600 p5")]
    [InlineData("151000001000", "00000000 0B0A 06 10 00 00 0000 FFFF 0000", "5/2600 p4.5")]
    [InlineData("151000001000", "00000000 4A0A 06 10 00 00 0000 FFFF 0000", "5/2600 p4.6")]
    [InlineData("151000001800", "00000008 00000100 00001000 0A0A 06 10 00 00 0000 FFFF 0000", "5/2600 p9")]
    [InlineData("151000001800", "00000008 00000080 00000200 0A0A 06 10 00 00 0000 FFFF 0000", "5/2600 p4")]
    [InlineData("151000001400", "00000004 00000100 0A0A 06 10 00 00 0000 FFFF 0000", "5/2600 p3")]
    public void Select(string cdb, string list, string outcome)
    {
        using var scsi = new ScsiFixture();
        TestTask task = scsi.Run(Bytes.Hex(cdb), Bytes.Hex(list));
        Assert.Equal(outcome, task.Outcome);
        bool changed = outcome == "good" && list.Contains("06 10", StringComparison.Ordinal);
        Assert.Equal(changed ? "06" : "02", scsi.Run(Bytes.Hex("1A080A00FF00")).Hex[12..14]);
        Assert.Equal(changed ? "descriptor 6/2a01" : "good", scsi.Run(scsi.Second, Ready).Outcome);
        Assert.Equal("good", scsi.Run(Ready).Outcome);
        if (changed)
        {
            // D_SENSE: descriptor format, with the INFORMATION that does not fit the fixed one.
            TestTask read = scsi.Run(Bytes.Sixteen(0x88, 0x1_0000_0000, 1));
            Assert.Equal("720521000000000C 00 0A 80 00 0000000100000000".Replace(" ", "", StringComparison.Ordinal), Convert.ToHexString(read.SenseBytes));
        }
    }

    [Fact]
    public void WhatIsSavedSurvivesAResetAndANewDevice()
    {
        using var scsi = new ScsiFixture();
        Assert.Equal("good", scsi.Run(Bytes.Hex("151000001000"), Bytes.Hex("00000000 0A0A 06 10 00 00 0000 FFFF 0000")).Outcome);
        Assert.Equal("good", scsi.Run(Bytes.Hex("151100001000"), Bytes.Hex("00000000 0A0A 02 10 08 40 0000 FFFF 0000")).Outcome);
        Assert.Equal("good", scsi.Run(Bytes.Hex("151000001000"), Bytes.Hex("00000000 0A0A 06 10 00 00 0000 FFFF 0000")).Outcome);
        scsi.Manage(scsi.First, TaskManagementFunction.LogicalUnitReset);
        scsi.ForgetAttentions();
        Assert.Equal(Packed("0F 00 90 00 8A0A 02 10 08 40 0000 FFFF 0000"), scsi.Run(Bytes.Hex("1A080A00FF00")).Hex);
        Assert.Equal("7/2702", scsi.Run(Bytes.Ten(0x2A, 0, 1), new byte[512]).Outcome);

        var again = new BlockDevice(scsi.Volume, new LogicalUnitSettings());
        scsi.On(scsi.First, again.Open);
        Assert.True(again.Modes.SoftwareWriteProtect && again.Modes.TaskAbortedStatus);
    }

    [Fact]
    public void WithoutItsCacheEveryWriteGoesToTheMediumAndWhatWasInItFirst()
    {
        using var scsi = new ScsiFixture();
        byte[] write = Bytes.Ten(0x2A, 0, 1);
        scsi.Run(write, new byte[512]);
        Assert.Equal("good", scsi.Run(Bytes.Hex("151000001800"), Bytes.Hex("00000000 0812 00 00000000000000000000000000000000 00")).Outcome);
        scsi.Run(write, new byte[512]);
        Assert.Equal(
            [(VolumeOperationKind.Write, false), (VolumeOperationKind.Flush, false), (VolumeOperationKind.Write, true)],
            scsi.Volume.Log.Select(entry => (entry.Kind, entry.Kind == VolumeOperationKind.Write && entry.Durable)));
    }

    [Fact]
    public void ASelectThatCannotBeSavedChangesNothing()
    {
        using var scsi = new ScsiFixture();
        scsi.Volume.FailNext(VolumeOperationKind.SetAttribute, VolumeStatus.WriteError);
        Assert.Equal("3/0c00 i0", scsi.Run(Bytes.Hex("151100001000"), Bytes.Hex("00000000 0A0A 06 10 00 00 0000 FFFF 0000")).Outcome);
        Assert.Equal(Packed("0F 00 10 00 " + Control), scsi.Run(Bytes.Hex("1A08CA00FF00")).Hex);
        Assert.Equal(Packed("0F 00 10 00 " + Control), scsi.Run(Bytes.Hex("1A080A00FF00")).Hex);
    }

    [Theory]
    [InlineData("1B0000000100", "good", 0)] // start
    [InlineData("1B0000000000", "good", 1)] // stop: flushed
    [InlineData("1B0000000400", "good", 0)] // NO FLUSH
    [InlineData("1B0000001000", "good", 0)] // ACTIVE
    [InlineData("1B0000003000", "good", 0)] // STANDBY
    [InlineData("1B0000000200", "5/2400 c4.1", 0)] // eject what isn't removable
    [InlineData("1B0000000300", "5/2400 c4.1", 0)]
    [InlineData("1E0000000100", "5/2000 c0", 0)]
    public void AFixedUnit(string cdb, string outcome, int flushes)
    {
        using var scsi = new ScsiFixture();
        Assert.Equal(outcome, scsi.Run(Bytes.Hex(cdb)).Outcome);
        Assert.Equal(flushes, scsi.Volume.Log.Count(entry => entry.Kind == VolumeOperationKind.Flush));
        Assert.Equal("good", scsi.Run(Ready).Outcome);
    }

    [Fact]
    public void AMediumIsEjectedAndLoaded()
    {
        using var scsi = new ScsiFixture(settings: new LogicalUnitSettings { Removable = true });
        Assert.Equal("good", scsi.Run(Bytes.Hex("1B0000000200")).Outcome);
        Assert.Single(scsi.Volume.Log, entry => entry.Kind == VolumeOperationKind.Flush);
        foreach (string cdb in (string[])["000000000000", "08000000 0100", "25000000000000000000", "35000000000000000000", "2A000000000000000100"])
        {
            Assert.Equal("2/3a00", scsi.Run(Bytes.Hex(cdb), new byte[512]).Outcome);
        }

        Assert.Equal("good", scsi.Run(Bytes.Hex("1A083F00FF00")).Outcome);
        Assert.Equal("good", scsi.Run(Bytes.Hex("1B0000000200")).Outcome);
        Assert.Equal("good", scsi.Run(Bytes.Hex("1B0000000300")).Outcome);
        Assert.Equal("good", scsi.Run(Ready).Outcome);
        Assert.Equal("6/2800", scsi.Run(scsi.Second, Ready).Outcome);
        Assert.Equal("good", scsi.Run(scsi.Second, Ready).Outcome);
    }

    [Fact]
    public void RemovalIsPreventedWhileAnyNexusPreventsIt()
    {
        using var scsi = new ScsiFixture(settings: new LogicalUnitSettings { Removable = true });
        byte[] eject = Bytes.Hex("1B0000000200");
        byte[] prevent = Bytes.Hex("1E0000000100");
        byte[] allow = Bytes.Hex("1E0000000000");
        Assert.Equal("good", scsi.Run(prevent).Outcome);
        Assert.Equal("good", scsi.Run(scsi.Second, prevent).Outcome);
        Assert.Equal("5/5302", scsi.Run(eject).Outcome);
        Assert.Equal("good", scsi.Run(allow).Outcome);
        Assert.Equal("5/5302", scsi.Run(eject).Outcome);
        Assert.Equal("5/2400 c4.1", scsi.Run(Bytes.Hex("1E0000000200")).Outcome);

        // The loss of the nexus that prevented it, and a reset, allow it again.
        scsi.On(scsi.Second, () => scsi.Unit.Detach(scsi.Second, null));
        Assert.Equal("good", scsi.Run(eject).Outcome);
        Assert.Equal("good", scsi.Run(prevent).Outcome);
        Assert.Equal("5/5302", scsi.Run(Bytes.Hex("1B0000000300")).Outcome);
        scsi.Manage(scsi.First, TaskManagementFunction.LogicalUnitReset);
        scsi.First.State!.Attentions.Clear();
        Assert.Equal("good", scsi.Run(Bytes.Hex("1B0000000300")).Outcome);
        Assert.Equal("good", scsi.Run(Ready).Outcome);
    }
}
