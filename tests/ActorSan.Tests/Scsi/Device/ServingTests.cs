using ActorSan.Scsi;
using ActorSan.Scsi.Reservations;
using ActorSan.Storage.Blocks;
using ActorSan.Tests.Scsi.Harness;
using ActorSan.Tests.Shared;
using Xunit;

namespace ActorSan.Tests.Scsi.Device;

/// <summary>What a unit answers that does not serve, and what happens to commands when it ceases to (SPC-4 §5.15.2.4).</summary>
public sealed class ServingTests
{
    private const string Standby = "2/040b";

    // ABORTED COMMAND, COMMANDS CLEARED BY DEVICE SERVER: done, or not.
    private const string Unknown = "b/2f02";
    private const string Transition = "2/040a";
    private const string StateChanged = "6/2a06";
    private const string ReportGroups = "A30A00000000000001000000";

    [Theory]
    [InlineData("120000006000", "good")] // INQUIRY
    [InlineData("12018300FF00", "good")] // VPD 83h
    [InlineData("A00000000000000001000000", "good")] // REPORT LUNS
    [InlineData("03000000FC00", "good")] // REQUEST SENSE
    [InlineData(ReportGroups, "good")]
    [InlineData("A32A00000000000001000000", "good")] // extended header
    [InlineData("A30C00000000000001000000", "good")] // REPORT SUPPORTED OPERATION CODES
    [InlineData("A30D00000000000000040000", "good")] // REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS
    [InlineData("1A003F00FF00", "good")] // MODE SENSE(6)
    [InlineData("5A003F000000000FF000", "good")] // MODE SENSE(10)
    [InlineData("4D00400000000000FF00", "good")] // LOG SENSE
    [InlineData("1C0000000800", "good")] // RECEIVE DIAGNOSTIC RESULTS
    [InlineData("3C0B0000000000000400", "good")] // READ BUFFER, echo descriptor
    [InlineData("000000000000", Standby)] // TEST UNIT READY
    [InlineData("25000000000000000000", Standby)] // READ CAPACITY(10)
    [InlineData("9E10000000000000000000000020 0000", Standby)] // READ CAPACITY(16)
    [InlineData("28000000000000000100", Standby)] // READ(10)
    [InlineData("35000000000000000000", Standby)] // SYNCHRONIZE CACHE
    [InlineData("9E12000000000000000000000020 0000", Standby)] // GET LBA STATUS
    [InlineData("5E000000000000010000", Standby)] // PERSISTENT RESERVE IN
    [InlineData("560000000000 00000000", Standby)] // RESERVE(10)
    [InlineData("160000000000", Standby)] // RESERVE(6)
    [InlineData("1B0000000100", Standby)] // START STOP UNIT
    [InlineData("1D0400000000", Standby)] // SEND DIAGNOSTIC
    [InlineData("840300000000000000000000002000 00", Standby)] // RECEIVE COPY OPERATING PARAMETERS
    [InlineData("48820000000000000000", Standby)] // SANITIZE
    [InlineData("FF0000000000", "5/2000 c0")] // no command at all
    public void A_unit_in_standby_answers_what_needs_no_volume(string cdb, string outcome)
    {
        using var nodes = new TwoNodes();
        nodes.Serve(nodes.Zeus);
        LunNexus nexus = nodes.Attach(nodes.Atlas, 1);
        Assert.Equal(outcome, nodes.Run(nexus, Bytes.Hex(cdb)));
        Assert.Equal(0, nodes.Atlas.Volume.AttributeReads);
        Assert.Empty(nodes.Atlas.Volume.Log);
    }

    [Fact]
    public void Commands_with_data_are_refused_in_standby()
    {
        using var nodes = new TwoNodes();
        nodes.Serve(nodes.Zeus);
        LunNexus nexus = nodes.Attach(nodes.Atlas, 1);
        Assert.Equal(Standby, nodes.Write(nexus));
        Assert.Equal(Standby, nodes.Reserve(nexus, ReservationAction.Register, 0, 7));
        Assert.Equal(Standby, nodes.Run(nexus, Bytes.Hex("151000001000"), Bytes.Hex("00000000 0A0A00100000 0000FFFF0000")));
        Assert.Empty(nodes.Atlas.Volume.Log);

        TestTask sense = nodes.Send(nexus, Bytes.Hex("03000000FC00"));
        Assert.Equal(Standby, TestTask.DescribeSense(sense.Data));
    }

