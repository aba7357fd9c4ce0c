using System.Globalization;
using System.Runtime.InteropServices;

namespace ActorSan.Simulator.Check;

/// <summary>
/// Linearizability of a register whose values are unique (Gibbons and Korach 1997). A write and the reads of its value are a <em>cluster</em>; with first = the earliest end of any of
/// them and last = the latest begin, a cluster must come before another when its first is before the other's last. An order exists when no two must each come before the other:
/// such a relation has a cycle only if it has one of two. A compare-and-write ties its cluster behind the one that it compared with: tied clusters are one.
/// </summary>
internal sealed class ZoneChecker
{
    private readonly Dictionary<ulong, int> _clusterOf = [];
    private Cluster[] _clusters = new Cluster[64];
    private Chain[] _chains = new Chain[64];
    private int[] _forward = new int[64];
    private long[] _forwardFirst = new long[64];
    private int _clusterCount;
    private int _chainCount;

    public string? Check(List<SegmentOp> ops, int segments, long[] floors)
    {
        // From the end: what a segment must have left over is known from what was read after it.
        ulong? carried = null;
        for (int segment = segments - 1; segment >= 0; segment--)
        {
            string? wrong = CheckSegment(ops, segment, floors[segment], ref carried);
            if (wrong is not null)
            {
                return segments == 1 ? wrong : string.Create(CultureInfo.InvariantCulture, $"{wrong} (segment {segment} of {segments} between losses of power)");
            }
        }

        return carried is null or 0 ? null : $"{carried} was read and never written";
    }

    private string? CheckSegment(List<SegmentOp> ops, int segment, long floor, ref ulong? carried)
    {
        Begin();
        foreach (ref readonly SegmentOp op in CollectionsMarshal.AsSpan(ops))
        {
            if (op.Segment == segment && op.Op.Changes && !op.Optional)
            {
                int index = Add(op.Op.Value);
                ref Cluster cluster = ref _clusters[index];
                cluster.Write = op.Op;
                cluster.First = op.Deadline;
                cluster.Last = op.Op.Invoke;
                cluster.Covered = op.CompleteBy < floor || (op.Op.IsOk && op.Op.Durable);
            }
        }

        ulong? initial = null;
        foreach (ref readonly SegmentOp op in CollectionsMarshal.AsSpan(ops))
        {
            if (op.Segment == segment && !op.Optional && op.Op.Kind is BlockOpKind.Read or BlockOpKind.Compare)
            {
                string? wrong = See(in op, ref initial, segment);
                if (wrong is not null)
                {
                    return wrong;
                }
            }
        }

        int leaves = -1;
        if (carried is { } left)
        {
            if (!_clusterOf.TryGetValue(left, out leaves))
            {
                leaves = 0;
                if (initial is { } other && other != left)
                {
                    return $"{left} was read after a loss of power, although the block began this time as {other}";
                }

                initial = left;
            }
        }

        carried = initial;
        return MakeChains() ?? CheckOrder(ops, segment) ?? (leaves < 0 ? null : CheckLeft(leaves, floor));
    }

    private void Begin()
    {
        _clusterOf.Clear();
        _clusterCount = 1;
        _clusters[0] = new Cluster { First = long.MinValue, Last = long.MinValue, Next = -1, Before = -1 };
    }

    private int Add(ulong value)
    {
        if (_clusterCount == _clusters.Length)
        {
            Array.Resize(ref _clusters, _clusterCount * 2);
        }

        _clusters[_clusterCount] = new Cluster { Value = value, Next = -1, Before = -1 };
        _clusterOf[value] = _clusterCount;
        return _clusterCount++;
    }

    // Puts a read into its cluster; ties a compare-and-write to the one that it found.
    private string? See(in SegmentOp op, ref ulong? initial, int segment)
    {
        bool read = op.Op.Kind == BlockOpKind.Read;
        ulong seen = read ? op.Op.Value : op.Op.Expected;
        if (!_clusterOf.TryGetValue(seen, out int index))
        {
            index = 0;
            if ((initial is { } other && other != seen) || (segment == 0 && seen != 0))
            {
                return segment == 0 || initial is null ? $"{op.Op}: nobody ever wrote that" : $"{op.Op}: not written since all power was lost, when the block became {initial}";
            }

            initial = seen;
        }

        ref Cluster cluster = ref _clusters[index];
        if (!read)
        {
            if (cluster.Next >= 0)
            {
                return $"{op.Op}: but {_clusters[cluster.Next].Write} has found and replaced the same";
            }

            int mine = _clusterOf[op.Op.Value];
            cluster.Next = mine;
            _clusters[mine].Before = index;
            return null;
        }

        if (index > 0 && op.Op.Return < cluster.Write.Invoke)
        {
            return $"{op.Op}: before {cluster.Write} began";
        }

        cluster.First = Math.Min(cluster.First, op.Op.Return);
        cluster.Last = Math.Max(cluster.Last, op.Op.Invoke);
        return null;
    }

