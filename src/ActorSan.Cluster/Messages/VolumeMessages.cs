using ActorSan.Cluster.Engines;
using ActorSan.Storage.Blocks;
using ActorSan.Storage.Threads;

namespace ActorSan.Cluster.Messages;

/// <summary>To <c>volumes</c>: open every volume. Answered by <see cref="VolumesOpened"/> when each has been tried once.</summary>
public sealed record OpenVolumes(IReadOnlyList<IoThread> Threads);

public sealed record VolumesOpened(IReadOnlyList<VolumeSummary> Volumes);

/// <summary>From a volume's actor, to <c>volumes</c> and from there to whoever serves volumes: it can be served (again).</summary>
public sealed record VolumeAvailable(string Name, IOpenVolume Open, VolumeSummary Summary);

/// <summary>It cannot be served; it will be tried again when <paramref name="MayPass"/>.</summary>
public sealed record VolumeUnavailable(string Name, string Reason, bool MayPass, VolumeSummary Summary);

/// <summary>To <c>volumes</c>: flush and close all. Answered by <see cref="VolumesClosed"/>.</summary>
public sealed record CloseVolumes;

public sealed record VolumesClosed(IReadOnlyList<string> Faults);

/// <summary>To a volume's actor. Answered by <see cref="VolumeClosed"/>.</summary>
public sealed record CloseVolume;

public sealed record VolumeClosed(string Name, string? Fault);

/// <summary>From the volume's home thread: its state is another.</summary>
public sealed record VolumeStateChanged(VolumeState State);

/// <summary>From the volume's home thread: the store did not do something.</summary>
public sealed record VolumeFaulted(StoreFaultEvent Fault);

/// <summary>From the volume's home thread: its size is another.</summary>
public sealed record VolumeResized(VolumeGeometry Geometry);

/// <summary>To a volume's actor. Answered by <see cref="VolumeReport"/>.</summary>
public sealed record GetVolumeReport;

/// <param name="History">The latest events, oldest first; bounded.</param>
public sealed record VolumeReport(string Name, Guid? VolumeId, VolumeGeometry? Geometry, VolumeState State, IReadOnlyList<VolumeEvent> History);

public sealed record VolumeEvent(DateTimeOffset Time, VolumeStateKind State, string Reason);
