using ActorSan.Storage.Stores;

namespace ActorSan.Storage.Metadata;

/// <summary>One slot as it was found.</summary>
internal readonly record struct FoundSlot(SlotState State, ulong Generation, byte[] Content)
{
    public bool IsBad => State != SlotState.Valid;
}

/// <summary>A page as its two slots give it. Nothing here decides what that means.</summary>
internal readonly record struct FoundPage(MetadataPage Page, FoundSlot First, FoundSlot Second)
{
    /// <summary>The slot that counts: the newer of those that are whole; −1 when neither is, or when both claim the same generation with different contents.</summary>
    public int Latest =>
        First.State == SlotState.Valid && Second.State == SlotState.Valid
            ? First.Generation > Second.Generation ? 0
                : Second.Generation > First.Generation ? 1
                : First.Content.AsSpan().SequenceEqual(Second.Content) ? 0 : -1
            : First.State == SlotState.Valid ? 0 : Second.State == SlotState.Valid ? 1 : -1;

    public FoundSlot this[int slot] => slot == 0 ? First : Second;

    /// <summary>One slot is not whole: the other may not be the latest.</summary>
    public bool IsSuspect => First.IsBad || Second.IsBad;
}

/// <summary>A redo slot as it was found.</summary>
/// <param name="Header">Of the header alone.</param>
/// <param name="Data">Of the bytes; empty unless the header is valid.</param>
internal readonly record struct FoundRedo(int Slot, SlotState Header, SlotState Data, RedoHeader Says)
{
    public bool InUse => Header == SlotState.Valid && Data == SlotState.Valid;
}

/// <summary>Reads the metadata area of a store in set-up, writing nothing. A slot that the medium does not give is a bad slot, not the end.</summary>
internal sealed class AreaReader(IStoreHandle handle)
{
    private byte[] _buffer = new byte[MetadataFormat.UnitBytes];

    public SlotState ReadSuperblock(int slot, out Superblock? superblock, out ulong generation)
    {
        superblock = null;
        generation = 0;
        long offset = slot * Superblock.SlotBytes;
        return handle.Traits.SizeBytes < offset + Superblock.SlotBytes ? SlotState.Empty
            : !TryRead(offset, Superblock.SlotBytes) ? SlotState.Unreadable
            : Superblock.TryRead(_buffer.AsSpan(0, Superblock.SlotBytes), out superblock, out generation);
    }

    /// <param name="index">The attribute's number less one.</param>
    public static MetadataPage AttributePage(int index) => (MetadataPage)((int)MetadataPage.FirstAttribute + index);

    public static long PageOffset(Superblock superblock, MetadataPage page, out long slotBytes)
    {
        bool attribute = page >= MetadataPage.FirstAttribute;
        MetadataRegion region = superblock.Region(attribute ? MetadataRegionKind.Attributes : MetadataRegionKind.Pages);
        int index = page - (attribute ? MetadataPage.FirstAttribute : MetadataPage.State);
        Invariant.Check(index >= 0 && index < region.Count);
        slotBytes = region.UnitBytes;
        return region.OffsetBytes + (index * 2 * slotBytes);
    }

    public FoundPage ReadPage(Superblock superblock, MetadataPage page)
    {
        long offset = PageOffset(superblock, page, out long slotBytes);
        return new FoundPage(page, ReadSlot(offset, slotBytes, page, superblock.VolumeId), ReadSlot(offset + slotBytes, slotBytes, page, superblock.VolumeId));
    }

    /// <summary>The bytes are in <see cref="RedoBytes"/> until the next read when the slot is in use.</summary>
    public FoundRedo ReadRedo(Superblock superblock, int slot)
    {
        MetadataRegion region = superblock.Region(MetadataRegionKind.RedoSlots);
        long offset = region.OffsetBytes + (slot * region.UnitBytes);
        if (!TryRead(offset, MetadataFormat.UnitBytes))
        {
            return new FoundRedo(slot, SlotState.Unreadable, SlotState.Empty, default);
        }

        SlotState header = RedoHeader.TryRead(_buffer, slot, superblock.VolumeId, region.UnitBytes - MetadataFormat.UnitBytes, out RedoHeader says);
        if (header != SlotState.Valid)
        {
            return new FoundRedo(slot, header, SlotState.Empty, default);
        }

        SlotState data = !TryRead(offset + MetadataFormat.UnitBytes, says.LengthBytes) ? SlotState.Unreadable
            : Crc32C.Compute(RedoBytes(says.LengthBytes)) == says.DataCrc ? SlotState.Valid
            : SlotState.Damaged;
        return new FoundRedo(slot, header, data, says);
    }

    public ReadOnlySpan<byte> RedoBytes(int lengthBytes) => _buffer.AsSpan(0, lengthBytes);

    /// <summary>One of many alike.</summary>
    public FoundPage ReadPage(Guid volumeId, MetadataPage page, PagePlace place, long offset, long slotBytes) =>
        new(page, ReadSlot(offset, slotBytes, page, volumeId, place), ReadSlot(offset + slotBytes, slotBytes, page, volumeId, place));

    /// <summary>Whether there is nothing but zeroes; what cannot be read is something.</summary>
    public bool IsZero(long offset, long lengthBytes)
    {
        try
        {
            return handle.IsZero(offset, lengthBytes);
        }
        catch (StoreException failure) when (failure.Fault == StoreFault.Io)
        {
            return false;
        }
    }

    private FoundSlot ReadSlot(long offset, long slotBytes, MetadataPage page, Guid volumeId, PagePlace place = default)
    {
        if (!TryRead(offset, MetadataFormat.UnitBytes))
        {
            return new FoundSlot(SlotState.Unreadable, 0, []);
        }

        PageSlotHeader header = PageSlot.Peek(_buffer, page, volumeId, slotBytes, place);
        if (header.State != SlotState.Valid)
        {
            return new FoundSlot(header.State, 0, []);
        }

        if (PageSlot.HeaderBytes + header.LengthBytes > MetadataFormat.UnitBytes && !TryRead(offset, PageSlot.WrittenBytes(header.LengthBytes)))
        {
            return new FoundSlot(SlotState.Unreadable, 0, []);
        }

        SlotState state = PageSlot.Check(header, _buffer);
        return state switch
        {
            SlotState.Valid => new FoundSlot(state, header.Generation, _buffer.AsSpan(PageSlot.HeaderBytes, header.LengthBytes).ToArray()),
            SlotState.TooNew => new FoundSlot(state, header.Generation, []),
            _ => new FoundSlot(state, 0, []),
        };
    }

    private bool TryRead(long offset, int lengthBytes)
    {
        if (_buffer.Length < lengthBytes)
        {
            _buffer = new byte[lengthBytes];
        }

        try
        {
            handle.ReadAt(offset, _buffer.AsSpan(0, lengthBytes));
            return true;
        }
        catch (StoreException failure) when (failure.Fault == StoreFault.Io)
        {
            return false;
        }
    }
}