    [Theory]
    [InlineData(PortGroupState.Transitioning, Transition)]
    [InlineData(PortGroupState.Unavailable, "2/040c")]
    public void The_groups_state_says_why(PortGroupState state, string outcome)
    {
        using var nodes = new TwoNodes();
        LunNexus nexus = nodes.Attach(nodes.Atlas, 1);
        nodes.Atlas.Unit.SetPortGroups([nodes.Groups(nodes.Atlas, null)[0] with { State = state }]);
        Assert.Equal(StateChanged, nodes.Ready(nexus));
        Assert.Equal(outcome, nodes.Ready(nexus));
        Assert.Equal(outcome, nodes.Write(nexus));
        Assert.Equal("good", nodes.RunHex(nexus, ReportGroups));
    }

    [Fact]
    public void Groups_are_reported_as_they_are_whatever_the_unit_was_told_of_its_own()
    {
        using var nodes = new TwoNodes();
        LunNexus atlas = nodes.Attach(nodes.Atlas, 1);
        LunNexus zeus = nodes.Attach(nodes.Zeus, 1);

        // Both are told that atlas serves, which has not begun to.
        nodes.Atlas.Unit.SetPortGroups(nodes.Groups(nodes.Atlas, nodes.Atlas));
        nodes.Zeus.Unit.SetPortGroups(nodes.Groups(nodes.Zeus, nodes.Atlas));
        TakeAttentions(atlas, zeus);
        Assert.Equal("00000018 02 8F 0001 00 02 00 01 00000001 02 8F 0002 00 02 00 01 00000002".Replace(" ", ""), nodes.Send(atlas, Bytes.Hex(ReportGroups)).Hex);
        nodes.Atlas.Unit.Activate(keepsRegistrations: true);
        nodes.Settle();
        TakeAttentions(atlas, zeus);
        const string AtlasServes = "0000001800 8F 0001 00 00 00 01 00000001 02 8F 0002 00 02 00 01 00000002";
        Assert.Equal(AtlasServes.Replace(" ", ""), nodes.Send(atlas, Bytes.Hex(ReportGroups)).Hex);
        Assert.Equal(AtlasServes.Replace(" ", ""), nodes.Send(zeus, Bytes.Hex(ReportGroups)).Hex);

        // Its lease has lapsed: it may go on, or somebody else.
        nodes.Atlas.Volume.MayTell = false;
        Assert.Equal("000000180F8F000100020001", nodes.Send(atlas, Bytes.Hex(ReportGroups)).Hex[..24]);
        nodes.Atlas.Volume.MayTell = true;

        // With the extended header: FORMAT TYPE 1 and the implicit transition time.
        Assert.Equal("0000001C101E0000", nodes.Send(zeus, Bytes.Hex("A32A00000000000001000000")).Hex[..16]);

        nodes.Serve(nodes.Zeus);
        TakeAttentions(atlas, zeus);
        const string ZeusServes = "0000001802 8F 0001 00 02 00 01 00000001 00 8F 0002 00 00 00 01 00000002";
        Assert.Equal(ZeusServes.Replace(" ", ""), nodes.Send(zeus, Bytes.Hex(ReportGroups)).Hex);
        Assert.Equal(ZeusServes.Replace(" ", ""), nodes.Send(atlas, Bytes.Hex(ReportGroups)).Hex);
    }

    [Fact]
    public void A_status_code_that_was_said_is_reported()
    {
        using var nodes = new TwoNodes();
        LunNexus nexus = nodes.Attach(nodes.Atlas, 1);
        nodes.Atlas.Unit.Activate(false, [new TargetPortGroup { Id = 1, RelativePorts = [1], Preferred = true, Status = PortGroupStatus.AlteredImplicitly, IsOwn = true }]);
        Assert.Equal("0000000C 80 8F 0001 00 02 00 01 00000001".Replace(" ", ""), nodes.Send(nexus, Bytes.Hex(ReportGroups)).Hex);
    }

