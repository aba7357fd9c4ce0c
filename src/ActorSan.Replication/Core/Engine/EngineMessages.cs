using ActorSan.Replication.Core.Frames;
using ActorSan.Replication.Core.Values;
using ActorSan.Storage.Stores;

namespace ActorSan.Replication.Core.Engine;

/// <summary>From the control side to the engine, in order, any time later. Facts and roles; no bytes.</summary>
public abstract record EngineCommand;

/// <summary>P3: attachments as a secondary end, what is not submitted is dropped, the epoch becomes durable. Answered by <see cref="SelfFenced"/>.</summary>
/// <param name="Current">u: what it says of marks counts (W2).</param>
public sealed record FenceSelf(long Epoch, Configuration Current) : EngineCommand;

/// <summary>W3 raise: the epoch is durable here before it is proposed. Answered by <see cref="SelfFenced"/>; the role goes on.</summary>
public sealed record RaiseSelf(long Epoch) : EngineCommand;

/// <summary>P5: decided, by this node's own round or handed over. Begins with attaching all members.</summary>
public sealed record BecomePrimary(Configuration Configuration) : EngineCommand;

/// <summary>P5: who did not come is dropped; write what may differ.</summary>
public sealed record Reconcile(long Reign) : EngineCommand;

/// <summary>P7: somebody else is primary, or nobody. Pending requests end without a claim (W6).</summary>
/// <param name="Exact">After a handover everything was complete: the list stays exact (P8).</param>
public sealed record StepDown(bool Exact) : EngineCommand;

/// <summary>A configuration that is decided: drops, admissions and raises take effect in one step (W7).</summary>
public sealed record NoteDecided(Configuration Configuration) : EngineCommand;

/// <summary>S4: the round ended before an Accept was sent: nobody can have decided the admission.</summary>
public sealed record AdmissionAbandoned(string Node) : EngineCommand;

/// <summary>P8: stop admitting, complete all in flight. Answered by <see cref="Drained"/>.</summary>
public sealed record Drain : EngineCommand;

/// <summary>The handover is off; admit again.</summary>
public sealed record Undrain : EngineCommand;

/// <summary>P8: the peer refuses older epochs from here on. Answered by <see cref="PeerFenced"/>.</summary>
public sealed record FencePeer(string Node, long Epoch) : EngineCommand;

/// <summary>L4: a lease was granted anew; answers that wait for one may go.</summary>
public sealed record LeaseRenewed : EngineCommand;

/// <summary>W6: `on-no-quorum = fail`: what waits for a decision is answered with an error, without ending; until false.</summary>
public sealed record Suspended(bool Fail, bool On) : EngineCommand;

/// <summary>P10: the last member's failed writes are answered with what the store said, nobody else can take over.</summary>
public sealed record NoOtherMember : EngineCommand;

/// <summary>S6: compare all in-sync replicas with this node's bytes and repair what differs.</summary>
public sealed record Verify : EngineCommand;

/// <summary>S7: every required peer and the own store make room for that size. Answered by <see cref="GrowReady"/>, again after every change of the configuration, or <see cref="GrowRefused"/>.</summary>
public sealed record Grow(long SizeBytes) : EngineCommand;

/// <summary>P11: the own lineage stands still here while another one begins: no role, no attachment, nothing in the store's hands. Answered by <see cref="ForcePrepared"/>.</summary>
public sealed record PrepareForce : EngineCommand;

/// <summary>P11: nothing was begun; the own lineage goes on, unless it is to stand still for another reason.</summary>
public sealed record AbandonForce(bool GoesOn) : EngineCommand;

/// <summary>P11: the first value of the lineage that is to begin, durable before any voter hears of it. Answered by <see cref="ForceKept"/>.</summary>
public sealed record KeepForce(Configuration First) : EngineCommand;

/// <summary>P11: the lineage has begun on all its voters: the replica belongs to it. Answered by <see cref="LineageEntered"/>.</summary>
public sealed record EnterLineage(Configuration First) : EngineCommand;

/// <summary>P11, I6: nothing of this lineage is done here any more.</summary>
/// <param name="Discarded">Another one names it: durable, until an operator's discard.</param>
public sealed record StopLineage(Guid Lineage, bool Discarded) : EngineCommand;

/// <summary>P11: the operator's word. What this replica may have too much or too little of goes to its intents, then it belongs to the other lineage. Answered by <see cref="LineageEntered"/>.</summary>
public sealed record DiscardLineage(Configuration Into) : EngineCommand;

/// <summary>From the engine to the control side, in order, any time later.</summary>
public abstract record EngineEvent;

public sealed record SelfFenced(long Epoch, bool Held, bool IsOldCopy) : EngineEvent;

