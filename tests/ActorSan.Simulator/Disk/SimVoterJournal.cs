using ActorSan.Replication.Core.Ports;
using ActorSan.Replication.Core.Register;

namespace ActorSan.Simulator.Disk;

/// <summary>A simulated journal as a voter's.</summary>
internal sealed class SimVoterJournal(SimJournal journal) : IVoterJournal
{
    public Guid Incarnation => journal.Incarnation;

    public long WriteCount => journal.WriteCount;

    /// <summary>What it holds, folded.</summary>
    public VoterState Load()
    {
        var state = new VoterState();
        foreach (object record in journal.Records)
        {
            state.Apply((VoterRecord)record);
        }

        return state;
    }

    public void Append(JournalWrite write) => journal.Append(new Adapter(write));

    private sealed class Adapter(JournalWrite write) : SimJournalWrite
    {
        public override object Record => write.Record;

        public override void OnDurable() => write.OnDurable();

        // The voter ends with its process; nobody makes an append fail while it lives.
        public override void OnFailed()
        {
        }
    }
}
