using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace ActorSan.Tests.Shared;

/// <summary>How a command ended: SAM status, sense, data that came in, and the residual count (negative: overflow).</summary>
internal sealed record RawResult(byte Status, byte Response, byte[] Sense, byte[] Data, long Residual)
{
    internal bool IsGood => Status == 0 && Response == 0;

    /// <summary>Sense key, ASC and ASCQ as one number, like 0x052400; 0 without sense. Both sense formats are understood (SPC-4 §4.5).</summary>
    internal int SenseCode => Sense.Length < 8 ? 0
        : (Sense[0] & 0x7F) >= 0x72 ? (Sense[1] & 0xF) << 16 | Sense[2] << 8 | Sense[3]
        : Sense.Length < 14 ? (Sense[2] & 0xF) << 16
        : (Sense[2] & 0xF) << 16 | Sense[12] << 8 | Sense[13];
}

/// <summary>
/// A small initiator that does what no foreign one here can be asked for: data digests, CHAP beyond MD5, malformed PDUs, task attributes, task management. One
/// connection, blocking, one thread. It checks the digests and the order of StatSN, and answers the target's NOP-Ins.
/// </summary>
internal sealed class RawInitiator : IDisposable
{
    private readonly Socket _socket;
    private readonly byte[] _buffer = new byte[512 << 10];
    private int _start;
    private int _end;
    private bool _headerDigest;
    private bool _dataDigest;
    private bool _loggedIn;
    private uint _nextTag = 1;
    private uint _expStatSn;

    private RawInitiator(Socket socket) => _socket = socket;

    internal ushort Tsih { get; set; }

    internal uint CmdSn { get; set; } = 1;

    internal uint MaxCmdSn { get; private set; }

    /// <summary>What login agreed on, as the target told it.</summary>
    internal IReadOnlyDictionary<string, string> Agreed { get; private set; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>The largest data segment that the target takes (its own MaxRecvDataSegmentLength).</summary>
    internal int MaxSendBytes { get; private set; } = 8192;

    /// <summary>A connection that has said nothing yet. Reads that get no answer for <paramref name="patience"/> (30 s) fail.</summary>
    internal static RawInitiator Connect(int port, string address = "127.0.0.1", TimeSpan? patience = null)
    {
        var endPoint = new IPEndPoint(IPAddress.Parse(address), port);
        var socket = new Socket(endPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, ReceiveTimeout = (int)(patience ?? TimeSpan.FromSeconds(30)).TotalMilliseconds };
        socket.Connect(endPoint);
        return new RawInitiator(socket);
    }

    internal static RawInitiator LogIn(int port, RawLoginOptions options, string address = "127.0.0.1")
    {
        RawInitiator initiator = Connect(port, address);
        try
        {
            initiator.LogIn(options);
            return initiator;
        }
        catch
        {
            initiator.Dispose();
            throw;
        }
    }

    internal static RawInitiator LogIn(int port, string target) => LogIn(port, new RawLoginOptions { TargetName = target });

    internal void LogIn(RawLoginOptions options)
    {
        Agreed = RawLogin.Run(this, options);
        _headerDigest = Agreed.GetValueOrDefault("HeaderDigest") == "CRC32C";
        _dataDigest = Agreed.GetValueOrDefault("DataDigest") == "CRC32C";
        MaxSendBytes = int.Parse(Agreed.GetValueOrDefault("MaxRecvDataSegmentLength", "8192"), System.Globalization.CultureInfo.InvariantCulture);
        _loggedIn = true;
    }

    internal uint NextTag() => _nextTag++;

    internal void Send(RawPdu pdu) => SendBytes(pdu.ToWire(_loggedIn && _headerDigest, _loggedIn && _dataDigest));

    internal void SendBytes(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            bytes = bytes[_socket.Send(bytes)..];
        }
    }

