namespace ActorSan.Storage.Metadata;

/// <summary>What is known of one page: sixteen bytes on most, for most are never written.</summary>
internal struct PageState
{
    /// <summary>Of the latest whole slot: odd in the first, even in the second, each one more than the one before; 0: none.</summary>
    public ulong Generation;
    public byte[]? Loaded;
    public MetadataPageWrite? First;
    public MetadataPageWrite? Last;
    public MetadataPageHealth Health;
    public bool Writing;
    public bool Running;

    public readonly int NextSlot => (int)(Generation % 2);
}

/// <summary>Pages that lie one behind the other. What is known of them is kept in blocks that exist from the first page in them that was ever written.</summary>
internal sealed class PageArea(MetadataPage page, ushort peer, int count, long offsetBytes, long slotBytes)
{
    private const int BlockPages = 128;

    private readonly PageState[]?[] _blocks = new PageState[(count + BlockPages - 1) / BlockPages][];

    public MetadataPage Page => page;

    public int Count => count;

    public long SlotBytes => slotBytes;

    public int ContentBytes => (int)slotBytes - PageSlot.HeaderBytes;

    public PagePlace PlaceOf(int index) => new(peer, index);

    public long OffsetOf(int index, int slot) => offsetBytes + (((2L * index) + slot) * slotBytes);

    public PageState Peek(int index)
    {
        Invariant.Check(index >= 0 && index < count);
        return _blocks[index / BlockPages] is { } block ? block[index % BlockPages] : default;
    }

    public ref PageState StateOf(int index)
    {
        Invariant.Check(index >= 0 && index < count);
        PageState[] block = _blocks[index / BlockPages] ??= new PageState[BlockPages];
        return ref block[index % BlockPages];
    }

    public void ReleaseLoaded()
    {
        foreach (PageState[]? block in _blocks)
        {
            for (int i = 0; i < block?.Length; i++)
            {
                block[i].Loaded = null;
            }
        }
    }

    /// <summary>Reads them all; runs of zeroes are passed over.</summary>
    /// <returns>The pages that cannot be used, and why; null when there is none.</returns>
    public PageFault? Load(AreaReader reader, Guid volumeId)
    {
        for (int block = 0; block < _blocks.Length; block++)
        {
            int first = block * BlockPages;
            int end = Math.Min(count, first + BlockPages);
            if (reader.IsZero(OffsetOf(first, 0), OffsetOf(end, 0) - OffsetOf(first, 0)))
            {
                continue;
            }

            for (int index = first; index < end; index++)
            {
                FoundPage found = reader.ReadPage(volumeId, page, PlaceOf(index), OffsetOf(index, 0), slotBytes);
                if (Take(index, found) is { } fault)
                {
                    return new PageFault(page, PlaceOf(index), fault);
                }
            }
        }

        return null;
    }

    private SlotState? Take(int index, FoundPage found)
    {
        (FoundSlot first, FoundSlot second) = (found.First, found.Second);
        if (IsNewer(first, second) || IsNewer(second, first))
        {
            return SlotState.TooNew;
        }

        if (first.State == SlotState.Empty && second.State == SlotState.Empty)
        {
            return null;
        }

        // A slot that has never been written is no damage: the other then holds the first value, or was torn while it was written for the first time.
        bool none = first.State != SlotState.Valid && second.State != SlotState.Valid;
        if (none && first.State != SlotState.Empty && second.State != SlotState.Empty)
        {
            return SlotState.Damaged;
        }

        ref PageState state = ref StateOf(index);
        state.Health = MetadataPageHealth.Doubtful;
        if (none)
        {
            return null;
        }

        bool both = first.State == SlotState.Valid && second.State == SlotState.Valid;
        int latest = !both ? first.State == SlotState.Valid ? 0 : 1 : first.Generation > second.Generation ? 0 : 1;
        FoundSlot newest = latest == 0 ? first : second;
        if ((both && first.Generation == second.Generation) || newest.Generation % 2 != (latest == 0 ? 1u : 0u))
        {
            // Each slot has generations of its own.
            return SlotState.Damaged;
        }

        state.Generation = newest.Generation;
        state.Loaded = newest.Content;
        bool sound = both ? Math.Max(first.Generation, second.Generation) - Math.Min(first.Generation, second.Generation) == 1
            : second.State == SlotState.Empty && first.Generation == 1;
        state.Health = sound ? MetadataPageHealth.Sound : MetadataPageHealth.Doubtful;
        return null;

        static bool IsNewer(FoundSlot slot, FoundSlot other) => slot.State == SlotState.TooNew && slot.Generation >= other.Generation;
    }
}

/// <summary>A page that cannot be used.</summary>
/// <param name="State">Damaged, or TooNew.</param>
internal readonly record struct PageFault(MetadataPage Page, PagePlace Place, SlotState State)
{
    public string Name => Page switch
    {
        MetadataPage.Replica => "page of the replica's state",
        MetadataPage.Configuration => "configuration page",
        MetadataPage.WriteIntent => $"write-intent page {Place.Index}",
        _ => $"out-of-sync page {Place.Index} of peer {Place.Peer}",
    };
}
