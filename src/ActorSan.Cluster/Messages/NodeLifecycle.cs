using System.Net;

namespace ActorSan.Cluster.Messages;

/// <summary>To the node guardian: start everything. Answered by <see cref="NodeReady"/> or <see cref="NodeFailed"/>.</summary>
public sealed record StartNode;

/// <summary>To the node guardian: stop everything in order. Answered by <see cref="NodeStopped"/>.</summary>
public sealed record StopNode;

/// <summary>The node serves.</summary>
public sealed record NodeReady(
    IReadOnlyList<ThreadSummary> Threads,
    IReadOnlyList<VolumeSummary> Volumes,
    IReadOnlyList<TargetSummary> Targets,
    IReadOnlyList<PortalSummary> Portals)
{
    /// <summary>What an administrator can ask and change; null: the node is alone.</summary>
    public Management.ClusterManagement? Management { get; init; }
}

public sealed record ThreadSummary(int Index, string Name, string Engine, int? Cpu);

/// <param name="Fault">Why it isn't open; null when it is.</param>
public sealed record VolumeSummary(string Name, Guid? VolumeId, long SizeBytes, int LogicalBlockBytes, int Thread, string? Fault);

public sealed record TargetSummary(string Iqn, IReadOnlyList<ulong> Luns);

public sealed record PortalSummary(string Name, IPEndPoint Address, ushort GroupTag);

/// <summary>The start failed, or the running node cannot go on; everything that runs is being stopped.</summary>
public sealed record NodeFailed(string Reason);

/// <summary>To the node guardian: stop everything and say why it is to be started anew, in the same process.</summary>
public sealed record RestartNode(string Reason);

/// <param name="Faults">What could not be done in order; empty: a clean stop.</param>
/// <param name="RestartBecause">Null: it was to stop for good.</param>
public sealed record NodeStopped(IReadOnlyList<string> Faults, string? RestartBecause = null)
{
    public bool IsClean => Faults.Count == 0;
}
