using System.CommandLine;
using ActorSan.Cluster.Engines;
using ActorSan.Cluster.Founding;
using ActorSan.Cluster.Security;
using ActorSan.Cluster.Settings;
using ActorSan.Iscsi;
using ActorSan.Node.Daemon;
using ActorSan.Node.Engines;
using ActorSan.Node.Logging;
using ActorSan.Node.Settings;
using ActorSan.Storage.Threads;
using Serilog.Core;

namespace ActorSan.Node.Verbs;

/// <summary><c>actorsan run</c>: one node until SIGINT or SIGTERM.</summary>
internal static class RunVerb
{
    public static Command Create(TextWriter error)
    {
        Option<FileInfo> config = Configurations.Option();
        var ready = new Option<string>("--ready-file")
        {
            Description = "A JSON file that is there, whole, while the node serves: process id, portals with their ports, targets, volumes. For scripts.",
        };
        var command = new Command("run", "Start the node and serve until SIGINT or SIGTERM; the log goes to standard error. SIGUSR1 writes statistics to the log.") { config, ready };
        command.SetAction(parsed =>
        {
            if (Configurations.Read(parsed.GetRequiredValue(config), error) is not { } configuration)
            {
                return ExitCode.Usage;
            }

            if (configuration.Settings.Cluster is not null && !MayRun(configuration.Settings, error))
            {
                return ExitCode.Usage;
            }

            string? readyPath = parsed.GetValue(ready) is { Length: > 0 } path ? Path.GetFullPath(path) : null;
            return Run(configuration, readyPath);
        });
        return command;
    }

    // Before anything is opened or contacted: a node that belongs to no cluster, or cannot prove that it does, waits for an administrator and for nothing else.
    private static bool MayRun(NodeSettings settings, TextWriter error)
    {
        try
        {
            _ = ClusterFounding.Require(settings);
            if (settings.Cluster!.Tls is { } files)
            {
                using var tls = ClusterTls.Load(files, TimeProvider.System);
            }

            return true;
        }
        catch (Exception failure) when (failure is ClusterIdentityException or ClusterTlsException)
        {
            error.WriteLine("actorsan: " + failure.Message);
            return false;
        }
    }

    private static int Run(NodeConfiguration configuration, string? readyPath)
    {
        NodeSettings settings = configuration.Settings;
        var tail = new LogTail(settings.Name);
        using Logger log = NodeLog.Create(settings.Log, tail);
        if (settings.Io.Engine == IoEngineKind.Auto && IoThreadFactory.Probe() is { Engine: IoEngineKind.Epoll } probe)
        {
            log.Information("I/O threads use epoll and disk threads: {Reason}", probe.Reason);
        }

        var iscsi = new IscsiEngine(new IscsiServerOptions
        {
            MaxConnections = settings.Iscsi.MaxConnections,
            MaxUnauthenticatedConnections = settings.Iscsi.MaxUnauthenticatedConnections,
            MaxSessions = settings.Iscsi.MaxSessions,
            Backlog = settings.Iscsi.Backlog,
            LoginTimeout = settings.Iscsi.LoginTimeout,
            TcpUserTimeout = settings.Iscsi.TcpUserTimeout,
            BufferPatience = settings.Iscsi.BufferPatience,
        });
        var engines = new NodeEngines(static (options, events) => IoThreadFactory.Create(options, events), new VolumeEngine(settings, log), iscsi);
        return new NodeDaemon(configuration, engines, log, tail, readyPath).Run();
    }
}
