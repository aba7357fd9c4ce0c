using ActorSan.Workload;
using ActorSan.Workload.Checking;
using ActorSan.Workload.Paths;
using ActorSan.Workload.Recording;
using ActorSan.Workload.Workers;
using Xunit;

namespace ActorSan.Tests.Workload;

/// <summary>What is written down of a run on real processes, and how it is judged.</summary>
public sealed class HistoryTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("actorsan-history-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void WhatWasWrittenAndReadHolds()
    {
        HistoryVerdict verdict = Judge(history =>
        {
            Write(history, block: 5, count: 3, value: 7);
            Read(history, 4, [0, 7, 7, 7, 0]);
        });
        Assert.True(verdict.Holds);
        Assert.Equal(5, verdict.Blocks);
    }

    [Fact]
    public void AnAcknowledgedWriteThatIsGoneIsFound()
    {
        HistoryVerdict verdict = Judge(history =>
        {
            Write(history, 5, 1, 7);
            Write(history, 5, 1, 8);
            Read(history, 5, [7]);
        });
        Assert.False(verdict.Holds);
        Assert.Contains("block 5", Assert.Single(verdict.Violations), StringComparison.Ordinal);
    }

    [Fact]
    public void AnUnknownWriteMayBeThereOrNotButNotComeAndGo()
    {
        Assert.True(Judge(history => { Unknown(history, 5, 9); Read(history, 5, [0]); }).Holds);
        Assert.True(Judge(history => { Unknown(history, 5, 9); Read(history, 5, [0]); Read(history, 5, [9]); }).Holds);
        Assert.False(Judge(history => { Unknown(history, 5, 9); Read(history, 5, [9]); Read(history, 5, [0]); }).Holds);
    }

    [Fact]
    public void ALostAttemptThatTakesEffectAfterALaterWriteIsFound()
    {
        // One operation, two attempts: the first was lost, the second answered. The first one's late arrival undoes what came after.
        HistoryVerdict verdict = Judge(history =>
        {
            long first = history.BeginWrite(1, 5, 1, 7, fua: false);
            history.Tried(first, 0, Clock.Now, Clock.Now, AttemptResult.Lost("connection lost"));
            history.End(first, Clock.Now, 1, "good");
            Write(history, 5, 1, 8);
            Read(history, 5, [8]);
            Read(history, 5, [7]);
        });
        Assert.False(verdict.Holds);
    }

    [Fact]
    public void WhatEndedWithoutEffectMustNotBeSeen()
    {
        HistoryVerdict verdict = Judge(history =>
        {
            history.End(history.BeginWrite(1, 5, 1, 7, fua: false), Clock.Now, -1, "none");
            Read(history, 5, [7]);
        });
        Assert.False(verdict.Holds);
    }

    [Fact]
    public void ACompareAndWriteHasFoundWhatItReplaced()
    {
        Assert.True(Judge(history => { Compare(history, 5, 0, 7, "good"); Compare(history, 5, 0, 8, "miscompare"); Read(history, 5, [7]); }).Holds);

        // Two have found the same.
        Assert.False(Judge(history => { Compare(history, 5, 0, 7, "good"); Compare(history, 5, 0, 8, "good"); }).Holds);
    }

    [Fact]
    public void AMiscompareAfterALostAttemptSaysNothing()
    {
        var result = new OperationResult(AttemptKind.Miscompare, [], 1, MaybeDoneBefore: true, "");
        Assert.Equal("unknown", Bench.Outcome(result));
        Assert.Equal("miscompare", Bench.Outcome(result with { MaybeDoneBefore = false }));
        Assert.Equal("unknown", Bench.Outcome(result with { Kind = AttemptKind.Lost }));
        Assert.Equal("none", Bench.Outcome(result with { Kind = AttemptKind.Lost, MaybeDoneBefore = false }));
    }

    [Fact]
    public void HistoriesOfSeveralProcessesAreOne()
    {
        string first = Record(1, history => Write(history, 5, 1, 7));
        string second = Record(2, history => Read(history, 5, [0]));
        var both = new RecordedHistory();
        both.Add(first);
        both.Add(second);
        Assert.False(HistoryVerdict.Of(both, []).Holds);
        Assert.Throws<WorkloadException>(() => both.Add(second));
    }

    [Fact]
    public void WhatTheClientSawItselfCounts() => Assert.False(Judge(history => history.Violation("a damaged block")).Holds);

    [Fact]
    public void ALossOfPowerMayTakeWhatWasNotFlushedAndNoMore()
    {
        long at = 0;
        string file = Record(1, history =>
        {
            Write(history, 5, 1, 7);
            history.End(history.BeginFlush(1), Clock.Now, 0, "good");
            Write(history, 6, 1, 8);
            at = Clock.Now;
            Read(history, 5, [7, 0]);
        });
        var recorded = new RecordedHistory();
        recorded.Add(file);
        Assert.True(HistoryVerdict.Of(recorded, [at]).Holds);
        Assert.False(HistoryVerdict.Of(recorded, []).Holds);

        file = Record(1, history =>
        {
            Write(history, 5, 1, 7);
            history.End(history.BeginFlush(1), Clock.Now, 0, "good");
            at = Clock.Now;
            Read(history, 5, [0]);
        });
        recorded = new RecordedHistory();
        recorded.Add(file);
        Assert.False(HistoryVerdict.Of(recorded, [at]).Holds);
    }

    [Fact]
    public void AFileThatIsNoHistoryIsRefusedAndACutOffLastLineIsNot()
    {
        string file = Record(1, history => Write(history, 5, 1, 7));
        File.AppendAllText(file, "{\"t\":\"beg");
        var cut = new RecordedHistory();
        cut.Add(file);
        Assert.Equal(1, cut.Operations);

        File.AppendAllText(file, "in\"}\n{}\n");
        Assert.Contains("line", Assert.Throws<WorkloadException>(() => new RecordedHistory().Add(file)).Message, StringComparison.Ordinal);
        Assert.Throws<WorkloadException>(() => new RecordedHistory().Add(Path.Combine(_directory, "missing")));
    }

    [Theory]
    [InlineData(512)]
    [InlineData(4096)]
    public void ABlockTellsWhoWroteItAndWhenItIsNotWhole(int bytes)
    {
        byte[] block = new byte[bytes];
        Assert.Null(BlockStamp.Read(block, 3, out ulong value));
        Assert.Equal(0UL, value);
        BlockStamp.Fill(block, 3, 77);
        Assert.Null(BlockStamp.Read(block, 3, out value));
        Assert.Equal(77UL, value);
        Assert.NotNull(BlockStamp.Read(block, 4, out _));
        byte[] other = new byte[bytes];
        BlockStamp.Fill(other, 3, 78);
        other.AsSpan(bytes / 2).CopyTo(block.AsSpan(bytes / 2));
        Assert.NotNull(BlockStamp.Read(block, 3, out _));
    }

    [Fact]
    public void TwoStoresAreComparedBehindTheirOffsets()
    {
        string one = Path.Combine(_directory, "one");
        string other = Path.Combine(_directory, "other");
        byte[] data = new byte[3_000_000];
        new Random(1).NextBytes(data);
        File.WriteAllBytes(one, [.. new byte[100], .. data]);
        File.WriteAllBytes(other, [.. new byte[200], .. data]);
        Assert.True(StoreComparison.Of(one, 100, other, 200, 0).Same);
        data[2_500_000] ^= 1;
        File.WriteAllBytes(other, [.. new byte[200], .. data]);
        StoreComparison different = StoreComparison.Of(one, 100, other, 200, 0);
        Assert.Equal((1, 2_500_000), (different.DifferentBlocks, different.FirstDifference));
        Assert.Throws<WorkloadException>(() => StoreComparison.Of(one, 100, other, 100, 0));
    }

    [Fact]
    public void AGapIsATimeInWhichSomethingWasOutstandingAndNothingWasAnswered()
    {
        var meter = new GapMeter(TimeSpan.FromMilliseconds(50));
        const long ms = 1_000_000;
        meter.Begin(0);
        meter.End(0, 10 * ms, good: true);

        // Idle is no gap.
        meter.Begin(500 * ms);
        meter.Begin(510 * ms);
        meter.End(500 * ms, 700 * ms, good: false);
        meter.End(510 * ms, 800 * ms, good: true);
        Assert.Equal((500 * ms, 300 * ms), Assert.Single(meter.Gaps()));
        Assert.Equal((2, 1, 0), (meter.Completed, meter.Failed, meter.Outstanding));
    }

    private HistoryVerdict Judge(Action<HistoryWriter> story)
    {
        var history = new RecordedHistory();
        history.Add(Record(1, story));
        return HistoryVerdict.Of(history, []);
    }

    private string Record(int run, Action<HistoryWriter> story)
    {
        string file = Path.Combine(_directory, Guid.NewGuid().ToString("N"));
        using var history = new HistoryWriter(file);
        history.Start(run, "iqn.2026-01.org.actorsan:test", 512);
        story(history);
        return file;
    }

    private static void Write(HistoryWriter history, long block, int count, ulong value) => history.End(history.BeginWrite(1, block, count, value, fua: false), Clock.Now, 0, "good");

    private static void Unknown(HistoryWriter history, long block, ulong value) => history.End(history.BeginWrite(1, block, 1, value, fua: false), Clock.Now, -1, "unknown");

    private static void Read(HistoryWriter history, long block, ulong[] values) => history.End(history.BeginRead(2, block, values.Length), Clock.Now, 0, "good", values);

    private static void Compare(HistoryWriter history, long block, ulong expected, ulong value, string outcome) => history.End(history.BeginCompare(1, block, expected, value), Clock.Now, 0, outcome);
}
