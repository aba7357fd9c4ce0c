using ActorSan.Cluster.Engines;
using ActorSan.Cluster.Messages;
using ActorSan.Cluster.Settings;
using ActorSan.Storage.Blocks;
using ActorSan.Storage.Threads;
using Akka.Actor;
using Akka.Event;

namespace ActorSan.Cluster.Actors;

/// <summary>
/// <c>/user/node/volumes/&lt;name&gt;</c>: the shell of one volume, single replica: opens it on its home thread, follows its state, remembers what happened to it, closes it.
/// A store that cannot be opened for a reason that may pass (a device that isn't there yet) is tried again with growing pauses.
/// </summary>
public sealed class VolumeActor : ReceiveActor, IWithTimers
{
    private const int MaxHistory = 64;
    private static readonly TimeSpan FirstRetry = TimeSpan.FromSeconds(2);
    private const string FaultTimer = "faults";
    private static readonly TimeSpan FaultPause = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LongestRetry = TimeSpan.FromMinutes(1);
    private readonly VolumeSettings _settings;
    private readonly IVolumeEngine _engine;
    private readonly IoThread _home;
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly Queue<VolumeEvent> _history = new();
    private IOpenVolume? _open;
    private VolumeState _state = new(VolumeStateKind.Starting, "not opened yet");
    private TimeSpan _retry = FirstRetry;
    private IActorRef? _closeAskedBy;
    private bool _opening;
    private long _faults;
    private StoreFaultEvent _lastFault;

    public VolumeActor(VolumeSettings settings, IVolumeEngine engine, IoThread home)
    {
        _settings = settings;
        _engine = engine;
        _home = home;
        Receive<TryOpen>(_ => Open());
        Receive<Opened>(OnOpened);
        Receive<OpenFailed>(OnOpenFailed);
        Receive<VolumeStateChanged>(changed => OnState(changed.State));
        Receive<VolumeFaulted>(faulted => OnFault(faulted.Fault));
        Receive<FaultsAreDue>(_ => TellFaults());
        Receive<VolumeResized>(resized => _log.Info("Volume {Volume} has {SizeBytes} bytes now", _settings.Name, resized.Geometry.SizeBytes));
        Receive<CloseVolume>(_ => Close());
        Receive<Closed>(OnClosed);
        Receive<GetVolumeReport>(_ => Sender.Tell(new VolumeReport(_settings.Name, _open?.Volume.VolumeId, _open?.Volume.Geometry, _state, [.. _history])));
    }

    public ITimerScheduler Timers { get; set; } = null!;

    public static Props Props(VolumeSettings settings, IVolumeEngine engine, IoThread home) => Akka.Actor.Props.Create(() => new VolumeActor(settings, engine, home));

    protected override void PreStart() => Self.Tell(new TryOpen());

    private void Open()
    {
        if (_closeAskedBy is not null || _opening)
        {
            return;
        }

        _opening = true;
        _engine.Open(_settings, _home, new Observer(Self)).PipeTo(Self, success: open => new Opened(open), failure: failure => new OpenFailed(failure));
    }

    private void OnOpened(Opened opened)
    {
        _opening = false;
        _open = opened.Volume;
        _retry = FirstRetry;
        if (_closeAskedBy is not null)
        {
            CloseOpen();
            return;
        }

        IBlockVolume volume = _open.Volume;
        OnState(volume.State);
        _log.Info("Volume {Volume} is open: {SizeBytes} bytes in blocks of {BlockBytes}, id {VolumeId}, on I/O thread {Thread}", _settings.Name, volume.Geometry.SizeBytes, volume.Geometry.LogicalBlockBytes,
            volume.VolumeId, _home.Name);
        Context.Parent.Tell(new VolumeAvailable(_settings.Name, _open, Summary(null)));
    }

