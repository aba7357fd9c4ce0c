using System.Globalization;
using System.Net;
using ActorSan.Cluster.Control;
using ActorSan.Cluster.Engines;
using ActorSan.Cluster.Messages;
using ActorSan.Cluster.Settings;
using ActorSan.Iscsi;
using ActorSan.Scsi;
using Akka.Actor;
using Akka.Event;

namespace ActorSan.Cluster.Actors;

/// <summary>
/// <c>/user/node/targets/&lt;name&gt;</c>: one target: its LUN map from the volumes that are there, its access rules, its sessions. On every change the iSCSI side gets the
/// settings whole; changes that come while it takes the last ones wait and go together.
/// </summary>
public sealed class TargetActor : ReceiveActor
{
    private readonly Dictionary<string, IOpenVolume> _open = new(StringComparer.Ordinal);
    private TargetConfiguration _configuration;
    private IReadOnlyList<NodePortal> _remote = [];
    private readonly IIscsiEngine _engine;
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly SortedDictionary<ulong, LogicalUnit> _luns = [];
    private readonly Dictionary<long, SessionInfo> _sessions = [];
    private bool _exportAsked;
    private bool _dropped;
    private bool _exporting;
    private bool _exportAgain;
    private long _version;
    private long _logins;
    private long _refusals;

    public TargetActor(TargetConfiguration configuration, IIscsiEngine engine)
    {
        _configuration = configuration;
        _engine = engine;
        Receive<VolumeAvailable>(OnAvailable);
        Receive<ExportTargets>(_ =>
        {
            _exportAsked = true;
            Export();
        });
        Receive<VolumeUnavailable>(OnUnavailable);
        Receive<PutTarget>(OnPut);
        Receive<DropTarget>(_ => Drop());
        Receive<ExportDone>(OnExported);
        Receive<SessionOpened>(OnSessionOpened);
        Receive<SessionClosed>(OnSessionClosed);
        Receive<LoginDenied>(OnDenied);
        Receive<KickSession>(kick => Context.Child(NameOf(kick.SessionId)).Tell(kick, Sender));
        Receive<LetSessionsGo>(OnLetGo);
        Receive<GetTargetReport>(_ => Report());
    }

    public static Props Props(TargetConfiguration configuration, IIscsiEngine engine) => Akka.Actor.Props.Create(() => new TargetActor(configuration, engine));

    /// <summary>A session's actor owns nothing that could be left behind.</summary>
    protected override SupervisorStrategy SupervisorStrategy() => Supervision.StopChild;

    private void OnAvailable(VolumeAvailable available)
    {
        _open[available.Name] = available.Open;
        if (_configuration.Luns.Any(lun => lun.Volume == available.Name))
        {
            FollowLuns();
        }
    }

    // A store that may come back is waited for: its unit answers NOT READY meanwhile.
    private void OnUnavailable(VolumeUnavailable unavailable)
    {
        if (!unavailable.MayPass && _open.Remove(unavailable.Name))
        {
            FollowLuns();
        }
    }

    private void OnPut(PutTarget put)
    {
        _configuration = put.Target;
        _remote = put.Remote;
        _version = put.Version;
        _exportAsked = true;
        FollowLuns();
    }

    private void FollowLuns()
    {
        _luns.Clear();
        foreach (LunConfiguration lun in _configuration.Luns)
        {
            if (_open.TryGetValue(lun.Volume, out IOpenVolume? open))
            {
                _luns[lun.Number] = open.UnitOf(lun);
            }
        }

        if (_exportAsked)
        {
            Export();
        }
    }

    private void OnLetGo(LetSessionsGo go)
    {
        if (_configuration.Luns.Any(lun => lun.Volume == go.Volume))
        {
            foreach (long session in _sessions.Keys)
            {
                _engine.Kick(session, $"volume {go.Volume} waits for a lease that another node may have");
            }
        }
    }

    private void Drop()
    {
        _dropped = true;
        IActorRef self = Self;
        _engine.RemoveTarget(_configuration.Iqn).ContinueWith(_ => self.Tell(PoisonPill.Instance), TaskScheduler.Default);
        _log.Info("Target {Target} is exported no more", _configuration.Iqn);
    }

