using System.Reflection;
using System.Runtime.InteropServices;
using ActorSan.Cluster.Actors;
using ActorSan.Cluster.Engines;
using ActorSan.Cluster.Founding;
using ActorSan.Cluster.Management;
using ActorSan.Cluster.Messages;
using ActorSan.Cluster.Registers;
using ActorSan.Cluster.Security;
using ActorSan.Node.Logging;
using ActorSan.Node.Management;
using ActorSan.Node.Settings;
using Akka.Actor;
using Akka.Actor.Setup;
using Akka.Configuration;
using Serilog.Core;

namespace ActorSan.Node.Daemon;

/// <summary>
/// <c>actorsan run</c>: one node from start to stop. The first SIGINT or SIGTERM stops it in order, a second at once. Nothing here decides about volumes or sessions:
/// that is the guardian's.
/// </summary>
internal sealed class NodeDaemon(NodeConfiguration configuration, NodeEngines engines, Logger log, LogTail tail, string? readyPath)
{
    private const string SystemName = "actorsan";
    private readonly ReadyFile? _ready = readyPath is null ? null : new ReadyFile(readyPath);
    private static readonly TimeSpan s_restartPause = TimeSpan.FromSeconds(1);
    private readonly ManualResetEventSlim _stopAsked = new();
    private TaskCompletionSource<int> _end = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private ManagementServer? _management;
    private volatile IActorRef? _node;
    private volatile string? _restartBecause;
    private int _signals;

    public static string Version { get; } =
        typeof(NodeDaemon).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "unknown";

    /// <summary>Runs until the node has stopped; the result is an <see cref="ExitCode"/>.</summary>
    public int Run()
    {
        StateDirectory state;
        try
        {
            state = StateDirectory.Open(configuration.Settings.StateDirectory);
        }
        catch (StateDirectoryInUseException failure)
        {
            log.Fatal("The node does not start: {Reason}", failure.Message);
            return ExitCode.InUse;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            log.Fatal("The node does not start: the state directory {Directory} cannot be used: {Reason}", configuration.Settings.StateDirectory, failure.Message);
            return ExitCode.Failure;
        }

        using (state)
        {
            long files = FileLimit.Raise(configuration.Settings.OpenFiles);
            log.Information("ActorSan {Version} starts as {Node}: {Threads} I/O threads, up to {Files} open files, state in {State}",
                Version, configuration.Settings.Name, configuration.Settings.Io.Cpus.Count, files, state.Path);
            return RunUntilStopped();
        }
    }

