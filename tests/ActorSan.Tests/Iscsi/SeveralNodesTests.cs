using System.Net;
using System.Text;
using ActorSan.Iscsi;
using ActorSan.Iscsi.Pdus;
using ActorSan.Scsi;
using ActorSan.Storage.Blocks;
using ActorSan.Tests.Iscsi.Harness;
using ActorSan.Tests.Shared;
using Xunit;

namespace ActorSan.Tests.Iscsi;

/// <summary>One target that several nodes show: what discovery says, by which ports sessions come, and what they hear of changes while they run.</summary>
public sealed class SeveralNodesTests
{
    private const string Discovery = $"InitiatorName={RawInitiator.Name}\0SessionType=Discovery\0";

    private static readonly byte[] TestUnitReady = new byte[16];

    [Fact]
    public async Task Every_portal_names_the_portals_of_all_nodes()
    {
        await using ServerFixture atlas = await ServerFixture.Start();
        await using ServerFixture zeus = await ServerFixture.Start(OfZeus);
        IPEndPoint zeusPortal = await zeus.Server.Listen(new PortalSettings { Address = new IPEndPoint(IPAddress.Loopback, 0), GroupTag = 2 });
        await atlas.Server.SetTarget(atlas.DefaultTarget() with { RemotePortals = [Remote(zeusPortal, 2)] });
        await zeus.Server.SetTarget(OfZeus(zeus.DefaultTarget()) with { RemotePortals = [Remote(atlas.Portal, 1)] });

        string atAtlas = await Discover(atlas.Portal);
        Assert.Equal($"TargetName={ServerFixture.Target}\0TargetAddress=127.0.0.1:{zeusPortal.Port},2\0TargetAddress=127.0.0.1:{atlas.Portal.Port},1\0", atAtlas);
        string atZeus = await Discover(zeusPortal);
        Assert.Equal(atAtlas.Split('\0').Order(StringComparer.Ordinal), atZeus.Split('\0').Order(StringComparer.Ordinal));

        // The empty value in a normal session says the same, and each of the portals takes a login.
        using RawInitiator session = await RawInitiator.LogIn(zeusPortal, ServerFixture.Target);
        Assert.Equal(atZeus, await Ask(session, ""));
        using RawInitiator other = await RawInitiator.LogIn(atlas.Portal, ServerFixture.Target);
    }

    [Fact]
    public async Task Portals_of_other_nodes_come_and_go_while_the_node_runs()
    {
        await using ServerFixture fixture = await ServerFixture.Start();
        using RawInitiator session = await RawInitiator.LogIn(fixture.Portal, ServerFixture.Target);
        string name = $"TargetName={ServerFixture.Target}\0";
        string own = $"TargetAddress=127.0.0.1:{fixture.Portal.Port},1\0";
        Assert.Equal(name + own, await Ask(session, ""));
        await fixture.Server.SetTarget(fixture.DefaultTarget() with
        {
            RemotePortals = [Remote(new IPEndPoint(IPAddress.Parse("2001:db8::2"), 3260), 2), Remote(new IPEndPoint(IPAddress.Parse("192.0.2.3"), 860), 3)],
        });
        Assert.Equal(name + "TargetAddress=[2001:db8::2]:3260,2\0TargetAddress=192.0.2.3:860,3\0" + own, await Ask(session, ""));
        await fixture.Server.SetTarget(fixture.DefaultTarget());
        Assert.Equal(name + own, await Ask(session, ""));
        Assert.Empty(fixture.Ended);
    }

