namespace ActorSan.Cluster.Settings;

/// <summary>Where the node's votes and histories are kept. Numbers name nothing on disk.</summary>
public enum JournalProvider : byte
{
    /// <summary>A file in the node's own directory.</summary>
    Sqlite,

    /// <summary>A database of the node's own on a server.</summary>
    PostgreSql,
}

/// <summary><c>actorsan.journal</c>.</summary>
public sealed record JournalSettings
{
    public required JournalProvider Provider { get; init; }

    /// <summary>Of the SQLite file: absolute.</summary>
    public required string Directory { get; init; }

    /// <summary>Of PostgreSQL, in Npgsql's words; empty with SQLite. Holds a secret: never in a log.</summary>
    public required string ConnectionString { get; init; }

    /// <summary>Records after which a snapshot takes the place of what came before.</summary>
    public required int SnapshotInterval { get; init; }

    // The secret stays out of what a record prints of itself.
    public override string ToString() => Provider == JournalProvider.Sqlite ? $"SQLite in {Directory}" : "PostgreSQL";
}
