using System.Buffers.Binary;
using System.Globalization;
using ActorSan.Storage.Stores;
using Microsoft.Data.Sqlite;

namespace ActorSan.Cluster.Registers;

/// <summary>
/// The journal as a file of SQLite. It is made under another name and takes its own when it is whole and durable, so that what bears the name is a journal or was one. Its
/// header is read before SQLite opens it: SQLite writes to what it opens.
/// </summary>
internal static class SqliteJournal
{
    public const string FileName = "journal.sqlite";

    /// <summary>'ASAJ' in the header of the file.</summary>
    public const int ApplicationId = 0x4153414A;

    /// <summary>user_version in the header of the file.</summary>
    public const int Format = 1;

    private const int HeaderBytes = 100;
    private const int FormatOffset = 60;
    private const int ApplicationOffset = 68;
    private static readonly byte[] Magic = "SQLite format 3\0"u8.ToArray();

    // Seconds. The voter's journal and the volumes' histories make their tables at the same time, and append beside each other and their snapshots: nobody else writes to the file, so
    // who waits waits for a slow disk, and giving up early would only leave the voter without its journal until it is tried again.
    private const int LockTimeout = 30;

    /// <summary>Opens or makes the journal of <paramref name="node"/> in <paramref name="directory"/> and checks all of it.</summary>
    /// <exception cref="JournalException">It is refused.</exception>
    public static JournalIdentity Open(string directory, Guid clusterId, string node)
    {
        string path = Path.Combine(directory, FileName);
        try
        {
            if (!File.Exists(path))
            {
                Make(path, new JournalIdentity(clusterId, node, Guid.NewGuid()));
            }

            CheckHeader(path);
            using var connection = new SqliteConnection(ConnectionString(path));
            connection.Open();
            new DurableSqlite().MakeDurable(connection);
            CheckIntegrity(path, connection);
            JournalIdentity found = ReadIdentity(path, connection);
            JournalException.CheckOwner(path, found, clusterId, node);
            return found;
        }
        catch (SqliteException failure) when (failure.SqliteErrorCode is SQLitePCL.raw.SQLITE_CORRUPT or SQLitePCL.raw.SQLITE_NOTADB)
        {
            throw Damaged(path, failure.Message, failure);
        }
        catch (Exception failure) when (failure is SqliteException or IOException or UnauthorizedAccessException or StoreException)
        {
            throw new JournalException(JournalFault.Unreachable, $"The journal {path} can't be used: {failure.Message}. Free the disk, or let the node's user read and write the file and its directory.", failure);
        }
    }

    /// <summary>Never makes a file: one that vanishes while the node runs fails the next write.</summary>
    public static string ConnectionString(string path) =>
        new SqliteConnectionStringBuilder { DataSource = path, Mode = SqliteOpenMode.ReadWrite, DefaultTimeout = LockTimeout }.ToString();

    private static void Make(string path, JournalIdentity identity)
    {
        foreach (string log in new[] { path + "-wal", path + "-shm" }.Where(File.Exists))
        {
            throw new JournalException(JournalFault.Damaged,
                $"{log} is there and {path} is not: a part of a journal was moved or lost. Put {FileName} back beside it; if it is lost for good, move {Path.GetFileName(log)} away, and the node becomes a new voter that must be admitted.");
        }

        string unborn = path + ".new";
        foreach (string remnant in new[] { unborn, unborn + "-wal", unborn + "-shm", unborn + "-journal" })
        {
            File.Delete(remnant);
        }

        using (new FileStream(unborn, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite }))
        {
        }

