using ActorSan.Replication.Core.Ports;
using ActorSan.Replication.Core.Values;

namespace ActorSan.Replication.Core.Register;

/// <summary>What a node asks of a voter about one register.</summary>
/// <param name="From">The asking node: where the reply goes.</param>
/// <param name="Key">Name and lineage.</param>
/// <param name="To">The voter that is meant. Another incarnation answers <see cref="Unknown"/> and nothing else (R2).</param>
/// <param name="Seen">The highest write count that the asker has seen of this voter: a voter whose journal has less was put back to an older state (§2).</param>
public abstract record RegisterRequest(string From, RegisterKey Key, VoterId To, long Seen) : ControlMessage;

/// <summary>R2.</summary>
public sealed record Prepare(string From, RegisterKey Key, VoterId To, long Seen, Ballot Ballot) : RegisterRequest(From, Key, To, Seen);

/// <summary>R5.</summary>
public sealed record Accept(string From, RegisterKey Key, VoterId To, long Seen, Ballot Ballot, RegisterValue Value) : RegisterRequest(From, Key, To, Seen);

/// <summary>S7: the first value, to be held at the ballot below all others. Answered by <see cref="Begun"/>, <see cref="BeginRefused"/>, <see cref="Leased"/> or <see cref="Unknown"/>.</summary>
/// <param name="Asks">P11: nothing is recorded; <see cref="WouldBegin"/> instead of <see cref="Begun"/>.</param>
public sealed record Begin(string From, RegisterKey Key, VoterId To, long Seen, RegisterValue Value, bool Asks = false) : RegisterRequest(From, Key, To, Seen);

/// <summary>A value that was decided (R5): to know the voters, to step down, to show; never a permission.</summary>
public sealed record Learn(string From, RegisterKey Key, RegisterValue Value) : ControlMessage;

/// <summary>What a voter answers.</summary>
/// <param name="Voter">Who answers.</param>
/// <param name="WriteCount">How many writes its journal has made durable: falls only if the journal was put back.</param>
/// <param name="Seen">The request's: a reply with a lower <paramref name="WriteCount"/> comes from a journal that was put back. Replies may overtake each other, so the count alone would not tell.</param>
/// <param name="Ballot">The request's; the lowest ballot for a <see cref="Begin"/>.</param>
public abstract record RegisterReply(RegisterKey Key, VoterId Voter, long WriteCount, long Seen, Ballot Ballot) : ControlMessage;

/// <summary>R2: nothing below <see cref="RegisterReply.Ballot"/> will be accepted. <paramref name="Value"/> is null when the voter has truly accepted nothing.</summary>
public sealed record Promise(RegisterKey Key, VoterId Voter, long WriteCount, long Seen, Ballot Ballot, Ballot AcceptedBallot, RegisterValue? Value)
    : RegisterReply(Key, Voter, WriteCount, Seen, Ballot);

/// <summary>R2, R5: the ballot is too low.</summary>
public sealed record Lower(RegisterKey Key, VoterId Voter, long WriteCount, long Seen, Ballot Ballot, Ballot Promised) : RegisterReply(Key, Voter, WriteCount, Seen, Ballot);

/// <summary>R2, L2, L6: a grant to another node runs (<paramref name="Holder"/>), or the voter is mute (null). Nothing was recorded.</summary>
public sealed record Leased(RegisterKey Key, VoterId Voter, long WriteCount, long Seen, Ballot Ballot, PrimaryId? Holder) : RegisterReply(Key, Voter, WriteCount, Seen, Ballot);

/// <summary>R2: the voter is not the one that was asked, or not one to be asked. <paramref name="Asked"/> is the request's.</summary>
/// <param name="By">For <see cref="UnknownReason.Discarded"/> and <see cref="UnknownReason.Conflicting"/>: the other lineage.</param>
public sealed record Unknown(RegisterKey Key, VoterId Voter, long WriteCount, long Seen, Ballot Ballot, VoterId Asked, UnknownReason Reason, Guid By)
    : RegisterReply(Key, Voter, WriteCount, Seen, Ballot);

/// <summary>R5: the value is durable at this voter.</summary>
public sealed record Accepted(RegisterKey Key, VoterId Voter, long WriteCount, long Seen, Ballot Ballot) : RegisterReply(Key, Voter, WriteCount, Seen, Ballot);

/// <summary>S7: the first value is durable at this voter.</summary>
public sealed record Begun(RegisterKey Key, VoterId Voter, long WriteCount, long Seen) : RegisterReply(Key, Voter, WriteCount, Seen, default);

/// <summary>P11: the voter was asked, holds no grant that stands in the way, and would hold the first value.</summary>
public sealed record WouldBegin(RegisterKey Key, VoterId Voter, long WriteCount, long Seen) : RegisterReply(Key, Voter, WriteCount, Seen, default);

/// <summary>S7: the register holds something else. <paramref name="Held"/> is null when it is not this register but another lineage that stands in the way, or the value does not fit its key.</summary>
/// <param name="By">P11: the lineage that stands in the way, if it is that.</param>
public sealed record BeginRefused(RegisterKey Key, VoterId Voter, long WriteCount, long Seen, RegisterValue? Held, Guid By = default) : RegisterReply(Key, Voter, WriteCount, Seen, default);

/// <summary>Why a voter knows nothing of what it is asked. Numbers are on the wire.</summary>
public enum UnknownReason : byte
{
    None = 0,

    /// <summary>Its journal is another one: it is not the voter that was meant.</summary>
    OtherIncarnation = 1,

    /// <summary>Its journal was put back to an older state: it is no voter any more (§2).</summary>
    PutBack = 2,

    /// <summary>P11: it has heard of a lineage that has this one among its parents.</summary>
    Discarded = 3,

    /// <summary>P11: it has heard of another lineage, and neither names the other.</summary>
    Conflicting = 4,
}
