using System.Buffers.Binary;
using System.Net;
using System.Text;
using ActorSan.Fuzz.Engine;
using ActorSan.Iscsi;
using ActorSan.Iscsi.Login;
using ActorSan.Iscsi.Pdus;
using ActorSan.Scsi;

namespace ActorSan.Fuzz.Targets;

/// <summary>
/// What the login makes of text. An input is a list of requests: flags (1 byte: T C 0 0 CSG NSG as on the wire), versions (1 byte: max and min in its halves), length of the
/// text (2 bytes, big-endian), text. The login ends after <see cref="LoginNegotiation.MaxRequests"/> at the latest, and no answer is larger than a login PDU may be.
/// </summary>
internal sealed class LoginTarget : FuzzTarget
{
    private const int HeaderBytes = 4;
    private const string Open = "iqn.2026-01.fuzz:open";
    private const string Guarded = "iqn.2026-01.fuzz:guarded";
    private const string Moved = "iqn.2026-01.fuzz:moved";
    private const string Strict = "iqn.2026-01.fuzz:strict";

    private readonly ServerDirectory _directory = MakeDirectory();

    internal override string Name => "login";

    internal override int MaxInputBytes => 48 << 10;

    internal override IEnumerable<byte[]> Seeds()
    {
        const string operational =
            "HeaderDigest=CRC32C,None\0DataDigest=None,CRC32C\0MaxRecvDataSegmentLength=262144\0InitialR2T=No\0ImmediateData=Yes\0MaxBurstLength=1048576\0FirstBurstLength=65536\0" +
            "MaxOutstandingR2T=8\0MaxConnections=1\0DefaultTime2Wait=2\0DefaultTime2Retain=0\0DataPDUInOrder=Yes\0DataSequenceInOrder=Yes\0ErrorRecoveryLevel=0\0IFMarker=No\0OFMarker=No\0";
        foreach (string target in (string[])[Open, Guarded, Moved, Strict, "iqn.2026-01.fuzz:none"])
        {
            string names = $"InitiatorName=iqn.2026-01.fuzz:initiator\0SessionType=Normal\0TargetName={target}\0";
            yield return Requests((0x87, names + operational));
            yield return Requests((0x81, names + "AuthMethod=None\0"), (0x87, operational));
            yield return Requests(
                (0x00, names + "AuthMethod=CHAP,None\0"), (0x00, "CHAP_A=8,7,6,5\0"),
                (0x81, "CHAP_N=user\0CHAP_R=0x00112233445566778899aabbccddeeff\0CHAP_I=3\0CHAP_C=0bAAECAwQFBgcICQoLDA0ODw==\0"), (0x87, operational));
            yield return Requests((0x44, names), (0x44, "HeaderDigest=CR"), (0x87, "C32C\0"), (0x87, ""));
        }

        yield return Requests((0x87, "InitiatorName=iqn.2026-01.fuzz:initiator\0InitiatorAlias=caf\u00e9\0SessionType=Discovery\0X-org.example-key=1\0TaskReporting=RFC3720\0"));
        yield return Requests((0x87, "SessionType=Normal\0"), (0x87, "InitiatorName=iqn.2026-01.fuzz:initiator\0"));
        yield return Requests((0x87, string.Concat(Enumerable.Repeat("A=1\0", 200))));
    }

    internal override void Run(ReadOnlySpan<byte> input, Features features)
    {
        var login = new LoginNegotiation(_directory, 1, count => new byte[count]);
        for (int requests = 0; input.Length >= HeaderBytes; requests++)
        {
            if (requests > LoginNegotiation.MaxRequests)
            {
                throw new FindingException("the login takes more requests than it says");
            }

            byte flags = input[0];
            int bytes = Math.Min(BinaryPrimitives.ReadUInt16BigEndian(input[2..]), input.Length - HeaderBytes);
            var request = new LoginRequest(
                (flags & 0x80) != 0, (flags & 0x40) != 0, (byte)((flags >> 2) & 3), (byte)(flags & 3), (byte)(input[1] >> 4), (byte)(input[1] & 0xF),
                0x8000_0000_0001, 0, 1, 0, new SerialNumber32(1), new SerialNumber32(0));
            LoginAnswer answer = login.Accept(request, input.Slice(HeaderBytes, bytes));
            features.Add(1, (ulong)answer.Step | (ulong)answer.Status << 8 | (ulong)answer.Flags << 24);
            features.Add(2, (ulong)answer.Text.Length & 0xFFF0);
            if (answer.Text.Length > LoginNegotiation.MaxSegmentBytes)
            {
                throw new FindingException($"an answer of {answer.Text.Length} bytes");
            }

            if (answer.Step != LoginStep.Respond)
            {
                if (answer.Step == LoginStep.Complete)
                {
                    features.Add(3, (ulong)login.Parameters.ToString().GetHashCode(StringComparison.Ordinal) & 0xF);
                }

                return;
            }

            input = input[(HeaderBytes + bytes)..];
        }
    }

    internal override void FindParts(ReadOnlySpan<byte> input, List<int> starts)
    {
        for (int at = 0; at + HeaderBytes <= input.Length;)
        {
            starts.Add(at);
            int end = Math.Min(input.Length, at + HeaderBytes + BinaryPrimitives.ReadUInt16BigEndian(input[(at + 2)..]));
            for (int i = at + HeaderBytes; i + 1 < end; i++)
            {
                if (input[i] == 0)
                {
                    starts.Add(i + 1);
                }
            }

            at = end;
        }
    }

    private static byte[] Requests(params (byte Flags, string Text)[] requests)
    {
        var bytes = new List<byte>();
        foreach ((byte flags, string text) in requests)
        {
            byte[] utf8 = Encoding.UTF8.GetBytes(text);
            bytes.AddRange([flags, 0, (byte)(utf8.Length >> 8), (byte)utf8.Length, .. utf8]);
        }

        return [.. bytes];
    }

    private static ServerDirectory MakeDirectory()
    {
        var options = new IscsiServerOptions();
        PortalGroupSettings[] groups = [new PortalGroupSettings { GroupTag = 1, RelativePortId = 1, PortGroupId = 1 }];
        var noUnits = new Dictionary<ulong, LogicalUnit>();
        var chap = new ChapSettings { UserName = "user", Secret = "a-secret-of-some-length", MutualUserName = "target", MutualSecret = "another-secret-entirely" };
        TargetSettings[] targets =
        [
            new() { Name = Open, Open = true, PortalGroups = groups, Luns = noUnits },
            new() { Name = Guarded, Chap = chap, Open = true, PortalGroups = groups, Luns = noUnits },
            new() { Name = Moved, Open = true, PortalGroups = groups, Luns = noUnits, Redirect = new RedirectSettings("192.0.2.1:3260", Permanent: false) },
            new()
            {
                Name = Strict, PortalGroups = groups, Luns = noUnits, Initiators = [new InitiatorAccess { Pattern = "iqn.2026-01.fuzz:*" }],
                Session = new SessionSettings { RequireDigests = true, MaxBurstLength = 4096, FirstBurstLength = 512, MaxRecvDataSegmentLength = 512 },
            },
        ];
        return new ServerDirectory(targets, [new PortalSettings { Address = new IPEndPoint(IPAddress.Loopback, 3260), GroupTag = 1 }], options, (_, _, _, _) => null);
    }
}
