using ActorSan.Replication.Core.Formats;

namespace ActorSan.Replication.Core.Replicas;

/// <summary>What a store's opening makes of its state page.</summary>
public static class ReplicaOpening
{
    /// <summary>
    /// §2, power session: kept when the same kernel still runs (it still caches what the process wrote), when the store was closed in order, or when it never acknowledges
    /// before the medium has it, now nor in the opening before (a write cache that was switched off since may have lost something); else new, and so it is when the page may
    /// not be the latest, or says that an I/O has failed in it.
    /// </summary>
    public static ReplicaState Opened(this ReplicaState state, Guid bootId, bool wasClean, bool writeCache, bool doubtful, Guid newSession)
    {
        bool kept = !doubtful && !state.SessionEnded && state.Session != Guid.Empty && ((!writeCache && state.WrittenThrough) || wasClean || bootId == state.BootId);
        return state with { BootId = bootId, Session = kept ? state.Session : newSession, SessionEnded = false, WrittenThrough = !writeCache };
    }
}
