using ActorSan.Replication.Core.Frames;
using ActorSan.Replication.Core.Values;

namespace ActorSan.Replication.Core.Replicas;

/// <summary>The state page: what a replica is, apart from its bits (replication.md §2, Replica).</summary>
/// <param name="VolumeId">Made when the volume was founded.</param>
/// <param name="Lineage">P11.</param>
/// <param name="Node">Whose replica it is.</param>
/// <param name="Incarnation">Of the store.</param>
/// <param name="HighestEpoch">A lower one is refused.</param>
/// <param name="Session">Power session.</param>
/// <param name="BootId">Of the kernel that opened it last.</param>
/// <param name="Heard">Marks of all incarnations.</param>
public sealed record ReplicaState(Guid VolumeId, Guid Lineage, string Node, Guid Incarnation, long HighestEpoch, Guid Session, Guid BootId, ValueList<HeardMark> Heard)
{
    /// <summary>
    /// §2, power session: kept when the same kernel still runs (it still caches what the process wrote), when the store was closed in order, or when it never acknowledges
    /// before the medium has it; else new, and so it is when the page may not be the latest.
    /// </summary>
    public ReplicaState Opened(Guid bootId, bool wasClean, bool writeCache, bool doubtful, Guid newSession)
    {
        bool kept = !doubtful && Session != Guid.Empty && (!writeCache || wasClean || bootId == BootId);
        return this with { BootId = bootId, Session = kept ? Session : newSession };
    }
}
