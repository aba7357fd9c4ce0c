using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using ActorSan.Replication.Core.Frames;
using ActorSan.Replication.Core.Values;
using ActorSan.Storage;

namespace ActorSan.Replication.Core.Intent;

/// <summary>
/// The writes that a replica has been sent and of which it does not know that they are complete everywhere (W4). Entries of several reigns live beside each other until a
/// settled reign ends the older ones (P6); within a reign they are in the order of seq. A ring for each reign, reused: nothing is allocated once they are large enough.
/// </summary>
[SuppressMessage("Naming", "CA1710:Identifiers should have correct suffix", Justification = "The specification's word.")]
public sealed class UnsettledList
{
    private const int FirstCapacity = 64;

    // In the order of reign; the ring of a reign that has none left goes to the spare ones.
    private readonly List<Ring> _reigns = new(4);
    private readonly Stack<Ring> _spare = new(4);

    public int Count { get; private set; }

    /// <summary>The sum of the lengths of all ranges, what a reconciliation would have to write (P5).</summary>
    public long LengthBytes { get; private set; }

    /// <summary>
    /// Keeps an entry. One that is there already is sent again after the link was lost, and is not kept twice: false.
    /// </summary>
    public bool Add(in UnsettledEntry entry)
    {
        if (!RingFor(entry.Reign).Add(entry))
        {
            return false;
        }

        Count++;
        LengthBytes += entry.Range.LengthBytes;
        return true;
    }

    /// <summary>All up to <paramref name="stable"/> is complete, in that reign alone.</summary>
    public void SettleTo(long reign, long stable)
    {
        int at = IndexOf(reign);
        if (at < 0)
        {
            return;
        }

        Ring ring = _reigns[at];
        while (ring.Count > 0 && ring[0].Seq <= stable)
        {
            Count--;
            LengthBytes -= ring[0].Range.LengthBytes;
            ring.RemoveFirst();
        }

        if (ring.Count == 0)
        {
            Retire(at);
        }
    }

    /// <summary>P6: the reign is settled, entries of older ones end.</summary>
    public void EndReignsBefore(long reign)
    {
        while (_reigns.Count > 0 && _reigns[0].Reign < reign)
        {
            Ring ring = _reigns[0];
            for (int i = 0; i < ring.Count; i++)
            {
                LengthBytes -= ring[i].Range.LengthBytes;
            }

            Count -= ring.Count;
            Retire(0);
        }
    }

    public void Clear() => EndReignsBefore(long.MaxValue);

    /// <summary>Whether an entry touches the range (W9 asks it of a chunk).</summary>
    public bool Overlaps(ByteRange range)
    {
        foreach (Ring ring in _reigns)
        {
            if (ring.Overlaps(range))
            {
                return true;
            }
        }

        return false;
    }

    public bool OverlapsChunk(long offsetBytes, long lengthBytes) => Overlaps(new ByteRange(offsetBytes, lengthBytes));

    /// <summary>Every entry, by reign and seq. The list must not change meanwhile.</summary>
    public Enumerator GetEnumerator() => new(this);

    public ValueList<UnsettledEntry> ToValueList()
    {
        var entries = new UnsettledEntry[Count];
        int at = 0;
        foreach (ref readonly UnsettledEntry entry in this)
        {
            entries[at++] = entry;
        }

        return new ValueList<UnsettledEntry>(entries);
    }

    private int IndexOf(long reign)
    {
        for (int i = _reigns.Count - 1; i >= 0; i--)
        {
            if (_reigns[i].Reign == reign)
            {
                return i;
            }
        }

        return -1;
    }

    private Ring RingFor(long reign)
    {
        int at = _reigns.Count;
        while (at > 0 && _reigns[at - 1].Reign > reign)
        {
            at--;
        }

        if (at > 0 && _reigns[at - 1].Reign == reign)
        {
            return _reigns[at - 1];
        }

        Ring ring = _spare.Count > 0 ? _spare.Pop() : new Ring();
        ring.Reign = reign;
        _reigns.Insert(at, ring);
        return ring;
    }

    private void Retire(int at)
    {
        Ring ring = _reigns[at];
        _reigns.RemoveAt(at);
        ring.Clear();
        _spare.Push(ring);
    }

    /// <summary>By reign and seq.</summary>
    [SuppressMessage("Design", "CA1034:Nested types should not be visible", Justification = "An enumerator.")]
    public struct Enumerator
    {
        private readonly UnsettledList _list;
        private int _reign;
        private int _index;

        internal Enumerator(UnsettledList list)
        {
            _list = list;
            _index = -1;
        }

        public readonly ref readonly UnsettledEntry Current => ref _list._reigns[_reign][_index];

        public bool MoveNext()
        {
            if (_reign < _list._reigns.Count && ++_index == _list._reigns[_reign].Count)
            {
                // No reign in the list is without entries.
                _reign++;
                _index = 0;
            }

            return _reign < _list._reigns.Count;
        }
    }

    private sealed class Ring
    {
        private UnsettledEntry[] _entries = new UnsettledEntry[FirstCapacity];
        private int _first;

        public long Reign { get; set; }

        public int Count { get; private set; }

        public ref readonly UnsettledEntry this[int index] => ref Slot(index);

        public bool Add(in UnsettledEntry entry)
        {
            int at = Count;
            if (Count > 0 && Slot(Count - 1).Seq >= entry.Seq)
            {
                at = LowerBound(entry.Seq);
                if (Slot(at).Seq == entry.Seq)
                {
                    Invariant.Check(Slot(at) == entry);
                    return false;
                }
            }

            if (Count == _entries.Length)
            {
                Enlarge();
            }

            Count++;
            for (int i = Count - 1; i > at; i--)
            {
                Slot(i) = Slot(i - 1);
            }

            Slot(at) = entry;
            return true;
        }

        public void RemoveFirst()
        {
            Invariant.Check(Count > 0);
            _first = (_first + 1) & (_entries.Length - 1);
            Count--;
        }

        public void Clear()
        {
            _first = 0;
            Count = 0;
        }

        public bool Overlaps(ByteRange range)
        {
            for (int i = 0; i < Count; i++)
            {
                // An attribute has an empty range, which touches nothing wherever it lies.
                if (Slot(i).Range.LengthBytes > 0 && Slot(i).Range.Overlaps(range))
                {
                    return true;
                }
            }

            return false;
        }

        private ref UnsettledEntry Slot(int index) => ref _entries[(_first + index) & (_entries.Length - 1)];

        /// <summary>The first whose seq is not below.</summary>
        private int LowerBound(long seq)
        {
            int low = 0;
            int high = Count;
            while (low < high)
            {
                int middle = (low + high) / 2;
                if (Slot(middle).Seq < seq)
                {
                    low = middle + 1;
                }
                else
                {
                    high = middle;
                }
            }

            return low;
        }

        private void Enlarge()
        {
            var larger = new UnsettledEntry[(int)BitOperations.RoundUpToPowerOf2((uint)Count + 1)];
            for (int i = 0; i < Count; i++)
            {
                larger[i] = Slot(i);
            }

            _entries = larger;
            _first = 0;
        }
    }
}
