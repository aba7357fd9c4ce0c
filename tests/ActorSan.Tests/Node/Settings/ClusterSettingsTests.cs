using System.Net;
using ActorSan.Cluster.Settings;
using ActorSan.Node.Hocon;
using ActorSan.Node.Settings;
using ActorSan.Replication.Core.Control;
using ActorSan.Replication.Core.Leases;
using ActorSan.Replication.Core.Primaries;
using ActorSan.Replication.Links;
using Xunit;

namespace ActorSan.Tests.Node.Settings;

public sealed class ClusterSettingsTests
{
    private const string Minimal = """
        actorsan {
          cluster { address = "127.0.0.1:7310", seeds = ["127.0.0.1:7310"] }
          links.address = "127.0.0.1:7320"
        }
        """;

    private static readonly HostFacts Host = new("atlas", [0], "/tmp");

    [Fact]
    public void WithoutAnAddressANodeIsAlone()
    {
        NodeSettings settings = Read("").Settings;
        Assert.Null(settings.Cluster);
        Assert.Null(settings.Links);
        Assert.Equal(new ManagementSettings { Enabled = true, Address = new IPEndPoint(IPAddress.Loopback, 9110), Token = null, Tls = null }, settings.Management);
    }

    [Fact]
    public void DefaultsAreThoseOfTheCores()
    {
        NodeSettings settings = Read(Minimal).Settings;
        ClusterSettings cluster = settings.Cluster!;
        Assert.Equal((new IPEndPoint(IPAddress.Loopback, 7310), (HostPort?)null, NodeRole.Storage), (cluster.Address, cluster.Advertised, cluster.Role));
        Assert.Equal([new HostPort("127.0.0.1", 7310)], cluster.Seeds);
        Assert.Empty(cluster.Founders);
        Assert.Equal(new ReplicaStoreSettings { Directory = "/tmp/volumes", Direct = true, WriteCache = true, Thick = false }, cluster.Stores);
        Assert.Equal(TimeSpan.FromSeconds(20), cluster.StableAfter);
        Assert.Null(cluster.Tls);
        Assert.Null(cluster.Fencing);
        Assert.Equal(new ControlOptions(), cluster.ToDecisions());
        Assert.Equal(new LeaseSettings(), cluster.ToLeases());
        Assert.Equal(new PrimaryOptions(), cluster.ToPrimaries());
        byte[] key = new byte[32];
        var id = Guid.NewGuid();
        Assert.Equal(new LinkOptions { Node = "atlas", ClusterId = id, Key = key }, settings.Links!.OptionsOf("atlas", id, key));
    }

