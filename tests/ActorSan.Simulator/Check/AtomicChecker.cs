namespace ActorSan.Simulator.Check;

/// <summary>A write of several blocks that must not tear (W11): block Block + i is operation Places[i] of that block's history.</summary>
public sealed record AtomicGroup(int Block, int[] Places);

/// <summary>
/// What must not tear: once anyone has seen such a write on one of its blocks, nobody sees on another one a value that was complete before the write began; within the time between
/// two losses of power, since a loss may take the write whole. Weaker than an order of all blocks together, and cheap.
/// </summary>
internal static class AtomicChecker
{
    public static string? Check(IReadOnlyList<AtomicGroup> groups, Func<int, IReadOnlyList<BlockOp>> historyOf, IReadOnlyList<long> losses)
    {
        foreach (AtomicGroup group in groups)
        {
            if (!historyOf(group.Block)[group.Places[0]].Changes)
            {
                // Refused, or a miscompare.
                continue;
            }

            for (int segment = 0; segment <= losses.Count; segment++)
            {
                long begin = segment == 0 ? long.MinValue : losses[segment - 1];
                long end = segment == losses.Count ? long.MaxValue : losses[segment];
                (long seenAt, int seenOn) = FirstSeen(group, historyOf, begin, end);
                for (int i = 0; seenAt < end && i < group.Places.Length; i++)
                {
                    IReadOnlyList<BlockOp> history = historyOf(group.Block + i);
                    if (OlderRead(history, history[group.Places[i]], seenAt, end) is { } older)
                    {
                        return $"W11: {history[group.Places[i]]} is torn: it was seen on block {seenOn} at {BlockOp.Ms(seenAt)}, and then on block {group.Block + i} {older}";
                    }
                }
            }
        }

        return null;
    }

    private static (long At, int Block) FirstSeen(AtomicGroup group, Func<int, IReadOnlyList<BlockOp>> historyOf, long begin, long end)
    {
        long at = long.MaxValue;
        int block = -1;
        for (int i = 0; i < group.Places.Length; i++)
        {
            IReadOnlyList<BlockOp> history = historyOf(group.Block + i);
            ulong value = history[group.Places[i]].Value;
            for (int j = group.Places[i]; j < history.Count; j++)
            {
                BlockOp op = history[j];
                if (op.Kind == BlockOpKind.Read && op.IsOk && op.Value == value && op.Invoke >= begin && op.Return < end && op.Return < at)
                {
                    (at, block) = (op.Return, group.Block + i);
                }
            }
        }

        return (at, block);
    }

    private static BlockOp? OlderRead(IReadOnlyList<BlockOp> history, BlockOp write, long after, long end)
    {
        for (int i = 0; i < history.Count; i++)
        {
            BlockOp read = history[i];
            if (read.Kind == BlockOpKind.Read && read.IsOk && read.Invoke > after && read.Return < end && read.Value != write.Value && WasBefore(history, read.Value, write.Invoke))
            {
                return read;
            }
        }

        return null;
    }

    // Written and complete before, for certain; zeroes only when nobody ever wrote any.
    private static bool WasBefore(IReadOnlyList<BlockOp> history, ulong value, long time)
    {
        bool initial = value == 0;
        for (int i = 0; i < history.Count; i++)
        {
            BlockOp op = history[i];
            if (op.Changes && op.Value == value)
            {
                return !initial && op.IsOk && op.Return < time;
            }
        }

        return initial;
    }
}
