using System.Net;
using System.Runtime.InteropServices;
using ActorSan.Replication.Core.Frames;
using ActorSan.Replication.Core.Ports;
using ActorSan.Storage;
using ActorSan.Storage.Threads;

namespace ActorSan.Replication.Links;

internal enum LinkPhase : byte
{
    Connecting,
    Handshake,

    /// <summary>Says its last, a refusal; then it ends.</summary>
    Refusing,
    Up,

    /// <summary>The socket is closed; operations end.</summary>
    Ending,
    Ended,
}

internal enum LinkPurpose : byte
{
    Link,

    /// <summary>Asks whether anybody listens, and no more.</summary>
    Probe,

    /// <summary>As a probe, of a way that is not in use.</summary>
    Check,
}

/// <summary>One TCP connection with another node, for one life: connect or accept, handshake, frames and notes, end. Everything here runs on the links' thread.</summary>
internal sealed unsafe partial class LinkConnection : IDisposable
{
    private readonly NodeLinks _links;
    private readonly IoThread _thread;
    private readonly ConnectOperation _connect;
    private readonly ReceiveOperation _receive;
    private readonly SendOperation _send;
    private readonly EndOfPassHook _endOfPass;
    private readonly PatienceTimer _timer;
    private readonly SpaceWaiter _spaceWaiter;
    private readonly LinkSendQueue _queue;
    private IoSocket? _socket;
    private LinkPhase _phase;
    private long _lastReceiveNs;
    private long _timerDueNs;

    // The peer's latest keep-alive: when it was sent, by the peer's clock, and when it came, by ours; 0: it has been answered.
    private long _theirStampNs;
    private long _stampCameNs;
    private bool _released;

    /// <param name="peer">Whom it dials; null: it came in, and the handshake tells.</param>
    public LinkConnection(NodeLinks links, LinkPeer? peer, string address)
    {
        _links = links;
        _thread = links.Thread;
        Peer = peer;
        CameIn = peer is null;
        Address = address;
        _connect = new ConnectOperation(this);
        _receive = new ReceiveOperation(this);
        _send = new SendOperation(this);
        _endOfPass = new EndOfPassHook(this);
        _timer = new PatienceTimer(this);
        _spaceWaiter = new SpaceWaiter(this);
        _queue = new LinkSendQueue(links.OutFrames);
        _area = (byte*)NativeMemory.AlignedAlloc(AreaBytes, 4096);
        _small = (byte*)NativeMemory.Alloc(Replication.Links.Handshake.MaxMessageBytes);
        _smallVectors = (IoVector*)NativeMemory.AllocZeroed((nuint)(4 * sizeof(IoVector)));
        _handshake = peer is null
            ? Replication.Links.Handshake.ToAccept(links.Options, links.Knows)
            : Replication.Links.Handshake.ToDial(links.Options, peer.Name);
        links.Opened(this);
    }

    /// <summary>The peer has made it.</summary>
    public bool CameIn { get; }

    public LinkPurpose Purpose { get; init; }

    /// <summary>For one that still stands, as long as nothing comes from it.</summary>
    public bool IsInstead { get; init; }

    /// <summary>The other's kernel has taken it.</summary>
    public bool HasConnected { get; private set; }

    /// <summary>Nothing has come for a good part of what would end it, and more than one keep-alive is missing.</summary>
    public bool IsQuiet => _phase == LinkPhase.Up && !_waitingForSpace
        && _thread.PassTimeNs - _lastReceiveNs > Math.Max(_links.Options.Silence.Ticks * 100 / 3, _links.Options.KeepAlive.Ticks * 200);

    /// <summary>As <see cref="IsQuiet"/>, when it ended.</summary>
    public bool WasQuiet { get; private set; }

    /// <summary>Null as long as it came in and has not proved who it is.</summary>
    public LinkPeer? Peer { get; private set; }

    public string Address { get; }

    public bool IsEnding => _phase >= LinkPhase.Ending;

    public bool IsAuthenticated { get; private set; }

