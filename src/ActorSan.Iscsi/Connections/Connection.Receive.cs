using ActorSan.Iscsi.Pdus;
using ActorSan.Storage;
using ActorSan.Storage.Buffers;
using ActorSan.Storage.Threads;

namespace ActorSan.Iscsi.Connections;

/// <summary>From bytes to PDUs: the receive area, headers checked before a buffer is taken for a body, bodies into their place.</summary>
internal sealed unsafe partial class Connection
{
    /// <summary>The receive area: what arrives is parsed in place. A queue of 32 writes of 4 KiB fits; pages that nothing was received into cost nothing.</summary>
    public const int AreaBytes = 136 << 10;

    /// <summary>What is missing of a body is received straight into its place from this length on; less comes by the area.</summary>
    private const int DirectBytes = 4096;

    private byte* _area;
    private IoVector* _receiveVectors;
    private int _areaStart;
    private int _areaEnd;

    // The PDU whose body is being received in pieces.
    private byte* _bodyHeader;
    private bool _inBody;
    private byte* _bodyAt;
    private int _bodyStoreLeft;
    private int _bodySkipLeft;
    private int _bodyBytes;
    private uint _bodyCrc;
    private IscsiTask? _bodyTask;
    private IoBuffer _bodyBuffer;
    private int _directBytes;

    /// <summary>Too many answers wait to be sent: no more is read.</summary>
    private bool _paused;

    private PduStages Stage => State switch
    {
        ConnectionState.Login or ConnectionState.Admission => PduStages.Login,
        _ => IsDiscovery ? PduStages.DiscoveryFullFeature : PduStages.NormalFullFeature,
    };

    private int MaxDataBytes => State == ConnectionState.FullFeature ? Parameters.MaxRecvDataSegmentLength : Login.LoginNegotiation.MaxSegmentBytes;

    private bool HeaderDigests => State == ConnectionState.FullFeature && Parameters.HeaderDigest;

    private bool DataDigests => State == ConnectionState.FullFeature && Parameters.DataDigest;

    private void OnReceived(int result)
    {
        if (IsEnding)
        {
            CheckEnded();
            return;
        }

        if (result <= 0)
        {
            bool asked = State == ConnectionState.Closing;
            End(
                asked ? _endReason : SessionEnd.ConnectionLost,
                asked ? _endDetail : result == 0 ? "the initiator closed the connection" : $"receiving failed: {Errno.Describe(-result)}");
            return;
        }

        _lastReceiveNs = Thread.PassTimeNs;
        _nopWaiting = false;
        if (State == ConnectionState.Closing)
        {
            _areaStart = _areaEnd = 0;
            Rearm();
            return;
        }

        if (_directBytes > 0)
        {
            int direct = Math.Min(result, _directBytes);
            StoreArrived(_bodyAt, direct);
            result -= direct;
            _directBytes = 0;
        }

        _areaEnd += result;
        Resume();
    }

    private void Resume()
    {
        if (_waitingForSpace || _paused || IsEnding || State == ConnectionState.Closing)
        {
            Rearm();
            return;
        }

        Parse();
        Rearm();
    }

    /// <summary>Handles every PDU that is wholly here, and begins the body of one that is not.</summary>
    private void Parse()
    {
        while (State is ConnectionState.FullFeature or ConnectionState.Login && !_waitingForSpace)
        {
            if (_queue.Count > MaxQueuedControls + _tasks.Count || _largeBytes > MaxQueuedLargeBytes)
            {
                _paused = true;
                return;
            }

            if (!(_inBody ? ParseBody() : ParseHeader()))
            {
                return;
            }
        }
    }

    /// <summary>False: more bytes, or room, are needed first.</summary>
    private bool ParseHeader()
    {
        byte* header = _area + _areaStart;
        int available = _areaEnd - _areaStart;
        if (available < BasicHeader.LengthBytes)
        {
            return false;
        }

        HeaderFault fault = PduTable.Check(header, Stage, MaxDataBytes, out PduRule rule);
        bool digest = HeaderDigests;
        if (fault is HeaderFault.AhsTooLong or HeaderFault.DataTooLong && !digest)
        {
            return FailFormat($"{BasicHeader.Opcode(header)}: {fault} (AHS {BasicHeader.AhsBytes(header)}, data {BasicHeader.DataSegmentLength(header)} bytes)");
        }

        int bareBytes = BasicHeader.LengthBytes + BasicHeader.AhsBytes(header);
        int headerBytes = bareBytes + (digest ? BasicHeader.DigestBytes : 0);
        if (available < headerBytes)
        {
            return false;
        }

        if (digest && PduDigest.Append(0, header, bareBytes) != PduDigest.Read(header + bareBytes))
        {
            return FailFormat("a header digest is wrong");
        }

        return fault switch
        {
            HeaderFault.None => TakeBody(header, headerBytes, rule),
            HeaderFault.UnknownOpcode when State == ConnectionState.FullFeature => RejectUnknown(header, headerBytes),
            _ => FailFormat($"{BasicHeader.Opcode(header)} in {State}: {fault}"),
        };
    }

