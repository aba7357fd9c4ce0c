using ActorSan.Replication.Core.Ports;
using ActorSan.Replication.Core.Values;

namespace ActorSan.Replication.Core.Control;

/// <summary>P9: what is your replica, asked of each member. Who does not know yet does not answer.</summary>
public sealed record MemberQuery(string From, RegisterKey Key, long Number) : ControlMessage;

/// <summary>P9: what a member says of itself.</summary>
/// <param name="Number">Of the question.</param>
/// <param name="Self">Its store and power session; null when it has failed, so that this session is over for good.</param>
/// <param name="IsOldCopy">By the marks that it has heard, W2.</param>
/// <param name="Mark">Of its replica.</param>
public sealed record MemberReply(string From, RegisterKey Key, long Number, Member? Self, bool IsOldCopy, long Mark) : ControlMessage;

/// <summary>P8: the old primary's word that this is decided.</summary>
public sealed record HandOver(string From, RegisterKey Key, Configuration Configuration) : ControlMessage;

/// <summary>S7: an operator's wish, sent to whoever is primary (R7).</summary>
public sealed record GrowWish(string From, RegisterKey Key, long SizeBytes) : ControlMessage;

/// <summary>P12: a round was decided with the vote of the node whose process this instance is.</summary>
public sealed record Together(string From, RegisterKey Key, Guid Instance, VoterId Voter) : ControlMessage;

/// <summary>An operator's wish, sent to whoever is primary (R7).</summary>
public sealed record HandOverWish(string From, RegisterKey Key, string To) : ControlMessage;