    [Fact]
    public void Inquiry_says_implicit_asymmetric_access_and_names_port_and_group()
    {
        using var nodes = new TwoNodes();
        LunNexus nexus = nodes.Attach(nodes.Zeus, 1);
        Assert.Equal(0x10, nodes.Send(nexus, Bytes.Hex("120000006000")).Data[5] & 0x30);
        string page = nodes.Send(nexus, Bytes.Hex("12018300FF00")).Hex;
        Assert.Contains("51940004" + "00000002", page, StringComparison.Ordinal);
        Assert.Contains("51950004" + "00000002", page, StringComparison.Ordinal);

        // The unit itself has one name on both nodes.
        LunNexus other = nodes.Attach(nodes.Atlas, 1);
        Assert.NotEqual("", page);
        Assert.Equal(page[8..100], nodes.Send(other, Bytes.Hex("12018300FF00")).Hex[8..100]);
    }

    [Fact]
    public void Every_nexus_hears_once_of_a_change()
    {
        using var nodes = new TwoNodes();
        LunNexus[] all = [nodes.Attach(nodes.Atlas, 1), nodes.Attach(nodes.Atlas, 2), nodes.Attach(nodes.Zeus, 1)];
        nodes.Serve(nodes.Atlas);
        foreach (LunNexus nexus in all)
        {
            Assert.Equal(StateChanged, nodes.Ready(nexus));
            Assert.Equal(nexus.Unit == nodes.Atlas.Unit ? "good" : Standby, nodes.Ready(nexus));
        }

        // The same again is no change; another preference is.
        nodes.Serve(nodes.Atlas);
        Assert.Equal("good", nodes.Ready(all[0]));
        TargetPortGroup[] groups = nodes.Groups(nodes.Atlas, nodes.Atlas);
        nodes.Atlas.Unit.SetPortGroups([groups[0] with { Preferred = true }, groups[1]]);
        Assert.Equal(StateChanged, nodes.Ready(all[0]));

        // A node that came or went, too.
        nodes.Atlas.Unit.SetPortGroups([groups[0] with { Preferred = true }]);
        Assert.Equal(StateChanged, nodes.Ready(all[0]));
        nodes.Atlas.Unit.SetPortGroups([groups[0] with { Preferred = true }, groups[1]]);
        Assert.Equal(StateChanged, nodes.Ready(all[0]));
        Assert.Equal("good", nodes.Ready(all[0]));
    }

    [Fact]
    public void Commands_under_way_end_by_what_the_volume_says_and_without_a_claim()
    {
        using var nodes = new TwoNodes();
        nodes.Serve(nodes.Atlas);
        LunNexus nexus = nodes.Attach(nodes.Atlas, 1);
        nodes.Atlas.Volume.Holds = true;
        TestTask write = nodes.Send(nexus, Bytes.Ten(0x2A, 0, 1), Bytes.Pattern(512));
        TestTask ordered = nodes.Send(nexus, Bytes.Ten(0x28, 0, 1), attribute: TaskAttribute.Ordered);
        TestTask dormant = nodes.Send(nexus, Bytes.Ten(0x28, 0, 1));
        nodes.Atlas.Unit.Standby();
        Assert.Equal("pending", write.Outcome);
        nodes.Atlas.Volume.EndHeld();
        nodes.Settle();
        Assert.Equal((Unknown, StateChanged, Standby), (write.Outcome, ordered.Outcome, dormant.Outcome));
        Assert.All([write, ordered, dormant], task => Assert.True(task.IsSound));
    }

    [Theory]
    [InlineData(VolumeStatus.Deposed)]
    [InlineData(VolumeStatus.NotReady)]
    [InlineData(VolumeStatus.WriteError)]
    [InlineData(VolumeStatus.ReadError)]
    [InlineData(VolumeStatus.NoSpace)]
    [InlineData(VolumeStatus.Busy)]
    public void A_medium_that_is_served_elsewhere_is_not_complained_about(VolumeStatus status)
    {
        using var nodes = new TwoNodes();
        nodes.Serve(nodes.Atlas);
        LunNexus nexus = nodes.Attach(nodes.Atlas, 1);
        nodes.Atlas.Volume.Holds = true;
        TestTask write = nodes.Send(nexus, Bytes.Ten(0x2A, 0, 1), Bytes.Pattern(512));
        nodes.Atlas.Unit.Standby();
        nodes.Atlas.Volume.EndHeld(status);
        Assert.Equal(Unknown, write.Outcome);
    }

