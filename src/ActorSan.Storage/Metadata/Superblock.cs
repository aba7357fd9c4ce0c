using System.Buffers.Binary;
using ActorSan.Storage.Blocks;

namespace ActorSan.Storage.Metadata;

/// <summary>How the volume's bytes are kept. Numbers are on disk.</summary>
public enum EncryptionMode : byte
{
    None = 0,
    Aes256Xts = 1,
}

/// <summary>What is found at the place of one of two slots.</summary>
public enum SlotState : byte
{
    Valid,

    /// <summary>Zeroes only.</summary>
    Empty,

    /// <summary>Neither valid nor empty: torn, damaged, or not ours.</summary>
    Damaged,

    /// <summary>The medium does not give the bytes.</summary>
    Unreadable,

    /// <summary>Whole, and written by a later version.</summary>
    TooNew,
}

/// <summary>
/// What a store says of itself, version 1, little endian. Two slots of 4096 bytes, at 0 and at 4096; the newer valid one counts. A change is written to the second and then
/// to the first, so that afterwards either alone is the latest. The first 16 bytes, and what the CRC covers, stay in all versions.
/// <code>
///   0  8  magic "ActorSAN"               72  8  where the volume's byte 0 lies in the store
///   8  2  version                        80  4  logical block
///  10  2  zero                           84  4  physical block
///  12  4  CRC32C of the 4096 bytes       88  4  where the first physical boundary lies in the volume
///         with these four zero           92  1  flags: bit 0 thick
///  16  8  generation                     93  1  encryption: 0 none, 1 AES-256-XTS
///  24  4  compatible features            94  2  number of regions
///  28  4  incompatible features          96     regions, 32 bytes each: kind (2), zero (2), count (4),
///  32 16  volume id                             bytes of a slot (8), offset (8), length (8)
///  48  8  creation, µs since 1970 UTC           zero to the end
///  56  8  size of the volume
///  64  8  size to which it may grow
/// </code>
/// A feature that this version does not know is of no concern when it is compatible; when it is not, the store is refused (<see cref="SlotState.TooNew"/>).
/// </summary>
public sealed record Superblock
{
    internal const int SlotBytes = MetadataFormat.UnitBytes;
    internal const ushort CurrentVersion = 1;
    internal const int HeaderBytes = 96;
    private const int RegionBytes = 32;
    private const int MaxRegions = (SlotBytes - HeaderBytes) / RegionBytes;
    private const int CrcAt = 12;
    private const byte ThickFlag = 1;
    private const uint KnownIncompatible = 0;

    internal static ReadOnlySpan<byte> Magic => "ActorSAN"u8;

    /// <summary>At offset 0 while a format is going on.</summary>
    internal static ReadOnlySpan<byte> FormattingMagic => "ActorSAN format begun"u8;

    public ulong Generation { get; init; } = 1;

    public uint CompatibleFeatures { get; init; }

    public uint IncompatibleFeatures { get; init; }

    public required Guid VolumeId { get; init; }

    public required DateTimeOffset Created { get; init; }

    public required VolumeGeometry Geometry { get; init; }

    public required long GrowLimitBytes { get; init; }

    public required long DataOffsetBytes { get; init; }

    public bool Thick { get; init; }

    public EncryptionMode Encryption { get; init; }

    public required IReadOnlyList<MetadataRegion> Regions { get; init; }

    /// <summary>What the store must have at least.</summary>
    public long EndBytes => DataOffsetBytes + Geometry.SizeBytes;

    internal MetadataRegion Region(MetadataRegionKind kind) => Regions.First(region => region.Kind == kind);

