namespace ActorSan.Cluster.Management;

/// <param name="Iqn">iSCSI name (RFC 7143 §4.2.7).</param>
/// <param name="Luns">Ascending by number.</param>
/// <param name="Portals">Of every node that exports it.</param>
/// <param name="Open">Everybody is allowed.</param>
/// <param name="Initiators">Who is allowed: iSCSI names, or patterns with <c>*</c>.</param>
/// <param name="ChapUser">Null: no CHAP is asked. Secrets are never told.</param>
/// <param name="MutualChapUser">Null: the target proves nothing.</param>
/// <param name="Sessions">Ascending by node and id; of nodes that answered.</param>
public sealed record TargetReport(
    string Iqn,
    string Alias,
    IReadOnlyList<LunReport> Luns,
    IReadOnlyList<PortalReport> Portals,
    bool Open,
    IReadOnlyList<string> Initiators,
    string? ChapUser,
    string? MutualChapUser,
    IReadOnlyList<SessionReport> Sessions);

public sealed record LunReport(ulong Lun, string Volume, bool ReadOnly);

/// <param name="Address">IP:PORT.</param>
/// <param name="State">ALUA's state of the node's port group, in words (SPC-4 §5.15.2): active/optimized, standby …</param>
public sealed record PortalReport(string Node, string Address, ushort GroupTag, string State);

/// <param name="Id">Within its node, for the life of its process.</param>
/// <param name="Target">iSCSI name; empty for a discovery session.</param>
/// <param name="Address">The initiator's, IP:PORT.</param>
public sealed record SessionReport(
    long Id,
    string Node,
    string Initiator,
    string Target,
    string Address,
    DateTimeOffset Since,
    long Reads,
    long Writes,
    long ReadBytes,
    long WrittenBytes,
    int TasksInFlight);
