namespace ActorSan.Storage.Metadata;

/// <summary>Numbers that the whole metadata area shares. Little endian throughout; ids are stored as RFC 9562 prints them.</summary>
internal static class MetadataFormat
{
    /// <summary>Everything begins and ends at a multiple of this, so that no write of one thing touches a sector of another, on media with 512 and with 4096 bytes a sector.</summary>
    public const int UnitBytes = 4096;

    public const long DataAlignmentBytes = 1 << 20;

    public const long MaxVolumeBytes = 1L << 56;

    public const int MaxPhysicalBlockBytes = 1 << 20;

    public static long RoundUp(long value, long multiple) => (value + multiple - 1) / multiple * multiple;

    public static string Size(long bytes)
    {
        string[] units = ["TiB", "GiB", "MiB", "KiB"];
        for (int i = 0; i < units.Length; i++)
        {
            long unit = 1L << (10 * (units.Length - i));
            if (bytes >= unit && bytes % unit == 0)
            {
                return $"{bytes / unit} {units[i]}";
            }
        }

        return $"{bytes} bytes";
    }
}

/// <summary>What a region of the metadata area is for. Numbers are on disk: never reuse one.</summary>
public enum MetadataRegionKind : ushort
{
    None = 0,

    /// <summary>Small pages, by their number.</summary>
    Pages = 1,

    /// <summary>One page for each attribute, by its number.</summary>
    Attributes = 2,
    RedoSlots = 3,

    /// <summary>Replication: the configuration that was last heard.</summary>
    Configuration = 4,

    /// <summary>Replication: a bit for each chunk of 4 MiB up to the grow limit.</summary>
    WriteIntent = 5,

    /// <summary>Replication: for one peer, a bit for each 64 KiB up to the grow limit. One region for each peer.</summary>
    OutOfSync = 6,
}

/// <summary>A run of the metadata area, as the superblock lists it.</summary>
/// <param name="Kind">Unknown kinds are passed over: what must not be is told by an incompatible feature.</param>
/// <param name="Count">How many pages or slots it holds.</param>
/// <param name="UnitBytes">Of one page slot (each page has two) or one redo slot with its header.</param>
public sealed record MetadataRegion(MetadataRegionKind Kind, int Count, long UnitBytes, long OffsetBytes, long LengthBytes)
{
    public long EndBytes => OffsetBytes + LengthBytes;
}

/// <summary>
/// How large each region is, from the size to which the volume may grow. The superblock records the outcome, so that another rule later reads what this one made.
/// <code>
///                         from 1 GiB on              below
/// superblock              2 slots of 4 KiB           the same
/// pages                   16 of 2 × 4 KiB            the same
/// attributes              8 of 2 × 260 KiB           4 of 2 × 132 KiB
/// redo slots              8 of 4 KiB + 1 MiB         4 of 4 KiB + 128 KiB
/// configuration           1 of 2 × 64 KiB            the same
/// write intent            pages of 2 × 4 KiB with 3,776 bytes of bits each, as many as the grow limit asks
/// out-of-sync, 3 peers    likewise with 3,968 bytes: 0.019 % of the volume's size at the default grow limit
/// data                    at the next MiB: 25 MiB for 1 TiB, 2 MiB for a tiny volume; in a file nearly all of it is a hole
/// </code>
/// </summary>
internal static class MetadataRule
{
    public const long SmallBytes = 1L << 30;
    public const int PageCount = 16;
    public const int PeerCount = 3;
    public const long IntentChunkBytes = 4 << 20;
    public const long OutOfSyncBytes = 64 << 10;

    // What replication puts before the bits of a page.
    public const int IntentHeaderBytes = 256;
    public const int OutOfSyncHeaderBytes = 64;
    private const int ConfigurationBytes = 64 << 10;

    /// <summary>
    /// The grow limit when none was asked for: 16 times the size, and 1 TiB at least for a file, where room costs nothing until it is used.
    /// </summary>
    public static long DefaultGrowLimit(long sizeBytes, bool sparse)
    {
        long limit = sizeBytes > MetadataFormat.MaxVolumeBytes / 16 ? MetadataFormat.MaxVolumeBytes : sizeBytes * 16;
        return sparse ? Math.Max(limit, 1L << 40) : limit;
    }

    public static bool IsSmall(long growLimitBytes) => growLimitBytes < SmallBytes;

    public static int AttributeBytes(long growLimitBytes) => IsSmall(growLimitBytes) ? 128 << 10 : 256 << 10;

    public static int RedoBytes(long growLimitBytes) => IsSmall(growLimitBytes) ? 128 << 10 : 1 << 20;

    public static int RedoCount(long growLimitBytes) => IsSmall(growLimitBytes) ? 4 : 8;

    public static MetadataRegion[] Regions(long growLimitBytes)
    {
        var regions = new List<MetadataRegion>();
        long at = 2 * Superblock.SlotBytes;

        void Add(MetadataRegionKind kind, long count, long unitBytes, int slots)
        {
            long length = count * unitBytes * slots;
            regions.Add(new MetadataRegion(kind, checked((int)count), unitBytes, at, length));
            at += length;
        }

        Add(MetadataRegionKind.Pages, PageCount, MetadataFormat.UnitBytes, 2);
        Add(MetadataRegionKind.Attributes, IsSmall(growLimitBytes) ? 4 : 8, MetadataFormat.UnitBytes + AttributeBytes(growLimitBytes), 2);
        Add(MetadataRegionKind.RedoSlots, RedoCount(growLimitBytes), MetadataFormat.UnitBytes + RedoBytes(growLimitBytes), 1);
        Add(MetadataRegionKind.Configuration, 1, ConfigurationBytes, 2);
        Add(MetadataRegionKind.WriteIntent, BitmapPages(growLimitBytes, IntentChunkBytes, IntentHeaderBytes), MetadataFormat.UnitBytes, 2);
        for (int peer = 0; peer < PeerCount; peer++)
        {
            Add(MetadataRegionKind.OutOfSync, BitmapPages(growLimitBytes, OutOfSyncBytes, OutOfSyncHeaderBytes), MetadataFormat.UnitBytes, 2);
        }

        return [.. regions];
    }

    /// <summary>
    /// Where the volume's byte 0 lies: behind the regions, at a place where the volume's physical boundaries (the first at <paramref name="alignmentOffsetBytes"/>) fall on the
    /// medium's.
    /// </summary>
    public static long DataOffset(MetadataRegion[] regions, int physicalBlockBytes, int alignmentOffsetBytes) =>
        MetadataFormat.RoundUp(regions[^1].EndBytes, MetadataFormat.DataAlignmentBytes) + (alignmentOffsetBytes == 0 ? 0 : physicalBlockBytes - alignmentOffsetBytes);

    private static long BitmapPages(long growLimitBytes, long bytesPerBit, int headerBytes)
    {
        long bits = MetadataFormat.RoundUp(growLimitBytes, bytesPerBit) / bytesPerBit;
        long bitsPerPage = (MetadataFormat.UnitBytes - PageSlot.HeaderBytes - headerBytes) * 8;
        return MetadataFormat.RoundUp(bits, bitsPerPage) / bitsPerPage;
    }
}
