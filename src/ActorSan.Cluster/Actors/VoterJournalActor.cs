using ActorSan.Cluster.Messages;
using ActorSan.Cluster.Registers;
using ActorSan.Replication.Core.Register;
using Akka.Actor;
using Akka.Event;
using Akka.Persistence;

namespace ActorSan.Cluster.Actors;

/// <summary>
/// The journal of this node's voter (replication.md §2, Register): reads it to its end before it says a word, makes durable what the voter appends, in order, and now and then puts a
/// snapshot in the place of what came before. It decides nothing. Anything that goes wrong with reading or appending ends it with <see cref="VoterJournalFailed"/>; a snapshot that
/// fails does not, for the records are still there.
/// </summary>
public sealed class VoterJournalActor : ReceivePersistentActor
{
    private const string LeftAsItIs = "It is left as it is; moved away, the node becomes a new voter that must be admitted in place of the old one.";
    private readonly Guid _incarnation;
    private readonly int _snapshotInterval;
    private readonly IActorRef _owner;
    private readonly VoterState _state = new();
    private long _read;
    private bool _snapshotting;
    private long _snapshotAt;
    private bool _failed;

    /// <param name="incarnation">The journal's.</param>
    /// <param name="snapshotInterval">Records between two snapshots.</param>
    /// <param name="owner">Runs the voter; is told <see cref="VoterJournalOpened"/> and what follows.</param>
    public VoterJournalActor(Guid incarnation, int snapshotInterval, IActorRef owner)
    {
        _incarnation = incarnation;
        _snapshotInterval = snapshotInterval;
        _owner = owner;
        Recover<SnapshotOffer>(OnSnapshotRead);
        Recover<VoterRecord>(OnRecordRead);
        Recover<RecoveryCompleted>(_ => OnAllRead());
        Command<AppendVoterRecord>(append => PersistAsync(append.Record, OnDurable));
        Command<SaveSnapshotSuccess>(saved => OnSnapshotSaved(saved.Metadata.SequenceNr));
        Command<SaveSnapshotFailure>(failure => OnSnapshotFailed(failure.Cause));
        Command<DeleteMessagesSuccess>(deleted => OnDeleted(deleted.ToSequenceNr));
        Command<DeleteMessagesFailure>(failure => OnSnapshotFailed(failure.Cause));
        Command<DeleteSnapshotsSuccess>(_ => { });
        Command<DeleteSnapshotsFailure>(failure => Log.Warning("Older snapshots of the voter's journal can't be deleted, which will be tried again with the next: {Reason}", failure.Cause.Message));
    }

    /// <summary>The database has one owner: the name need not tell which.</summary>
    public override string PersistenceId => "voter";

    public static Props Props(Guid incarnation, int snapshotInterval, IActorRef owner) => Akka.Actor.Props.Create(() => new VoterJournalActor(incarnation, snapshotInterval, owner));

    protected override void OnPersistFailure(Exception cause, object @event, long sequenceNr) => Fail($"record {sequenceNr} can't be written: {cause.GetBaseException().Message}");

    protected override void OnPersistRejected(Exception cause, object @event, long sequenceNr)
    {
        Fail($"record {sequenceNr} was not taken: {cause.GetBaseException().Message}");
        Context.Stop(Self);
    }

    protected override void OnRecoveryFailure(Exception reason, object? message = null) =>
        Fail($"it can't be read: {reason.GetBaseException().Message} {LeftAsItIs}");

    private void OnSnapshotRead(SnapshotOffer offer)
    {
        if (offer.Snapshot is not VoterJournalSnapshot snapshot || snapshot.WriteCount != offer.Metadata.SequenceNr)
        {
            throw new JournalException(JournalFault.Damaged, $"The snapshot at record {offer.Metadata.SequenceNr} is not that record's.");
        }

        foreach (VoterRecord record in snapshot.Records)
        {
            _state.Apply(record);
        }

        _read = snapshot.WriteCount;
        _snapshotAt = _read;
    }

    private void OnRecordRead(VoterRecord record)
    {
        _read++;
        if (LastSequenceNr != _read)
        {
            throw new JournalException(JournalFault.Damaged, $"Record {LastSequenceNr} follows where {_read} should: records are missing.");
        }

        _state.Apply(record);
    }

    private void OnAllRead()
    {
        if (LastSequenceNr != _read)
        {
            Fail($"it ends after record {_read}, and {LastSequenceNr} were written: records are missing. {LeftAsItIs}");
            Context.Stop(Self);
            return;
        }

        Log.Info("The voter's journal {Incarnation} holds {WriteCount} records", _incarnation, _read);

        // The voter goes on with a state of its own: what it has heard and what is durable are not the same.
        var held = new VoterState();
        foreach (VoterRecord record in _state.ToRecords())
        {
            held.Apply(record);
        }

        _owner.Tell(new VoterJournalOpened(new VoterJournal(_incarnation, _read, Self, _owner), held));
    }

    private void OnDurable(VoterRecord record)
    {
        _state.Apply(record);
        _owner.Tell(new VoterRecordDurable(LastSequenceNr));
        if (!_snapshotting && LastSequenceNr - _snapshotAt >= _snapshotInterval)
        {
            _snapshotting = true;
            _snapshotAt = LastSequenceNr;
            SaveSnapshot(new VoterJournalSnapshot(LastSequenceNr, _state.ToRecords()));
        }
    }

    private void OnSnapshotSaved(long sequenceNr)
    {
        // The records first: an older snapshot without the records after it would be of no use, and costs nothing meanwhile.
        DeleteMessages(sequenceNr);
        DeleteSnapshots(new SnapshotSelectionCriteria(sequenceNr - 1));
    }

    private void OnDeleted(long sequenceNr)
    {
        _snapshotting = false;
        _owner.Tell(new VoterJournalCompacted(sequenceNr));
    }

    private void OnSnapshotFailed(Exception cause)
    {
        _snapshotting = false;
        Log.Warning("The voter's journal can't be shortened, which will be tried again after {Interval} records: {Reason}", _snapshotInterval, cause.GetBaseException().Message);
    }

    // Told once: a failed batch fails each of its records.
    private void Fail(string reason)
    {
        if (!_failed)
        {
            _failed = true;
            Log.Error("The voter's journal has failed and its voter votes no more: {Reason}", reason);
            _owner.Tell(new VoterJournalFailed(reason));
        }
    }
}
