using System.Buffers.Binary;
using System.Numerics;
using ActorSan.Replication.Core.Frames;
using ActorSan.Storage;

namespace ActorSan.Replication.Core.Intent;

/// <summary>Which durable pages differ from the set in memory. A page has at most one write under way.</summary>
public sealed partial class OutOfSyncSet
{
    private readonly PageStates _pages;

    /// <summary>Bytes of a page's bits.</summary>
    public int PageBytes => PageGranules / 8;

    /// <summary>Pages that a write is due for, those that are being written not counted in unless they have changed again.</summary>
    public int ChangedPages => _pages.ChangedCount;

    /// <summary>The first page from <paramref name="page"/> on that has changed since its last write began and has none under way; −1: none.</summary>
    public int NextChangedPage(int page) => _pages.NextDue(page);

    /// <summary>The bits of a page, granule 0 of it in the lowest bit of the first byte.</summary>
    public void CopyPage(int page, Span<byte> content)
    {
        Span<byte> target = content[..PageBytes];
        if (_bits[page] is { } words)
        {
            for (int word = 0; word < words.Length; word++)
            {
                BinaryPrimitives.WriteUInt64LittleEndian(target[(word * 8)..], words[word]);
            }

            return;
        }

        int full = _counts[page];
        target[..(full / 8)].Fill(0xFF);
        target[(full / 8)..].Clear();
        if (full % 8 != 0)
        {
            target[full / 8] = (byte)((1 << (full % 8)) - 1);
        }
    }

    /// <summary>As <see cref="CopyPage"/>; from here on the page counts as being written, and what changes in it asks for another write.</summary>
    public void BeginWrite(int page, Span<byte> content)
    {
        CopyPage(page, content);
        _pages.Begin(page);
    }

    /// <summary>A write that failed is due again.</summary>
    public void EndWrite(int page, bool durable) => _pages.End(page, durable);

    /// <summary>All is recorded otherwise, as 'wholly' is (S1): no page needs a write for what has changed until now.</summary>
    public void ForgetChanges() => _pages.Forget();

    /// <summary>Every granule that was added to the range is in a durable page (W9). What was removed and is still there on the medium costs a copy, no byte.</summary>
    public bool IsDurable(ByteRange range)
    {
        if (!Touched(range, out long first, out long end))
        {
            return true;
        }

        for (int page = (int)(first / PageGranules); page <= (int)((end - 1) / PageGranules); page++)
        {
            if (_pages.HasAdded(page))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Adds the bits of a page that was read; bits behind the end of the volume count for nothing. The page counts as written.</summary>
    public void LoadPage(int page, ReadOnlySpan<byte> content)
    {
        bool wasChanged = _pages.IsChanged(page);
        long start = (long)page * PageGranules;
        int granules = GranulesIn(page);
        for (int word = 0; word * 64 < granules; word++)
        {
            ulong bits = BinaryPrimitives.ReadUInt64LittleEndian(content[(word * 8)..]) & Mask(word, 0, granules);
            while (bits != 0)
            {
                int from = BitOperations.TrailingZeroCount(bits);
                int length = BitOperations.TrailingZeroCount(~(bits >> from));
                int to = Math.Min(64, from + length);
                Change(start + (word * 64) + from, start + (word * 64) + to, present: true);
                bits &= to == 64 ? 0 : ulong.MaxValue << to;
            }
        }

        if (!wasChanged)
        {
            _pages.SetUnchanged(page);
        }
    }

    /// <summary>A page that may not be the latest counts as all of it (replication.md §2, Replica).</summary>
    public void AddPage(int page)
    {
        long start = (long)page * PageGranules;
        Change(start, start + GranulesIn(page), present: true);
    }

    private sealed class PageStates(int pageCount)
    {
        // For each page: changed since its last write began; granules added since then; a write under way; that write brings added granules.
        private ulong[] _changed = new ulong[WordsFor(pageCount)];
        private ulong[] _added = new ulong[WordsFor(pageCount)];
        private ulong[] _writing = new ulong[WordsFor(pageCount)];
        private ulong[] _writingAdded = new ulong[WordsFor(pageCount)];

        public int ChangedCount { get; private set; }

        public void Grow(int pages)
        {
            Array.Resize(ref _changed, WordsFor(pages));
            Array.Resize(ref _added, WordsFor(pages));
            Array.Resize(ref _writing, WordsFor(pages));
            Array.Resize(ref _writingAdded, WordsFor(pages));
        }

        public bool IsChanged(int page) => Has(_changed, page);

        public bool HasAdded(int page) => Has(_added, page) || Has(_writingAdded, page);

        public void SetChanged(int page, bool added)
        {
            ChangedCount += Has(_changed, page) ? 0 : 1;
            Set(_changed, page, true);
            Set(_added, page, added || Has(_added, page));
        }

        public void SetUnchanged(int page)
        {
            ChangedCount -= Has(_changed, page) ? 1 : 0;
            Set(_changed, page, false);
            Set(_added, page, false);
        }

        public void Begin(int page)
        {
            Invariant.Check(!Has(_writing, page));
            Set(_writing, page, true);
            Set(_writingAdded, page, Has(_added, page));
            SetUnchanged(page);
        }

        public void End(int page, bool durable)
        {
            Invariant.Check(Has(_writing, page));
            bool added = Has(_writingAdded, page);
            Set(_writing, page, false);
            Set(_writingAdded, page, false);
            if (!durable)
            {
                SetChanged(page, added);
            }
        }

        public void Forget()
        {
            Array.Clear(_changed);
            Array.Clear(_added);
            Array.Clear(_writingAdded);
            ChangedCount = 0;
        }

        public int NextDue(int page)
        {
            ulong mask = ulong.MaxValue << (page % 64);
            for (int word = page / 64; word < _changed.Length; word++)
            {
                ulong candidates = _changed[word] & ~_writing[word] & mask;
                if (candidates != 0)
                {
                    return (word * 64) + BitOperations.TrailingZeroCount(candidates);
                }

                mask = ulong.MaxValue;
            }

            return -1;
        }

        private static bool Has(ulong[] bits, int page) => (bits[page / 64] >> (page % 64) & 1) != 0;

        private static void Set(ulong[] bits, int page, bool value)
        {
            ulong bit = 1UL << (page % 64);
            bits[page / 64] = value ? bits[page / 64] | bit : bits[page / 64] & ~bit;
        }
    }
}
