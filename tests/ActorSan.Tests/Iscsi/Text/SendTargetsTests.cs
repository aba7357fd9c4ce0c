using System.Net;
using System.Text;
using ActorSan.Iscsi;
using ActorSan.Iscsi.Pdus;
using ActorSan.Iscsi.Text;
using ActorSan.Tests.Iscsi.Harness;
using Xunit;

namespace ActorSan.Tests.Iscsi.Text;

/// <summary>RFC 7143 appendix C, over a socket.</summary>
public sealed class SendTargetsTests
{
    private const string Discovery = $"InitiatorName={RawInitiator.Name}\0SessionType=Discovery\0";
    private const string Hidden = "iqn.2026-01.test:hidden";

    [Theory]
    [InlineData("192.0.2.7", 3260, "192.0.2.7:3260,5")]
    [InlineData("2001:db8::7", 860, "[2001:db8::7]:860,5")]
    [InlineData("fe80::1%3", 3260, "[fe80::1]:3260,5")]
    public void Addresses_are_written_as_the_standard_says(string address, int port, string text) =>
        Assert.Equal(text, SendTargets.Format(new IPEndPoint(IPAddress.Parse(address), port), 5));

    [Fact]
    public async Task All_lists_every_portal_of_every_group_of_what_the_initiator_may_log_in_to()
    {
        await using ServerFixture fixture = await TwoGroups();
        IPEndPoint wildcard = await fixture.Server.Listen(new PortalSettings { Address = new IPEndPoint(IPAddress.Any, 0), GroupTag = 1 });
        await fixture.Server.Listen(new PortalSettings
        {
            Address = new IPEndPoint(IPAddress.Loopback, 0),
            GroupTag = 2,
            Advertised = new IPEndPoint(IPAddress.Parse("2001:db8::1"), 3260),
        });
        IPEndPoint foreign = await fixture.Server.Listen(new PortalSettings { Address = new IPEndPoint(IPAddress.Loopback, 0), GroupTag = 3 });
        using RawInitiator initiator = await RawInitiator.Connect(foreign);
        await initiator.Login(Discovery);
        string expected = $"TargetName={ServerFixture.Target}\0TargetAddress=127.0.0.1:{fixture.Portal.Port},1\0TargetAddress=127.0.0.1:{wildcard.Port},1\0"
            + "TargetAddress=[2001:db8::1]:3260,2\0";
        Assert.Equal(expected, await Ask(initiator, "All"));
    }

    [Fact]
    public async Task A_name_lists_that_target_and_nothing_is_told_of_one_that_is_not_there_or_not_for_the_initiator()
    {
        await using ServerFixture fixture = await TwoGroups();
        using RawInitiator initiator = await RawInitiator.Connect(fixture.Portal);
        await initiator.Login(Discovery);
        Assert.StartsWith($"TargetName={ServerFixture.Target}\0", await Ask(initiator, ServerFixture.Target.ToUpperInvariant()), StringComparison.Ordinal);
        Assert.Equal("", await Ask(initiator, "iqn.2026-01.test:nobody"));
        Assert.Equal("", await Ask(initiator, Hidden));
        Assert.Equal("SendTargets=Reject\0", await Ask(initiator, ""));
    }

    [Fact]
    public async Task A_normal_session_asks_for_its_own_target()
    {
        await using ServerFixture fixture = await TwoGroups();
        using RawInitiator initiator = await RawInitiator.LogIn(fixture.Portal, ServerFixture.Target);
        Assert.Equal($"TargetName={ServerFixture.Target}\0TargetAddress=127.0.0.1:{fixture.Portal.Port},1\0", await Ask(initiator, ""));
        Assert.Equal("SendTargets=Reject\0", await Ask(initiator, "All"));
    }

