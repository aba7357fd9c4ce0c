namespace ActorSan.Cluster.Management;

/// <summary>What one node counts itself, at one moment.</summary>
/// <param name="Volumes">Those of which it has a replica or is primary; what only the primary knows is 0 elsewhere.</param>
/// <param name="Replicas">For each volume of which this node is primary, all replicas; its own one otherwise.</param>
/// <param name="Sessions">Its own.</param>
public sealed record NodeMetrics(
    string Node,
    string Version,
    DateTimeOffset Started,
    bool MajorityReachable,
    long CatalogVersion,
    IReadOnlyList<MemberReport> Members,
    IReadOnlyList<VolumeMetrics> Volumes,
    IReadOnlyList<ReplicaMetrics> Replicas,
    IReadOnlyList<LinkReport> Links,
    IReadOnlyList<SessionReport> Sessions,
    IReadOnlyList<ThreadReport> Threads);

/// <param name="IsPrimary">This node is.</param>
public sealed record VolumeMetrics(string Name, long SizeBytes, VolumeCondition Condition, bool IsPrimary, long Epoch, int InSync, int ReplicaCount, IoReport Io);

public sealed record ReplicaMetrics(string Volume, string Node, ReplicaCondition Condition, long? ToResyncBytes, double? ResyncBytesPerSecond);

/// <param name="Healthy">Whether a balancer or a monitor should count on this node.</param>
/// <param name="Reasons">Sentences: what is wrong, worst first; empty when nothing is. A healthy node may have some.</param>
public sealed record HealthReport(string Node, bool Healthy, IReadOnlyList<string> Reasons);