    internal void SendLogin(RawPdu pdu)
    {
        pdu.InitiatorTaskTag = 0x1000;
        pdu.SetWord(24, CmdSn);
        pdu.SetWord(28, _expStatSn);
        Send(pdu);
    }

    /// <summary>Puts CmdSN and ExpStatSN into a request and sends it; a request that is not immediate uses its CmdSN up.</summary>
    internal void SendRequest(RawPdu pdu)
    {
        pdu.SetWord(24, CmdSn);
        pdu.SetWord(28, _expStatSn);
        if ((pdu.Header[0] & 0x40) == 0)
        {
            CmdSn++;
        }

        Send(pdu);
    }

    /// <summary>A SCSI command (RFC 7143 §11.3) with the data that goes at once; returns its task tag.</summary>
    internal uint SendCommand(byte[] cdb, ulong lun, uint expectedBytes, bool read, ReadOnlySpan<byte> immediate = default, bool write = false, byte attribute = 1, bool final = true)
    {
        var pdu = new RawPdu(RawPdu.ScsiCommand, flags: (byte)((final ? 0x80 : 0) | (read ? 0x40 : 0) | (write ? 0x20 : 0) | attribute))
        {
            Lun = lun << 48,
            InitiatorTaskTag = NextTag(),
            Data = immediate.ToArray(),
        };
        pdu.SetWord(20, expectedBytes);
        cdb.CopyTo(pdu.Header, 32);
        SendRequest(pdu);
        return pdu.InitiatorTaskTag;
    }

    /// <summary>One command from beginning to end: data goes out immediately as far as it fits, then as the target asks for it.</summary>
    internal RawResult Execute(byte[] cdb, ulong lun = 0, byte[]? dataOut = null, int dataInBytes = 0, byte attribute = 1)
    {
        byte[] outgoing = dataOut ?? [];
        int immediate = Agreed.GetValueOrDefault("ImmediateData") == "No" ? 0 : Math.Min(outgoing.Length, Math.Min(MaxSendBytes, 65536));
        uint tag = SendCommand(cdb, lun, (uint)(outgoing.Length > 0 ? outgoing.Length : dataInBytes), dataInBytes > 0, outgoing.AsSpan(0, immediate), outgoing.Length > 0, attribute);
        return Complete(tag, outgoing, dataInBytes);
    }

    /// <summary>Takes PDUs until the command with that tag has ended.</summary>
    internal RawResult Complete(uint tag, byte[] outgoing, int dataInBytes = 0)
    {
        byte[] incoming = new byte[dataInBytes];
        int arrived = 0;
        while (true)
        {
            RawPdu pdu = Receive();
            if (pdu.InitiatorTaskTag != tag)
            {
                throw new InvalidDataException($"an answer to task {pdu.InitiatorTaskTag:x} (opcode {pdu.Opcode:x2}) came while {tag:x} was awaited");
            }

            switch (pdu.Opcode)
            {
                case RawPdu.ReadyToTransfer:
                    SendSolicited(pdu, outgoing);
                    break;
                case RawPdu.DataIn:
                    pdu.Data.CopyTo(incoming, (int)pdu.Word(40));
                    arrived += pdu.Data.Length;
                    if ((pdu.Flags & 1) != 0)
                    {
                        return new RawResult(pdu.Header[3], 0, [], incoming[..arrived], Residual(pdu));
                    }

                    break;
                case RawPdu.ScsiResponse:
                    byte[] sense = pdu.Data.Length > 2 ? pdu.Data.AsSpan(2, BinaryPrimitives.ReadUInt16BigEndian(pdu.Data)).ToArray() : [];
                    return new RawResult(pdu.Header[3], pdu.Header[2], sense, incoming[..arrived], Residual(pdu));
                default:
                    throw new InvalidDataException($"task {tag:x} was answered with opcode {pdu.Opcode:x2}");
            }
        }
    }

