using System.Diagnostics;
using System.Globalization;
using ActorSan.Cluster.Messages;
using ActorSan.Replication.Core.Register;
using ActorSan.Replication.Core.Values;
using ActorSan.Tests.Node;
using Xunit;
using Xunit.Abstractions;

namespace ActorSan.Tests.Cluster.Registers;

/// <summary>What a voter appends to a real file is there when another process reads it, or the voter is told that it has ended.</summary>
[Collection(Alone.Name)]
public sealed class VoterJournalTests(ITestOutputHelper output)
{
    [Fact]
    public void RecordsAreDurableInOrderAndReadAgain()
    {
        using var directory = new TemporaryDirectory();
        var other = new RegisterKey("volume/2", VoterSamples.Id(2));
        VoterRecord[] records =
        [
            new LongestLeaseRecord(1_000_000_000), VoterSamples.Promise(3), VoterSamples.Acceptance(3),
            new AcceptedRecord(other, default, VoterSamples.Value(other, 1, 0, null, new VoterId("v", VoterSamples.Id(100)))),
            new LineageRecord("volume/1", VoterSamples.Id(9), [VoterSamples.Id(8)]), new PutBackRecord(77),
        ];
        var told = new List<int>();
        Guid incarnation;
        IReadOnlyList<VoterRecord> expected;
        using (var host = new VoterHost(VoterHost.Sqlite(directory.Path)))
        {
            Assert.Empty(host.Open().ToRecords());
            incarnation = host.Journal.Incarnation;
            var state = new VoterState();
            for (int i = 0; i < records.Length; i++)
            {
                int number = i;
                host.Append(records[i], () => told.Add(number));
                state.Apply(records[i]);
            }

            Assert.Equal(0, host.Journal.WriteCount);
            host.Flush();
            expected = state.ToRecords();
            Assert.Equal(Enumerable.Range(0, records.Length), told);
            Assert.Equal(records.Length, host.Journal.WriteCount);
        }

        using var again = new VoterHost(VoterHost.Sqlite(directory.Path));
        Assert.Equal(expected, again.Open().ToRecords());
        Assert.Equal((incarnation, records.Length), (again.Journal.Incarnation, again.Journal.WriteCount));
    }

    [Fact]
    public void WhatAKilledProcessLeavesHoldsAllThatWasToldAndNothingOutOfOrder()
    {
        using var directory = new TemporaryDirectory();
        using var remains = new TemporaryDirectory();
        using var host = new VoterHost(VoterHost.Sqlite(directory.Path));
        _ = host.Open();
        host.Append(VoterSamples.Acceptance(1));
        host.Append(VoterSamples.Acceptance(2));
        host.Flush();
        for (int i = 3; i <= 60; i++)
        {
            host.Append(VoterSamples.Acceptance(i));
        }

        // The files as they are while writes are on their way: nothing is closed, nothing checkpointed.
        CopyFiles(directory.Path, remains.Path);
        using var next = new VoterHost(VoterHost.Sqlite(remains.Path));
        VoterState held = next.Open();
        Assert.InRange(next.Journal.WriteCount, 2, 60);
        Assert.Contains(VoterSamples.Acceptance(next.Journal.WriteCount), held.ToRecords());
        next.Append(VoterSamples.Acceptance(99));
        next.Flush();
        host.Flush();
        Assert.Equal(60, host.Journal.WriteCount);
    }

    [Fact]
    public void ALostLogIsShownByTheWriteCount()
    {
        using var directory = new TemporaryDirectory();
        using var remains = new TemporaryDirectory();
        using var host = new VoterHost(VoterHost.Sqlite(directory.Path));
        _ = host.Open();
        host.Append(VoterSamples.Acceptance(1));
        host.Flush();
        CopyFiles(directory.Path, remains.Path);
        File.Delete(VoterHost.FileIn(remains.Path) + "-wal");
        using var next = new VoterHost(VoterHost.Sqlite(remains.Path));
        _ = next.Open();
        Assert.Equal(host.Journal.Incarnation, next.Journal.Incarnation);
        Assert.True(next.Journal.WriteCount < host.Journal.WriteCount);
    }

    [Fact]
    public void SnapshotsKeepTheJournalShortAndTheCountRising()
    {
        using var directory = new TemporaryDirectory();
        string path = VoterHost.FileIn(directory.Path);
        int records = 500;
        using (var host = new VoterHost(VoterHost.Sqlite(directory.Path, snapshotInterval: 10)))
        {
            _ = host.Open();
            for (int i = 1; i <= records; i++)
            {
                host.Append(VoterSamples.Acceptance(i));
                if (i % 10 == 0)
                {
                    host.Flush();
                }
            }

            while (host.Compactions < 2)
            {
                host.AwaitCompaction();
            }

            // Old records go behind the voter's back while it goes on, however far behind a busy host is.
            var clock = Stopwatch.StartNew();
            while ((long)VoterHost.Sql(path, "SELECT count(*) FROM journal")! > 100)
            {
                Assert.True(clock.Elapsed < VoterHost.Patience, "the journal stays long");
                for (int i = 0; i < 10; i++)
                {
                    host.Append(VoterSamples.Acceptance(++records));
                }

                host.Flush();
            }
        }

        Assert.InRange((long)VoterHost.Sql(path, "SELECT count(*) FROM snapshot")!, 1, 3);
        using var again = new VoterHost(VoterHost.Sqlite(directory.Path, snapshotInterval: 10));
        Assert.Contains(VoterSamples.Acceptance(records), again.Open().ToRecords());
        Assert.Equal(records, again.Journal.WriteCount);
        again.Append(VoterSamples.Acceptance(records + 1));
        again.Flush();
        Assert.Equal(records + 1, again.Journal.WriteCount);
    }