    public long QueuedBytes => _queue.Bytes + _sealedBytes;

    public void Dial(IPEndPoint address)
    {
        _thread.StartTimer(_timer, _links.Options.HandshakeTimeout);
        try
        {
            _socket = _thread.AdoptSocket(NativeSocket.Create(address.AddressFamily));
        }
        catch (IOException failure)
        {
            _failure = failure.Message;
            _thread.StartTimer(_timer, TimeSpan.Zero); // No descriptor: told like any other failure, never inside the call that dials.
            return;
        }

        int length = NativeSocket.Encode(address, _small);
        _thread.Connect(_socket, _small, length, _connect);
    }

    public void Accept(int fd)
    {
        _thread.StartTimer(_timer, _links.Options.HandshakeTimeout);
        Adopt(fd);
        Rearm();
    }

    public void Send(LinkChannel channel, in Frame frame, byte* data, SendHold hold)
    {
        OutFrame item = _links.OutFrames.Take();
        item.Set(channel, frame, data, hold);
        Queue(item);
    }

    public void Send(LinkChannel channel, in Frame frame, ReadOnlySpan<byte> body)
    {
        OutFrame item = _links.OutFrames.Take();
        item.Set(channel, frame, body);
        Queue(item);
    }

    public void Send(in LinkNote note)
    {
        OutFrame item = _links.OutFrames.Take();
        item.Set(note);
        Queue(item);
    }

    public void Cancel(LinkChannel channel, long attachment) => _queue.Cancel(channel, attachment);

    /// <summary>Ends it at once; whom it concerns is told before this returns, and holds are given back when the kernel has let go.</summary>
    public void End(LinkEnd end, string detail)
    {
        if (IsEnding)
        {
            return;
        }

        WasQuiet = IsQuiet;
        _phase = LinkPhase.Ending;
        _thread.StopTimer(_timer);
        if (_socket is not null)
        {
            _thread.CloseSocket(_socket);
        }

        HandshakeFault fault = end == LinkEnd.Refused ? _handshake.Fault : HandshakeFault.None;
        if (Peer is { } peer)
        {
            peer.OnEnded(this, end, fault, detail);
        }
        else if (end != LinkEnd.NotReached || _handshake.Peer is not null)
        {
            _links.Events.NoLink(_handshake.Peer, Address, end, fault, detail);
        }

        // Else: who connected went without a word, as one does who only asks whether somebody listens.

        CheckEnded();
    }

    public void Dispose()
    {
        if (_area is null)
        {
            return;
        }

        NativeMemory.AlignedFree(_area);
        NativeMemory.Free(_small);
        NativeMemory.Free(_smallVectors);
        _tls?.Dispose();
        _area = _small = null;
        _smallVectors = null;
        _queue.Dispose();
    }

    private void Adopt(int fd)
    {
        _socket = _thread.AdoptSocket(fd);
        NativeSocket.Tune(fd, _links.Options.UserTimeout);
        _phase = LinkPhase.Handshake;
        _lastReceiveNs = _thread.PassTimeNs;
    }

    private void Queue(OutFrame item)
    {
        Invariant.Check(_phase == LinkPhase.Up);
        _queue.Add(item);
        Peer!.Counters.Queued(QueuedBytes);
        if (!_send.IsInFlight)
        {
            _thread.AtEndOfPass(_endOfPass);
        }
    }

    private void SendBatch()
    {
        if (_phase != LinkPhase.Up || _send.IsInFlight)
        {
            return;
        }

        if (_tls is not null)
        {
            SendSealed();
            return;
        }

        if (MakeBatch())
        {
            _thread.Send(_socket!, _queue.Vectors, _queue.VectorCount, _send);
        }
    }

    // True: there is something of a batch that has not been sent.
    private bool MakeBatch()
    {
        if (!_queue.HasBatch && _queue.MakeBatch())
        {
            Peer!.Counters.Gave(_queue.BatchFrames);
        }

        return _queue.HasBatch;
    }