    [Fact]
    public async Task A_long_answer_comes_in_pieces_that_the_initiator_asks_for()
    {
        await using ServerFixture fixture = await TwoGroups();
        for (int i = 0; i < 40; i++)
        {
            await fixture.Server.SetTarget(fixture.DefaultTarget() with { Name = $"iqn.2026-01.test:many-{i:00}" });
        }

        using RawInitiator initiator = await RawInitiator.Connect(fixture.Portal);
        await initiator.Login(Discovery + "MaxRecvDataSegmentLength=512\0");
        var all = new StringBuilder();
        uint transferTag = BasicHeader.ReservedTag;
        ReceivedPdu pdu;
        do
        {
            pdu = await Exchange(initiator, transferTag, transferTag == BasicHeader.ReservedTag ? "SendTargets=All\0" : "");
            Assert.InRange(pdu.Data.Length, 1, 512);
            all.Append(pdu.Text);
            transferTag = pdu.Word(20);
        }
        while ((pdu.Flags & 0x40) != 0);
        Assert.Equal((0x80, BasicHeader.ReservedTag), (pdu.Flags, transferTag));
        Assert.Equal(41, all.ToString().Split("TargetName=").Length - 1);
    }

    [Fact]
    public async Task A_question_may_come_in_pieces_as_well()
    {
        await using ServerFixture fixture = await TwoGroups();
        using RawInitiator initiator = await RawInitiator.Connect(fixture.Portal);
        await initiator.Login(Discovery);
        ReceivedPdu more = await Exchange(initiator, BasicHeader.ReservedTag, "SendTar", flags: 0x40);
        Assert.Equal((0, 0), (more.Flags, more.Data.Length));
        Assert.NotEqual(BasicHeader.ReservedTag, more.Word(20));
        ReceivedPdu answer = await Exchange(initiator, more.Word(20), "gets=All\0");
        Assert.Equal(0x80, answer.Flags);
        Assert.StartsWith($"TargetName={ServerFixture.Target}\0", answer.Text, StringComparison.Ordinal);
        ReceivedPdu wrong = await Exchange(initiator, more.Word(20), "");
        Assert.Equal((IscsiOpcode.Reject, RejectReason.InvalidPduField), (wrong.Opcode, (RejectReason)wrong.Header[2]));
    }

    [Fact]
    public async Task Full_feature_keys_are_answered_by_their_rule()
    {
        await using ServerFixture fixture = await TwoGroups();
        using RawInitiator initiator = await RawInitiator.LogIn(fixture.Portal, ServerFixture.Target);
        ReceivedPdu answer = await Exchange(initiator, BasicHeader.ReservedTag, "HeaderDigest=CRC32C\0X-test.what=1\0MaxRecvDataSegmentLength=1024\0");
        Assert.Equal("HeaderDigest=Reject\0X-test.what=NotUnderstood\0", answer.Text);
        await initiator.Send(initiator.Command(1, RawInitiator.Read10(0, 4), read: true, expected: 2048));
        Assert.Equal(1024, (await initiator.Receive()).Data.Length);
        Assert.Equal(1024, (await initiator.Receive()).Data.Length);
    }

    private static async Task<ServerFixture> TwoGroups()
    {
        ServerFixture fixture = await ServerFixture.Start(target => target with
        {
            PortalGroups = [.. target.PortalGroups, new PortalGroupSettings { GroupTag = 2, RelativePortId = 2, PortGroupId = 1 }],
        });
        await fixture.Server.SetTarget(fixture.DefaultTarget() with { Name = Hidden, Open = false, Initiators = [new InitiatorAccess { Pattern = "iqn.2026-01.test:other" }] });
        return fixture;
    }

    private static async Task<string> Ask(RawInitiator initiator, string what) => (await Exchange(initiator, BasicHeader.ReservedTag, $"SendTargets={what}\0")).Text;

    private static async Task<ReceivedPdu> Exchange(RawInitiator initiator, uint transferTag, string text, byte flags = 0x80)
    {
        byte[] header = RawInitiator.Header(0x04, flags, 3, header =>
        {
            RawInitiator.Put(header, 20, transferTag);
            RawInitiator.Put(header, 24, initiator.CmdSN++);
        });
        await initiator.Send(header, Encoding.UTF8.GetBytes(text));
        return await initiator.Receive();
    }
}
