using ActorSan.Replication.Core.Values;

namespace ActorSan.Replication.Core.Register;

/// <summary>What a voter makes durable. Each record replaces an earlier one of its kind and key, so that a state is a list of records and a snapshot is the same list, shorter.</summary>
public abstract record VoterRecord;

/// <summary>R2: no ballot up to this one will be promised, none below it accepted.</summary>
public sealed record PromisedRecord(RegisterKey Key, Ballot Ballot) : VoterRecord;

/// <summary>R5, S7: the value that was accepted; implies the promise of the ballot.</summary>
public sealed record AcceptedRecord(RegisterKey Key, Ballot Ballot, RegisterValue Value) : VoterRecord;

/// <summary>P11: a lineage of this name exists, and these are its parents. What it discards is refused from here on.</summary>
public sealed record LineageRecord(string Name, Guid Lineage, ValueList<Guid> Parents) : VoterRecord;

/// <summary>L6: the longest lease that may have been granted.</summary>
public sealed record LongestLeaseRecord(long LeaseNs) : VoterRecord;

/// <summary>§2: someone has seen a higher write count of this journal: it was put back, and is no voter any more.</summary>
public sealed record PutBackRecord(long Seen) : VoterRecord;
