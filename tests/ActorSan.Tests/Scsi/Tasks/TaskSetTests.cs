using ActorSan.Scsi;
using ActorSan.Storage.Blocks;
using ActorSan.Tests.Scsi.Harness;
using Xunit;

namespace ActorSan.Tests.Scsi.Tasks;

/// <summary>Task attributes, task management and unit attentions. A volume that holds its operations shows what has started.</summary>
public sealed class TaskSetTests
{
    private static readonly byte[] Ready = Bytes.Hex("000000000000");

    private static byte[] Read(uint lba) => Bytes.Ten(0x28, lba, 1);

    /// <summary>Sends one READ for each letter (S simple, U untagged, O ordered, H head of queue), the n-th of block n.</summary>
    private static TestTask[] Start(ScsiFixture scsi, string attributes)
    {
        scsi.Volume.Holds = true;
        return [.. attributes.Select((letter, i) => scsi.Send(scsi.First, Read((uint)i), attribute: AttributeOf(letter)))];
    }

    private static TaskAttribute AttributeOf(char letter) => letter switch
    {
        'S' => TaskAttribute.Simple,
        'U' => TaskAttribute.Untagged,
        'O' => TaskAttribute.Ordered,
        'H' => TaskAttribute.HeadOfQueue,
        _ => throw new ArgumentOutOfRangeException(nameof(letter)),
    };

    // Waves: what has started before anything ended, then after all of these ended, and so on.
    [Theory]
    [InlineData("SSS", "012")]
    [InlineData("USU", "012")]
    [InlineData("O", "0")]
    [InlineData("OS", "0|1")]
    [InlineData("SO", "0|1")]
    [InlineData("SSOSS", "01|2|34")]
    [InlineData("OO", "0|1")]
    [InlineData("OOO", "0|1|2")]
    [InlineData("SOSOS", "0|1|2|3|4")]
    [InlineData("HS", "0|1")]
    [InlineData("SH", "01")]
    [InlineData("SOH", "02|1")]
    [InlineData("SOHS", "02|1|3")]
    [InlineData("HH", "01")]
    [InlineData("OH", "01")]
    [InlineData("HO", "0|1")]
    public void AttributesSayWhatMayStart(string attributes, string waves)
    {
        using var scsi = new ScsiFixture();
        TestTask[] tasks = Start(scsi, attributes);
        var seen = new List<string>();
        while (scsi.Volume.HeldCount > 0)
        {
            int count = scsi.Volume.HeldCount;
            int before = scsi.Volume.Log.Count;
            scsi.Release(scsi.Volume, count);
            seen.Add(string.Concat(scsi.Volume.Log.Skip(before).Select(entry => entry.OffsetBytes / 512)));
        }

        Assert.Equal(waves, string.Join('|', seen));
        Assert.All(tasks, task => Assert.Equal("good", task.Outcome));
    }

    [Fact]
    public void InquiryReportLunsAndRequestSenseWaitForNothing()
    {
        using var scsi = new ScsiFixture();
        Start(scsi, "SO");
        Assert.Equal("good", scsi.Run(Bytes.Hex("120000006000")).Outcome);
        Assert.Equal("good", scsi.Run(Bytes.Hex("A00000000000000001000000")).Outcome);
        Assert.Equal("good", scsi.Run(Bytes.Hex("03000000FC00")).Outcome);
        Assert.Equal("pending", scsi.Send(scsi.First, Ready).Outcome);
        scsi.Volume.Holds = false;
        scsi.Release(scsi.Volume);
    }

    [Fact]
    public void AcaIsNotSupported()
    {
        using var scsi = new ScsiFixture();
        Assert.Equal("5/4900", scsi.Send(scsi.First, Ready, attribute: TaskAttribute.Aca).Outcome);
    }

    [Fact]
    public void AFullSetRefusesByWhatTheNexusHasInIt()
    {
        using var scsi = new ScsiFixture(settings: new LogicalUnitSettings { MaxTasks = 2 });
        Start(scsi, "SS");
        Assert.Equal("TaskSetFull", scsi.Send(scsi.First, Read(2)).Outcome);
        Assert.Equal("Busy", scsi.Send(scsi.Second, Read(2)).Outcome);
        scsi.Volume.Holds = false;
        scsi.Release(scsi.Volume);
        Assert.Equal("good", scsi.Run(scsi.Second, Read(2)).Outcome);
    }

