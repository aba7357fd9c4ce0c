using System.Security.Cryptography;
using System.Text;
using ActorSan.Storage.Blocks;
using ActorSan.Storage.Stores;

namespace ActorSan.Storage.Metadata;

/// <summary>
/// Makes an empty volume in a store. The superblock is written last, when all else is on the medium: a format that was cut short leaves a store that says so, and none that
/// could be taken for a volume. May block: never on an I/O thread.
/// </summary>
public static class VolumeFormat
{
    // Of a device only this much is looked at: what is in use has something at its begin or its end (GPT's copy, RAID).
    private const long LookedAtHeadBytes = 16 << 20;
    private const long LookedAtTailBytes = 1 << 20;

    /// <summary>The grow limit of a store that is one of several of a volume: the same on all, whatever they are.</summary>
    public static long ReplicaGrowLimit(long sizeBytes) => MetadataRule.DefaultGrowLimit(sizeBytes, sparse: true);

    /// <summary>What a store with that grow limit will have, before it is there: bytes of a redo slot, and of the largest attribute.</summary>
    public static (int RedoSlotBytes, int MaxAttributeBytes) RoomOf(long growLimitBytes) => (MetadataRule.RedoBytes(growLimitBytes), MetadataRule.AttributeBytes(growLimitBytes));

    /// <summary>A format was begun here and cut short: nothing of what the store held before is left, and nothing came after.</summary>
    /// <exception cref="StoreException">Io.</exception>
    public static bool IsBegun(IStoreHandle handle) => handle.Traits.SizeBytes > 0 && StoreSignatures.IsBegunFormat(StoreSignatures.ReadHead(handle));

    /// <summary>Returns what was written. The store is as it was when the request itself is refused.</summary>
    /// <exception cref="StoreException">NotEmpty, Refused (a size or block that does not fit), NoSpace, Io.</exception>
    public static Superblock Format(IStoreHandle handle, FormatRequest request)
    {
        if (handle.Traits.ReadOnly)
        {
            throw Refused(handle, "is opened for reading only. Set read-only = off to format it");
        }

        Superblock superblock = Plan(handle, request);
        string? found = request.Force ? null : WhatIsThere(handle);
        if (found is not null)
        {
            throw new StoreException(
                StoreFault.NotEmpty,
                $"{handle.Description} is not formatted: it holds {found}. If all of it may be lost, run 'actorsan format' with --force {handle.Description}; otherwise name another store.");
        }

        Begin(handle, request, superblock);
        WritePages(handle, request, superblock);
        handle.Sync();
        WriteSuperblock(handle, superblock);
        return superblock;
    }

    /// <summary>A change of the superblock: second slot, then first, so that a cut leaves one whole and either alone is the latest afterwards.</summary>
    internal static void WriteSuperblock(IStoreHandle handle, Superblock superblock)
    {
        var slot = new byte[Superblock.SlotBytes];
        superblock.Write(slot);
        handle.WriteAt(Superblock.SlotBytes, slot);
        handle.WriteAt(0, slot);
    }

