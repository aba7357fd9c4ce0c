using System.Buffers.Binary;
using System.Net;
using System.Text;
using ActorSan.Fuzz.Engine;
using ActorSan.Iscsi;
using ActorSan.Iscsi.Connections;
using ActorSan.Scsi;
using ActorSan.Tests.Shared;

namespace ActorSan.Fuzz.Targets;

/// <summary>
/// What a connection makes of a stream of PDUs. Byte 0 chooses what login agrees on (see <see cref="Mode"/>), byte 1 the pieces in which the stream arrives; the rest
/// follows a login that is always the same, on a server with one unit, and then the peer closes. Whatever came: the connection and its session end, and every buffer is back.
/// </summary>
internal sealed class PduTarget : FuzzTarget, IIscsiEvents
{
    private const string TargetName = "iqn.2026-01.fuzz:target";
    private const int MaxPasses = 100_000;

    private readonly SimulatedThread _thread = new();
    private readonly PortalSettings _portal = new() { Address = new IPEndPoint(IPAddress.Loopback, 3260), GroupTag = 1 };
    private readonly byte[][] _logins = [.. Enumerable.Range(0, 16).Select(mode => LoginBytes((Mode)mode))];
    private readonly byte[] _stream = new byte[64 << 10];
    private Features _features = new();

    [Flags]
    private enum Mode : byte
    {
        None = 0,
        Digests = 1,
        InitialR2T = 2,
        NoImmediateData = 4,

        /// <summary>The stream is the login: nothing goes before it.</summary>
        NoLogin = 8,
    }

    internal override string Name => "pdu";

    internal override int MaxInputBytes => 32 << 10;

    internal override IEnumerable<byte[]> Seeds()
    {
        RawPdu read = Command(0x28, 0x40, 4096, [0x28, 0, 0, 0, 0, 0, 0, 0, 8, 0]);
        RawPdu write = Command(0x2A, 0x20, 4096, [0x2A, 0, 0, 0, 0, 8, 0, 0, 8, 0], 4096);
        RawPdu writeLater = Command(0x2A, 0x20, 8192, [0x2A, 0, 0, 0, 0, 8, 0, 0, 16, 0]);
        var unsolicited = new RawPdu(RawPdu.DataOut) { InitiatorTaskTag = 0x2A, Data = new byte[8192] };
        unsolicited.SetWord(20, uint.MaxValue);
        RawPdu unsolicitedWrite = Command(0x2A, 0x20, 8192, [0x2A, 0, 0, 0, 0, 8, 0, 0, 16, 0]);
        unsolicitedWrite.Flags &= 0x7F;
        var ping = new RawPdu(RawPdu.NopOut, immediate: true) { InitiatorTaskTag = 9, Data = Encoding.ASCII.GetBytes("are you there?") };
        ping.SetWord(20, uint.MaxValue);
        var text = new RawPdu(RawPdu.Text, immediate: true) { InitiatorTaskTag = 10, Data = Encoding.ASCII.GetBytes("SendTargets=All\0") };
        text.SetWord(20, uint.MaxValue);
        var logout = new RawPdu(RawPdu.Logout, immediate: true) { InitiatorTaskTag = 11 };
        IEnumerable<RawPdu> functions = Enumerable.Range(1, 8).Select(function => new RawPdu(RawPdu.TaskManagement, immediate: true, flags: (byte)(0x80 | function)) { InitiatorTaskTag = 12 });
        RawPdu withHeader = Command(0x7F, 0x40, 512, [0x7F, 0, 0, 0, 0, 0, 0, 0x18, 0, 9]);
        withHeader.Additional = [0, 17, 1, 0, .. new byte[16]];
        RawPdu inquiry = Command(0x12, 0x40, 255, [0x12, 1, 0, 0, 255, 0]);
        RawPdu[][] streams =
        [
            [read], [write], [writeLater, unsolicited], [unsolicitedWrite, unsolicited], [ping], [text], [logout], [.. functions], [withHeader], [inquiry],
            [read, write, ping, read, new RawPdu(RawPdu.TaskManagement, immediate: true, flags: 0x82) { InitiatorTaskTag = 13 }, inquiry, logout],
        ];
        foreach (RawPdu[] stream in streams)
        {
            foreach (Mode mode in (Mode[])[Mode.None, Mode.Digests, Mode.InitialR2T, Mode.NoImmediateData])
            {
                bool digests = mode.HasFlag(Mode.Digests);
                byte[] seed = [(byte)mode, 0, .. stream.SelectMany(pdu => pdu.ToWire(digests, digests))];
                Repair(seed, new Random(1));
                yield return seed;
            }
        }

        yield return [(byte)Mode.NoLogin, 0, .. LoginBytes(Mode.None)];
        yield return [(byte)Mode.NoLogin, 7, .. LoginBytes(Mode.Digests)];
    }