    /// <summary>A task management function (RFC 7143 §11.5), immediate; the response code.</summary>
    internal byte Manage(byte function, ulong lun = 0, uint referencedTag = uint.MaxValue, uint referencedCmdSn = 0)
    {
        var pdu = new RawPdu(RawPdu.TaskManagement, immediate: true, flags: (byte)(0x80 | function)) { Lun = lun << 48, InitiatorTaskTag = NextTag() };
        pdu.SetWord(20, referencedTag);
        pdu.SetWord(32, referencedCmdSn);
        SendRequest(pdu);
        return Await(pdu.InitiatorTaskTag, RawPdu.TaskManagementResponse).Header[2];
    }

    /// <summary>NOP-Out with a ping; what came back.</summary>
    internal byte[] Ping(byte[] data)
    {
        var pdu = new RawPdu(RawPdu.NopOut, immediate: true) { InitiatorTaskTag = NextTag(), Data = data };
        pdu.SetWord(20, uint.MaxValue);
        SendRequest(pdu);
        return Await(pdu.InitiatorTaskTag, RawPdu.NopIn).Data;
    }

    /// <summary>SendTargets=All in a text request: the pairs of the answer, in their order, keys repeating.</summary>
    internal IReadOnlyList<string> SendTargets()
    {
        var pdu = new RawPdu(RawPdu.Text, immediate: true) { InitiatorTaskTag = NextTag(), Data = Encoding.UTF8.GetBytes("SendTargets=All\0") };
        pdu.SetWord(20, uint.MaxValue);
        SendRequest(pdu);
        return Encoding.UTF8.GetString(Await(pdu.InitiatorTaskTag, RawPdu.TextResponse).Data).Split('\0', StringSplitOptions.RemoveEmptyEntries);
    }

    /// <summary>Closes the session in order (reason 0); the response code.</summary>
    internal byte LogOut()
    {
        var pdu = new RawPdu(RawPdu.Logout, immediate: true) { InitiatorTaskTag = NextTag() };
        SendRequest(pdu);
        return Await(pdu.InitiatorTaskTag, RawPdu.LogoutResponse).Header[2];
    }

    /// <summary>The answer of that kind to that task; answers to others on the way are dropped.</summary>
    internal RawPdu Await(uint tag, byte opcode)
    {
        while (true)
        {
            RawPdu pdu = Receive();
            if (pdu.InitiatorTaskTag == tag && pdu.Opcode == opcode)
            {
                return pdu;
            }

            if (pdu.Opcode == RawPdu.Reject)
            {
                throw new InvalidDataException($"the target rejected with reason {pdu.Header[2]:x2}");
            }
        }
    }

    /// <summary>The next PDU; the target's own pings are answered and not shown. <see cref="EndOfStreamException"/> when the target closed the connection.</summary>
    internal RawPdu Receive()
    {
        while (true)
        {
            RawPdu pdu = ReceiveAny();
            if (pdu.Opcode != RawPdu.DataIn || (pdu.Flags & 1) != 0)
            {
                Account(pdu);
            }

            if (pdu.Opcode == RawPdu.NopIn && pdu.InitiatorTaskTag == uint.MaxValue && pdu.Word(20) != uint.MaxValue)
            {
                var pong = new RawPdu(RawPdu.NopOut, immediate: true) { InitiatorTaskTag = uint.MaxValue, Lun = pdu.Lun, Data = pdu.Data };
                pong.SetWord(20, pdu.Word(20));
                SendRequest(pong);
                continue;
            }

            return pdu;
        }
    }

    /// <summary>True when the target has closed the connection, or closes it within the patience of this connection; what it says until then is thrown away.</summary>
    internal bool IsClosedByTarget()
    {
        try
        {
            while (true)
            {
                _ = ReceiveAny();
            }
        }
        catch (EndOfStreamException)
        {
            return true;
        }
        catch (SocketException failure) when (failure.SocketErrorCode is SocketError.ConnectionReset or SocketError.ConnectionAborted or SocketError.Shutdown)
        {
            return true;
        }
        catch (SocketException failure) when (failure.SocketErrorCode is SocketError.TimedOut or SocketError.WouldBlock)
        {
            return false;
        }
    }

