using ActorSan.Replication.Core.Frames;
using ActorSan.Replication.Core.Ports;
using ActorSan.Replication.Links;
using ActorSan.Storage.Buffers;
using ActorSan.Storage.Threads;
using ActorSan.Tests.Replication.Register;

namespace ActorSan.Tests.Replication.Links;

/// <summary>
/// One volume's user at one end: sends frames whose contents follow from their number, and holds what arrives against the link's promises. A frame's attachment says in which
/// opening and up of the sender it was sent, its argument in which place, its stable the seed of its content.
/// </summary>
internal sealed unsafe class LinkEndUser : ILinkUser
{
    private readonly LinkNode _node;
    private readonly Chance _chance;
    private readonly List<ReceivedData> _kept = [];
    private readonly int _maxDataBytes;
    private readonly Again _again;
    private long _lastAttachment;
    private long _attachmentOfUp;
    private long _nextArgument;
    private bool _pumping;

    /// <summary>Before the node's thread has anything of it.</summary>
    public LinkEndUser(LinkNode node, ulong seed, int maxDataBytes = 128 << 10)
    {
        _node = node;
        _chance = new Chance(seed);
        _maxDataBytes = maxDataBytes;
        _again = new Again(this);
        node.Users.Add(this);
    }

    public LinkChannel? Channel { get; set; }

    /// <summary>Raised at each up: where its frames come from. Grows beyond every earlier one.</summary>
    public long SendAttachment { get; set; } = 1;

    public long SentOfUp { get; private set; }

    public long ToSend { get; set; }

    public long Received { get; private set; }

    public long ReceivedOfUp { get; private set; }

    public int Ups { get; private set; }

    public int Downs { get; private set; }

    public int Gones { get; private set; }

    public int HoldsOut { get; private set; }

    /// <summary>Keep all that comes until <see cref="ReleaseKept"/>; else now and then one, for a while.</summary>
    public bool KeepAll { get; set; }

    /// <summary>Called when it hears that the link is down.</summary>
    public Action? WhenDown { get; set; }

    public void OnLinkUp(IPeerLink link)
    {
        _node.Demand(link.IsUp && Ups == Downs, "up came twice");
        Ups++;
        ReceivedOfUp = 0;
        _attachmentOfUp = 0;
        _nextArgument = 0;
        SentOfUp = 0;
        SendAttachment++;
        Pump();
        _node.Changed();
    }

    public void OnLinkDown(IPeerLink link)
    {
        _node.Demand(!link.IsUp && Ups == Downs + 1, "down came without up");
        Downs++;
        WhenDown?.Invoke();
        _node.Changed();
    }

    public void OnPeerGone(IPeerLink link)
    {
        _node.Demand(!link.IsUp && link.IsGone, "a peer that is there is gone");
        Gones++;
        _node.Changed();
    }

    public void OnFrame(IPeerLink link, in Frame frame, byte* data, ReceivedData? owner)
    {
        _node.Demand(Ups == Downs + 1, "a frame came while the link is down");
        _node.Demand((data is null) == (frame.DataBytes == 0) && (owner is null) == (data is null), "data and owner do not fit");
        if (_attachmentOfUp == 0)
        {
            _node.Demand(frame.Attachment > _lastAttachment, $"a frame of an earlier connection came: {frame.Attachment} after {_lastAttachment}");
            _attachmentOfUp = _lastAttachment = frame.Attachment;
        }

        _node.Demand(frame.Attachment == _attachmentOfUp, $"frames of two connections came in one: {frame.Attachment} in {_attachmentOfUp}");
        _node.Demand(frame.Mark == _nextArgument, $"frame {frame.Mark} came where {_nextArgument} is due");
        _nextArgument = frame.Mark + 1;
        if (data is not null)
        {
            _node.Demand(IsPattern(new ReadOnlySpan<byte>(data, frame.DataBytes), frame.Stable), "data is not what was sent");
            _node.Demand((nint)data % 4096 == 0, "data is not aligned");
            if (KeepAll || frame.Mark % 7 == 0)
            {
                owner!.Keep();
                _kept.Add(owner);
            }
        }

        if (!KeepAll && _kept.Count > 8)
        {
            ReleaseKept();
        }

        Received++;
        ReceivedOfUp++;
        _node.Changed();
    }