    private string? MakeChains()
    {
        _chainCount = 0;
        if (_chains.Length < _clusterCount)
        {
            Array.Resize(ref _chains, _clusters.Length);
        }

        int placed = 0;
        for (int head = 0; head < _clusterCount; head++)
        {
            if (_clusters[head].Before >= 0)
            {
                continue;
            }

            var chain = new Chain { Head = head, First = long.MaxValue, Last = long.MinValue };
            for (int index = head; index >= 0; index = _clusters[index].Next)
            {
                ref Cluster cluster = ref _clusters[index];
                if (cluster.First < chain.Last)
                {
                    return $"{cluster.Write}: cannot follow at once on what it has found, which was {_clusters[cluster.Before].Value}";
                }

                cluster.Chain = _chainCount;
                chain.First = Math.Min(chain.First, cluster.First);
                chain.Last = Math.Max(chain.Last, cluster.Last);
                chain.Covered |= cluster.Covered;
                placed++;
            }

            _chains[_chainCount++] = chain;
        }

        return placed == _clusterCount ? null : "compare-and-writes found each other's values in a circle";
    }

    private string? CheckOrder(List<SegmentOp> ops, int segment)
    {
        if (_forward.Length < _chainCount)
        {
            _forward = new int[_chains.Length];
            _forwardFirst = new long[_chains.Length];
        }

        int count = 0;
        for (int i = 0; i < _chainCount; i++)
        {
            if (_chains[i].First < _chains[i].Last)
            {
                _forward[count] = i;
                _forwardFirst[count++] = _chains[i].First;
            }
        }

        Array.Sort(_forwardFirst, _forward, 0, count);
        for (int i = 1; i < count; i++)
        {
            if (_chains[_forward[i]].First < _chains[_forward[i - 1]].Last)
            {
                return Contradiction(_forward[i - 1], _forward[i]);
            }
        }

        for (int i = 0; i < _chainCount; i++)
        {
            if (_chains[i].First < _chains[i].Last)
            {
                continue;
            }

            int candidate = LastBefore(_chains[i].Last, count);
            if (candidate >= 0 && _chains[i].First < _chains[_forward[candidate]].Last)
            {
                return Contradiction(_forward[candidate], i);
            }
        }

        return CheckNotEquals(ops, segment);
    }

    // The forward zone with the highest first that is below the time.
    private int LastBefore(long time, int count)
    {
        int low = 0;
        int high = count;
        while (low < high)
        {
            int middle = (low + high) >> 1;
            if (_forwardFirst[middle] < time)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low - 1;
    }

    // Weaker than the rest: wrong only when the block certainly had that value all the while.
    private string? CheckNotEquals(List<SegmentOp> ops, int segment)
    {
        foreach (ref readonly SegmentOp op in CollectionsMarshal.AsSpan(ops))
        {
            if (op.Segment == segment && op.Op.Kind == BlockOpKind.NotEqual && _clusterOf.TryGetValue(op.Op.Expected, out int index)
                && _clusters[index].First < op.Op.Invoke && op.Op.Return < _clusters[index].Last)
            {
                return $"{op.Op}: although the block was that all the while ({_clusters[index].Write})";
            }
        }

        return null;
    }

    /// <summary>
    /// All power was lost and the block is now what that cluster left. Whatever came after it is gone, so none of these may have been durable: a cluster must come after it when a way
    /// of 'must come before' leads there.
    /// </summary>
    private string? CheckLeft(int leaves, long floor)
    {
        int own = _clusters[leaves].Chain;
        for (int index = _clusters[leaves].Next; index >= 0; index = _clusters[index].Next)
        {
            if (_clusters[index].Covered)
            {
                return Lost(index, leaves, floor);
            }
        }

        // Sorted by last, falling, one pass finds all that can be reached.
        var order = new int[_chainCount];
        var keys = new long[_chainCount];
        for (int i = 0; i < _chainCount; i++)
        {
            (order[i], keys[i]) = (i, _chains[i].Last);
        }

        Array.Sort(keys, order);
        long reach = _chains[own].First;
        for (int i = _chainCount - 1; i >= 0 && keys[i] > reach; i--)
        {
            int chain = order[i];
            reach = Math.Min(reach, _chains[chain].First);
            if (chain != own && _chains[chain].Covered)
            {
                int covered = _chains[chain].Head;
                while (!_clusters[covered].Covered)
                {
                    covered = _clusters[covered].Next;
                }

                return Lost(covered, leaves, floor);
            }
        }

        return null;
    }

    private string Lost(int covered, int leaves, long floor)
    {
        string what = leaves == 0 ? "what the block began as" : _clusters[leaves].Write.ToString();
        string why = _clusters[covered].Write is { IsOk: true, Durable: true } ? "FUA" : "a flush that began at " + BlockOp.Ms(floor);
        return $"I1: {_clusters[covered].Write}: durable by {why}, but after all power was lost the block was {what}";
    }

    private string Contradiction(int a, int b)
    {
        string one = Tell(_chains[a]);
        string other = Tell(_chains[b]);
        return $"neither can come first: {one}; and {other}";
    }

    private string Tell(Chain chain)
    {
        string what = chain.Head == 0 ? "the block as it began" : _clusters[chain.Head].Write.ToString();
        string last = chain.Last == long.MinValue ? "" : $", and seen or begun last at {BlockOp.Ms(chain.Last)}";
        return $"{what} (there at {(chain.First == long.MinValue ? "the begin" : BlockOp.Ms(chain.First))}{last})";
    }

    private struct Cluster
    {
        public ulong Value;
        public BlockOp Write;
        public long First;
        public long Last;
        public int Next;
        public int Before;
        public int Chain;
        public bool Covered;
    }

    private struct Chain
    {
        public int Head;
        public long First;
        public long Last;
        public bool Covered;
    }
}
