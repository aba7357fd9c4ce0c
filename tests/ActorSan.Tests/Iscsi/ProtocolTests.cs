using System.Net;
using ActorSan.Iscsi;
using ActorSan.Iscsi.Pdus;
using ActorSan.Tests.Iscsi.Harness;
using Xunit;

namespace ActorSan.Tests.Iscsi;

/// <summary>What the RFC says about the rare things: what is refused and how, what is left over, how sessions are asked to end.</summary>
public sealed class ProtocolTests
{
    private const string Names = $"InitiatorName={RawInitiator.Name}\0TargetName={ServerFixture.Target}\0";

    [Fact]
    public async Task A_refused_login_for_a_session_changes_nothing_of_it()
    {
        await using ServerFixture fixture = await ServerFixture.Start();
        using RawInitiator session = await RawInitiator.LogIn(fixture.Portal, ServerFixture.Target);
        using RawInitiator stranger = await RawInitiator.Connect(fixture.Portal);
        stranger.Tsih = session.Tsih;
        ReceivedPdu answer = await stranger.Login(Names + "HeaderDigest=CRC32C\0DataDigest=CRC32C\0MaxRecvDataSegmentLength=512\0", flags: 0x04);
        Assert.Equal(0, answer.Header[36]);
        await session.Send(session.Command(1, RawInitiator.Read10(0, 8), read: true, expected: 4096));
        ReceivedPdu read = await session.Receive();
        Assert.Equal((0x81, 4096), (read.Flags, read.Data.Length));
    }

    [Fact]
    public async Task A_new_connection_agrees_anew_on_what_each_connection_has_for_itself()
    {
        await using ServerFixture fixture = await ServerFixture.Start();
        using RawInitiator old = await RawInitiator.Connect(fixture.Portal);
        await old.Login(Names + "HeaderDigest=CRC32C\0DataDigest=CRC32C\0MaxRecvDataSegmentLength=512\0MaxBurstLength=4096\0");
        using RawInitiator young = await RawInitiator.Connect(fixture.Portal);
        young.Tsih = old.Tsih;
        Assert.Equal(0, (await young.Login(Names)).Header[36]);
        await young.Send(young.Command(1, RawInitiator.Read10(0, 16), read: true, expected: 8192));
        ReceivedPdu first = await young.Receive(), last = await young.Receive();
        Assert.Equal((0x80, 4096), (first.Flags, first.Data.Length));
        Assert.Equal((0x81, 4096), (last.Flags, last.Data.Length));
    }

    [Fact]
    public async Task A_connection_joins_only_by_a_portal_of_the_sessions_group()
    {
        await using ServerFixture fixture = await ServerFixture.Start(target => target with
        {
            PortalGroups = [.. target.PortalGroups, new PortalGroupSettings { GroupTag = 2, RelativePortId = 2, PortGroupId = 1 }],
        });
        IPEndPoint other = await fixture.Server.Listen(new PortalSettings { Address = new IPEndPoint(IPAddress.Loopback, 0), GroupTag = 2 });
        using RawInitiator session = await RawInitiator.LogIn(fixture.Portal, ServerFixture.Target);
        using RawInitiator stranger = await RawInitiator.Connect(other);
        stranger.Tsih = session.Tsih;
        ReceivedPdu answer = await stranger.Login(Names);
        Assert.Equal((2, 8), (answer.Header[36], answer.Header[37]));
        await session.Send(session.Command(1, new byte[16]));
        Assert.Equal(0, (await session.Receive()).Header[3]);
    }

    [Fact]
    public async Task The_number_of_a_rejected_command_is_still_to_come()
    {
        await using ServerFixture fixture = await ServerFixture.Start();
        using RawInitiator initiator = await RawInitiator.LogIn(fixture.Portal, ServerFixture.Target);
        fixture.Unit.Keep = true;
        await initiator.Send(initiator.Command(1, RawInitiator.Read10(0, 1), read: true, expected: 512));
        Assert.True(await fixture.Unit.Kept.WaitAsync(TimeSpan.FromSeconds(20)));
        await initiator.Send(initiator.Command(1, new byte[16]));
        ReceivedPdu reject = await initiator.Receive();
        Assert.Equal((IscsiOpcode.Reject, (byte)RejectReason.TaskInProgress), (reject.Opcode, reject.Header[2]));
        Assert.Equal(2u, reject.Word(28));

        // The next waits for the gap to be closed.
        await initiator.Send(initiator.Command(3, new byte[16]));
        initiator.CmdSN = 2;
        await initiator.Send(initiator.Command(2, new byte[16]));
        Assert.Equal(2u, (await initiator.Receive()).Tag);
        ReceivedPdu third = await initiator.Receive();
        Assert.Equal((3u, 4u), (third.Tag, third.Word(28)));
    }

