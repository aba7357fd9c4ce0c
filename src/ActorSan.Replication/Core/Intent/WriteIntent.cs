using System.Buffers.Binary;
using System.Runtime.InteropServices;
using ActorSan.Replication.Core.Formats;
using ActorSan.Replication.Core.Frames;
using ActorSan.Replication.Core.Ports;
using ActorSan.Storage;
using ActorSan.Storage.Stores;

namespace ActorSan.Replication.Core.Intent;

/// <summary>Waits until the bits of a range are durable (W2). Owned and reused by its write.</summary>
public abstract class IntentWaiter
{
    public long IntentOffsetBytes;
    public long IntentLengthBytes;
    internal IntentWaiter? NextWaiting;
    internal long Group;

    /// <summary>The bits are durable, or the metadata area failed.</summary>
    public abstract void OnIntent(bool durable);
}

/// <summary>
/// W2: before a replica writes anything into a chunk of its store, that chunk's bit is durable. Bits are set in groups: one metadata write for all who wait, and each group has
/// the next mark. Pages are <see cref="WriteIntentPage"/>s; the one with the highest mark tells the replica's mark. One that reads wrong, or that may not be the latest, counts as
/// all its bits set.
/// </summary>
public sealed unsafe class WriteIntent
{
    private const int HeaderBytes = WriteIntentPage.HeaderBytes;

    private readonly IReplicaMetadata _metadata;
    private readonly List<string> _faults = [];
    private readonly bool _trustsAll;
    private Page[] _pages;
    private readonly int _chunksPerPage;
    private ulong[] _bits;
    private ulong[] _durable;
    private ulong[] _touched;
    private IntentWaiter? _firstWaiting;
    private IntentWaiter? _lastWaiting;
    private IntentWaiter? _firstInGroup;
    private bool _failed;
    private int _writing;
    private long _groupMark;
    private bool _groupSets;

    /// <param name="metadata">Open.</param>
    /// <param name="chunkBytes">A power of two, 4 MiB by default.</param>
    /// <param name="sizeBytes">Of the volume.</param>
    /// <param name="stateMark">What the State page says; a page may have a higher one.</param>
    /// <param name="trustsAll">A deliberate bug: <see cref="Bug.TrustDoubtfulPage"/>.</param>
    public WriteIntent(IReplicaMetadata metadata, long chunkBytes, long sizeBytes, long stateMark = 0, bool trustsAll = false)
    {
        _metadata = metadata;
        _trustsAll = trustsAll;
        Mark = stateMark;
        ChunkBytes = chunkBytes;
        SizeBytes = sizeBytes;
        ChunkCount = checked((int)((sizeBytes + chunkBytes - 1) / chunkBytes));
        Invariant.Check(metadata.PageContentBytes(ReplicaPageKind.WriteIntent) >= WriteIntentPage.Bytes);
        _chunksPerPage = WriteIntentPage.Bits;
        int words = (ChunkCount + 63) / 64;
        _bits = new ulong[words];
        _durable = new ulong[words];
        _touched = new ulong[words];
        int pages = (ChunkCount + _chunksPerPage - 1) / _chunksPerPage;
        _pages = new Page[pages];
        for (int index = 0; index < pages; index++)
        {
            _pages[index] = new Page(this, index);
            Load(index);
        }
    }

    public long ChunkBytes { get; }

    public long SizeBytes { get; private set; }

    public int ChunkCount { get; private set; }

    public int ChunksPerPage => _chunksPerPage;

    /// <summary>The mark of the last durable group.</summary>
    public long Mark { get; private set; }

    /// <summary>A sentence for each page whose bits all count as set because it cannot be trusted; its mark may be an older one.</summary>
    public IReadOnlyList<string> Faults => _faults;

    public bool IsFailed => _failed;

    /// <summary>True: every bit of the range is durable. False: <see cref="IntentWaiter.OnIntent"/> follows.</summary>
    public bool TrySet(IntentWaiter waiter)
    {
        Invariant.Check(waiter.IntentLengthBytes > 0);
        int first = ChunkOf(waiter.IntentOffsetBytes);
        int last = ChunkOf(waiter.IntentOffsetBytes + waiter.IntentLengthBytes - 1);
        bool durable = true;
        for (int chunk = first; chunk <= last; chunk++)
        {
            ulong bit = 1UL << (chunk & 63);
            _touched[chunk >> 6] |= bit;
            durable &= (_durable[chunk >> 6] & bit) != 0;
        }

        if (durable && !_failed)
        {
            return true;
        }

        Enqueue(waiter);
        Pump();
        return false;
    }

    /// <summary>A group without a write: the store has changed in a way that an older image of it must show (S7).</summary>
    public void Count(IntentWaiter waiter)
    {
        waiter.IntentOffsetBytes = 0;
        waiter.IntentLengthBytes = 1;
        _pages[0].IsDirty = true;
        Enqueue(waiter);
        Pump();
    }

