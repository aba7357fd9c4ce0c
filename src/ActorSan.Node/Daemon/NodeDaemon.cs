using System.Reflection;
using System.Runtime.InteropServices;
using ActorSan.Cluster.Actors;
using ActorSan.Cluster.Engines;
using ActorSan.Cluster.Messages;
using ActorSan.Node.Logging;
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
internal sealed class NodeDaemon(NodeConfiguration configuration, NodeEngines engines, Logger log, string? readyPath)
{
    private const string SystemName = "actorsan";
    private readonly ReadyFile? _ready = readyPath is null ? null : new ReadyFile(readyPath);
    private readonly TaskCompletionSource<int> _end = new(TaskCreationOptions.RunContinuationsAsynchronously);
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
            return RunSystem();
        }
    }

    private int RunSystem()
    {
        Config akka = ConfigurationFactory.ParseString(configuration.AkkaHocon)
            .WithFallback(ConfigurationFactory.ParseString($"akka.loggers = [\"{typeof(SerilogBridge).AssemblyQualifiedName!.Split(", Version", 2)[0]}\"]"));
        using var system = ActorSystem.Create(SystemName, ActorSystemSetup.Create(BootstrapSetup.Create().WithConfig(akka), new SerilogSetup(log)));
        IActorRef owner = system.ActorOf(Props.Create(() => new Owner(this)), "daemon");
        IActorRef node = system.ActorOf(NodeGuardian.Props(configuration.Settings, engines, owner), "node");
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => OnSignal(context, node));
        using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => OnSignal(context, node));
        using PosixSignalRegistration hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, context => OnSignal(context, node));
        using PosixSignalRegistration statistics = PosixSignalRegistration.Create((PosixSignal)ProcessStatistics.UserSignal, context =>
        {
            context.Cancel = true;
            log.Information("statistics: {Statistics:l}", ProcessStatistics.Line());
        });
        node.Tell(new StartNode());
        int code = _end.Task.GetAwaiter().GetResult();
        _ready?.Remove();
        system.Terminate().Wait(TimeSpan.FromSeconds(5));
        return code;
    }

    private void OnSignal(PosixSignalContext context, IActorRef node)
    {
        context.Cancel = true;
        if (Interlocked.Increment(ref _signals) == 1)
        {
            log.Information("{Signal}: the node stops in order within {Timeout}; a second signal stops it at once", context.Signal, configuration.Settings.StopTimeout);
            node.Tell(new StopNode());
            return;
        }

        log.Warning("{Signal} again: the node stops at once", context.Signal);
        log.Dispose();
        _ready?.Remove();
        Environment.Exit(ExitCode.Interrupted);
    }

    private void OnReady(NodeReady ready)
    {
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

        if (stopped.IsClean && !failed)
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