    [Fact]
    public async Task A_cdb_longer_than_any_is_an_unknown_command()
    {
        await using ServerFixture fixture = await ServerFixture.Start();
        using RawInitiator initiator = await RawInitiator.LogIn(fixture.Portal, ServerFixture.Target);
        byte[] command = initiator.Command(1, new byte[16], read: true, expected: 512);
        command[4] = 12;
        byte[] ahs = new byte[48];
        ahs[1] = 45; // 44 more bytes of CDB
        ahs[2] = 1;
        await initiator.SendRaw([.. command, .. ahs]);
        ReceivedPdu status = await initiator.Receive();
        Assert.Equal(2, status.Header[3]);
        Assert.Equal((5, 0x20, 0), (status.Data[4], status.Data[14], status.Data[15]));
        Assert.Equal((0x82, 512u), (status.Flags, status.Word(44)));
        await initiator.Send(initiator.Command(2, new byte[16]));
        Assert.Equal(0, (await initiator.Receive()).Header[3]);
    }

    [Theory]
    [InlineData(true, 512u, 4096u, 0x88, 4096u, 0u)] // a write: nothing was read
    [InlineData(true, 200u, 0u, 0x84, 0u, 312u)]
    [InlineData(false, 1024u, 512u, 0x82, 0u, 1024u)] // a read: nothing was written
    [InlineData(false, 1024u, 100u, 0x92, 412u, 1024u)]
    public async Task Both_directions_tell_what_is_left(bool isWrite, uint expected, uint expectedRead, byte flags, uint readResidual, uint residual)
    {
        await using ServerFixture fixture = await ServerFixture.Start();
        using RawInitiator initiator = await RawInitiator.LogIn(fixture.Portal, ServerFixture.Target);
        byte[] command = initiator.Command(1, isWrite ? RawInitiator.Write10(0, 1) : RawInitiator.Read10(0, 1), read: true, write: true, expected: expected);
        command[4] = 2;
        byte[] ahs = [0, 5, 2, 0, 0, 0, (byte)(expectedRead >> 8), (byte)expectedRead];
        byte[] data = isWrite ? new byte[expected] : [];
        command[6] = (byte)(data.Length >> 8);
        command[7] = (byte)data.Length;
        await initiator.SendRaw([.. command, .. ahs, .. data]);
        ReceivedPdu pdu = await initiator.Receive();
        if (!isWrite)
        {
            Assert.Equal((IscsiOpcode.DataIn, 0x80, (int)Math.Min(expectedRead, 512)), (pdu.Opcode, pdu.Flags, pdu.Data.Length));
            pdu = await initiator.Receive();
        }

        Assert.Equal((IscsiOpcode.ScsiResponse, 0), (pdu.Opcode, pdu.Header[3]));
        Assert.Equal((flags, readResidual, residual), (pdu.Flags, pdu.Word(40), pdu.Word(44)));
    }

    [Theory]
    [InlineData(1, 1, 0, true)] // close this connection, the only one: the session
    [InlineData(0, 77, 0, true)] // close the session: the CID means nothing
    [InlineData(1, 2, 1, false)] // no such CID
    [InlineData(2, 2, 1, false)]
    [InlineData(2, 1, 2, false)] // recovery, at ErrorRecoveryLevel 0
    public async Task Every_logout_reason_has_its_answer(byte reason, ushort cid, byte response, bool closes)
    {
        await using ServerFixture fixture = await ServerFixture.Start();
        using RawInitiator initiator = await RawInitiator.LogIn(fixture.Portal, ServerFixture.Target);
        await initiator.Send(Logout(initiator, reason, cid));
        ReceivedPdu answer = await initiator.Receive();
        Assert.Equal((IscsiOpcode.LogoutResponse, response), (answer.Opcode, answer.Header[2]));
        if (closes)
        {
            Assert.True(await initiator.IsClosed());
            Assert.Equal(SessionEnd.Logout, fixture.WaitForEnd().Reason);
            return;
        }

        await initiator.Send(initiator.Command(2, new byte[16]));
        Assert.Equal(0, (await initiator.Receive()).Header[3]);
    }