    [Fact]
    public void EveryKindOfValueIsRead()
    {
        using var directory = new TemporaryDirectory();
        string secret = directory.Write("node.key", "a private key");
        string token = directory.Write("token", "0123456789abcdef\n");
        NodeSettings settings = Read($$"""
            actorsan {
              node.name = hera
              cluster {
                address = "0.0.0.0:7000", advertised = "hera.example:7001", role = witness, seeds = ["atlas.example:7310", "[2001:db8::1]:7310"], founders = [zeus, atlas, hera]
                stores { directory = /no/such/place, direct = off, write-cache = off, thick = on }
                lease = 3 s, lease-renew = 500 ms, lease-drift = 0.05, longest-lease = 2 minutes, stable-after = 10 s, ack-timeout = 3 s, resync { min-rate = 1 MiB, max-rate = 2 MiB }
                fencing { command = [/bin/echo, "{node}", "a b"], timeout = 1 minute }
                tls { certificate-file = "{{secret}}", key-file = "{{secret}}", ca-file = "{{secret}}" }
              }
              links {
                address = ["[::]:7001", "10.0.0.1:7003"], advertised = ["192.0.2.1:7002", "192.0.2.2:7002"], path-check = 2 s, encryption = on, send-buffer = 1 MiB, handshake-timeout = 1 s, keep-alive = 50 ms, silence = 100 ms, user-timeout = 5 s
                first-wait = 10 ms, longest-wait = 20 ms, max-unauthenticated = 3
              }
            }
            petabridge.cmd { enabled = off, host = "::1", port = 0, token-file = "{{token}}", tls { certificate-file = "{{secret}}", key-file = "{{secret}}" } }
            """).Settings;
        ClusterSettings cluster = settings.Cluster!;
        Assert.Equal((new IPEndPoint(IPAddress.Any, 7000), new HostPort("hera.example", 7001), NodeRole.Witness), (cluster.Address, cluster.Advertised!.Value, cluster.Role));
        Assert.Equal(["atlas.example:7310", "[2001:db8::1]:7310"], cluster.Seeds.Select(seed => seed.ToString()).ToArray());
        Assert.Equal(["atlas", "hera", "zeus"], cluster.Founders);
        Assert.Equal(new ReplicaStoreSettings { Directory = "/no/such/place", Direct = false, WriteCache = false, Thick = true }, cluster.Stores);
        Assert.Equal(new LeaseSettings { LeaseNs = 3_000_000_000, RenewNs = 500_000_000, Drift = 0.05, LongestLeaseNs = 120_000_000_000 }, cluster.ToLeases());
        Assert.Equal(new PrimaryOptions { AckTimeoutNs = 3_000_000_000, ResyncMinRate = 1 << 20, ResyncMaxRate = 2 << 20 }, cluster.ToPrimaries());
        Assert.Equal((TimeSpan.FromSeconds(10), new ClusterTlsFiles(secret, secret, secret)), (cluster.StableAfter, cluster.Tls));
        Assert.Equal(["/bin/echo", "{node}", "a b"], cluster.Fencing!.Command);
        Assert.Equal((TimeSpan.FromMinutes(1), 65_000_000_000), (cluster.Fencing.Timeout, cluster.ToDecisions().FenceTimeoutNs));
        LinkSettings links = settings.Links!;
        Assert.Equal([new IPEndPoint(IPAddress.IPv6Any, 7001), IPEndPoint.Parse("10.0.0.1:7003")], links.Addresses);
        Assert.Equal("192.0.2.1:7002, 192.0.2.2:7002", links.Told(links.Addresses));
        Assert.Equal([IPEndPoint.Parse("192.0.2.1:7002"), IPEndPoint.Parse("192.0.2.2:7002")], LinkSettings.Heard("192.0.2.1:7002, 192.0.2.2:7002"));
        Assert.Empty(LinkSettings.Heard("192.0.2.1:7002, nowhere"));
        LinkOptions options = links.OptionsOf("hera", Guid.Empty, []);
        Assert.Equal((1L << 20, 1000, 50, 100), (options.SendBufferBytes, (int)options.HandshakeTimeout.TotalMilliseconds, (int)options.KeepAlive.TotalMilliseconds, (int)options.Silence.TotalMilliseconds));
        Assert.Equal((5000, 10, 20, 3), ((int)options.UserTimeout.TotalMilliseconds, (int)options.FirstWait.TotalMilliseconds, (int)options.LongestWait.TotalMilliseconds, options.MaxUnauthenticated));
        Assert.Equal(TimeSpan.FromSeconds(2), options.PathCheck);
        ManagementSettings management = settings.Management;
        Assert.Equal((false, new IPEndPoint(IPAddress.IPv6Loopback, 0), "0123456789abcdef"), (management.Enabled, management.Address, management.Token));
        Assert.Equal(new ManagementTlsFiles(secret, secret, null), management.Tls);
        Assert.DoesNotContain("0123456789abcdef", management.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("actorsan.cluster.address = atlas", "actorsan.cluster.address", SettingsFault.IllTyped, "like 192.0.2.7:7310")]
    [InlineData("actorsan.cluster.address = \"::1\"", "actorsan.cluster.address", SettingsFault.IllTyped, "like 192.0.2.7:7310")]
    [InlineData("actorsan.cluster.address = \"127.0.0.1:7310\"", "actorsan.cluster.seeds", SettingsFault.Missing, "seeds = [\"127.0.0.1:7310\"]")]
    [InlineData("actorsan.cluster.address = \"0.0.0.0:7310\"", "actorsan.cluster.advertised", SettingsFault.Missing, "advertised = \"HOST:7310\"")]
    [InlineData("actorsan.cluster.advertised = \"atlas\"", "actorsan.cluster.advertised", SettingsFault.IllTyped, "no host with a port")]
    [InlineData("actorsan.cluster.seeds = [\"a:1\", \"a:0\"]", "actorsan.cluster.seeds", SettingsFault.IllTyped, "'a:0' is no host")]
    [InlineData("actorsan.cluster.seeds = [\"a:1\", \"a:1\"]", "actorsan.cluster.seeds", SettingsFault.Conflict, "twice")]
    [InlineData("actorsan.cluster.seeds = [\"2001:db8::1:7310\"]", "actorsan.cluster.seeds", SettingsFault.IllTyped, "no host with a port")]
    [InlineData("actorsan.cluster.founders = [\"a b\"]", "actorsan.cluster.founders", SettingsFault.IllTyped, "no node's name")]
    [InlineData("actorsan.cluster.founders = [a, b, a]", "actorsan.cluster.founders", SettingsFault.Conflict, "twice")]
    [InlineData("actorsan.cluster.role = watcher", "actorsan.cluster.role", SettingsFault.IllTyped, "storage, witness")]
    [InlineData("actorsan.cluster.lease-renew = 400 ms", "actorsan.cluster.lease-renew", SettingsFault.Conflict, "a third of lease")]
    [InlineData("actorsan.cluster.longest-lease = 500 ms", "actorsan.cluster.longest-lease", SettingsFault.Conflict, "shorter than lease")]
    [InlineData("actorsan.cluster.fencing.command = [/no/such/program, \"{node}\"]", "actorsan.cluster.fencing.command", SettingsFault.Conflict, "/no/such/program is not there")]
    [InlineData("actorsan.cluster.fencing.command = [/etc, \"{node}\"]", "actorsan.cluster.fencing.command", SettingsFault.Conflict, "/etc is a directory")]
    [InlineData("actorsan.cluster.fencing.command = [/etc/passwd, \"{node}\"]", "actorsan.cluster.fencing.command", SettingsFault.Conflict, "chmod +x")]
    [InlineData("actorsan.cluster.fencing.command = [\"/bin/echo {node}\"]", "actorsan.cluster.fencing.command", SettingsFault.Conflict, "an item of its own")]
    [InlineData("actorsan.cluster.fencing.command = [/bin/echo, zeus]", "actorsan.cluster.fencing.command", SettingsFault.Conflict, "no argument says {node}")]
    [InlineData("actorsan.cluster.fencing.timeout = 0 s", "actorsan.cluster.fencing.timeout", SettingsFault.OutOfRange, "between 1 s")]
    [InlineData("actorsan.cluster.lease-drift = 1", "actorsan.cluster.lease-drift", SettingsFault.OutOfRange, "between 0.0001 and 0.2")]
    [InlineData("actorsan.cluster.lease-drift = little", "actorsan.cluster.lease-drift", SettingsFault.IllTyped, "no number")]
    [InlineData("actorsan.cluster.lease = 50 ms", "actorsan.cluster.lease", SettingsFault.OutOfRange, "between 0.1 s")]
    [InlineData("actorsan.cluster.tls.key-file = /no/such/key", "actorsan.cluster.tls.key-file", SettingsFault.Unsafe, "does not exist")]
    [InlineData("actorsan.cluster.tls.ca-file = /etc/passwd", "actorsan.cluster.tls.certificate-file", SettingsFault.Missing, "with the others")]
    [InlineData("actorsan.cluster { address = \"127.0.0.1:1\", seeds = [\"a:1\"], stores.directory = /etc/passwd/volumes }", "actorsan.cluster.stores.directory", SettingsFault.Conflict, "/etc/passwd is not a directory")]
    [InlineData("actorsan { node.name = \"a/b\", cluster { address = \"127.0.0.1:1\", seeds = [\"a:1\"] } }", "actorsan.node.name", SettingsFault.IllTyped, "'a/b' cannot be")]
    [InlineData("actorsan.cluster.sedes = []", "actorsan.cluster.sedes", SettingsFault.UnknownKey, "did you mean 'seeds'?")]
    [InlineData("actorsan.cluster { address = \"127.0.0.1:1\", seeds = [\"a:1\"] }", "actorsan.links.address", SettingsFault.Missing, "storage node")]
    [InlineData("actorsan.links.address = \"127.0.0.1:1\"", "actorsan.links.address", SettingsFault.Conflict, "alone")]
    [InlineData("actorsan.links.address = \"0.0.0.0:1\"", "actorsan.links.advertised", SettingsFault.Missing, "advertised = \"ADDRESS:1\"")]
    [InlineData("actorsan.links.advertised = \"127.0.0.1:0\"", "actorsan.links.advertised", SettingsFault.OutOfRange, "not 0")]
    [InlineData("actorsan { cluster { address = \"127.0.0.1:1\", seeds = [\"a:1\"] }, links.address = [] }", "actorsan.links.address", SettingsFault.Missing, "storage node")]
    [InlineData("actorsan.links.address = [\"127.0.0.1:1\", \"127.0.0.1:1\"]", "actorsan.links.address", SettingsFault.Conflict, "named twice")]
    [InlineData("actorsan.links.address = [\"127.0.0.1:1\", nowhere]", "actorsan.links.address", SettingsFault.IllTyped, "'nowhere' is no address")]
    [InlineData("actorsan.links.address = [\"10.0.0.1:1\", \"10.0.0.2:1\", \"10.0.0.3:1\", \"10.0.0.4:1\", \"10.0.0.5:1\"]", "actorsan.links.address", SettingsFault.OutOfRange, "4 paths are the most")]
    [InlineData("actorsan.links { address = [\"10.0.0.1:1\", \"10.0.0.2:1\"], advertised = \"10.0.0.3:1\" }", "actorsan.links.advertised", SettingsFault.Conflict, "one for each address")]
    [InlineData("actorsan.cluster.ack-timeout = 10 ms", "actorsan.cluster.ack-timeout", SettingsFault.OutOfRange, "between 0.1 s")]
    [InlineData("actorsan.cluster.resync { min-rate = 2 GiB }", "actorsan.cluster.resync.min-rate", SettingsFault.Conflict, "max-rate")]
    [InlineData("actorsan.links.encryption = tls", "actorsan.links.encryption", SettingsFault.IllTyped, "neither on nor off")]
    [InlineData("actorsan.links.keep-alive = 600 ms", "actorsan.links.keep-alive", SettingsFault.Conflict, "half of silence")]
    [InlineData("actorsan.links.first-wait = 2 s", "actorsan.links.first-wait", SettingsFault.Conflict, "longest-wait")]
    [InlineData("petabridge.cmd.host = nowhere", "petabridge.cmd.host", SettingsFault.IllTyped, "no IPv4 or IPv6")]
    [InlineData("petabridge.cmd = 5", "petabridge.cmd", SettingsFault.IllTyped, "must be a section")]
    [InlineData("petabridge.cmd.prot = 5", "petabridge.cmd.prot", SettingsFault.UnknownKey, "did you mean 'port'?")]
    [InlineData("petabridge.cmd.token-file = /no/such/token", "petabridge.cmd.token-file", SettingsFault.Unsafe, "does not exist")]
    [InlineData("petabridge.cmd.tls.certificate-file = /etc/passwd", "petabridge.cmd.tls.key-file", SettingsFault.Missing, "with the others")]
    [InlineData("akka.actor.provider = remote", "akka.actor.provider", SettingsFault.Unsafe, "use actorsan.cluster.address")]
    [InlineData("akka.remote.dot-netty.tcp.hostname = 0.0.0.0", "akka.remote.dot-netty.tcp.hostname", SettingsFault.Unsafe, "use actorsan.cluster.address")]
    public void RefusesWithPathAndReason(string text, string path, SettingsFault fault, string reason)
    {
        SettingsException failure = Assert.Throws<SettingsException>(() => Read(text));
        Assert.Contains(failure.Issues, issue => issue.Path == path && issue.Fault == fault && issue.Reason.Contains(reason, StringComparison.Ordinal)
            && (issue.Origin == new HoconOrigin("node.conf", 1) || issue.Origin.File == ReferenceConf.FileName));
    }

    [Theory]
    [InlineData("127.0.0.1", "0.0.0.0")]
    [InlineData("127.0.0.1", "192.0.2.1")]
    [InlineData("127.0.0.1", "[2001:db8::1]")]
    public void AClusterBeyondLoopbackMustHaveCertificates(string loopback, string address)
    {
        string text = Minimal.Replace(loopback + ":7310\", seeds", address + ":7310\", advertised = \"atlas:7310\", seeds", StringComparison.Ordinal);
        SettingsIssue issue = Assert.Single(Assert.Throws<SettingsException>(() => Read(text)).Issues);
        Assert.Equal((SettingsFault.Unsafe, "actorsan.cluster.tls"), (issue.Fault, issue.Path));
        Assert.Contains("actorsan.cluster.tls { certificate-file = ", issue.Reason, StringComparison.Ordinal);

        using var directory = new TemporaryDirectory();
        string file = directory.Write("pem", "");
        Assert.NotNull(Read(text + $"\nactorsan.cluster.tls {{ certificate-file = \"{file}\", key-file = \"{file}\", ca-file = \"{file}\" }}").Settings.Cluster!.Tls);
    }

    [Fact]
    public void ManagementBeyondLoopbackMustAskWhoIsThere()
    {
        const string Open = "petabridge.cmd.host = 0.0.0.0";
        using var directory = new TemporaryDirectory();
        string file = directory.Write("pem", "");
        string server = $"\npetabridge.cmd.tls {{ certificate-file = \"{file}\", key-file = \"{file}\" }}";
        foreach (string text in new[] { Open, Open + server })
        {
            SettingsIssue issue = Assert.Single(Assert.Throws<SettingsException>(() => Read(text)).Issues);
            Assert.Equal((SettingsFault.Unsafe, "petabridge.cmd.host"), (issue.Fault, issue.Path));
            Assert.Contains("Add petabridge.cmd.token-file = ", issue.Reason, StringComparison.Ordinal);
        }

        Assert.False(Read(Open + "\npetabridge.cmd.enabled = off").Settings.Management.Enabled);
        Assert.NotNull(Read(Open + server + $"\npetabridge.cmd.tls.ca-file = \"{file}\"").Settings.Management.Tls!.AuthorityFile);

        string token = $"\npetabridge.cmd.token-file = \"{directory.Write("token", "0123456789abcdef")}\"";
        Assert.Empty(Read(Open + token + server).Warnings);
        SettingsIssue warning = Assert.Single(Read(Open + token).Warnings);
        Assert.Contains("for all to read", warning.Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("short")]
    [InlineData("")]
    [InlineData("0123456789 abcdef")]
    public void AWeakTokenIsRefusedAndNotPrinted(string token)
    {
        using var directory = new TemporaryDirectory();
        string file = directory.Write("t", token);
        SettingsException failure = Assert.Throws<SettingsException>(() => Read($"petabridge.cmd.token-file = \"{file}\""));
        Assert.Equal("petabridge.cmd.token-file", Assert.Single(failure.Issues).Path);
        Assert.True(token.Length == 0 || !failure.Message.Contains(token, StringComparison.Ordinal));
    }

    private static NodeConfiguration Read(string text) => SettingsReader.ReadText("node.conf", text, Host);
}
