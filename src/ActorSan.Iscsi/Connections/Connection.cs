using System.Runtime.InteropServices;
using ActorSan.Iscsi.Login;
using ActorSan.Iscsi.Pdus;
using ActorSan.Iscsi.Sessions;
using ActorSan.Storage.Threads;

namespace ActorSan.Iscsi.Connections;

internal enum ConnectionState : byte
{
    /// <summary>Before the final Login Response.</summary>
    Login,

    /// <summary>Waits for the session that it replaces to end, or moves to another thread.</summary>
    Admission,

    FullFeature,

    /// <summary>Says its last: reads are thrown away, what is queued is sent.</summary>
    Closing,

    /// <summary>The socket is closed; operations and tasks end.</summary>
    Ending,

    Ended,
}

/// <summary>
/// One TCP connection of an initiator, on one I/O thread for life (but for one move at the end of its login). Everything here runs on that thread. It reads into a native
/// receive area and parses there all that has arrived; large data-out is received straight into the task's buffer; all that a pass queued leaves by one vectored send.
/// </summary>
internal sealed unsafe partial class Connection : IDisposable
{
    /// <summary>Commands for immediate delivery that may wait or run beside the window.</summary>
    private const int MaxImmediate = 16;

    /// <summary>Answers that may wait to be sent before the connection stops reading.</summary>
    private const int MaxQueuedControls = 256;

    /// <summary>Bytes of answers with much data (pings, texts) that may wait to be sent.</summary>
    private const int MaxQueuedLargeBytes = 1 << 20;

    private readonly IscsiServer _server;
    private readonly ReceiveOperation _receive;
    private readonly SendOperation _send;
    private readonly EndOfPassHook _endOfPass;
    private readonly ConnectionTimer _timer;
    private readonly SpaceWaiter _spaceWaiter;
    private readonly SendQueue _queue = new();
    private readonly Stack<ControlPdu> _freeControls = new();
    private readonly List<ControlPdu> _allControls = [];
    private IoSocket? _socket;
    private SerialNumber32 _statSN = new(1);
    private long _lastReceiveNs;
    private readonly SpaceTimer _spaceTimer;

    /// <summary>The pool has our waiter, whether or not we still wait for it.</summary>
    private bool _waiterQueued;

    private bool _waitingForSpace;

    /// <summary>The pool was empty for too long: commands are answered TASK SET FULL until a buffer is had again.</summary>
    private bool _outOfPatience;

    private int _largeBytes;
    private SessionEnd _endReason;
    private string _endDetail = "";

    public Connection(IscsiServer server, IoThread thread, PortalSettings portal, string peerAddress)
    {
        _server = server;
        Thread = thread;
        Portal = portal;
        PeerAddress = peerAddress;
        _receive = new ReceiveOperation(this);
        _send = new SendOperation(this);
        _endOfPass = new EndOfPassHook(this);
        _timer = new ConnectionTimer(this);
        _spaceWaiter = new SpaceWaiter(this);
        _spaceTimer = new SpaceTimer(this);
        _area = (byte*)NativeMemory.AlignedAlloc(AreaBytes, 4096);
        _receiveVectors = (IoVector*)NativeMemory.Alloc((nuint)(2 * sizeof(IoVector)));
        _bodyHeader = (byte*)NativeMemory.Alloc(BasicHeader.LengthBytes + PduTable.MaxCommandAhsBytes);
        _negotiation = new LoginNegotiation(server.Directory, portal.GroupTag, server.RandomBytes);
    }

    public IoThread Thread { get; private set; }

    public PortalSettings Portal { get; }

    public string PeerAddress { get; }

    public ConnectionState State { get; private set; }

    /// <summary>Null until a login is complete.</summary>
    public Session? Session { get; private set; }

    public ushort Cid { get; private set; }

    public SessionParameters Parameters { get; private set; } = new();

    public bool IsEnding => State >= ConnectionState.Ending;

    private bool IsDiscovery => Session?.Discovery ?? false;

    /// <summary>On its thread: begins to read.</summary>
    public void Start(int fd)
    {
        if (IsEnding)
        {
            _server.AbandonSocket(fd);
            return;
        }

        _socket = Thread.AdoptSocket(fd);
        _lastReceiveNs = Thread.PassTimeNs;
        Thread.StartTimer(_timer, _server.LoginTimeout);
        Rearm();
    }

    /// <summary>Writes StatSN and the window into a header that is about to be sent.</summary>
    public void Stamp(byte* header, bool useUp)
    {
        BasicHeader.WriteSerial(header + 24, _statSN);
        if (useUp)
        {
            _statSN = _statSN.Next;
        }

        StampWindow(header);
    }

    /// <summary>ExpCmdSN and MaxCmdSN.</summary>
    public void StampWindow(byte* header)
    {
        CommandWindow? window = Session?.Window;
        BasicHeader.WriteSerial(header + 28, window?.Expected ?? _loginCmdSN);
        BasicHeader.WriteSerial(header + 32, window?.Maximum ?? _loginCmdSN);
    }

