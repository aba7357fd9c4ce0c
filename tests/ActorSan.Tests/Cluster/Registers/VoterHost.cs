using System.Collections.Concurrent;
using ActorSan.Cluster.Actors;
using ActorSan.Cluster.Messages;
using ActorSan.Cluster.Registers;
using ActorSan.Cluster.Settings;
using ActorSan.Replication.Core.Ports;
using ActorSan.Replication.Core.Register;
using Akka.Actor;
using Akka.Actor.Setup;
using Akka.Configuration;
using Microsoft.Data.Sqlite;
using Xunit;

namespace ActorSan.Tests.Cluster.Registers;

/// <summary>The start of one node's process as far as its journal goes: a database, an actor system, and a test's thread in the place of the voter's.</summary>
internal sealed class VoterHost : IDisposable
{
    public static readonly Guid Cluster = new("c1000000-0000-0000-0000-000000000001");
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private readonly BlockingCollection<object> _mail = [];
    private readonly ActorSystem _system;
    private readonly IActorRef _owner;
    private readonly JournalSettings _settings;
    private IActorRef _actor = ActorRefs.Nobody;
    private VoterJournal? _journal;

    public VoterHost(JournalSettings settings, Guid? cluster = null, string node = "atlas")
    {
        _settings = settings;
        Database = JournalDatabase.Open(settings, cluster ?? Cluster, node);
        Config config = ConfigurationFactory.ParseString("akka { loglevel = OFF, stdout-loglevel = OFF, log-dead-letters = off }").WithFallback(Database.Akka);
        _system = ActorSystem.Create("journal", ActorSystemSetup.Create(BootstrapSetup.Create().WithConfig(config), Database.Setup));
        _owner = _system.ActorOf(Props.Create(() => new Mailbox(_mail)), "owner");
    }

    public JournalDatabase Database { get; }

    public VoterJournal Journal => _journal!;

    public int Compactions { get; private set; }

    public static JournalSettings Sqlite(string directory, int snapshotInterval = 1000) => new()
    {
        Provider = JournalProvider.Sqlite,
        Directory = directory,
        ConnectionString = "",
        SnapshotInterval = snapshotInterval,
    };

    /// <summary>Starts the journal and gives what it first says.</summary>
    public object TryOpen()
    {
        _actor = _system.ActorOf(VoterJournalActor.Props(Database.Identity.Incarnation, _settings.SnapshotInterval, _owner));
        object first = Take();
        _journal = (first as VoterJournalOpened)?.Journal;
        return first;
    }

    /// <summary>Starts the journal, which must open.</summary>
    public VoterState Open()
    {
        object first = TryOpen();
        return Assert.IsType<VoterJournalOpened>(first).Held;
    }

    /// <summary>The journal's actor ends with whatever is on its way; another one reads what became durable.</summary>
    public VoterState Reopen()
    {
        Assert.True(_actor.GracefulStop(Patience).Wait(Patience));
        while (_mail.TryTake(out _))
        {
        }

        return Open();
    }

    /// <summary>Appends; <paramref name="durable"/> is called by <see cref="Flush"/>.</summary>
    public void Append(VoterRecord record, Action? durable = null) => Journal.Append(new Note(record, durable));

    /// <summary>Hands over what the journal says until nothing is on its way.</summary>
    public void Flush()
    {
        while (Journal.OnTheirWay > 0)
        {
            HandOver(Take());
        }
    }

    public void AwaitCompaction()
    {
        int before = Compactions;
        while (Compactions == before)
        {
            HandOver(Take());
        }
    }

    /// <summary>What the journal says next, whatever it is.</summary>
    public object Take()
    {
        Assert.True(_mail.TryTake(out object? message, Patience), "the journal says nothing");
        return message;
    }

    public bool IsSilent => _mail.Count == 0;

    public void AwaitEnd() => Assert.True(_actor.GracefulStop(Patience).Wait(Patience));

    public void Dispose()
    {
        Assert.True(_system.Terminate().Wait(Patience));
        if (_settings.Provider == JournalProvider.Sqlite)
        {
            ClearPool(_settings.Directory);
        }

        _mail.Dispose();
    }

    public static string FileIn(string directory) => Path.Combine(directory, SqliteJournal.FileName);

    public static void ClearPool(string directory)
    {
        using var connection = new SqliteConnection(SqliteJournal.ConnectionString(FileIn(directory)));
        SqliteConnection.ClearPool(connection);
    }

    /// <summary>Runs SQL on the file of a node that is not running.</summary>
    public static object? Sql(string path, string sql)
    {
        using var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Pooling = false }.ToString());
        connection.Open();
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = sql;
        return command.ExecuteScalar();
    }

    private void HandOver(object message)
    {
        switch (message)
        {
            case VoterRecordDurable durable:
                Journal.OnDurable(durable);
                break;
            case VoterJournalCompacted:
                Compactions++;
                break;
            default:
                Assert.Fail($"the journal says {message}");
                break;
        }
    }

    private sealed class Note(VoterRecord record, Action? durable) : JournalWrite(record)
    {
        public override void OnDurable() => durable?.Invoke();
    }

    private sealed class Mailbox : ReceiveActor
    {
        public Mailbox(BlockingCollection<object> mail) => ReceiveAny(mail.Add);
    }
}