    /// <summary>Who compares and writes must not be told that nothing was done: its next try would find its own bytes, and take them for another's.</summary>
    [Theory]
    [InlineData(VolumeStatus.Deposed)]
    [InlineData(VolumeStatus.NotReady)]
    public void A_comparison_under_way_is_not_said_to_have_done_nothing(VolumeStatus status)
    {
        using var nodes = new TwoNodes();
        nodes.Serve(nodes.Atlas);
        LunNexus nexus = nodes.Attach(nodes.Atlas, 1);
        nodes.Atlas.Volume.Holds = true;
        TestTask task = nodes.Send(nexus, Bytes.Hex("89000000000000000000000000010000"), new byte[1024]);
        nodes.Atlas.Volume.EndHeld(status);
        nodes.Settle();
        Assert.Equal(Unknown, task.Outcome);
    }

    [Fact]
    public void A_deposed_volume_whose_unit_has_not_heard_of_it_is_a_transition()
    {
        using var nodes = new TwoNodes();
        nodes.Serve(nodes.Atlas);
        LunNexus nexus = nodes.Attach(nodes.Atlas, 1);
        nodes.Atlas.Volume.FailNext(VolumeOperationKind.Write, VolumeStatus.Deposed);
        Assert.Equal(Transition, nodes.Write(nexus));
    }

    [Fact]
    public void What_the_volume_has_done_is_answered_even_when_the_unit_serves_no_more()
    {
        using var nodes = new TwoNodes();
        nodes.Serve(nodes.Atlas);
        LunNexus nexus = nodes.Attach(nodes.Atlas, 1);
        nodes.Atlas.Volume.HoldsAnswers = true;
        TestTask write = nodes.Send(nexus, Bytes.Ten(0x2A, 0, 1), Bytes.Pattern(512));
        nodes.Atlas.Unit.Standby();
        nodes.Atlas.Volume.Release();
        Assert.Equal("good", write.Outcome);
    }

    [Fact]
    public void A_command_of_an_earlier_reign_asks_the_volume_for_nothing_in_the_next()
    {
        // WRITE SAME writes in pieces: its second one would be checked against no reservation of the reign that it falls into.
        using var nodes = new TwoNodes(volume: new MemoryVolumeOptions { Blocks = 16384, Capabilities = Thick });
        nodes.Serve(nodes.Atlas);
        LunNexus nexus = nodes.Attach(nodes.Atlas, 1);
        nodes.Atlas.Volume.HoldsAnswers = true;
        TestTask same = nodes.Send(nexus, Bytes.Ten(0x41, 0, 16000), Bytes.Pattern(512));
        int asked = nodes.Atlas.Volume.Log.Count;
        Assert.Equal(("pending", 1), (same.Outcome, asked));
        nodes.Atlas.Unit.Standby();
        nodes.Atlas.Unit.Activate(keepsRegistrations: true);
        nodes.Atlas.Volume.HoldsAnswers = false;
        nodes.Atlas.Volume.Release();
        nodes.Settle();
        Assert.Equal(Unknown, same.Outcome);
        Assert.Equal(asked, nodes.Atlas.Volume.Log.Count);
    }

    [Fact]
    public void Nothing_is_admitted_before_the_volume_is_ready_and_its_attributes_are_known()
    {
        using var nodes = new TwoNodes();
        nodes.Serve(nodes.Zeus, keepsRegistrations: false);
        LunNexus holder = nodes.Attach(nodes.Zeus, 1);
        Assert.Equal("good", nodes.Reserve(holder, ReservationAction.Register, 0, 7));
        Assert.Equal("good", nodes.Reserve(holder, ReservationAction.Reserve, 7, type: ReservationType.WriteExclusive));
        LunNexus foreign = nodes.Attach(nodes.Atlas, 2);
        nodes.Atlas.Volume.Become(VolumeStateKind.Suspended);
        nodes.Serve(nodes.Atlas);
        nodes.Ready(foreign);
        TestTask write = nodes.Send(foreign, Bytes.Ten(0x2A, 0, 1), Bytes.Pattern(512));
        Assert.Equal("pending", write.Outcome);
        nodes.Atlas.Volume.Become(VolumeStateKind.Ready);
        nodes.Settle();
        Assert.Equal("ReservationConflict", write.Outcome);
        Assert.DoesNotContain(nodes.Atlas.Volume.Log, entry => entry.Kind == VolumeOperationKind.Write);
    }