    /// <summary>A PDU to fill and give to <see cref="Queue"/>.</summary>
    private ControlPdu TakeControl(StatSNUse statSN)
    {
        if (!_freeControls.TryPop(out ControlPdu? pdu))
        {
            pdu = new ControlPdu(this);
            _allControls.Add(pdu);
        }

        pdu.StatSN = statSN;
        pdu.Then = AfterSend.Nothing;
        return pdu;
    }

    private void Queue(Outgoing item)
    {
        if (IsEnding)
        {
            item.OnReleased();
            return;
        }

        if (item is ControlPdu control)
        {
            _largeBytes += control.LargeBytes;
        }

        _queue.Enqueue(item);
        if (!_send.IsInFlight)
        {
            Thread.AtEndOfPass(_endOfPass);
        }
    }

    public void OnControlReleased(ControlPdu pdu)
    {
        _largeBytes -= pdu.LargeBytes;
        pdu.FreeLarge();
        AfterSend then = pdu.Then;
        _freeControls.Push(pdu);
        if (IsEnding)
        {
            return;
        }

        switch (then)
        {
            case AfterSend.AwaitPing:
                AwaitPing();
                break;
            case AfterSend.EndTarget:
                _server.EndTargetSessions(Session!.TargetName, SessionEnd.TargetReset, "TARGET COLD RESET");
                break;
            case AfterSend.EnterFullFeature or AfterSend.Nothing:
                break;
        }
    }

    /// <summary>The final Login Response is in a batch: what comes behind it has the digests that were agreed on.</summary>
    public void BeginDigests()
    {
        _queue.HeaderDigest = Parameters.HeaderDigest;
        _queue.DataDigest = Parameters.DataDigest;
    }

    private void SendBatch()
    {
        if (IsEnding || _send.IsInFlight)
        {
            return;
        }

        if (_moveTo is not null && _queue.Count == 0)
        {
            MoveOrComplete();
            return;
        }

        while (!_queue.HasBatch)
        {
            if (!_queue.MakeBatch())
            {
                if (State == ConnectionState.Closing)
                {
                    FinishClosing();
                }

                return;
            }

            if (!_queue.HasBatch)
            {
                _queue.ReleaseFilled();
                if (IsEnding)
                {
                    return;
                }
            }
        }

        Thread.Send(_socket!, _queue.Vectors, _queue.VectorCount, _send);
    }

    private void OnSent(int result)
    {
        if (IsEnding)
        {
            CheckEnded();
            return;
        }

        if (result <= 0)
        {
            End(SessionEnd.ConnectionLost, $"sending failed: {Errno.Describe(-result)}");
            return;
        }

        _queue.Advance(result);
        if (IsEnding)
        {
            return;
        }

        if (_queue.HasBatch)
        {
            Thread.Send(_socket!, _queue.Vectors, _queue.VectorCount, _send);
            return;
        }

        Thread.AtEndOfPass(_endOfPass);
        if (_paused && _queue.Count < MaxQueuedControls / 2 && _largeBytes < MaxQueuedLargeBytes)
        {
            _paused = false;
            Resume();
        }
    }

    /// <summary>Answers with Reject; the rejected header goes back as data (RFC 7143 §11.17).</summary>
    private void Reject(byte* header, RejectReason reason, string why)
    {
        Warn($"rejected {BasicHeader.Opcode(header)} ({reason}): {why}");
        ControlPdu pdu = TakeControl(StatSNUse.UseUp);
        int bytes = BasicHeader.LengthBytes + BasicHeader.AhsBytes(header);
        RejectPdu.Write(pdu.Header, reason, bytes);
        System.Buffer.MemoryCopy(header, pdu.InlineData, ControlPdu.InlineDataBytes, bytes);
        Queue(pdu);
    }

    private void Warn(string text) => _server.Events.Warning(PeerAddress, Session is null ? text : $"{Session.InitiatorName}: {text}");

    private sealed class ReceiveOperation(Connection connection) : IoOperation
    {
        protected override void OnCompleted(int result) => connection.OnReceived(result);
    }

    private sealed class SendOperation(Connection connection) : IoOperation
    {
        protected override void OnCompleted(int result) => connection.OnSent(result);
    }

    private sealed class EndOfPassHook(Connection connection) : PassHook
    {
        protected override void OnEndOfPass() => connection.SendBatch();
    }

    private sealed class ConnectionTimer(Connection connection) : IoTimer
    {
        protected override void OnFired() => connection.OnTimer();
    }

    private sealed class SpaceTimer(Connection connection) : IoTimer
    {
        protected override void OnFired() => connection.OnPatienceEnded();
    }

    private sealed class SpaceWaiter(Connection connection) : IoMessage
    {
        protected override void Run() => connection.OnSpace();
    }
}
