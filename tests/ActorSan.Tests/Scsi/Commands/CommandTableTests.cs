using ActorSan.Scsi;
using ActorSan.Tests.Scsi.Harness;
using Xunit;

namespace ActorSan.Tests.Scsi.Commands;

/// <summary>Every row of the table against what the unit does with its CDB: what a row promises holds for all of them, also for those that come later.</summary>
public sealed class CommandTableTests
{
    public static TheoryData<string> Names => [.. CommandTable.All.Select(row => row.Name)];

    [Fact]
    public void NamesAndCodesAreUnique()
    {
        Assert.Equal(CommandTable.All.Count, CommandTable.All.Select(row => row.Name).Distinct().Count());
        Assert.Equal(CommandTable.All.Count, CommandTable.All.Select(row => (row.OperationCode, row.ServiceAction)).Distinct().Count());
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void TheUsageHasTheLengthOfItsGroupAndNoNaca(string name)
    {
        CommandDescriptor row = Row(name);
        int length = (row.OperationCode >> 5) switch
        {
            0 => 6,
            1 or 2 => 10,
            4 => 16,
            5 => 12,
            _ => row.CdbLength,
        };
        Assert.Equal(length, row.CdbLength);
        // Control byte: NACA and LINK are not supported.
        Assert.Equal(0, row.Usage[^1] & 0x07);
        Assert.True(row.RecommendedSeconds >= row.NominalSeconds);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void NacaIsRefusedInItsControlByte(string name)
    {
        CommandDescriptor row = Row(name);
        using var bench = Bench();
        byte[] cdb = Plain(row);
        cdb[^1] = 0x04;
        Assert.Equal(0xCA0000 | (row.CdbLength - 1), bench.Refused(bench.A, 0x5_2400, cdb));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void AllBitsOfTheUsageAtOnceNeverCrashAndNeverTakeMoreThanTheRoom(string name)
    {
        CommandDescriptor row = Row(name);
        using var bench = Bench();
        BenchTask task = bench.Send(bench.A, [.. row.Usage], new byte[4096]);
        if (!task.IsDone)
        {
            bench.RunOut();
        }

        Assert.Equal(1, task.Completions);
        Assert.InRange(task.DataInLength, 0, task.DataInCapacity);
        if (task.Status == ScsiStatus.CheckCondition && (task.SenseCode & 0xFFFF) is 0x2400 or 0x2000)
        {
            // A field pointer, to a byte of the CDB.
            Assert.Equal(0xC00000, task.Specific & 0xC00000);
            Assert.InRange(task.Specific & 0xFFFF, 0, row.CdbLength - 1);
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void WhatARestrictionStopsIsStopped(string name)
    {
        CommandDescriptor row = Row(name);
        using var bench = Bench();
        (Restrictions One, int Sense)[] all =
        [
            (Restrictions.PortStandby, 0x2_040B), (Restrictions.MediumAbsent, 0x2_3A00), (Restrictions.Formatting, 0x2_0404), (Restrictions.Sanitizing, 0x2_041B),
            (Restrictions.SanitizeFailed, 0x3_3103), (Restrictions.FormatCorrupt, 0x3_3100), (Restrictions.SelfTesting, 0x2_0409), (Restrictions.WriteProtected, 0x7_2700),
            (Restrictions.SoftwareWriteProtected, 0x7_2702),
        ];
        foreach ((Restrictions one, int sense) in all)
        {
            if ((row.BlockedBy & one) != 0)
            {
                bench.Unit.Restrict(one, holds: true);
                bench.Refused(bench.A, sense, Plain(row));
                bench.Unit.Restrict(one, holds: false);
            }
        }
    }

    /// <summary>SBC-4 §4.11.3: what is processed while a sanitize runs.</summary>
    [Fact]
    public void OnlyTheseRunDuringASanitize()
    {
        byte[] allowed = [0x03, 0x12, 0xA0];
        foreach (CommandDescriptor row in CommandTable.All.Where(row => row.OperationCode != 0xA3))
        {
            Assert.True(allowed.Contains(row.OperationCode) == ((row.BlockedBy & Restrictions.Sanitizing) == 0), row.Name);
        }
    }

    private static CommandDescriptor Row(string name) => CommandTable.All.Single(row => row.Name == name);

    private static byte[] Plain(CommandDescriptor row)
    {
        byte[] cdb = new byte[row.CdbLength];
        cdb[0] = row.OperationCode;
        cdb[1] = row.ServiceAction ?? 0;
        return cdb;
    }

    private static UnitBench Bench() => new(settings: new LogicalUnitSettings { Removable = true, SanitizeMaxRateBytes = 0 });
}