    private static Superblock Plan(IStoreHandle handle, FormatRequest request)
    {
        string? fault = BlockFault(request);
        if (fault is not null)
        {
            throw Refused(handle, fault);
        }

        if (request.LogicalBlockBytes % handle.Traits.OffsetAlignmentBytes != 0)
        {
            throw Refused(
                handle,
                $"takes I/O in units of {handle.Traits.OffsetAlignmentBytes} bytes, more than the logical block of {request.LogicalBlockBytes}."
                + " Choose logical-block = 4096, or direct = off");
        }

        long? asked = request.SizeBytes;
        if (asked is null && handle.CanGrow)
        {
            throw Refused(handle, "is a file: the volume's size must be given");
        }

        long limit = request.GrowLimitBytes ?? MetadataRule.DefaultGrowLimit(asked ?? handle.Traits.SizeBytes, handle.CanGrow && !request.Thick);
        MetadataRegion[] regions = MetadataRule.Regions(limit);
        long dataOffset = MetadataRule.DataOffset(regions, request.PhysicalBlockBytes, request.AlignmentOffsetBytes);
        long room = handle.Traits.SizeBytes - dataOffset;
        long size = asked ?? room - (room % request.PhysicalBlockBytes);
        if (!handle.CanGrow && (size <= 0 || size > room))
        {
            throw new StoreException(
                StoreFault.NoSpace,
                $"{handle.Description} has {MetadataFormat.Size(handle.Traits.SizeBytes)}, too little: the metadata area takes {MetadataFormat.Size(dataOffset)}"
                + (asked is null ? "." : $", the volume {MetadataFormat.Size(size)}.") + " Choose a smaller size or grow-limit, or a larger device.");
        }

        if (limit < size)
        {
            throw Refused(handle, $"would be larger ({MetadataFormat.Size(size)}) than its grow limit ({MetadataFormat.Size(limit)}). Raise grow-limit");
        }

        return new Superblock
        {
            VolumeId = request.VolumeId ?? request.NewId(),
            Created = Microseconds(request.Created ?? DateTimeOffset.UtcNow),
            Geometry = new VolumeGeometry(size, request.LogicalBlockBytes, request.PhysicalBlockBytes, request.AlignmentOffsetBytes),
            GrowLimitBytes = limit,
            DataOffsetBytes = dataOffset,
            Thick = request.Thick,
            Encryption = request.EncryptionKey is null ? EncryptionMode.None : EncryptionMode.Aes256Xts,
            Regions = regions,
        };
    }

    /// <summary>Why no volume can be as asked; null when it can.</summary>
    internal static string? BlockFault(FormatRequest request)
    {
        int logical = request.LogicalBlockBytes;
        int physical = request.PhysicalBlockBytes;
        long size = request.SizeBytes ?? logical;
        return logical is not (512 or 4096) ? $"cannot have a logical block of {logical} bytes: 512 or 4096"
            : !int.IsPow2(physical) || physical < logical || physical > MetadataFormat.MaxPhysicalBlockBytes
                ? $"cannot have a physical block of {physical} bytes: a power of two from the logical block to {MetadataFormat.Size(MetadataFormat.MaxPhysicalBlockBytes)}"
            : request.AlignmentOffsetBytes < 0 || request.AlignmentOffsetBytes >= physical || request.AlignmentOffsetBytes % logical != 0
                ? $"cannot have its first physical boundary at {request.AlignmentOffsetBytes}: a multiple of the logical block below the physical block"
            : size <= 0 || size % logical != 0 ? $"cannot have {size} bytes: a multiple of the logical block, {logical}, and not 0"
            : Math.Max(size, request.GrowLimitBytes ?? 0) > MetadataFormat.MaxVolumeBytes ? $"cannot be larger than {MetadataFormat.Size(MetadataFormat.MaxVolumeBytes)}"
            : request.GrowLimitBytes <= 0 ? "cannot have a grow limit of 0 bytes or less"
            : Encoding.UTF8.GetByteCount(request.Label) > IdentityContent.MaxLabelBytes ? $"cannot have a name of more than {IdentityContent.MaxLabelBytes} bytes"
            : request.EncryptionKey is not null && !AesGcm.IsSupported ? "cannot be encrypted here: the host's libcrypto has no AES-GCM"
            : null;
    }

