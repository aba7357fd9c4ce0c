using ActorSan.Workload.Paths;
using ActorSan.Workload.Recording;

namespace ActorSan.Workload.Workers;

/// <summary>What all workers of a run share: paths, history, meter, and the next value.</summary>
internal sealed class Bench(PathSet paths, HistoryWriter history, GapMeter meter, int run, int blockBytes, CancellationToken giveUp)
{
    private long _values;

    internal PathSet Paths { get; } = paths;

    internal HistoryWriter History { get; } = history;

    internal GapMeter Meter { get; } = meter;

    internal int BlockBytes { get; } = blockBytes;

    /// <summary>A value that no other write of any run has.</summary>
    internal ulong NextValue() => ((ulong)run << 36) + (ulong)Interlocked.Increment(ref _values);

    internal async Task<bool> Write(int client, long block, int count, bool fua)
    {
        ulong value = NextValue();
        byte[] data = new byte[count * BlockBytes];
        for (int i = 0; i < count; i++)
        {
            BlockStamp.Fill(data.AsSpan(i * BlockBytes, BlockBytes), block + i, value);
        }

        long operation = History.BeginWrite(client, block, count, value, fua);
        OperationResult result = await Do(operation, ScsiCommand.Write(block, count, data, fua));
        return result.Kind == AttemptKind.Good;
    }

    /// <returns>The values; null when it failed.</returns>
    internal async Task<ulong[]?> Read(int client, long block, int count)
    {
        long operation = History.BeginRead(client, block, count);
        long began = Clock.Now;
        Meter.Begin(began);
        OperationResult result = await Paths.Execute(ScsiCommand.Read(block, count, BlockBytes), (path, from, to, attempt) => History.Tried(operation, path, from, to, attempt), giveUp);
        long at = Clock.Now;
        bool whole = result.Kind == AttemptKind.Good && result.Data.Length == count * BlockBytes;
        Meter.End(began, at, whole);
        if (!whole)
        {
            if (result.Kind == AttemptKind.Good)
            {
                History.Violation($"a read of {count} blocks at {block} was answered GOOD with {result.Data.Length} bytes");
            }

            History.End(operation, at, result.Path, "none");
            return null;
        }

        ulong[] values = new ulong[count];
        bool damaged = false;
        for (int i = 0; i < count; i++)
        {
            if (BlockStamp.Read(result.Data.AsSpan(i * BlockBytes, BlockBytes), block + i, out values[i]) is { } wrong)
            {
                History.Violation(wrong);
                damaged = true;
            }
        }

        if (damaged)
        {
            // What is no value of ours can't be judged; the violation says it all.
            History.End(operation, at, result.Path, "none");
            return null;
        }

        History.End(operation, at, result.Path, "good", values);
        return values;
    }

    internal async Task<bool> Flush(int client) => (await Do(History.BeginFlush(client), ScsiCommand.Flush())).Kind == AttemptKind.Good;

    internal async Task CompareAndWrite(int client, long block, ulong expected)
    {
        ulong value = NextValue();
        byte[] data = new byte[2 * BlockBytes];
        BlockStamp.Fill(data.AsSpan(0, BlockBytes), block, expected);
        BlockStamp.Fill(data.AsSpan(BlockBytes), block, value);
        long operation = History.BeginCompare(client, block, expected, value);
        _ = await Do(operation, ScsiCommand.CompareAndWrite(block, data));
    }

    private async Task<OperationResult> Do(long operation, ScsiCommand command)
    {
        long began = Clock.Now;
        Meter.Begin(began);
        OperationResult result = await Paths.Execute(command, (path, from, to, attempt) => History.Tried(operation, path, from, to, attempt), giveUp);
        long at = Clock.Now;
        bool answered = result.Kind is AttemptKind.Good or AttemptKind.Miscompare;
        Meter.End(began, at, answered);
        History.End(operation, at, result.Path, Outcome(result));
        if (result.Kind == AttemptKind.ReservationConflict)
        {
            History.Violation("a command of an initiator that nobody has kept out met a RESERVATION CONFLICT");
        }

        return result;
    }

    /// <summary>
    /// What is known of an operation after its last answer. A miscompare after an attempt that was lost says nothing: the lost one may have been what changed the block, and so the operation may have
    /// taken effect.
    /// </summary>
    internal static string Outcome(OperationResult result) => result.Kind switch
    {
        AttemptKind.Good => "good",
        AttemptKind.Miscompare => result.MaybeDoneBefore ? "unknown" : "miscompare",
        _ => result.MaybeDoneBefore ? "unknown" : "none",
    };
}
