namespace ActorSan.Cluster.Management;

/// <param name="Answered">Whether the node was heard; if not, only <paramref name="Member"/> tells something.</param>
/// <param name="Volumes">Volumes of which it is primary, ascending.</param>
/// <param name="Stores">Ascending by volume.</param>
/// <param name="Threads">Ascending by number.</param>
/// <param name="Links">Ascending by peer.</param>
public sealed record NodeReport(
    MemberReport Member,
    bool Answered,
    IReadOnlyList<string> Volumes,
    IReadOnlyList<StoreReport> Stores,
    IReadOnlyList<ThreadReport> Threads,
    IReadOnlyList<LinkReport> Links,
    VersionReport? Versions);

/// <param name="Path">File or device.</param>
/// <param name="Kind">file, device or memory.</param>
/// <param name="AllocatedBytes">Null: not known.</param>
/// <param name="Fault">A sentence; null: it works.</param>
public sealed record StoreReport(string Volume, string Path, string Kind, long SizeBytes, long? AllocatedBytes, bool Encrypted, string? Fault);

/// <param name="Engine">io_uring or epoll.</param>
/// <param name="Cpu">Null: not pinned.</param>
/// <param name="Running">Its loop turns.</param>
public sealed record ThreadReport(
    int Index,
    string Name,
    string Engine,
    int? Cpu,
    bool Running,
    long Turns,
    long Waits,
    long Operations,
    int Connections,
    LatencyHistogram? TurnTime);

public enum LinkCondition
{
    Up,
    Connecting,
    Down,

    /// <summary>One side does not accept the other's handshake.</summary>
    Refused,
}

/// <summary>The data link with one other node.</summary>
/// <param name="Address">The peer's, IP:PORT; null: not known.</param>
/// <param name="Detail">Why it is not up; null: it is.</param>
/// <param name="QueuedBytes">Waiting to be sent.</param>
/// <param name="RoundTrip">Of its keep-alives.</param>
/// <param name="Paths">All ways to it, the best first.</param>
/// <param name="Encrypted">By TLS.</param>
public sealed record LinkReport(
    string Peer,
    LinkCondition Condition,
    string? Detail,
    string? Address,
    DateTimeOffset? Since,
    long QueuedBytes,
    long SentBytes,
    long ReceivedBytes,
    long SentFrames,
    long ReceivedFrames,
    long Losses,
    LatencyHistogram? RoundTrip,
    IReadOnlyList<PathReport> Paths,
    bool Encrypted = false);

public enum PathCondition
{
    /// <summary>Nobody has looked yet.</summary>
    Unknown,

    /// <summary>Carries the link.</summary>
    Active,

    /// <summary>The peer is reached by it.</summary>
    Standby,
    Down,
}

/// <summary>One of the ways to another node.</summary>
/// <param name="Address">IP:PORT where the other listens.</param>
public sealed record PathReport(string Address, PathCondition Condition);

/// <param name="Wire">Of the link's frames; <paramref name="Control"/>: of the control messages.</param>
public sealed record VersionReport(string Program, string Runtime, string System, int Wire, int Control);
