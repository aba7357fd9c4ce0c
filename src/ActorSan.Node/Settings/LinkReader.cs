using System.Net;
using ActorSan.Cluster.Settings;

namespace ActorSan.Node.Settings;

/// <summary>The section <c>actorsan.links</c>. Every key is read and checked; without an address there are no links.</summary>
internal static class LinkReader
{
    private const int MostPaths = 4;
    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(1);

    public static LinkSettings? Read(Section links, ClusterSettings? cluster)
    {
        IReadOnlyList<IPEndPoint> addresses = links.EndPoints("address");
        var settings = new LinkSettings
        {
            Addresses = addresses,
            Advertised = links.EndPoints("advertised"),
            Encrypts = links.Flag("encryption"),
            SendBufferBytes = links.Size("send-buffer", 1 << 20, 1L << 32),
            HandshakeTimeout = links.Duration("handshake-timeout", TimeSpan.FromMilliseconds(100), TimeSpan.FromMinutes(1)),
            KeepAlive = links.Duration("keep-alive", TimeSpan.FromMilliseconds(10), TimeSpan.FromMinutes(1)),
            Silence = links.Duration("silence", TimeSpan.FromMilliseconds(50), TimeSpan.FromMinutes(5)),
            UserTimeout = links.Duration("user-timeout", TimeSpan.FromSeconds(1), TimeSpan.FromHours(1)),
            FirstWait = links.Duration("first-wait", Shortest, TimeSpan.FromMinutes(1)),
            LongestWait = links.Duration("longest-wait", Shortest, TimeSpan.FromMinutes(10)),
            PathCheck = links.Duration("path-check", TimeSpan.FromMilliseconds(100), TimeSpan.FromHours(1)),
            MaxUnauthenticated = (int)links.Integer("max-unauthenticated", 1, 65535),
        };
        Check(links, settings);
        if (addresses.Count == 0 && cluster is { Role: NodeRole.Storage })
        {
            links.Report(SettingsFault.Missing, "address", "a storage node of a cluster must listen for the replication of the others: address = \"ADDRESS:7320\"");
        }
        else if (addresses.Count > 0 && cluster is null)
        {
            links.Report(SettingsFault.Conflict, "address", "a node that is alone has no links; actorsan.cluster.address makes it one of a cluster");
        }

        return addresses.Count == 0 || cluster is null ? null : settings;
    }

    private static void Check(Section links, LinkSettings settings)
    {
        if (settings.KeepAlive * 2 > settings.Silence)
        {
            links.Report(SettingsFault.Conflict, "keep-alive", "must be at most half of silence, or a healthy link looks broken");
        }

        if (settings.FirstWait > settings.LongestWait)
        {
            links.Report(SettingsFault.Conflict, "first-wait", "must not be longer than longest-wait");
        }

        if (settings.Addresses.Count > MostPaths)
        {
            links.Report(SettingsFault.OutOfRange, "address", $"{settings.Addresses.Count} are given; {MostPaths} paths are the most");
        }

        if (settings.Advertised.Any(address => address.Port == 0))
        {
            links.Report(SettingsFault.OutOfRange, "advertised", "the port that the other nodes connect to is not 0");
        }

        if (settings.Advertised.Count > 0 && settings.Advertised.Count != settings.Addresses.Count)
        {
            links.Report(SettingsFault.Conflict, "advertised", $"{settings.Advertised.Count} are advertised of {settings.Addresses.Count}: one for each address, in the same order, or none");
        }

        if (settings.Advertised.Count == 0 && settings.Addresses.FirstOrDefault(address => address.Address.Equals(IPAddress.Any) || address.Address.Equals(IPAddress.IPv6Any)) is { } all)
        {
            links.Report(SettingsFault.Missing, "advertised", $"{all} listens on all addresses, and the other nodes must be told one: advertised = \"ADDRESS:{all.Port}\"");
        }
    }
}
