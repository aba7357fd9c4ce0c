using ActorSan.Replication.Core.Ports;
using ActorSan.Replication.Core.Values;

namespace ActorSan.Replication.Core.Register;

/// <summary>R8: which journal has this node?</summary>
public sealed record VoterQuery(string From, RegisterKey Key) : ControlMessage;

/// <param name="Voter">The node with the incarnation of its journal.</param>
public sealed record VoterReply(string From, RegisterKey Key, VoterId Voter) : ControlMessage;
