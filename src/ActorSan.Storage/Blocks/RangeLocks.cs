namespace ActorSan.Storage.Blocks;

/// <summary>
/// One request for a range and a key, owned and reused by its caller. Everything is asked for in one step (replication.md W1, W12), so nobody waits with a lock in hand.
/// </summary>
public abstract class RangeLock
{
    public long OffsetBytes;

    /// <summary>0: no range.</summary>
    public long LengthBytes;

    /// <summary>Alone on the range; else shared with others that are not exclusive.</summary>
    public bool Exclusive;

    /// <summary>0: no key.</summary>
    public byte Key;

    public bool KeyExclusive;

    internal readonly RangeLockNode First;
    internal readonly RangeLockNode Second;
    internal readonly RangeLockNode Everyone;
    internal readonly RangeLockNode Wide;
    internal RangeLock? NextGranted;
    internal long Arrival;
    internal long FirstBucket;
    internal long LastBucket;
    internal int BlockedBy;

    protected RangeLock()
    {
        First = new RangeLockNode(this);
        Second = new RangeLockNode(this);
        Everyone = new RangeLockNode(this);
        Wide = new RangeLockNode(this);
    }

    /// <summary>From <see cref="RangeLocks.TryAcquire"/> to <see cref="RangeLocks.Release"/>.</summary>
    public bool IsQueued { get; internal set; }

    public bool IsGranted => IsQueued && BlockedBy == 0;

    /// <summary>It had to wait and has it now. Runs inside the call that released the last lock before it, never nested in another <see cref="OnGranted"/>.</summary>
    protected internal abstract void OnGranted();
}

/// <summary>A place in one of the lists of <see cref="RangeLocks"/>.</summary>
internal sealed class RangeLockNode(RangeLock owner)
{
    public readonly RangeLock Owner = owner;
    public RangeLockNode? Previous;
    public RangeLockNode? Next;
    public long Bucket;
}

/// <summary>
/// The order of a volume's operations: one fair queue per range. A request waits for every earlier one that overlaps it, held or waiting, unless both are shared; so a
/// write never overtakes, and nothing starves. Allocation-free. One thread.
/// </summary>
public sealed class RangeLocks
{
    // A range of up to one bucket's length touches at most two buckets; a longer one, and one with a key for itself alone, is compared with everything.
    private const int BucketShift = 20;
    private const int SlotCount = 1024;

    private readonly List[] _slots = new List[SlotCount];
    private List _everyone;
    private List _wide;
    private RangeLock? _firstGranted;
    private RangeLock? _lastGranted;
    private bool _granting;
    private long _arrivals;

    /// <summary>Held and waiting.</summary>
    public int Count { get; private set; }

    /// <summary>True: it is held. False: it waits, <see cref="RangeLock.OnGranted"/> follows.</summary>
    public bool TryAcquire(RangeLock request)
    {
        Invariant.Check(!request.IsQueued && request.OffsetBytes >= 0 && request.LengthBytes >= 0);
        request.IsQueued = true;
        request.Arrival = ++_arrivals;
        request.FirstBucket = request.OffsetBytes >> BucketShift;
        request.LastBucket = request.LengthBytes == 0 ? request.FirstBucket : (request.OffsetBytes + request.LengthBytes - 1) >> BucketShift;
        int blockedBy = 0;
        if (IsWide(request))
        {
            for (RangeLockNode? node = _everyone.Head; node is not null; node = node.Next)
            {
                blockedBy += Conflict(node.Owner, request) ? 1 : 0;
            }

            _wide.Append(request.Wide);
        }
        else
        {
            for (RangeLockNode? node = _wide.Head; node is not null; node = node.Next)
            {
                blockedBy += Conflict(node.Owner, request) ? 1 : 0;
            }
        }

        if (InBuckets(request))
        {
            blockedBy += Enter(request, request.First, request.FirstBucket);
            if (request.LastBucket != request.FirstBucket)
            {
                blockedBy += Enter(request, request.Second, request.LastBucket);
            }
        }

        _everyone.Append(request.Everyone);
        Count++;
        request.BlockedBy = blockedBy;
        return blockedBy == 0;
    }

    /// <summary>Those who waited for this alone are granted. What still waits cannot be taken back: its turn comes.</summary>
    public void Release(RangeLock held)
    {
        Invariant.Check(held.IsGranted);
        RangeLockNode? later = held.Everyone.Next;
        RangeLockNode? first = held.First.Next;
        RangeLockNode? second = held.Second.Next;
        bool wide = IsWide(held);
        bool inBuckets = InBuckets(held);
        _everyone.Remove(held.Everyone);
        if (wide)
        {
            _wide.Remove(held.Wide);
        }

        if (inBuckets)
        {
            _slots[SlotOf(held.FirstBucket)].Remove(held.First);
            if (held.LastBucket != held.FirstBucket)
            {
                _slots[SlotOf(held.LastBucket)].Remove(held.Second);
            }
        }

        held.IsQueued = false;
        Count--;
        if (wide)
        {
            for (RangeLockNode? node = later; node is not null; node = node.Next)
            {
                Unblock(held, node.Owner, Conflict(held, node.Owner));
            }
        }
        else
        {
            for (RangeLockNode? node = _wide.Head; node is not null; node = node.Next)
            {
                Unblock(held, node.Owner, node.Owner.Arrival > held.Arrival && Conflict(held, node.Owner));
            }

            if (inBuckets)
            {
                UnblockFrom(held, first, held.FirstBucket);
                if (held.LastBucket != held.FirstBucket)
                {
                    UnblockFrom(held, second, held.LastBucket);
                }
            }
        }

        Grant();
    }