    /// <summary>Fills a slot.</summary>
    internal void Write(Span<byte> slot)
    {
        slot.Clear();
        Magic.CopyTo(slot);
        BinaryPrimitives.WriteUInt16LittleEndian(slot[8..], CurrentVersion);
        BinaryPrimitives.WriteUInt64LittleEndian(slot[16..], Generation);
        BinaryPrimitives.WriteUInt32LittleEndian(slot[24..], CompatibleFeatures);
        BinaryPrimitives.WriteUInt32LittleEndian(slot[28..], IncompatibleFeatures);
        _ = VolumeId.TryWriteBytes(slot[32..], bigEndian: true, out _);
        BinaryPrimitives.WriteInt64LittleEndian(slot[48..], (Created.UtcTicks - DateTimeOffset.UnixEpoch.UtcTicks) / TimeSpan.TicksPerMicrosecond);
        BinaryPrimitives.WriteInt64LittleEndian(slot[56..], Geometry.SizeBytes);
        BinaryPrimitives.WriteInt64LittleEndian(slot[64..], GrowLimitBytes);
        BinaryPrimitives.WriteInt64LittleEndian(slot[72..], DataOffsetBytes);
        BinaryPrimitives.WriteInt32LittleEndian(slot[80..], Geometry.LogicalBlockBytes);
        BinaryPrimitives.WriteInt32LittleEndian(slot[84..], Geometry.PhysicalBlockBytes);
        BinaryPrimitives.WriteInt32LittleEndian(slot[88..], Geometry.AlignmentOffsetBytes);
        slot[92] = Thick ? ThickFlag : (byte)0;
        slot[93] = (byte)Encryption;
        BinaryPrimitives.WriteUInt16LittleEndian(slot[94..], (ushort)Regions.Count);
        for (int i = 0; i < Regions.Count; i++)
        {
            MetadataRegion region = Regions[i];
            Span<byte> entry = slot.Slice(HeaderBytes + (i * RegionBytes), RegionBytes);
            BinaryPrimitives.WriteUInt16LittleEndian(entry, (ushort)region.Kind);
            BinaryPrimitives.WriteInt32LittleEndian(entry[4..], region.Count);
            BinaryPrimitives.WriteInt64LittleEndian(entry[8..], region.UnitBytes);
            BinaryPrimitives.WriteInt64LittleEndian(entry[16..], region.OffsetBytes);
            BinaryPrimitives.WriteInt64LittleEndian(entry[24..], region.LengthBytes);
        }

        BinaryPrimitives.WriteUInt32LittleEndian(slot[CrcAt..], Checksum(slot));
    }

    /// <summary>Reads a slot; the superblock is there only when it is valid. <paramref name="generation"/> also when it is too new.</summary>
    internal static SlotState TryRead(ReadOnlySpan<byte> slot, out Superblock? superblock, out ulong generation)
    {
        superblock = null;
        generation = 0;
        if (!slot.ContainsAnyExcept((byte)0))
        {
            return SlotState.Empty;
        }

        if (!slot.StartsWith(Magic) || BinaryPrimitives.ReadUInt32LittleEndian(slot[CrcAt..]) != Checksum(slot))
        {
            return SlotState.Damaged;
        }

        generation = BinaryPrimitives.ReadUInt64LittleEndian(slot[16..]);
        uint incompatible = BinaryPrimitives.ReadUInt32LittleEndian(slot[28..]);
        ushort version = BinaryPrimitives.ReadUInt16LittleEndian(slot[8..]);
        if (version > CurrentVersion || (version == CurrentVersion && (incompatible & ~KnownIncompatible) != 0))
        {
            return SlotState.TooNew;
        }

        int regionCount = BinaryPrimitives.ReadUInt16LittleEndian(slot[94..]);
        long created = BinaryPrimitives.ReadInt64LittleEndian(slot[48..]);
        if (version == 0 || regionCount > MaxRegions || created < 0 || created > (DateTimeOffset.MaxValue - DateTimeOffset.UnixEpoch).TotalMicroseconds)
        {
            return SlotState.Damaged;
        }

        var regions = new MetadataRegion[regionCount];
        for (int i = 0; i < regionCount; i++)
        {
            ReadOnlySpan<byte> entry = slot.Slice(HeaderBytes + (i * RegionBytes), RegionBytes);
            regions[i] = new MetadataRegion(
                (MetadataRegionKind)BinaryPrimitives.ReadUInt16LittleEndian(entry),
                BinaryPrimitives.ReadInt32LittleEndian(entry[4..]),
                BinaryPrimitives.ReadInt64LittleEndian(entry[8..]),
                BinaryPrimitives.ReadInt64LittleEndian(entry[16..]),
                BinaryPrimitives.ReadInt64LittleEndian(entry[24..]));
        }

        var read = new Superblock
        {
            Generation = generation,
            CompatibleFeatures = BinaryPrimitives.ReadUInt32LittleEndian(slot[24..]),
            IncompatibleFeatures = incompatible,
            VolumeId = new Guid(slot.Slice(32, 16), bigEndian: true),
            Created = DateTimeOffset.UnixEpoch.AddTicks(created * TimeSpan.TicksPerMicrosecond),
            Geometry = new VolumeGeometry(
                BinaryPrimitives.ReadInt64LittleEndian(slot[56..]),
                BinaryPrimitives.ReadInt32LittleEndian(slot[80..]),
                BinaryPrimitives.ReadInt32LittleEndian(slot[84..]),
                BinaryPrimitives.ReadInt32LittleEndian(slot[88..])),
            GrowLimitBytes = BinaryPrimitives.ReadInt64LittleEndian(slot[64..]),
            DataOffsetBytes = BinaryPrimitives.ReadInt64LittleEndian(slot[72..]),
            Thick = (slot[92] & ThickFlag) != 0,
            Encryption = (EncryptionMode)slot[93],
            Regions = regions,
        };
        if (!read.IsConsistent())
        {
            return SlotState.Damaged;
        }

        superblock = read;
        return SlotState.Valid;
    }

