using System.Buffers.Binary;
using ActorSan.Scsi;
using ActorSan.Tests.Scsi.Harness;
using Xunit;

namespace ActorSan.Tests.Scsi.Commands;

public sealed class ReportTests
{
    private static string Packed(string hex) => hex.Replace(" ", "", StringComparison.Ordinal);

    [Theory]
    [InlineData("A30C 01 28 0000 00000100 00 00", "00 03 000A 2818FFFFFFFF3FFFFF00")]
    [InlineData("A30C 81 28 0000 00000100 00 00", "00 83 000A 2818FFFFFFFF3FFFFF00 000A 00 00 00000000 0000001E")]
    [InlineData("A30C 02 9E 0010 00000100 00 00", "00 03 0010 9E10FFFFFFFFFFFFFFFFFFFFFFFF0100")]
    [InlineData("A30C 03 9E 0010 00000100 00 00", "00 03 0010 9E10FFFFFFFFFFFFFFFFFFFFFFFF0100")]
    [InlineData("A30C 03 28 0000 00000100 00 00", "00 03 000A 2818FFFFFFFF3FFFFF00")]
    [InlineData("A30C 03 28 0001 00000100 00 00", "00 01 0000")]
    [InlineData("A30C 83 9E 001F 00000100 00 00", "00 01 0000")]
    [InlineData("A30C 01 FF 0000 00000100 00 00", "00 01 0000")]
    [InlineData("A30C 02 FF 0001 00000100 00 00", "00 01 0000")]
    [InlineData("A30C 02 A4 000A 00000100 00 00", "00 01 0000")] // SET TARGET PORT GROUPS
    [InlineData("A30C 01 1E 0000 00000100 00 00", "00 01 0000")] // PREVENT ALLOW MEDIUM REMOVAL, on what isn't removable
    [InlineData("A30C 01 28 0000 00000006 00 00", "00 03 000A 2818")]
    [InlineData("A30C 01 9E 0000 00000100 00 00", "5/2400 c2.2")]
    [InlineData("A30C 02 28 0000 00000100 00 00", "5/2400 c2.2")]
    [InlineData("A30C 04 28 0000 00000100 00 00", "5/2400 c2.2")]
    [InlineData("A30D 00 00 0000 00000100 00 00", "DA 00 00 00")]
    [InlineData("A30D 80 00 0000 00000100 00 00", "DA 00 00 0C 01 00 0000 00000032 00000032")]
    [InlineData("A30D 80 00 0000 00000004 00 00", "DA 00 00 0C")]
    [InlineData("A30A 00 00 0000 00000100 00 00", "0000000C 00 8F 0001 00 00 00 01 0000 0001")]
    [InlineData("A32A 00 00 0000 00000100 00 00", "00000010 10 1E 0000 00 8F 0001 00 00 00 01 0000 0001")]
    [InlineData("A30A 00 00 0000 00000004 00 00", "0000000C")]
    [InlineData("A34A 00 00 0000 00000100 00 00", "5/2400 c1.7")]
    [InlineData("A40A 00 00 0000 00000000 00 00", "5/2000 c0")]
    public void Answers(string cdb, string answer)
    {
        using var scsi = new ScsiFixture();
        TestTask task = scsi.Run(Bytes.Hex(cdb));
        Assert.Equal(task.Outcome == "good" ? Packed(answer) : answer, task.Outcome == "good" ? task.Hex : task.Outcome);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void TheListIsTheCommandTableAndEachOfItCanBeAskedForAlone(bool timeouts)
    {
        using var scsi = new ScsiFixture(settings: new LogicalUnitSettings { Removable = true });
        byte[] all = scsi.Run(Bytes.Hex(timeouts ? "A30C80000000000100000000" : "A30C00000000000100000000")).Data;
        int stride = timeouts ? 20 : 8;
        Assert.Equal(all.Length - 4, BinaryPrimitives.ReadInt32BigEndian(all));
        Assert.Equal(0, (all.Length - 4) % stride);
        Assert.Equal(CommandTable.All.Count, (all.Length - 4) / stride);
        for (int at = 4; at < all.Length; at += stride)
        {
            bool hasAction = (all[at + 5] & 1) != 0;
            Assert.Equal(timeouts, (all[at + 5] & 2) != 0);
            Assert.True(hasAction || BinaryPrimitives.ReadUInt16BigEndian(all.AsSpan(at + 2)) == 0);
            byte[] cdb = Bytes.Hex("A30C01000000000001000000");
            cdb[2] = hasAction ? (byte)2 : (byte)1;
            cdb[3] = all[at];
            all.AsSpan(at + 2, 2).CopyTo(cdb.AsSpan(4));
            byte[] one = scsi.Run(cdb).Data;
            Assert.Equal(3, one[1]);
            Assert.Equal(all[(at + 6)..(at + 8)], one[2..4]);
            Assert.Equal(4 + BinaryPrimitives.ReadUInt16BigEndian(one.AsSpan(2)), one.Length);
            Assert.Equal(all[at], one[4]);
            Assert.True(!hasAction || (one[5] & 0x1F) == all[at + 3]);
        }
    }

    [Fact]
    public void GroupsAreThoseThatTheUnitWasTold()
    {
        TargetPortGroup[] groups =
        [
            new() { Id = 1, RelativePorts = [1, 3], Preferred = true },
            new() { Id = 2, RelativePorts = [2], State = PortGroupState.Standby },
        ];
        using var scsi = new ScsiFixture(settings: new LogicalUnitSettings { PortGroups = groups });
        const string Ask = "A30A00000000000001000000";
        string expected = Packed("0000001C 80 8F 0001 00 00 00 02 00000001 00000003 02 8F 0002 00 02 00 01 00000002");
        Assert.Equal(expected, scsi.Run(Bytes.Hex(Ask)).Hex);

        // The second initiator came by the standby port.
        Assert.Equal("good", scsi.Run(Bytes.Hex("000000000000")).Outcome);
        Assert.Equal("2/040b", scsi.Run(scsi.Second, Bytes.Hex("000000000000")).Outcome);
        Assert.Equal("2/040b", scsi.Run(scsi.Second, Bytes.Ten(0x28, 0, 1)).Outcome);
        Assert.Equal(expected, scsi.Run(scsi.Second, Bytes.Hex(Ask)).Hex);
        Assert.Equal("good", scsi.Run(scsi.Second, Bytes.Hex("120000006000")).Outcome);

        scsi.On(scsi.First, () => scsi.Unit.SetPortGroups([groups[0] with { State = PortGroupState.Transitioning }, groups[1] with { State = PortGroupState.ActiveNonOptimized }]));
        Assert.Equal("6/2a06", scsi.Run(Bytes.Hex("000000000000")).Outcome);
        Assert.Equal("2/040a", scsi.Run(Bytes.Hex("000000000000")).Outcome);
        Assert.Equal("6/2a06", scsi.Run(scsi.Second, Bytes.Hex("000000000000")).Outcome);
        Assert.Equal("good", scsi.Run(scsi.Second, Bytes.Ten(0x28, 0, 1)).Outcome);
        Assert.Equal("8F", scsi.Run(Bytes.Hex(Ask)).Hex[8..10]);

        // The same again is no change.
        scsi.On(scsi.First, () => scsi.Unit.SetPortGroups([.. scsi.Unit.PortGroups]));
        Assert.Equal("good", scsi.Run(scsi.Second, Bytes.Hex("000000000000")).Outcome);
    }
}
