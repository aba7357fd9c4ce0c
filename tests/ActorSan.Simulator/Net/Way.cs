using ActorSan.Replication.Core.Frames;
using ActorSan.Replication.Core.Ports;
using ActorSan.Simulator.World;

namespace ActorSan.Simulator.Net;

internal enum TransitKind : byte
{
    Frame,
    Up,
    Down,
    Gone,
}

/// <summary>Something on its way to one end: a frame with its own copy of the bytes, or the news that the connection is up or down.</summary>
internal sealed unsafe class Transit : SimEvent
{
    public TransitKind Kind;
    public Frame Frame;
    public byte* Data;
    public long WireAt;
    public long ArriveAt;
    public long Connection;
    public bool Cancelled;
    public HoldReturn? Hold;
    public SimLinkEnd? To;
    public Transit? Next;

    public override int Code => 50 + (int)Kind;

    // Only ever dispatched to the engine side of the end that it is for.
    public override void Run() => To!.OnArrived(this);

    public override void Drop() => To!.Pair.Ways[To.Place].Recycle(this);
}

/// <summary>A hold that a link has until its bytes are on the wire, and longer where the kernel looks twice.</summary>
internal sealed unsafe class HoldReturn(SimDataNet net) : SimEvent
{
    public SendHold? Hold;
    public byte* Data;
    public int Bytes;
    public ulong Checksum;
    public SimLinkEnd? From;
    public Way? Way;
    public Transit? Transit;
    public HoldReturn? NextParked;
    private bool _due;

    public override int Code => 55;

    public void Begin(SendHold hold, byte* data, int bytes, SimLinkEnd from, Way way)
    {
        Data = data;
        (Hold, Bytes, From, Way) = (hold, bytes, from, way);
        Checksum = SimHash.Of(new ReadOnlySpan<byte>(data, bytes));
        _due = false;
        from.HoldsOut++;
    }

    public override void Run()
    {
        if (Side is null)
        {
            // Bytes that can't leave the sender's buffer are still read from where they are.
            if (!_due && Hold is not null && Transit is not null && Way!.IsStuck)
            {
                Way.Park(this);
                return;
            }

            Side = From!.Process.Engine;
            Side.Dispatch(this);
            return;
        }

        if (Hold is not null)
        {
            GiveBack();
        }

        Drop();
    }

    public void Hurry()
    {
        _due = true;
        net.World.After(net.Random.Skewed(0, 1_000_000), this);
    }

    /// <summary>On the sender's engine side.</summary>
    public void GiveBack()
    {
        SendHold hold = Hold!;
        Hold = null;
        From!.HoldsOut--;
        if (Checksum != SimHash.Of(new ReadOnlySpan<byte>(Data, Bytes)))
        {
            throw new SimViolationException($"{From.Process.Node.Name}: bytes that a link to {From.Peer} still reads were changed");
        }

        hold.Release();
    }

    public override void Drop()
    {
        if (Transit is { } transit)
        {
            transit.Hold = null;
            Transit = null;
        }

        Hold = null;
        From = null;
        Way = null;
        net.Holds.Return(this);
    }
}

/// <summary>One direction of a pair: a queue whose first arrives when its time has come and nothing is cut. News of the connection pass a cut: it is the end itself that notices.</summary>
internal sealed unsafe class Way : SimEvent
{
    public const int OverheadBytes = 96;

    private readonly SimPair _pair;
    private readonly int _place;
    private Transit? _first;
    private Transit? _last;
    private HoldReturn? _parked;
    private bool _scheduled;
    private long _lastWire;
    private long _lastArrival;

    public Way(SimPair pair, int place)
    {
        _pair = pair;
        _place = place;
    }

    public int Frames { get; private set; }

    public long Bytes { get; private set; }

    public bool IsStuck => _pair.IsCutTo(_place);

    public override int Code => 56;

    private SimDataNet Net => _pair.Net;

    public Transit Send(in Frame frame, byte* data, int bytes)
    {
        Transit transit = Net.Transits.Take();
        transit.Kind = TransitKind.Frame;
        transit.Frame = frame;
        transit.Frame.DataBytes = bytes;
        transit.Data = null;
        if (bytes > 0)
        {
            transit.Data = Net.World.Memory.Rent(bytes);
            new ReadOnlySpan<byte>(data, bytes).CopyTo(new Span<byte>(transit.Data, bytes));
        }

        transit.WireAt = Math.Max(_lastWire, Net.World.Now + Net.Random.Skewed(0, Net.Options.QueueHighNs));
        _lastWire = transit.WireAt;
        Frames++;
        Bytes += bytes + OverheadBytes;
        Net.Sent++;
        Enqueue(transit, transit.WireAt + Net.Random.Skewed(Net.Options.LowNs, Net.Options.HighNs));
        return transit;
    }

