using System.Net;
using ActorSan.Cluster.Engines;
using ActorSan.Cluster.Messages;
using ActorSan.Cluster.Settings;
using ActorSan.Storage;
using ActorSan.Storage.Threads;
using Akka.Actor;
using Akka.Event;

namespace ActorSan.Cluster.Actors;

/// <summary>
/// <c>/user/node</c>: starts threads, volumes, targets and portals in this order, so that an initiator that finds a portal finds everything behind it, and stops them in
/// the reverse one. What must not be survived (a dead I/O thread, an invariant, a bug in an actor) stops the node in the same order and is told as <see cref="NodeFailed"/>.
/// </summary>
public sealed class NodeGuardian : ReceiveActor, IWithTimers
{
    // Of the stop's time: the sessions' share, then the volumes', then the threads'.
    private const double DrainShare = 0.4;
    private const double CloseShare = 0.4;
    private const double ThreadShare = 0.2;
    private readonly NodeSettings _settings;
    private readonly NodeEngines _engines;
    private readonly IActorRef _owner;
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly List<PortalSummary> _portals = [];
    private readonly List<string> _faults = [];
    private readonly IActorRef _io;
    private readonly IActorRef _volumes;
    private readonly IActorRef _targets;
    private IReadOnlyList<IoThread> _threads = [];
    private IReadOnlyList<VolumeSummary> _volumeSummaries = [];
    private IReadOnlyList<TargetSummary> _targetSummaries = [];
    private bool _stopping;
    private StopPhase _phase;

    /// <param name="settings">What to start.</param>
    /// <param name="engines">With what.</param>
    /// <param name="owner">Is told <see cref="NodeReady"/>, <see cref="NodeFailed"/> and <see cref="NodeStopped"/>.</param>
    public NodeGuardian(NodeSettings settings, NodeEngines engines, IActorRef owner)
    {
        _settings = settings;
        _engines = engines;
        _owner = owner;
        _io = Context.ActorOf(IoThreadsActor.Props(settings.Io, engines.MakeThread, settings.StopTimeout * ThreadShare), "io");
        _volumes = Context.ActorOf(VolumesActor.Props(settings.Volumes, engines.Volumes), "volumes");
        _targets = Context.ActorOf(TargetsActor.Props(settings.Targets, engines.Iscsi), "targets");
        Running();
    }

    public ITimerScheduler Timers { get; set; } = null!;

    public static Props Props(NodeSettings settings, NodeEngines engines, IActorRef owner) => Akka.Actor.Props.Create(() => new NodeGuardian(settings, engines, owner));

    protected override SupervisorStrategy SupervisorStrategy()
    {
        IActorRef self = Self;
        return new OneForOneStrategy(failure =>
        {
            // The child keeps its state and its mailbox goes on: an ordered stop needs it to.
            self.Tell(new ActorFailed(failure));
            return Directive.Resume;
        });
    }

    private void Running()
    {
        Receive<StartNode>(_ => _io.Tell(new StartIoThreads()));
        Receive<IoThreadsStarted>(OnThreads);
        Receive<VolumesOpened>(OnVolumes);
        Receive<TargetsExported>(OnTargets);
        Receive<PortalUp>(OnPortal);
        Receive<PortalDown>(down => Fail($"portal '{down.Portal.Name}' cannot listen on {down.Portal.Address}: {down.Reason}"));
        Receive<IoThreadFailed>(failed => Fail($"I/O thread {failed.Name} failed: {failed.Failure.Message}"));
        Receive<TargetFailed>(failed => Fail($"target '{failed.Name}' cannot be exported: {failed.Reason}"));
        Receive<ActorFailed>(failed => Fail(failed.Failure is InvariantViolationException ? failed.Failure.Message : $"an actor failed: {failed.Failure}"));
        Receive<VolumeAvailable>(available => _targets.Tell(available));
        Receive<VolumeUnavailable>(_ => { });
        Receive<StopNode>(_ => Stop());
        Receive<SessionsDrained>(drained => OnDrained(drained.Fault));
        Receive<VolumesClosed>(OnClosed);
        Receive<IoThreadsStopped>(OnThreadsStopped);
        Receive<PhaseLate>(OnLate);
    }

    private void OnThreads(IoThreadsStarted started)
    {
        if (_stopping)
        {
            return;
        }

        _threads = started.Threads;
        _engines.Iscsi.Start(_threads, new TargetsActor.Sink(_targets));
        _volumes.Tell(new OpenVolumes(_threads));
    }

    private void OnVolumes(VolumesOpened opened)
    {
        _volumeSummaries = opened.Volumes;
        if (opened.Volumes.Count > 0 && opened.Volumes.All(volume => volume.Fault is not null))
        {
            Fail(opened.Volumes.Count == 1
                ? $"volume '{opened.Volumes[0].Name}' cannot be opened: {opened.Volumes[0].Fault}"
                : $"none of the {opened.Volumes.Count} volumes can be opened; the first: {opened.Volumes[0].Fault}");
        }
        else if (!_stopping)
        {
            _targets.Tell(new ExportTargets());
        }
    }

