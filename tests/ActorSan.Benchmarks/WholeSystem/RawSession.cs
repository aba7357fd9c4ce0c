using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace ActorSan.Benchmarks.WholeSystem;

/// <summary>The least initiator that can log in (RFC 7143 §6): for what no foreign one can ask here, such as data digests.</summary>
internal sealed class RawSession : IAsyncDisposable
{
    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };

    internal Socket Socket => _socket;

    internal uint NextCmdSn { get; private set; } = 1;

    internal uint ExpStatSn { get; private set; }

    internal async Task Login(string portal, string target, string initiator, bool digests, CancellationToken stop)
    {
        int colon = portal.LastIndexOf(':');
        var address = new IPEndPoint(IPAddress.Parse(portal[..colon]), int.Parse(portal.AsSpan(colon + 1), CultureInfo.InvariantCulture));
        await _socket.ConnectAsync(address, stop);
        string digest = digests ? "CRC32C" : "None";
        string text = $"InitiatorName={initiator}\0SessionType=Normal\0TargetName={target}\0HeaderDigest={digest}\0DataDigest={digest}\0"
            + "MaxRecvDataSegmentLength=262144\0InitialR2T=No\0ImmediateData=Yes\0FirstBurstLength=262144\0MaxBurstLength=262144\0MaxConnections=1\0ErrorRecoveryLevel=0\0";
        byte[] data = Encoding.ASCII.GetBytes(text);
        byte[] request = new byte[48 + ((data.Length + 3) & ~3)];
        request[0] = 0x43;

        // Transit from operational negotiation to full feature phase.
        request[1] = 0x87;
        request[5] = (byte)(data.Length >> 16);
        BinaryPrimitives.WriteUInt16BigEndian(request.AsSpan(6), (ushort)data.Length);
        request[8] = 0x80;
        Random.Shared.NextBytes(request.AsSpan(9, 5));
        BinaryPrimitives.WriteUInt32BigEndian(request.AsSpan(24), NextCmdSn);
        data.CopyTo(request, 48);
        await SendAll(request, stop);
        byte[] header = new byte[48];
        await ReceiveAll(header, stop);
        int length = (header[5] << 16) | BinaryPrimitives.ReadUInt16BigEndian(header.AsSpan(6));
        await ReceiveAll(new byte[(length + 3) & ~3], stop);
        if (header[0] != 0x23 || header[36] != 0 || (header[1] & 0x83) != 0x83)
        {
            throw new BenchmarkException($"the raw login was refused: opcode {header[0]:x2}, status {header[36]:x2}{header[37]:x2}");
        }

        ExpStatSn = BinaryPrimitives.ReadUInt32BigEndian(header.AsSpan(24)) + 1;
    }

    internal async Task SendAll(ReadOnlyMemory<byte> bytes, CancellationToken stop)
    {
        while (!bytes.IsEmpty)
        {
            bytes = bytes[await _socket.SendAsync(bytes, stop)..];
        }
    }

    internal async Task ReceiveAll(Memory<byte> bytes, CancellationToken stop)
    {
        while (!bytes.IsEmpty)
        {
            int received = await _socket.ReceiveAsync(bytes, stop);
            if (received == 0)
            {
                throw new BenchmarkException("the target closed the connection");
            }

            bytes = bytes[received..];
        }
    }

    public ValueTask DisposeAsync()
    {
        _socket.Dispose();
        return ValueTask.CompletedTask;
    }
}

/// <summary>Sessions that only stay logged in.</summary>
internal sealed class IdleSessions : IAsyncDisposable
{
    private readonly List<RawSession> _sessions = [];

    internal static async Task<IdleSessions> Open(string portal, string target, int count, CancellationToken stop)
    {
        var sessions = new IdleSessions();
        for (int i = 0; i < count; i++)
        {
            var session = new RawSession();
            sessions._sessions.Add(session);
            await session.Login(portal, target, string.Create(CultureInfo.InvariantCulture, $"iqn.2026-01.org.actorsan:idle-{i}"), digests: false, stop);
        }

        return sessions;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (RawSession session in _sessions)
        {
            await session.DisposeAsync();
        }
    }
}
