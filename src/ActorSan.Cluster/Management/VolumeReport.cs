namespace ActorSan.Cluster.Management;

/// <summary>How it stands with a volume, worst last.</summary>
public enum VolumeCondition
{
    /// <summary>Served, all replicas in sync.</summary>
    Healthy,

    /// <summary>Served, and a replica is being brought up to date.</summary>
    Syncing,

    /// <summary>Served by fewer replicas than it has.</summary>
    Degraded,

    /// <summary>It is not served now and will be by itself: a promotion or a handover is under way.</summary>
    Changing,

    /// <summary>Requests wait: no majority.</summary>
    Suspended,

    /// <summary>Nobody may serve it, and without an administrator nobody will.</summary>
    Stopped,

    /// <summary>What this node knows doesn't tell.</summary>
    Unknown,
}

/// <summary>What requests meet while the volume can't decide (replication.md W7).</summary>
public enum OnNoQuorum
{
    Suspend,
    Fail,
}

/// <summary>When the primary counts a replica's copy (replication.md §3, Protocols).</summary>
public enum ReplicaProtocol
{
    A,
    B,
    C,
}

public enum ReplicaCondition
{
    Primary,
    InSync,

    /// <summary>It is being brought up to date.</summary>
    Syncing,

    /// <summary>Out of the in-sync set, and not attached.</summary>
    Out,

    /// <summary>Taken out of service by an administrator.</summary>
    Detached,

    /// <summary>Its store has failed.</summary>
    Failed,

    /// <summary>Behind a mark that was heard of it (replication.md W2).</summary>
    OldCopy,

    /// <summary>Of a lineage that was discarded (replication.md P11), until it is given up with <c>volume discard</c>.</summary>
    Discarded,

    /// <summary>Its node is there, its store is not.</summary>
    Missing,

    /// <summary>Its node does not answer.</summary>
    Unknown,
}

/// <param name="PreferredPrimary">Null: none.</param>
/// <param name="ConfirmReads">replication.md W8.</param>
public sealed record VolumeSettingsReport(string? PreferredPrimary, OnNoQuorum OnNoQuorum, bool ConfirmReads);

/// <summary>Commands since the primary's process began to serve.</summary>
/// <param name="Errors">Ended with something else than GOOD.</param>
public sealed record IoReport(long Reads, long Writes, long ReadBytes, long WrittenBytes, long Errors, LatencyHistogram ReadLatency, LatencyHistogram WriteLatency)
{
    public static IoReport None { get; } = new(0, 0, 0, 0, 0, LatencyHistogram.Empty, LatencyHistogram.Empty);
}

/// <param name="Id">Of the volume; a name may be used again, an id never.</param>
/// <param name="Lineage">replication.md P11.</param>
/// <param name="State">A sentence: what <paramref name="Condition"/> means here, and why.</param>
/// <param name="Primary">Null: none.</param>
/// <param name="InSync">Nodes, ascending.</param>
/// <param name="Voters">Nodes, ascending.</param>
/// <param name="OldVoters">Not empty between the two steps of a change of voters (replication.md R8).</param>
/// <param name="Replicas">Ascending by node.</param>
/// <param name="LeaseLeftMs">Milliseconds that the primary's lease still runs; negative: it has run out. Null: this node can't tell.</param>
/// <param name="Io">Null: the primary did not tell.</param>
/// <param name="Targets">Where it is exported: target name and LUN.</param>
public sealed record VolumeReport(
    string Name,
    Guid Id,
    Guid Lineage,
    long SizeBytes,
    int BlockSizeBytes,
    VolumeCondition Condition,
    string State,
    string? Primary,
    long Epoch,
    IReadOnlyList<string> InSync,
    IReadOnlyList<string> Voters,
    IReadOnlyList<string> OldVoters,
    IReadOnlyList<ReplicaReport> Replicas,
    VolumeSettingsReport Settings,
    long? LeaseLeftMs,
    IoReport? Io,
    IReadOnlyList<ExportReport> Targets);

/// <param name="Detail">A sentence, where <paramref name="Condition"/> wants one.</param>
/// <param name="ToResyncBytes">Bytes by which it may differ from the primary; null: not known. 0 for one that is in sync.</param>
/// <param name="ResyncPercent">0 to 100 of the resync under way; null: none.</param>
/// <param name="ResyncBytesPerSecond">Null: none is under way.</param>
/// <param name="Mark">replication.md W2; null: not known.</param>
/// <param name="Incarnation">Of its store.</param>
/// <param name="Path">File or device on its node; null: not known.</param>
public sealed record ReplicaReport(
    string Node,
    ReplicaCondition Condition,
    string? Detail,
    ReplicaProtocol Protocol,
    long? ToResyncBytes,
    double? ResyncPercent,
    double? ResyncBytesPerSecond,
    long? Mark,
    Guid? Incarnation,
    string? Path);

public sealed record ExportReport(string Iqn, ulong Lun);

/// <summary>Sentences, in the order in which they are to be read.</summary>
/// <param name="Primary">Who is primary and why; or why nobody is.</param>
/// <param name="IfNodeDied">What would happen if each node died now, ascending by node.</param>
/// <param name="Refused">What is refused now.</param>
public sealed record VolumeWhy(string Name, IReadOnlyList<string> Primary, IReadOnlyList<NodeConsequence> IfNodeDied, IReadOnlyList<RefusedAction> Refused);

public sealed record NodeConsequence(string Node, string Sentence);

/// <param name="Action">As the command that would be refused: <c>volume promote data zeus</c>.</param>
/// <param name="Rule">A label of replication.md: W7, P11.</param>
public sealed record RefusedAction(string Action, string Rule, string Sentence);

/// <param name="Node">Which recorded it.</param>
/// <param name="What">A word: promoted, dropped, admitted, handed over, resynced …</param>
public sealed record VolumeEvent(DateTimeOffset Time, string Node, string What, long Epoch, string Sentence);