    private void Export()
    {
        if (_dropped)
        {
            return;
        }

        if (_exporting)
        {
            _exportAgain = true;
            return;
        }

        _exporting = true;
        var summary = new TargetSummary(_configuration.Iqn, [.. _luns.Keys]);
        long version = _version;
        _engine.SetTarget(Settings()).PipeTo(Self, success: () => new ExportDone(summary, version, null), failure: failure => new ExportDone(summary, version, failure.GetBaseException().Message));
    }

    private void OnExported(ExportDone done)
    {
        _exporting = false;
        if (_exportAgain)
        {
            _exportAgain = false;
            Export();
            return;
        }

        if (done.Fault is { } fault)
        {
            _log.Error("Target {Target} cannot be exported: {Reason}", _configuration.Iqn, fault);
            Context.Parent.Tell(new TargetFailed(_configuration.Name, fault));
            return;
        }

        _log.Info("Target {Target} is exported with LUNs {Luns}", _configuration.Iqn, done.Summary.Luns.Count == 0 ? "none" : string.Join(", ", done.Summary.Luns));
        Context.Parent.Tell(new TargetExported(_configuration.Name, done.Summary, done.Version));
    }

    private TargetSettings Settings() => new()
    {
        Name = _configuration.Iqn,
        Alias = _configuration.Alias,
        PortalGroups = _configuration.PortalGroups,
        RemotePortals = [.. _remote.Where(portal => IPEndPoint.TryParse(portal.Address, out _)).Select(portal => new RemotePortalSettings { Address = IPEndPoint.Parse(portal.Address), GroupTag = (ushort)portal.GroupTag })],
        Initiators = _configuration.Initiators,
        Open = _configuration.Open,
        Chap = _configuration.Chap,
        Luns = new SortedDictionary<ulong, LogicalUnit>(_luns),
        Session = _configuration.Session,
        Redirect = _configuration.Redirect,
    };

    private void OnSessionOpened(SessionOpened opened)
    {
        _logins++;
        SessionInfo session = opened.Session;
        _sessions[session.SessionId] = session;
        _log.Info("Session {Session} of {Initiator} from {Peer} began ({Parameters})", session.SessionId, session.InitiatorName, session.PeerAddress, session.Parameters);
        Context.ActorOf(SessionActor.Props(session, _engine), NameOf(session.SessionId));
    }

    private void OnSessionClosed(SessionClosed closed)
    {
        SessionInfo session = closed.Session;
        _sessions.Remove(session.SessionId);
        if (closed.Reason is SessionEnd.Logout or SessionEnd.Shutdown or SessionEnd.Kicked or SessionEnd.Reinstated)
        {
            _log.Info("Session {Session} of {Initiator} ended: {Reason} {Detail}", session.SessionId, session.InitiatorName, closed.Reason, closed.Detail);
        }
        else
        {
            _log.Warning("Session {Session} of {Initiator} from {Peer} ended: {Reason} {Detail}", session.SessionId, session.InitiatorName, session.PeerAddress, closed.Reason, closed.Detail);
        }

        Context.Stop(Context.Child(NameOf(session.SessionId)));
    }

    private void OnDenied(LoginDenied denied)
    {
        _refusals++;
        _log.Warning("Login of {Initiator} from {Peer} refused: {Refusal} {Detail}", denied.InitiatorName, denied.PeerAddress, denied.Refusal, denied.Detail);
    }

    private void Report()
    {
        IActorRef asker = Sender;
        TargetReport report = new(_configuration.Iqn, [.. _luns.Keys], [], _logins, _refusals);
        Task.WhenAll(Context.GetChildren().Select(child => child.Ask<SessionReport>(new GetSessionReport(), TimeSpan.FromSeconds(1))))
            .PipeTo(asker, success: sessions => report with { Sessions = [.. sessions.OrderBy(session => session.Session.SessionId)] }, failure: _ => report);
    }

    private static string NameOf(long sessionId) => "session-" + sessionId.ToString(CultureInfo.InvariantCulture);

    private sealed record ExportDone(TargetSummary Summary, long Version, string? Fault);
}
