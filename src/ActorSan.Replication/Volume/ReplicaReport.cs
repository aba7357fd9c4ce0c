using ActorSan.Replication.Core.Primaries;
using ActorSan.Replication.Core.Values;

namespace ActorSan.Replication.Volume;

/// <summary>A replica, and what its node is for the volume, at one moment.</summary>
/// <param name="Self">Node, store incarnation, power session.</param>
/// <param name="HighestEpoch">What it is fenced at (W3).</param>
/// <param name="UnsettledBytes">What a failover would have to settle.</param>
/// <param name="Attached">The node that it is attached to as a secondary; null: none.</param>
/// <param name="Serving">Null while this node is not primary.</param>
/// <param name="Store">Path for people.</param>
public sealed record ReplicaReport(
    Member Self,
    Guid Lineage,
    long Mark,
    long HighestEpoch,
    bool IsOldCopy,
    bool IsCoarse,
    bool IsFailed,
    bool IsDiscarded,
    long UnsettledBytes,
    string? Attached,
    ServingReport? Serving,
    string Store);

/// <param name="Peers">All other replicas that the configuration names.</param>
/// <param name="InFlight">Writes on their way.</param>
/// <param name="Waiting">What each operation in hand waits for, a line each.</param>
public sealed record ServingReport(long Epoch, long Reign, bool IsServing, bool IsDiskless, int InFlight, IReadOnlyList<PeerReport> Peers, IReadOnlyList<string> Waiting);
