using ActorSan.Cluster.Engines;
using ActorSan.Cluster.Messages;
using ActorSan.Cluster.Settings;
using ActorSan.Iscsi;
using Akka.Actor;
using Akka.Event;

namespace ActorSan.Cluster.Actors;

/// <summary><c>/user/node/targets</c>: all targets, and the events of the iSCSI side on their way to them.</summary>
public sealed class TargetsActor : ReceiveActor
{
    private readonly Dictionary<string, IActorRef> _byIqn = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, TargetSummary> _exported = new(StringComparer.Ordinal);

    // Targets that end: their sessions are on their way out. One of the same name that is wanted meanwhile begins when they have gone.
    private readonly Dictionary<string, PutTarget?> _ending = new(StringComparer.Ordinal);
    private readonly Dictionary<string, VolumeAvailable> _available = new(StringComparer.Ordinal);
    private readonly IIscsiEngine _engine;
    private readonly int _count;
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private IActorRef _exportAskedBy = ActorRefs.Nobody;
    private bool _reported;

    public TargetsActor(IReadOnlyList<TargetConfiguration> targets, IIscsiEngine engine)
    {
        _engine = engine;
        _count = targets.Count;
        foreach (TargetConfiguration target in targets)
        {
            _byIqn.Add(target.Iqn, Context.ActorOf(TargetActor.Props(target, engine), Uri.EscapeDataString(target.Iqn)));
        }

        Receive<VolumeAvailable>(OnAvailable);
        Receive<VolumeUnavailable>(OnUnavailable);
        Receive<PutTarget>(OnPut);
        Receive<DropTarget>(OnDrop);
        Receive<Terminated>(ended => OnEnded(Uri.UnescapeDataString(ended.ActorRef.Path.Name)));
        Receive<ExportTargets>(OnExport);
        Receive<TargetExported>(OnExported);
        Receive<TargetFailed>(failed => Context.Parent.Tell(failed));
        Receive<SessionOpened>(opened => Route(opened.Session.TargetName, opened));
        Receive<SessionClosed>(closed => Route(closed.Session.TargetName, closed));
        Receive<LoginDenied>(OnDenied);
        Receive<IscsiWarning>(warning => _log.Warning("{Peer}: {Warning}", warning.PeerAddress, warning.Text));
        Receive<KickSession>(TellAll);
        Receive<LetSessionsGo>(TellAll);
        Receive<GetTargetReports>(_ => ReportAll());
    }

    public static Props Props(IReadOnlyList<TargetConfiguration> targets, IIscsiEngine engine) => Akka.Actor.Props.Create(() => new TargetsActor(targets, engine));

    protected override SupervisorStrategy SupervisorStrategy() => Supervision.EscalateAll;

    private void ReportAll()
    {
        IActorRef asker = Sender;
        Task.WhenAll(Context.GetChildren().Select(child => child.Ask<TargetReport>(new GetTargetReport(), TimeSpan.FromSeconds(1))))
            .PipeTo(asker, success: reports => reports.OrderBy(report => report.Iqn, StringComparer.Ordinal).ToArray());
    }

    private void OnAvailable(VolumeAvailable available)
    {
        _available[available.Name] = available;
        TellAll(available);
    }

    private void OnUnavailable(VolumeUnavailable unavailable)
    {
        _ = _available.Remove(unavailable.Name);
        TellAll(unavailable);
    }

    // A target of the catalog: it comes and goes while the node runs, and knows the volumes that came before it.
    private void OnPut(PutTarget put)
    {
        if (_ending.ContainsKey(put.Target.Iqn))
        {
            _ending[put.Target.Iqn] = put;
            return;
        }

        if (!_byIqn.TryGetValue(put.Target.Iqn, out IActorRef? target))
        {
            target = Context.ActorOf(TargetActor.Props(put.Target, _engine), $"{Uri.EscapeDataString(put.Target.Iqn)}");
            _byIqn.Add(put.Target.Iqn, target);
            foreach (VolumeAvailable available in _available.Values)
            {
                target.Tell(available);
            }
        }

        target.Tell(put);
    }

    private void OnDrop(DropTarget drop)
    {
        if (_ending.ContainsKey(drop.Iqn))
        {
            _ending[drop.Iqn] = null;
        }
        else if (_byIqn.Remove(drop.Iqn, out IActorRef? target))
        {
            _ending.Add(drop.Iqn, null);
            _ = Context.Watch(target);
            target.Tell(drop);
        }
    }

    private void OnEnded(string iqn)
    {
        if (_ending.Remove(iqn, out PutTarget? wanted) && wanted is not null)
        {
            OnPut(wanted);
        }
    }

    private void OnExport(ExportTargets export)
    {
        _exportAskedBy = Sender;
        TellAll(export);
        ReportWhenAllExported();
    }

    private void OnExported(TargetExported exported)
    {
        _exported[exported.Name] = exported.Summary;
        Context.Parent.Tell(exported);

        ReportWhenAllExported();
    }

    private void ReportWhenAllExported()
    {
        if (!_reported && !_exportAskedBy.IsNobody() && _exported.Count >= _count)
        {
            _reported = true;
            _exportAskedBy.Tell(new TargetsExported([.. _exported.Values]));
        }
    }

    // A discovery session has no target; its comings and goings are of no interest.
    private void Route(string targetName, object message)
    {
        if (_byIqn.TryGetValue(targetName, out IActorRef? target))
        {
            target.Tell(message);
        }
    }

    private void OnDenied(LoginDenied denied)
    {
        if (_byIqn.TryGetValue(denied.TargetName, out IActorRef? target))
        {
            target.Tell(denied);
            return;
        }

        _log.Warning("Login of {Initiator} from {Peer} to {Target} refused: {Refusal} {Detail}", denied.InitiatorName, denied.PeerAddress, denied.TargetName, denied.Refusal, denied.Detail);
    }

    private static void TellAll(object message)
    {
        foreach (IActorRef child in Context.GetChildren())
        {
            child.Tell(message);
        }
    }

    /// <summary>What iSCSI calls on its threads.</summary>
    internal sealed class Sink(IActorRef targets) : IIscsiEvents
    {
        public void SessionStarted(SessionInfo session) => targets.Tell(new SessionOpened(session));

        public void SessionEnded(SessionInfo session, SessionEnd reason, string detail) => targets.Tell(new SessionClosed(session, reason, detail));

        public void LoginRefused(string initiatorName, string targetName, string peerAddress, LoginRefusal refusal, string detail) =>
            targets.Tell(new LoginDenied(initiatorName, targetName, peerAddress, refusal, detail));

        public void Warning(string peerAddress, string text) => targets.Tell(new IscsiWarning(peerAddress, text));
    }
}