    private void OnOpenFailed(OpenFailed failed)
    {
        _opening = false;
        Exception failure = failed.Failure.GetBaseException();
        bool mayPass = failure is VolumeOpenException { MayPass: true };
        OnState(new VolumeState(VolumeStateKind.Failed, failure.Message));
        if (failure is VolumeOpenException)
        {
            _log.Error("Volume {Volume} cannot be opened: {Reason}", _settings.Name, failure.Message);
        }
        else
        {
            _log.Error(failure, "Volume {Volume} cannot be opened", _settings.Name);
        }

        Context.Parent.Tell(new VolumeUnavailable(_settings.Name, failure.Message, mayPass, Summary(failure.Message)));
        if (_closeAskedBy is { } asker)
        {
            asker.Tell(new VolumeClosed(_settings.Name, null));
        }
        else if (mayPass)
        {
            Timers.StartSingleTimer("retry", new TryOpen(), _retry);
            _retry = TimeSpan.FromTicks(Math.Min(_retry.Ticks * 2, LongestRetry.Ticks));
        }
    }

    private void OnState(VolumeState state)
    {
        if (state.Kind != _state.Kind && state.Kind == VolumeStateKind.Failed && _open is not null)
        {
            _log.Error("Volume {Volume} failed: {Reason}", _settings.Name, state.Reason);
        }

        _state = state;
        Remember(new VolumeEvent(Context.System.Scheduler.Now, state.Kind, state.Reason));
    }

    // The first fault is told at once; those that follow within a while are counted and told together, so that a dying disk does not drown the log.
    private void OnFault(in StoreFaultEvent fault)
    {
        _faults++;
        if (_faults == 1)
        {
            Tell(fault, 1);
            Timers.StartSingleTimer(FaultTimer, new FaultsAreDue(), FaultPause);
        }

        _lastFault = fault;
    }

    private void TellFaults()
    {
        if (_faults > 1)
        {
            Tell(_lastFault, _faults - 1);
        }

        _faults = 0;
    }

    private void Tell(in StoreFaultEvent fault, long times)
    {
        string reason = fault.Errno == 0 ? "" : $": {Errno.Describe(fault.Errno)}";
        _log.Error("Volume {Volume}: {Operation} at {OffsetBytes}, {LengthBytes} bytes long, ended with {Status:l} ({Times} times)", _settings.Name, fault.Operation, fault.OffsetBytes,
            fault.LengthBytes, $"{fault.Status}{reason}", times);
        Remember(new VolumeEvent(Context.System.Scheduler.Now, _state.Kind, $"{fault.Operation} at {fault.OffsetBytes} ended with {fault.Status}{reason} ({times} times)"));
    }

    private void Remember(VolumeEvent happened)
    {
        _history.Enqueue(happened);
        if (_history.Count > MaxHistory)
        {
            _history.Dequeue();
        }
    }

    private void Close()
    {
        _closeAskedBy = Sender;
        Timers.CancelAll();
        if (_open is not null)
        {
            CloseOpen();
        }
        else if (!_opening)
        {
            Sender.Tell(new VolumeClosed(_settings.Name, null));
        }
    }

    private void CloseOpen() => _open!.Close().PipeTo(Self, success: () => new Closed(null), failure: failure => new Closed(failure.GetBaseException().Message));

    private void OnClosed(Closed closed)
    {
        string? fault = closed.Fault is null ? null : $"volume {_settings.Name} was not closed cleanly: {closed.Fault}";
        if (fault is null)
        {
            _log.Info("Volume {Volume} is flushed and closed", _settings.Name);
        }

        _open = null;
        OnState(new VolumeState(VolumeStateKind.Detached, closed.Fault ?? "closed"));
        _closeAskedBy!.Tell(new VolumeClosed(_settings.Name, fault));
    }

    private VolumeSummary Summary(string? fault) => new(_settings.Name, _open?.Volume.VolumeId, _open?.Volume.Geometry.SizeBytes ?? 0,
        _open?.Volume.Geometry.LogicalBlockBytes ?? 0, _home.Options.Index, fault);

    private sealed record TryOpen;

    private sealed record FaultsAreDue;

    private sealed record Opened(IOpenVolume Volume);

    private sealed record OpenFailed(Exception Failure);

    private sealed record Closed(string? Fault);

    private sealed class Observer(IActorRef actor) : IVolumeObserver
    {
        public void OnResized(IBlockVolume volume) => actor.Tell(new VolumeResized(volume.Geometry));

        public void OnStateChanged(IBlockVolume volume) => actor.Tell(new VolumeStateChanged(volume.State));

        public void OnStoreFault(IBlockVolume volume, in StoreFaultEvent fault) => actor.Tell(new VolumeFaulted(fault));
    }
}
