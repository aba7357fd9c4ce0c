using System.Data.Common;
using System.Globalization;
using LinqToDB.Interceptors;

namespace ActorSan.Cluster.Registers;

/// <summary>
/// Sees every connection that the journal and its snapshots are written with, each time that one is opened: what makes a commit durable is a matter of the connection, and a pool
/// hands out some that were opened earlier. A connection that would not be durable fails the write that wanted it, and so stops the voter.
/// </summary>
internal abstract class DurableConnection : ConnectionInterceptor
{
    public sealed override void ConnectionOpened(ConnectionEventData eventData, DbConnection connection) => MakeDurable(connection);

    public sealed override Task ConnectionOpenedAsync(ConnectionEventData eventData, DbConnection connection, CancellationToken cancellationToken)
    {
        MakeDurable(connection);
        return Task.CompletedTask;
    }

    /// <summary>Sets what is the connection's own and checks all.</summary>
    /// <exception cref="JournalException"><see cref="JournalFault.NotDurable"/>.</exception>
    public abstract void MakeDurable(DbConnection connection);

    protected static void Run(DbConnection connection, string sql)
    {
        using DbCommand command = connection.CreateCommand();
        command.CommandText = sql;
        _ = command.ExecuteNonQuery();
    }

    protected static string Ask(DbConnection connection, string sql)
    {
        using DbCommand command = connection.CreateCommand();
        command.CommandText = sql;
        return Convert.ToString(command.ExecuteScalar(), CultureInfo.InvariantCulture) ?? "";
    }
}

/// <summary>
/// SQLite: <c>journal_mode=WAL</c> is a property of the file, <c>synchronous=FULL</c> of the connection: with it each commit flushes the log. With a rollback journal FULL does not make
/// a commit durable (the deletion of the journal is not flushed).
/// </summary>
internal sealed class DurableSqlite : DurableConnection
{
    private const string Full = "2";

    public override void MakeDurable(DbConnection connection)
    {
        Run(connection, "PRAGMA synchronous=FULL");
        string mode = Ask(connection, "PRAGMA journal_mode");
        string synchronous = Ask(connection, "PRAGMA synchronous");
        if (!string.Equals(mode, "wal", StringComparison.OrdinalIgnoreCase) || synchronous != Full)
        {
            throw new JournalException(JournalFault.NotDurable,
                $"{connection.DataSource} has journal_mode={mode} and synchronous={synchronous}, and a vote is durable with WAL and FULL (2) only. Was the file changed by another program? "
                + "Stop it, and run 'PRAGMA journal_mode=WAL' on the file with the sqlite3 tool.");
        }
    }
}

/// <summary>PostgreSQL: <c>synchronous_commit</c> is the session's, <c>fsync</c> the server's.</summary>
internal sealed class DurablePostgres : DurableConnection
{
    public override void MakeDurable(DbConnection connection)
    {
        Run(connection, "SET synchronous_commit TO on");
        if (Ask(connection, "SHOW fsync") != "on")
        {
            throw new JournalException(JournalFault.NotDurable, "The PostgreSQL server of the journal runs with fsync=off, so that no vote would be durable. Set fsync=on in its configuration.");
        }
    }
}
