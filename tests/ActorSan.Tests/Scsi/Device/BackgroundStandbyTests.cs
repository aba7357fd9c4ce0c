using ActorSan.Scsi;
using ActorSan.Storage.Blocks;
using ActorSan.Tests.Scsi.Copy;
using ActorSan.Tests.Scsi.Harness;
using ActorSan.Tests.Shared;
using Xunit;

namespace ActorSan.Tests.Scsi.Device;

/// <summary>What a unit does by itself, and what waits for it, when the volume goes to another node, and while it waits for its quorum.</summary>
public sealed class BackgroundStandbyTests
{
    private const string Standby = "2/040b";

    private static readonly MemoryVolumeOptions Big = new() { Blocks = 16384 };

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_sanitize_stops_where_it_is_and_the_next_unit_goes_on_with_it(bool immediate)
    {
        using var nodes = new TwoNodes(volume: Big);
        nodes.Serve(nodes.Atlas);
        nodes.Atlas.Volume.Bytes.Fill((byte)'a');
        LunNexus atlas = nodes.Attach(nodes.Atlas, 1);
        LunNexus zeus = nodes.Attach(nodes.Zeus, 1);
        nodes.Atlas.Volume.Holds = true;

        // OVERWRITE with a pattern of one byte. What is durable first is the plan; then pieces follow, of which the second is under way.
        byte[] cdb = Bytes.Hex("48 01 0000000000 0005 00");
        cdb[1] |= immediate ? (byte)0x80 : (byte)0;
        TestTask sanitize = nodes.Send(atlas, cdb, Bytes.Hex("01000001 5A"));
        ReleaseOne(nodes);
        Assert.Equal(immediate ? "good" : "pending", sanitize.Outcome);
        ReleaseOne(nodes);
        Assert.Equal("2/041b", nodes.Ready(atlas));

        nodes.Atlas.Unit.Standby(nodes.Groups(nodes.Atlas, nodes.Zeus));
        Assert.Equal(immediate ? "good" : Standby, sanitize.Outcome);
        nodes.Atlas.Volume.EndHeld();
        nodes.Atlas.Volume.Holds = false;
        atlas.State!.Attentions.Clear();
        Assert.Equal(Standby, nodes.Ready(atlas));
        int asked = nodes.Atlas.Volume.Log.Count;
        Assert.Contains((byte)'a', nodes.Zeus.Volume.Bytes.ToArray());

        nodes.Zeus.Volume.Holds = true;
        nodes.Serve(nodes.Zeus);
        zeus.State!.Attentions.Clear();
        Assert.Equal("2/041b", nodes.Ready(zeus));
        nodes.Zeus.Volume.Holds = false;
        nodes.Zeus.Volume.Release();
        nodes.RunOut();
        Assert.Equal("good", nodes.Ready(zeus));
        Assert.False(nodes.Zeus.Volume.Bytes.ContainsAnyExcept((byte)0x5A));
        Assert.Equal(asked, nodes.Atlas.Volume.Log.Count);

        // Back again there is nothing left to do.
        nodes.Serve(nodes.Atlas);
        atlas.State!.Attentions.Clear();
        Assert.Equal("good", nodes.Ready(atlas));
        Assert.Equal(asked, nodes.Atlas.Volume.Log.Count);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_sanitize_that_is_not_durably_begun_is_not_claimed(bool done)
    {
        using var nodes = new TwoNodes();
        nodes.Serve(nodes.Atlas);
        nodes.Atlas.Volume.Bytes.Fill((byte)'a');
        LunNexus atlas = nodes.Attach(nodes.Atlas, 1);
        (nodes.Atlas.Volume.Holds, nodes.Atlas.Volume.HoldsAnswers) = (!done, done);
        TestTask sanitize = nodes.Send(atlas, Bytes.Hex("48820000000000000000"));
        nodes.Atlas.Unit.Standby();
        Assert.Equal(Standby, sanitize.Outcome);

        // Told to serve again before its operation has ended, it waits for that: what became of it decides.
        nodes.Atlas.Unit.Activate(keepsRegistrations: true);
        atlas.State!.Attentions.Clear();
        TestTask read = nodes.Send(atlas, Bytes.Ten(0x28, 0, 1));
        Assert.Equal("pending", read.Outcome);
        (nodes.Atlas.Volume.Holds, nodes.Atlas.Volume.HoldsAnswers) = (false, false);
        nodes.Atlas.Volume.EndHeld();
        Assert.Equal(done ? "2/041b" : "good", read.Outcome);
        nodes.RunOut();
        Assert.Equal("good", nodes.Ready(atlas));
        Assert.Equal(done ? 0 : (byte)'a', nodes.Atlas.Volume.Bytes[0]);
    }

    [Theory]
    [InlineData("1D2000000000", true)] // short, in the background
    [InlineData("1DA000000000", false)] // short, in the foreground
    public void A_self_test_ends_without_a_finding(string cdb, bool background)
    {
        using var nodes = new TwoNodes();
        nodes.Serve(nodes.Atlas);
        LunNexus nexus = nodes.Attach(nodes.Atlas, 1);
        nodes.Atlas.Volume.Holds = true;
        TestTask test = nodes.Send(nexus, Bytes.Hex(cdb));
        Assert.Equal(1, nodes.Atlas.Volume.HeldCount);
        nodes.Atlas.Unit.Standby();
        Assert.Equal(background ? "good" : Standby, test.Outcome);
        nodes.Atlas.Volume.EndHeld();
        nodes.RunOut();
        nexus.State!.Attentions.Clear();

        // The self-test results log: NOT COMPLETED (3h), no failed block.
        byte[] log = nodes.Send(nexus, Bytes.Hex("4D0050000000000FFF00")).Data;
        Assert.Equal(3, log[4 + 4] & 0x0F);
        Assert.All(log[12..20], value => Assert.Equal(0xFF, value));
        Assert.Equal(0, nodes.Atlas.Volume.HeldCount);
    }

    [Fact]
    public void A_copy_ends_as_the_command_of_a_unit_that_serves_no_more()
    {
        using var nodes = new TwoNodes(volume: Big);
        nodes.Serve(nodes.Atlas);
        LunNexus nexus = nodes.Attach(nodes.Atlas, 1);
        nodes.Atlas.Volume.Holds = true;
        byte[] list = new CopyList().Target(nodes.Atlas.Unit).Segment(0, 0, 0, 8192, 8192).Build();
        TestTask copy = nodes.Send(nexus, CopyList.Cdb(list.Length), list);
        Assert.NotEqual(0, nodes.Atlas.Volume.HeldCount);
        nodes.Atlas.Unit.Standby();
        nodes.Atlas.Volume.Holds = false;
        nodes.Atlas.Volume.Release();
        nodes.Settle();
        Assert.Equal("b/2f02", copy.Outcome);
        Assert.DoesNotContain(nodes.Atlas.Volume.Log, entry => entry.Kind != VolumeOperationKind.Read);
    }

    [Fact]
    public void Nothing_here_loses_patience_with_a_volume_that_waits_for_its_quorum()
    {
        using var nodes = new TwoNodes();
        nodes.Serve(nodes.Atlas);
        LunNexus nexus = nodes.Attach(nodes.Atlas, 1);
        nodes.Atlas.Volume.Become(VolumeStateKind.Suspended);
        nodes.Atlas.Volume.Holds = true;
        TestTask write = nodes.Send(nexus, Bytes.Ten(0x2A, 0, 1), Bytes.Pattern(512));
        TestTask flush = nodes.Send(nexus, Bytes.Ten(0x35, 0, 0));
        TestTask register = nodes.SendReserve(nexus, ActorSan.Scsi.Reservations.ReservationAction.Register, 0, 7);
        Assert.False(nodes.Thread.FireNextTimer(), "something waits for time to pass");
        Assert.Equal(("pending", "pending", "pending"), (write.Outcome, flush.Outcome, register.Outcome));

        // What needs no block is answered meanwhile.
        Assert.Equal("good", nodes.Ready(nexus));
        Assert.Equal("good", nodes.RunHex(nexus, "A30A00000000000001000000"));

        nodes.Atlas.Volume.Become(VolumeStateKind.Ready);
        nodes.Atlas.Volume.Holds = false;
        nodes.Atlas.Volume.Release();
        nodes.Settle();
        Assert.Equal(("good", "good", "good"), (write.Outcome, flush.Outcome, register.Outcome));
    }

    [Theory]
    [InlineData(TaskManagementFunction.AbortTask, "good")]
    [InlineData(TaskManagementFunction.LogicalUnitReset, "6/2903")]
    public void Task_management_is_answered_in_bounded_time_while_the_volume_is_suspended(TaskManagementFunction function, string ready)
    {
        using var nodes = new TwoNodes();
        nodes.Serve(nodes.Atlas);
        LunNexus nexus = nodes.Attach(nodes.Atlas, 1);
        nodes.Atlas.Volume.Become(VolumeStateKind.Suspended);
        nodes.Atlas.Volume.Holds = true;
        TestTask write = nodes.Send(nexus, Bytes.Ten(0x2A, 0, 1), Bytes.Pattern(512));
        TestFunction operation = nodes.Manage(nexus, function, write.Tag);
        Assert.Equal(0, operation.Completions);
        long asked = nodes.Thread.NowNs;
        Assert.True(nodes.Thread.FireNextTimer());
        Assert.Equal((1, TaskManagementResponse.Complete), (operation.Completions, operation.Response));
        Assert.Equal(TaskManagementOperation.DefaultTimeout.TotalNanoseconds, nodes.Thread.NowNs - asked);
        Assert.Equal("pending", write.Outcome);
        Assert.Equal(ready, nodes.Ready(nexus));
        nodes.Atlas.Volume.Holds = false;
        nodes.Atlas.Volume.Release();
        Assert.Equal("aborted", write.Outcome);
    }

    [Fact]
    public void An_aborted_command_does_not_keep_a_unit_from_ceasing_to_serve()
    {
        using var nodes = new TwoNodes();
        nodes.Serve(nodes.Atlas);
        LunNexus nexus = nodes.Attach(nodes.Atlas, 1);
        nodes.Atlas.Volume.Holds = true;
        TestTask write = nodes.Send(nexus, Bytes.Ten(0x2A, 0, 1), Bytes.Pattern(512));
        TestFunction abort = nodes.Manage(nexus, TaskManagementFunction.AbortTask, write.Tag);
        nodes.Atlas.Unit.Standby();
        nodes.Atlas.Volume.EndHeld();
        nodes.Settle();
        Assert.Equal(("aborted", 1, TaskManagementResponse.Complete), (write.Outcome, abort.Completions, abort.Response));
    }

    private static void ReleaseOne(TwoNodes nodes)
    {
        Assert.NotEqual(0, nodes.Atlas.Volume.HeldCount);
        nodes.Atlas.Volume.Release(1);
        nodes.Settle();
    }
}
