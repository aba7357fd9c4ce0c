using ActorSan.Cluster.Settings;
using ActorSan.Replication.Core.Register;
using ActorSan.Storage;
using Akka.Actor.Setup;
using Akka.Configuration;
using Akka.Persistence.Sql;
using Akka.Persistence.Sql.Config;
using LinqToDB;

namespace ActorSan.Cluster.Registers;

/// <summary>
/// The one database in which a node's persistent actors write. It is opened, made where there is none, and checked before the actor system is made, which takes
/// <see cref="Akka"/> and <see cref="Setup"/> from here.
/// </summary>
public sealed class JournalDatabase
{
    private const string JournalId = "akka.persistence.journal.sql";
    private const string SnapshotId = "akka.persistence.snapshot-store.sql";

    private JournalDatabase(JournalIdentity identity, string provider, DataOptions options)
    {
        Identity = identity;
        Akka = ConfigurationFactory.ParseString(HoconOf(provider)).WithFallback(SqlPersistence.DefaultConfiguration);
        var setup = new MultiDataOptionsSetup();
        setup.AddDataOptions(JournalId, options);
        setup.AddDataOptions(SnapshotId, options);
        Setup = setup;
    }

    public JournalIdentity Identity { get; }

    /// <summary>What the actor system's configuration must have, before its own fallbacks.</summary>
    public Config Akka { get; }

    /// <summary>What the actor system must be made with: how connections are opened. It holds the secret, which the configuration doesn't.</summary>
    public Setup Setup { get; }

    /// <summary>Opens the journal of this node; one that is not there is made, and is then another voter's (R8).</summary>
    /// <exception cref="JournalException">It is refused; the message says what to do.</exception>
    public static JournalDatabase Open(JournalSettings settings, Guid clusterId, string node)
    {
        switch (settings.Provider)
        {
            case JournalProvider.Sqlite:
                JournalIdentity file = SqliteJournal.Open(settings.Directory, clusterId, node);
                string path = SqliteJournal.ConnectionString(Path.Combine(settings.Directory, SqliteJournal.FileName));
                return new JournalDatabase(file, ProviderName.SQLiteMS, new DataOptions().UseConnectionString(ProviderName.SQLiteMS, path).UseInterceptor(new DurableSqlite()));
            case JournalProvider.PostgreSql:
                JournalIdentity database = PostgresJournal.Open(settings.ConnectionString, clusterId, node);
                return new JournalDatabase(database, ProviderName.PostgreSQL,
                    new DataOptions().UseConnectionString(ProviderName.PostgreSQL, settings.ConnectionString).UseInterceptor(new DurablePostgres()));
            default:
                throw new InvariantViolationException($"no such provider: {settings.Provider}");
        }
    }

    // parallelism = 1: what is on its way becomes durable in the order of appending, so that a kill leaves a prefix of it. use-clone-connection = off: each connection is opened, and
    // so checked, anew. The connection string is in the setup. Reads and writes of a database block their thread: they have threads of their own.
    private static string HoconOf(string provider) => $$"""
        akka {
          actor {
            serializers.actorsan-voter-journal = "{{NameOf(typeof(VoterJournalSerializer))}}"
            serializers.actorsan-history = "{{NameOf(typeof(HistorySerializer))}}"
            serialization-bindings {
              "{{NameOf(typeof(VoterRecord))}}" = actorsan-voter-journal
              "{{NameOf(typeof(VoterJournalSnapshot))}}" = actorsan-voter-journal
              "{{NameOf(typeof(HistoryRecord))}}" = actorsan-history
              "{{NameOf(typeof(HistorySnapshot))}}" = actorsan-history
            }
          }
          persistence {
            dispatchers.actorsan-journal {
              type = ForkJoinDispatcher
              throughput = 1
              dedicated-thread-pool { thread-count = 2, threadtype = background }
            }
            journal {
              plugin = "{{JournalId}}"
              sql {
                class = "Akka.Persistence.Sql.Journal.SqlWriteJournal, Akka.Persistence.Sql"
                plugin-dispatcher = "akka.persistence.dispatchers.actorsan-journal"
                materializer-dispatcher = "akka.persistence.dispatchers.actorsan-journal"
                provider-name = "{{provider}}"
                parallelism = 1
                use-clone-connection = false
                tag-write-mode = Csv
              }
            }
            snapshot-store {
              plugin = "{{SnapshotId}}"
              sql {
                class = "Akka.Persistence.Sql.Snapshot.SqlSnapshotStore, Akka.Persistence.Sql"
                plugin-dispatcher = "akka.persistence.dispatchers.actorsan-journal"
                materializer-dispatcher = "akka.persistence.dispatchers.actorsan-journal"
                provider-name = "{{provider}}"
                use-clone-connection = false
              }
            }
          }
        }
        """;

    private static string NameOf(Type type) => $"{type.FullName}, {type.Assembly.GetName().Name}";
}
