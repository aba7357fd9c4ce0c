using ActorSan.Simulator.Check;

namespace ActorSan.Tests.Replication.Simulation;

/// <summary>
/// The definition, tried out: every order of the operations, every choice of which unknown ones took effect, every value that a loss of all power may leave. Shares nothing with the
/// checkers under test but the meaning.
/// </summary>
internal sealed class BruteForce(IReadOnlyList<BlockOp> history, IReadOnlyList<FlushRecord> flushes, IReadOnlyList<long> losses)
{
    private readonly bool[] _done = new bool[history.Count];

    public bool IsPossible() => Try(0, 0, [0]);

    private bool Try(int segment, ulong value, HashSet<ulong> survivors)
    {
        long end = segment < losses.Count ? losses[segment] : long.MaxValue;
        bool allDone = true;
        for (int i = 0; i < history.Count; i++)
        {
            BlockOp op = history[i];
            if (_done[i] || SegmentOf(op) != segment)
            {
                continue;
            }

            allDone &= !op.IsOk;
            if (MustWait(i, segment) || !Fits(op, value))
            {
                continue;
            }

            ulong next = op.Changes ? op.Value : value;
            HashSet<ulong> left = !op.Changes ? survivors : IsDurableBy(op, segment, end) ? [next] : [.. survivors, next];
            _done[i] = true;
            bool found = Try(segment, next, left);
            _done[i] = false;
            if (found)
            {
                return true;
            }
        }

        return allDone && (segment == losses.Count || survivors.Append(value).Any(survivor => Try(segment + 1, survivor, [survivor])));
    }

    // Another one that certainly took effect ended before this one began.
    private bool MustWait(int index, int segment) =>
        history.Where((other, i) => !_done[i] && i != index && other.IsOk && SegmentOf(other) == segment && other.Return < history[index].Invoke).Any();

    private static bool Fits(BlockOp op, ulong value) => op.Kind switch
    {
        BlockOpKind.Read => op.Value == value,
        BlockOpKind.Compare => op.Expected == value,
        BlockOpKind.NotEqual => op.Expected != value,
        _ => true,
    };

    private int SegmentOf(BlockOp op) => losses.Count(loss => loss <= op.Invoke);

    // Answered, or returned by a read, before a flush began that was answered before the loss; or FUA.
    private bool IsDurableBy(BlockOp op, int segment, long end)
    {
        if (op.IsOk && op.Durable)
        {
            return true;
        }

        long known = op.IsOk ? op.Return : long.MaxValue;
        foreach (BlockOp other in history)
        {
            bool sees = op.Value != 0 && other.IsOk && SegmentOf(other) == segment
                && ((other.Kind == BlockOpKind.Read && other.Value == op.Value) || (other.Kind == BlockOpKind.Compare && other.Expected == op.Value));
            known = sees ? Math.Min(known, other.Return) : known;
        }

        return flushes.Any(flush => flush.Return < end && known < flush.Invoke) && segment < losses.Count;
    }
}
