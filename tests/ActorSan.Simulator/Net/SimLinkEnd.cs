using ActorSan.Replication.Core.Frames;
using ActorSan.Replication.Core.Ports;
using ActorSan.Replication.Wire;
using ActorSan.Simulator.World;
using ActorSan.Storage;

namespace ActorSan.Simulator.Net;

/// <summary>One process's end of a link.</summary>
internal sealed unsafe class SimLinkEnd : IPeerLink, ISimResource
{
    private readonly ILinkUser _user;
    private readonly List<Received> _kept = [];
    private readonly Stack<Received> _free = new();
    private long _connection;

    public SimLinkEnd(SimPair pair, SimProcess process, SimNode peer, ILinkUser user)
    {
        Pair = pair;
        Process = process;
        Peer = peer.Name;
        Place = pair.PlaceOf(process.Node);
        _user = user;
    }

    public SimPair Pair { get; }

    public SimProcess Process { get; }

    /// <summary>Which end of the pair this is.</summary>
    public int Place { get; }

    public string Peer { get; }

    public bool IsUp { get; private set; }

    public bool IsGone { get; private set; }

    /// <summary>It has been, or is about to be, told of a connection and not yet that this has ended.</summary>
    public bool Told { get; set; }

    public int HoldsOut { get; set; }

    public long FreeBytes => Math.Max(0, Pair.Net.Options.SendBufferBytes - Out.Bytes);

    private Way Out => Pair.Ways[1 - Place];

    public void Send(in Frame frame, byte* data, SendHold? hold)
    {
        CheckAlive();
        CheckFrame(frame, frame.DataBytes);
        if (!IsUp)
        {
            hold?.Release();
            return;
        }

        Pair.Net.OnSent?.Invoke(Process.Node.Name, Peer, frame);

        // The connection may have broken already without this end's knowledge: then nothing goes anywhere.
        Transit? transit = Pair.IsWhole && _connection == Pair.Connection ? Out.Send(frame, data, frame.DataBytes) : null;
        if (hold is null)
        {
            return;
        }

        HoldReturn giveBack = Pair.Net.Holds.Take();
        giveBack.Begin(hold, data, frame.DataBytes, this, Out);
        if (transit is not null)
        {
            transit.Hold = giveBack;
            giveBack.Transit = transit;
        }

        Pair.Net.World.After(Pair.Net.Random.Skewed(0, Pair.Net.Options.HighNs * 2), giveBack);
    }

    public void Send(in Frame frame, ReadOnlySpan<byte> body)
    {
        CheckAlive();
        CheckFrame(frame, body.Length);
        if (IsUp)
        {
            Pair.Net.OnSent?.Invoke(Process.Node.Name, Peer, frame);
        }

        if (IsUp && Pair.IsWhole && _connection == Pair.Connection)
        {
            fixed (byte* bytes = body)
            {
                Out.Send(frame, bytes, body.Length);
            }
        }
    }

    /// <summary>What the reader of a real link would refuse is found here. Simulated blocks are smaller than real ones.</summary>
    private static void CheckFrame(Frame frame, int contentBytes)
    {
        frame.DataBytes = contentBytes;
        FrameFault fault = FrameHeader.Check(frame, new FrameLimits(int.MaxValue, BlockBytes: 1));
        if (fault != FrameFault.None)
        {
            Invariant.Fail(FrameFaults.Describe(fault, frame));
        }
    }

    public void Cancel(long attachment) => Out.Cancel(attachment);

    public void OnArrived(Transit transit)
    {
        Way way = Pair.Ways[Place];
        SimWorld world = Process.World;
        switch (transit.Kind)
        {
            case TransitKind.Up:
                _connection = transit.Connection;
                IsUp = true;
                IsGone = false;
                way.Recycle(transit);
                if (world.Tracing)
                {
                    world.Trace(Process.Node.Name, "link up", Peer);
                }

                _user.OnLinkUp(this);
                break;
            case TransitKind.Down:
                bool wasUp = IsUp;
                IsUp = false;
                Told = false;
                way.Recycle(transit);
                if (wasUp)
                {
                    if (world.Tracing)
                    {
                        world.Trace(Process.Node.Name, "link down", Peer);
                    }

                    _user.OnLinkDown(this);
                }

                Pair.TryLater();
                Pair.AskLater(Place);
                break;
            case TransitKind.Gone:
                way.Recycle(transit);
                if (!IsUp && !IsGone)
                {
                    IsGone = true;
                    if (world.Tracing)
                    {
                        world.Trace(Process.Node.Name, "peer gone", Peer);
                    }

                    _user.OnPeerGone(this);
                }

                break;
            case TransitKind.Frame when IsUp && _connection == transit.Connection:
                Deliver(transit, way, world);
                break;
            default:
                way.Recycle(transit);
                break;
        }
    }

    public void OnProcessGone(bool power)
    {
        IsUp = false;
        foreach (Received received in _kept)
        {
            Process.World.Memory.Return(received.Data, received.Bytes);
        }

        _kept.Clear();
        Pair.OnGone(this, power);
    }

    public void CheckNothingIsKept()
    {
        if (_kept.Count > 0)
        {
            Process.World.Fail($"{Process.Node.Name}: {_kept.Count} received pieces of {Peer} were kept and never released");
        }

        if (HoldsOut > 0)
        {
            Process.World.Fail($"{Process.Node.Name}: the link to {Peer} still has {HoldsOut} holds");
        }
    }

    private void Deliver(Transit transit, Way way, SimWorld world)
    {
        Frame frame = transit.Frame;
        world.Mix(((ulong)frame.Kind << 56) ^ ((ulong)frame.Epoch << 32) ^ (ulong)frame.Seq ^ ((ulong)frame.OffsetBytes << 20));
        if (world.Tracing)
        {
            world.Trace(Process.Node.Name, "frame", $"{frame.Kind} from {Peer} a{frame.Attachment} e{frame.Epoch} seq {frame.Seq} stable {frame.Stable} {frame.OffsetBytes}+{frame.LengthBytes} {frame.Flags}");
        }

        if (transit.Data is null)
        {
            way.Recycle(transit);
            _user.OnFrame(this, frame, null, null);
            return;
        }

        Received received = _free.Count > 0 ? _free.Pop() : new Received(this);
        received.Data = transit.Data;
        received.Bytes = frame.DataBytes;
        received.Keeps = 1;
        received.Place = _kept.Count;
        _kept.Add(received);
        transit.Data = null;
        way.Recycle(transit);
        _user.OnFrame(this, frame, received.Data, received);
        received.Release();
    }

    private void OnReleased(Received received)
    {
        if (!Process.IsAlive)
        {
            return;
        }

        Received last = _kept[^1];
        _kept[received.Place] = last;
        last.Place = received.Place;
        _kept.RemoveAt(_kept.Count - 1);
        Process.World.Memory.Return(received.Data, received.Bytes);
        received.Data = null;
        _free.Push(received);
    }

    private void CheckAlive()
    {
        if (!Process.IsAlive)
        {
            throw new SimViolationException($"{Process.Node.Name}: a process that is gone sends to {Peer}");
        }
    }

    private sealed class Received(SimLinkEnd end) : ReceivedData
    {
        public byte* Data;
        public int Bytes;
        public int Place;

        public override void OnReleased()
        {
            if (Data is null)
            {
                throw new SimViolationException($"{end.Process.Node.Name}: received bytes are released twice");
            }

            end.OnReleased(this);
        }
    }
}
