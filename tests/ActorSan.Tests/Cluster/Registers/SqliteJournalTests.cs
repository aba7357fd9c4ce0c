using ActorSan.Cluster.Messages;
using ActorSan.Cluster.Registers;
using ActorSan.Tests.Node;
using Microsoft.Data.Sqlite;
using Xunit;

namespace ActorSan.Tests.Cluster.Registers;

/// <summary>The journal's file: made once, refused when it is not this node's or not whole, and never written over.</summary>
[Collection(Alone.Name)]
public sealed class SqliteJournalTests
{
    [Fact]
    public void ANewJournalIsTheOwnersAloneAndDurable()
    {
        using var directory = new TemporaryDirectory();
        JournalIdentity made = SqliteJournal.Open(directory.Path, VoterHost.Cluster, "atlas");
        string path = VoterHost.FileIn(directory.Path);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
        Assert.Equal("wal", VoterHost.Sql(path, "PRAGMA journal_mode"));
        Assert.NotEqual(Guid.Empty, made.Incarnation);
        Assert.Equal(made, SqliteJournal.Open(directory.Path, VoterHost.Cluster, "atlas"));
        Assert.Empty(Directory.EnumerateFiles(directory.Path, "*.new*"));
    }

    [Fact]
    public void ALostFileIsAnotherVoter()
    {
        using var directory = new TemporaryDirectory();
        Guid first = SqliteJournal.Open(directory.Path, VoterHost.Cluster, "atlas").Incarnation;
        VoterHost.ClearPool(directory.Path);
        File.Delete(VoterHost.FileIn(directory.Path));
        Assert.NotEqual(first, SqliteJournal.Open(directory.Path, VoterHost.Cluster, "atlas").Incarnation);
    }

    [Fact]
    public void AMakingThatWasCutShortIsBegunAnew()
    {
        using var directory = new TemporaryDirectory();
        directory.Write(SqliteJournal.FileName + ".new", "half a file");
        directory.Write(SqliteJournal.FileName + ".new-wal", "half a log");
        Assert.Equal("atlas", SqliteJournal.Open(directory.Path, VoterHost.Cluster, "atlas").Node);
    }

    [Fact]
    public void ALogWithoutItsFileIsNotGivenToANewOne()
    {
        using var directory = new TemporaryDirectory();
        string log = directory.Write(SqliteJournal.FileName + "-wal", "votes");
        Refused(directory, JournalFault.Damaged, "Put journal.sqlite back");
        Assert.Equal("votes", File.ReadAllText(log));
        Assert.False(File.Exists(VoterHost.FileIn(directory.Path)));
    }

    [Theory]
    [InlineData("", JournalFault.Damaged, "is empty")]
    [InlineData("SQLite form", JournalFault.Damaged, "ends after 11 bytes")]
    [InlineData("my holiday in Crete", JournalFault.Foreign, "is no SQLite database")]
    public void WhatIsNoJournalIsLeftAlone(string content, JournalFault fault, string reason)
    {
        using var directory = new TemporaryDirectory();
        string path = directory.Write(SqliteJournal.FileName, content);
        Refused(directory, fault, reason);
        Assert.Equal(content, File.ReadAllText(path));
        Assert.Single(Directory.EnumerateFiles(directory.Path));
    }

    [Fact]
    public void AnotherProgramsDatabaseIsLeftAlone()
    {
        using var directory = new TemporaryDirectory();
        string path = VoterHost.FileIn(directory.Path);
        VoterHost.Sql(path, "CREATE TABLE bookmarks (url TEXT)");
        byte[] before = File.ReadAllBytes(path);
        Refused(directory, JournalFault.Foreign, "another program's");
        Assert.Equal(before, File.ReadAllBytes(path));
    }

    [Fact]
    public void TheJournalOfAnotherNodeOrClusterIsRefused()
    {
        using var directory = new TemporaryDirectory();
        _ = SqliteJournal.Open(directory.Path, VoterHost.Cluster, "zeus");
        Refused(directory, JournalFault.OtherNode, "is the journal of node 'zeus', and this node is 'atlas'");
        JournalException failure = Assert.Throws<JournalException>(() => SqliteJournal.Open(directory.Path, Guid.NewGuid(), "zeus"));
        Assert.Equal(JournalFault.OtherCluster, failure.Fault);
        Assert.Equal("zeus", SqliteJournal.Open(directory.Path, VoterHost.Cluster, "zeus").Node);
    }

