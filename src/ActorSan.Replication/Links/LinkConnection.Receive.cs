using ActorSan.Replication.Core.Frames;
using ActorSan.Replication.Wire;
using ActorSan.Storage;
using ActorSan.Storage.Buffers;
using ActorSan.Storage.Threads;

namespace ActorSan.Replication.Links;

/// <summary>From bytes to frames: the receive area, headers checked before a buffer is taken for what follows, data into its place.</summary>
internal sealed unsafe partial class LinkConnection
{
    /// <summary>The receive area: what arrives is parsed in place. Fifteen writes of 4 KiB fit.</summary>
    public const int AreaBytes = 64 << 10;

    /// <summary>What is missing of the data is received straight into its place from this length on; less comes by the area.</summary>
    private const int DirectBytes = 4096;

    private byte* _area;
    private int _areaStart;
    private int _areaEnd;

    // The frame whose data is being received.
    private bool _inBody;
    private Frame _frame;
    private uint _checksum;
    private uint _crc;
    private int _bodyLeft;
    private LinkChannel? _channel;
    private long _channelUps;
    private LinkReceived? _received;
    private int _directBytes;

    private bool _waitingForSpace;

    /// <summary>The pool has our waiter, whether or not we still wait.</summary>
    private bool _waiterQueued;

    private void OnReceived(int result)
    {
        if (IsEnding)
        {
            CheckEnded();
            return;
        }

        if (result <= 0)
        {
            string how = result < 0 ? $"receiving failed: {Errno.Describe(-result)}" : "the peer closed the connection";
            Lose(_inBody || _areaEnd > _areaStart ? $"{how}, in the middle of a frame" : how);
            return;
        }

        _lastReceiveNs = _thread.PassTimeNs;
        Peer?.Counters.Received(result);
        if (_tls is not null)
        {
            OnSealedReceived(result);
        }
        else
        {
            Take(result);
        }
    }

    // Where Aim has said.
    private void Take(int bytes)
    {
        if (_directBytes > 0)
        {
            int direct = Math.Min(bytes, _directBytes);
            _directBytes = 0;
            BodyArrived(_received!.Address + (_frame.DataBytes - _bodyLeft), direct);
            bytes -= direct;
        }

        _areaEnd += bytes;
        if (_phase == LinkPhase.Handshake)
        {
            ParseHandshake();
        }
        else
        {
            Resume();
        }
    }

    private void Resume()
    {
        while (_phase == LinkPhase.Up && !_waitingForSpace && (_inBody ? ParseBody() : ParseHead()))
        {
        }

        if (_phase == LinkPhase.Up)
        {
            Rearm();
        }
    }

    /// <summary>False: more bytes, or room, are needed first, or it has ended.</summary>
    private bool ParseHead()
    {
        var head = new ReadOnlySpan<byte>(_area + _areaStart, _areaEnd - _areaStart);
        if (head.Length < sizeof(uint))
        {
            return false;
        }

        if (LinkNote.IsNote(head))
        {
            return head.Length >= LinkNote.Bytes && TakeNote(head);
        }

        if (!FrameHeader.MayBegin(head))
        {
            return FailDamaged(FrameFault.NoFrame, default);
        }

        if (head.Length < FrameHeader.Bytes)
        {
            return false;
        }

        if (!FrameHeader.TryRead(head, new FrameLimits(LinkOptions.MaxDataBytes), out Guid volumeId, out Frame frame, out uint checksum, out FrameFault fault))
        {
            return FailDamaged(fault, frame);
        }

        LinkChannel? channel = Peer!.FindUp(volumeId);
        if (frame.DataBytes == 0)
        {
            _areaStart += FrameHeader.Bytes;
            Peer!.Counters.ReceivedFrame();
            channel?.User.OnFrame(channel, frame, null, null);
            return true;
        }

        if (channel is not null)
        {
            if (!_links.TryRent(frame.DataBytes, out IoBuffer buffer))
            {
                WaitForSpace();
                return false;
            }

            _received = _links.TakeReceived(buffer);
        }

        _areaStart += FrameHeader.Bytes;
        _inBody = true;
        _frame = frame;
        _checksum = checksum;
        _crc = 0;
        _bodyLeft = frame.DataBytes;
        _channel = channel;
        _channelUps = channel?.Ups ?? 0;
        return true;
    }