    [Fact]
    public void AFailedWriteEndsTheVoterAndCallsNothingBack()
    {
        using var directory = new TemporaryDirectory();
        using var host = new VoterHost(VoterHost.Sqlite(directory.Path));
        _ = host.Open();
        host.Append(VoterSamples.Acceptance(1));
        host.Flush();
        File.Delete(VoterHost.FileIn(directory.Path));
        VoterHost.ClearPool(directory.Path);
        bool told = false;
        host.Append(VoterSamples.Acceptance(2), () => told = true);
        object said = host.Take();
        Assert.Contains("record 2", Assert.IsType<VoterJournalFailed>(said).Reason, StringComparison.Ordinal);
        host.AwaitEnd();
        Assert.False(told);
        Assert.True(host.IsSilent);
        Assert.False(File.Exists(VoterHost.FileIn(directory.Path)), "a file that vanished is not made anew by a write");
    }

    [Theory]
    [InlineData("UPDATE journal SET message = zeroblob(length(message)) WHERE sequence_number = 3", "version")]
    [InlineData("UPDATE journal SET message = CAST(substr(message, 1, length(message) - 1) || x'FF' AS BLOB) WHERE sequence_number = 3", "checksum")]
    [InlineData("UPDATE journal SET manifest = 'voter-record/2' WHERE sequence_number = 3", "voter-record/2")]
    [InlineData("DELETE FROM journal WHERE sequence_number = 3", "records are missing")]
    [InlineData("DELETE FROM journal WHERE sequence_number = 1", "records are missing")]
    [InlineData("UPDATE journal SET deleted = 1", "records are missing")]
    public void WhatCannotBeReadIsNotVotedWith(string damage, string reason)
    {
        using var directory = new TemporaryDirectory();
        using (var host = new VoterHost(VoterHost.Sqlite(directory.Path)))
        {
            _ = host.Open();
            for (int i = 1; i <= 5; i++)
            {
                host.Append(VoterSamples.Acceptance(i));
            }

            host.Flush();
        }

        VoterHost.Sql(VoterHost.FileIn(directory.Path), damage);
        using var next = new VoterHost(VoterHost.Sqlite(directory.Path));
        object said = next.TryOpen();
        VoterJournalFailed failed = Assert.IsType<VoterJournalFailed>(said);
        Assert.Contains(reason, failed.Reason, StringComparison.Ordinal);
        next.AwaitEnd();
        Assert.True(next.IsSilent);
    }

    [Fact]
    public void ADamagedSnapshotIsNotVotedWith()
    {
        using var directory = new TemporaryDirectory();
        using (var host = new VoterHost(VoterHost.Sqlite(directory.Path, snapshotInterval: 10)))
        {
            _ = host.Open();
            for (int i = 1; i <= 10; i++)
            {
                host.Append(VoterSamples.Acceptance(i));
            }

            host.Flush();
            host.AwaitCompaction();
        }

        VoterHost.Sql(VoterHost.FileIn(directory.Path), "UPDATE snapshot SET snapshot = CAST(substr(snapshot, 1, length(snapshot) - 1) || x'FF' AS BLOB)");
        using var next = new VoterHost(VoterHost.Sqlite(directory.Path, snapshotInterval: 10));
        object said = next.TryOpen();
        Assert.Contains("checksum", Assert.IsType<VoterJournalFailed>(said).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void HowFastIsIt()
    {
        using var directory = new TemporaryDirectory();
        using var host = new VoterHost(VoterHost.Sqlite(directory.Path));
        _ = host.Open();
        Say("one after the other", 300, flushEach: 1);
        Say("64 on their way", 3200, flushEach: 64);
        Assert.Equal(3500, host.Journal.WriteCount);

        void Say(string how, int records, int flushEach)
        {
            var watch = Stopwatch.StartNew();
            for (int i = 1; i <= records; i++)
            {
                host.Append(VoterSamples.Acceptance(i));
                if (i % flushEach == 0)
                {
                    host.Flush();
                }
            }

            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{how}: {records / watch.Elapsed.TotalSeconds:F0} durable appends/s"));
        }
    }

    private static void CopyFiles(string from, string to)
    {
        foreach (string suffix in new[] { "", "-wal" })
        {
            File.Copy(VoterHost.FileIn(from) + suffix, VoterHost.FileIn(to) + suffix);
        }
    }
}
