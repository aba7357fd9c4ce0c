using System.Net;
using System.Net.Sockets;
using ActorSan.Replication.Core.Frames;
using ActorSan.Replication.Core.Ports;
using ActorSan.Replication.Links;
using ActorSan.Storage.Buffers;
using ActorSan.Storage.Threads;
using ActorSan.Tests.Storage.Threads;
using Xunit;

namespace ActorSan.Tests.Replication.Links;

/// <summary>What a link promises (<see cref="LinkChannel"/>), between two I/O threads over real sockets.</summary>
[Collection(Alone.Name)]
public sealed class LinkTests
{
    private static readonly Guid First = new("00000000-0000-0000-0000-000000000001");
    private static readonly Guid Second = new("00000000-0000-0000-0000-000000000002");

    /// <summary>In the clear and by TLS, on each engine.</summary>
    public static TheoryData<IoEngineKind, bool> Ways
    {
        get
        {
            var ways = new TheoryData<IoEngineKind, bool>();
            foreach (IoEngineKind engine in new[] { IoEngineKind.IoUring, IoEngineKind.Epoll })
            {
                ways.Add(engine, false);
                ways.Add(engine, true);
            }

            return ways;
        }
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task Two_volumes_in_both_directions_under_load_come_whole_and_in_order(IoEngineKind engine, bool encrypted)
    {
        const int Frames = 1500;
        await using var pair = await Couple.Make(engine, encrypted);
        var users = new List<(LinkEndUser Atlas, LinkEndUser Zeus)>();
        foreach (Guid volume in new[] { First, Second })
        {
            users.Add(await pair.Open(volume, toSend: Frames));
        }

        foreach ((LinkEndUser atlas, LinkEndUser zeus) in users)
        {
            await pair.Atlas.Until(() => atlas.Received == Frames && atlas.HoldsOut == 0);
            await pair.Zeus.Until(() => zeus.Received == Frames && zeus.HoldsOut == 0);
            Assert.Equal(1, atlas.Ups);
            Assert.Equal(1, zeus.Ups);
        }
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task What_a_link_carries_is_counted_on_both_sides_and_outlives_the_connection(IoEngineKind engine, bool encrypted)
    {
        const int Frames = 50;
        await using var pair = await Couple.Make(engine, encrypted, change: options => options with { KeepAlive = TimeSpan.FromMilliseconds(10) });
        (LinkEndUser atlas, LinkEndUser zeus) = await pair.Open(First, toSend: Frames);
        await pair.Atlas.Until(() => atlas.Received == Frames && atlas.HoldsOut == 0);
        await pair.Zeus.Until(() => zeus.Received == Frames && zeus.HoldsOut == 0);
        LinkCounters sent = pair.Atlas.Links.CountersOf("zeus")!;
        LinkCounters received = pair.Zeus.Links.CountersOf("atlas")!;
        Assert.Equal(Frames, sent.SentFrames);
        Assert.Equal(Frames, received.ReceivedFrames);
        Assert.InRange(sent.SentBytes, Frames * 64, long.MaxValue);
        Assert.InRange(received.ReceivedBytes, Frames * 64, long.MaxValue);
        Assert.Null(pair.Atlas.Links.CountersOf("hera"));

        // Keep-alives go to and fro; each turn of the thread looks.
        long limit = Environment.TickCount64 + (long)EngineHarness.Limit.TotalMilliseconds;
        while (await pair.Atlas.Thread.Invoke(() => sent.RoundTrip.Counts().Sum()) == 0 || await pair.Zeus.Thread.Invoke(() => received.RoundTrip.Counts().Sum()) == 0)
        {
            Assert.True(Environment.TickCount64 < limit, "no keep-alive was answered");
        }

        Assert.Equal(0, sent.Losses);
        await pair.Atlas.Stop();
        Assert.Equal(1, sent.Losses);
        Assert.Equal(0, sent.QueuedBytes);
        Assert.Equal(Frames, sent.SentFrames);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task Frames_as_large_as_there_are_come_whole(IoEngineKind engine, bool encrypted)
    {
        await using var pair = await Couple.Make(engine, encrypted);
        (LinkEndUser atlas, LinkEndUser zeus) = await pair.Open(First);
        await pair.Atlas.Until(() => atlas.Ups == 1);
        await pair.Zeus.Until(() => zeus.Ups == 1);
        await pair.Atlas.Thread.Invoke(() =>
        {
            atlas.SendWrite(LinkOptions.MaxDataBytes, atlas.SendAttachment);
            atlas.SendBody(6_000_000);
            atlas.SendWrite(512, atlas.SendAttachment);
            return 0;
        });
        await pair.Zeus.Until(() => zeus.Received == 3);
        await pair.Atlas.Until(() => atlas.HoldsOut == 0);
    }

    /// <summary>Sends go on while the connection is reset again and again; each connection carries a beginning of what was sent in it and nothing else.</summary>
    [Theory]
    [MemberData(nameof(Ways))]
    public async Task A_break_in_the_middle_loses_an_end_and_a_new_connection_carries_on(IoEngineKind engine, bool encrypted)
    {
        await using var pair = await Couple.Make(engine, encrypted, proxied: true);
        (LinkEndUser atlas, LinkEndUser zeus) = await pair.Open(First, toSend: 1_000_000);
        for (int round = 1; round <= 12; round++)
        {
            long before = await pair.Zeus.Thread.Invoke(() => zeus.Received);
            await pair.Zeus.Until(() => zeus.Received >= before + 40);
            await pair.Atlas.Until(() => atlas.ReceivedOfUp >= 10);
            int downs = await pair.Zeus.Thread.Invoke(() => zeus.Downs);
            pair.Proxy!.Cut();
            await pair.Zeus.Until(() => zeus.Downs > downs);
        }

        await pair.Atlas.Thread.Invoke(() => atlas.ToSend = 0);
        await pair.Zeus.Thread.Invoke(() => zeus.ToSend = 0);
        await pair.Atlas.Until(() => atlas.HoldsOut == 0 && atlas.Ups >= 13);
        await pair.Zeus.Until(() => zeus.HoldsOut == 0 && zeus.Ups >= 13);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task A_volume_is_up_while_both_have_it_open_and_an_opening_hears_nothing_of_an_earlier_one(IoEngineKind engine, bool encrypted)
    {
        await using var pair = await Couple.Make(engine, encrypted);
        (LinkEndUser atlas, LinkEndUser zeus) = await pair.Open(First, toSend: 1_000_000);
        var alone = new LinkEndUser(pair.Atlas, 5);
        await pair.Atlas.Thread.Invoke(() => alone.Channel = pair.AtlasSide.Open(Second, alone));
        long attachment = 1;
        for (int round = 1; round <= 20; round++)
        {
            await pair.Zeus.Until(() => zeus.ReceivedOfUp >= 5);
            await pair.Atlas.Until(() => atlas.ReceivedOfUp >= 5);
            LinkEndUser old = atlas;
            attachment = await pair.Atlas.Thread.Invoke(() => old.SendAttachment);
            atlas = await pair.Atlas.Thread.Invoke(() =>
            {
                old.Channel!.Close();
                old.ReleaseKept();
                old.ToSend = 0;
                var next = new LinkEndUser(pair.Atlas, (ulong)attachment) { SendAttachment = attachment, ToSend = 1_000_000 };
                next.Channel = pair.AtlasSide.Open(First, next);
                return next;
            });
            await pair.Atlas.Until(() => old.HoldsOut == 0);
            int expected = round;
            await pair.Zeus.Until(() => zeus.Downs == expected && zeus.Ups == expected + 1);
            Assert.Equal(0, await pair.Atlas.Thread.Invoke(() => old.Downs));
        }

        Assert.Equal(0, await pair.Atlas.Thread.Invoke(() => alone.Ups));
        Assert.Equal(1, await pair.Atlas.Thread.Invoke(() => pair.Atlas.Ups));
        await pair.Atlas.Thread.Invoke(() => atlas.ToSend = 0);
        await pair.Zeus.Thread.Invoke(() => zeus.ToSend = 0);
        await pair.Atlas.Until(() => atlas.HoldsOut == 0);
        await pair.Zeus.Until(() => zeus.HoldsOut == 0);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task What_is_cancelled_before_the_kernel_has_it_never_comes_and_its_holds_come_back_at_once(IoEngineKind engine, bool encrypted)
    {
        await using var pair = await Couple.Make(engine, encrypted, change: options => options with { SendBufferBytes = 64 << 20 });
        var seen = new AttachmentCounter(pair.Zeus);
        var sender = new LinkEndUser(pair.Atlas, 1);
        await pair.Zeus.Thread.Invoke(() => pair.ZeusSide.Open(First, seen));
        await pair.Atlas.Thread.Invoke(() => sender.Channel = pair.AtlasSide.Open(First, sender));
        await pair.Atlas.Until(() => sender.Ups == 1);
        await pair.Zeus.Until(() => seen.Ups == 1);
        const int Pairs = 100;
        (int before, int after, long free) = await pair.Atlas.Thread.Invoke(() =>
        {
            // One batch, at most, has been given away when the cancel comes: all this is one pass.
            for (int i = 0; i < Pairs; i++)
            {
                sender.SendWrite(4096, attachment: 10);
                sender.SendWrite(4096, attachment: 20);
            }

            int out1 = sender.HoldsOut;
            sender.Channel!.Cancel(10);
            return (out1, sender.HoldsOut, sender.Channel.FreeBytes);
        });
        Assert.Equal(2 * Pairs, before);
        Assert.Equal(Pairs, after);
        Assert.Equal((64L << 20) - (Pairs * (4096 + 104)), free);
        await pair.Zeus.Until(() => seen.Of20 == Pairs);
        await pair.Atlas.Until(() => sender.HoldsOut == 0);
        Assert.Equal(0, await pair.Zeus.Thread.Invoke(() => seen.Of10));
    }

    /// <summary>What the kernel has begun to take goes whole; what is behind it in the queue is dropped.</summary>
    [Theory]
    [MemberData(nameof(Ways))]
    public async Task A_cancel_in_the_middle_of_a_stuck_send_leaves_the_stream_whole(IoEngineKind engine, bool encrypted)
    {
        await using var pair = await Couple.Make(engine, encrypted, change: options => options with { SendBufferBytes = 64 << 20 });
        var seen = new AttachmentCounter(pair.Zeus);
        var sender = new LinkEndUser(pair.Atlas, 1);
        await pair.Zeus.Thread.Invoke(() => pair.ZeusSide.Open(First, seen));
        await pair.Atlas.Thread.Invoke(() => sender.Channel = pair.AtlasSide.Open(First, sender));
        await pair.Atlas.Until(() => sender.Ups == 1);
        using var goOn = new ManualResetEventSlim();
        Task held = pair.Zeus.Thread.Invoke(() => goOn.Wait(EngineHarness.Limit));
        const int Frames = 200;
        await pair.Atlas.Thread.Invoke(() =>
        {
            for (int i = 0; i < Frames; i++)
            {
                sender.SendWrite(64 << 10, attachment: 10);
            }

            return 0;
        });

        // The other thread does not read: when two looks a while apart see the same, the kernel is full.
        int stuck = -1;
        for (int now = Frames; now != stuck || now == Frames; now = await pair.Atlas.Thread.Invoke(() => sender.HoldsOut))
        {
            stuck = now;
            await Task.Delay(50);
        }

        Assert.InRange(stuck, 1, Frames - 1);
        int left = await pair.Atlas.Thread.Invoke(() =>
        {
            sender.Channel!.Cancel(10);
            int kept = sender.HoldsOut;
            sender.SendWrite(4096, attachment: 20);
            return kept;
        });
        Assert.InRange(left, 0, (1 << 20) / (64 << 10));
        goOn.Set();
        await held;
        await pair.Zeus.Until(() => seen.Of20 == 1);
        await pair.Atlas.Until(() => sender.HoldsOut == 0);
        Assert.Equal(Frames - stuck + left, await pair.Zeus.Thread.Invoke(() => seen.Of10));
    }

    /// <summary>A receiver without buffers stops reading; the sender's room goes to nothing and stays bounded; nobody takes the other for dead; all comes in the end.</summary>
    [Theory]
    [MemberData(nameof(Ways))]
    public async Task A_receiver_without_room_holds_the_sender_and_both_stay(IoEngineKind engine, bool encrypted)
    {
        await using var pair = await Couple.Make(engine, encrypted, change: options => options with
        {
            Silence = TimeSpan.FromMilliseconds(300),
            KeepAlive = TimeSpan.FromMilliseconds(50),
            SendBufferBytes = 1 << 20,
        });
        var atlas = new LinkEndUser(pair.Atlas, 1, maxDataBytes: 64 << 10);
        var zeus = new LinkEndUser(pair.Zeus, 2) { KeepAll = true };
        const int Frames = 2000;
        await pair.Zeus.Thread.Invoke(() => zeus.Channel = pair.ZeusSide.Open(First, zeus));
        await pair.Atlas.Thread.Invoke(() =>
        {
            atlas.ToSend = Frames;
            return atlas.Channel = pair.AtlasSide.Open(First, atlas);
        });
        await pair.Zeus.Until(() => zeus.Received > 0 && !pair.Zeus.Thread.Buffers.TryRentAndReturn());
        await pair.Atlas.Until(() => atlas.Channel!.FreeBytes == 0);
        await Task.Delay(1000);
        Assert.Equal(0, await pair.Zeus.Thread.Invoke(() => pair.Zeus.Downs));
        Assert.Equal(0, await pair.Atlas.Thread.Invoke(() => pair.Atlas.Downs));
        long received = await pair.Zeus.Thread.Invoke(() => zeus.Received);
        Assert.InRange(received, 1, Frames - 1);

        // What must go is taken beyond the room.
        await pair.Atlas.Thread.Invoke(() =>
        {
            atlas.SendWrite(512, atlas.SendAttachment);
            return 0;
        });
        await pair.Zeus.Thread.Invoke(() =>
        {
            zeus.KeepAll = false;
            zeus.ReleaseKept();
            return 0;
        });
        await pair.Zeus.Until(() => zeus.Received == Frames + 1);
        await pair.Atlas.Until(() => atlas.HoldsOut == 0);
    }

    /// <summary>
    /// Whoever waits for acknowledgements has all of the thread's buffers, and the acknowledgements stand behind another volume's data: they come, or two nodes that are primary for
    /// each other wait for ever.
    /// </summary>
    [Theory]
    [MemberData(nameof(Ways))]
    public async Task A_receiver_whose_buffers_are_all_in_others_hands_still_hears_what_stands_behind_data(IoEngineKind engine, bool encrypted)
    {
        await using var pair = await Couple.Make(engine, encrypted);
        (LinkEndUser atlas, LinkEndUser zeus) = await pair.Open(First);
        await pair.Atlas.Until(() => atlas.Ups == 1);
        await pair.Zeus.Until(() => zeus.Ups == 1);
        IoBuffer[] taken = await pair.Zeus.Thread.Invoke(() =>
        {
            var all = new List<IoBuffer>();
            while (pair.Zeus.Thread.Buffers.TryRent(BufferPool.MinBufferBytes, BufferOwner.Test, out IoBuffer one))
            {
                all.Add(one);
            }

            return all.ToArray();
        });
        await pair.Atlas.Thread.Invoke(() =>
        {
            for (int i = 0; i < 20; i++)
            {
                atlas.SendWrite(64 << 10, atlas.SendAttachment);
                atlas.SendAck();
            }

            return 0;
        });
        await pair.Zeus.Until(() => zeus.Received == 40 || Released(zeus));
        Assert.Equal(40, await pair.Zeus.Thread.Invoke(() => zeus.Received));
        await pair.Zeus.Thread.Invoke(() =>
        {
            foreach (IoBuffer one in taken)
            {
                pair.Zeus.Thread.Buffers.Return(one);
            }

            return 0;
        });

        // As a disk does: what was kept is given back later.
        static bool Released(LinkEndUser user)
        {
            user.ReleaseKept();
            return false;
        }
    }

    /// <summary>What the end of a connection does to one volume may make another send, which has not heard of it yet.</summary>
    [Theory]
    [MemberData(nameof(Ways))]
    public async Task A_volume_that_hears_of_an_end_may_make_one_send_that_has_not_heard_of_it(IoEngineKind engine, bool encrypted)
    {
        await using var pair = await Couple.Make(engine, encrypted, proxied: true);
        (LinkEndUser first, _) = await pair.Open(First);
        (LinkEndUser second, _) = await pair.Open(Second);
        await pair.Atlas.Until(() => first.Ups == 1 && second.Ups == 1);
        bool wasUp = false;
        await pair.Atlas.Thread.Invoke(() => first.WhenDown = () =>
        {
            wasUp |= second.Channel!.IsUp;
            second.SendAck();
            second.SendBody(600);
            second.SendWrite(4096, second.SendAttachment);
        });
        pair.Proxy!.Cut();
        await pair.Atlas.Until(() => first.Ups == 2 && second.Ups == 2 && second.HoldsOut == 0);
        await pair.Atlas.Thread.Invoke(() => first.WhenDown = null);
        Assert.True(wasUp);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task A_peer_that_falls_silent_is_taken_for_gone_by_both_and_found_again(IoEngineKind engine, bool encrypted)
    {
        await using var pair = await Couple.Make(engine, encrypted, proxied: true, change: options => options with
        {
            Silence = TimeSpan.FromMilliseconds(300),
            KeepAlive = TimeSpan.FromMilliseconds(50),
            HandshakeTimeout = TimeSpan.FromMilliseconds(300),
        });
        (LinkEndUser atlas, LinkEndUser zeus) = await pair.Open(First);
        await pair.Zeus.Until(() => zeus.Ups == 1);
        await pair.Atlas.Until(() => atlas.Ups == 1);
        pair.Proxy!.FallSilent();
        await pair.Zeus.Until(() => zeus.Downs == 1);
        await pair.Atlas.Until(() => atlas.Downs == 1);
        bool ofAtlas = await pair.Atlas.Thread.Invoke(() => pair.Atlas.Ends.Any(end => end.End == LinkEnd.Silent));
        bool ofZeus = await pair.Zeus.Thread.Invoke(() => pair.Zeus.Ends.Any(end => end.End == LinkEnd.Silent));
        Assert.True(ofAtlas || ofZeus); // The first to notice closes: the other may see that before its own time is over.
        pair.Proxy.Speak();
        await pair.Zeus.Until(() => zeus.Ups == 2);
        await pair.Atlas.Until(() => atlas.Ups == 2);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task A_node_that_comes_back_takes_the_place_of_the_connection_that_its_peer_believes_in(IoEngineKind engine, bool encrypted)
    {
        await using var zeus = new LinkNode(engine, "zeus", encrypted: encrypted);
        IPEndPoint address = await zeus.Listen();
        LinkPeer side = await zeus.Add("atlas");
        var user = new LinkEndUser(zeus, 1);
        await zeus.Thread.Invoke(() => user.Channel = side.Open(First, user));
        using var proxy = new LinkProxy(address);
        await using var before = new LinkNode(engine, "atlas", encrypted: encrypted);
        LinkEndUser old = new(before, 2);
        LinkPeer oldSide = await before.Add("zeus", proxy.Address);
        await before.Thread.Invoke(() => old.Channel = oldSide.Open(First, old));
        await zeus.Until(() => user.Ups == 1);
        proxy.FallSilent();
        await using var after = new LinkNode(engine, "atlas", encrypted: encrypted);
        LinkEndUser fresh = new(after, 3);
        LinkPeer freshSide = await after.Add("zeus", address);
        await after.Thread.Invoke(() => fresh.Channel = freshSide.Open(First, fresh));
        await zeus.Until(() => user.Ups == 2 && user.Downs == 1);
        await after.Until(() => fresh.Ups == 1);
        Assert.Equal(LinkEnd.Replaced, await zeus.Thread.Invoke(() => zeus.Ends[^1].End));
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task A_process_that_is_gone_is_known_to_be_by_who_dials_until_there_is_another(IoEngineKind engine, bool encrypted)
    {
        await using var zeus = new LinkNode(engine, "zeus", encrypted: encrypted);
        IPEndPoint address = await zeus.Listen();
        LinkPeer zeusSide = await zeus.Add("atlas");
        var there = new LinkEndUser(zeus, 1);
        await zeus.Thread.Invoke(() => there.Channel = zeusSide.Open(First, there));
        await using var atlas = new LinkNode(engine, "atlas", encrypted: encrypted);
        LinkPeer atlasSide = await atlas.Add("zeus", address);
        var user = new LinkEndUser(atlas, 2);
        await atlas.Thread.Invoke(() => user.Channel = atlasSide.Open(First, user));
        await atlas.Until(() => user.Ups == 1);
        Assert.False(await atlas.Thread.Invoke(() => user.Channel!.IsGone));
        await zeus.Stop();
        await atlas.Until(() => user.Downs == 1 && user.Gones == 1);
        await using var next = new LinkNode(engine, "zeus", encrypted: encrypted);
        await next.Listen(address);
        LinkPeer nextSide = await next.Add("atlas");
        var fresh = new LinkEndUser(next, 3);
        await next.Thread.Invoke(() => fresh.Channel = nextSide.Open(First, fresh));
        await atlas.Until(() => user.Ups == 2);
        Assert.False(await atlas.Thread.Invoke(() => user.Channel!.IsGone));
        Assert.Equal(1, await atlas.Thread.Invoke(() => user.Gones));
    }

    public static TheoryData<IoEngineKind, int> EnginesAndPlaces
    {
        get
        {
            var all = new TheoryData<IoEngineKind, int>();
            foreach (IoEngineKind engine in new[] { IoEngineKind.IoUring, IoEngineKind.Epoll })
            {
                all.Add(engine, -1);
                all.Add(engine, 0);
                all.Add(engine, 1);
            }

            return all;
        }
    }

    /// <param name="refused">Of two paths the one that refuses whatever becomes of the process; -1: there is one path, and it does not.</param>
    [Theory]
    [MemberData(nameof(EnginesAndPlaces))]
    public async Task Who_is_dialled_asks_after_a_process_that_went_and_not_after_a_connection_that_broke(IoEngineKind engine, int refused)
    {
        await using var pair = await Couple.Make(engine, proxied: true);
        IPEndPoint atlasListens = await pair.Atlas.Listen();
        IPEndPoint nobody = NobodysAddress();
        IPEndPoint[] addresses = refused switch { 0 => [nobody, atlasListens], 1 => [atlasListens, nobody], _ => [atlasListens] };
        _ = pair.Zeus.Thread.Post(() => pair.ZeusSide.SetAddresses(addresses));
        (_, LinkEndUser zeus) = await pair.Open(First);
        await pair.Zeus.Until(() => zeus.Ups == 1);
        pair.Proxy!.Cut();
        await pair.Zeus.Until(() => zeus.Ups == 2);
        Assert.Equal(0, await pair.Zeus.Thread.Invoke(() => zeus.Gones));
        await pair.Atlas.Stop();
        await pair.Zeus.Until(() => zeus.Downs == 2 && zeus.Gones == 1);
    }

    private static IPEndPoint NobodysAddress()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return (IPEndPoint)socket.LocalEndPoint!;
    }

    /// <summary>A write of 4 KiB there and its acknowledgement back, again and again.</summary>
    [Theory]
    [MemberData(nameof(Ways))]
    public async Task A_frame_allocates_nothing_at_either_end(IoEngineKind engine, bool encrypted)
    {
        await using var pair = await Couple.Make(engine, encrypted);
        var asks = new PingPong(pair.Atlas, begins: true);
        var answers = new PingPong(pair.Zeus, begins: false);
        await pair.Zeus.Thread.Invoke(() => pair.ZeusSide.Open(First, answers));
        await pair.Atlas.Thread.Invoke(() => pair.AtlasSide.Open(First, asks));
        await pair.Atlas.Until(() => asks.Steps.LeastBytes == 0);
        await pair.Zeus.Until(() => answers.Steps.LeastBytes == 0);
        await pair.Zeus.Stop();
        await pair.Atlas.Until(() => !asks.IsOut);
        await pair.Atlas.Thread.Invoke(() =>
        {
            asks.Free();
            return 0;
        });
        await pair.Zeus.Thread.Invoke(() =>
        {
            answers.Free();
            return 0;
        });
    }

    /// <summary>Counts frames of the attachments 10 and 20.</summary>
    private sealed class AttachmentCounter(LinkNode node) : ILinkUser
    {
        public int Ups { get; private set; }

        public int Of10 { get; private set; }

        public int Of20 { get; private set; }

        public void OnLinkUp(IPeerLink link)
        {
            Ups++;
            node.Changed();
        }

        public void OnLinkDown(IPeerLink link) => node.Changed();

        public void OnPeerGone(IPeerLink link) => node.Changed();

        public unsafe void OnFrame(IPeerLink link, in Frame frame, byte* data, ReceivedData? owner)
        {
            Of10 += frame.Attachment == 10 ? 1 : 0;
            Of20 += frame.Attachment == 20 ? 1 : 0;
            node.Changed();
        }
    }

    private sealed unsafe class PingPong : SendHold, ILinkUser
    {
        private readonly LinkNode _node;
        private readonly bool _begins;
        private IoBuffer _buffer;

        public PingPong(LinkNode node, bool begins)
        {
            _node = node;
            _begins = begins;
        }

        public SteadyAllocation Steps { get; } = new(500);

        public bool IsOut => Sends > 0;

        public void Free()
        {
            if (!_buffer.IsEmpty)
            {
                _node.Thread.Buffers.Return(_buffer);
            }
        }

        public override void OnReleased()
        {
        }

        public void OnLinkUp(IPeerLink link)
        {
            if (_begins)
            {
                Assert.True(_node.Thread.Buffers.TryRent(4096, BufferOwner.Test, out _buffer));
                Write(link);
            }
        }

        public void OnLinkDown(IPeerLink link) => _node.Changed();

        public void OnPeerGone(IPeerLink link) => _node.Changed();

        public void OnFrame(IPeerLink link, in Frame frame, byte* data, ReceivedData? owner)
        {
            Steps.Step();
            if (frame.Kind == FrameKind.Write)
            {
                link.Send(new Frame { Kind = FrameKind.Ack, Attachment = 1, Seq = frame.Seq }, default);
            }
            else
            {
                Write(link);
            }

            _node.Changed();
        }

        private void Write(IPeerLink link)
        {
            Sends++;
            link.Send(new Frame { Kind = FrameKind.Write, Attachment = 1, Epoch = 1, Seq = 1, LengthBytes = 4096, DataBytes = 4096 }, _buffer.Address, this);
        }
    }
}