    [Theory]
    [InlineData("0.0.0.0", 3260, 2, "no initiator can reach")]
    [InlineData("::", 3260, 2, "no initiator can reach")]
    [InlineData("192.0.2.2", 0, 2, "no initiator can reach")]
    [InlineData("192.0.2.2", 3260, 1, "portal group 1 of 192.0.2.2:3260 is also one of this node")]
    public async Task A_portal_that_can_not_be_what_is_said_is_refused(string address, int port, ushort tag, string reason)
    {
        await using ServerFixture fixture = await ServerFixture.Start();
        TargetSettings wrong = fixture.DefaultTarget() with { RemotePortals = [Remote(new IPEndPoint(IPAddress.Parse(address), port), tag)] };
        ArgumentException refusal = await Assert.ThrowsAsync<ArgumentException>(() => fixture.Server.SetTarget(wrong));
        Assert.Contains(reason, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_session_comes_by_a_portal_group_of_this_node_and_its_port_has_that_groups_numbers()
    {
        using var disk = new Disk();
        await using ServerFixture zeus = await ServerFixture.Start();
        LogicalUnit unit = await disk.Open(zeus, active: false);
        await zeus.Server.SetTarget(OfZeus(zeus.DefaultTarget()) with
        {
            Luns = new Dictionary<ulong, LogicalUnit> { [0] = unit },
            RemotePortals = [Remote(new IPEndPoint(IPAddress.Parse("192.0.2.1"), 3260), 1)],
        });

        // The portal here of group 1, which is another node's for this target, does not know it.
        using (RawInitiator stranger = await RawInitiator.Connect(zeus.Portal))
        {
            ReceivedPdu refusal = await stranger.Login($"InitiatorName={RawInitiator.Name}\0TargetName={ServerFixture.Target}\0");
            Assert.Equal((2, 3), (refusal.Header[36], refusal.Header[37]));
        }

        IPEndPoint portal = await zeus.Server.Listen(new PortalSettings { Address = new IPEndPoint(IPAddress.Loopback, 0), GroupTag = 2 });
        using RawInitiator initiator = await RawInitiator.LogIn(portal, ServerFixture.Target);
        await initiator.Send(initiator.Command(1, [0x12, 1, 0x83, 0, 255, 0], read: true, expected: 255));
        string page = Convert.ToHexString((await initiator.Receive()).Data);
        Assert.Contains("51940004" + "00000007", page, StringComparison.Ordinal);
        Assert.Contains("51950004" + "00000009", page, StringComparison.Ordinal);

        // The unit stands by: its path is there, and says that another one serves.
        Assert.Equal("6/2900", await Sense(initiator, TestUnitReady, 2));
        Assert.Equal("2/040b", await Sense(initiator, TestUnitReady, 3));
    }

    [Fact]
    public async Task A_live_session_hears_of_luns_that_come_and_go_and_only_of_those_that_it_sees()
    {
        using var disk = new Disk();
        await using ServerFixture fixture = await ServerFixture.Start();
        LogicalUnit unit = await disk.Open(fixture, active: true);
        TargetSettings one = fixture.DefaultTarget() with
        {
            Luns = new Dictionary<ulong, LogicalUnit> { [0] = unit },
            Open = false,
            Initiators = [new InitiatorAccess { Pattern = RawInitiator.Name, Luns = [0, 1] }],
        };
        await fixture.Server.SetTarget(one);
        using RawInitiator initiator = await RawInitiator.LogIn(fixture.Portal, ServerFixture.Target);
        Assert.Equal("6/2900", await Sense(initiator, TestUnitReady, 1));
        Assert.Equal("good", await Sense(initiator, TestUnitReady, 2));

        await fixture.Server.SetTarget(one with { Luns = new Dictionary<ulong, LogicalUnit> { [0] = unit, [1] = fixture.Unit } });
        await Settle(fixture);
        Assert.Equal("6/3f0e", await Sense(initiator, TestUnitReady, 3));
        Assert.Equal("good", await Sense(initiator, TestUnitReady, 4));

        // LUN 2 is masked; the same map again is no change.
        await fixture.Server.SetTarget(one with { Luns = new Dictionary<ulong, LogicalUnit> { [0] = unit, [1] = fixture.Unit, [2] = fixture.Unit } });
        await Settle(fixture);
        Assert.Equal("good", await Sense(initiator, TestUnitReady, 5));

        await fixture.Server.SetTarget(one);
        await Settle(fixture);
        Assert.Equal("6/3f0e", await Sense(initiator, TestUnitReady, 6));
        Assert.Equal("good", await Sense(initiator, TestUnitReady, 7));
        Assert.Empty(fixture.Ended);
    }

    [Theory]
    [InlineData(5, 1)]
    [InlineData(1, 5)]
    public async Task A_session_whose_port_has_got_another_number_ends(ushort relativePort, ushort portGroup)
    {
        await using ServerFixture fixture = await ServerFixture.Start();
        using RawInitiator initiator = await RawInitiator.LogIn(fixture.Portal, ServerFixture.Target);
        await fixture.Server.SetTarget(fixture.DefaultTarget() with
        {
            PortalGroups = [new PortalGroupSettings { GroupTag = 1, RelativePortId = relativePort, PortGroupId = portGroup }],
        });
        Assert.Equal(SessionEnd.Kicked, fixture.WaitForEnd().Reason);
        Assert.Equal(IscsiOpcode.AsyncMessage, (await initiator.Receive()).Opcode);
        Assert.True(await initiator.IsClosed());
    }

    [Fact]
    public async Task While_a_volume_waits_for_its_quorum_pings_and_other_commands_are_answered()
    {
        using var disk = new Disk();
        await using ServerFixture fixture = await ServerFixture.Start();
        LogicalUnit unit = await disk.Open(fixture, active: true);
        await fixture.Server.SetTarget(fixture.DefaultTarget() with { Luns = new Dictionary<ulong, LogicalUnit> { [0] = unit } });
        using RawInitiator initiator = await RawInitiator.LogIn(fixture.Portal, ServerFixture.Target);
        Assert.Equal("6/2900", await Sense(initiator, TestUnitReady, 1));
        await disk.On(volume =>
        {
            volume.Become(VolumeStateKind.Suspended);
            volume.Holds = true;
        });
        await initiator.Send(initiator.Command(2, RawInitiator.Read10(0, 1), read: true, expected: 512));
        await initiator.Send(RawInitiator.Header(0x00, 0x80, 3, header =>
        {
            RawInitiator.Put(header, 20, BasicHeader.ReservedTag);
            RawInitiator.Put(header, 24, initiator.CmdSN++);
        }));
        ReceivedPdu ping = await initiator.Receive();
        Assert.Equal((IscsiOpcode.NopIn, 3u), (ping.Opcode, ping.Tag));
        Assert.Equal("good", await Sense(initiator, TestUnitReady, 4));
        await disk.On(volume =>
        {
            volume.Become(VolumeStateKind.Ready);
            volume.Holds = false;
            volume.Release();
        });
        ReceivedPdu data = await initiator.Receive();
        Assert.Equal((IscsiOpcode.DataIn, 2u, 512), (data.Opcode, data.Tag, data.Data.Length));
    }

    private static TargetSettings OfZeus(TargetSettings target) =>
        target with { PortalGroups = [new PortalGroupSettings { GroupTag = 2, RelativePortId = 7, PortGroupId = 9 }] };

    private static RemotePortalSettings Remote(IPEndPoint address, ushort tag) => new() { Address = address, GroupTag = tag };

    private static async Task<string> Discover(IPEndPoint portal)
    {
        using RawInitiator initiator = await RawInitiator.Connect(portal);
        await initiator.Login(Discovery);
        return await Ask(initiator, "All");
    }

    private static async Task<string> Ask(RawInitiator initiator, string what)
    {
        byte[] header = RawInitiator.Header(0x04, 0x80, 3, header =>
        {
            RawInitiator.Put(header, 20, BasicHeader.ReservedTag);
            RawInitiator.Put(header, 24, initiator.CmdSN++);
        });
        await initiator.Send(header, Encoding.UTF8.GetBytes($"SendTargets={what}\0"));
        return (await initiator.Receive()).Text;
    }

    // good, or key/additional sense.
    private static async Task<string> Sense(RawInitiator initiator, byte[] cdb, uint tag)
    {
        await initiator.Send(initiator.Command(tag, cdb));
        ReceivedPdu pdu = await initiator.Receive();
        Assert.Equal((IscsiOpcode.ScsiResponse, tag), (pdu.Opcode, pdu.Tag));
        return pdu.Header[3] == 0 ? "good" : $"{pdu.Data[2 + 2] & 0xF:x}/{pdu.Data[2 + 12]:x2}{pdu.Data[2 + 13]:x2}";
    }

    // Twice: to the session, and from it to its units.
    private static async Task Settle(ServerFixture fixture)
    {
        for (int i = 0; i < 2; i++)
        {
            await fixture.Threads[0].Invoke(() => 0);
        }
    }

    /// <summary>A unit of a volume in memory on the server's thread; the memory goes after the server.</summary>
    private sealed class Disk : IDisposable
    {
        private MemoryVolume? _volume;

        public async Task<LogicalUnit> Open(ServerFixture fixture, bool active)
        {
            _volume = new MemoryVolume(fixture.Threads[0]);
            var unit = new BlockDevice(_volume, new LogicalUnitSettings());
            await fixture.Threads[0].Invoke(() =>
            {
                unit.OpenInStandby();
                if (active)
                {
                    unit.Activate(keepsRegistrations: false);
                }

                return 0;
            });
            return unit;
        }

        public Task On(Action<MemoryVolume> action) => _volume!.Home.Invoke(() =>
        {
            action(_volume);
            return 0;
        });

        public void Dispose() => _volume?.Dispose();
    }
}
