using System.Security.Cryptography.X509Certificates;
using ActorSan.Cluster.Control;
using ActorSan.Cluster.Engines;
using ActorSan.Cluster.Founding;
using ActorSan.Cluster.Membership;
using ActorSan.Cluster.Registers;
using ActorSan.Cluster.Security;
using ActorSan.Cluster.Settings;
using ActorSan.Node.Management;
using Akka.Actor.Setup;
using Akka.Configuration;

namespace ActorSan.Node.Daemon;

/// <summary>What a node of a cluster opens before its actors are made: identity, journal, certificates. One for each start of the ActorSystem.</summary>
internal sealed class ClusterBoot : IDisposable
{
    private readonly NodeSettings _settings;
    private readonly ClusterIdentity _identity;
    private readonly JournalDatabase _journal;
    private readonly ClusterTls? _tls;

    private ClusterBoot(NodeSettings settings, ClusterIdentity identity, JournalDatabase journal, ClusterTls? tls)
    {
        (_settings, _identity, _journal, _tls) = (settings, identity, journal, tls);
        Parts = new ClusterParts
        {
            ClusterId = identity.ClusterId,
            Key = identity.LinkKey(),
            Founds = identity.Founder,
            MarkFounded = identity.MarkFounded,
            JournalIncarnation = journal.Identity.Incarnation,
            Instance = Guid.NewGuid(),
            BootId = Guid.Parse(File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim()),
            Release = NodeDaemon.Version,
            ManagementAddress = settings.Management.Enabled ? settings.Management.Address.ToString() : "",
            State = new ClusterState(),
        };
    }

    public ClusterParts Parts { get; }

    public string SystemName => ClusterHocon.SystemName(_identity);

    /// <exception cref="ClusterIdentityException">It belongs to no cluster, or the file is not used.</exception>
    /// <exception cref="JournalException">The journal is refused.</exception>
    /// <exception cref="ClusterTlsException">A certificate is refused.</exception>
    public static ClusterBoot Open(NodeSettings settings)
    {
        ClusterIdentity identity = ClusterFounding.Require(settings);
        JournalDatabase journal = JournalDatabase.Open(settings.Journal, identity.ClusterId, settings.Name);
        ClusterTls? tls = settings.Cluster!.Tls is { } files ? ClusterTls.Load(files, TimeProvider.System) : null;
        return new ClusterBoot(settings, identity, journal, tls);
    }

    public Config Akka(string own) => _journal.Akka.WithFallback(ClusterHocon.For(_settings, _identity, own));

    public IEnumerable<Setup> Setups() => _tls is null ? [_journal.Setup] : [_journal.Setup, _tls.Setup()];

    public void Dispose() => _tls?.Dispose();

    /// <summary>Where and to whom the management API answers.</summary>
    public static ManagementOptions ManagementOf(ManagementSettings settings, Serilog.ILogger log) => new()
    {
        Address = settings.Address,
        Token = settings.Token,
        Certificate = settings.Tls is { } tls ? X509Certificate2.CreateFromPemFile(tls.CertificateFile, tls.KeyFile) : null,
        ClientAuthorities = settings.Tls?.AuthorityFile is { } authority ? Authorities(authority) : null,
        Log = log,
    };

    private static X509Certificate2Collection Authorities(string file)
    {
        var all = new X509Certificate2Collection();
        all.ImportFromPemFile(file);
        return all;
    }
}