    private void OnTargets(TargetsExported exported)
    {
        _targetSummaries = exported.Targets;
        if (_stopping)
        {
            return;
        }

        foreach (PortalConfiguration portal in _settings.Portals)
        {
            _engines.Iscsi.Listen(portal.ToPortal()).PipeTo(Self, success: address => new PortalUp(portal, address),
                failure: failure => new PortalDown(portal, failure.GetBaseException().Message));
        }

        TellWhenReady();
    }

    private void OnPortal(PortalUp up)
    {
        _log.Info("Portal {Portal} listens on {Address}, portal group {PortalGroup}", up.Portal.Name, up.Address, up.Portal.GroupTag);
        _portals.Add(new PortalSummary(up.Portal.Name, up.Address, up.Portal.GroupTag));
        TellWhenReady();
    }

    private void TellWhenReady()
    {
        if (_portals.Count == _settings.Portals.Count && !_stopping)
        {
            ThreadSummary[] threads = [.. _threads.Select(thread => new ThreadSummary(thread.Options.Index, thread.Name, thread.Engine.ToString(), thread.Options.Cpu))];
            _owner.Tell(new NodeReady(threads, _volumeSummaries, _targetSummaries, [.. _portals.OrderBy(portal => portal.Name, StringComparer.Ordinal)]));
        }
    }

    private void Fail(string reason)
    {
        _owner.Tell(new NodeFailed(reason));
        if (!_stopping)
        {
            _log.Error("The node cannot go on: {Reason}", reason);
            Stop();
        }
    }

    private void Stop()
    {
        if (_stopping)
        {
            return;
        }

        _stopping = true;
        _log.Info("Stopping: sessions are asked to log out");
        TimeSpan drain = _settings.StopTimeout * DrainShare;
        Await(StopPhase.Drain, drain + TimeSpan.FromSeconds(1));
        _engines.Iscsi.Stop(drain).PipeTo(Self, success: () => new SessionsDrained(null), failure: failure => new SessionsDrained(failure.GetBaseException().Message));
    }

    private void OnDrained(string? fault)
    {
        if (!Leave(StopPhase.Drain))
        {
            return;
        }

        if (fault is not null)
        {
            _faults.Add($"sessions did not end in order: {fault}");
        }

        _log.Info("Stopping: volumes are flushed and closed");
        Await(StopPhase.Close, _settings.StopTimeout * CloseShare);
        _volumes.Tell(new CloseVolumes());
    }

    private void OnClosed(VolumesClosed closed)
    {
        if (!Leave(StopPhase.Close))
        {
            return;
        }

        _faults.AddRange(closed.Faults);
        Await(StopPhase.Threads, (_settings.StopTimeout * ThreadShare) + TimeSpan.FromSeconds(1));
        _io.Tell(new StopIoThreads());
    }

    private void OnThreadsStopped(IoThreadsStopped stopped)
    {
        if (Leave(StopPhase.Threads))
        {
            _faults.AddRange(stopped.Faults);
            _owner.Tell(new NodeStopped([.. _faults]));
            Context.Stop(Self);
        }
    }

    // Each phase of a stop ends in bounded time; what it could not do is a fault of the stop.
    private void OnLate(PhaseLate late)
    {
        switch (late.Phase)
        {
            case StopPhase.Drain:
                OnDrained("not within its share of the stop's time");
                break;
            case StopPhase.Close:
                OnClosed(new VolumesClosed(["volumes were not closed within their share of the stop's time"]));
                break;
            case StopPhase.Threads:
                OnThreadsStopped(new IoThreadsStopped(["I/O threads did not end within their share of the stop's time"]));
                break;
            default:
                Invariant.Fail($"no such phase: {late.Phase}");
                break;
        }
    }

    private void Await(StopPhase phase, TimeSpan atMost)
    {
        _phase = phase;
        Timers.StartSingleTimer(nameof(PhaseLate), new PhaseLate(phase), atMost);
    }

    // An answer that comes after its phase was given up, and a timer that fired while the answer came, mean nothing any more.
    private bool Leave(StopPhase phase)
    {
        if (_phase != phase)
        {
            return false;
        }

        _phase = StopPhase.None;
        Timers.Cancel(nameof(PhaseLate));
        return true;
    }

    private enum StopPhase : byte
    {
        None,
        Drain,
        Close,
        Threads,
    }

    private sealed record PortalUp(PortalConfiguration Portal, IPEndPoint Address);

    private sealed record PortalDown(PortalConfiguration Portal, string Reason);

    private sealed record SessionsDrained(string? Fault);

    private sealed record PhaseLate(StopPhase Phase);

    private sealed record ActorFailed(Exception Failure);
}
