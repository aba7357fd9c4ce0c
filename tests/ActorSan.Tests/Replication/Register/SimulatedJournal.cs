using ActorSan.Replication.Core.Ports;
using ActorSan.Replication.Core.Register;

namespace ActorSan.Tests.Replication.Register;

/// <summary>A journal whose writes take time, and which outlives the process: kept, cut off where it was not durable, put back, or lost.</summary>
internal sealed class SimulatedJournal(Guid incarnation) : IVoterJournal
{
    private readonly List<VoterRecord> _durable = [];
    private readonly Queue<JournalWrite> _pending = [];

    public Guid Incarnation { get; } = incarnation;

    public long WriteCount => _durable.Count;

    public int Pending => _pending.Count;

    /// <summary>Called for each append; the world calls <see cref="CompleteOne"/> later, once for each.</summary>
    public Action? Appended { get; set; }

    public void Append(JournalWrite write)
    {
        _pending.Enqueue(write);
        Appended?.Invoke();
    }

    /// <summary>The oldest pending write is durable.</summary>
    public JournalWrite CompleteOne()
    {
        JournalWrite write = _pending.Dequeue();
        _durable.Add(write.Record);
        return write;
    }

    /// <summary>The process has died: of what was on its way, the first <paramref name="survivors"/> are durable.</summary>
    public void Crash(int survivors)
    {
        for (int i = 0; i < survivors && _pending.Count > 0; i++)
        {
            _ = CompleteOne();
        }

        _pending.Clear();
        Appended = null;
    }

    public void PutBack(int records) => _durable.RemoveRange(_durable.Count - records, records);

    public VoterState Load()
    {
        var state = new VoterState();
        _durable.ForEach(state.Apply);
        return state;
    }
}
