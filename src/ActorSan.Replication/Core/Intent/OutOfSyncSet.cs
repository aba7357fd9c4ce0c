using System.Numerics;
using ActorSan.Replication.Core.Frames;
using ActorSan.Storage;

namespace ActorSan.Replication.Core.Intent;

/// <summary>
/// The granules of a volume that one replica lacks (S1): a bitmap in pages, each the content of one durable page. A page that is empty or full has no bits of its own, so that
/// neither a huge volume nor 'wholly' costs memory; what is in between costs a bit for each granule. Nothing is allocated as long as no further page comes to be in between.
/// </summary>
public sealed partial class OutOfSyncSet
{
    /// <summary>64 KiB, as the metadata area is laid out for it.</summary>
    public const int DefaultGranuleBytes = 64 << 10;

    /// <summary>Bits of a durable page when nothing else is said.</summary>
    public const int DefaultPageGranules = 31744;

    // Bits of pages that became empty or full, for the next ones that do not stay so.
    private const int SpareLimit = 16;

    private readonly Stack<ulong[]> _spare = new(SpareLimit);
    private readonly int _granuleShift;
    private ulong[]?[] _bits;
    private int[] _counts;

    // A bit for each page that has any.
    private ulong[] _inhabited;

    /// <param name="sizeBytes">Of the volume; the last granule may be a partial one.</param>
    /// <param name="granuleBytes">A power of two.</param>
    /// <param name="pageGranules">Granules of a durable page, a multiple of 64.</param>
    public OutOfSyncSet(long sizeBytes, int granuleBytes = DefaultGranuleBytes, int pageGranules = DefaultPageGranules)
    {
        Invariant.Check(sizeBytes >= 0 && BitOperations.IsPow2(granuleBytes) && granuleBytes > 0 && pageGranules > 0 && pageGranules % 64 == 0);
        SizeBytes = sizeBytes;
        PageGranules = pageGranules;
        _granuleShift = BitOperations.Log2((uint)granuleBytes);
        _bits = new ulong[]?[PageCount];
        _counts = new int[PageCount];
        _inhabited = new ulong[WordsFor(PageCount)];
        _pages = new PageStates(PageCount);
    }

    public long SizeBytes { get; private set; }

    public int GranuleBytes => 1 << _granuleShift;

    public int PageGranules { get; }

    /// <summary>Granules of the volume.</summary>
    public long Granules => (SizeBytes + GranuleBytes - 1) >> _granuleShift;

    public int PageCount => checked((int)((Granules + PageGranules - 1) / PageGranules));

    /// <summary>Granules in the set.</summary>
    public long CountGranules { get; private set; }

    public bool IsEmpty => CountGranules == 0;

    /// <summary>The whole volume is in it.</summary>
    public bool IsWhole => CountGranules == Granules;

    /// <summary>Every granule that the range touches.</summary>
    public void Add(ByteRange range)
    {
        if (Touched(range, out long first, out long end))
        {
            Change(first, end, present: true);
        }
    }

    public void AddAll() => Change(0, Granules, present: true);

    /// <summary>The granules that lie wholly in the range: of the others a part may still be lacking.</summary>
    public void Remove(ByteRange range)
    {
        Check(range);
        long first = (range.OffsetBytes + GranuleBytes - 1) >> _granuleShift;
        long end = range.EndBytes == SizeBytes ? Granules : range.EndBytes >> _granuleShift;
        if (first < end)
        {
            Change(first, end, present: false);
        }
    }

    public void Clear() => Change(0, Granules, present: false);

    /// <summary>Whether any byte of the range is in it. Nothing is in an empty range.</summary>
    public bool Overlaps(ByteRange range) => Touched(range, out long first, out long end) && NextBit(first, end, present: true) < end;

    /// <summary>Whether every byte of the range is in it. So is an empty range.</summary>
    public bool Contains(ByteRange range) => !Touched(range, out long first, out long end) || NextBit(first, end, present: false) == end;

    /// <summary>The first range at or behind <paramref name="offsetBytes"/> (rounded down to its granule), neighbours taken together.</summary>
    /// <param name="maxBytes">No longer than this, but one granule in any case.</param>
    public bool TryNext(long offsetBytes, long maxBytes, out ByteRange range)
    {
        range = default;
        Invariant.Check(offsetBytes >= 0 && maxBytes > 0);
        if (offsetBytes >= SizeBytes)
        {
            return false;
        }

        long first = NextBit(offsetBytes >> _granuleShift, Granules, present: true);
        if (first == Granules)
        {
            return false;
        }

        long most = Math.Max(1, maxBytes >> _granuleShift);
        long end = NextBit(first, most > Granules - first ? Granules : first + most, present: false);
        range = RangeOf(first, end);
        return true;
    }

    /// <summary>What is in the other is in this one too. Both are of one volume; the other's granules may be of another size.</summary>
    public void Merge(OutOfSyncSet other)
    {
        for (long at = 0; other.TryNext(at, long.MaxValue, out ByteRange range); at = range.EndBytes)
        {
            if (range.OffsetBytes >= SizeBytes)
            {
                return;
            }

            Add(new ByteRange(range.OffsetBytes, Math.Min(range.EndBytes, SizeBytes) - range.OffsetBytes));
        }
    }

    /// <summary>The new part is not in the set: whoever grows a volume adds it where a replica is out (S7).</summary>
    public void Grow(long sizeBytes)
    {
        Invariant.Check(sizeBytes >= SizeBytes);
        int last = PageCount - 1;
        if (last >= 0 && IsFull(last))
        {
            // 'Full' is about to mean more.
            Materialize(last);
        }

        SizeBytes = sizeBytes;
        Array.Resize(ref _bits, PageCount);
        Array.Resize(ref _counts, PageCount);
        Array.Resize(ref _inhabited, WordsFor(PageCount));
        _pages.Grow(PageCount);
        if (last >= 0)
        {
            Settle(last);
        }
    }

