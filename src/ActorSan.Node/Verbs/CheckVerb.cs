using System.CommandLine;
using ActorSan.Cluster.Settings;
using ActorSan.Node.Settings;

namespace ActorSan.Node.Verbs;

/// <summary><c>actorsan check</c>: reads a configuration as <c>run</c> would, starts and touches nothing.</summary>
internal static class CheckVerb
{
    public static Command Create(TextWriter output, TextWriter error)
    {
        Option<FileInfo> config = Configurations.Option();
        var reference = new Option<bool>("--reference") { Description = "Print reference.conf, every key with its default and reason, and check nothing." };
        config.Required = false;
        var command = new Command("check", "Read a configuration, tell every mistake in it with its place, and what would be started.") { config, reference };
        command.SetAction(parsed =>
        {
            if (parsed.GetValue(reference))
            {
                output.Write(ReferenceConf.Text);
                return ExitCode.Success;
            }

            if (parsed.GetValue(config) is not { } file)
            {
                error.WriteLine("actorsan: check wants --config FILE");
                return ExitCode.Usage;
            }

            if (Configurations.Read(file, error) is not { } configuration)
            {
                return ExitCode.Usage;
            }

            Describe(configuration.Settings, output);
            return ExitCode.Success;
        });
        return command;
    }

    private static void Describe(NodeSettings settings, TextWriter output)
    {
        output.WriteLine($"node {settings.Name}: state in {settings.StateDirectory}");
        output.WriteLine($"  {settings.Io.Cpus.Count} I/O threads on CPUs {string.Join(", ", settings.Io.Cpus.Select(cpu => cpu?.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? "any"))}"
            + $", engine {settings.Io.Engine}, {Quantity.Format(settings.Io.BufferPoolBytes)} of buffers each");
        if (settings.Cluster is { } cluster)
        {
            output.WriteLine($"  {(cluster.Role == NodeRole.Witness ? "witness" : "storage node")} of a cluster: {cluster.Address}{(cluster.Tls is null ? "" : " with TLS")}, links {(settings.Links is { } links ? string.Join(" and ", links.Addresses) : "none")}, "
                + $"seeds {string.Join(", ", cluster.Seeds)}, founders {(cluster.Founders.Count == 0 ? "none" : string.Join(", ", cluster.Founders))}");
        }

        output.WriteLine($"  management: {settings.Management}");
        foreach (VolumeSettings volume in settings.Volumes)
        {
            string place = volume.Path.Length > 0 ? $" {volume.Path}" : "";
            string size = volume.SizeBytes is { } bytes ? $", {Quantity.Format(bytes)}" : "";
            output.WriteLine($"  volume {volume.Name}: {volume.Kind}{place}{size}, write cache {(volume.WriteCache ? "on" : "off")}{(volume.Encrypted ? ", encrypted" : "")}");
        }

        foreach (TargetConfiguration target in settings.Targets)
        {
            string who = target.Initiators.Count > 0 ? $"{target.Initiators.Count} initiators" : target.Open ? "every initiator" : "no initiator";
            output.WriteLine($"  target {target.Iqn}: {who}{(target.Chap is null ? "" : " with CHAP")}");
            foreach (LunConfiguration lun in target.Luns)
            {
                output.WriteLine($"    LUN {lun.Number}: volume {lun.Volume}");
            }
        }

        foreach (PortalConfiguration portal in settings.Portals)
        {
            output.WriteLine($"  portal {portal.Name}: {portal.Address}, portal group {portal.GroupTag}");
        }

        output.WriteLine("The configuration is good.");
    }
}
