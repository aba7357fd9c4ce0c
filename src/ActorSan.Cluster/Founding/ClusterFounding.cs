using ActorSan.Cluster.Registers;
using ActorSan.Cluster.Settings;

namespace ActorSan.Cluster.Founding;

/// <summary>What <c>actorsan init</c> does, and what <c>actorsan run</c> demands. The state directory is there and locked by the caller.</summary>
public static class ClusterFounding
{
    /// <summary>Makes a new cluster, which this node is to found when all founders run.</summary>
    /// <exception cref="ClusterIdentityException">Refused; nothing was changed.</exception>
    public static ClusterIdentity Init(NodeSettings settings, TimeProvider clock)
    {
        ClusterSettings cluster = Demand(settings);
        if (!cluster.Founders.Contains(settings.Name, StringComparer.Ordinal))
        {
            throw new ClusterIdentityException(IdentityFault.Unconfigured,
                $"This node, {settings.Name}, is not one of the founders ({(cluster.Founders.Count == 0 ? "there are none" : string.Join(", ", cluster.Founders))}). Make the cluster on one of them, or set "
                + $"actorsan.cluster.founders = [{string.Join(", ", cluster.Founders.Append(settings.Name))}] on all nodes.");
        }

        string? journal = JournalFile(settings);
        if (journal is not null && File.Exists(journal))
        {
            throw new ClusterIdentityException(IdentityFault.Taken,
                $"{journal} is the journal of a node of a cluster that was founded before. It is left as it is: a new cluster starts with a new state directory; to take the cluster's identity again, actorsan init -c CONF --from FILE.");
        }

        return ClusterIdentity.Create(settings.StateDirectory, clock);
    }

    /// <summary>Makes this node one of the cluster whose identity is in <paramref name="file"/>.</summary>
    /// <exception cref="ClusterIdentityException">Refused; nothing was changed.</exception>
    /// <exception cref="JournalException">The node's journal is there, and another cluster's or node's, or damaged.</exception>
    public static ClusterIdentity Import(NodeSettings settings, string file, TimeProvider clock)
    {
        _ = Demand(settings);
        if (JournalFile(settings) is { } journal && File.Exists(journal))
        {
            if (!File.Exists(file))
            {
                throw new ClusterIdentityException(IdentityFault.Missing, $"The file {file} does not exist. Copy {ClusterIdentity.FileName} from the state directory of a node of the cluster.");
            }

            _ = JournalDatabase.Open(settings.Journal, ClusterIdentity.ReadFile(file).ClusterId, settings.Name);
        }

        return ClusterIdentity.Import(settings.StateDirectory, file, clock);
    }

    /// <summary>The identity that a node of a cluster must have.</summary>
    /// <exception cref="ClusterIdentityException">It has none, or one that is not used.</exception>
    public static ClusterIdentity Require(NodeSettings settings)
    {
        _ = Demand(settings);
        return ClusterIdentity.Read(settings.StateDirectory) ?? throw new ClusterIdentityException(IdentityFault.Missing,
            $"{settings.Name} is configured as a node of a cluster and belongs to none yet. On the first node of a new cluster run 'actorsan init -c CONF'; on every other one "
            + $"'actorsan init -c CONF --from FILE' with {ClusterIdentity.FileName} of the first node's state directory.");
    }

    private static ClusterSettings Demand(NodeSettings settings) => settings.Cluster ?? throw new ClusterIdentityException(IdentityFault.Unconfigured,
        "The configuration has no cluster: actorsan.cluster.address must say where the node hears the others.");

    // A database is looked at when the node starts: it says itself whose it is.
    private static string? JournalFile(NodeSettings settings)
        => settings.Journal.Provider == JournalProvider.Sqlite ? Path.Combine(settings.Journal.Directory, SqliteJournal.FileName) : null;
}
