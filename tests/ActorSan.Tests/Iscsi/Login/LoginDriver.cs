using System.Text;
using ActorSan.Iscsi;
using ActorSan.Iscsi.Login;
using ActorSan.Iscsi.Pdus;
using ActorSan.Scsi;
using Xunit;

namespace ActorSan.Tests.Iscsi.Login;

/// <summary>Drives the login's state machine with texts, without a socket. Random bytes are 1, 2, 3, …</summary>
internal sealed class LoginDriver : ILoginDirectory
{
    public const string Initiator = "iqn.2026-01.test:i";
    public const string Target = "iqn.2026-01.test:t";
    public const string Names = $"InitiatorName={Initiator}\0TargetName={Target}\0";

    private readonly LoginNegotiation _negotiation;
    private byte _random = 1;

    public LoginDriver(Func<TargetSettings, TargetSettings>? change = null)
    {
        Settings = (change ?? (target => target))(new TargetSettings
        {
            Name = Target,
            Open = true,
            PortalGroups = [new PortalGroupSettings { GroupTag = 7, RelativePortId = 1, PortGroupId = 1 }],
            Luns = new Dictionary<ulong, LogicalUnit>(),
        });
        _negotiation = new LoginNegotiation(this, 7, count => Enumerable.Range(0, count).Select(_ => _random++).ToArray());
    }

    public TargetSettings Settings { get; }

    public SessionParameters Agreed => _negotiation.Parameters;

    public LoginNegotiation Negotiation => _negotiation;

    public ChapSettings? DiscoveryChap { get; init; }

    public SessionSettings DiscoverySession { get; } = new();

    public ushort Tsih { get; init; }

    public TargetSettings? FindTarget(string name, ushort portalGroupTag) => name == Settings.Name && portalGroupTag == 7 ? Settings : null;

    public SessionParameters? FindSession(string initiatorName, string targetName, ulong isid, ushort tsih) => null;

    /// <summary>One request; <paramref name="next"/> null leaves T clear.</summary>
    public LoginAnswer Say(string text, LoginStage stage = LoginStage.OperationalNegotiation, LoginStage? next = LoginStage.FullFeaturePhase, bool more = false, byte versionMin = 0) =>
        _negotiation.Accept(
            new LoginRequest(next is not null, more, (byte)stage, (byte)(next ?? 0), 0, versionMin, 0x4000_0000_0001, Tsih, 9, 1, new SerialNumber32(1), default),
            Encoding.UTF8.GetBytes(text));

    public LoginAnswer Security(string text, LoginStage? next = null) => Say(text, LoginStage.SecurityNegotiation, next);

    public static string Text(LoginAnswer answer) => Encoding.UTF8.GetString(answer.Text);

    public static string Value(LoginAnswer answer, string key) =>
        Assert.Single(Text(answer).Split('\0'), pair => pair.StartsWith(key + "=", StringComparison.Ordinal))[(key.Length + 1)..];
}