    [Theory]
    [InlineData(0x46, 0x83, 0x09)] // a logout reason that is none
    [InlineData(0x10, 0x80, 0x03)]
    [InlineData(0x1C, 0x80, 0x05)]
    [InlineData(0x25, 0x80, 0x05)] // a target's own
    public async Task What_cannot_be_is_rejected_and_the_session_goes_on(byte opcode, byte flags, byte reason)
    {
        await using ServerFixture fixture = await ServerFixture.Start();
        using RawInitiator initiator = await RawInitiator.LogIn(fixture.Portal, ServerFixture.Target);
        byte[] wrong = RawInitiator.Header(opcode, flags, 9, header => RawInitiator.Put(header, 24, initiator.CmdSN));
        await initiator.Send(wrong);
        ReceivedPdu reject = await initiator.Receive();
        Assert.Equal((IscsiOpcode.Reject, reason, BasicHeader.ReservedTag), (reject.Opcode, reject.Header[2], reject.Tag));
        Assert.Equal(wrong, reject.Data);
        Assert.Contains(fixture.Warnings, warning => warning.Contains("rejected", StringComparison.Ordinal));
        await initiator.Send(initiator.Command(2, new byte[16]));
        Assert.Equal(0, (await initiator.Receive()).Header[3]);
    }

    [Fact]
    public async Task A_node_that_stops_asks_for_logout_and_drops_who_stays()
    {
        await using ServerFixture fixture = await ServerFixture.Start();
        using RawInitiator polite = await RawInitiator.LogIn(fixture.Portal, ServerFixture.Target);
        using RawInitiator deaf = await RawInitiator.LogIn(fixture.Portal, ServerFixture.Target, isid: 0x4000_0200_0000);
        Task stopped = fixture.Server.Stop(TimeSpan.FromMilliseconds(600));
        ReceivedPdu asked = await polite.Receive();
        Assert.Equal((IscsiOpcode.AsyncMessage, (byte)AsyncEvent.RequestLogout, 1u), (asked.Opcode, asked.Header[36], asked.Word(40)));

        // Until it has logged out it is served.
        await polite.Send(polite.Command(1, new byte[16]));
        Assert.Equal(0, (await polite.Receive()).Header[3]);
        await polite.Send(Logout(polite, 0, 1));
        Assert.Equal(IscsiOpcode.LogoutResponse, (await polite.Receive()).Opcode);
        Assert.Equal(SessionEnd.Logout, fixture.WaitForEnd().Reason);
        Assert.Equal((byte)AsyncEvent.RequestLogout, (await deaf.Receive()).Header[36]);
        Assert.Equal((byte)AsyncEvent.DropSession, (await deaf.Receive()).Header[36]);
        Assert.True(await deaf.IsClosed());
        Assert.Equal(SessionEnd.Shutdown, fixture.WaitForEnd().Reason);
        await stopped.WaitAsync(TimeSpan.FromSeconds(20));
    }

    [Fact]
    public async Task An_initiator_that_does_not_log_out_when_asked_is_dropped()
    {
        await using ServerFixture fixture = await ServerFixture.Start();
        using RawInitiator initiator = await RawInitiator.LogIn(fixture.Portal, ServerFixture.Target);
        fixture.Server.RequestLogout(fixture.Server.Sessions.Single().SessionId, TimeSpan.FromSeconds(1));
        Assert.Equal((byte)AsyncEvent.RequestLogout, (await initiator.Receive()).Header[36]);
        Assert.Equal((byte)AsyncEvent.DropSession, (await initiator.Receive()).Header[36]);
        Assert.True(await initiator.IsClosed());
        Assert.Equal(SessionEnd.Kicked, fixture.WaitForEnd().Reason);
    }

    [Fact]
    public async Task A_ping_longer_than_the_longest_buffer_is_answered_as_far_as_the_initiator_takes_it()
    {
        await using ServerFixture fixture = await ServerFixture.Start(target => target with { Session = target.Session with { MaxRecvDataSegmentLength = (1 << 24) - 1 } });
        using RawInitiator initiator = await RawInitiator.LogIn(fixture.Portal, ServerFixture.Target);
        byte[] ping = new byte[(8 << 20) + 5001];
        new Random(1).NextBytes(ping);
        await initiator.Send(RawInitiator.Header(0x40, 0x80, 9, header => RawInitiator.Put(header, 20, BasicHeader.ReservedTag)), ping);
        ReceivedPdu answer = await initiator.Receive();
        Assert.Equal(IscsiOpcode.NopIn, answer.Opcode);
        Assert.Equal(ping[..65536], answer.Data);
        await initiator.Send(initiator.Command(2, new byte[16]));
        Assert.Equal(0, (await initiator.Receive()).Header[3]);
    }

