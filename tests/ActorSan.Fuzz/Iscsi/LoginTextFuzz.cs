using ActorSan.Iscsi;
using ActorSan.Iscsi.Login;
using ActorSan.Iscsi.Pdus;
using ActorSan.Storage;

namespace ActorSan.Fuzz.Iscsi;

/// <summary>
/// Fuzz target: any bytes as the texts of a login, in one request after another. A request is a flags byte (T, C, CSG, NSG as on the wire), a length byte in units of four
/// bytes, and text. Where nothing of it was proved, full feature phase is never reached at a target with CHAP.
/// </summary>
public static class LoginTextFuzz
{
    private const string Prefix = "InitiatorName=iqn.2026-01.fuzz:i\0TargetName=iqn.2026-01.fuzz:";

    /// <summary>Runs one input. Throws where the product is wrong; a refused login is right.</summary>
    public static void Run(ReadOnlySpan<byte> input)
    {
        bool chap = input.Length > 0 && (input[0] & 1) != 0;
        bool named = input.Length > 0 && (input[0] & 2) != 0;
        var negotiation = new LoginNegotiation(new Directory(), 1, count => new byte[count]);
        byte[] text = named ? System.Text.Encoding.ASCII.GetBytes(Prefix + (chap ? "chap\0" : "open\0")) : [];
        int at = 1;
        while (at + 2 <= input.Length)
        {
            byte flags = input[at];
            int length = Math.Min(input[at + 1] * 4, input.Length - at - 2);
            var request = new LoginRequest(
                (flags & 0x80) != 0, (flags & 0x40) != 0, (byte)((flags >> 2) & 3), (byte)(flags & 3), 0, 0, 0x4000_0000_0001, 0, 1, 1, new SerialNumber32(1), default);
            text = [.. text, .. input.Slice(at + 2, length)];
            LoginAnswer answer = negotiation.Accept(request, text);
            Invariant.Check(answer.Text.Length <= LoginNegotiation.MaxSegmentBytes);
            Invariant.Check((answer.Flags & 0xC0) != 0xC0);
            if (answer.Step == LoginStep.Complete)
            {
                Check(negotiation);
            }

            if (answer.Step != LoginStep.Respond)
            {
                return;
            }

            text = [];
            at += 2 + length;
        }
    }

    private static void Check(LoginNegotiation negotiation)
    {
        SessionParameters agreed = negotiation.Parameters;
        Invariant.Check(negotiation.Discovery || negotiation.Target is { Chap: null });
        Invariant.Check(agreed.MaxSendDataSegmentLength is >= 512 and < 1 << 24);
        Invariant.Check(agreed.FirstBurstLength <= agreed.MaxBurstLength && agreed.MaxBurstLength >= 512);
        Invariant.Check(agreed is { MaxConnections: 1, ErrorRecoveryLevel: 0, DataPduInOrder: true, DataSequenceInOrder: true });
    }

    private sealed class Directory : ILoginDirectory
    {
        public ChapSettings? DiscoveryChap => null;

        public SessionSettings DiscoverySession { get; } = new();

        public TargetSettings? FindTarget(string name, ushort portalGroupTag) => name switch
        {
            "iqn.2026-01.fuzz:open" => Make(name, null),
            "iqn.2026-01.fuzz:chap" => Make(name, new ChapSettings { UserName = "u", Secret = "a secret that no fuzzer finds", MutualUserName = "m", MutualSecret = "another secret" }),
            _ => null,
        };

        public SessionParameters? FindSession(string initiatorName, string targetName, ulong isid, ushort tsih) => null;

        private static TargetSettings Make(string name, ChapSettings? chap) => new()
        {
            Name = name,
            Open = true,
            Chap = chap,
            PortalGroups = [new PortalGroupSettings { GroupTag = 1, RelativePortId = 1, PortGroupId = 1 }],
            Luns = new Dictionary<ulong, ActorSan.Scsi.LogicalUnit>(),
        };
    }
}
