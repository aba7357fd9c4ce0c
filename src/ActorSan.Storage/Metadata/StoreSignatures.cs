using ActorSan.Storage.Stores;

namespace ActorSan.Storage.Metadata;

/// <summary>What a store looks like that is not ours: told in a refusal, so that nobody formats over what he didn't mean.</summary>
internal static class StoreSignatures
{
    private const int HeadBytes = 128 << 10;

    private static readonly (int Offset, byte[] Bytes, string Name)[] Known =
    [
        (0, [.. "XFSB"u8], "an XFS file system"),
        (0x438, [0x53, 0xEF], "an ext2, ext3 or ext4 file system"),
        (0x10040, [.. "_BHRfS_M"u8], "a btrfs file system"),
        (3, [.. "NTFS    "u8], "an NTFS file system"),
        (0x52, [.. "FAT32"u8], "a FAT file system"),
        (0x36, [.. "FAT1"u8], "a FAT file system"),
        (0x8001, [.. "CD001"u8], "an ISO 9660 image"),
        (0, [.. "LUKS"u8, 0xBA, 0xBE], "a LUKS container"),
        (0, [.. "LABELONE"u8], "an LVM physical volume"),
        (0x200, [.. "LABELONE"u8], "an LVM physical volume"),
        (0x400, [.. "LABELONE"u8], "an LVM physical volume"),
        (0x600, [.. "LABELONE"u8], "an LVM physical volume"),
        (0, [0xFC, 0x4E, 0x2B, 0xA9], "a member of a Linux RAID"),
        (0x1000, [0xFC, 0x4E, 0x2B, 0xA9], "a member of a Linux RAID"),
        (0xFF6, [.. "SWAPSPACE2"u8], "swap space"),
        (0, [.. "QFI"u8, 0xFB], "a qcow2 image"),
        (0, [.. "KDMV"u8], "a VMDK image"),
        (0, [.. "vhdxfile"u8], "a VHDX image"),
        (0x200, [.. "EFI PART"u8], "a GPT partition table"),
        (0x1000, [.. "EFI PART"u8], "a GPT partition table"),
        (0x1FE, [0x55, 0xAA], "a partition table or boot sector"),
    ];

    /// <summary>The bytes at the store's begin that the signatures lie in, as many as there are.</summary>
    public static byte[] ReadHead(IStoreHandle handle)
    {
        var head = new byte[Math.Min(handle.Traits.SizeBytes, HeadBytes)];
        handle.ReadAt(0, head);
        return head;
    }

    /// <summary>Null when it is nothing that is known.</summary>
    public static string? Recognise(ReadOnlySpan<byte> head)
    {
        foreach ((int offset, byte[] bytes, string name) in Known)
        {
            if (head.Length >= offset + bytes.Length && head.Slice(offset, bytes.Length).SequenceEqual(bytes))
            {
                return name;
            }
        }

        return null;
    }

    /// <summary>Whether a superblock, whole or not, or a begun format, or one of our pages where the first must be, is there.</summary>
    public static bool LooksLikeOurs(ReadOnlySpan<byte> head) =>
        HasAt(head, 0, Superblock.Magic) || HasAt(head, Superblock.SlotBytes, Superblock.Magic)
        || HasAt(head, 2 * Superblock.SlotBytes, PageSlot.Magic) || HasAt(head, (2 * Superblock.SlotBytes) + MetadataFormat.UnitBytes, PageSlot.Magic);

    public static bool IsBegunFormat(ReadOnlySpan<byte> head) => HasAt(head, 0, Superblock.FormattingMagic);

    private static bool HasAt(ReadOnlySpan<byte> head, int offset, ReadOnlySpan<byte> bytes) => head.Length >= offset + bytes.Length && head[offset..].StartsWith(bytes);
}