    [Fact]
    public void ALaterFormatIsRefused()
    {
        using var directory = new TemporaryDirectory();
        Made(directory);
        VoterHost.Sql(VoterHost.FileIn(directory.Path), "PRAGMA user_version=2");
        VoterHost.Sql(VoterHost.FileIn(directory.Path), "PRAGMA wal_checkpoint(TRUNCATE)");
        Refused(directory, JournalFault.OtherFormat, "Run the release that wrote it");
    }

    [Theory]
    [InlineData(0.0)]
    [InlineData(0.3)]
    [InlineData(0.7)]
    [InlineData(0.95)]
    public void ATruncatedFileIsRefusedAndLeftAsItIs(double left)
    {
        using var directory = new TemporaryDirectory();
        Filled(directory, 200);
        string path = VoterHost.FileIn(directory.Path);
        long length = (long)(new FileInfo(path).Length * left);
        using (FileStream file = File.OpenWrite(path))
        {
            file.SetLength(length);
        }

        Refused(directory, JournalFault.Damaged, "Never put an older copy in its place");
        Assert.Equal(length, new FileInfo(path).Length);
    }

    [Fact]
    public void ADamagedPageIsRefused()
    {
        using var directory = new TemporaryDirectory();
        Filled(directory, 200);
        string path = VoterHost.FileIn(directory.Path);
        byte[] bytes = File.ReadAllBytes(path);
        bytes.AsSpan(4096 * 3, 4096).Fill(0xA5);
        File.WriteAllBytes(path, bytes);
        Refused(directory, JournalFault.Damaged, "is damaged");
    }

    [Fact]
    public void AFileThatAnotherProgramHasPutBackToARollbackJournalIsRefused()
    {
        using var directory = new TemporaryDirectory();
        Made(directory);
        Assert.Equal("delete", VoterHost.Sql(VoterHost.FileIn(directory.Path), "PRAGMA journal_mode=DELETE"));
        Refused(directory, JournalFault.NotDurable, "journal_mode=delete");
    }

    [Fact]
    public void TheConnectionsThatWriteAreCheckedThemselves()
    {
        // The check at the start has passed; then the file is changed: the writer's own connection sees it.
        using var directory = new TemporaryDirectory();
        using var host = new VoterHost(VoterHost.Sqlite(directory.Path));
        _ = host.Open();
        VoterHost.ClearPool(directory.Path);
        Assert.Equal("delete", VoterHost.Sql(VoterHost.FileIn(directory.Path), "PRAGMA journal_mode=DELETE"));
        host.Append(VoterSamples.Promise(1));
        object said = host.Take();
        Assert.Contains("journal_mode=delete", Assert.IsType<VoterJournalFailed>(said).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void APooledConnectionThatSomeoneMadeFastIsMadeDurableAgain()
    {
        using var directory = new TemporaryDirectory();
        using var host = new VoterHost(VoterHost.Sqlite(directory.Path));
        VoterHost.ClearPool(directory.Path);
        string connectionString = SqliteJournal.ConnectionString(VoterHost.FileIn(directory.Path));
        Assert.Equal(0L, Pragma(connectionString, "PRAGMA synchronous=OFF; PRAGMA synchronous"));
        Assert.Equal(0L, Pragma(connectionString, "PRAGMA synchronous"));

        _ = host.Open();
        host.Append(VoterSamples.Promise(1));
        host.Flush();
        Assert.Equal(2L, Pragma(connectionString, "PRAGMA synchronous"));
    }

    private static object? Pragma(string connectionString, string sql)
    {
        using var connection = new SqliteConnection(connectionString);
        connection.Open();
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = sql;
        return command.ExecuteScalar();
    }

    private static void Made(TemporaryDirectory directory)
    {
        _ = SqliteJournal.Open(directory.Path, VoterHost.Cluster, "atlas");
        VoterHost.ClearPool(directory.Path);
    }

    private static void Filled(TemporaryDirectory directory, int records)
    {
        using var host = new VoterHost(VoterHost.Sqlite(directory.Path));
        _ = host.Open();
        for (int i = 1; i <= records; i++)
        {
            host.Append(VoterSamples.Acceptance(i));
        }

        host.Flush();
    }

    private static void Refused(TemporaryDirectory directory, JournalFault fault, string reason)
    {
        JournalException failure = Assert.Throws<JournalException>(() => SqliteJournal.Open(directory.Path, VoterHost.Cluster, "atlas"));
        Assert.Equal(fault, failure.Fault);
        Assert.Contains(reason, failure.Message, StringComparison.Ordinal);
        VoterHost.ClearPool(directory.Path);
    }
}
