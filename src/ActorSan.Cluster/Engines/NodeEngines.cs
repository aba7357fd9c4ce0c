using System.Net;
using ActorSan.Cluster.Settings;
using ActorSan.Iscsi;
using ActorSan.Scsi;
using ActorSan.Storage.Blocks;
using ActorSan.Storage.Threads;

namespace ActorSan.Cluster.Engines;

/// <summary>Makes a pinned thread; it is not started yet.</summary>
public delegate IoThread IoThreadMaker(IoThreadOptions options, IIoThreadEvents events);

/// <summary>
/// What the actors start, watch and stop. Node composes the real ones; tests put others in their place. Everything here may be called from any thread and
/// never blocks its caller.
/// </summary>
public sealed record NodeEngines(IoThreadMaker MakeThread, IVolumeEngine Volumes, IIscsiEngine Iscsi);

public interface IVolumeEngine
{
    /// <summary>Opens (and, where its settings allow it, formats) the volume on its home thread.</summary>
    /// <exception cref="VolumeOpenException">The task fails with it: the reason is for people.</exception>
    Task<IOpenVolume> Open(VolumeSettings settings, IoThread home, IVolumeObserver observer);
}

/// <summary>Why a volume could not be opened. <paramref name="mayPass"/>: trying again later makes sense.</summary>
public sealed class VolumeOpenException(string reason, bool mayPass) : Exception(reason)
{
    public bool MayPass { get; } = mayPass;
}

/// <summary>An open volume with the unit that serves it.</summary>
public interface IOpenVolume
{
    IBlockVolume Volume { get; }

    /// <summary>The logical unit of this volume; made at the first call, the options of later calls are the same (checked when the configuration was read).</summary>
    LogicalUnit UnitOf(LunConfiguration lun);

    /// <summary>Flushes, marks the store clean and closes it, after what is in flight; the task fails with the reason if it could not.</summary>
    Task Close();
}

/// <summary>The node's iSCSI side as a whole.</summary>
public interface IIscsiEngine
{
    /// <summary>Takes the threads that connections will live on.</summary>
    void Start(IReadOnlyList<IoThread> threads, IIscsiEvents events);

    /// <summary>Listens; the task gives the address in use (port 0 has become one) or fails with the reason.</summary>
    Task<IPEndPoint> Listen(PortalSettings portal);

    /// <summary>Adds the target, or puts new settings in the place of the old for the sessions there are and to come.</summary>
    Task SetTarget(TargetSettings target);

    Task RemoveTarget(string name);

    /// <summary>Ends a session: <see cref="SessionEnd.Kicked"/>.</summary>
    void Kick(long sessionId, string why);

    /// <summary>Stops listening, asks initiators to log out, lets commands end, and closes what is left after <paramref name="drain"/>.</summary>
    Task Stop(TimeSpan drain);
}
