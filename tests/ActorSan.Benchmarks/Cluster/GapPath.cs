using System.Buffers.Binary;
using System.Net.Sockets;
using ActorSan.Benchmarks.WholeSystem;

namespace ActorSan.Benchmarks.Cluster;

/// <summary>What became of a command on one path.</summary>
internal enum PathAnswer
{
    Good,

    /// <summary>The nexus had to hear something first (UNIT ATTENTION): the same command again, here.</summary>
    Attention,

    /// <summary>Not here, or not now: the next path.</summary>
    Elsewhere,
}

/// <summary>One session of a <see cref="GapClient"/>'s writer with one node: commands of one block, one at a time, on the calling thread.</summary>
internal sealed class GapPath(string portal, string target, int lun, string initiator) : IDisposable
{
    internal const int BlockBytes = 4096;
    private const int Sectors = BlockBytes / 512;
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(5);

    private readonly byte[] _header = new byte[48];
    private readonly byte[] _command = new byte[48];
    private RawSession? _session;
    private uint _cmdSn;
    private uint _expStatSn;

    /// <summary>Taken by whoever uses the path.</summary>
    internal Lock Gate { get; } = new();

    internal PathAnswer Write(long block, byte[] data) => Run(0x8A, block, data, null);

    internal PathAnswer Read(long block, byte[] data) => Run(0x88, block, null, data);

    /// <summary>TEST UNIT READY: keeps a path that is not used logged in, and answers its pings. What it says of the unit does not matter.</summary>
    internal void Keep() => _ = Run(0x00, 0, null, null);

    public void Dispose() => Drop();

    private PathAnswer Run(byte operation, long block, byte[]? write, byte[]? read)
    {
        try
        {
            if (_session is null)
            {
                LogIn();
            }

            Send(operation, block, write, read);
            return Receive(read);
        }
        catch (Exception failure) when (failure is SocketException or BenchmarkException or OperationCanceledException)
        {
            Drop();
            return PathAnswer.Elsewhere;
        }
    }

    private void LogIn()
    {
        using var limit = new CancellationTokenSource(s_patience);
        _session = new RawSession();
        _session.Login(portal, target, initiator, digests: false, limit.Token).GetAwaiter().GetResult();
        _session.Socket.ReceiveTimeout = (int)s_patience.TotalMilliseconds;
        _session.Socket.SendTimeout = (int)s_patience.TotalMilliseconds;
        _cmdSn = _session.NextCmdSn;
        _expStatSn = _session.ExpStatSn;
    }

    private void Drop()
    {
        _session?.Socket.Dispose();
        _session = null;
    }

    private void Send(byte operation, long block, byte[]? write, byte[]? read)
    {
        Span<byte> header = _command;
        header.Clear();
        header[0] = 0x01;
        header[1] = (byte)(0x80 | (write is not null ? 0x21 : read is not null ? 0x41 : 0x01));
        if (write is not null)
        {
            BinaryPrimitives.WriteUInt16BigEndian(header[6..], BlockBytes);
        }

        header[9] = (byte)lun;
        BinaryPrimitives.WriteUInt32BigEndian(header[16..], _cmdSn);
        BinaryPrimitives.WriteUInt32BigEndian(header[20..], write is null && read is null ? 0u : BlockBytes);
        BinaryPrimitives.WriteUInt32BigEndian(header[24..], _cmdSn++);
        BinaryPrimitives.WriteUInt32BigEndian(header[28..], _expStatSn);
        header[32] = operation;
        if (operation != 0x00)
        {
            BinaryPrimitives.WriteUInt64BigEndian(header[34..], (ulong)block * Sectors);
            BinaryPrimitives.WriteUInt32BigEndian(header[42..], Sectors);
        }

        SendAll(_command);
        if (write is not null)
        {
            SendAll(write);
        }
    }

    private PathAnswer Receive(byte[]? read)
    {
        while (true)
        {
            ReceiveAll(_header);
            int length = (_header[5] << 16) | BinaryPrimitives.ReadUInt16BigEndian(_header.AsSpan(6));
            byte[] data = length == 0 ? [] : new byte[(length + 3) & ~3];
            ReceiveAll(data);
            switch (_header[0] & 0x3F)
            {
                case 0x20:
                    if (BinaryPrimitives.ReadUInt32BigEndian(_header.AsSpan(20)) != uint.MaxValue)
                    {
                        AnswerPing();
                    }

                    break;
                case 0x25:
                    data.AsSpan(0, length).CopyTo(read.AsSpan(BinaryPrimitives.ReadInt32BigEndian(_header.AsSpan(40))));
                    if ((_header[1] & 0x01) != 0)
                    {
                        return Status(data);
                    }

                    break;
                case 0x21:
                    return Status(data);
                default:
                    // It asks to log out, or rejects: the path is of no more use.
                    throw new BenchmarkException($"opcode {_header[0]:x2} came in the place of an answer");
            }
        }
    }

    private PathAnswer Status(byte[] data)
    {
        _expStatSn = BinaryPrimitives.ReadUInt32BigEndian(_header.AsSpan(24)) + 1;
        if (_header[0] == 0x21 && _header[2] != 0)
        {
            return PathAnswer.Elsewhere;
        }

        if (_header[3] == 0)
        {
            return PathAnswer.Good;
        }

        int key = _header[3] == 0x02 && _header[0] == 0x21 && data.Length > 4 ? ((data[2] & 0x7F) >= 0x72 ? data[3] : data[4]) & 0x0F : 0;
        return key == 0x06 ? PathAnswer.Attention : PathAnswer.Elsewhere;
    }

    // RFC 7143 §11.18: the ping's transfer tag goes back, with LUN; no answer is asked for.
    private void AnswerPing()
    {
        byte[] pong = new byte[48];
        pong[0] = 0x40;
        pong[1] = 0x80;
        _header.AsSpan(8, 8).CopyTo(pong.AsSpan(8));
        BinaryPrimitives.WriteUInt32BigEndian(pong.AsSpan(16), uint.MaxValue);
        _header.AsSpan(20, 4).CopyTo(pong.AsSpan(20));
        BinaryPrimitives.WriteUInt32BigEndian(pong.AsSpan(24), _cmdSn);
        BinaryPrimitives.WriteUInt32BigEndian(pong.AsSpan(28), _expStatSn);
        SendAll(pong);
    }

    private void SendAll(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            bytes = bytes[_session!.Socket.Send(bytes)..];
        }
    }

    private void ReceiveAll(Span<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            int received = _session!.Socket.Receive(bytes);
            if (received == 0)
            {
                throw new BenchmarkException("the target closed the connection");
            }

            bytes = bytes[received..];
        }
    }
}
