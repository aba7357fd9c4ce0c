using ActorSan.Cluster.Settings;

namespace ActorSan.Node.Settings;

/// <summary>The section <c>actorsan.journal</c>. The connection string never gets into a message.</summary>
internal sealed class JournalReader(HostFacts host)
{
    public JournalSettings Read(Section journal, string stateDirectory)
    {
        JournalProvider provider = journal.Word("provider", ("sqlite", JournalProvider.Sqlite), ("postgresql", JournalProvider.PostgreSql));
        string directory = SettingsReader.Absolute(journal.Text("directory"), host);
        string connection = ReadConnection(journal, out string key);
        if (provider == JournalProvider.PostgreSql)
        {
            if (directory.Length > 0)
            {
                journal.Report(SettingsFault.Conflict, "directory", "is of sqlite, and the provider is postgresql");
            }

            if (connection.Length == 0 && !journal.Has("connection-string-file"))
            {
                journal.Report(SettingsFault.Missing, "connection-string", "postgresql must have a connection-string or a connection-string-file");
            }
        }
        else if (journal.Has(key))
        {
            journal.Report(SettingsFault.Conflict, key, "is of postgresql, and the provider is sqlite");
        }

        return new JournalSettings
        {
            Provider = provider,
            Directory = directory.Length > 0 ? directory : stateDirectory,
            ConnectionString = connection,
            SnapshotInterval = (int)journal.Integer("snapshot-interval", 10, 1_000_000),
        };
    }

    private string ReadConnection(Section journal, out string key)
    {
        key = "connection-string";
        string connection = journal.Text(key);
        string file = SettingsReader.Absolute(journal.Text("connection-string-file"), host);
        if (file.Length == 0)
        {
            return connection;
        }

        key = "connection-string-file";
        if (connection.Length > 0)
        {
            journal.Report(SettingsFault.Conflict, key, "give either connection-string or connection-string-file");
            return connection;
        }

        if (!SecretFile.TryReadSecret(file, out connection, out string? fault))
        {
            journal.Report(SettingsFault.Unsafe, key, fault!);
            return "";
        }

        if (connection.Length == 0)
        {
            journal.Report(SettingsFault.Missing, key, $"the first line of {file} is empty");
        }

        return connection;
    }
}