    /// <summary>In words, what a format would destroy; null when the store is empty.</summary>
    private static string? WhatIsThere(IStoreHandle handle)
    {
        long size = handle.Traits.SizeBytes;
        if (size == 0)
        {
            return null;
        }

        byte[] head = StoreSignatures.ReadHead(handle);
        if (StoreSignatures.IsBegunFormat(head))
        {
            return "a format that was begun and did not end";
        }

        if (StoreSignatures.LooksLikeOurs(head))
        {
            var reader = new AreaReader(handle);
            return reader.ReadSuperblock(0, out Superblock? first, out _) == SlotState.Valid ? Name(first!)
                : reader.ReadSuperblock(1, out Superblock? second, out _) == SlotState.Valid ? Name(second!)
                : "an ActorSan volume, damaged or of a later version";
        }

        if (StoreSignatures.Recognise(head) is { } known)
        {
            return known;
        }

        bool whole = handle.CanGrow || size <= LookedAtHeadBytes + LookedAtTailBytes;
        return !handle.IsZero(0, whole ? size : LookedAtHeadBytes) || (!whole && !handle.IsZero(size - LookedAtTailBytes, LookedAtTailBytes))
            ? "bytes that are not zero, of no kind that ActorSan knows"
            : null;

        static string Name(Superblock superblock) => $"ActorSan volume {superblock.VolumeId} of {MetadataFormat.Size(superblock.Geometry.SizeBytes)}";
    }

    // From here on the old content is gone. Nothing that could be taken for a volume is there until the superblock is.
    private static void Begin(IStoreHandle handle, FormatRequest request, Superblock superblock)
    {
        long begin = 2 * Superblock.SlotBytes;
        if (handle.CanGrow)
        {
            if (request.Force)
            {
                handle.SetSize(0);
            }

            handle.SetSize(superblock.EndBytes);
        }

        var mark = new byte[MetadataFormat.UnitBytes];
        Superblock.FormattingMagic.CopyTo(mark);
        handle.WriteAt(0, mark);
        handle.WriteAt(Superblock.SlotBytes, new byte[Superblock.SlotBytes]);
        if (request.Thick)
        {
            handle.ZeroAt(begin, superblock.EndBytes - begin, allocate: true);
        }
        else if (!handle.CanGrow)
        {
            handle.ZeroAt(begin, (request.KeepOldBytes ? superblock.DataOffsetBytes : superblock.EndBytes) - begin, allocate: false);
        }

        handle.Sync();
    }

    private static void WritePages(IStoreHandle handle, FormatRequest request, Superblock superblock)
    {
        Span<byte> state = stackalloc byte[StateContent.Bytes];
        new StateContent(Clean: true, OpenCount: 0).Write(state);
        WriteBoth(handle, superblock, MetadataPage.State, state);
        WriteBoth(handle, superblock, MetadataPage.Identity, new IdentityContent(request.NewId(), Guid.Empty, request.Label).ToBytes());
        Span<byte> key = stackalloc byte[KeyContent.Bytes];
        if (request.EncryptionKey is { } nodeKey)
        {
            byte[] dataKey = GC.AllocateUninitializedArray<byte>(KeyContent.DataKeyBytes, pinned: true);
            KeyContent.MakeDataKey(dataKey, request.Random);
            KeyContent.Wrap(key, nodeKey, dataKey, superblock.VolumeId, request.Random);
            CryptographicOperations.ZeroMemory(dataKey);
        }

        WriteBoth(handle, superblock, MetadataPage.Key, request.EncryptionKey is null ? [] : key);
        for (int i = 0; i < superblock.Region(MetadataRegionKind.Attributes).Count; i++)
        {
            WriteBoth(handle, superblock, AreaReader.AttributePage(i), []);
        }
    }

    // Both slots, so that from now on a slot that is not whole is a damaged one.
    private static void WriteBoth(IStoreHandle handle, Superblock superblock, MetadataPage page, ReadOnlySpan<byte> content)
    {
        long offset = AreaReader.PageOffset(superblock, page, out long slotBytes);
        var slot = new byte[PageSlot.WrittenBytes(content.Length)];
        for (int i = 0; i < 2; i++)
        {
            PageSlot.Write(slot, page, (ulong)i + 1, superblock.VolumeId, content);
            handle.WriteAt(offset + (i * slotBytes), slot);
        }
    }

    private static DateTimeOffset Microseconds(DateTimeOffset time) => new(time.UtcTicks / TimeSpan.TicksPerMicrosecond * TimeSpan.TicksPerMicrosecond, TimeSpan.Zero);

    private static StoreException Refused(IStoreHandle handle, string what) => new(StoreFault.Refused, $"{handle.Description} {what}.");
}
