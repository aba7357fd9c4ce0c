using System.CommandLine;
using ActorSan.Cluster.Founding;
using ActorSan.Cluster.Registers;
using ActorSan.Cluster.Settings;
using ActorSan.Node.Daemon;

namespace ActorSan.Node.Verbs;

/// <summary><c>actorsan init</c>: makes a cluster, or makes a node one of a cluster. Once for each node, before its first start.</summary>
internal static class InitVerb
{
    public static Command Create(TextWriter output, TextWriter error)
    {
        Option<FileInfo> config = Configurations.Option();
        var from = new Option<string>("--from") { Description = "cluster.identity of another node: this node becomes one of the same cluster. Without it a new cluster is made.", HelpName = "FILE" };
        var command = new Command("init", "Make a new cluster, once and on one node; or with --from make this node one of it. Contacts no other node.") { config, from };
        command.SetAction(parsed =>
        {
            FileInfo file = parsed.GetRequiredValue(config);
            return Configurations.Read(file, error) is { } configuration
                ? Init(configuration.Settings, file.ToString(), parsed.GetValue(from), output, error)
                : ExitCode.Usage;
        });
        return command;
    }

    private static int Init(NodeSettings settings, string config, string? from, TextWriter output, TextWriter error)
    {
        try
        {
            if (settings.Cluster is null)
            {
                // Before the state directory is made.
                throw new ClusterIdentityException(IdentityFault.Unconfigured, $"{config} has no cluster: actorsan.cluster.address must say where the node hears the others.");
            }

            using var state = StateDirectory.Open(settings.StateDirectory);
            ClusterIdentity identity = from is null
                ? ClusterFounding.Init(settings, TimeProvider.System)
                : ClusterFounding.Import(settings, Path.GetFullPath(from), TimeProvider.System);
            Tell(identity, settings, config, output);
            return ExitCode.Success;
        }
        catch (ClusterIdentityException failure)
        {
            error.WriteLine("actorsan: " + failure.Message);
            return failure.Fault == IdentityFault.Unconfigured ? ExitCode.Usage : ExitCode.Failure;
        }
        catch (JournalException failure)
        {
            error.WriteLine("actorsan: " + failure.Message);
            return ExitCode.Failure;
        }
        catch (StateDirectoryInUseException failure)
        {
            error.WriteLine($"actorsan: {failure.Message}; stop the node first");
            return ExitCode.InUse;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            error.WriteLine($"actorsan: the state directory {settings.StateDirectory} cannot be used: {failure.Message}");
            return ExitCode.Failure;
        }
    }

    private static void Tell(ClusterIdentity identity, NodeSettings settings, string config, TextWriter output)
    {
        string file = Path.Combine(settings.StateDirectory, ClusterIdentity.FileName);
        if (!identity.Founder)
        {
            output.WriteLine($"{settings.Name} is a node of cluster {identity.ClusterId} now. Start it: actorsan run -c {config}");
            return;
        }

        output.WriteLine($"Made cluster {identity.ClusterId}, to be founded by {string.Join(", ", settings.Cluster!.Founders)}. It is in {file}, with the key by which its nodes know each other: a secret.");
        output.WriteLine($"On every other node: copy that file there by a safe way, run 'actorsan init -c CONF --from {ClusterIdentity.FileName}', and delete the copy.");
        output.WriteLine($"Then start all of them: actorsan run -c CONF (here: {config}). The cluster is founded when all founders run.");
    }
}
