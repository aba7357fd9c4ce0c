using Npgsql;

namespace ActorSan.Cluster.Registers;

/// <summary>The journal as a database of the node's own on a PostgreSQL server, 12 or later; its tables are in the first schema of the connection's search path.</summary>
internal static class PostgresJournal
{
    private const int Format = 1;

    /// <summary>Opens or makes the journal of <paramref name="node"/> in the database.</summary>
    /// <exception cref="JournalException">It is refused.</exception>
    public static JournalIdentity Open(string connectionString, Guid clusterId, string node)
    {
        string place = "the PostgreSQL database of the journal";
        try
        {
            var builder = new NpgsqlConnectionStringBuilder(connectionString);
            place = $"PostgreSQL database '{builder.Database}' on {builder.Host}";
            using var connection = new NpgsqlConnection(connectionString);
            connection.Open();
            new DurablePostgres().MakeDurable(connection);
            JournalIdentity found = FindOrMake(connection, place, new JournalIdentity(clusterId, node, Guid.NewGuid()));
            JournalException.CheckOwner(place, found, clusterId, node);
            return found;
        }
        catch (Exception failure) when (failure is NpgsqlException or ArgumentException or TimeoutException)
        {
            throw new JournalException(JournalFault.Unreachable,
                $"The journal can't be used: {place}: {failure.Message}. Check that the server runs, and actorsan.journal.connection-string.", failure);
        }
    }

    private static JournalIdentity FindOrMake(NpgsqlConnection connection, string place, JournalIdentity born)
    {
        using NpgsqlTransaction transaction = connection.BeginTransaction();
        if (!Exists(connection, "actorsan_journal"))
        {
            if (Exists(connection, "journal") || Exists(connection, "snapshot"))
            {
                throw new JournalException(JournalFault.Foreign, $"{place} has tables of another program. It is left as it is: make a database for this node alone.");
            }

            using NpgsqlCommand make = connection.CreateCommand();
            make.CommandText = """
                CREATE TABLE actorsan_journal (one integer PRIMARY KEY CHECK (one = 1), format integer NOT NULL, cluster uuid NOT NULL, node text NOT NULL, incarnation uuid NOT NULL);
                INSERT INTO actorsan_journal VALUES (1, @format, @cluster, @node, @incarnation);
                """;
            make.Parameters.AddWithValue("format", Format);
            make.Parameters.AddWithValue("cluster", born.ClusterId);
            make.Parameters.AddWithValue("node", born.Node);
            make.Parameters.AddWithValue("incarnation", born.Incarnation);
            _ = make.ExecuteNonQuery();
            transaction.Commit();
            return born;
        }

        using NpgsqlCommand read = connection.CreateCommand();
        read.CommandText = "SELECT format, cluster, node, incarnation FROM actorsan_journal";
        using NpgsqlDataReader row = read.ExecuteReader();
        if (!row.Read())
        {
            throw new JournalException(JournalFault.Damaged, $"{place} doesn't say whose journal it is. It is left as it is: make a new database, and the node becomes a new voter that must be admitted.");
        }

        if (row.GetInt32(0) is var format && format != Format)
        {
            throw new JournalException(JournalFault.OtherFormat, $"{place} has format {format}, and this release knows {Format}. Run the release that wrote it.");
        }

        return new JournalIdentity(row.GetGuid(1), row.GetString(2), row.GetGuid(3));
    }

    private static bool Exists(NpgsqlConnection connection, string table)
    {
        using NpgsqlCommand command = connection.CreateCommand();
        command.CommandText = "SELECT to_regclass(quote_ident(current_schema()) || '.' || quote_ident(@table)) IS NOT NULL";
        command.Parameters.AddWithValue("table", table);
        return command.ExecuteScalar() is true;
    }
}