        using (var connection = new SqliteConnection(new SqliteConnectionStringBuilder(ConnectionString(unborn)) { Pooling = false }.ToString()))
        {
            connection.Open();
            Run(connection, "PRAGMA journal_mode=WAL");
            new DurableSqlite().MakeDurable(connection);
            using SqliteTransaction transaction = connection.BeginTransaction();
            Run(connection, string.Create(CultureInfo.InvariantCulture, $"PRAGMA application_id={ApplicationId}"));
            Run(connection, string.Create(CultureInfo.InvariantCulture, $"PRAGMA user_version={Format}"));
            Run(connection, "CREATE TABLE actorsan_journal (one INTEGER PRIMARY KEY CHECK (one = 1), cluster TEXT NOT NULL, node TEXT NOT NULL, incarnation TEXT NOT NULL)");
            using SqliteCommand insert = connection.CreateCommand();
            insert.CommandText = "INSERT INTO actorsan_journal VALUES (1, $cluster, $node, $incarnation)";
            insert.Parameters.AddWithValue("$cluster", identity.ClusterId.ToString());
            insert.Parameters.AddWithValue("$node", identity.Node);
            insert.Parameters.AddWithValue("$incarnation", identity.Incarnation.ToString());
            _ = insert.ExecuteNonQuery();
            transaction.Commit();

            // Everything into the file itself: its log doesn't go with it to the new name.
            Run(connection, "PRAGMA wal_checkpoint(TRUNCATE)");
        }

        File.Move(unborn, path);
        StoreOpener.SyncDirectoryOf(path);
    }

    private static void CheckHeader(string path)
    {
        Span<byte> header = stackalloc byte[HeaderBytes];
        using (var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite))
        {
            int read = file.ReadAtLeast(header, HeaderBytes, throwOnEndOfStream: false);
            if (read == 0)
            {
                throw Damaged(path, "it is empty", null);
            }

            if (!header[..Math.Min(read, Magic.Length)].SequenceEqual(Magic.AsSpan(0, Math.Min(read, Magic.Length))))
            {
                throw Foreign(path, "is no SQLite database");
            }

            if (read < HeaderBytes)
            {
                throw Damaged(path, $"it ends after {read} bytes", null);
            }
        }

        int application = BinaryPrimitives.ReadInt32BigEndian(header[ApplicationOffset..]);
        if (application != ApplicationId)
        {
            throw Foreign(path, string.Create(CultureInfo.InvariantCulture, $"is another program's SQLite database (application_id {application:X8}h)"));
        }

        int format = BinaryPrimitives.ReadInt32BigEndian(header[FormatOffset..]);
        if (format != Format)
        {
            throw new JournalException(JournalFault.OtherFormat, $"{path} has format {format}, and this release knows {Format}. Run the release that wrote it.");
        }
    }

    private static void CheckIntegrity(string path, SqliteConnection connection)
    {
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = "PRAGMA integrity_check(1)";
        if (command.ExecuteScalar() is not "ok" and var finding)
        {
            throw Damaged(path, Convert.ToString(finding, CultureInfo.InvariantCulture) ?? "", null);
        }
    }

    private static JournalIdentity ReadIdentity(string path, SqliteConnection connection)
    {
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = "SELECT cluster, node, incarnation FROM actorsan_journal";
        using SqliteDataReader reader = command.ExecuteReader();
        if (!reader.Read() || !Guid.TryParse(reader.GetString(0), out Guid cluster) || !Guid.TryParse(reader.GetString(2), out Guid incarnation))
        {
            throw Damaged(path, "it doesn't say whose it is", null);
        }

        return new JournalIdentity(cluster, reader.GetString(1), incarnation);
    }

    private static JournalException Foreign(string path, string what) => new(JournalFault.Foreign,
        $"{path} {what}, and the node's journal has this name. It is left as it is: move it away, or set actorsan.journal.directory to another place.");

    private static JournalException Damaged(string path, string what, Exception? inner) => new(JournalFault.Damaged,
        $"The journal {path} is damaged: {what}. It is left as it is. Never put an older copy in its place; move it away with its -wal and -shm, and the node becomes a new voter that must be admitted in place of the old one.", inner);

    private static void Run(SqliteConnection connection, string sql)
    {
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = sql;
        _ = command.ExecuteNonQuery();
    }
}