    [Theory]
    [InlineData(0, "pending")] // in the volume: ends with it
    [InlineData(1, "aborted")] // dormant: ends at once
    public void AbortTaskEndsThatTaskAlone(int which, string atOnce)
    {
        using var scsi = new ScsiFixture();
        TestTask[] tasks = Start(scsi, "SOS");
        TestFunction abort = scsi.Manage(scsi.First, TaskManagementFunction.AbortTask, tasks[which].Tag);
        Assert.Equal(atOnce, tasks[which].Outcome);
        Assert.Equal(atOnce == "pending" ? 0 : 1, abort.Completions);
        scsi.Volume.Holds = false;
        scsi.Release(scsi.Volume);
        Assert.Equal((1, TaskManagementResponse.Complete), (abort.Completions, abort.Response));
        Assert.All(tasks, task => Assert.Equal(ReferenceEquals(task, tasks[which]) ? "aborted" : "good", task.Outcome));
    }

    [Fact]
    public void AbortTaskKnowsOnlyTheTasksOfItsNexus()
    {
        using var scsi = new ScsiFixture();
        TestTask task = Start(scsi, "S")[0];
        Assert.Equal(TaskManagementResponse.TaskDoesNotExist, scsi.Manage(scsi.Second, TaskManagementFunction.AbortTask, task.Tag).Response);
        Assert.Equal(TaskManagementResponse.TaskDoesNotExist, scsi.Manage(scsi.First, TaskManagementFunction.AbortTask, task.Tag + 1).Response);
        scsi.Release(scsi.Volume);
        Assert.Equal("good", task.Outcome);
        Assert.Equal(TaskManagementResponse.TaskDoesNotExist, scsi.Manage(scsi.First, TaskManagementFunction.AbortTask, task.Tag).Response);
    }

    // Outcomes of the first's tasks, of the second's, and what each nexus is told next.
    [Theory]
    [InlineData(TaskManagementFunction.AbortTaskSet, false, "aborted", "good", "good", "good")]
    [InlineData(TaskManagementFunction.AbortTaskSet, true, "aborted", "good", "good", "good")]
    [InlineData(TaskManagementFunction.ClearTaskSet, false, "aborted", "aborted", "good", "6/2f00")]
    [InlineData(TaskManagementFunction.ClearTaskSet, true, "aborted", "TaskAborted", "good", "good")]
    [InlineData(TaskManagementFunction.LogicalUnitReset, false, "aborted", "aborted", "6/2903", "6/2903")]
    [InlineData(TaskManagementFunction.LogicalUnitReset, true, "aborted", "TaskAborted", "6/2903", "6/2903")]
    [InlineData(TaskManagementFunction.TargetWarmReset, false, "aborted", "aborted", "6/2900", "6/2900")]
    [InlineData(TaskManagementFunction.TargetColdReset, false, "aborted", "aborted", "6/2900", "6/2900")]
    public void SetsAndResets(TaskManagementFunction function, bool tas, string first, string second, string firstNext, string secondNext)
    {
        using var scsi = new ScsiFixture();
        if (tas)
        {
            Assert.Equal("good", scsi.Run(Bytes.Hex("151000001000"), Bytes.Hex("00000000 0A0A 02 10 00 40 0000FFFF0000")).Outcome);
            scsi.ForgetAttentions();
        }

        TestTask[] own = Start(scsi, "SOS");
        TestTask[] others = [scsi.Send(scsi.Second, Read(10)), scsi.Send(scsi.Second, Read(11), attribute: TaskAttribute.Ordered)];
        TestFunction operation = scsi.Manage(scsi.First, function);
        scsi.Volume.Holds = false;
        scsi.Release(scsi.Volume);
        Assert.Equal((1, TaskManagementResponse.Complete), (operation.Completions, operation.Response));
        Assert.All(own, task => Assert.Equal(first, task.Outcome));
        Assert.All(others, task => Assert.Equal(second, task.Outcome));
        Assert.Equal(firstNext, scsi.Run(Ready).Outcome);
        Assert.Equal(secondNext, scsi.Run(scsi.Second, Ready).Outcome);
        Assert.Equal("good", scsi.Run(Ready).Outcome);
        Assert.Equal("good", scsi.Run(scsi.Second, Ready).Outcome);
    }