    private bool TakeNote(ReadOnlySpan<byte> head)
    {
        FrameFault fault = LinkNote.TryRead(head, out LinkNote note);
        if (fault != FrameFault.None)
        {
            return FailDamaged(fault, default);
        }

        _areaStart += LinkNote.Bytes;
        if (note.Kind == LinkNoteKind.Alive)
        {
            OnAlive(note);
        }
        else if (note.Kind == LinkNoteKind.Place && !Peer!.OnNote(note))
        {
            End(LinkEnd.Damaged, "the peer tells of more volumes than there can be");
            return false;
        }

        return true;
    }

    /// <summary>Moves what has arrived to its place; at the end compares the checksum and hands the frame on.</summary>
    private bool ParseBody()
    {
        int take = Math.Min(_areaEnd - _areaStart, _bodyLeft);
        byte* from = _area + _areaStart;
        if (_received is not null)
        {
            System.Buffer.MemoryCopy(from, _received.Address + (_frame.DataBytes - _bodyLeft), _bodyLeft, take);
        }

        _areaStart += take;
        BodyArrived(from, take);
        if (_bodyLeft > 0)
        {
            return false;
        }

        _inBody = false;
        if (_crc != _checksum)
        {
            return FailDamaged(FrameFault.DataChecksum, _frame);
        }

        Peer!.Counters.ReceivedFrame();
        LinkReceived? received = _received;
        LinkChannel? channel = _channel;
        _received = null;
        _channel = null;
        if (received is null)
        {
            return true;
        }

        if (channel!.IsUp && channel.Ups == _channelUps)
        {
            channel.User.OnFrame(channel, _frame, received.Address, received);
        }

        received.Release();
        return true;
    }

    private void BodyArrived(byte* at, int lengthBytes)
    {
        _crc = Crc32C.Append(_crc, at, lengthBytes);
        _bodyLeft -= lengthBytes;
    }

    private bool CanReceive => !_receive.IsInFlight && !_waitingForSpace && (_phase is LinkPhase.Handshake or LinkPhase.Up);

    /// <summary>Asks the kernel for more, where there is room.</summary>
    private void Rearm()
    {
        if (_tls is not null)
        {
            OpenSealed();
        }
        else if (CanReceive)
        {
            _thread.Receive(_socket!, _smallVectors, Aim(), _receive);
        }
    }

    /// <summary>Vectors onto where the next bytes belong; returns how many.</summary>
    private int Aim()
    {
        int count = 0;
        if (_inBody && _received is not null && _bodyLeft >= DirectBytes)
        {
            Invariant.Check(_areaStart == _areaEnd);
            _directBytes = _bodyLeft;
            _smallVectors[count++] = new IoVector(_received.Address + (_frame.DataBytes - _bodyLeft), (nuint)_bodyLeft);
        }

        int bytes = _areaEnd - _areaStart;
        if (_areaStart > 0)
        {
            System.Buffer.MemoryCopy(_area + _areaStart, _area, AreaBytes, bytes);
            _areaStart = 0;
            _areaEnd = bytes;
        }

        Invariant.Check(_areaEnd < AreaBytes);
        _smallVectors[count++] = new IoVector(_area + _areaEnd, (nuint)(AreaBytes - _areaEnd));
        return count;
    }

    /// <summary>No buffer is free: nothing is read until one is.</summary>
    private void WaitForSpace()
    {
        _waitingForSpace = true;
        if (!_waiterQueued)
        {
            _waiterQueued = true;
            _thread.Buffers.WaitForSpace(_spaceWaiter);
        }
    }

    private void OnSpace()
    {
        _waiterQueued = false;
        if (IsEnding)
        {
            CheckEnded();
            return;
        }

        _waitingForSpace = false;
        _lastReceiveNs = _thread.PassTimeNs;
        Resume();
    }

    /// <summary>The links' own buffer is back: what waits for room may have it.</summary>
    public void OnSpare()
    {
        if (_waitingForSpace && _phase == LinkPhase.Up)
        {
            _waitingForSpace = false;
            _lastReceiveNs = _thread.PassTimeNs;
            Resume();
        }
    }

    /// <summary>The stream means nothing any more. Always false.</summary>
    private bool FailDamaged(FrameFault fault, in Frame frame)
    {
        End(LinkEnd.Damaged, FrameFaults.Describe(fault, frame));
        return false;
    }

    private void DropBody()
    {
        _inBody = false;
        _channel = null;
        LinkReceived? received = _received;
        _received = null;
        received?.Release();
    }
}
