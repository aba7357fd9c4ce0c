using System.Net;

namespace ActorSan.Cluster.Settings;

/// <summary>What a node is for.</summary>
public enum NodeRole : byte
{
    /// <summary>Has stores, and serves.</summary>
    Storage,

    /// <summary>Votes, and has no stores.</summary>
    Witness,
}

/// <summary><c>actorsan.cluster</c>: there when its <c>address</c> is given.</summary>
public sealed record ClusterSettings
{
    /// <summary>Where Akka.Remote listens. Port 0: the kernel chooses.</summary>
    public required IPEndPoint Address { get; init; }

    /// <summary>Where the other nodes reach it; null: at <see cref="Address"/>.</summary>
    public required HostPort? Advertised { get; init; }

    public required NodeRole Role { get; init; }

    /// <summary>Nodes that are asked to let this one in; never empty.</summary>
    public required IReadOnlyList<HostPort> Seeds { get; init; }

    /// <summary>Names of the nodes that vote first in the catalog, sorted. Empty, or without this node: it joins a cluster that others have founded.</summary>
    public required IReadOnlyList<string> Founders { get; init; }

    public required ReplicaStoreSettings Stores { get; init; }

    /// <summary>How long a lease is.</summary>
    public required TimeSpan Lease { get; init; }

    public required TimeSpan LeaseRenew { get; init; }

    /// <summary>How far the rate of a clock may be from true: 0.01 is one per cent.</summary>
    public required double LeaseDrift { get; init; }

    /// <summary>A voter grants nothing longer.</summary>
    public required TimeSpan LongestLease { get; init; }

    /// <summary>How long the view of who can be reached must have been the same before a minority is downed.</summary>
    public required TimeSpan StableAfter { get; init; }

    /// <summary>replication.md W7: a replica that leaves a write unanswered for so long is dropped from the in-sync set.</summary>
    public required TimeSpan AckTimeout { get; init; }

    /// <summary>Bytes a second that a resync takes, however busy the volume is.</summary>
    public required long ResyncMinRate { get; init; }

    /// <summary>Bytes a second.</summary>
    public required long ResyncMaxRate { get; init; }

    /// <summary>Null: no fencing hook.</summary>
    public required FencingSettings? Fencing { get; init; }

    /// <summary>Null: without TLS.</summary>
    public required ClusterTlsFiles? Tls { get; init; }

    /// <summary>How volumes decide: a hook that is late by the cores' clock has been killed by its own before.</summary>
    public Replication.Core.Control.ControlOptions ToDecisions() =>
        Fencing is { } fencing ? new() { FenceTimeoutNs = (long)(fencing.Timeout + FencingSettings.Grace).TotalNanoseconds } : new();

    /// <summary>How a primary waits and copies.</summary>
    public Replication.Core.Primaries.PrimaryOptions ToPrimaries() => new()
    {
        AckTimeoutNs = (long)AckTimeout.TotalNanoseconds,
        ResyncMinRate = ResyncMinRate,
        ResyncMaxRate = ResyncMaxRate,
    };

    /// <summary>The durations in the words of Replication's core.</summary>
    public Replication.Core.Leases.LeaseSettings ToLeases() => new()
    {
        LeaseNs = (long)Lease.TotalNanoseconds,
        RenewNs = (long)LeaseRenew.TotalNanoseconds,
        Drift = LeaseDrift,
        LongestLeaseNs = (long)LongestLease.TotalNanoseconds,
    };
}

/// <summary><c>actorsan.cluster.stores</c>: how the stores of replicated volumes are made and opened.</summary>
public sealed record ReplicaStoreSettings
{
    /// <summary>Absolute; holds a file for each replica of this node.</summary>
    public required string Directory { get; init; }

    /// <summary>O_DIRECT.</summary>
    public required bool Direct { get; init; }

    public required bool WriteCache { get; init; }

    /// <summary>All space is taken when a store is made.</summary>
    public required bool Thick { get; init; }
}

/// <summary><c>actorsan.cluster.tls</c>: PEM files, absolute.</summary>
/// <param name="CertificateFile">Of this node.</param>
/// <param name="KeyFile">Its private key; nobody's but the owner's.</param>
/// <param name="AuthorityFile">The certificate of the authority that alone is trusted.</param>
public sealed record ClusterTlsFiles(string CertificateFile, string KeyFile, string AuthorityFile);

/// <summary><c>actorsan.cluster.fencing</c>: there when its <c>command</c> is given.</summary>
public sealed record FencingSettings
{
    /// <summary>From the end of the time until nothing of the hook counts any more: its process is being killed.</summary>
    public static readonly TimeSpan Grace = TimeSpan.FromSeconds(5);

    /// <summary>The program's absolute path, and its arguments; <c>{node}</c> in an argument stands for the name of the node that is to be fenced.</summary>
    public required IReadOnlyList<string> Command { get; init; }

    /// <summary>The program is killed after it, and has failed.</summary>
    public required TimeSpan Timeout { get; init; }
}
