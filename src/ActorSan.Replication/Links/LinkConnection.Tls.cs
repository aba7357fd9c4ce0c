using ActorSan.Replication.Links.Tls;
using ActorSan.Storage.Threads;

namespace ActorSan.Replication.Links;

/// <summary>An encrypted connection: TLS before the handshake, and everything through it from then on.</summary>
internal sealed unsafe partial class LinkConnection
{
    // The first byte of a ClientHello's record (RFC 8446, §5.1): no handshake of ours begins so.
    private const byte TlsHandshakeRecord = 22;

    private LinkTlsSession? _tls;
    private bool _isOpening;
    private string? _tlsFailure;

    // In the ring, on their way to the kernel.
    private int _sealedBytes;

    /// <summary>It has begun with TLS.</summary>
    public bool IsByTls => _tls is not null;

    /// <summary>How often its TLS has changed its keys.</summary>
    public int Rekeyed => _tls?.Rekeyed ?? 0;

    // False: it has ended, and says why.
    private bool TryBeginTls()
    {
        try
        {
            _tls = _links.Tls.Begin(dials: !CameIn);
            return true;
        }
        catch (IOException failure)
        {
            FailTls(failure.Message);
            return false;
        }
    }

    private void AcceptTls(ReadOnlySpan<byte> arrived)
    {
        if (TryBeginTls())
        {
            _tls!.Arrived(arrived);
            _areaStart = _areaEnd = 0;
            Shake();
        }
    }

    private void Shake()
    {
        bool isOver = _tls!.Shake();
        SendOutgoing();
        if (_tls.Fault is { } fault)
        {
            FailTls(fault);
        }
        else if (!isOver)
        {
            ReceiveSealed();
        }
        else if (CameIn)
        {
            Rearm();
        }
        else
        {
            Greet();
        }
    }

    // This node's log is told in plain words; the peer by an alert, which is to get out first.
    private void FailTls(string why)
    {
        _ = _handshake.Refuse(HandshakeFault.NoTls, stackalloc byte[Replication.Links.Handshake.MaxMessageBytes], out _);
        _tlsFailure = $"{_handshake.Describe()} ({why})";
        if (_send.IsInFlight && _phase == LinkPhase.Handshake)
        {
            _phase = LinkPhase.Refusing;
        }
        else
        {
            End(LinkEnd.Refused, _tlsFailure);
        }
    }

    private void ReceiveSealed()
    {
        if (CanReceive)
        {
            _smallVectors[0] = _tls!.Incoming();
            _thread.Receive(_socket!, _smallVectors, 1, _receive);
        }
    }

    private void OnSealedReceived(int bytes)
    {
        _tls!.Arrived(bytes);
        if (_tls.IsUp)
        {
            Rearm();
        }
        else
        {
            Shake();
        }
    }

    /// <summary>Opens what is here and takes it, as long as that goes on; then asks the kernel for more.</summary>
    private void OpenSealed()
    {
        if (_isOpening)
        {
            return;
        }

        _isOpening = true;
        bool isDry = false;
        while (CanReceive && !isDry)
        {
            if (_phase == LinkPhase.Handshake && _smallVectors[2].LengthBytes > 0)
            {
                // One message after the other: this node's is on its way, and what follows it goes on here.
                break;
            }

            _ = Aim();
            int bytes = _tls!.Open(_smallVectors[0].Address, (int)_smallVectors[0].LengthBytes);
            if (bytes > 0)
            {
                Take(bytes);
            }
            else if (_tls.Fault is { } fault)
            {
                End(IsAuthenticated ? LinkEnd.Damaged : LinkEnd.NotReached, $"TLS: {fault}");
            }
            else
            {
                _directBytes = 0;
                isDry = true;
            }
        }

        _isOpening = false;
        if (isDry)
        {
            ReceiveSealed();
        }
    }

    private void SealSmall()
    {
        IoVector* vector = _smallVectors + 2;
        int taken = _tls!.Seal(vector, 1);
        if (taken == (int)vector->LengthBytes)
        {
            SendOutgoing();
        }
        else
        {
            FailTls(_tls.Fault ?? "a message of the handshake found no room");
        }
    }

    private void SendSealed()
    {
        while (_phase == LinkPhase.Up && MakeBatch())
        {
            int taken = _tls!.Seal(_queue.Vectors, _queue.VectorCount);
            if (taken == 0)
            {
                break;
            }

            // It has been copied: whose it was may have it back.
            _queue.Advance(taken);
        }

        if (_phase == LinkPhase.Up && _tls!.Fault is { } fault)
        {
            End(LinkEnd.Damaged, $"TLS: {fault}");
        }
        else if (_phase == LinkPhase.Up)
        {
            SendOutgoing();
            _sealedBytes = _tls!.OutgoingBytes;
            Peer!.Counters.Queued(QueuedBytes);
        }
    }

    private void SendOutgoing()
    {
        if (!_send.IsInFlight && !IsEnding && _tls!.TryGetOutgoing(out IoVector outgoing))
        {
            _smallVectors[3] = outgoing;
            _thread.Send(_socket!, _smallVectors + 3, 1, _send);
        }
    }

    private void OnSealedSent(int bytes)
    {
        bool wasUp = _tls!.IsUp;
        _tls.Sent(bytes);
        if (_phase == LinkPhase.Up)
        {
            _sealedBytes = _tls.OutgoingBytes;
            Peer!.Counters.Sent(bytes, QueuedBytes);
            SendBatch();
        }
        else if (_tls.TryGetOutgoing(out _))
        {
            SendOutgoing();
        }
        else if (_tlsFailure is { } failure)
        {
            End(LinkEnd.Refused, failure);
        }
        else if (wasUp && _smallVectors[2].LengthBytes > 0)
        {
            _smallVectors[2] = default;
            Follow(_afterSend);
        }
    }
}
