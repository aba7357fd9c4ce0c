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
    IReadOnlyList<PortalSummary> Portals);

public sealed record ThreadSummary(int Index, string Name, string Engine, int? Cpu);

/// <param name="Fault">Why it isn't open; null when it is.</param>
public sealed record VolumeSummary(string Name, Guid? VolumeId, long SizeBytes, int LogicalBlockBytes, int Thread, string? Fault);

public sealed record TargetSummary(string Iqn, IReadOnlyList<ulong> Luns);

public sealed record PortalSummary(string Name, IPEndPoint Address, ushort GroupTag);

/// <summary>The start failed, or the running node cannot go on; everything that runs is being stopped.</summary>
public sealed record NodeFailed(string Reason);

/// <param name="Faults">What could not be done in order; empty: a clean stop.</param>
public sealed record NodeStopped(IReadOnlyList<string> Faults)
{
    public bool IsClean => Faults.Count == 0;
}
