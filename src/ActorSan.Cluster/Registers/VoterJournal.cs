using ActorSan.Cluster.Messages;
using ActorSan.Replication.Core.Ports;
using ActorSan.Storage;
using Akka.Actor;

namespace ActorSan.Cluster.Registers;

/// <summary>
/// A voter's end of its journal: what it appends goes to the <see cref="Actors.VoterJournalActor"/>, and is told to be durable when that one's answer comes back through the owner's
/// mailbox. The voter never waits for the disk: grants and releases, which need none, go on meanwhile.
/// </summary>
public sealed class VoterJournal(Guid incarnation, long writeCount, IActorRef journal, IActorRef owner) : IVoterJournal
{
    private readonly Queue<JournalWrite> _onTheirWay = new();

    public Guid Incarnation { get; } = incarnation;

    public long WriteCount { get; private set; } = writeCount;

    /// <summary>Appended and not yet known to be durable.</summary>
    public int OnTheirWay => _onTheirWay.Count;

    public void Append(JournalWrite write)
    {
        _onTheirWay.Enqueue(write);
        journal.Tell(new AppendVoterRecord(write.Record), owner);
    }

    /// <summary>On the voter's thread, for each message of the journal.</summary>
    public void OnDurable(VoterRecordDurable durable)
    {
        Invariant.Check(_onTheirWay.Count > 0 && durable.WriteCount == WriteCount + 1, "the journal answers once for each record, in order");
        WriteCount = durable.WriteCount;
        _onTheirWay.Dequeue().OnDurable();
    }
}
