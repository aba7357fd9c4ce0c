namespace ActorSan.Simulator.Check;

internal enum SearchResult : byte
{
    Possible,
    Impossible,

    /// <summary>The budget of states was used up.</summary>
    GaveUp,
}

/// <summary>
/// Tries orders (Wing and Gong, with Lowe's memory of states that led nowhere). An operation may come next when no other that must come has ended before it began. A read that fits is
/// taken at once: it changes nothing. What a loss of all power may bring back is a set of values, kept beside the current one, and only those that anyone asks for later.
/// </summary>
internal sealed class SearchChecker
{
    private const int MostRelevant = 63;

    /// <summary>A value that nobody asks for.</summary>
    private const ulong AnyOther = ulong.MaxValue;

    private readonly HashSet<(ulong, ulong)> _dead = [];
    private readonly List<ulong> _relevant = [];
    private SegmentOp[] _ops = [];
    private bool[] _done = [];
    private ulong[] _high = [];
    private ulong[] _low = [];
    private long[] _floors = [];
    private int _segments;
    private int _budget;

    public SearchResult Check(List<SegmentOp> ops, int segments, long[] floors, int budget)
    {
        _ops = [.. ops];
        _done = new bool[ops.Count];
        _floors = floors;
        _segments = segments;
        _budget = budget;
        _dead.Clear();
        MakeKeys(ops.Count);
        FindRelevant();
        bool possible = Next(0, 0, 0, Bit(0), 0, 0);
        return possible ? SearchResult.Possible : _budget <= 0 ? SearchResult.GaveUp : SearchResult.Impossible;
    }

    private void MakeKeys(int count)
    {
        if (_high.Length >= count)
        {
            return;
        }

        var random = new World.SimRandom(0x5EA5C4);
        _high = new ulong[count + 64];
        _low = new ulong[count + 64];
        for (int i = 0; i < _high.Length; i++)
        {
            _high[i] = random.NextULong();
            _low[i] = random.NextULong();
        }
    }

    // Values that someone sees in a later segment than the first: only these can tell what a loss of power has brought back.
    private void FindRelevant()
    {
        _relevant.Clear();
        foreach (ref readonly SegmentOp op in _ops.AsSpan())
        {
            if (op.Segment > 0)
            {
                AddRelevant(op.Op.Kind == BlockOpKind.Read ? op.Op.Value : op.Op.Expected);
            }
        }
    }

    private void AddRelevant(ulong value)
    {
        if (!_relevant.Contains(value) && _relevant.Count < MostRelevant)
        {
            _relevant.Add(value);
        }
    }

    // The last bit stands for all values that nobody asks for: enough to know that there is one.
    private ulong Bit(ulong value)
    {
        int index = _relevant.IndexOf(value);
        return 1UL << (index < 0 ? MostRelevant : index);
    }

    /// <param name="from">All before this index are done or of an earlier segment.</param>
    /// <param name="segment">Now.</param>
    /// <param name="value">Now.</param>
    /// <param name="survivors">Which relevant values a loss of power now could leave.</param>
    /// <param name="high">Key of what is done.</param>
    /// <param name="low">Key of what is done.</param>
    private bool Next(int from, int segment, ulong value, ulong survivors, ulong high, ulong low)
    {
        var taken = new List<int>();
        long horizon = TakeReads(ref from, segment, value, taken, ref high, ref low);
        bool found = false;
        (ulong, ulong) key = (high ^ (value * 0x9E3779B97F4A7C15UL) ^ ((ulong)segment << 57), low ^ (survivors * 0xBF58476D1CE4E5B9UL) ^ value);
        if (horizon == BlockOp.Never && !HasRequired(from, segment))
        {
            found = segment == _segments - 1 || Lose(from, segment, value, survivors, high, low);
        }

        if (!found && _budget > 0 && !_dead.Contains(key))
        {
            _budget--;
            found = TryEach(from, segment, value, survivors, horizon, high, low);
            if (!found)
            {
                _dead.Add(key);
            }
        }

        foreach (int index in taken)
        {
            _done[index] = false;
        }

        return found;
    }

    private bool TryEach(int from, int segment, ulong value, ulong survivors, long horizon, ulong high, ulong low)
    {
        bool triedOptional = false;
        for (int i = from; i < _ops.Length && _ops[i].Segment <= segment && _ops[i].Op.Invoke <= horizon; i++)
        {
            ref readonly SegmentOp op = ref _ops[i];
            if (_done[i] || op.Segment != segment || !op.Op.Changes || (op.Op.Kind == BlockOpKind.Compare && op.Op.Expected != value))
            {
                continue;
            }

            if (op.Optional && op.Op.Value == 0)
            {
                // One that zeroes what is zero does nothing, and any of them is as good as another.
                if (value == 0 || triedOptional)
                {
                    continue;
                }

                triedOptional = true;
            }

            ulong next = op.Op.Value;
            bool covered = op.CompleteBy < _floors[segment] || (op.Op.IsOk && op.Op.Durable);
            _done[i] = true;
            bool found = Next(from, segment, next, covered ? Bit(next) : survivors | Bit(next), high ^ _high[i], low ^ _low[i]);
            _done[i] = false;
            if (found)
            {
                return true;
            }
        }

        return false;
    }

    private bool Lose(int from, int segment, ulong value, ulong survivors, ulong high, ulong low)
    {
        if (Next(from, segment + 1, value, Bit(value), high, low))
        {
            return true;
        }

        for (int i = 0; i < _relevant.Count; i++)
        {
            ulong survivor = _relevant[i];
            if ((survivors & (1UL << i)) != 0 && survivor != value && Next(from, segment + 1, survivor, 1UL << i, high, low))
            {
                return true;
            }
        }

        return (survivors & (1UL << MostRelevant)) != 0 && Next(from, segment + 1, AnyOther, 1UL << MostRelevant, high, low);
    }

    // Takes what only looks and fits, as long as there is any; returns the end of the first that must come.
    private long TakeReads(ref int from, int segment, ulong value, List<int> taken, ref ulong high, ref ulong low)
    {
        while (true)
        {
            long horizon = Horizon(ref from, segment);
            bool any = false;
            for (int i = from; i < _ops.Length && _ops[i].Segment <= segment && _ops[i].Op.Invoke <= horizon; i++)
            {
                ref readonly SegmentOp op = ref _ops[i];
                if (_done[i] || op.Segment != segment || op.Op.Changes || !Fits(in op.Op, value))
                {
                    continue;
                }

                _done[i] = true;
                taken.Add(i);
                high ^= _high[i];
                low ^= _low[i];
                any = true;
            }

            if (!any)
            {
                return horizon;
            }
        }
    }

    private static bool Fits(in BlockOp op, ulong value) => op.Kind == BlockOpKind.Read ? op.Value == value : op.Expected != value;

    private long Horizon(ref int from, int segment)
    {
        while (from < _ops.Length && (_done[from] || _ops[from].Segment < segment))
        {
            from++;
        }

        long horizon = BlockOp.Never;
        for (int i = from; i < _ops.Length && _ops[i].Segment <= segment && _ops[i].Op.Invoke <= horizon; i++)
        {
            if (!_done[i] && _ops[i].Segment == segment && !_ops[i].Optional)
            {
                horizon = Math.Min(horizon, _ops[i].Deadline);
            }
        }

        return horizon;
    }

    private bool HasRequired(int from, int segment)
    {
        for (int i = from; i < _ops.Length && _ops[i].Segment <= segment; i++)
        {
            if (!_done[i] && _ops[i].Segment == segment && !_ops[i].Optional)
            {
                return true;
            }
        }

        return false;
    }
}
