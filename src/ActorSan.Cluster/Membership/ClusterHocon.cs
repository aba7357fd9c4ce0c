using System.Globalization;
using System.Reflection;
using System.Text;
using ActorSan.Cluster.Control;
using ActorSan.Cluster.Founding;
using ActorSan.Cluster.Settings;
using ActorSan.Storage;
using Akka.Configuration;

namespace ActorSan.Cluster.Membership;

/// <summary>The configuration of the ActorSystem of a node of a cluster. With TLS it must be made with <see cref="Security.ClusterTls.Setup"/>, too.</summary>
public static class ClusterHocon
{
    private const string FileName = "cluster.conf";
    private static readonly Lazy<string> LazyText = new(ReadText);

    /// <summary>
    /// The name of the ActorSystem: of the cluster id's making, so that a node of another cluster can't join, as Akka.Remote drops what is for a system of another name.
    /// </summary>
    public static string SystemName(ClusterIdentity identity) => $"actorsan-{identity.ClusterId.ToString("N")[..16]}";

    /// <param name="akka">The node's own <c>akka</c> section as HOCON: above our tuning, below what the settings say.</param>
    public static Config For(NodeSettings settings, ClusterIdentity identity, string akka = "")
        => ConfigurationFactory.ParseString(Ours(settings, identity))
            .WithFallback(ConfigurationFactory.ParseString(akka))
            .WithFallback(ConfigurationFactory.ParseString(LazyText.Value))
            .WithFallback(ConfigurationFactory.ParseString(ControlHocon.Text));

    private static string Ours(NodeSettings settings, ClusterIdentity identity)
    {
        ClusterSettings cluster = settings.Cluster ?? throw new InvariantViolationException("a node that is alone has no cluster's configuration");
        string system = SystemName(identity);
        string[] roles = [cluster.Role == NodeRole.Witness ? NodeRoles.Witness : NodeRoles.Storage, NodeRoles.OfName(settings.Name)];
        var text = new StringBuilder();
        _ = text.Append(CultureInfo.InvariantCulture, $$"""
            akka {
              actor.provider = cluster
              remote {
                enabled-transports = ["akka.remote.dot-netty.tcp"]
                dot-netty.tcp {
                  hostname = "{{cluster.Address.Address}}"
                  port = {{cluster.Address.Port}}
                  public-hostname = "{{cluster.Advertised?.Host ?? cluster.Address.Address.ToString()}}"
                  public-port = {{cluster.Advertised?.Port ?? 0}}
                  enable-ssl = {{(cluster.Tls is null ? "off" : "on")}}
                }
              }
              cluster {
                seed-nodes = [{{string.Join(", ", cluster.Seeds.Select(seed => $"\"akka.{(cluster.Tls is null ? "" : "ssl.")}tcp://{system}@{seed}\""))}}]
                roles = [{{string.Join(", ", roles.Select(role => $"\"{role}\""))}}]
                app-version = "{{VersionOf(typeof(ClusterHocon).Assembly)}}"
                split-brain-resolver.stable-after = {{cluster.StableAfter.TotalMilliseconds}}ms
              }
            }
            """);
        return text.ToString();
    }

    private static string VersionOf(Assembly assembly) => assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "0.0.0";

    private static string ReadText()
    {
        using Stream stream = typeof(ClusterHocon).Assembly.GetManifestResourceStream(FileName) ?? throw new InvalidOperationException($"The program lacks its {FileName}.");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