    /// <summary>From exclusive to shared on its range: those who waited only for that go on. Its key stays as it is.</summary>
    public void Share(RangeLock held)
    {
        Invariant.Check(held.IsGranted);
        if (!held.Exclusive)
        {
            return;
        }

        for (RangeLockNode? node = held.Everyone.Next; node is not null; node = node.Next)
        {
            RangeLock other = node.Owner;
            Unblock(held, other, Overlap(held, other) && !other.Exclusive && !KeyConflict(held, other));
        }

        held.Exclusive = false;
        Grant();
    }

    private static bool IsWide(RangeLock request) => request.KeyExclusive || request.LengthBytes > 1L << BucketShift;

    private static bool InBuckets(RangeLock request) => request.LengthBytes > 0 && !IsWide(request);

    private static bool Overlap(RangeLock one, RangeLock other) =>
        one.OffsetBytes < other.OffsetBytes + other.LengthBytes && other.OffsetBytes < one.OffsetBytes + one.LengthBytes && one.LengthBytes > 0 && other.LengthBytes > 0;

    private static bool KeyConflict(RangeLock one, RangeLock other) => one.Key != 0 && one.Key == other.Key && (one.KeyExclusive || other.KeyExclusive);

    private static bool Conflict(RangeLock one, RangeLock other) => (Overlap(one, other) && (one.Exclusive || other.Exclusive)) || KeyConflict(one, other);

    // Neighbouring buckets lie in neighbouring slots; what shares a slot is told apart by the bucket's number.
    private static int SlotOf(long bucket) => (int)(bucket & (SlotCount - 1));

    // A pair that meets in two buckets counts once: in the first that both touch.
    private static bool MeetFirstIn(RangeLock one, RangeLock other, long bucket) => Math.Max(one.FirstBucket, other.FirstBucket) == bucket;

    private int Enter(RangeLock request, RangeLockNode place, long bucket)
    {
        ref List slot = ref _slots[SlotOf(bucket)];
        int blockedBy = 0;
        for (RangeLockNode? node = slot.Head; node is not null; node = node.Next)
        {
            blockedBy += node.Bucket == bucket && MeetFirstIn(node.Owner, request, bucket) && Conflict(node.Owner, request) ? 1 : 0;
        }

        place.Bucket = bucket;
        slot.Append(place);
        return blockedBy;
    }

    private void UnblockFrom(RangeLock held, RangeLockNode? from, long bucket)
    {
        for (RangeLockNode? node = from; node is not null; node = node.Next)
        {
            Unblock(held, node.Owner, node.Bucket == bucket && MeetFirstIn(held, node.Owner, bucket) && Conflict(held, node.Owner));
        }
    }

    private void Unblock(RangeLock held, RangeLock waiting, bool waitedForIt)
    {
        if (!waitedForIt)
        {
            return;
        }

        Invariant.Check(waiting.BlockedBy > 0 && !ReferenceEquals(held, waiting));
        if (--waiting.BlockedBy > 0)
        {
            return;
        }

        waiting.NextGranted = null;
        if (_lastGranted is null)
        {
            _firstGranted = waiting;
        }
        else
        {
            _lastGranted.NextGranted = waiting;
        }

        _lastGranted = waiting;
    }

    // A granted operation may complete and release inside OnGranted: what that grants joins the queue and runs here, so a long chain does not nest.
    private void Grant()
    {
        if (_granting)
        {
            return;
        }

        _granting = true;
        while (_firstGranted is { } granted)
        {
            _firstGranted = granted.NextGranted;
            if (_firstGranted is null)
            {
                _lastGranted = null;
            }

            granted.NextGranted = null;
            granted.OnGranted();
        }

        _granting = false;
    }

    private struct List
    {
        public RangeLockNode? Head;
        private RangeLockNode? _tail;

        public void Append(RangeLockNode node)
        {
            node.Previous = _tail;
            node.Next = null;
            if (_tail is null)
            {
                Head = node;
            }
            else
            {
                _tail.Next = node;
            }

            _tail = node;
        }

        public void Remove(RangeLockNode node)
        {
            if (node.Previous is null)
            {
                Head = node.Next;
            }
            else
            {
                node.Previous.Next = node.Next;
            }

            if (node.Next is null)
            {
                _tail = node.Previous;
            }
            else
            {
                node.Next.Previous = node.Previous;
            }

            node.Previous = null;
            node.Next = null;
        }
    }
}