    public void Mark(TransitKind kind, long delayNs)
    {
        Transit transit = Net.Transits.Take();
        transit.Kind = kind;
        transit.Data = null;
        transit.WireAt = Net.World.Now;
        Enqueue(transit, Net.World.Now + delayNs);
    }

    /// <summary>All frames behind the first <paramref name="keep"/> never arrive.</summary>
    public void LoseFrames(int keep)
    {
        Transit? before = null;
        Transit? next = _first;
        while (next is { } transit)
        {
            next = transit.Next;
            if (transit.Kind != TransitKind.Frame || keep-- > 0)
            {
                before = transit;
                continue;
            }

            if (before is null)
            {
                _first = next;
            }
            else
            {
                before.Next = next;
            }

            _last = transit == _last ? before : _last;
            Leave(transit);
            Recycle(transit);
        }
    }

    public void Clear()
    {
        while (_first is { } transit)
        {
            _first = transit.Next;
            Leave(transit);
            Recycle(transit);
        }

        _last = null;
        _lastWire = _lastArrival = Net.World.Now;
        ReturnParkedHolds();
    }

    public void Cancel(long attachment)
    {
        for (Transit? transit = _first; transit is not null; transit = transit.Next)
        {
            if (transit.Kind == TransitKind.Frame && transit.Frame.Attachment == attachment && transit.WireAt > Net.World.Now && !transit.Cancelled)
            {
                transit.Cancelled = true;
                if (transit.Hold is { Hold: not null } hold)
                {
                    hold.GiveBack();
                }
            }
        }
    }

    public void Resume()
    {
        ReturnParkedHolds();
        Schedule();
    }

    public void Park(HoldReturn hold)
    {
        hold.NextParked = _parked;
        _parked = hold;
    }

    public void ReturnParkedHolds()
    {
        while (_parked is { } hold)
        {
            _parked = hold.NextParked;
            hold.NextParked = null;
            hold.Hurry();
        }
    }

    // The first of the queue is due.
    public override void Run()
    {
        _scheduled = false;
        if (_first is not { } transit || (IsStuck && transit.Kind == TransitKind.Frame))
        {
            return;
        }

        if (transit.ArriveAt > Net.World.Now)
        {
            Schedule();
            return;
        }

        _first = transit.Next;
        _last = _first is null ? null : _last;
        Leave(transit);
        Schedule();
        SimLinkEnd? end = _pair.End(_place);
        if (end is null || transit.Cancelled)
        {
            Recycle(transit);
            return;
        }

        transit.To = end;
        transit.Side = end.Process.Engine;
        transit.Side.Dispatch(transit);
    }

    /// <summary>When nobody has its bytes.</summary>
    public void Recycle(Transit transit)
    {
        if (transit.Data is not null)
        {
            Net.World.Memory.Return(transit.Data, transit.Frame.DataBytes);
            transit.Data = null;
        }

        if (transit.Hold is { } hold)
        {
            hold.Transit = null;
            transit.Hold = null;
        }

        transit.To = null;
        transit.Next = null;
        transit.Cancelled = false;
        Net.Transits.Return(transit);
    }

    private void Enqueue(Transit transit, long arriveAt)
    {
        transit.Connection = _pair.Connection;
        transit.ArriveAt = Math.Max(_lastArrival, arriveAt);
        _lastArrival = transit.ArriveAt;
        transit.Next = null;
        if (_last is null)
        {
            _first = transit;
        }
        else
        {
            _last.Next = transit;
        }

        _last = transit;
        Schedule();
    }

    private void Leave(Transit transit)
    {
        if (transit.Kind == TransitKind.Frame)
        {
            Frames--;
            Bytes -= transit.Frame.DataBytes + OverheadBytes;
        }
    }

    private void Schedule()
    {
        if (!_scheduled && _first is { } next && !(IsStuck && next.Kind == TransitKind.Frame))
        {
            _scheduled = true;
            Net.World.At(next.ArriveAt, this);
        }
    }
}
