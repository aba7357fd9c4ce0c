using ActorSan.Replication.Core.Values;

namespace ActorSan.Simulator.Volumes;

/// <summary>§2: what every decided configuration must be in itself.</summary>
internal static class ConfigurationRules
{
    /// <summary>What is wrong with it; null: nothing.</summary>
    public static string? Fault(Configuration value)
    {
        if (value.Voters.Count == 0)
        {
            return "nobody votes";
        }

        if (value.Deleted)
        {
            return value.InSync.Count > 0 || value.Replicas.Count > 0 || value.Primary is not null ? "a tombstone names members, replicas or a primary" : null;
        }

        if (value.InSync.Count == 0)
        {
            return "nobody is in sync";
        }

        foreach (Member member in value.InSync)
        {
            if (value.ReplicaOf(member.Node) is not { } entry || entry.Incarnation != member.Incarnation)
            {
                return $"{member} is in sync, and no replica is named so";
            }

            if (entry.Detached || entry.LeftAt is not null)
            {
                return $"{member} is in sync and taken out";
            }
        }

        bool isTwice = value.Replicas.Any(one => value.Replicas.Count(other => other.Node == one.Node) > 1);
        return isTwice ? "a node has two replicas" : null;
    }
}
