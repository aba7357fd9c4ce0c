namespace ActorSan.Cluster.Management;

/// <param name="Name"><c>actorsan.cluster.name</c>.</param>
/// <param name="Id">Made when it was founded; null: it has not been, or this node does not know yet.</param>
/// <param name="Node">The node that answers.</param>
/// <param name="Leader">Akka.Cluster's leader, as this node sees it; null: none.</param>
/// <param name="CatalogVersion">Of the latest catalog that this node knows.</param>
/// <param name="MajorityReachable">Whether a majority of the catalog's voters is reachable from here: without it nothing can be changed.</param>
/// <param name="Voters">Names of the catalog's voters, ascending.</param>
/// <param name="Members">Ascending by name.</param>
public sealed record ClusterReport(
    string Name,
    Guid? Id,
    string Node,
    string? Leader,
    long CatalogVersion,
    bool MajorityReachable,
    IReadOnlyList<string> Voters,
    IReadOnlyList<MemberReport> Members);

public enum MemberRole
{
    Storage,
    Witness,
}

/// <summary>Akka.Cluster's words, and two of ours.</summary>
public enum MemberStatus
{
    Joining,
    WeaklyUp,
    Up,
    Leaving,
    Exiting,
    Down,
    Removed,

    /// <summary>Named in the catalog, and no member of the cluster now.</summary>
    Absent,
}

/// <param name="Address">HOST:PORT of its control messages; null: not known.</param>
/// <param name="UpSince">Null: not up, or not known.</param>
/// <param name="Reachable">As this node sees it.</param>
/// <param name="Version">Of its program; null: not known.</param>
/// <param name="Drained">It serves no volume by an administrator's wish.</param>
public sealed record MemberReport(
    string Name,
    string? Address,
    MemberRole Role,
    MemberStatus Status,
    DateTimeOffset? UpSince,
    bool Reachable,
    string? Version,
    bool Drained);