    private void OnSent(int result)
    {
        if (IsEnding)
        {
            CheckEnded();
        }
        else if (result <= 0)
        {
            Lose($"sending failed: {Errno.Describe(-result)}");
        }
        else if (_phase != LinkPhase.Up)
        {
            OnHandshakeSent(result);
        }
        else if (_tls is not null)
        {
            OnSealedSent(result);
        }
        else
        {
            _queue.Advance(result);
            Peer!.Counters.Sent(result, _queue.Bytes);
            SendBatch();
        }
    }

    private void OnTimer()
    {
        if (_phase != LinkPhase.Up)
        {
            RefuseLate();
            return;
        }

        // How long this thread itself stood still says nothing about the peer, nor does what is not read because no buffer is free.
        _lastReceiveNs += Math.Max(0, _thread.PassTimeNs - _timerDueNs);
        if (!_waitingForSpace && _thread.PassTimeNs - _lastReceiveNs > _links.Options.Silence.Ticks * 100)
        {
            End(LinkEnd.Silent, $"nothing has come for {_links.Options.Silence.TotalMilliseconds:0} ms");
            return;
        }

        if (_queue.IsEmpty)
        {
            SendAlive();
        }

        StartAliveTimer();
        if (IsQuiet)
        {
            Peer!.OnQuiet();
        }
    }

    private void StartAliveTimer()
    {
        _timerDueNs = _thread.PassTimeNs + (_links.Options.KeepAlive.Ticks * 100);
        _thread.StartTimer(_timer, _links.Options.KeepAlive);
    }

    // The peer's stamp goes back with the time for which it was kept here added, so that neither clock is compared with the other's.
    private void SendAlive()
    {
        long now = _thread.PassTimeNs;
        Send(new LinkNote(LinkNoteKind.Alive, Guid.Empty, now, _theirStampNs == 0 ? 0 : _theirStampNs + (now - _stampCameNs)));
        _theirStampNs = 0;
    }

    private void OnAlive(in LinkNote note)
    {
        long now = _thread.PassTimeNs;

        // A clock that has run for a century is none: what is added to it must not overflow.
        _theirStampNs = note.Mine < long.MaxValue / 2 ? note.Mine : 0;
        _stampCameNs = now;

        // What is later than now was never sent by this process: it tells nothing.
        if (note.Yours > 0 && note.Yours <= now)
        {
            Peer!.Counters.RoundTrip.Add(now - note.Yours);
        }
    }

    /// <summary>When the kernel holds no memory of ours, what was queued is dropped.</summary>
    private void CheckEnded()
    {
        if (_phase != LinkPhase.Ending || _connect.IsInFlight || _receive.IsInFlight || _send.IsInFlight)
        {
            return;
        }

        if (!_released)
        {
            _released = true;
            _queue.Abandon();
            DropBody();
        }

        if (!_waiterQueued)
        {
            _phase = LinkPhase.Ended;
            Dispose();
            _links.Gone(this);
        }
    }

    private void Lose(string detail) => End(IsAuthenticated ? LinkEnd.Lost : LinkEnd.NotReached, detail);

    private sealed class ConnectOperation(LinkConnection connection) : IoOperation
    {
        protected override void OnCompleted(int result) => connection.OnConnectResult(result);
    }

    private sealed class ReceiveOperation(LinkConnection connection) : IoOperation
    {
        protected override void OnCompleted(int result) => connection.OnReceived(result);
    }

    private sealed class SendOperation(LinkConnection connection) : IoOperation
    {
        protected override void OnCompleted(int result) => connection.OnSent(result);
    }

    private sealed class EndOfPassHook(LinkConnection connection) : PassHook
    {
        protected override void OnEndOfPass() => connection.SendBatch();
    }

    private sealed class PatienceTimer(LinkConnection connection) : IoTimer
    {
        protected override void OnFired() => connection.OnTimer();
    }

    private sealed class SpaceWaiter(LinkConnection connection) : IoMessage
    {
        protected override void Run() => connection.OnSpace();
    }
}
