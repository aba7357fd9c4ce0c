using System.Runtime.InteropServices;

namespace ActorSan.Simulator.Check;

/// <summary>
/// Whether the operations on one block have an order that explains all answers. Times split at each loss of all power into <em>segments</em>: what was in flight ends with its segment,
/// and the next one begins with some value that was there at or after the last write that a flush or FUA had made durable. Values other than 0 are written at most once, which
/// makes it nearly linear (<see cref="ZoneChecker"/>); blocks that zeroes were written to are searched (<see cref="SearchChecker"/>).
/// </summary>
public sealed class BlockChecker
{
    private readonly List<FlushRecord> _flushes;
    private readonly List<long> _losses;
    private readonly ZoneChecker _zones = new();
    private readonly SearchChecker _search = new();
    private readonly List<SegmentOp> _ops = [];
    private readonly Dictionary<ulong, int> _writers = [];

    public BlockChecker(IEnumerable<FlushRecord> flushes, IEnumerable<long> powerLosses)
    {
        _flushes = [.. flushes];
        _losses = [.. powerLosses];
    }

    /// <summary>How often the search gives up after this many states.</summary>
    public int SearchBudget { get; set; } = 300_000;

    /// <returns>Null when all is explained (or, inconclusive, when the search gave up), else what is wrong.</returns>
    public string? Check(IReadOnlyList<BlockOp> history, out bool inconclusive)
    {
        inconclusive = false;
        Split(history, out bool zeroes);
        if (!zeroes)
        {
            return _zones.Check(_ops, _losses.Count + 1, Floors());
        }

        SearchResult result = _search.Check(_ops, _losses.Count + 1, Floors(), SearchBudget);
        inconclusive = result == SearchResult.GaveUp;
        return result == SearchResult.Impossible ? "no order of the operations explains what was read (zeroes were written; all orders were tried)" : null;
    }

    /// <summary>For tests: the search alone, which needs no unique values of what is known.</summary>
    internal SearchResult Search(IReadOnlyList<BlockOp> history)
    {
        Split(history, out _);
        return _search.Check(_ops, _losses.Count + 1, Floors(), SearchBudget);
    }

    /// <summary>For each segment: what was complete before this instant is durable at its end.</summary>
    private long[] Floors()
    {
        var floors = new long[_losses.Count + 1];
        Array.Fill(floors, long.MinValue);
        foreach (FlushRecord flush in _flushes)
        {
            for (int i = 0; i < _losses.Count; i++)
            {
                if (flush.Return < _losses[i])
                {
                    floors[i] = Math.Max(floors[i], flush.Invoke);
                }
            }
        }

        return floors;
    }

    private int SegmentOf(long time)
    {
        int segment = 0;
        while (segment < _losses.Count && _losses[segment] <= time)
        {
            segment++;
        }

        return segment;
    }

    private void Split(IReadOnlyList<BlockOp> history, out bool zeroes)
    {
        _ops.Clear();
        zeroes = false;
        for (int i = 0; i < history.Count; i++)
        {
            BlockOp op = history[i];
            if (!op.Changes && !op.IsOk)
            {
                continue;
            }

            zeroes |= op.Changes && op.Value == 0;
            int segment = SegmentOf(op.Invoke);
            long end = segment < _losses.Count ? _losses[segment] : BlockOp.Never;
            var split = new SegmentOp { Op = op, Segment = segment, End = end };
            if (op.IsOk && op.Return > end)
            {
                // It lived through the loss (a node that was not in sync carried it): it belongs to the time after, unless somebody had seen it before.
                if (op.Changes && !SeenBefore(history, op.Value, end))
                {
                    split.Segment = SegmentOf(op.Return);
                    split.Op.Invoke = _losses[split.Segment - 1];
                    split.End = split.Segment < _losses.Count ? _losses[split.Segment] : BlockOp.Never;
                }
                else if (op.Changes)
                {
                    split.Op.Return = end;
                    split.Op.Durable = true;
                }
                else
                {
                    continue;
                }
            }

            _ops.Add(split);
        }

        CollectionsMarshal.AsSpan(_ops).Sort(static (a, b) => a.Op.Invoke.CompareTo(b.Op.Invoke));
        KeepWhatTookEffect();
    }

