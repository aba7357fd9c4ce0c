using ActorSan.Cluster.Engines;
using ActorSan.Cluster.Messages;
using ActorSan.Cluster.Settings;
using Akka.Actor;

namespace ActorSan.Cluster.Actors;

/// <summary><c>/user/node/volumes</c>: all volumes; deals them out to the threads and tells the guardian of each change.</summary>
public sealed class VolumesActor : ReceiveActor
{
    private readonly IReadOnlyList<VolumeSettings> _settings;
    private readonly IVolumeEngine _engine;
    private readonly SortedDictionary<string, VolumeSummary> _tried = new(StringComparer.Ordinal);
    private readonly List<string> _faults = [];
    private IActorRef _openAskedBy = ActorRefs.Nobody;
    private IActorRef _closeAskedBy = ActorRefs.Nobody;
    private bool _reported;
    private int _toClose;

    public VolumesActor(IReadOnlyList<VolumeSettings> settings, IVolumeEngine engine)
    {
        _settings = settings;
        _engine = engine;
        Receive<OpenVolumes>(OnOpen);
        Receive<VolumeAvailable>(available =>
        {
            Context.Parent.Tell(available);
            OnTried(available.Name, available.Summary);
        });
        Receive<VolumeUnavailable>(unavailable =>
        {
            Context.Parent.Tell(unavailable);
            OnTried(unavailable.Name, unavailable.Summary);
        });
        Receive<CloseVolumes>(_ => OnClose());
        Receive<VolumeClosed>(OnClosed);
    }

    public static Props Props(IReadOnlyList<VolumeSettings> settings, IVolumeEngine engine) => Akka.Actor.Props.Create(() => new VolumesActor(settings, engine));

    protected override SupervisorStrategy SupervisorStrategy() => Supervision.EscalateAll;

    private void OnOpen(OpenVolumes open)
    {
        _openAskedBy = Sender;
        int next = 0;
        foreach (VolumeSettings settings in _settings)
        {
            int thread = settings.Thread ?? next++ % open.Threads.Count;
            Context.ActorOf(VolumeActor.Props(settings, _engine, open.Threads[thread]), settings.Name);
        }

        ReportWhenAllTried();
    }

    private void OnTried(string name, VolumeSummary summary)
    {
        _tried[name] = summary;
        ReportWhenAllTried();
    }

    private void ReportWhenAllTried()
    {
        if (!_reported && _tried.Count == _settings.Count)
        {
            _reported = true;
            _openAskedBy.Tell(new VolumesOpened([.. _tried.Values]));
        }
    }

    private void OnClose()
    {
        _closeAskedBy = Sender;
        _toClose = Context.GetChildren().Count();
        foreach (IActorRef child in Context.GetChildren())
        {
            child.Tell(new CloseVolume());
        }

        TellWhenAllClosed();
    }

    private void OnClosed(VolumeClosed closed)
    {
        if (closed.Fault is { } fault)
        {
            _faults.Add(fault);
        }

        _toClose--;
        TellWhenAllClosed();
    }

    private void TellWhenAllClosed()
    {
        if (_toClose == 0)
        {
            _closeAskedBy.Tell(new VolumesClosed([.. _faults]));
        }
    }
}