    public int ChunkOf(long offsetBytes) => (int)(offsetBytes / ChunkBytes);

    /// <summary>The bit is set, durable or about to be.</summary>
    public bool IsSet(int chunk) => (_bits[chunk >> 6] & (1UL << (chunk & 63))) != 0;

    public bool IsDurable(int chunk) => (_durable[chunk >> 6] & (1UL << (chunk & 63))) != 0;

    /// <summary>Begins to watch: <see cref="IsTouched"/> tells what was asked for since.</summary>
    public void ResetTouched() => Array.Clear(_touched);

    public bool IsTouched(int chunk) => (_touched[chunk >> 6] & (1UL << (chunk & 63))) != 0;

    /// <summary>W9: the bit goes; from now on the chunk needs a new group. Whoever clears has checked that nothing waits for it or writes under it.</summary>
    public void Clear(int chunk)
    {
        ulong bit = 1UL << (chunk & 63);
        _bits[chunk >> 6] &= ~bit;
        _durable[chunk >> 6] &= ~bit;
        _pages[chunk / _chunksPerPage].IsDirty = true;
    }

    /// <summary>Writes what <see cref="Clear"/> changed.</summary>
    public void WriteCleared() => Pump();

    /// <summary>All set chunks, neighbours joined.</summary>
    public List<ByteRange> Ranges()
    {
        var ranges = new List<ByteRange>();
        for (int chunk = 0; chunk < ChunkCount; chunk++)
        {
            if (!IsSet(chunk))
            {
                continue;
            }

            int first = chunk;
            while (chunk + 1 < ChunkCount && IsSet(chunk + 1))
            {
                chunk++;
            }

            ranges.Add(new ByteRange(first * ChunkBytes, Math.Min((chunk + 1) * ChunkBytes, SizeBytes) - (first * ChunkBytes)));
        }

        return ranges;
    }

    /// <summary>S7: chunks of the new part are not set. Pages that were never needed so far are blank.</summary>
    public void Grow(long sizeBytes)
    {
        Invariant.Check(sizeBytes >= SizeBytes);
        SizeBytes = sizeBytes;
        ChunkCount = checked((int)((sizeBytes + ChunkBytes - 1) / ChunkBytes));
        int words = (ChunkCount + 63) / 64;
        Array.Resize(ref _bits, words);
        Array.Resize(ref _durable, words);
        Array.Resize(ref _touched, words);
        int pages = _pages.Length;
        Array.Resize(ref _pages, (ChunkCount + _chunksPerPage - 1) / _chunksPerPage);
        for (int index = pages; index < _pages.Length; index++)
        {
            _pages[index] = new Page(this, index);
        }
    }

    private void Load(int index)
    {
        ReadOnlySpan<byte> content = _metadata.LoadedPage(ReplicaPageKind.WriteIntent, 0, index, out PageHealth health);
        int firstWord = index * (_chunksPerPage / 64);
        int words = Math.Min(_chunksPerPage / 64, _bits.Length - firstWord);
        bool isBlank = health == PageHealth.Blank;
        string? fault = isBlank ? null : FaultOf(content, index, health);
        if (fault is not null)
        {
            _faults.Add(fault);
        }

        for (int word = 0; word < words; word++)
        {
            ulong bits = fault is not null ? ulong.MaxValue : isBlank ? 0 : BinaryPrimitives.ReadUInt64LittleEndian(content[(HeaderBytes + (word * 8))..]);
            _bits[firstWord + word] = bits;

            // A page that is not trusted is written anew before its bits count as durable; setting a bit that is set needs no group of its own then.
            _durable[firstWord + word] = fault is null ? bits : 0;
        }

        int extra = ChunkCount & 63;
        if (extra != 0 && firstWord + words == _bits.Length)
        {
            _bits[^1] &= (1UL << extra) - 1;
            _durable[^1] &= (1UL << extra) - 1;
        }
    }

    /// <summary>Why the page's bits count as set, all of them; null: they are what it says.</summary>
    private string? FaultOf(ReadOnlySpan<byte> content, int index, PageHealth health)
    {
        Span<HeardMark> heard = stackalloc HeardMark[WriteIntentPage.MaxHeard];
        if (!WriteIntentPage.TryRead(content, index, heard, out WriteIntentHeader header, out _, out ContentFault wrong))
        {
            return wrong.Sentence;
        }

        Mark = Math.Max(Mark, header.Mark);
        return header.ChunkBytes != ChunkBytes ? $"write-intent page {index} has a bit for each {header.ChunkBytes} bytes, and this replica for each {ChunkBytes}"
            : health == PageHealth.Doubtful && !_trustsAll ? $"write-intent page {index} has a damaged slot: what it says may not be the latest"
            : null;
    }