    private static int WordsFor(int bits) => (bits + 63) / 64;

    private ByteRange RangeOf(long first, long end)
    {
        long offset = first << _granuleShift;
        return new ByteRange(offset, Math.Min(end << _granuleShift, SizeBytes) - offset);
    }

    private bool Touched(ByteRange range, out long first, out long end)
    {
        Check(range);
        first = range.OffsetBytes >> _granuleShift;
        end = (range.EndBytes + GranuleBytes - 1) >> _granuleShift;
        return range.LengthBytes > 0;
    }

    private void Check(ByteRange range) => Invariant.Check(range.OffsetBytes >= 0 && range.LengthBytes >= 0 && range.LengthBytes <= SizeBytes - range.OffsetBytes);

    private int GranulesIn(int page) => (int)Math.Min(PageGranules, Granules - ((long)page * PageGranules));

    private bool IsFull(int page) => _counts[page] == GranulesIn(page);

    private void Change(long first, long end, bool present)
    {
        while (first < end)
        {
            int page = (int)(first / PageGranules);
            int from = (int)(first % PageGranules);
            int to = (int)Math.Min(end - ((long)page * PageGranules), PageGranules);
            ChangeIn(page, from, to, present);
            first += to - from;
        }
    }

    private void ChangeIn(int page, int from, int to, bool present)
    {
        int before = _counts[page];
        if (before == (present ? GranulesIn(page) : 0))
        {
            return;
        }

        if (to - from == GranulesIn(page))
        {
            _counts[page] = present ? to : 0;
        }
        else
        {
            Materialize(page);
            _counts[page] += ChangeWords(_bits[page]!, from, to, present);
        }

        int difference = _counts[page] - before;
        if (difference != 0)
        {
            CountGranules += difference;
            _pages.SetChanged(page, added: present);
        }

        Settle(page);
    }

    /// <summary>Returns how many bits became so (more of them when <paramref name="present"/>, else fewer).</summary>
    private static int ChangeWords(ulong[] words, int from, int to, bool present)
    {
        int difference = 0;
        for (int word = from / 64; word * 64 < to; word++)
        {
            ulong mask = Mask(word, from, to);
            ulong old = words[word];
            words[word] = present ? old | mask : old & ~mask;
            difference += BitOperations.PopCount(words[word]) - BitOperations.PopCount(old);
        }

        return difference;
    }

    private static ulong Mask(int word, int from, int to)
    {
        int low = Math.Max(0, from - (word * 64));
        int high = Math.Min(64, to - (word * 64));
        return (high == 64 ? ulong.MaxValue : (1UL << high) - 1) & (ulong.MaxValue << low);
    }

    /// <summary>Gives the page bits of its own.</summary>
    private void Materialize(int page)
    {
        if (_bits[page] is not null)
        {
            return;
        }

        if (!_spare.TryPop(out ulong[]? words))
        {
            words = new ulong[PageGranules / 64];
        }

        Array.Clear(words);
        if (_counts[page] > 0)
        {
            _ = ChangeWords(words, 0, _counts[page], present: true);
        }

        _bits[page] = words;
    }

    /// <summary>Takes the bits from a page that its count says all about, and keeps the summary.</summary>
    private void Settle(int page)
    {
        ulong bit = 1UL << (page % 64);
        _inhabited[page / 64] = _counts[page] > 0 ? _inhabited[page / 64] | bit : _inhabited[page / 64] & ~bit;
        if (_bits[page] is { } words && (_counts[page] == 0 || IsFull(page)))
        {
            _bits[page] = null;
            if (_spare.Count < SpareLimit)
            {
                _spare.Push(words);
            }
        }
    }

    /// <summary>The first granule from <paramref name="first"/> on that is in the set, or is not; <paramref name="end"/> when there is none before it.</summary>
    private long NextBit(long first, long end, bool present)
    {
        while (first < end)
        {
            int page = (int)(first / PageGranules);
            long start = (long)page * PageGranules;
            if (present && _counts[page] == 0)
            {
                first = NextInhabited(page + 1) * PageGranules;
                continue;
            }

            int found = NextIn(page, (int)(first - start), present);
            if (found < GranulesIn(page))
            {
                return Math.Min(start + found, end);
            }

            first = start + PageGranules;
        }

        return end;
    }

    /// <summary>GranulesIn(page) or more when there is none.</summary>
    private int NextIn(int page, int from, bool present)
    {
        if (_bits[page] is not { } words)
        {
            return _counts[page] > 0 == present ? from : PageGranules;
        }

        ulong flip = present ? 0 : ulong.MaxValue;
        ulong mask = ulong.MaxValue << (from % 64);
        for (int word = from / 64; word < words.Length; word++)
        {
            ulong candidates = (words[word] ^ flip) & mask;
            if (candidates != 0)
            {
                return (word * 64) + BitOperations.TrailingZeroCount(candidates);
            }

            mask = ulong.MaxValue;
        }

        return PageGranules;
    }

    private long NextInhabited(int page)
    {
        ulong mask = ulong.MaxValue << (page % 64);
        for (int word = page / 64; word < _inhabited.Length; word++)
        {
            ulong candidates = _inhabited[word] & mask;
            if (candidates != 0)
            {
                return (word * 64) + BitOperations.TrailingZeroCount(candidates);
            }

            mask = ulong.MaxValue;
        }

        return PageCount;
    }
}
