using ActorSan.Replication.Core.Ports;
using ActorSan.Replication.Core.Values;

namespace ActorSan.Replication.Core.Leases;

/// <summary>One lease that is asked for: this volume's, in this epoch.</summary>
public readonly record struct LeaseRequest(RegisterKey Key, long Epoch);

/// <summary>What became of one lease that was asked for. Numbers are on the wire.</summary>
public enum LeaseVerdict : byte
{
    None = 0,
    Granted = 1,

    /// <summary>A grant to another node runs, or one of this node in a higher epoch or of another of its instances.</summary>
    HeldByOther = 2,

    /// <summary>The voter has taken up a value of a higher epoch (L1), which <see cref="LeaseAnswer.HigherEpoch"/> tells.</summary>
    HigherEpoch = 3,

    /// <summary>The renewal is not younger than a Release of this instance (L2).</summary>
    Released = 4,

    /// <summary>It would be the longest lease yet, and that is not durable yet (L6), or it is longer than the voter grants at all.</summary>
    TooLong = 5,

    /// <summary>P11: the lineage is discarded, or in conflict with another.</summary>
    Discarded = 6,
}

public readonly record struct LeaseAnswer(RegisterKey Key, long Epoch, LeaseVerdict Verdict, long HigherEpoch);

/// <summary>L1: one message per voter for all volumes of a node.</summary>
/// <param name="Node">The node that wants the leases, and is answered.</param>
/// <param name="Instance">Of its process.</param>
/// <param name="To">The voter that is meant; another incarnation answers <see cref="RenewUnknown"/>.</param>
/// <param name="Seen">The highest write count seen of that voter (§2).</param>
/// <param name="Rid">Grows for the life of the process.</param>
/// <param name="LeaseNs">How long a lease is: named here, so that holder and voter count with one number while the setting changes.</param>
public sealed record Renew(string Node, Guid Instance, VoterId To, long Seen, long Rid, long LeaseNs, ValueList<LeaseRequest> Leases) : ControlMessage;

/// <summary>L1: the answer to a <see cref="Renew"/>, one verdict for each lease.</summary>
public sealed record Granted(VoterId Voter, long WriteCount, long Seen, Guid Instance, long Rid, ValueList<LeaseAnswer> Answers) : ControlMessage;

/// <summary>R2: <paramref name="Asked"/> is not the voter that answers, or its journal was put back.</summary>
public sealed record RenewUnknown(VoterId Voter, long WriteCount, long Seen, Guid Instance, long Rid, VoterId Asked) : ControlMessage;

/// <summary>L2: ends the grant that a renewal up to <paramref name="Rid"/> has got, and makes renewals up to it count for nothing. Not answered: a grant that it misses runs out.</summary>
public sealed record Release(string Node, Guid Instance, VoterId To, long Rid, RegisterKey Key) : ControlMessage;