    private static uint Checksum(ReadOnlySpan<byte> slot) =>
        Crc32C.Append(Crc32C.Append(Crc32C.Compute(slot[..CrcAt]), "\0\0\0\0"u8), slot[(CrcAt + sizeof(uint))..SlotBytes]);

    // A checksum that fits says that the bytes are what was written, not that they make sense: nothing below is reached with numbers that would lead out of the area.
    private bool IsConsistent()
    {
        VolumeGeometry g = Geometry;
        if (g.LogicalBlockBytes is not (512 or 4096)
            || !int.IsPow2(g.PhysicalBlockBytes) || g.PhysicalBlockBytes < g.LogicalBlockBytes || g.PhysicalBlockBytes > MetadataFormat.MaxPhysicalBlockBytes
            || g.AlignmentOffsetBytes < 0 || g.AlignmentOffsetBytes >= g.PhysicalBlockBytes || g.AlignmentOffsetBytes % g.LogicalBlockBytes != 0
            || g.SizeBytes <= 0 || g.SizeBytes > MetadataFormat.MaxVolumeBytes || g.SizeBytes % g.LogicalBlockBytes != 0
            || GrowLimitBytes < g.SizeBytes || GrowLimitBytes > MetadataFormat.MaxVolumeBytes
            || DataOffsetBytes < 2 * SlotBytes || DataOffsetBytes > MetadataFormat.MaxVolumeBytes || DataOffsetBytes % g.LogicalBlockBytes != 0
            || !Enum.IsDefined(Encryption))
        {
            return false;
        }

        long at = 2 * SlotBytes;
        foreach (MetadataRegion region in Regions)
        {
            bool paged = region.Kind != MetadataRegionKind.RedoSlots;
            if (region.Count <= 0 || region.UnitBytes < MetadataFormat.UnitBytes || region.UnitBytes % MetadataFormat.UnitBytes != 0 || region.UnitBytes > MetadataFormat.MaxVolumeBytes
                || region.OffsetBytes < at || region.OffsetBytes % MetadataFormat.UnitBytes != 0 || region.LengthBytes <= 0 || region.LengthBytes > DataOffsetBytes - region.OffsetBytes
                || region.LengthBytes / (paged ? 2 : 1) / region.Count != region.UnitBytes || region.LengthBytes != region.UnitBytes * region.Count * (paged ? 2 : 1))
            {
                return false;
            }

            at = region.EndBytes;
        }

        return Has(MetadataRegionKind.Pages, (int)MetadataPage.Key, MetadataFormat.UnitBytes, MetadataFormat.UnitBytes)
            && Has(MetadataRegionKind.Attributes, Enum.GetValues<VolumeAttribute>().Length - 1, 2 * MetadataFormat.UnitBytes, 64 << 20)
            && Has(MetadataRegionKind.RedoSlots, 1, 2 * MetadataFormat.UnitBytes, Buffers.BufferPool.MaxBufferBytes + MetadataFormat.UnitBytes);
    }

    private bool Has(MetadataRegionKind kind, int count, long minUnitBytes, long maxUnitBytes) =>
        Regions.Count(region => region.Kind == kind) == 1 && Region(kind) is { } found
        && found.Count >= count && found.Count <= 1024 && found.UnitBytes >= minUnitBytes && found.UnitBytes <= maxUnitBytes;
}
