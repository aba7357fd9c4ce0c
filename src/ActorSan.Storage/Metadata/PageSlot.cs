using System.Buffers.Binary;

namespace ActorSan.Storage.Metadata;

/// <summary>Numbers of pages; on disk. From 257 on: the attribute of the number less 256.</summary>
public enum MetadataPage : ushort
{
    None = 0,

    /// <summary><see cref="StateContent"/>.</summary>
    State = 1,

    /// <summary><see cref="IdentityContent"/>.</summary>
    Identity = 2,

    /// <summary><see cref="KeyContent"/>; empty on a volume without encryption.</summary>
    Key = 3,

    /// <summary>Replication: what a replica knows of itself.</summary>
    Replica = 4,

    // The pages of regions of their own; which one of these is told by the slot's place.
    Configuration = 128,
    WriteIntent = 129,
    OutOfSync = 130,
    FirstAttribute = 257,
}

/// <summary>Which page of a region that has many: the number of the peer and of the page. Both are 0 for a page that is alone.</summary>
internal readonly record struct PagePlace(ushort Peer, int Index);

/// <summary>What the header of a page's slot says.</summary>
internal readonly record struct PageSlotHeader(SlotState State, ulong Generation, int LengthBytes);

/// <summary>
/// One of the two slots of a page, version 1, little endian; the content follows the header at once.
/// <code>
///  0  4  magic "ASPG"         16  4  length of the content
///  4  2  number of the page   20  4  CRC32C of header (these four zero) and content
///  6  2  version of the       24 16  volume id
///        content, 1           40  2  number of the peer; 0 where there is none
///  8  8  generation           44  4  index of the page in its region; 0 where it is alone
///                                    the rest is zero
/// </code>
/// A change goes to the slot that does not hold the latest, with the next generation, so that a torn write never touches the value before it.
/// </summary>
internal static class PageSlot
{
    public const int HeaderBytes = 64;
    public const ushort ContentVersion = 1;
    private const int CrcAt = 20;

    public static ReadOnlySpan<byte> Magic => "ASPG"u8;

    /// <summary>The bytes that are written for a content, padding included.</summary>
    public static int WrittenBytes(int contentBytes) => (int)MetadataFormat.RoundUp(HeaderBytes + contentBytes, MetadataFormat.UnitBytes);

    /// <summary>Fills <paramref name="slot"/>, of <see cref="WrittenBytes"/>.</summary>
    public static void Write(Span<byte> slot, MetadataPage page, ulong generation, Guid volumeId, ReadOnlySpan<byte> content, PagePlace place = default)
    {
        Span<byte> header = slot[..HeaderBytes];
        header.Clear();
        Magic.CopyTo(header);
        BinaryPrimitives.WriteUInt16LittleEndian(header[4..], (ushort)page);
        BinaryPrimitives.WriteUInt16LittleEndian(header[6..], ContentVersion);
        BinaryPrimitives.WriteUInt64LittleEndian(header[8..], generation);
        BinaryPrimitives.WriteInt32LittleEndian(header[16..], content.Length);
        _ = volumeId.TryWriteBytes(header[24..], bigEndian: true, out _);
        BinaryPrimitives.WriteUInt16LittleEndian(header[40..], place.Peer);
        BinaryPrimitives.WriteInt32LittleEndian(header[44..], place.Index);
        content.CopyTo(slot[HeaderBytes..]);
        slot[(HeaderBytes + content.Length)..].Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(header[CrcAt..], Crc32C.Append(Crc32C.Compute(header), content));
    }

    /// <summary>Looks at the first <see cref="MetadataFormat.UnitBytes"/> alone: <see cref="SlotState.Valid"/> means that <see cref="Check"/> is worth its reading.</summary>
    public static PageSlotHeader Peek(ReadOnlySpan<byte> first, MetadataPage page, Guid volumeId, long slotBytes, PagePlace place = default)
    {
        if (!first[..MetadataFormat.UnitBytes].ContainsAnyExcept((byte)0))
        {
            return new PageSlotHeader(SlotState.Empty, 0, 0);
        }

        int length = BinaryPrimitives.ReadInt32LittleEndian(first[16..]);
        bool ours = first.StartsWith(Magic)
            && BinaryPrimitives.ReadUInt16LittleEndian(first[4..]) == (ushort)page
            && new Guid(first.Slice(24, 16), bigEndian: true) == volumeId
            && BinaryPrimitives.ReadUInt16LittleEndian(first[40..]) == place.Peer
            && BinaryPrimitives.ReadInt32LittleEndian(first[44..]) == place.Index
            && length >= 0 && length <= slotBytes - HeaderBytes;
        return ours ? new PageSlotHeader(SlotState.Valid, BinaryPrimitives.ReadUInt64LittleEndian(first[8..]), length) : new PageSlotHeader(SlotState.Damaged, 0, 0);
    }

    /// <summary>Whether header and content are what was written.</summary>
    /// <param name="header">As peeked.</param>
    /// <param name="slot">Header and content, at least.</param>
    public static SlotState Check(PageSlotHeader header, ReadOnlySpan<byte> slot)
    {
        uint crc = Crc32C.Append(Crc32C.Append(Crc32C.Compute(slot[..CrcAt]), "\0\0\0\0"u8), slot[(CrcAt + sizeof(uint))..(HeaderBytes + header.LengthBytes)]);
        return BinaryPrimitives.ReadUInt32LittleEndian(slot[CrcAt..]) != crc ? SlotState.Damaged
            : BinaryPrimitives.ReadUInt16LittleEndian(slot[6..]) > ContentVersion ? SlotState.TooNew
            : SlotState.Valid;
    }
}
