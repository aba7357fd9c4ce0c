using System.Net;
using System.Runtime.InteropServices;
using ActorSan.Cluster.Settings;
using ActorSan.Node.Hocon;

namespace ActorSan.Node.Settings;

/// <summary>The section <c>actorsan.cluster</c>. Every key is read and checked; without an address the node is alone.</summary>
internal sealed partial class ClusterReader(HostFacts host)
{
    // As many voters as a register's configuration has room for.
    private const int MaxFounders = 32;

    public ClusterSettings? Read(Section cluster, Section node, string nodeName)
    {
        IPEndPoint? address = cluster.EndPoint("address");
        HostPort? advertised = ReadAdvertised(cluster);
        Section stores = cluster.Sub("stores");
        Section resync = cluster.Sub("resync");
        NodeRole role = cluster.Word("role", ("storage", NodeRole.Storage), ("witness", NodeRole.Witness));
        IReadOnlyList<HostPort> seeds = ReadSeeds(cluster);
        IReadOnlyList<string> founders = ReadFounders(cluster);
        string directory = SettingsReader.Absolute(stores.Required("directory", "the directory of the stores"), host);
        var settings = new ClusterSettings
        {
            Address = address ?? new IPEndPoint(IPAddress.Loopback, 0),
            Advertised = advertised,
            Role = role,
            Seeds = seeds,
            Founders = founders,
            Stores = new ReplicaStoreSettings { Directory = directory, Direct = stores.Flag("direct"), WriteCache = stores.Flag("write-cache"), Thick = stores.Flag("thick") },
            Lease = cluster.Duration("lease", TimeSpan.FromMilliseconds(100), TimeSpan.FromMinutes(1)),
            LeaseRenew = cluster.Duration("lease-renew", TimeSpan.FromMilliseconds(10), TimeSpan.FromMinutes(1)),
            LeaseDrift = cluster.Fraction("lease-drift", 0.0001, 0.2),
            LongestLease = cluster.Duration("longest-lease", TimeSpan.FromMilliseconds(100), TimeSpan.FromHours(1)),
            StableAfter = cluster.Duration("stable-after", TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(10)),
            AckTimeout = cluster.Duration("ack-timeout", TimeSpan.FromMilliseconds(100), TimeSpan.FromMinutes(1)),
            ResyncMinRate = resync.Size("min-rate", 1 << 20, 1L << 40),
            ResyncMaxRate = resync.Size("max-rate", 1 << 20, 1L << 40),
            Fencing = ReadFencing(cluster.Sub("fencing")),
            Tls = ReadTls(cluster.Sub("tls")),
        };
        CheckLeases(cluster, settings);
        if (settings.ResyncMinRate > settings.ResyncMaxRate)
        {
            resync.Report(SettingsFault.Conflict, "min-rate", "must not be higher than max-rate");
        }

        if (address is null)
        {
            return null;
        }

        if (NameFault(nodeName) is { } fault)
        {
            node.Report(SettingsFault.IllTyped, "name", $"'{nodeName}' cannot be the name of a node of a cluster: {fault}");
        }

        if (seeds.Count == 0)
        {
            cluster.Report(SettingsFault.Missing, "seeds", $"a node of a cluster must have seeds; for the first node its own address is enough: seeds = [\"{advertised?.ToString() ?? address.ToString()}\"]");
        }

        if (advertised is null && (address.Address.Equals(IPAddress.Any) || address.Address.Equals(IPAddress.IPv6Any)))
        {
            cluster.Report(SettingsFault.Missing, "advertised", $"{address} listens on all addresses, and the other nodes must be told one: advertised = \"HOST:{address.Port}\"");
        }

        if (role == NodeRole.Storage && DirectoryFault(directory) is { } unusable)
        {
            stores.Report(SettingsFault.Conflict, "directory", unusable);
        }

        return settings;
    }

    private static void CheckLeases(Section cluster, ClusterSettings settings)
    {
        // One lost renewal, and a late one, must not cost the lease.
        if (settings.LeaseRenew * 3 > settings.Lease)
        {
            cluster.Report(SettingsFault.Conflict, "lease-renew", "a lease must be renewed at least three times while it lasts: at most a third of lease");
        }

        if (settings.LongestLease < settings.Lease)
        {
            cluster.Report(SettingsFault.Conflict, "longest-lease", "must not be shorter than lease");
        }
    }