    private static bool SeenBefore(IReadOnlyList<BlockOp> history, ulong value, long end)
    {
        for (int i = 0; i < history.Count; i++)
        {
            if (history[i].Kind == BlockOpKind.Read && history[i].IsOk && history[i].Value == value && history[i].Return <= end)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>
    /// An operation of unknown outcome that nobody saw the value of can be left out of any order; one that somebody saw has taken effect, and before that. A compare-and-write that
    /// has taken effect has seen. Zeroes can be of anyone and stay optional, and so do all where somebody saw no more than that a value was not there.
    /// </summary>
    private void KeepWhatTookEffect()
    {
        Span<SegmentOp> ops = CollectionsMarshal.AsSpan(_ops);
        _writers.Clear();
        for (int i = 0; i < ops.Length; i++)
        {
            if (ops[i].Op.Changes && ops[i].Op.Value != 0)
            {
                _writers[ops[i].Op.Value] = i;
            }
        }

        bool again = true;
        while (again)
        {
            again = false;
            for (int i = 0; i < ops.Length; i++)
            {
                ref SegmentOp observer = ref ops[i];
                bool sees = observer.Op.Kind == BlockOpKind.Read || (observer.Op.Kind == BlockOpKind.Compare && (observer.Op.IsOk || observer.Effective));
                if (!sees || observer.Counted)
                {
                    continue;
                }

                observer.Counted = true;
                ulong seen = observer.Op.Kind == BlockOpKind.Read ? observer.Op.Value : observer.Op.Expected;
                if (seen != 0 && _writers.TryGetValue(seen, out int writer))
                {
                    ref SegmentOp write = ref ops[writer];
                    long at = observer.Segment == write.Segment ? observer.Op.Return : BlockOp.Never;
                    again |= !write.Effective;
                    write.SeenAt = write.Effective ? Math.Min(write.SeenAt, at) : at;
                    write.Effective = true;
                }
            }
        }

        bool vague = false;
        foreach (ref readonly SegmentOp op in ops)
        {
            vague |= op.Op.Kind == BlockOpKind.NotEqual;
        }

        int kept = 0;
        for (int i = 0; i < ops.Length; i++)
        {
            SegmentOp op = ops[i];
            op.Optional = op.Op.Changes && !op.Op.IsOk && !op.Effective;
            if (!op.Optional || op.Op.Value == 0 || vague)
            {
                op.Deadline = Math.Min(op.Op.Return, op.End);
                op.CompleteBy = op.Op.IsOk ? op.Op.Return : BlockOp.Never;
                if (op.Effective)
                {
                    op.Deadline = Math.Min(op.Deadline, op.SeenAt);
                    op.CompleteBy = Math.Min(op.CompleteBy, op.SeenAt);
                }

                ops[kept++] = op;
            }
        }

        _ops.RemoveRange(kept, _ops.Count - kept);
    }
}

/// <summary>An operation with what the whole history says of it.</summary>
internal struct SegmentOp
{
    public BlockOp Op;
    public int Segment;

    /// <summary>Of its segment.</summary>
    public long End;

    /// <summary>Somebody saw its value.</summary>
    public bool Effective;

    /// <summary>It may have taken effect or not, and nothing tells.</summary>
    public bool Optional;

    public bool Counted;

    /// <summary>When it is <see cref="Effective"/>: the first return of who saw it in its own segment.</summary>
    public long SeenAt;

    /// <summary>It has taken effect by then, if at all.</summary>
    public long Deadline;

    /// <summary>Known complete by then: by its own answer, or by a read that has returned it (which waits for that, W8).</summary>
    public long CompleteBy;
}