    /// <summary>Decides where the body goes. False: it has to wait.</summary>
    private bool TakeBody(byte* header, int headerBytes, in PduRule rule)
    {
        int dataBytes = BasicHeader.DataSegmentLength(header);
        int tailBytes = dataBytes == 0 ? 0 : BasicHeader.Padding(dataBytes) + (DataDigests ? BasicHeader.DigestBytes : 0);
        if (rule.Handler is PduHandler.ScsiCommand or PduHandler.DataOut)
        {
            BodyPlace place = rule.Handler == PduHandler.ScsiCommand ? BeginCommand(header, dataBytes) : BeginDataOut(header, dataBytes);
            if (place.Wait || IsEnding)
            {
                return false;
            }

            if (dataBytes == 0)
            {
                _areaStart += headerBytes;
                FinishData(header, place.Task);
                return !IsEnding;
            }

            BeginBody(header, headerBytes, dataBytes, place);
            return true;
        }

        int whole = headerBytes + dataBytes + tailBytes;
        if (whole <= AreaBytes)
        {
            if (_areaEnd - _areaStart < whole)
            {
                return false;
            }

            byte* data = header + headerBytes;
            _areaStart += whole;
            if (dataBytes > 0 && DataDigests && PduDigest.Append(0, data, whole - headerBytes - BasicHeader.DigestBytes) != PduDigest.Read(header + whole - BasicHeader.DigestBytes))
            {
                RejectDataDigest(header);
                return !IsEnding;
            }

            HandleRequest(header, rule, new ReadOnlySpan<byte>(data, dataBytes));
            return !IsEnding;
        }

        // Only pings and texts come here: of one longer than the longest buffer the end is thrown away, for no answer is that long.
        int keepBytes = Math.Min(dataBytes, BufferPool.MaxBufferBytes);
        if (!Thread.Buffers.TryRent(keepBytes, BufferOwner.Connection, out IoBuffer buffer))
        {
            WaitForSpace();
            return false;
        }

        _bodyBuffer = buffer;
        BeginBody(header, headerBytes, dataBytes, new BodyPlace(buffer.Address, keepBytes, null));
        return true;
    }

    private void BeginBody(byte* header, int headerBytes, int dataBytes, in BodyPlace place)
    {
        System.Buffer.MemoryCopy(header, _bodyHeader, BasicHeader.LengthBytes + PduTable.MaxCommandAhsBytes, BasicHeader.LengthBytes + BasicHeader.AhsBytes(header));
        _areaStart += headerBytes;
        _inBody = true;
        _bodyAt = place.Address;
        _bodyBytes = dataBytes;
        _bodyStoreLeft = place.KeepBytes;
        _bodySkipLeft = dataBytes - place.KeepBytes;
        _bodyTask = place.Task;
        _bodyCrc = 0;
    }

    /// <summary>Moves what has arrived to its place; at the end checks padding and digest and hands the PDU on.</summary>
    private bool ParseBody()
    {
        int available = _areaEnd - _areaStart;
        if (_bodyStoreLeft > 0)
        {
            int take = Math.Min(available, _bodyStoreLeft);
            System.Buffer.MemoryCopy(_area + _areaStart, _bodyAt, _bodyStoreLeft, take);
            _areaStart += take;
            StoreArrived(_bodyAt, take);
            available -= take;
        }

        if (_bodyStoreLeft == 0 && _bodySkipLeft > 0)
        {
            int take = Math.Min(available, _bodySkipLeft);
            AppendBodyCrc(_area + _areaStart, take);
            _areaStart += take;
            _bodySkipLeft -= take;
            available -= take;
        }

        bool digest = DataDigests;
        int padding = BasicHeader.Padding(_bodyBytes);
        int tail = padding + (digest ? BasicHeader.DigestBytes : 0);
        if (_bodyStoreLeft + _bodySkipLeft > 0 || available < tail)
        {
            return false;
        }

        AppendBodyCrc(_area + _areaStart, padding);
        bool damaged = digest && PduDigest.Read(_area + _areaStart + padding) != _bodyCrc;
        _areaStart += tail;
        EndBody(damaged);
        return !IsEnding;
    }

    private void EndBody(bool damaged)
    {
        _inBody = false;
        IscsiTask? task = _bodyTask;
        IoBuffer buffer = _bodyBuffer;
        _bodyTask = null;
        _bodyBuffer = default;
        if (buffer.IsEmpty)
        {
            if (damaged)
            {
                DataDamaged(_bodyHeader, task);
            }
            else
            {
                FinishData(_bodyHeader, task);
            }

            return;
        }

        if (damaged)
        {
            RejectDataDigest(_bodyHeader);
        }
        else
        {
            HandleRequest(_bodyHeader, PduTable.RuleOf(BasicHeader.Opcode(_bodyHeader)), new ReadOnlySpan<byte>(buffer.Address, Math.Min(_bodyBytes, BufferPool.MaxBufferBytes)));
        }

        Thread.Buffers.Return(buffer);
    }

