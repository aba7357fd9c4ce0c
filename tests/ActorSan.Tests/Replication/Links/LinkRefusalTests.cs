using System.Net;
using System.Net.Sockets;
using ActorSan.Replication.Core.Frames;
using ActorSan.Replication.Core.Ports;
using ActorSan.Replication.Links;
using ActorSan.Replication.Wire;
using ActorSan.Storage.Threads;
using ActorSan.Tests.Storage.Threads;
using Xunit;

namespace ActorSan.Tests.Replication.Links;

/// <summary>Strangers, old answers, silence and changed bits on real sockets.</summary>
[Collection(Alone.Name)]
public sealed class LinkRefusalTests
{
    private static readonly Guid Volume = new("00000000-0000-0000-0000-000000000001");

    public static TheoryData<IoEngineKind> Engines => EngineHarness.Engines;

    [Theory]
    [MemberData(nameof(Engines))]
    public async Task A_node_with_another_key_is_refused_again_and_again_and_both_say_so(IoEngineKind engine)
    {
        await using var zeus = new LinkNode(engine, "zeus");
        IPEndPoint address = await zeus.Listen();
        await zeus.Add("atlas");
        await using var atlas = new LinkNode(engine, "atlas", options => options with { Key = new byte[32] });
        await atlas.Add("zeus", address);
        await zeus.Until(() => zeus.Ends.Count(end => end is { Peer: "atlas", End: LinkEnd.Refused, Fault: HandshakeFault.WrongProof }) >= 3);
        await atlas.Until(() => atlas.Ends.Count(end => end is { Peer: "zeus", End: LinkEnd.Refused, Fault: HandshakeFault.WrongProof }) >= 3);
        Assert.Contains("'zeus' refused this node", await atlas.Thread.Invoke(() => atlas.Ends[0].Detail), StringComparison.Ordinal);
        Assert.Equal(0, zeus.Ups + atlas.Ups);
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public async Task Who_connects_and_says_nothing_is_told_that_it_was_too_late_and_closed(IoEngineKind engine)
    {
        await using var zeus = new LinkNode(engine, "zeus", options => options with { HandshakeTimeout = TimeSpan.FromMilliseconds(100), MaxUnauthenticated = 2 });
        IPEndPoint address = await zeus.Listen();
        using Socket first = await Connect(address);
        using Socket second = await Connect(address);
        using Socket third = await Connect(address);
        await zeus.Until(() => zeus.Ends.Count(end => end.Fault == HandshakeFault.TimedOut) == 2);
        byte[] said = await EngineHarness.ReadToEnd(first, 9);
        Assert.Equal([(byte)'A', (byte)'S', (byte)'L', (byte)'H', 1, 5, 9, 0, (byte)HandshakeFault.TimedOut], said);
        Assert.Equal(0, await first.ReceiveAsync(new byte[1]));

        // The third was one too many.
        await zeus.Until(() => zeus.Ends.Count(end => end.End == LinkEnd.Stopped && end.Detail.Contains("not proved", StringComparison.Ordinal)) == 1);
        await zeus.Until(() => zeus.Links.ConnectionCount == 0);
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public async Task What_a_node_said_once_opens_nothing_when_it_is_played_back(IoEngineKind engine)
    {
        await using var pair = await Couple.Make(engine, proxied: true);
        await pair.Zeus.Until(() => pair.Zeus.Ups == 1);
        byte[] spoken = pair.Proxy!.Recorded.ToArray();
        using Socket thief = await Connect(await pair.Zeus.Listen());
        await thief.SendAsync(spoken);
        await pair.Zeus.Until(() => pair.Zeus.Ends.Any(end => end is { Peer: "atlas", End: LinkEnd.Refused, Fault: HandshakeFault.WrongProof }));
        Assert.Equal(1, pair.Zeus.Ups);
        Assert.Equal(0, pair.Zeus.Downs);
    }

    /// <summary>
    /// Each connection has a bit of another byte changed on its way from the dialer: in the handshake, in notes, in headers, in data. Each is found by the receiver, for a reason that it can
    /// name, and of a changed frame nothing is told (the users compare what comes with what was sent).
    /// </summary>
    [Theory]
    [MemberData(nameof(Engines))]
    public async Task Every_change_on_the_way_is_found(IoEngineKind engine)
    {
        int[] places = [.. Places()];
        await using var pair = await Couple.Make(
            engine,
            proxied: true,
            flip: (number, fromDialer) => fromDialer && number < places.Length ? (places[number], (byte)(1 << (number % 8))) : (-1, (byte)0),
            change: options => options with
            {
                // Where a changed length makes zeus wait for more, it is zeus that loses patience.
                HandshakeTimeout = options.Node == "zeus" ? TimeSpan.FromMilliseconds(300) : TimeSpan.FromSeconds(20),
                FirstWait = TimeSpan.FromTicks(1000),
                LongestWait = TimeSpan.FromTicks(2000),
            });
        var heard = new LinkEndUser(pair.Zeus, 1);
        var script = new Script(new LinkEndUser(pair.Atlas, 2));
        await pair.Zeus.Thread.Invoke(() => heard.Channel = pair.ZeusSide.Open(Volume, heard));
        await pair.Atlas.Thread.Invoke(() => script.User.Channel = pair.AtlasSide.Open(Volume, script));

        // When all changes are through, a whole script comes.
        await pair.Zeus.Until(() => pair.Proxy!.Connections > places.Length && heard.ReceivedOfUp == 4, TimeSpan.FromMinutes(3));
        (LinkEnd End, string Detail)[] ends = await pair.Zeus.Thread.Invoke(() => pair.Zeus.Ends.Select(end => (end.End, end.Detail)).ToArray());
        Assert.Equal([], ends.Where(end => end.End is not (LinkEnd.Damaged or LinkEnd.Refused)));
        Assert.Equal(places.Length, ends.Length);

        // A host so busy that a handshake comes late changes the reason, not the outcome.
        int behindHandshake = places.Count(place => place >= HandshakeBytes);
        Assert.InRange(ends.Count(end => end.End == LinkEnd.Damaged), behindHandshake / 2, behindHandshake);
        await pair.Atlas.Until(() => script.User.HoldsOut == 0);
    }

    private const int HandshakeBytes = 67 + 40;

    /// <summary>
    /// Every byte of notes and headers; of the handshake, whose every bit <see cref="HandshakeTests"/> changes, and of data some. The dialer says: Hello, Proof, two notes, and the
    /// script.
    /// </summary>
    private static IEnumerable<int> Places()
    {
        int start = HandshakeBytes + (2 * LinkNote.Bytes);
        for (int at = 0; at < start; at += at < HandshakeBytes ? 5 : 1)
        {
            yield return at;
        }

        foreach (int dataBytes in new[] { 512, 100, 512, 0 })
        {
            for (int at = 0; at < FrameHeader.Bytes + dataBytes; at += at < FrameHeader.Bytes ? 1 : 31)
            {
                yield return start + at;
            }

            start += FrameHeader.Bytes + dataBytes;
        }
    }

    private static async Task<Socket> Connect(IPEndPoint address)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(address).WaitAsync(EngineHarness.Limit);
        return socket;
    }

    /// <summary>The same four frames whenever the link comes up.</summary>
    private sealed unsafe class Script(LinkEndUser user) : ILinkUser
    {
        public LinkEndUser User { get; } = user;

        public void OnLinkUp(IPeerLink link)
        {
            User.OnLinkUp(link);
            User.SendWrite(512, User.SendAttachment);
            User.SendBody(100);
            User.SendWrite(512, User.SendAttachment);
            User.SendAck();
        }

        public void OnLinkDown(IPeerLink link) => User.OnLinkDown(link);

        public void OnPeerGone(IPeerLink link) => User.OnPeerGone(link);

        public void OnFrame(IPeerLink link, in Frame frame, byte* data, ReceivedData? owner) => User.OnFrame(link, frame, data, owner);
    }
}
