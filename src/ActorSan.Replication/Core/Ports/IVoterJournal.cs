using ActorSan.Replication.Core.Register;

namespace ActorSan.Replication.Core.Ports;

/// <summary>
/// The journal of a node's voter (replication.md §2, Register). Made once with an incarnation of its own; what is appended becomes durable in order. A write that fails ends the
/// voter: nothing is called back, and the node starts a new one from what the journal then holds.
/// </summary>
public interface IVoterJournal
{
    /// <summary>Made with the journal: a journal that was lost and made again is another voter.</summary>
    Guid Incarnation { get; }

    /// <summary>How many records were ever made durable in it. Never falls, unless the journal was put back to an older state (A2).</summary>
    long WriteCount { get; }

    /// <summary>Returns at once; <see cref="JournalWrite.OnDurable"/> follows, later or before this returns, in the order of appending and with <see cref="WriteCount"/> raised.</summary>
    void Append(JournalWrite write);
}

/// <summary>One record on its way to the journal.</summary>
public abstract class JournalWrite(VoterRecord record)
{
    public VoterRecord Record { get; } = record;

    /// <summary>Called once, on the voter's thread.</summary>
    public abstract void OnDurable();
}