    [Fact]
    public async Task Pings_do_not_wait_behind_commands_that_hang()
    {
        await using ServerFixture fixture = await ServerFixture.Start();
        using RawInitiator initiator = await RawInitiator.LogIn(fixture.Portal, ServerFixture.Target);
        fixture.Unit.Keep = true;
        await initiator.Send(initiator.Command(1, RawInitiator.Read10(0, 1), read: true, expected: 512));
        Assert.True(await fixture.Unit.Kept.WaitAsync(TimeSpan.FromSeconds(20)));
        await initiator.Send(RawInitiator.Header(0x40, 0x80, 9, header => RawInitiator.Put(header, 20, BasicHeader.ReservedTag)));
        ReceivedPdu pdu = await initiator.Receive();
        Assert.Equal((IscsiOpcode.NopIn, 9u), (pdu.Opcode, pdu.Tag));
    }

    [Fact]
    public async Task An_abort_is_read_though_hanging_commands_hold_every_buffer()
    {
        await using ServerFixture fixture = await ServerFixture.Start(options: new IscsiServerOptions { BufferPatience = TimeSpan.FromMilliseconds(50) });
        using RawInitiator initiator = await RawInitiator.LogIn(fixture.Portal, ServerFixture.Target);
        fixture.Unit.Keep = true;
        for (uint tag = 0; tag < 17; tag++)
        {
            await initiator.Send(initiator.Command(tag, RawInitiator.Read10(0, 2048), read: true, expected: 1 << 20));
        }

        await initiator.Send(RawInitiator.Header(0x42, 0x85, 99, header => RawInitiator.Put(header, 24, initiator.CmdSN)));
        ReceivedPdu full = await initiator.Receive();
        Assert.Equal((16u, 0x28), (full.Tag, full.Header[3]));
        ReceivedPdu reset = await initiator.Receive();
        Assert.Equal((IscsiOpcode.TaskManagementResponse, 99u, 0), (reset.Opcode, reset.Tag, reset.Header[2]));
        fixture.Unit.Keep = false;
        await initiator.Send(initiator.Command(50, RawInitiator.Read10(0, 1), read: true, expected: 512));
        Assert.Equal(512, (await initiator.Receive()).Data.Length);
    }

    [Fact]
    public async Task Requests_with_data_wait_as_well_for_a_gap_to_be_closed()
    {
        await using ServerFixture fixture = await ServerFixture.Start();
        using RawInitiator initiator = await RawInitiator.LogIn(fixture.Portal, ServerFixture.Target);
        byte[] ping = [1, 2, 3];
        await initiator.Send(RawInitiator.Header(0x00, 0x80, 9, header =>
        {
            RawInitiator.Put(header, 20, BasicHeader.ReservedTag);
            RawInitiator.Put(header, 24, initiator.CmdSN + 1);
        }), ping);
        await initiator.Send(initiator.Command(1, new byte[16]));
        Assert.Equal(1u, (await initiator.Receive()).Tag);
        ReceivedPdu answer = await initiator.Receive();
        Assert.Equal((IscsiOpcode.NopIn, 9u, 3u), (answer.Opcode, answer.Tag, answer.Word(28)));
        Assert.Equal(ping, answer.Data);
    }

    [Fact]
    public async Task A_target_that_has_moved_says_where_to_from_the_change_on()
    {
        await using ServerFixture fixture = await ServerFixture.Start();
        using RawInitiator before = await RawInitiator.LogIn(fixture.Portal, ServerFixture.Target);
        await fixture.Server.SetTarget(fixture.DefaultTarget() with { Redirect = new RedirectSettings("[2001:db8::7]:3260,2", Permanent: false) });
        using RawInitiator after = await RawInitiator.Connect(fixture.Portal);
        ReceivedPdu answer = await after.Login(Names);
        Assert.Equal((1, 1, "TargetAddress=[2001:db8::7]:3260,2\0"), (answer.Header[36], answer.Header[37], answer.Text));
        Assert.True(await after.IsClosed());
        Assert.Equal(LoginRefusal.Redirected, fixture.Refused.Take());
        await before.Send(before.Command(1, new byte[16]));
        Assert.Equal(0, (await before.Receive()).Header[3]);
    }

    [Fact]
    public async Task One_secret_for_both_directions_is_refused_however_it_is_written()
    {
        await using ServerFixture fixture = await ServerFixture.Start();
        var chap = new ChapSettings { UserName = "u", Secret = "abcdefghijkl", MutualUserName = "t", MutualSecret = "0x6162636465666768696a6b6c" };
        await Assert.ThrowsAsync<ArgumentException>(() => fixture.Server.SetTarget(fixture.DefaultTarget() with { Chap = chap }));
    }

    private static byte[] Logout(RawInitiator initiator, byte reason, ushort cid) => RawInitiator.Header(0x46, (byte)(0x80 | reason), 5, header =>
    {
        RawInitiator.Put(header, 20, (uint)cid << 16);
        RawInitiator.Put(header, 24, initiator.CmdSN);
    });
}
