using ActorSan.Cluster.Registers;
using ActorSan.Replication.Core.Register;

namespace ActorSan.Cluster.Messages;

/// <summary>From the journal to its owner, once and first: it has been read to its end. The owner makes a <c>Voter</c> from it, and nothing is answered before.</summary>
/// <param name="Journal">The owner's from now on: used on its thread alone.</param>
/// <param name="Held">What the journal holds, folded; the owner's as well.</param>
public sealed record VoterJournalOpened(VoterJournal Journal, VoterState Held);

/// <summary>From the owner's <see cref="VoterJournal"/> to the journal.</summary>
public sealed record AppendVoterRecord(VoterRecord Record);

/// <summary>From the journal to its owner, in the order of appending: one more is durable. To be handed to <see cref="VoterJournal.OnDurable"/>.</summary>
/// <param name="WriteCount">How many records there were ever, this one with them.</param>
public sealed record VoterRecordDurable(long WriteCount);

/// <summary>From the journal to its owner: a snapshot is durable, and what it stands for is gone.</summary>
/// <param name="WriteCount">How many records it stands for.</param>
public sealed record VoterJournalCompacted(long WriteCount);

/// <summary>From the journal to its owner, once and last: it could not be read, or a write failed. The voter ends with it: of what is on its way nobody knows whether it is durable.</summary>
/// <param name="Reason">For people.</param>
public sealed record VoterJournalFailed(string Reason);
