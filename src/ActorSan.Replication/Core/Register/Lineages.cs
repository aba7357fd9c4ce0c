using ActorSan.Replication.Core.Values;

namespace ActorSan.Replication.Core.Register;

/// <summary>P11: which lineages of a register may be dealt with.</summary>
internal static class Lineages
{
    /// <summary>All lineages that the value's own descends from or discards.</summary>
    public static ValueList<Guid> ParentsOf(RegisterValue value) => value is Configuration configuration ? configuration.Parents : [];

    /// <summary>
    /// Discarded: a lineage that was heard of has this one among its parents. Conflicting: one was heard of that neither names this one nor is named by it, and none that was
    /// heard of names both. A lineage of which nothing was heard is judged by the others alone: until its value comes, nobody knows its parents, and no conflict is seen.
    /// </summary>
    public static UnknownReason StandingOf(List<LineageRecord> heard, RegisterKey key, out Guid by)
    {
        LineageRecord? own = null;
        foreach (LineageRecord other in heard)
        {
            if (other.Name != key.Name)
            {
                continue;
            }

            if (other.Lineage == key.Lineage)
            {
                own = other;
            }
            else if (other.Parents.Contains(key.Lineage))
            {
                by = other.Lineage;
                return UnknownReason.Discarded;
            }
        }

        by = default;
        return own is null ? UnknownReason.None : ConflictOf(heard, own.Name, own.Lineage, own.Parents, out by);
    }

    /// <summary>Whether a lineage with these parents leaves another one standing. One that is discarded by a third is that one's matter.</summary>
    public static UnknownReason ConflictOf(List<LineageRecord> heard, string name, Guid lineage, ValueList<Guid> parents, out Guid by)
    {
        foreach (LineageRecord other in heard)
        {
            if (other.Name == name && other.Lineage != lineage && !parents.Contains(other.Lineage) && !IsDiscarded(heard, other))
            {
                by = other.Lineage;
                return UnknownReason.Conflicting;
            }
        }

        by = default;
        return UnknownReason.None;
    }

    private static bool IsDiscarded(List<LineageRecord> heard, LineageRecord lineage)
        => heard.Exists(other => other.Name == lineage.Name && other.Lineage != lineage.Lineage && other.Parents.Contains(lineage.Lineage));
}