    internal override void Run(ReadOnlySpan<byte> input, Features features)
    {
        if (input.Length < 2)
        {
            return;
        }

        _features = features;
        using var volume = new MemoryVolume(_thread);
        var unit = new BlockDevice(volume, new LogicalUnitSettings { MaxTasks = 64 });
        unit.Open();
        var server = new IscsiServer([_thread], new IscsiServerOptions(), this, new CommonUnits(new NoSuchUnit(), new ReportLunsUnit())) { RandomBytes = count => new byte[count] };
        _ = server.SetTarget(new TargetSettings
        {
            Name = TargetName,
            Open = true,
            PortalGroups = [new PortalGroupSettings { GroupTag = 1, RelativePortId = 1, PortGroupId = 1 }],
            Luns = new Dictionary<ulong, LogicalUnit> { [0] = unit },
        });
        var mode = (Mode)(input[0] & 0xF);
        byte[] login = mode.HasFlag(Mode.NoLogin) ? [] : _logins[(int)mode & 7];
        login.CopyTo(_stream, 0);
        input[2..].CopyTo(_stream.AsSpan(login.Length));
        var socket = new SimulatedSocket { Input = _stream, InputBytes = login.Length + input.Length - 2, PieceBytes = input[1] == 0 ? int.MaxValue : input[1] * 13 };
        _thread.NextSocket = socket;
        Connection connection = server.TryRegister(_thread, _portal, "fuzz", out _) ?? throw new FindingException("a first connection was refused");
        connection.Start(0);
        RunToTheEnd(server);
        Observe(socket, mode);
        unit.Close();
        if (_thread.Buffers.InUseBytes != 0)
        {
            throw new FindingException($"{_thread.Buffers.InUseBytes} bytes of buffers were not given back");
        }
    }

    internal override void FindParts(ReadOnlySpan<byte> input, List<int> starts)
    {
        bool digests = input.Length > 0 && (input[0] & 1) != 0;
        for (int at = 2; at < input.Length; at += WireBytes(input[at..], digests))
        {
            starts.Add(at);
            if (input.Length - at < RawPdu.HeaderBytes)
            {
                return;
            }
        }
    }

    /// <summary>CmdSN in sequence and, with digests, right digests.</summary>
    internal override void Repair(Span<byte> input, Random random)
    {
        if (input.Length < 2)
        {
            return;
        }

        bool digests = (input[0] & 1) != 0;
        uint number = 1;
        for (int at = 2; input.Length - at >= RawPdu.HeaderBytes;)
        {
            Span<byte> pdu = input[at..];
            int bytes = WireBytes(pdu, digests);
            BinaryPrimitives.WriteUInt32BigEndian(pdu[24..], number);
            if ((pdu[0] & 0x40) == 0 && (pdu[0] & 0x3F) is RawPdu.ScsiCommand or RawPdu.NopOut or RawPdu.Text or RawPdu.TaskManagement or RawPdu.Logout)
            {
                number++;
            }

            if (digests && bytes <= pdu.Length)
            {
                int header = RawPdu.HeaderBytes + pdu[4] * 4;
                BinaryPrimitives.WriteUInt32LittleEndian(pdu[header..], RawPdu.Crc32C(pdu[..header]));
                if (bytes > header + 4)
                {
                    BinaryPrimitives.WriteUInt32LittleEndian(pdu[(bytes - 4)..], RawPdu.Crc32C(pdu[(header + 4)..(bytes - 4)]));
                }
            }

            at += bytes;
        }
    }

    public void SessionStarted(SessionInfo session)
    {
    }

    public void SessionEnded(SessionInfo session, SessionEnd reason, string detail) => _features.Add(1, (ulong)reason);

    public void LoginRefused(string initiatorName, string targetName, string peerAddress, LoginRefusal refusal, string detail) => _features.Add(2, (ulong)refusal);