/// <summary>What this node's replica is, whenever it changes.</summary>
/// <param name="Primary">The node that it is attached to; null: none.</param>
/// <param name="IsSessionEnded">The store has failed, and that is durable: its session is over for good (P9).</param>
/// <param name="IsDiscarded">Another lineage discards this one's (P11).</param>
public sealed record SelfState(Member Self, long Mark, bool IsOldCopy, bool IsCoarse, bool IsFailed, long HighestEpoch, string? Primary, Guid Lineage, bool IsDiscarded, bool IsSessionEnded) : EngineEvent;

/// <summary>P11, first thing after the start: the configuration page. Of another lineage than the replica's own it is the first value of one that was to begin and was cut short.</summary>
public sealed record ConfigurationFound(Guid Lineage, Configuration Found) : EngineEvent;

public sealed record ForcePrepared(bool Held) : EngineEvent;

public sealed record ForceKept(Configuration First, bool Held) : EngineEvent;

public sealed record LineageEntered(Guid Lineage, bool Held) : EngineEvent;

/// <summary>P11: a primary of another lineage offered an attachment.</summary>
public sealed record LineageHeard(Configuration Configuration) : EngineEvent;

/// <summary>P5: every member has answered or the time is over.</summary>
/// <param name="Losers">Members that did not come, came broken, or whose list is longer than is worth waiting for.</param>
public sealed record AttachRoundOver(long Reign, ValueList<string> Losers) : EngineEvent;

public sealed record Reconciled(long Reign) : EngineEvent;

/// <summary>P2: the replica is not the one that the decided value names any more, or its store has failed.</summary>
public sealed record CannotServe(long Reign) : EngineEvent;

public sealed record Drained(long Reign) : EngineEvent;

/// <summary>P8: it is to serve on, and had not drained. <paramref name="What"/> says what was under way, for people.</summary>
public sealed record NotDrained(long Reign, string What) : EngineEvent;

/// <summary>W7: a required peer is without attachment for too long, or leaves a frame unanswered.</summary>
public sealed record PeerLate(long Epoch, string Node) : EngineEvent;

/// <summary>A member came with another session or incarnation, or as an old copy: dropped first (W3).</summary>
public sealed record PeerBroken(long Epoch, string Node) : EngineEvent;

public sealed record PeerRefused(long Epoch, string Node, RefusalReason Reason, long HighestEpoch, Guid Incarnation) : EngineEvent;

public sealed record PeerAttached(long Epoch, string Node, Guid Instance, Guid Incarnation, Guid Session, bool InSync) : EngineEvent;

/// <summary>S4: gated and flushed; it may be admitted. It stays required until that is settled.</summary>
public sealed record PeerReady(long Epoch, string Node, Guid Incarnation, Guid Session) : EngineEvent;

/// <summary>P8: the peer refuses older epochs.</summary>
public sealed record PeerFenced(string Node, long Epoch) : EngineEvent;

/// <summary>W2: somebody has heard a higher mark of this node's store.</summary>
public sealed record SelfIsOldCopy : EngineEvent;

public sealed record StoreFailed(StoreStatus Status) : EngineEvent;

/// <summary>P10: every other member has flushed, since the own store failed, all that was ever answered.</summary>
public sealed record MembersHold(long Reign) : EngineEvent;

/// <summary>L5: the loop turns; every tick.</summary>
/// <param name="OldestIoNs">When the oldest I/O that the own store has not ended was submitted; long.MaxValue: none.</param>
public sealed record EngineTurns(long OldestIoNs) : EngineEvent;

/// <summary>P7, W3: a primary of a higher epoch is there.</summary>
public sealed record HigherEpochHeard(long Epoch) : EngineEvent;

/// <summary>I7: a frame whose body does not fit was dropped; the sentence says why.</summary>
public sealed record FrameDropped(string Node, FrameKind Kind, string Sentence) : EngineEvent;

/// <summary>I6, I7: pages of the metadata area that can't be trusted; the sentences say why. What they stand for is done without them.</summary>
public sealed record PagesDoubted(ValueList<string> Sentences) : EngineEvent;

/// <summary>A decided configuration came by a link.</summary>
public sealed record ConfigurationHeard(Configuration Configuration) : EngineEvent;

/// <summary>What the control side must know of the marks when it proposes (W2), with every change.</summary>
public sealed record MarksHeard(ValueList<HeardMark> Marks) : EngineEvent;

/// <summary>S6.</summary>
public sealed record VerifyEnded(long ComparedBytes, long DifferentBytes) : EngineEvent;

/// <summary>§3, Protocols: an asynchronous replica that is out wholly has everything: from now on its sets tell what it lacks.</summary>
public sealed record PeerCaughtUp(long Epoch, string Node, Guid Incarnation) : EngineEvent;

/// <summary>S7: whoever is required by that version of the configuration has room, and the new part reads as zeroes there.</summary>
public sealed record GrowReady(long SizeBytes, long Version) : EngineEvent;

/// <summary>S7: that node's store cannot become so large.</summary>
public sealed record GrowRefused(string Node, long SizeBytes) : EngineEvent;

public interface IEngineEvents
{
    void Post(EngineEvent happened);
}
