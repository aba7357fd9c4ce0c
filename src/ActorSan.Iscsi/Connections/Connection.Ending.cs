using System.Runtime.InteropServices;
using ActorSan.Iscsi.Pdus;
using ActorSan.Storage.Threads;

namespace ActorSan.Iscsi.Connections;

/// <summary>Keep-alive, and the ways in which a connection ends.</summary>
internal sealed unsafe partial class Connection
{
    private bool _nopWaiting;
    private bool _nopSent;
    private uint _nextNopTag = 1;
    private TimeSpan _nopInterval;
    private TimeSpan _nopTimeout;
    private bool _logoutAsked;
    private bool _sessionGoesOn;
    private bool _localReleased;

    private void StartKeepAlive()
    {
        SessionSettings settings = _server.SettingsOf(Session!);
        _nopInterval = settings.NopInterval;
        _nopTimeout = settings.NopTimeout;
        if (_nopInterval > TimeSpan.Zero)
        {
            Thread.StartTimer(_timer, _nopInterval);
        }
        else
        {
            Thread.StopTimer(_timer);
        }
    }

    private void OnTimer()
    {
        if (IsEnding)
        {
            return;
        }

        if (State is ConnectionState.Login or ConnectionState.Admission)
        {
            const string Late = "the login was not done in time";
            _server.Events.LoginRefused(_negotiation.InitiatorName, _negotiation.TargetName, PeerAddress, LoginRefusal.TimedOut, Late);
            End(SessionEnd.ProtocolError, Late);
        }
        else if (State == ConnectionState.Closing)
        {
            End(_endReason, _endDetail);
        }
        else if (_logoutAsked)
        {
            // It was asked and did not: it is told that the session is dropped.
            SendAsync(AsyncEvent.DropSession, 0, _endReason, _endDetail);
        }
        else
        {
            KeepAlive();
        }
    }

    private void KeepAlive()
    {
        TimeSpan silence = TimeSpan.FromTicks((Thread.NowNs - _lastReceiveNs) / 100);

        // While we do not read, silence says nothing about the initiator.
        if (_paused || _waitingForSpace)
        {
            Thread.StartTimer(_timer, _nopInterval);
        }
        else if (_nopWaiting && _nopSent)
        {
            End(SessionEnd.NopTimeout, $"a NOP-In was not answered in {_nopTimeout.TotalSeconds:0.###} s");
        }
        else if (_nopWaiting)
        {
            // It stands behind data that the initiator takes slowly. If it takes none at all, TCP's own limit ends the connection.
            Thread.StartTimer(_timer, _nopTimeout);
        }
        else if (silence >= _nopInterval)
        {
            _nopWaiting = true;
            _nopSent = false;
            ControlPdu pdu = TakeControl(StatSNUse.Tell);
            NopInPdu.Write(pdu.Header, 0, BasicHeader.ReservedTag, _nextNopTag++ & 0x7FFF_FFFF, 0);
            pdu.Then = AfterSend.AwaitPing;
            Queue(pdu);
            Thread.StartTimer(_timer, _nopTimeout);
        }
        else
        {
            Thread.StartTimer(_timer, _nopInterval - silence);
        }
    }

    private void AwaitPing()
    {
        _nopSent = true;
        if (_nopWaiting && State == ConnectionState.FullFeature && !_logoutAsked)
        {
            Thread.StartTimer(_timer, _nopTimeout);
        }
    }

    /// <summary>Asynchronous message (RFC 7143 §11.9): a request to log out within that time, or the word that the session is dropped, which then happens.</summary>
    public void SendAsync(AsyncEvent code, ushort seconds, SessionEnd reason, string detail)
    {
        if (State != ConnectionState.FullFeature)
        {
            End(reason, detail);
            return;
        }

        ControlPdu pdu = TakeControl(StatSNUse.UseUp);
        if (code == AsyncEvent.RequestLogout)
        {
            AsyncMessagePdu.Write(pdu.Header, 0, code, 0, 0, seconds, 0);
            _logoutAsked = true;
            _endReason = reason;
            _endDetail = detail;
            Thread.StartTimer(_timer, TimeSpan.FromSeconds(Math.Max((int)seconds, 1)));
            Queue(pdu);
        }
        else
        {
            AsyncMessagePdu.Write(pdu.Header, 0, code, code == AsyncEvent.DropConnection ? Cid : (ushort)0, seconds, 0, 0);
            Queue(pdu);
            CloseAfterSending(reason, detail);
        }
    }