    [Fact]
    public void Commands_that_wait_for_the_reservations_end_when_the_unit_serves_no_more()
    {
        using var nodes = new TwoNodes();
        nodes.Atlas.Volume.Become(VolumeStateKind.Suspended);
        nodes.Serve(nodes.Atlas);
        LunNexus nexus = nodes.Attach(nodes.Atlas, 1);
        TestTask write = nodes.Send(nexus, Bytes.Ten(0x2A, 0, 1), Bytes.Pattern(512));
        TestTask sense = nodes.Send(nexus, Bytes.Hex("1A003F00FF00"));
        Assert.Equal(("pending", "pending"), (write.Outcome, sense.Outcome));
        nodes.Atlas.Unit.Standby();
        nodes.Settle();
        Assert.Equal((Standby, "good"), (write.Outcome, sense.Outcome));
    }

    [Theory]
    [InlineData(VolumeStateKind.Starting, "2/0401")]
    [InlineData(VolumeStateKind.Failed, "2/0403")]
    public void Nothing_waits_for_the_reservations_of_a_volume_that_is_not_there(VolumeStateKind kind, string outcome)
    {
        using var nodes = new TwoNodes();
        nodes.Atlas.Volume.Become(VolumeStateKind.Suspended);
        nodes.Serve(nodes.Atlas);
        LunNexus nexus = nodes.Attach(nodes.Atlas, 1);
        TestTask write = nodes.Send(nexus, Bytes.Ten(0x2A, 0, 1), Bytes.Pattern(512));
        Assert.Equal("pending", write.Outcome);
        nodes.Atlas.Volume.Become(kind);
        nodes.Settle();
        Assert.Equal(outcome, write.Outcome);
        Assert.Equal(outcome, nodes.Write(nexus));
        nodes.Atlas.Volume.Become(VolumeStateKind.Ready);
        Assert.Equal("good", nodes.Write(nexus));
    }

    [Fact]
    public void Saved_mode_pages_come_with_the_volume_and_their_change_is_told()
    {
        using var nodes = new TwoNodes();
        nodes.Serve(nodes.Atlas);
        LunNexus atlas = nodes.Attach(nodes.Atlas, 1);
        LunNexus zeus = nodes.Attach(nodes.Zeus, 1);

        // SWP in the control mode page, saved.
        Assert.Equal("good", nodes.Run(atlas, Bytes.Hex("151100001000"), Bytes.Hex("00000000 0A0A02100800 0000FFFF0000")));
        Assert.Equal("7/2702", nodes.Write(atlas));
        nodes.Serve(nodes.Zeus);
        zeus.State!.Attentions.Remove(UnitAttention.AsymmetricAccessStateChanged);
        Assert.Equal("6/2a01", nodes.Ready(zeus));
        Assert.Equal("7/2702", nodes.Write(zeus));

        // And back: what atlas kept in mind of then is not what counts.
        Assert.Equal("good", nodes.Run(zeus, Bytes.Hex("151100001000"), Bytes.Hex("00000000 0A0A02100000 0000FFFF0000")));
        nodes.Serve(nodes.Atlas);
        atlas.State!.Attentions.Clear();
        Assert.Equal("good", nodes.Write(atlas));
    }

    [Fact]
    public void A_new_size_is_told_at_the_node_that_begins_to_serve()
    {
        using var nodes = new TwoNodes();
        nodes.Serve(nodes.Atlas);
        LunNexus nexus = nodes.Attach(nodes.Zeus, 1);
        nodes.Zeus.Volume.Resize(128);
        Assert.Equal("6/2a09", nodes.Ready(nexus));
        nodes.Serve(nodes.Zeus);
        Assert.Equal(StateChanged, nodes.Ready(nexus));
        Assert.Equal("good", nodes.Read(nexus, 127));
        Assert.Equal("5/2100 i128", nodes.Read(nexus, 128));
    }

    private static void TakeAttentions(params LunNexus[] nexuses)
    {
        foreach (LunNexus nexus in nexuses)
        {
            nexus.State!.Attentions.Clear();
        }
    }

    private static VolumeCapabilities Thick { get; } =
        new(Thin: false, 4096, WriteCache: true, ReadOnly: false, CryptoErase: false, Rotational: false, 128 << 10, 64 << 10);
}
