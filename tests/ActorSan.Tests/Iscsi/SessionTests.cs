using ActorSan.Iscsi;
using ActorSan.Iscsi.Pdus;
using ActorSan.Storage.Threads;
using ActorSan.Tests.Iscsi.Harness;
using Xunit;

namespace ActorSan.Tests.Iscsi;

public sealed class SessionOnUringTests() : SessionTests(IoEngineKind.IoUring);

public sealed class SessionOnEpollTests() : SessionTests(IoEngineKind.Epoll);

/// <summary>A server on a real socket, and an initiator made by hand.</summary>
public abstract class SessionTests(IoEngineKind engine)
{
    private Task<ServerFixture> Start(Func<TargetSettings, TargetSettings>? change = null, int threads = 1, IscsiServerOptions? options = null) =>
        ServerFixture.Start(change, threads, options, engine);

    private static byte[] Pattern(int length, int seed)
    {
        byte[] bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    [Theory]
    [InlineData("")]
    [InlineData("HeaderDigest=CRC32C\0DataDigest=CRC32C\0")]
    public async Task A_write_with_immediate_data_is_read_back(string digests)
    {
        await using ServerFixture fixture = await Start();
        using RawInitiator initiator = await LogIn(fixture, digests);
        byte[] data = Pattern(4096, 1);
        await initiator.Send(initiator.Command(1, RawInitiator.Write10(8, 8), write: true, expected: 4096), data);
        ReceivedPdu status = await initiator.Receive();
        Assert.Equal(IscsiOpcode.ScsiResponse, status.Opcode);
        Assert.Equal(0, status.Header[3]);
        Assert.Equal(0x80, status.Flags);
        await initiator.Send(initiator.Command(2, RawInitiator.Read10(8, 8), read: true, expected: 4096));
        ReceivedPdu read = await initiator.Receive();
        Assert.Equal(IscsiOpcode.DataIn, read.Opcode);
        Assert.Equal(0x81, read.Flags);
        Assert.Equal(data, read.Data);
    }

    [Fact]
    public async Task What_a_session_reads_and_writes_is_counted()
    {
        await using ServerFixture fixture = await Start();
        using RawInitiator initiator = await LogIn(fixture);
        SessionCounters counters = Assert.Single(fixture.Sessions).Counters;
        await initiator.Send(initiator.Command(1, RawInitiator.Write10(8, 8), write: true, expected: 4096), Pattern(4096, 1));
        _ = await initiator.Receive();
        await initiator.Send(initiator.Command(2, RawInitiator.Read10(8, 4), read: true, expected: 2048));
        _ = await initiator.Receive();
        Assert.Equal((1, 4096), (counters.Writes, counters.WrittenBytes));
        Assert.Equal((1, 2048), (counters.Reads, counters.ReadBytes));
        Assert.Equal(0, counters.TasksInFlight);

        // What does not touch the medium is neither.
        await initiator.Send(initiator.Command(3, new byte[16]));
        _ = await initiator.Receive();
        Assert.Equal(2, counters.Reads + counters.Writes);
    }

    [Theory]
    [InlineData("")]
    [InlineData("HeaderDigest=CRC32C\0DataDigest=CRC32C\0")]
    public async Task A_long_write_is_solicited_burst_by_burst(string digests)
    {
        await using ServerFixture fixture = await Start();
        using RawInitiator initiator = await LogIn(fixture, digests + "MaxBurstLength=65536\0FirstBurstLength=16384\0MaxOutstandingR2T=2\0");
        byte[] data = Pattern(200 * 512, 2);
        byte[] command = initiator.Command(7, RawInitiator.Write10(0, 200), write: true, expected: (uint)data.Length, final: false);
        await initiator.Send(command, data[..8192]);
        await initiator.Send(RawInitiator.DataOut(7, BasicHeader.ReservedTag, 0, 8192, final: true), data[8192..16384]);
        int asked = 16384;
        while (asked < data.Length)
        {
            ReceivedPdu r2t = await initiator.Receive();
            Assert.Equal(IscsiOpcode.ReadyToTransfer, r2t.Opcode);
            Assert.Equal((uint)asked, r2t.Word(40));
            int length = (int)r2t.Word(44);
            Assert.Equal(Math.Min(65536, data.Length - asked), length);
            int half = length / 2 / 4 * 4;
            await initiator.Send(RawInitiator.DataOut(7, r2t.Word(20), 0, (uint)asked, final: false), data[asked..(asked + half)]);
            await initiator.Send(RawInitiator.DataOut(7, r2t.Word(20), 1, (uint)(asked + half), final: true), data[(asked + half)..(asked + length)]);
            asked += length;
        }

        ReceivedPdu status = await initiator.Receive();
        Assert.Equal(IscsiOpcode.ScsiResponse, status.Opcode);
        Assert.Equal(0, status.Header[3]);
        Assert.True(fixture.Unit.Bytes[..data.Length].SequenceEqual(data));
    }

    [Fact]
    public async Task Read_is_cut_at_segment_and_burst()
    {
        await using ServerFixture fixture = await Start();
        byte[] data = Pattern(64 * 512, 3);
        data.CopyTo(fixture.Unit.Bytes);
        using RawInitiator initiator = await RawInitiator.Connect(fixture.Portal);
        await initiator.Login($"InitiatorName={RawInitiator.Name}\0TargetName={ServerFixture.Target}\0MaxRecvDataSegmentLength=4096\0MaxBurstLength=8192\0");
        await initiator.Send(initiator.Command(1, RawInitiator.Read10(0, 64), read: true, expected: 64 * 512));
        for (int i = 0; i < 8; i++)
        {
            ReceivedPdu pdu = await initiator.Receive();
            Assert.Equal((uint)i, pdu.Word(36));
            Assert.Equal((uint)(i * 4096), pdu.Word(40));
            Assert.Equal(data[(i * 4096)..((i + 1) * 4096)], pdu.Data);
            Assert.Equal(i == 7 ? 0x81 : i % 2 == 1 ? 0x80 : 0, pdu.Flags);
        }
    }

    [Theory]
    [InlineData(1, 0, 0x84, 512, 0)] // expected nothing: overflow of a block
    [InlineData(1, 200, 0x84, 312, 200)]
    [InlineData(1, 10000, 0x82, 9488, 512)]
    [InlineData(2, 512, 0x84, 512, 512)]
    public async Task Reads_tell_the_residual(ushort blocks, uint expected, byte flags, uint residual, int data)
    {
        await using ServerFixture fixture = await Start();
        using RawInitiator initiator = await LogIn(fixture);
        await initiator.Send(initiator.Command(1, RawInitiator.Read10(0, blocks), read: true, expected: expected));
        ReceivedPdu pdu = await initiator.Receive();
        Assert.Equal(data, pdu.Data.Length);
        Assert.Equal(flags, (byte)(pdu.Flags & 0x86));
        Assert.Equal(residual, pdu.Word(44));
    }

    [Theory]
    [InlineData(1, 0, 0x84, 512)]
    [InlineData(1, 200, 0x84, 312)]
    [InlineData(1, 10000, 0x82, 9488)]
    [InlineData(2, 512, 0x84, 512)]
    public async Task Writes_tell_the_residual_and_keep_no_more_than_the_command_says(ushort blocks, uint expected, byte flags, uint residual)
    {
        await using ServerFixture fixture = await Start();
        using RawInitiator initiator = await LogIn(fixture);
        byte[] data = Pattern((int)expected, 4);
        await initiator.Send(initiator.Command(1, RawInitiator.Write10(0, blocks), write: true, expected: expected), data);
        ReceivedPdu pdu = await initiator.Receive();
        Assert.Equal(0, pdu.Header[3]);
        Assert.Equal(flags, (byte)(pdu.Flags & 0x86));
        Assert.Equal(residual, pdu.Word(44));
        int kept = Math.Min(blocks * 512, (int)expected);
        Assert.True(fixture.Unit.Bytes[..kept].SequenceEqual(data.AsSpan(0, kept)));
        Assert.Equal(-1, fixture.Unit.Bytes[kept..].IndexOfAnyExcept((byte)0));
    }

    [Fact]
    public async Task A_command_outside_the_window_is_ignored_and_the_next_in_it_is_served()
    {
        await using ServerFixture fixture = await Start();
        using RawInitiator initiator = await LogIn(fixture);
        initiator.CmdSN = 1 + 128;
        await initiator.Send(initiator.Command(1, new byte[16]));
        initiator.CmdSN = 0;
        await initiator.Send(initiator.Command(2, new byte[16]));
        initiator.CmdSN = 1;
        await initiator.Send(initiator.Command(3, new byte[16]));
        ReceivedPdu pdu = await initiator.Receive();
        Assert.Equal(3u, pdu.Tag);
        Assert.Equal(2u, pdu.Word(28));
    }

    [Theory]
    [InlineData(27, 0, 512)] // DataSN
    [InlineData(0, 512, 512)] // offset
    public async Task Data_out_of_order_ends_its_task_and_not_the_session(uint dataSN, uint offset, int length)
    {
        await using ServerFixture fixture = await Start();
        using RawInitiator initiator = await LogIn(fixture);
        await initiator.Send(initiator.Command(1, RawInitiator.Write10(0, 4), write: true, expected: 2048, final: false));
        await initiator.Send(RawInitiator.DataOut(1, BasicHeader.ReservedTag, dataSN, offset, final: true), Pattern(length, 9));
        ReceivedPdu status = await initiator.Receive();
        Assert.Equal(2, status.Header[3]);
        Assert.Equal([0x47, 0x05], status.Data[14..16]);
        Assert.Contains(fixture.Warnings, warning => warning.Contains("out of order", StringComparison.Ordinal));
        Assert.Equal(-1, fixture.Unit.Bytes[..2048].IndexOfAnyExcept((byte)0));
        await initiator.Send(initiator.Command(2, new byte[16]));
        Assert.Equal(0, (await initiator.Receive()).Header[3]);
    }

    [Fact]
    public async Task Data_that_was_not_asked_for_ends_the_connection()
    {
        await using ServerFixture fixture = await Start();
        using RawInitiator initiator = await LogIn(fixture);
        await initiator.Send(initiator.Command(1, RawInitiator.Write10(0, 4), write: true, expected: 2048));
        Assert.Equal(IscsiOpcode.ReadyToTransfer, (await initiator.Receive()).Opcode);
        await initiator.Send(RawInitiator.DataOut(1, 0x7777, 0, 0, final: true), new byte[512]);
        Assert.True(await initiator.IsClosed());
        Assert.Equal(SessionEnd.ProtocolError, fixture.WaitForEnd().Reason);
    }

    [Fact]
    public async Task A_damaged_header_digest_ends_this_connection_and_no_other()
    {
        await using ServerFixture fixture = await Start();
        using RawInitiator healthy = await LogIn(fixture);
        using RawInitiator broken = await LogIn(fixture, "HeaderDigest=CRC32C\0DataDigest=CRC32C\0", isid: 0x4000_0200_0000);
        await broken.Send(broken.Command(1, new byte[16]), spoilHeaderDigest: true);
        Assert.True(await broken.IsClosed());
        await healthy.Send(healthy.Command(1, new byte[16]));
        Assert.Equal(IscsiOpcode.ScsiResponse, (await healthy.Receive()).Opcode);
    }

    [Fact]
    public async Task A_damaged_data_digest_is_rejected_and_its_task_ends_with_check_condition()
    {
        await using ServerFixture fixture = await Start();
        using RawInitiator initiator = await LogIn(fixture, "HeaderDigest=CRC32C\0DataDigest=CRC32C\0");
        await initiator.Send(initiator.Command(1, RawInitiator.Write10(0, 1), write: true, expected: 512, final: false));
        await initiator.Send(RawInitiator.DataOut(1, BasicHeader.ReservedTag, 0, 0, final: true), Pattern(512, 5), spoilDataDigest: true);
        ReceivedPdu reject = await initiator.Receive();
        Assert.Equal(IscsiOpcode.Reject, reject.Opcode);
        Assert.Equal((byte)RejectReason.DataDigestError, reject.Header[2]);
        ReceivedPdu status = await initiator.Receive();
        Assert.Equal(2, status.Header[3]);
        Assert.Equal(0x0B, status.Data[2 + 2]);
        Assert.Equal([0x47, 0x05], status.Data[14..16]);
        Assert.Equal(-1, fixture.Unit.Bytes[..512].IndexOfAnyExcept((byte)0));
    }

    [Fact]
    public async Task Ping_is_answered_with_its_data()
    {
        await using ServerFixture fixture = await Start();
        using RawInitiator initiator = await LogIn(fixture);
        byte[] ping = Pattern(5001, 6);
        await initiator.Send(RawInitiator.Header(0x40, 0x80, 9, header => RawInitiator.Put(header, 20, BasicHeader.ReservedTag)), ping);
        ReceivedPdu pdu = await initiator.Receive();
        Assert.Equal(IscsiOpcode.NopIn, pdu.Opcode);
        Assert.Equal(ping, pdu.Data);
    }

    [Fact]
    public async Task Logout_is_answered_and_ends_the_session()
    {
        await using ServerFixture fixture = await Start();
        using RawInitiator initiator = await LogIn(fixture);
        await initiator.Send(RawInitiator.Header(0x46, 0x80, 5, header => RawInitiator.Put(header, 24, initiator.CmdSN)));
        ReceivedPdu pdu = await initiator.Receive();
        Assert.Equal(IscsiOpcode.LogoutResponse, pdu.Opcode);
        Assert.Equal(0, pdu.Header[2]);
        Assert.True(await initiator.IsClosed());
        Assert.Equal(SessionEnd.Logout, fixture.WaitForEnd().Reason);
        Assert.Equal(["attach 0", "detach 0"], fixture.Unit.Log);
    }

    [Fact]
    public async Task The_same_isid_reinstates_the_session_after_the_old_one_has_ended()
    {
        await using ServerFixture fixture = await Start();
        using RawInitiator old = await LogIn(fixture);
        fixture.Unit.Keep = true;
        await old.Send(old.Command(1, RawInitiator.Read10(0, 1), read: true, expected: 512));
        Assert.True(await fixture.Unit.Kept.WaitAsync(TimeSpan.FromSeconds(20)));
        using RawInitiator young = await LogIn(fixture);
        Assert.Equal(SessionEnd.Reinstated, fixture.WaitForEnd().Reason);
        Assert.True(await old.IsClosed());
        Assert.Equal(["attach 0", "detach 0", "attach 0"], fixture.Unit.Log);
        Assert.Single(fixture.Server.Sessions);
    }

    [Fact]
    public async Task Abort_of_a_task_in_the_unit_answers_after_it_has_ended_and_its_status_never_comes()
    {
        await using ServerFixture fixture = await Start();
        using RawInitiator initiator = await LogIn(fixture);
        fixture.Unit.Keep = true;
        await initiator.Send(initiator.Command(1, RawInitiator.Read10(0, 1), read: true, expected: 512));
        Assert.True(await fixture.Unit.Kept.WaitAsync(TimeSpan.FromSeconds(20)));
        await initiator.Send(Abort(initiator, 2, 1));
        ReceivedPdu pdu = await initiator.Receive();
        Assert.Equal(IscsiOpcode.TaskManagementResponse, pdu.Opcode);
        Assert.Equal(0, pdu.Header[2]);
        await initiator.Send(initiator.Command(3, new byte[16]));
        Assert.Equal(3u, (await initiator.Receive()).Tag);
    }

    [Fact]
    public async Task Abort_of_a_task_whose_data_still_comes_ends_it_and_its_data_is_thrown_away()
    {
        await using ServerFixture fixture = await Start();
        using RawInitiator initiator = await LogIn(fixture);
        await initiator.Send(initiator.Command(1, RawInitiator.Write10(0, 2), write: true, expected: 1024, final: false));
        await initiator.Send(Abort(initiator, 2, 1));
        Assert.Equal(0, (await initiator.Receive()).Header[2]);
        await initiator.Send(RawInitiator.DataOut(1, BasicHeader.ReservedTag, 0, 0, final: true), Pattern(1024, 7));
        await initiator.Send(Abort(initiator, 4, 1));
        Assert.Equal(1, (await initiator.Receive()).Header[2]);
        Assert.Equal(-1, fixture.Unit.Bytes[..1024].IndexOfAnyExcept((byte)0));
    }

    [Fact]
    public async Task An_ordered_command_waits_for_the_data_of_those_before_it()
    {
        await using ServerFixture fixture = await Start();
        using RawInitiator initiator = await LogIn(fixture);
        byte[] data = Pattern(512, 8);
        await initiator.Send(initiator.Command(1, RawInitiator.Write10(0, 1), write: true, expected: 512, final: false));
        await initiator.Send(initiator.Command(2, RawInitiator.Read10(0, 1), read: true, expected: 512, attribute: 2));
        await initiator.Send(initiator.Command(3, RawInitiator.Read10(0, 1), read: true, expected: 512));
        await initiator.Send(RawInitiator.DataOut(1, BasicHeader.ReservedTag, 0, 0, final: true), data);
        ReceivedPdu[] answers = [await initiator.Receive(), await initiator.Receive(), await initiator.Receive()];
        Assert.Equal([1u, 2u, 3u], answers.Select(answer => answer.Tag));
        Assert.Equal(data, answers[1].Data);
        Assert.Equal(data, answers[2].Data);
    }

    [Fact]
    public async Task Commands_cross_to_another_home_thread_and_back()
    {
        await using ServerFixture fixture = await Start(threads: 2, options: new IscsiServerOptions { Placement = SessionPlacement.Spread });
        for (int i = 0; i < 4; i++)
        {
            using RawInitiator initiator = await LogIn(fixture, isid: 0x4000_0000_0000 + (ulong)i);
            byte[] data = Pattern(1024, i);
            await initiator.Send(initiator.Command(1, RawInitiator.Write10((uint)i * 2, 2), write: true, expected: 1024), data);
            Assert.Equal(IscsiOpcode.ScsiResponse, (await initiator.Receive()).Opcode);
            await initiator.Send(initiator.Command(2, RawInitiator.Read10((uint)i * 2, 2), read: true, expected: 1024));
            Assert.Equal(data, (await initiator.Receive()).Data);
        }
    }

    [Fact]
    public async Task A_login_on_another_thread_moves_to_the_units_home()
    {
        await using ServerFixture fixture = await Start(threads: 3, options: new IscsiServerOptions { Placement = SessionPlacement.Home });
        for (int i = 0; i < 4; i++)
        {
            using RawInitiator initiator = await LogIn(fixture, isid: 0x4000_0000_0000 + (ulong)i);
            await initiator.Send(initiator.Command(1, new byte[16]));
            Assert.Equal(IscsiOpcode.ScsiResponse, (await initiator.Receive()).Opcode);
        }
    }

    [Fact]
    public async Task Kick_tells_the_initiator_and_closes()
    {
        await using ServerFixture fixture = await Start();
        using RawInitiator initiator = await LogIn(fixture);
        fixture.Server.Kick(fixture.Server.Sessions.Single().SessionId, "kicked");
        ReceivedPdu pdu = await initiator.Receive();
        Assert.Equal(IscsiOpcode.AsyncMessage, pdu.Opcode);
        Assert.Equal((byte)AsyncEvent.DropSession, pdu.Header[36]);
        Assert.True(await initiator.IsClosed());
        Assert.Equal(SessionEnd.Kicked, fixture.WaitForEnd().Reason);
    }

    [Fact]
    public async Task Unanswered_ping_ends_the_session()
    {
        await using ServerFixture fixture = await Start(target => target with
        {
            Session = new SessionSettings { NopInterval = TimeSpan.FromMilliseconds(30), NopTimeout = TimeSpan.FromMilliseconds(30) },
        });
        using RawInitiator initiator = await LogIn(fixture);
        ReceivedPdu ping = await initiator.Receive();
        Assert.Equal(IscsiOpcode.NopIn, ping.Opcode);
        Assert.Equal(BasicHeader.ReservedTag, ping.Tag);
        Assert.Equal(SessionEnd.NopTimeout, fixture.WaitForEnd().Reason);
    }

    [Fact]
    public async Task Discovery_lists_targets_with_their_portals()
    {
        await using ServerFixture fixture = await Start();
        using RawInitiator initiator = await RawInitiator.Connect(fixture.Portal);
        await initiator.Login($"InitiatorName={RawInitiator.Name}\0SessionType=Discovery\0");
        byte[] header = RawInitiator.Header(0x04, 0x80, 3, header =>
        {
            RawInitiator.Put(header, 20, BasicHeader.ReservedTag);
            RawInitiator.Put(header, 24, initiator.CmdSN++);
        });
        await initiator.Send(header, "SendTargets=All\0"u8.ToArray());
        ReceivedPdu pdu = await initiator.Receive();
        Assert.Equal($"TargetName={ServerFixture.Target}\0TargetAddress=127.0.0.1:{fixture.Portal.Port},1\0", pdu.Text);
    }

    [Fact]
    public async Task A_removed_lun_is_seen_by_a_live_session()
    {
        await using ServerFixture fixture = await Start();
        using RawInitiator initiator = await LogIn(fixture);
        await initiator.Send(initiator.Command(1, new byte[16]));
        Assert.Equal(0, (await initiator.Receive()).Header[3]);
        await fixture.Server.SetTarget(fixture.DefaultTarget() with { Luns = new Dictionary<ulong, ActorSan.Scsi.LogicalUnit>() });
        await fixture.Threads[0].Invoke(() => 0);
        await initiator.Send(initiator.Command(2, new byte[16]));
        ReceivedPdu pdu = await initiator.Receive();
        Assert.Equal(2, pdu.Header[3]);
        Assert.Equal(0x25, pdu.Data[2 + 12]);
    }

    [Fact]
    public async Task A_login_with_tsih_and_cid_takes_the_place_of_the_connection_and_the_session_goes_on()
    {
        await using ServerFixture fixture = await Start();
        using RawInitiator old = await LogIn(fixture);
        using RawInitiator young = await RawInitiator.Connect(fixture.Portal);
        young.Tsih = old.Tsih;
        ReceivedPdu answer = await young.Login($"InitiatorName={RawInitiator.Name}\0TargetName={ServerFixture.Target}\0");
        Assert.Equal(0, answer.Header[36]);
        Assert.Equal(old.Tsih, young.Tsih);
        Assert.True(await old.IsClosed());
        await young.Send(young.Command(1, new byte[16]));
        Assert.Equal(0, (await young.Receive()).Header[3]);
        Assert.Equal(["attach 0"], fixture.Unit.Log);
        Assert.Empty(fixture.Ended);
    }

    [Fact]
    public async Task A_second_connection_of_a_session_is_refused()
    {
        await using ServerFixture fixture = await Start();
        using RawInitiator first = await LogIn(fixture);
        using RawInitiator second = await RawInitiator.Connect(fixture.Portal);
        second.Tsih = first.Tsih;
        ReceivedPdu answer = await second.Login($"InitiatorName={RawInitiator.Name}\0TargetName={ServerFixture.Target}\0", cid: 2);
        Assert.Equal((2, 6), (answer.Header[36], answer.Header[37]));
        Assert.Equal(LoginRefusal.ProtocolError, fixture.Refused.Take());
    }

    [Fact]
    public async Task Cold_reset_answers_and_then_ends_all_sessions_of_the_target()
    {
        await using ServerFixture fixture = await Start();
        using RawInitiator one = await LogIn(fixture);
        using RawInitiator other = await LogIn(fixture, isid: 0x4000_0200_0000);
        await one.Send(RawInitiator.Header(0x42, 0x87, 3, header => RawInitiator.Put(header, 24, one.CmdSN)));
        Assert.Equal(0, (await one.Receive()).Header[2]);
        Assert.True(await other.IsClosed());
        Assert.Equal([SessionEnd.TargetReset, SessionEnd.TargetReset], new[] { fixture.WaitForEnd().Reason, fixture.WaitForEnd().Reason });
        Assert.Contains("TargetColdReset 0", fixture.Unit.Log);
    }

    [Theory]
    [InlineData(5, 9, 2)] // LUN RESET of a LUN that is not there
    [InlineData(8, 0, 4)] // TASK REASSIGN
    [InlineData(99, 0, 5)]
    public async Task Task_management_that_cannot_be_is_answered_so(byte function, byte lun, byte response)
    {
        await using ServerFixture fixture = await Start();
        using RawInitiator initiator = await LogIn(fixture);
        await initiator.Send(RawInitiator.Header(0x42, (byte)(0x80 | function), 3, header =>
        {
            header[9] = lun;
            RawInitiator.Put(header, 24, initiator.CmdSN);
        }));
        Assert.Equal(response, (await initiator.Receive()).Header[2]);
    }

    [Fact]
    public async Task Commands_wait_for_buffers_and_none_is_lost()
    {
        await using ServerFixture fixture = await Start(options: new IscsiServerOptions { BufferPatience = TimeSpan.FromMinutes(1) });
        using RawInitiator initiator = await LogIn(fixture);
        fixture.Unit.Keep = true;

        // A pool of 16 MiB and 24 reads of a MiB each: sixteen are kept in the unit and the seventeenth stops the reading.
        for (uint i = 0; i < 24; i++)
        {
            await initiator.Send(initiator.Command(i, RawInitiator.Read10(0, 2048), read: true, expected: 1 << 20));
        }

        for (int i = 0; i < 16; i++)
        {
            Assert.True(await fixture.Unit.Kept.WaitAsync(TimeSpan.FromSeconds(20)));
        }

        await fixture.Threads[0].Invoke(() =>
        {
            fixture.Unit.Keep = false;
            fixture.Unit.Release();
            return 0;
        });
        var finished = new HashSet<uint>();
        while (finished.Count < 24)
        {
            ReceivedPdu pdu = await initiator.Receive();
            if ((pdu.Flags & 1) != 0)
            {
                Assert.True(finished.Add(pdu.Tag));
            }
        }
    }

    private static byte[] Abort(RawInitiator initiator, uint tag, uint referenced) => RawInitiator.Header(0x42, 0x81, tag, header =>
    {
        RawInitiator.Put(header, 20, referenced);
        RawInitiator.Put(header, 24, initiator.CmdSN);
        RawInitiator.Put(header, 32, initiator.CmdSN - 1);
    });

    private static Task<RawInitiator> LogIn(ServerFixture fixture, string extra = "", ulong isid = 0x4000_0100_0000)
    {
        string digests = extra.Contains("HeaderDigest", StringComparison.Ordinal) ? "" : "HeaderDigest=None\0DataDigest=None\0";
        return Raw(fixture, digests + extra, isid);
    }

    private static async Task<RawInitiator> Raw(ServerFixture fixture, string extra, ulong isid)
    {
        RawInitiator initiator = await RawInitiator.Connect(fixture.Portal);
        initiator.Isid = isid;
        ReceivedPdu answer = await initiator.Login(
            $"InitiatorName={RawInitiator.Name}\0TargetName={ServerFixture.Target}\0InitialR2T=No\0ImmediateData=Yes\0MaxRecvDataSegmentLength=65536\0{extra}");
        Assert.Equal(0, answer.Header[36]);
        return initiator;
    }
}