    public void ReleaseKept()
    {
        foreach (ReceivedData kept in _kept)
        {
            kept.Release();
        }

        _kept.Clear();
    }

    /// <summary>Sends until the link has no room, or all is sent.</summary>
    public void Pump()
    {
        if (_pumping)
        {
            return;
        }

        _pumping = true;
        while (ToSend > 0 && Channel is { IsUp: true, FreeBytes: > 0 })
        {
            ToSend--;
            SendOne();
        }

        _pumping = false;
        if (ToSend > 0 && Channel is { IsUp: true } && !_again.IsRunning)
        {
            _node.Thread.StartTimer(_again, TimeSpan.FromMilliseconds(1));
        }
    }

    /// <summary>A frame of any kind and size.</summary>
    public void SendOne()
    {
        switch (_chance.Below(4))
        {
            case 0:
                SendAck();
                break;
            case 1:
                SendBody(_chance.Below(4) == 0 ? 1 + _chance.Below(_maxDataBytes) : 1 + _chance.Below(600));
                break;
            default:
                SendWrite(512 * (1 + _chance.Below(_maxDataBytes / 512)), SendAttachment);
                break;
        }
    }

    public void SendAck() => Channel!.Send(NewFrame(FrameKind.Ack), default);

    public void SendBody(int bytes)
    {
        Frame frame = NewFrame(FrameKind.Attached);
        byte[] body = new byte[bytes];
        Fill(body, frame.Stable);
        Channel!.Send(frame, body);
    }

    public void SendWrite(int bytes, long attachment)
    {
        if (!_node.Thread.Buffers.TryRent(bytes, BufferOwner.Test, out IoBuffer buffer))
        {
            _node.Demand(false, "the test's own buffers are too few");
            return;
        }

        Frame frame = NewFrame(FrameKind.Write);
        frame.Attachment = attachment;
        frame.Epoch = 1;
        frame.LengthBytes = frame.DataBytes = bytes;
        Fill(new Span<byte>(buffer.Address, bytes), frame.Stable);
        HoldsOut++;
        Channel!.Send(frame, buffer.Address, new Hold(this, buffer) { Sends = 1 });
    }

    private Frame NewFrame(FrameKind kind) => new()
    {
        Kind = kind,
        Attachment = SendAttachment,
        Seq = SentOfUp + 1,
        Mark = SentOfUp++,
        Stable = (long)(_chance.Next() >> 2),
    };

    private static void Fill(Span<byte> bytes, long seed)
    {
        var chance = new Chance((ulong)seed);
        for (int at = 0; at < bytes.Length; at += 8)
        {
            ulong value = chance.Next();
            for (int index = at; index < Math.Min(at + 8, bytes.Length); index++)
            {
                bytes[index] = (byte)(value >> (8 * (index - at)));
            }
        }
    }

    private static bool IsPattern(ReadOnlySpan<byte> bytes, long seed)
    {
        byte[] expected = new byte[bytes.Length];
        Fill(expected, seed);
        return bytes.SequenceEqual(expected);
    }

    /// <summary>The room may have been taken by others, who do not tell when they give it back.</summary>
    private sealed class Again(LinkEndUser user) : IoTimer
    {
        protected internal override void OnFired() => user.Pump();
    }

    private sealed class Hold(LinkEndUser user, IoBuffer buffer) : SendHold
    {
        private bool _released;

        public override void OnReleased()
        {
            user._node.Demand(!_released, "a hold was given back twice");
            _released = true;
            user.HoldsOut--;
            buffer.Span.Clear(); // Whoever still reads it sends zeroes.
            user._node.Thread.Buffers.Return(buffer);
            user.Pump();
            user._node.Changed();
        }
    }
}