    private static HostPort? ReadAdvertised(Section cluster)
    {
        string text = cluster.Text("advertised");
        HostPort? advertised = HostPort.Parse(text);
        if (text.Length > 0 && advertised is null)
        {
            cluster.Report(SettingsFault.IllTyped, "advertised", $"'{text}' is no host with a port, like atlas.example:7310");
        }

        return advertised;
    }

    private static List<HostPort> ReadSeeds(Section cluster)
    {
        var seeds = new List<HostPort>();
        foreach ((string text, HoconOrigin _) in cluster.Texts("seeds"))
        {
            if (HostPort.Parse(text) is not { } seed)
            {
                cluster.Report(SettingsFault.IllTyped, "seeds", $"'{text}' is no host with a port, like atlas.example:7310");
            }
            else if (seeds.Contains(seed))
            {
                cluster.Report(SettingsFault.Conflict, "seeds", $"{seed} stands twice in the list");
            }
            else
            {
                seeds.Add(seed);
            }
        }

        return seeds;
    }

    private static List<string> ReadFounders(Section cluster)
    {
        var founders = new SortedSet<string>(StringComparer.Ordinal);
        foreach ((string name, HoconOrigin _) in cluster.Texts("founders"))
        {
            if (NameFault(name) is { } fault)
            {
                cluster.Report(SettingsFault.IllTyped, "founders", $"'{name}' is no node's name: {fault}");
            }
            else if (!founders.Add(name))
            {
                cluster.Report(SettingsFault.Conflict, "founders", $"'{name}' stands twice in the list");
            }
        }

        if (founders.Count > MaxFounders)
        {
            cluster.Report(SettingsFault.OutOfRange, "founders", $"{founders.Count} are more than the {MaxFounders} that can vote");
        }

        return [.. founders];
    }

    private FencingSettings? ReadFencing(Section fencing)
    {
        TimeSpan timeout = fencing.Duration("timeout", TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(10));
        string[] command = [.. fencing.Texts("command").Select(item => item.Text)];
        if (command.Length == 0)
        {
            return null;
        }

        command[0] = SettingsReader.Absolute(command[0], host);
        if (ProgramFault(command[0]) is { } fault)
        {
            fencing.Report(SettingsFault.Conflict, "command", fault);
        }
        else if (!command.Skip(1).Any(argument => argument.Contains("{node}", StringComparison.Ordinal)))
        {
            fencing.Report(SettingsFault.Conflict, "command", "no argument says {node}: the program is not told whom to kill. With two nodes the other's name may stand there, but {node} is never wrong");
        }

        return new FencingSettings { Command = command, Timeout = timeout };
    }

    private static string? ProgramFault(string path) =>
        Directory.Exists(path) ? $"{path} is a directory, not a program"
        : !File.Exists(path) ? $"{path} is not there: the first item is the path of the program, and each argument an item of its own (no shell takes it apart)"
        : Access(path, MayExecute) != 0 ? $"{path} is not executable for this node: chmod +x it"
        : null;

    private ClusterTlsFiles? ReadTls(Section tls)
    {
        string certificate = PemFiles.Read(tls, "certificate-file", host, isSecret: false);
        string key = PemFiles.Read(tls, "key-file", host, isSecret: true);
        string authority = PemFiles.Read(tls, "ca-file", host, isSecret: false);
        if (certificate.Length + key.Length + authority.Length == 0)
        {
            return null;
        }

        PemFiles.Demand(tls, ("certificate-file", certificate), ("key-file", key), ("ca-file", authority));
        return new ClusterTlsFiles(certificate, key, authority);
    }

    /// <summary>Names stand in paths, roles and files; null: a good one.</summary>
    internal static string? NameFault(string name) =>
        name.Length is > 0 and <= 64 && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.') && name[0] != '.'
            ? null
            : "it has 1 to 64 letters, digits, '-', '_' and '.', and does not begin with '.'";

    // Touches nothing: what is not there yet must be creatable where its nearest ancestor stands.
    private static string? DirectoryFault(string path)
    {
        string? at = path;
        while (at is not null && !Path.Exists(at))
        {
            at = Path.GetDirectoryName(at);
        }

        return at is null ? $"{path} cannot be made"
            : !Directory.Exists(at) ? $"{at} is not a directory"
            : Access(at, WriteAndSearch) != 0 ? at == path ? $"the node may not write in {path}" : $"{path} is not there, and the node may not make it in {at}"
            : null;
    }

    private const int MayExecute = 1;
    private const int WriteAndSearch = 2 | 1;

    [LibraryImport("libc", EntryPoint = "access", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Access(string path, int mode);
}
