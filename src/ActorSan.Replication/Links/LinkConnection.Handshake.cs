using ActorSan.Storage.Threads;

namespace ActorSan.Replication.Links;

/// <summary>From a connection to a link: whose it is.</summary>
internal sealed unsafe partial class LinkConnection
{
    private readonly Handshake _handshake;

    // Addresses and messages of the handshake on their way out.
    private byte* _small;
    private IoVector* _smallVectors;
    private HandshakeStep _afterSend;
    private string? _failure;

    private Span<byte> Small => new(_small, Replication.Links.Handshake.MaxMessageBytes);

    private void OnConnectResult(int result)
    {
        if (IsEnding)
        {
            CheckEnded();
            return;
        }

        if (result < 0)
        {
            End(result == -Errno.ECONNREFUSED ? LinkEnd.Gone : LinkEnd.NotReached, $"connecting failed: {Errno.Describe(-result)}");
            return;
        }

        HasConnected = true;
        bool isWanted = Peer!.OnReached(this);
        if (!isWanted || Purpose != LinkPurpose.Link)
        {
            End(LinkEnd.Stopped, isWanted ? "somebody listens there" : "the link has spoken again");
            return;
        }

        NativeSocket.Tune(_socket!.Fd, _links.Options.UserTimeout);
        _phase = LinkPhase.Handshake;
        if (!_links.Options.Encrypts && !Peer.WantsTls)
        {
            Greet();
        }
        else if (TryBeginTls())
        {
            Shake();
        }
    }

    private void Greet() => SendSmall(_handshake.Begin(Small), HandshakeStep.GoOn);

    private void SendSmall(int bytes, HandshakeStep then)
    {
        _afterSend = then;
        _smallVectors[2] = new IoVector(_small, (nuint)bytes);
        if (_tls is not null)
        {
            SealSmall();
            return;
        }

        _thread.Send(_socket!, _smallVectors + 2, 1, _send);
    }

    private void OnHandshakeSent(int result)
    {
        if (_tls is not null)
        {
            OnSealedSent(result);
            return;
        }

        IoVector* vector = _smallVectors + 2;
        vector->Address += result;
        vector->LengthBytes -= (nuint)result;
        if (vector->LengthBytes > 0)
        {
            _thread.Send(_socket!, vector, 1, _send);
        }
        else
        {
            Follow(_afterSend);
        }
    }

    private void Follow(HandshakeStep step)
    {
        switch (step)
        {
            case HandshakeStep.GoOn:
                ParseHandshake();
                break;
            case HandshakeStep.Refused:
                End(LinkEnd.Refused, _handshake.Describe());
                break;
            case HandshakeStep.Done:
                BeginLink();
                break;
        }
    }

    /// <summary>Takes one message, if it is here.</summary>
    private void ParseHandshake()
    {
        var arrived = new ReadOnlySpan<byte>(_area + _areaStart, _areaEnd - _areaStart);
        if (CameIn && _tls is null && arrived.Length > 0 && arrived[0] == TlsHandshakeRecord)
        {
            AcceptTls(arrived);
            return;
        }

        int bytes = _handshake.MessageBytes(arrived, Small, out int answerBytes);
        if (bytes == 0)
        {
            Rearm();
            return;
        }

        HandshakeStep step = HandshakeStep.Refused;
        if (bytes > 0)
        {
            step = _handshake.Take(arrived[..bytes], Small, out answerBytes);
            _areaStart += bytes;
            if (CameIn && _tls is null && _links.Options.Encrypts && step != HandshakeStep.Refused)
            {
                step = _handshake.Refuse(HandshakeFault.Unencrypted, Small, out answerBytes);
            }
        }

        if (answerBytes == 0)
        {
            Follow(step);
            return;
        }

        if (step == HandshakeStep.Refused)
        {
            _phase = LinkPhase.Refusing;
        }

        SendSmall(answerBytes, step);
    }

    private void RefuseLate()
    {
        if (_failure is not null)
        {
            End(LinkEnd.NotReached, _failure);
        }
        else if (_phase == LinkPhase.Connecting)
        {
            End(LinkEnd.NotReached, $"no answer for {_links.Options.HandshakeTimeout.TotalMilliseconds:0} ms");
        }
        else if (_phase == LinkPhase.Refusing)
        {
            End(LinkEnd.Refused, _tlsFailure ?? _handshake.Describe());
        }
        else
        {
            // What is on its way out stays as it is.
            Span<byte> answer = stackalloc byte[Replication.Links.Handshake.MaxMessageBytes];
            _ = _handshake.Refuse(HandshakeFault.TimedOut, answer, out int answerBytes);
            if (answerBytes == 0 || _send.IsInFlight || _tls is { IsUp: false })
            {
                End(LinkEnd.Refused, _handshake.Describe());
                return;
            }

            _phase = LinkPhase.Refusing;
            answer[..answerBytes].CopyTo(Small);
            _thread.StartTimer(_timer, _links.Options.HandshakeTimeout);
            SendSmall(answerBytes, HandshakeStep.Refused);
        }
    }

    private void BeginLink()
    {
        LinkPeer? peer = Peer ?? _links.Find(_handshake.Peer!);
        if (peer is null)
        {
            // It was forgotten meanwhile.
            End(LinkEnd.Stopped, "this node does not know the peer any more");
            return;
        }

        _phase = LinkPhase.Up;
        IsAuthenticated = true;
        Peer = peer;
        _lastReceiveNs = _thread.PassTimeNs;
        peer.Counters.SetEncrypted(_tls is not null);
        _links.Authenticated(this);
        StartAliveTimer();
        peer.OnConnected(this);
        Resume();
    }
}
