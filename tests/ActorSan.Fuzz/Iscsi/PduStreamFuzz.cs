using System.Net;
using System.Text;
using ActorSan.Iscsi;
using ActorSan.Iscsi.Connections;
using ActorSan.Iscsi.Pdus;
using ActorSan.Scsi;
using ActorSan.Storage;
using ActorSan.Storage.Buffers;

namespace ActorSan.Fuzz.Iscsi;

/// <summary>
/// Fuzz target: any bytes as what an initiator sends. The first byte chooses where they begin (before login; in a normal session, with or without digests; in a discovery
/// session), the second how finely the stream is cut. Afterwards the peer closes, and nothing may be left: no buffer, no connection, no session.
/// </summary>
public static class PduStreamFuzz
{
    private const string Target = "iqn.2026-01.fuzz:target";

    [ThreadStatic]
    private static BufferPool? s_pool;

    /// <summary>Runs one input. Throws (<see cref="InvariantViolationException"/> or anything else) where the product is wrong; a refused input is right.</summary>
    public static void Run(ReadOnlySpan<byte> input)
    {
        if (input.Length < 2)
        {
            return;
        }

        BufferPool pool = s_pool ??= new BufferPool(BufferPool.MaxBufferBytes);
        string? login = (input[0] & 3) switch
        {
            0 => null,
            1 => $"InitiatorName=iqn.2026-01.fuzz:i\0TargetName={Target}\0InitialR2T=No\0MaxBurstLength=4096\0FirstBurstLength=2048\0",
            2 => $"InitiatorName=iqn.2026-01.fuzz:i\0TargetName={Target}\0InitialR2T=No\0HeaderDigest=CRC32C\0DataDigest=CRC32C\0",
            _ => "InitiatorName=iqn.2026-01.fuzz:i\0SessionType=Discovery\0",
        };
        using var thread = new ScriptedIoThread([], 1 + (input[1] * input[1]), pool);
        thread.Enter();
        IscsiServer server = MakeServer(thread);
        Connection connection = server.TryRegister(thread, new PortalSettings { Address = new IPEndPoint(IPAddress.Loopback, 3260), GroupTag = 1 }, "fuzz", out _)!;
        connection.Start(0);
        if (login is not null)
        {
            thread.Append(LoginBytes(login));
            thread.RunUntilIdle();
            Invariant.Check(connection.State == ConnectionState.FullFeature);
        }

        byte[] stream = input[2..].ToArray();
        if ((input[0] & 3) == 2)
        {
            MendHeaderDigests(stream);
        }

        thread.Append(stream);
        thread.RunUntilIdle();
        thread.ClosePeer();
        if (!connection.IsEnding)
        {
            connection.End(SessionEnd.Shutdown, "");
            thread.RunUntilIdle();
        }

        Invariant.Check(connection.State == ConnectionState.Ended);
        Invariant.Check(pool.InUseBytes == 0);
        Invariant.Check(server.ConnectionCount == 0);
        Invariant.Check(server.Sessions.Count == 0);
    }

    private static IscsiServer MakeServer(ScriptedIoThread thread)
    {
        var server = new IscsiServer([thread], new IscsiServerOptions(), new Deaf(), new CommonUnits(new NoSuchUnit(), new ReportLunsUnit()));
        server.SetTarget(new TargetSettings
        {
            Name = Target,
            Open = true,
            PortalGroups = [new PortalGroupSettings { GroupTag = 1, RelativePortId = 1, PortGroupId = 1 }],
            Luns = new Dictionary<ulong, LogicalUnit> { [0] = new EchoUnit(), [1] = new EchoUnit() },
            Session = new SessionSettings { CommandWindow = 16, MaxRecvDataSegmentLength = 128 << 10 },
        }).GetAwaiter().GetResult();
        return server;
    }

    private static byte[] LoginBytes(string text)
    {
        byte[] body = Encoding.UTF8.GetBytes(text);
        byte[] pdu = new byte[48 + ((body.Length + 3) & ~3)];
        pdu[0] = 0x43;
        pdu[1] = 0x87;
        pdu[6] = (byte)(body.Length >> 8);
        pdu[7] = (byte)body.Length;
        pdu[8] = 0x80;
        pdu[27] = 1;
        body.CopyTo(pdu, 48);
        return pdu;
    }

    /// <summary>Random bytes never have a right digest: headers are mended, as far as their lengths lead from one to the next, so that what lies behind them is reached.</summary>
    private static unsafe void MendHeaderDigests(byte[] stream)
    {
        fixed (byte* at = stream)
        {
            int offset = 0;
            while (offset + 52 <= stream.Length)
            {
                int header = 48 + BasicHeader.AhsBytes(at + offset);
                if (offset + header + 4 > stream.Length)
                {
                    return;
                }

                PduDigest.Write(at + offset + header, PduDigest.Append(0, at + offset, header));
                int data = BasicHeader.DataSegmentLength(at + offset);
                offset += header + 4 + (data == 0 ? 0 : data + BasicHeader.Padding(data) + 4);
            }
        }
    }

    private sealed class Deaf : IIscsiEvents
    {
        public void SessionStarted(SessionInfo session)
        {
        }

        public void SessionEnded(SessionInfo session, SessionEnd reason, string detail)
        {
        }

        public void LoginRefused(string initiatorName, string targetName, string peerAddress, LoginRefusal refusal, string detail)
        {
        }

        public void Warning(string peerAddress, string text)
        {
        }
    }
}
