using System.Net;
using ActorSan.Iscsi;
using ActorSan.Storage.Threads;

namespace ActorSan.Cluster.Settings;

/// <summary>All that a node was told by its configuration, checked and immutable. Each member has its key in hocon/reference.conf.</summary>
public sealed record NodeSettings
{
    /// <summary><c>actorsan.node.name</c>: for people and logs.</summary>
    public required string Name { get; init; }

    /// <summary><c>actorsan.node.state-directory</c>: absolute; locked by the one process that uses it.</summary>
    public required string StateDirectory { get; init; }

    /// <summary><c>actorsan.node.stop-timeout</c>: how long an ordered stop may take in all.</summary>
    public required TimeSpan StopTimeout { get; init; }

    /// <summary><c>actorsan.node.open-files</c>: what RLIMIT_NOFILE is raised to, as far as the hard limit allows.</summary>
    public required long OpenFiles { get; init; }

    public required IoSettings Io { get; init; }

    public required JournalSettings Journal { get; init; }

    public required LogSettings Log { get; init; }

    public required IscsiSettings Iscsi { get; init; }

    public required ScsiSettings Scsi { get; init; }

    public required IReadOnlyList<PortalConfiguration> Portals { get; init; }

    /// <summary>Every portal group that a portal is in, ascending by tag.</summary>
    public required IReadOnlyList<PortalGroupSettings> PortalGroups { get; init; }

    public required IReadOnlyList<VolumeSettings> Volumes { get; init; }

    public required IReadOnlyList<TargetConfiguration> Targets { get; init; }

    /// <summary>Null: the node is alone.</summary>
    public required ClusterSettings? Cluster { get; init; }

    /// <summary>Never null for a node of a cluster with <see cref="NodeRole.Storage"/>.</summary>
    public required LinkSettings? Links { get; init; }

    public required ManagementSettings Management { get; init; }
}

/// <summary><c>actorsan.io</c>.</summary>
public sealed record IoSettings
{
    /// <summary>One entry per I/O thread: the CPU it is pinned to, or null.</summary>
    public required IReadOnlyList<int?> Cpus { get; init; }

    public required IoEngineKind Engine { get; init; }

    public required int QueueDepth { get; init; }

    /// <summary>Of each thread.</summary>
    public required long BufferPoolBytes { get; init; }

    public required TimeSpan Spin { get; init; }

    public required int BlockingThreads { get; init; }

    public IoThreadOptions OptionsOf(int index) => new()
    {
        Name = $"io-{index}",
        Index = index,
        Cpu = Cpus[index],
        Engine = Engine,
        QueueDepth = QueueDepth,
        BufferPoolBytes = BufferPoolBytes,
        Spin = Spin,
        BlockingThreads = BlockingThreads,
    };
}

public enum LogFormat : byte
{
    Human,
    Json,
}

public enum LogLevel : byte
{
    Debug,
    Info,
    Warning,
    Error,
}

/// <summary><c>actorsan.log</c>.</summary>
public sealed record LogSettings(LogFormat Format, LogLevel Level);

/// <summary><c>actorsan.iscsi</c>: bounds of the node's iSCSI as a whole.</summary>
public sealed record IscsiSettings
{
    public required int MaxConnections { get; init; }

    public required int MaxUnauthenticatedConnections { get; init; }

    public required int MaxSessions { get; init; }

    public required int Backlog { get; init; }

    public required TimeSpan LoginTimeout { get; init; }

    public required TimeSpan TcpUserTimeout { get; init; }

    /// <summary>How long a command may wait for a buffer.</summary>
    public required TimeSpan BufferPatience { get; init; }
}

/// <summary><c>actorsan.scsi</c>.</summary>
public sealed record ScsiSettings
{
    /// <summary>Bytes a second that a SANITIZE overwrites at most; 0: as fast as the store takes them.</summary>
    public required long SanitizeMaxRateBytes { get; init; }

    public required int MaxTasks { get; init; }

    public required int MaxTransferBytes { get; init; }

    public required long MaxUnmapBytes { get; init; }

    public required int MaxRegistrations { get; init; }

    public required int MaxConcurrentCopies { get; init; }

    public required int MaxCopySegmentBytes { get; init; }
}

/// <summary><c>actorsan.portals.&lt;name&gt;</c>.</summary>
public sealed record PortalConfiguration
{
    public required string Name { get; init; }

    public required IPEndPoint Address { get; init; }

    public required ushort GroupTag { get; init; }

    public IPEndPoint? Advertised { get; init; }

    public bool IsLoopback => IPAddress.IsLoopback(Address.Address);

    public PortalSettings ToPortal() => new() { Address = Address, GroupTag = GroupTag, Advertised = Advertised };
}