    private void Enqueue(IntentWaiter waiter)
    {
        waiter.NextWaiting = null;
        if (_lastWaiting is null)
        {
            _firstWaiting = waiter;
        }
        else
        {
            _lastWaiting.NextWaiting = waiter;
        }

        _lastWaiting = waiter;
    }

    private void Pump()
    {
        if (_writing > 0)
        {
            return;
        }

        if (_failed)
        {
            EndAll(_firstWaiting);
            return;
        }

        _firstInGroup = _firstWaiting;
        _firstWaiting = null;
        _lastWaiting = null;
        _groupSets = _firstInGroup is not null;
        for (IntentWaiter? waiter = _firstInGroup; waiter is not null; waiter = waiter.NextWaiting)
        {
            int last = ChunkOf(waiter.IntentOffsetBytes + waiter.IntentLengthBytes - 1);
            for (int chunk = ChunkOf(waiter.IntentOffsetBytes); chunk <= last; chunk++)
            {
                _bits[chunk >> 6] |= 1UL << (chunk & 63);
                _pages[chunk / _chunksPerPage].IsDirty |= !IsDurable(chunk);
            }
        }

        _groupMark = _groupSets ? Mark + 1 : Mark;
        int writes = 0;
        foreach (Page page in _pages)
        {
            writes += page.IsDirty ? 1 : 0;
        }

        if (writes == 0)
        {
            // What they wait for became durable with the group before theirs.
            IntentWaiter? done = _firstInGroup;
            _firstInGroup = null;
            TellAll(done, true);
            return;
        }

        _writing = writes;
        foreach (Page page in _pages)
        {
            if (page.IsDirty)
            {
                page.IsDirty = false;
                page.Write();
            }
        }
    }

    private void OnPageWritten(Page page, StoreStatus status)
    {
        _failed |= status != StoreStatus.Success;
        if (status == StoreStatus.Success)
        {
            page.MarkDurable();
        }

        if (--_writing > 0)
        {
            return;
        }

        if (!_failed)
        {
            Mark = _groupMark;
        }

        IntentWaiter? done = _firstInGroup;
        _firstInGroup = null;
        TellAll(done, !_failed);
        if (_writing == 0 && (_firstWaiting is not null || Array.Exists(_pages, other => other.IsDirty)))
        {
            Pump();
        }
    }

    private void EndAll(IntentWaiter? first)
    {
        _firstWaiting = null;
        _lastWaiting = null;
        TellAll(first, false);
    }

    private static void TellAll(IntentWaiter? first, bool durable)
    {
        while (first is not null)
        {
            IntentWaiter waiter = first;
            first = waiter.NextWaiting;
            waiter.NextWaiting = null;
            waiter.OnIntent(durable);
        }
    }

    private sealed class Page : PageWrite
    {
        private readonly WriteIntent _owner;

        public Page(WriteIntent owner, int index)
        {
            _owner = owner;
            Kind = ReplicaPageKind.WriteIntent;
            Index = index;
            LengthBytes = WriteIntentPage.Bytes;
            Content = (byte*)NativeMemory.AllocZeroed((nuint)LengthBytes);
        }

        ~Page() => NativeMemory.Free(Content);

        public bool IsDirty { get; set; }

        public void Write()
        {
            var content = new Span<byte>(Content, LengthBytes);
            int chunks = Math.Min(_owner._chunksPerPage, _owner.ChunkCount - (Index * _owner._chunksPerPage));
            WriteIntentPage.WriteHeader(content, new WriteIntentHeader(_owner._groupMark, Index, chunks, _owner.ChunkBytes), default);
            Bits.CopyTo(MemoryMarshal.Cast<byte, ulong>(content[HeaderBytes..]));
            _owner._metadata.WritePage(this);
        }

        /// <summary>What was written and was not cleared since: the content still says what is durable.</summary>
        public void MarkDurable()
        {
            Span<ulong> bits = Bits;
            Span<ulong> durable = _owner._durable.AsSpan(Index * (_owner._chunksPerPage / 64), bits.Length);
            Span<ulong> written = MemoryMarshal.Cast<byte, ulong>(new Span<byte>(Content + HeaderBytes, LengthBytes - HeaderBytes));
            for (int word = 0; word < bits.Length; word++)
            {
                durable[word] = written[word] & bits[word];
            }
        }

        public override void OnEnded() => _owner.OnPageWritten(this, Status);

        private Span<ulong> Bits
        {
            get
            {
                int first = Index * (_owner._chunksPerPage / 64);
                return _owner._bits.AsSpan(first, Math.Min(_owner._chunksPerPage / 64, _owner._bits.Length - first));
            }
        }
    }
}
