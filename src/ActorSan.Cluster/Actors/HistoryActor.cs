using ActorSan.Cluster.Control;
using ActorSan.Cluster.Registers;
using Akka.Actor;
using Akka.Event;
using Akka.Persistence;

namespace ActorSan.Cluster.Actors;

/// <summary>
/// <c>/user/node/cluster/history</c>: what happened to the volumes, as persistent events, so that a restart does not forget it. Written when it has been quiet for a moment, never beside the
/// votes of a failover, which wait for the same disk: what a crash takes is the last seconds. A history that can't be read or written is said once, and costs nothing else.
/// </summary>
public sealed class HistoryActor : ReceivePersistentActor, IWithTimers
{
    private const int EventsBetweenSnapshots = 500;
    private static readonly TimeSpan s_quiet = TimeSpan.FromSeconds(2);
    private readonly ClusterState _state;
    private readonly List<HistoryRecord> _waiting = [];
    private long _snapshotAt;
    private bool _failed;

    /// <param name="state">Holds the histories; what is read is put in front of what has happened since.</param>
    public HistoryActor(ClusterState state)
    {
        _state = state;
        Recover<HistoryRecord>(record => _state.Remember(record.Volume, record.Event));
        Recover<SnapshotOffer>(offer =>
        {
            foreach (HistoryRecord record in ((HistorySnapshot)offer.Snapshot).Records)
            {
                _state.Remember(record.Volume, record.Event);
            }

            _snapshotAt = offer.Metadata.SequenceNr;
        });
        Recover<RecoveryCompleted>(_ => { });
        Command<HistoryRecord>(OnEvent);
        Command<Flush>(_ => Write());
        Command<SaveSnapshotSuccess>(saved =>
        {
            DeleteMessages(saved.Metadata.SequenceNr);
            DeleteSnapshots(new SnapshotSelectionCriteria(saved.Metadata.SequenceNr - 1));
        });
        CommandAny(_ => { });
    }

    public ITimerScheduler Timers { get; set; } = null!;

    public override string PersistenceId => "history";

    public static Props Props(ClusterState state) => Akka.Actor.Props.Create(() => new HistoryActor(state));

    protected override void OnPersistFailure(Exception cause, object @event, long sequenceNr) => Fail(cause);

    protected override void OnPersistRejected(Exception cause, object @event, long sequenceNr) => Fail(cause);

    protected override void OnRecoveryFailure(Exception reason, object? message = null) => Fail(reason);

    private void OnEvent(HistoryRecord record)
    {
        _state.Remember(record.Volume, record.Event);
        _waiting.Add(record);
        Timers.StartSingleTimer(nameof(Flush), new Flush(), s_quiet);
    }

    private void Write()
    {
        PersistAllAsync([.. _waiting], static _ => { });
        _waiting.Clear();
        if (LastSequenceNr - _snapshotAt >= EventsBetweenSnapshots)
        {
            _snapshotAt = LastSequenceNr;
            SaveSnapshot(new HistorySnapshot([.. _state.Histories().SelectMany(one => one.Value.Select(happened => new HistoryRecord(one.Key, happened)))]));
        }
    }

    private void Fail(Exception cause)
    {
        if (!_failed)
        {
            _failed = true;
            Log.Warning("The volumes' histories can't be kept: {Reason}. They go on in memory", cause.GetBaseException().Message);
        }
    }

    private sealed record Flush;
}
