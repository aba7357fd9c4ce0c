using System.Buffers.Binary;
using System.Diagnostics;
using System.Net.Sockets;
using System.Numerics;

namespace ActorSan.Benchmarks.WholeSystem;

/// <summary>
/// 64 KiB commands at depth 8 over one connection, with or without both digests. The client costs as little as it can: what it writes has one content whose digest is
/// made once, and what it reads is counted, not checked, so that the target's digests are what is measured.
/// </summary>
internal sealed class DigestClient(Side side, bool digests, int seconds, CancellationToken stop)
{
    private const int BlockBytes = 65536;
    private const int Depth = 8;
    private const int RegionBlocks = 2048;

    private readonly byte[] _receive = new byte[1 << 20];
    private readonly byte[] _payload = new byte[BlockBytes + 4];
    private readonly byte[] _command = new byte[52];
    private uint _cmdSn;
    private int _received;
    private int _parsed;
    private bool _attentionDue;

    /// <summary>Commands a second.</summary>
    internal async Task<double> Run(bool write)
    {
        await using var session = new RawSession();
        await session.Login(side.Portal, side.Target, "iqn.2026-01.org.actorsan:digest-client", digests, stop);
        _cmdSn = session.NextCmdSn;
        _received = 0;
        _parsed = 0;
        _attentionDue = true;
        new Random(1).NextBytes(_payload.AsSpan(0, BlockBytes));
        BinaryPrimitives.WriteUInt32LittleEndian(_payload.AsSpan(BlockBytes), Digest(_payload.AsSpan(0, BlockBytes)));
        return await Task.Factory.StartNew(() => Drive(session.Socket, write), stop, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    private double Drive(Socket socket, bool write)
    {
        var random = new Random(2);
        for (int i = 0; i < Depth; i++)
        {
            Send(socket, random.Next(RegionBlocks), write);
        }

        var warmUp = TimeSpan.FromSeconds(1);
        var clock = Stopwatch.StartNew();
        long done = 0;
        bool measuring = false;
        while (true)
        {
            stop.ThrowIfCancellationRequested();
            int finished = Receive(socket);
            done += finished;
            if (!measuring && clock.Elapsed >= warmUp)
            {
                measuring = true;
                done = 0;
                clock.Restart();
            }
            else if (measuring && clock.Elapsed.TotalSeconds >= seconds)
            {
                return done / clock.Elapsed.TotalSeconds;
            }

            for (int i = 0; i < finished; i++)
            {
                Send(socket, random.Next(RegionBlocks), write);
            }
        }
    }

    private void Send(Socket socket, int block, bool write)
    {
        Span<byte> header = _command;
        header.Clear();
        header[0] = 0x01;
        header[1] = (byte)(0x80 | (write ? 0x21 : 0x41));
        if (write)
        {
            header[5] = BlockBytes >> 16;
            BinaryPrimitives.WriteUInt16BigEndian(header[6..], unchecked((ushort)BlockBytes));
        }

        BinaryPrimitives.WriteUInt32BigEndian(header[16..], _cmdSn);
        BinaryPrimitives.WriteUInt32BigEndian(header[20..], BlockBytes);
        BinaryPrimitives.WriteUInt32BigEndian(header[24..], _cmdSn++);
        header[32] = (byte)(write ? 0x8A : 0x88);
        BinaryPrimitives.WriteUInt64BigEndian(header[34..], (ulong)block * (BlockBytes / 512));
        BinaryPrimitives.WriteUInt32BigEndian(header[42..], BlockBytes / 512);
        if (digests)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(header[48..], Digest(header[..48]));
        }

        _ = socket.Send(_command.AsSpan(0, digests ? 52 : 48));
        if (write)
        {
            _ = socket.Send(_payload.AsSpan(0, digests ? BlockBytes + 4 : BlockBytes));
        }
    }

    /// <summary>Takes what has arrived; returns how many commands it finished.</summary>
    private int Receive(Socket socket)
    {
        if (_received == _receive.Length)
        {
            Buffer.BlockCopy(_receive, _parsed, _receive, 0, _received - _parsed);
            _received -= _parsed;
            _parsed = 0;
        }

        int arrived = socket.Receive(_receive.AsSpan(_received));
        if (arrived == 0)
        {
            throw new BenchmarkException("the target closed the connection");
        }

        _received += arrived;
        int finished = 0;
        while (_received - _parsed >= 48)
        {
            ReadOnlySpan<byte> header = _receive.AsSpan(_parsed, 48);
            int data = (header[5] << 16) | BinaryPrimitives.ReadUInt16BigEndian(header[6..]);
            int total = 48 + (digests ? 4 : 0) + ((data + 3) & ~3) + (digests && data > 0 ? 4 : 0);
            if (_received - _parsed < total)
            {
                break;
            }

            int opcode = header[0] & 0x3F;
            bool ends = opcode == 0x21 || (opcode == 0x25 && (header[1] & 1) != 0);
            if (ends && header[3] == 0x02 && _attentionDue)
            {
                // The unit attention of a new nexus: the first command brings it.
                _attentionDue = false;
            }
            else if (ends && header[3] != 0)
            {
                throw new BenchmarkException($"a command ended with SCSI status {header[3]:x2}");
            }

            if (opcode is not (0x21 or 0x25 or 0x20))
            {
                throw new BenchmarkException($"the target sent an unexpected PDU, opcode {opcode:x2}");
            }

            finished += ends ? 1 : 0;
            _parsed += total;
        }

        if (_parsed == _received)
        {
            _parsed = 0;
            _received = 0;
        }

        return finished;
    }

    private static uint Digest(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        while (bytes.Length >= 8)
        {
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
            bytes = bytes[8..];
        }

        foreach (byte value in bytes)
        {
            crc = BitOperations.Crc32C(crc, value);
        }

        return ~crc;
    }
}