    /// <summary>Nothing more is read; what is queued goes out, then the connection ends. A peer that takes nothing is given up after a while.</summary>
    private void CloseAfterSending(SessionEnd reason, string detail)
    {
        if (State >= ConnectionState.Closing)
        {
            return;
        }

        State = ConnectionState.Closing;
        _endReason = reason;
        _endDetail = detail;
        Thread.StartTimer(_timer, TimeSpan.FromSeconds(5));
        if (!_send.IsInFlight)
        {
            Thread.AtEndOfPass(_endOfPass);
        }
    }

    /// <summary>All was sent: the stream ends in order, so that the last answer is not lost to a reset.</summary>
    private void FinishClosing()
    {
        if (_socket is { Fd: >= 0 } socket)
        {
            _server.ShutdownSocket(socket.Fd);
        }

        End(_endReason, _endDetail);
    }

    /// <summary>The session goes on with the connection that takes this one's place.</summary>
    public void EndForReinstatement()
    {
        _sessionGoesOn = true;
        End(SessionEnd.Reinstated, "the connection was reinstated");
    }

    /// <summary>From any thread: ends it on its own, wherever it has moved meanwhile.</summary>
    public void EndFromOutside(SessionEnd reason, string detail)
    {
        IoThread thread = Thread;
        _ = thread.Post(() =>
        {
            if (Thread.IsCurrent)
            {
                End(reason, detail);
            }
            else
            {
                EndFromOutside(reason, detail);
            }
        });
    }

    /// <summary>Ends at once; on its thread.</summary>
    public void End(SessionEnd reason, string detail)
    {
        if (IsEnding)
        {
            return;
        }

        State = ConnectionState.Ending;
        _endReason = reason;
        _endDetail = detail;
        if (reason is SessionEnd.ProtocolError or SessionEnd.NopTimeout or SessionEnd.ConnectionLost && detail.Length > 0)
        {
            Warn($"connection closed ({reason}): {detail}");
        }

        Thread.StopTimer(_timer);
        Thread.StopTimer(_spaceTimer);
        if (_socket is not null)
        {
            Thread.CloseSocket(_socket);
        }

        if (!_sessionGoesOn)
        {
            Session?.End(reason, detail);
        }

        CheckEnded();
    }

    /// <summary>When the kernel holds no memory of ours, what never reached a unit is dropped; when the units have given back the rest, it is over.</summary>
    private void CheckEnded()
    {
        if (State != ConnectionState.Ending || _receive.IsInFlight || _send.IsInFlight)
        {
            return;
        }

        if (!_localReleased)
        {
            _localReleased = true;
            _queue.Abandon();
            if (!_bodyBuffer.IsEmpty)
            {
                Thread.Buffers.Return(_bodyBuffer);
                _bodyBuffer = default;
            }

            if (Session is not null)
            {
                AbortUndelivered(null);
            }
        }

        if (_liveTasks > 0 || _management > 0 || _waiterQueued)
        {
            return;
        }

        State = ConnectionState.Ended;
        Dispose();
        _server.ConnectionGone(this);
        Session?.ConnectionEnded(this, _endReason, _endDetail, _sessionGoesOn);
        if (_moveTo is { } admitted)
        {
            // It was admitted and ended before it got there.
            _ = admitted.Thread.Post(() => admitted.ConnectionEnded(this, _endReason, _endDetail, sessionGoesOn: false));
        }
    }

    public void Dispose()
    {
        if (_area is null)
        {
            return;
        }

        NativeMemory.AlignedFree(_area);
        NativeMemory.Free(_receiveVectors);
        NativeMemory.Free(_bodyHeader);
        _area = null;
        _receiveVectors = null;
        _bodyHeader = null;
        _queue.Dispose();
        foreach (ControlPdu control in _allControls)
        {
            control.Dispose();
        }

        foreach (IscsiTask task in _tasks)
        {
            task.Dispose();
        }
    }
}
