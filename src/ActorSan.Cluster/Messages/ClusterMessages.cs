using ActorSan.Cluster.Catalog;
using ActorSan.Cluster.Control;
using ActorSan.Cluster.Settings;
using ActorSan.Replication.Core.Values;
using ActorSan.Storage.Threads;

namespace ActorSan.Cluster.Messages;

/// <summary>To <c>cluster</c>: the I/O threads run, the portals listen.</summary>
/// <param name="Portals">Of this node, as initiators are told.</param>
public sealed record StartCluster(IReadOnlyList<IoThread> Threads, IReadOnlyList<NodePortal> Portals);

/// <summary>From <c>cluster</c>, once: its links listen and its journal is read.</summary>
public sealed record ClusterStarted(string LinkAddress);

/// <summary>From <c>cluster</c>: it cannot go on; with <paramref name="MayPass"/> a new start of everything makes sense.</summary>
public sealed record ClusterFailed(string Reason, bool MayPass);

/// <summary>To <c>cluster</c>: hand every volume over; nothing is decided any more. Answered by <see cref="ClusterHandedOver"/>.</summary>
public sealed record HandOverAll;

public sealed record ClusterHandedOver;

/// <summary>To <c>cluster</c>, when no session is left: flush and close all replicas and links. Answered by <see cref="ClusterStopped"/>.</summary>
public sealed record StopCluster;

public sealed record ClusterStopped(IReadOnlyList<string> Faults);

/// <summary>From the control side: the catalog that is known now.</summary>
public sealed record CatalogDecided(RegisterKey Key, DocumentValue Value, CatalogDocument Document);

/// <summary>From the control side.</summary>
public sealed record ConfigurationDecided(Guid VolumeId, Configuration? Before, Configuration Now);

/// <summary>To <c>targets</c>: this target is to be exported like that, new or in the place of what was.</summary>
/// <param name="Remote">Portals of other nodes that export it too, for SendTargets.</param>
/// <param name="Version">Of the catalog that wants it so; told back when it is (<see cref="TargetExported"/>).</param>
public sealed record PutTarget(TargetConfiguration Target, IReadOnlyList<NodePortal> Remote, long Version);

/// <summary>To <c>targets</c>: it is exported no more; its sessions end.</summary>
public sealed record DropTarget(string Iqn);

/// <summary>From membership: a node of that name is a member.</summary>
public sealed record MemberCame(string Node);

/// <summary>From membership: it is one no more.</summary>
public sealed record MemberGone(string Node);