    public void Warning(string peerAddress, string text) => _features.Add(3, (ulong)text.Length & 0x3F);

    private static int WireBytes(ReadOnlySpan<byte> pdu, bool digests)
    {
        if (pdu.Length < 8)
        {
            return RawPdu.HeaderBytes;
        }

        int data = pdu[5] << 16 | pdu[6] << 8 | pdu[7];
        return RawPdu.HeaderBytes + pdu[4] * 4 + ((data + 3) & ~3) + (digests ? 4 + (data > 0 ? 4 : 0) : 0);
    }

    private static RawPdu Command(uint tag, byte direction, uint expected, byte[] cdb, int immediate = 0)
    {
        var pdu = new RawPdu(RawPdu.ScsiCommand, flags: (byte)(0x81 | direction)) { InitiatorTaskTag = tag, Data = new byte[immediate] };
        pdu.SetWord(20, expected);
        cdb.CopyTo(pdu.Header, 32);
        return pdu;
    }

    private static byte[] LoginBytes(Mode mode)
    {
        string digest = mode.HasFlag(Mode.Digests) ? "CRC32C" : "None";
        var pdu = new RawPdu(RawPdu.Login, immediate: true, flags: 0x87)
        {
            Data = Encoding.ASCII.GetBytes(
                $"InitiatorName=iqn.2026-01.fuzz:initiator\0SessionType=Normal\0TargetName={TargetName}\0HeaderDigest={digest}\0DataDigest={digest}\0" +
                $"InitialR2T={(mode.HasFlag(Mode.InitialR2T) ? "Yes" : "No")}\0ImmediateData={(mode.HasFlag(Mode.NoImmediateData) ? "No" : "Yes")}\0MaxRecvDataSegmentLength=8192\0"),
            Lun = 0x8000_0000_0001UL << 16,
            InitiatorTaskTag = 1,
        };
        pdu.SetWord(24, 1);
        return pdu.ToWire(false, false);
    }

    private void RunToTheEnd(IscsiServer server)
    {
        for (int timers = 0; ; timers++)
        {
            if (!_thread.RunToIdle(MaxPasses))
            {
                throw new FindingException($"{MaxPasses} passes did not bring the stream to an end");
            }

            if (server.ConnectionCount == 0 && server.Sessions.Count == 0)
            {
                return;
            }

            if (timers > 1000 || !_thread.FireNextTimer())
            {
                throw new FindingException($"the peer is gone, and {server.ConnectionCount} connections and {server.Sessions.Count} sessions are left");
            }
        }
    }

    private void Observe(SimulatedSocket socket, Mode mode)
    {
        ReadOnlySpan<byte> output = socket.Output.AsSpan(0, socket.OutputBytes);
        bool loggedIn = false;
        while (output.Length >= RawPdu.HeaderBytes)
        {
            byte opcode = (byte)(output[0] & 0x3F);
            int data = output[5] << 16 | output[6] << 8 | output[7];
            ulong seen = opcode;
            switch (opcode)
            {
                case RawPdu.Reject or RawPdu.TaskManagementResponse or RawPdu.LogoutResponse:
                    seen |= (ulong)output[2] << 8;
                    break;
                case RawPdu.LoginResponse:
                    seen |= (ulong)output[36] << 8 | (ulong)output[37] << 16;
                    break;
                case RawPdu.ScsiResponse:
                    seen |= (ulong)output[2] << 8 | (ulong)output[3] << 16 | (ulong)(output[1] & 6) << 48;
                    if (data >= 16 && output.Length >= RawPdu.HeaderBytes + 16)
                    {
                        ReadOnlySpan<byte> sense = output[(RawPdu.HeaderBytes + 2)..];
                        seen |= (ulong)(sense[2] & 0xF) << 24 | (ulong)sense[12] << 32 | (ulong)sense[13] << 40;
                    }

                    break;
                default:
                    break;
            }

            _features.Add(4, seen);
            int bytes = WireBytes(output, loggedIn && mode.HasFlag(Mode.Digests));
            loggedIn |= (output[0] & 0x3F) == RawPdu.LoginResponse && (output[1] & 0x83) == 0x83;
            if (bytes >= output.Length || (loggedIn && mode.HasFlag(Mode.NoLogin)))
            {
                // A login that the stream made itself may have agreed on anything.
                return;
            }

            output = output[bytes..];
        }
    }
}
