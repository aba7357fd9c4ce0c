using System.Diagnostics;
using System.Globalization;
using ActorSan.Cluster.Messages;
using ActorSan.Cluster.Registers;
using ActorSan.Cluster.Settings;
using Xunit;
using Xunit.Abstractions;

namespace ActorSan.Tests.Cluster.Registers;

/// <summary>The journal on a real server that this starts.</summary>
[Collection(Alone.Name)]
public sealed class PostgresJournalTests(PostgresServer server, ITestOutputHelper output) : IClassFixture<PostgresServer>
{
    [PostgresFact]
    public void RecordsOutliveTheServer()
    {
        JournalSettings settings = Settings(server.NewDatabase(), snapshotInterval: 10);
        Guid incarnation;
        using (var host = new VoterHost(settings))
        {
            Assert.Empty(host.Open().ToRecords());
            incarnation = host.Journal.Incarnation;
            var watch = Stopwatch.StartNew();
            for (int i = 1; i <= 50; i++)
            {
                host.Append(VoterSamples.Acceptance(i));
                host.Flush();
            }

            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"one after the other: {50 / watch.Elapsed.TotalSeconds:F0} durable appends/s"));
            if (host.Compactions == 0)
            {
                host.AwaitCompaction();
            }
        }

        server.CrashAndStart();
        Npgsql.NpgsqlConnection.ClearAllPools();
        Assert.InRange((long)PostgresServer.Sql(settings.ConnectionString, "SELECT count(*) FROM journal")!, 0, 45);
        using var again = new VoterHost(settings);
        Assert.Contains(VoterSamples.Acceptance(50), again.Open().ToRecords());
        Assert.Equal((incarnation, 50L), (again.Journal.Incarnation, again.Journal.WriteCount));
        again.Append(VoterSamples.Acceptance(51));
        again.Flush();
        Assert.Equal(51, again.Journal.WriteCount);
    }

    [PostgresFact]
    public void ASessionThatWouldNotWaitForTheDiskIsMadeTo()
    {
        string database = server.NewDatabase("Options=-c synchronous_commit=off;Maximum Pool Size=1;");
        Assert.Equal("off", PostgresServer.Sql(database, "SHOW synchronous_commit"));
        using var connection = new Npgsql.NpgsqlConnection(database);
        connection.Open();
        new DurablePostgres().MakeDurable(connection);
        using Npgsql.NpgsqlCommand ask = connection.CreateCommand();
        ask.CommandText = "SHOW synchronous_commit";
        Assert.Equal("on", ask.ExecuteScalar());
    }

    [PostgresFact]
    public void TheJournalOfAnotherNodeOrClusterIsRefused()
    {
        JournalSettings settings = Settings(server.NewDatabase());
        Guid incarnation = JournalDatabase.Open(settings, VoterHost.Cluster, "zeus").Identity.Incarnation;
        Assert.Equal(JournalFault.OtherNode, Refused(settings, VoterHost.Cluster, "atlas").Fault);
        Assert.Equal(JournalFault.OtherCluster, Refused(settings, Guid.NewGuid(), "zeus").Fault);
        Assert.Equal(incarnation, JournalDatabase.Open(settings, VoterHost.Cluster, "zeus").Identity.Incarnation);
    }

    [PostgresFact]
    public void AnotherProgramsTablesAreLeftAlone()
    {
        JournalSettings settings = Settings(server.NewDatabase());
        PostgresServer.Sql(settings.ConnectionString, "CREATE TABLE journal (entry text)");
        Assert.Equal(JournalFault.Foreign, Refused(settings, VoterHost.Cluster, "atlas").Fault);
        Assert.Equal(0L, PostgresServer.Sql(settings.ConnectionString, "SELECT count(*) FROM pg_tables WHERE tablename = 'actorsan_journal'"));
    }

    [PostgresFact]
    public void AWriteThatTheServerRefusesEndsTheVoter()
    {
        string database = server.NewDatabase();
        using var host = new VoterHost(Settings(database));
        _ = host.Open();
        host.Append(VoterSamples.Acceptance(1));
        host.Flush();
        _ = PostgresServer.Sql(database, "ALTER TABLE journal RENAME TO gone");
        host.Append(VoterSamples.Acceptance(2));
        object said = host.Take();
        Assert.IsType<VoterJournalFailed>(said);
    }

    [PostgresFact]
    public void AServerThatDoesNotAnswerIsNamed()
    {
        JournalException failure = Refused(Settings("Host=127.0.0.1;Port=1;Database=votes;Username=me;Password=hush;Timeout=5"), VoterHost.Cluster, "atlas");
        Assert.Equal(JournalFault.Unreachable, failure.Fault);
        Assert.Contains("'votes' on 127.0.0.1", failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("hush", failure.Message, StringComparison.Ordinal);
    }

    private static JournalException Refused(JournalSettings settings, Guid cluster, string node) => Assert.Throws<JournalException>(() => JournalDatabase.Open(settings, cluster, node));

    private static JournalSettings Settings(string connectionString, int snapshotInterval = 1000) => new()
    {
        Provider = JournalProvider.PostgreSql,
        Directory = "",
        ConnectionString = connectionString,
        SnapshotInterval = snapshotInterval,
    };
}
