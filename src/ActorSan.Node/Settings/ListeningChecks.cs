using System.Net;
using ActorSan.Cluster.Settings;
using ActorSan.Node.Hocon;

namespace ActorSan.Node.Settings;

/// <summary>
/// What listens beyond loopback asks who is there, or the node does not start. Links always ask, for the cluster's key; targets are checked where they are read
/// (<see cref="TargetReader"/>).
/// </summary>
internal sealed class ListeningChecks(Section root, Section command, HoconTable document, SettingsFindings findings)
{
    // Keys of Akka that decide where it listens, to whom, and whom it believes; each with the key that is to be used.
    private static readonly (string[] Path, string Use)[] Ours =
    [
        (["akka", "actor", "provider"], "actorsan.cluster.address"),
        (["akka", "cluster", "seed-nodes"], "actorsan.cluster.seeds"),
        (["akka", "cluster", "roles"], "actorsan.cluster.role"),
        (["akka", "remote", "enabled-transports"], "actorsan.cluster.address"),
        (["akka", "remote", "dot-netty", "tcp", "hostname"], "actorsan.cluster.address"),
        (["akka", "remote", "dot-netty", "tcp", "port"], "actorsan.cluster.address"),
        (["akka", "remote", "dot-netty", "tcp", "public-hostname"], "actorsan.cluster.advertised"),
        (["akka", "remote", "dot-netty", "tcp", "public-port"], "actorsan.cluster.advertised"),
        (["akka", "remote", "dot-netty", "tcp", "enable-ssl"], "actorsan.cluster.tls"),
        (["akka", "remote", "dot-netty", "tcp", "ssl"], "actorsan.cluster.tls"),
        (["akka", "remote", "dot-netty", "ssl"], "actorsan.cluster.tls"),
    ];

    public void Check(NodeSettings settings)
    {
        if (settings.Cluster is { Tls: null } cluster && !IPAddress.IsLoopback(cluster.Address.Address))
        {
            Refuse(root, "cluster.tls", $"{cluster.Address} can be reached by others than this machine, and whoever reaches it could command the cluster. 'actorsan certs' makes certificates; then add "
                + "actorsan.cluster.tls { certificate-file = \"NAME.pem\", key-file = \"NAME.key\", ca-file = \"ca.pem\" }");
        }

        if (settings.Management is { Enabled: true } management && !IPAddress.IsLoopback(management.Address.Address))
        {
            CheckManagement(management);
        }

        foreach ((string[] path, string use) in Ours)
        {
            if (document.Find(path) is { } node)
            {
                findings.Add(new SettingsIssue(SettingsFault.Unsafe, string.Join('.', path), node.Origin, $"is set by the node itself; use {use}"));
            }
        }
    }

    private void CheckManagement(ManagementSettings management)
    {
        if (management is { Token: null, Tls: not { AuthorityFile: not null } })
        {
            Refuse(command, "host", $"{management.Address} can be reached by others than this machine, and whoever reaches it could command the node. Add petabridge.cmd.token-file = \"FILE\", "
                + "with a token that clients must know in its first line, or for certificates of clients petabridge.cmd.tls { certificate-file = \"NAME.pem\", key-file = \"NAME.key\", ca-file = \"ca.pem\" }");
        }
        else if (management.Tls is null)
        {
            command.Warn("tls", $"without TLS the token goes over the network to {management.Address} for all to read; add certificate-file and key-file");
        }
    }

    private void Refuse(Section section, string path, string reason) => findings.Add(new SettingsIssue(SettingsFault.Unsafe, $"{section.Path}.{path}", section.Locate(path), reason));
}