    public void Dispose() => _socket.Dispose();

    internal static Dictionary<string, string> Pairs(ReadOnlySpan<byte> text)
    {
        var pairs = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (string pair in Encoding.UTF8.GetString(text).Split('\0', StringSplitOptions.RemoveEmptyEntries))
        {
            int equals = pair.IndexOf('=', StringComparison.Ordinal);
            pairs[pair[..equals]] = pair[(equals + 1)..];
        }

        return pairs;
    }

    private void SendSolicited(RawPdu request, byte[] outgoing)
    {
        int offset = (int)request.Word(40);
        int end = offset + (int)request.Word(44);
        for (uint dataSn = 0; offset < end; dataSn++)
        {
            int bytes = Math.Min(end - offset, MaxSendBytes);
            var pdu = new RawPdu(RawPdu.DataOut, flags: (byte)(offset + bytes == end ? 0x80 : 0))
            {
                Lun = request.Lun,
                InitiatorTaskTag = request.InitiatorTaskTag,
                Data = outgoing.AsSpan(offset, bytes).ToArray(),
            };
            pdu.SetWord(20, request.Word(20));
            pdu.SetWord(28, _expStatSn);
            pdu.SetWord(36, dataSn);
            pdu.SetWord(40, (uint)offset);
            Send(pdu);
            offset += bytes;
        }
    }

    private static long Residual(RawPdu pdu) => (pdu.Flags & 6) switch { 4 => -pdu.Word(44), 2 => pdu.Word(44), _ => 0 };

    private void Account(RawPdu pdu)
    {
        MaxCmdSn = pdu.MaxCmdSn;
        if (pdu.Opcode is RawPdu.ReadyToTransfer || (pdu.Opcode == RawPdu.NopIn && pdu.InitiatorTaskTag == uint.MaxValue))
        {
            return;
        }

        if (_loggedIn && pdu.StatSn != _expStatSn)
        {
            throw new InvalidDataException($"StatSN {pdu.StatSn} came where {_expStatSn} was due (opcode {pdu.Opcode:x2})");
        }

        _expStatSn = pdu.StatSn + 1;
    }

    private RawPdu ReceiveAny()
    {
        byte[] header = Take(RawPdu.HeaderBytes);
        byte[] additional = Take(header[4] * 4);
        if (_loggedIn && _headerDigest)
        {
            CheckDigest(Take(4), [.. header, .. additional], "header");
        }

        int dataBytes = header[5] << 16 | header[6] << 8 | header[7];
        byte[] data = Take((dataBytes + 3) & ~3);
        if (_loggedIn && _dataDigest && dataBytes > 0)
        {
            CheckDigest(Take(4), data, "data");
        }

        return new RawPdu(header, additional, data.Length == dataBytes ? data : data[..dataBytes]);
    }

    private static void CheckDigest(byte[] digest, byte[] bytes, string which)
    {
        if (BinaryPrimitives.ReadUInt32LittleEndian(digest) != RawPdu.Crc32C(bytes))
        {
            throw new InvalidDataException($"the {which} digest is wrong");
        }
    }

    private byte[] Take(int count)
    {
        byte[] bytes = new byte[count];
        int taken = 0;
        while (taken < count)
        {
            if (_start == _end)
            {
                _start = 0;
                _end = _socket.Receive(_buffer);
                if (_end == 0)
                {
                    throw new EndOfStreamException("the target closed the connection");
                }
            }

            int part = Math.Min(count - taken, _end - _start);
            _buffer.AsSpan(_start, part).CopyTo(bytes.AsSpan(taken));
            _start += part;
            taken += part;
        }

        return bytes;
    }
}