    [Theory]
    [InlineData(TaskManagementFunction.ClearAca, TaskManagementResponse.NotSupported)]
    [InlineData(TaskManagementFunction.TaskReassign, TaskManagementResponse.AllegianceReassignmentNotSupported)]
    public void WhatIsNotThereIsRefused(TaskManagementFunction function, TaskManagementResponse response)
    {
        using var scsi = new ScsiFixture();
        Assert.Equal(response, scsi.Manage(scsi.First, function).Response);
    }

    [Fact]
    public void AFunctionEndsInBoundedTimeThoughTheVolumeHangs()
    {
        using var scsi = new ScsiFixture();
        TestTask task = Start(scsi, "S")[0];
        TestFunction reset = scsi.Manage(scsi.First, TaskManagementFunction.LogicalUnitReset);
        Assert.Equal(0, reset.Completions);
        Assert.True(scsi.Thread.FireNextTimer());
        Assert.Equal((1, TaskManagementResponse.Complete), (reset.Completions, reset.Response));
        Assert.Equal("pending", task.Outcome);
        scsi.Release(scsi.Volume);
        Assert.Equal("aborted", task.Outcome);
        Assert.Equal(1, reset.Completions);
    }

    [Fact]
    public void AttentionsComeInTheirOrderEachOnceResetsFirst()
    {
        using var scsi = new ScsiFixture(settings: new LogicalUnitSettings { Removable = true });
        scsi.On(scsi.First, () =>
        {
            ref UnitAttentionQueue attentions = ref scsi.First.State!.Attentions;
            attentions.Add(UnitAttention.CapacityDataChanged);
            attentions.Add(UnitAttention.ModeParametersChanged);
            attentions.Add(UnitAttention.CapacityDataChanged);
            attentions.Add(UnitAttention.NexusLoss);
            attentions.Add(UnitAttention.LogicalUnitReset);
            attentions.Add(UnitAttention.InternalReset);
        });

        // INQUIRY and REPORT LUNS leave them, REQUEST SENSE takes one as data.
        Assert.Equal("good", scsi.Run(Bytes.Hex("120000006000")).Outcome);
        Assert.Equal("6/2903", scsi.Run(Ready).Outcome);
        Assert.Equal("6/2a09", TestTask.DescribeSense(scsi.Run(Bytes.Hex("03000000FC00")).Data));
        Assert.Equal("6/2a01", scsi.Run(Read(0)).Outcome);
        Assert.Equal("good", scsi.Run(Ready).Outcome);
        Assert.Equal("0/0000", TestTask.DescribeSense(scsi.Run(Bytes.Hex("03000000FC00")).Data));
    }

    [Fact]
    public void AResetIsToldBeforeAConflictAndAConflictBeforeOtherAttentions()
    {
        using var scsi = new ScsiFixture();
        Assert.Equal("good", scsi.Run(Bytes.Hex("160000000000")).Outcome);
        scsi.On(scsi.Second, () =>
        {
            scsi.Second.State!.Attentions.Add(UnitAttention.ModeParametersChanged);
            scsi.Second.State!.Attentions.Add(UnitAttention.NexusLoss);
        });
        Assert.Equal("6/2907", scsi.Run(scsi.Second, Ready).Outcome);
        Assert.Equal("ReservationConflict", scsi.Run(scsi.Second, Ready).Outcome);
        Assert.Equal("good", scsi.Run(Bytes.Hex("170000000000")).Outcome);
        Assert.Equal("6/2a01", scsi.Run(scsi.Second, Ready).Outcome);
        Assert.Equal("good", scsi.Run(scsi.Second, Ready).Outcome);
    }

    [Fact]
    public void ANewNexusIsToldOfPowerOn()
    {
        using var scsi = new ScsiFixture();
        LunNexus third = scsi.Attach(3);
        Assert.Equal("6/2900", scsi.Run(third, Ready).Outcome);
        Assert.Equal("good", scsi.Run(third, Ready).Outcome);
        Assert.Equal(0, scsi.Volume.Log.Count(entry => entry.Kind != VolumeOperationKind.SetAttribute));
    }
}
