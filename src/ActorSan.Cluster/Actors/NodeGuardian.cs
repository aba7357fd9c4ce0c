using System.Net;
using ActorSan.Cluster.Control;
using ActorSan.Cluster.Engines;
using ActorSan.Cluster.Messages;
using ActorSan.Cluster.Settings;
using ActorSan.Iscsi;
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
    // Of the stop's time: the handover's share, then the sessions', then the volumes', then the threads'.
    private const double HandOverShare = 0.3;
    private const double DrainShare = 0.3;
    private const double CloseShare = 0.3;
    private const double ThreadShare = 0.1;

    private static readonly TimeSpan s_leave = TimeSpan.FromSeconds(3);

    // A node that starts anew serves nothing meanwhile: its sessions are not waited for.
    private static readonly TimeSpan s_restartDrain = TimeSpan.FromMilliseconds(200);
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
    private readonly ClusterNode? _cluster;
    private bool _membershipLost;
    private bool _clusterStarts;
    private bool _clusterRuns;
    private bool _stopping;
    private string? _restartBecause;
    private StopPhase _phase;

    /// <param name="settings">What to start.</param>
    /// <param name="engines">With what.</param>
    /// <param name="owner">Is told <see cref="NodeReady"/>, <see cref="NodeFailed"/> and <see cref="NodeStopped"/>.</param>
    /// <param name="cluster">Null: the node is alone.</param>
    public NodeGuardian(NodeSettings settings, NodeEngines engines, IActorRef owner, ClusterParts? cluster)
    {
        _settings = settings;
        _engines = engines;
        _owner = owner;
        _io = Context.ActorOf(IoThreadsActor.Props(settings.Io, engines.MakeThread, settings.StopTimeout * ThreadShare), "io");
        _volumes = Context.ActorOf(VolumesActor.Props(settings.Volumes, engines.Volumes), "volumes");
        _targets = Context.ActorOf(TargetsActor.Props(settings.Targets, engines.Iscsi), "targets");
        if (cluster is not null)
        {
            IActorRef self = Self;
            _cluster = new ClusterNode(Context, settings, cluster, _io, _targets, failure => self.Tell(new ActorFailed(failure)));
        }

        Running();
    }

    public ITimerScheduler Timers { get; set; } = null!;

    public static Props Props(NodeSettings settings, NodeEngines engines, IActorRef owner, ClusterParts? cluster = null) =>
        Akka.Actor.Props.Create(() => new NodeGuardian(settings, engines, owner, cluster));

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
        Receive<VolumeUnavailable>(unavailable => _targets.Tell(unavailable));
        Receive<PutTarget>(put => _targets.Tell(put));
        Receive<DropTarget>(drop => _targets.Tell(drop));
        Receive<LetSessionsGo>(go => _targets.Tell(go));
        Receive<TargetExported>(exported => _cluster?.Actor.Tell(exported));
        Receive<ClusterStarted>(_ => OnClusterStarted());
        Receive<ClusterFailed>(OnClusterFailed);
        Receive<MembershipLost>(OnMembershipLost);
        Receive<RestartNode>(restart => Restart(restart.Reason));
        Receive<ClusterHandedOver>(_ => OnHandedOver());
        Receive<ClusterStopped>(OnClusterStopped);
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
        if (_portals.Count != _settings.Portals.Count || _stopping)
        {
            return;
        }

        if (_cluster is not null && !_clusterRuns)
        {
            if (!_clusterStarts)
            {
                _clusterStarts = true;
                _cluster.Actor.Tell(new StartCluster(_threads, [.. _settings.Portals.Select(AsTold)]));
            }

            return;
        }

        ThreadSummary[] threads = [.. _threads.Select(thread => new ThreadSummary(thread.Options.Index, thread.Name, thread.Engine.ToString(), thread.Options.Cpu))];
        _owner.Tell(new NodeReady(threads, _volumeSummaries, _targetSummaries, [.. _portals.OrderBy(portal => portal.Name, StringComparer.Ordinal)]) { Management = _cluster?.Management });
    }

    private NodePortal AsTold(PortalConfiguration portal)
    {
        IPEndPoint address = portal.Advertised ?? _portals.First(up => up.Name == portal.Name).Address;
        PortalGroupSettings group = _settings.PortalGroups.First(one => one.GroupTag == portal.GroupTag);
        return new NodePortal(portal.Name, address.ToString(), portal.GroupTag, group.RelativePortId, group.PortGroupId);
    }

    private void OnClusterStarted()
    {
        _clusterRuns = true;
        TellWhenReady();
    }

    private void OnClusterFailed(ClusterFailed failed)
    {
        if (failed.MayPass)
        {
            Restart(failed.Reason);
        }
        else
        {
            Fail(failed.Reason);
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

    // Whatever it was primary of it is no more: what it has in hand is answered without a claim, and it comes back as a new process would.
    private void Restart(string reason)
    {
        if (!_stopping)
        {
            _log.Warning("The node starts anew: {Reason}", reason);
            _restartBecause = reason;
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
        if (_cluster is null || _restartBecause is not null)
        {
            Drain();
            return;
        }

        _log.Info("Stopping: volumes are handed over");
        Await(StopPhase.HandOver, _settings.StopTimeout * HandOverShare);
        _cluster.Actor.Tell(new HandOverAll());
    }

    private void OnHandedOver()
    {
        if (Leave(StopPhase.HandOver))
        {
            Drain();
        }
    }

    private void Drain()
    {
        _log.Info("Stopping: sessions are asked to log out");
        TimeSpan drain = _restartBecause is null ? _settings.StopTimeout * DrainShare : s_restartDrain;
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
        if (_cluster is null)
        {
            _volumes.Tell(new CloseVolumes());
        }
        else
        {
            _cluster.Actor.Tell(new StopCluster());
        }
    }

    private void OnClusterStopped(ClusterStopped stopped)
    {
        if (_phase == StopPhase.Close)
        {
            _faults.AddRange(stopped.Faults);
            _volumes.Tell(new CloseVolumes());
        }
    }

    private void OnClosed(VolumesClosed closed)
    {
        if (!Leave(StopPhase.Close))
        {
            return;
        }

        _faults.AddRange(closed.Faults);
        if (_cluster is not null && _restartBecause is null && !_membershipLost)
        {
            // In order, so that the others need not find out that it is gone.
            Await(StopPhase.Leave, s_leave);
            _cluster.Leave();
            return;
        }

        StopThreads();
    }

    private void OnMembershipLost(MembershipLost lost)
    {
        _membershipLost = true;
        if (Leave(StopPhase.Leave))
        {
            StopThreads();
        }
        else if (!_stopping && lost.End == MembershipEnd.Left)
        {
            _log.Info("This node was asked to leave its cluster: {Reason}", lost.Reason);
            Stop();
        }
        else
        {
            Restart($"this node is no member of its cluster any more: {lost.Reason}");
        }
    }

    private void StopThreads()
    {
        _cluster?.Dispose();
        Await(StopPhase.Threads, (_settings.StopTimeout * ThreadShare) + TimeSpan.FromSeconds(1));
        _io.Tell(new StopIoThreads());
    }

    private void OnThreadsStopped(IoThreadsStopped stopped)
    {
        if (Leave(StopPhase.Threads))
        {
            _faults.AddRange(stopped.Faults);
            _owner.Tell(new NodeStopped([.. _faults], _restartBecause));
            Context.Stop(Self);
        }
    }

    // Each phase of a stop ends in bounded time; what it could not do is a fault of the stop.
    private void OnLate(PhaseLate late)
    {
        switch (late.Phase)
        {
            case StopPhase.HandOver:
                _log.Warning("Not every volume was handed over in time: the others take them over when the lease has run out");
                OnHandedOver();
                break;
            case StopPhase.Drain:
                OnDrained("not within its share of the stop's time");
                break;
            case StopPhase.Close:
                OnClosed(new VolumesClosed(["volumes were not closed within their share of the stop's time"]));
                break;
            case StopPhase.Leave:
                _ = Leave(StopPhase.Leave);
                StopThreads();
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
        HandOver,
        Drain,
        Close,
        Leave,
        Threads,
    }

    private sealed record PortalUp(PortalConfiguration Portal, IPEndPoint Address);

    private sealed record PortalDown(PortalConfiguration Portal, string Reason);

    private sealed record SessionsDrained(string? Fault);

    private sealed record PhaseLate(StopPhase Phase);

    private sealed record ActorFailed(Exception Failure);
}