    private void StoreArrived(byte* at, int lengthBytes)
    {
        AppendBodyCrc(at, lengthBytes);
        _bodyAt += lengthBytes;
        _bodyStoreLeft -= lengthBytes;
    }

    private void AppendBodyCrc(byte* data, int lengthBytes)
    {
        if (DataDigests)
        {
            _bodyCrc = PduDigest.Append(_bodyCrc, data, lengthBytes);
        }
    }

    /// <summary>Asks the kernel for more, where there is room.</summary>
    private void Rearm()
    {
        if (_receive.IsInFlight || IsEnding || _waitingForSpace || _paused || State == ConnectionState.Admission)
        {
            return;
        }

        int count = 0;
        if (_inBody && _bodyStoreLeft >= DirectBytes)
        {
            Invariant.Check(_areaStart == _areaEnd);
            _directBytes = _bodyStoreLeft;
            _receiveVectors[count++] = new IoVector(_bodyAt, (nuint)_bodyStoreLeft);
        }

        CompactArea();
        _receiveVectors[count++] = new IoVector(_area + _areaEnd, (nuint)(AreaBytes - _areaEnd));
        Thread.Receive(_socket!, _receiveVectors, count, _receive);
    }

    private void CompactArea()
    {
        int bytes = _areaEnd - _areaStart;
        if (bytes == 0)
        {
            _areaStart = _areaEnd = 0;
        }
        else if (_areaStart > 0)
        {
            System.Buffer.MemoryCopy(_area + _areaStart, _area, AreaBytes, bytes);
            _areaStart = 0;
            _areaEnd = bytes;
        }

        Invariant.Check(_areaEnd < AreaBytes);
    }

    /// <summary>No buffer is free: nothing is read until one is.</summary>
    private void WaitForSpace()
    {
        if (!_waitingForSpace)
        {
            _waitingForSpace = true;
            Thread.StartTimer(_spaceTimer, _server.BufferPatience);
        }

        if (!_waiterQueued)
        {
            _waiterQueued = true;
            Thread.Buffers.WaitForSpace(_spaceWaiter);
        }
    }

    private void OnSpace()
    {
        _waiterQueued = false;
        if (IsEnding)
        {
            CheckEnded();
        }
        else if (_waitingForSpace)
        {
            StopWaiting();
        }

        // One return wakes one waiter: who did not need the room, or not all of it, wakes the next.
        if (!_waiterQueued && Thread.Buffers.TryRent(1, BufferOwner.Connection, out IoBuffer buffer))
        {
            Thread.Buffers.Return(buffer);
        }
    }

    /// <summary>Buffers are held by commands that hang. The stream must go on: an abort may be what stands behind this command.</summary>
    private void OnPatienceEnded()
    {
        if (_waitingForSpace && !IsEnding)
        {
            _outOfPatience = true;
            StopWaiting();
        }
    }

    private void StopWaiting()
    {
        _waitingForSpace = false;
        Thread.StopTimer(_spaceTimer);
        Resume();
    }

    /// <summary>A format error: the stream cannot be trusted any more (RFC 7143 §7.7). Always false.</summary>
    private bool FailFormat(string detail)
    {
        End(SessionEnd.ProtocolError, detail);
        return false;
    }

    private bool RejectUnknown(byte* header, int headerBytes)
    {
        int dataBytes = BasicHeader.DataSegmentLength(header);
        Reject(header, RejectReason.CommandNotSupported, $"opcode {header[0] & 0x3F:x2}h");
        if (dataBytes == 0)
        {
            _areaStart += headerBytes;
            return true;
        }

        BeginBody(header, headerBytes, dataBytes, new BodyPlace(null, 0, null));
        return true;
    }

    /// <summary>A damaged request without a task: answered, and as its number is not used up the session cannot go on (ErrorRecoveryLevel 0).</summary>
    private void RejectDataDigest(byte* header)
    {
        Reject(header, RejectReason.DataDigestError, "the data digest is wrong");
        CloseAfterSending(SessionEnd.ProtocolError, "a data digest is wrong");
    }

    /// <summary>Where the data of a command or a Data-Out goes: the first bytes are kept, the rest is thrown away.</summary>
    private readonly ref struct BodyPlace(byte* address, int keepBytes, IscsiTask? task)
    {
        public byte* Address { get; } = address;

        public int KeepBytes { get; } = keepBytes;

        public IscsiTask? Task { get; } = task;

        /// <summary>No buffer is free: nothing was taken, ask again later.</summary>
        public bool Wait { get; init; }
    }
}