    // A node that the others have given up begins anew, in the same process and with the same lock on its state: as another process would.
    private int RunUntilStopped()
    {
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal);
        using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal);
        using PosixSignalRegistration hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, OnSignal);
        using PosixSignalRegistration statistics = PosixSignalRegistration.Create((PosixSignal)ProcessStatistics.UserSignal, context =>
        {
            context.Cancel = true;
            log.Information("statistics: {Statistics:l}", ProcessStatistics.Line());
        });
        while (true)
        {
            ClusterBoot? boot = null;
            try
            {
                boot = configuration.Settings.Cluster is null ? null : ClusterBoot.Open(configuration.Settings);
            }
            catch (Exception failure) when (failure is JournalException or ClusterIdentityException or ClusterTlsException)
            {
                log.Fatal("The node does not start: {Reason}", failure.Message);
                return ExitCode.Failure;
            }

            using (boot)
            {
                _end = new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously);
                _restartBecause = null;
                int code = RunSystem(boot);
                if (_restartBecause is null || Volatile.Read(ref _signals) > 0)
                {
                    return code;
                }

                log.Information("The node starts anew in {Pause}", s_restartPause);
                if (_stopAsked.Wait(s_restartPause))
                {
                    return ExitCode.Success;
                }
            }
        }
    }

    private int RunSystem(ClusterBoot? boot)
    {
        Config loggers = ConfigurationFactory.ParseString($"akka.loggers = [\"{typeof(SerilogBridge).AssemblyQualifiedName!.Split(", Version", 2)[0]}\"]");
        Config akka = (boot is null ? ConfigurationFactory.ParseString(configuration.AkkaHocon) : boot.Akka(configuration.AkkaHocon)).WithFallback(loggers);
        Setup[] setups = [BootstrapSetup.Create().WithConfig(akka), new SerilogSetup(log), .. boot?.Setups() ?? []];
        using var system = ActorSystem.Create(boot?.SystemName ?? SystemName, ActorSystemSetup.Create(setups));
        if (boot is not null)
        {
            tail.Target = boot.Parts.State.LogLines;
        }

        IActorRef owner = system.ActorOf(Props.Create(() => new Owner(this)), "daemon");
        IActorRef node = system.ActorOf(NodeGuardian.Props(configuration.Settings, engines, owner, boot?.Parts), "node");
        node.Tell(new StartNode());
        _node = node;
        if (Volatile.Read(ref _signals) > 0)
        {
            // A signal came before there was anybody to tell.
            node.Tell(new StopNode());
        }

        int code = _end.Task.GetAwaiter().GetResult();
        _node = null;
        _ready?.Remove();
        Interlocked.Exchange(ref _management, null)?.StopAsync().Wait(TimeSpan.FromSeconds(3));

        system.Terminate().Wait(TimeSpan.FromSeconds(5));
        return code;
    }

    private void StartManagement(IManagement management)
    {
        ManagementOptions options;
        try
        {
            options = ClusterBoot.ManagementOf(configuration.Settings.Management, log);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or System.Security.Cryptography.CryptographicException)
        {
            log.Error("The management API does not start: its certificate can't be read: {Reason}", failure.Message);
            return;
        }

        _ = Task.Run(async () =>
        {
            try
            {
                ManagementServer server = await ManagementServer.Start(options, management).ConfigureAwait(false);
                _management = server;
                log.Information("The management API answers at {Url}; 'pbm {Address} cluster show' asks it", server.Url, server.Address);
            }
            catch (Exception failure) when (failure is IOException or ArgumentException or System.Net.Sockets.SocketException)
            {
                log.Error("The management API does not listen on {Address}: {Reason}", options.Address, failure.Message);
            }
        });
    }

    private void OnSignal(PosixSignalContext context)
    {
        context.Cancel = true;
        if (Interlocked.Increment(ref _signals) == 1)
        {
            log.Information("{Signal}: the node stops in order within {Timeout}; a second signal stops it at once", context.Signal, configuration.Settings.StopTimeout);
            _stopAsked.Set();
            _node?.Tell(new StopNode());
            return;
        }

        log.Warning("{Signal} again: the node stops at once", context.Signal);
        log.Dispose();
        _ready?.Remove();
        Environment.Exit(ExitCode.Interrupted);
    }

    private void OnReady(NodeReady ready)
    {
        if (ready.Management is { } management && configuration.Settings.Management.Enabled)
        {
            StartManagement(management);
        }

        foreach (VolumeSummary volume in ready.Volumes.Where(volume => volume.Fault is not null))
        {
            log.Warning("The node starts without volume {Volume}: {Reason}", volume.Name, volume.Fault);
        }

        try
        {
            _ready?.Write(configuration.Settings.Name, ready);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            log.Error("The ready file cannot be written: {Reason}", failure.Message);
        }

        log.Information("Ready: {Volumes} volumes, {Targets} targets, {Portals}", ready.Volumes.Count(volume => volume.Fault is null), ready.Targets.Count,
            ready.Portals.Count == 0 ? "no portal" : string.Join(", ", ready.Portals.Select(portal => portal.Address.ToString())));
    }

    private void OnStopped(NodeStopped stopped, bool failed)
    {
        foreach (string fault in stopped.Faults)
        {
            log.Error("Not in order: {Fault}", fault);
        }

        _restartBecause = stopped.RestartBecause;
        if (stopped.IsClean && !failed && stopped.RestartBecause is null)
        {
            log.Information("Stopped in order");
        }

        _end.TrySetResult(stopped.IsClean && !failed ? ExitCode.Success : ExitCode.Failure);
    }

    /// <summary>What the guardian reports to.</summary>
    private sealed class Owner : ReceiveActor
    {
        public Owner(NodeDaemon daemon)
        {
            bool failed = false;
            Receive<NodeReady>(daemon.OnReady);
            Receive<NodeFailed>(_ => failed = true);
            Receive<NodeStopped>(stopped => daemon.OnStopped(stopped, failed));
        }
    }
}
