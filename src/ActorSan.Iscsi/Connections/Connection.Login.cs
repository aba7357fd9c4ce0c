using System.Net;
using ActorSan.Iscsi.Login;
using ActorSan.Iscsi.Pdus;
using ActorSan.Iscsi.Sessions;

namespace ActorSan.Iscsi.Connections;

/// <summary>From the first Login Request to full feature phase: negotiation, admission, the move to the session's thread.</summary>
internal sealed unsafe partial class Connection
{
    private readonly LoginNegotiation _negotiation;
    private SerialNumber32 _loginCmdSN;
    private LoginRequest _finalRequest;
    private LoginAnswer _finalAnswer;
    private Session? _moveTo;
    private IPEndPoint? _localAddress;

    /// <summary>For the server, while it admits.</summary>
    public LoginNegotiation Negotiation => _negotiation;

    public SerialNumber32 LoginCmdSN => _finalRequest.CmdSN;

    private void OnLogin(byte* header, ReadOnlySpan<byte> data)
    {
        LoginRequest request = LoginRequest.Read(header);
        _loginCmdSN = request.CmdSN;
        LoginAnswer answer = _negotiation.Accept(request, data);
        switch (answer.Step)
        {
            case LoginStep.Respond:
                SendLoginResponse(request, answer, request.Tsih, AfterSend.Nothing);
                break;
            case LoginStep.Refuse:
                Refuse(request, answer);
                break;
            case LoginStep.Complete:
                _finalRequest = request;
                _finalAnswer = answer;
                State = ConnectionState.Admission;
                _server.Admit(this);
                break;
        }
    }

    private void Refuse(in LoginRequest request, in LoginAnswer answer)
    {
        _server.Events.LoginRefused(_negotiation.InitiatorName, _negotiation.TargetName, PeerAddress, answer.Refusal, answer.Detail);
        SendLoginResponse(request, answer, request.Tsih, AfterSend.Nothing);
        CloseAfterSending(SessionEnd.ProtocolError, "");
    }

    /// <summary>The server does not admit what was negotiated.</summary>
    public void OnAdmissionRefused(LoginRefused refused)
    {
        if (!IsEnding)
        {
            Refuse(_finalRequest, new LoginAnswer(LoginStep.Refuse, refused.Status, (byte)(_finalRequest.CurrentStage << 2), [], refused.Refusal, refused.Detail));
        }
    }

    /// <summary>The session stands: goes to its thread, and from there says so.</summary>
    public void OnAdmitted(Session session)
    {
        if (IsEnding)
        {
            session.Thread.Post(() => session.ConnectionEnded(this, _endReason, _endDetail, sessionGoesOn: false));
            return;
        }

        _moveTo = session;
        MoveAtEndOfPass();
    }

    // Never from within parsing: once it has moved, the new thread runs at once, and whoever is still on the old thread's stack would go on beside it.
    private void MoveAtEndOfPass()
    {
        if (!_send.IsInFlight)
        {
            Thread.AtEndOfPass(_endOfPass);
        }
    }

    private void MoveOrComplete()
    {
        Session session = _moveTo!;
        _moveTo = null;
        if (ReferenceEquals(session.Thread, Thread))
        {
            CompleteLogin(session);
            return;
        }

        Thread.StopTimer(_timer);
        int fd = Thread.ReleaseSocket(_socket!);
        _socket = null;
        Thread = session.Thread;
        _moveTo = session;
        bool moved = Thread.Post(() =>
        {
            if (IsEnding)
            {
                _server.AbandonSocket(fd);
                return;
            }

            _moveTo = null;
            _socket = Thread.AdoptSocket(fd);
            CompleteLogin(session);
        });
        if (!moved)
        {
            // The session's thread has stopped, and the session with it: what is left of the connection is freed here.
            _server.AbandonSocket(fd);
            State = ConnectionState.Ended;
            Dispose();
            _server.ConnectionGone(this);
        }
    }

    private void CompleteLogin(Session session)
    {
        Session = session;
        Cid = _negotiation.Cid;
        Parameters = _negotiation.Parameters;
        if (session.Tsih == _negotiation.Tsih)
        {
            session.Window.Restart(_finalRequest.CmdSN);
        }

        session.Parameters = Parameters;
        _server.LoginDone();
        SendLoginResponse(_finalRequest, _finalAnswer, session.Tsih, AfterSend.EnterFullFeature);
        State = ConnectionState.FullFeature;
        _finalAnswer = default;
        _localAddress = _socket is null || _socket.Fd < 0 ? null : _server.LocalAddress(_socket.Fd);
        _lastReceiveNs = Thread.PassTimeNs;
        session.Connected(this);
        StartKeepAlive();
        Resume();
    }

    private void SendLoginResponse(in LoginRequest request, in LoginAnswer answer, ushort tsih, AfterSend then)
    {
        ControlPdu pdu = TakeControl(StatSNUse.UseUp);
        LoginResponsePdu.Write(pdu.Header, request, answer.Flags, tsih, answer.Status, answer.Text.Length);
        pdu.SetData(answer.Text);
        pdu.Then = then;
        Queue(pdu);
    }
}
