using System.Globalization;

namespace ActorSan.Storage.Stores;

/// <summary>What sysfs says of a block device's queue (Documentation/ABI/stable/sysfs-block). A partition has its disk's; what is not told is what assumes least.</summary>
/// <param name="Known">False for what is no block device of this host: overlays, tmpfs, network file systems.</param>
internal readonly record struct BlockDeviceFacts(bool Known, bool VolatileCache, bool Rotational, int LogicalBlockBytes, int DiscardGranularityBytes)
{
    internal static BlockDeviceFacts Read(uint major, uint minor)
    {
        string link = string.Create(CultureInfo.InvariantCulture, $"/sys/dev/block/{major}:{minor}");
        string? device = Directory.Exists(link) ? Directory.ResolveLinkTarget(link, returnFinalTarget: true)?.FullName : null;
        if (device is null)
        {
            return new BlockDeviceFacts(Known: false, VolatileCache: true, Rotational: false, LogicalBlockBytes: 0, DiscardGranularityBytes: 0);
        }

        string queue = Path.Combine(File.Exists(Path.Combine(device, "partition")) ? Path.GetDirectoryName(device)! : device, "queue");

        // Zeroes are promised by 'write zeroes' only; that they also give space back, by 'discard'.
        bool holes = Number(queue, "discard_max_bytes") > 0 && Number(queue, "write_zeroes_max_bytes") > 0;
        return new BlockDeviceFacts(
            Known: true,
            VolatileCache: Text(queue, "write_cache") != "write through",
            Rotational: Number(queue, "rotational") == 1,
            LogicalBlockBytes: (int)Number(queue, "logical_block_size"),
            DiscardGranularityBytes: holes ? (int)Math.Min(Number(queue, "discard_granularity"), int.MaxValue) : 0);
    }

    private static string Text(string queue, string name)
    {
        try
        {
            return File.ReadAllText(Path.Combine(queue, name)).Trim();
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }

    private static long Number(string queue, string name) => long.TryParse(Text(queue, name), CultureInfo.InvariantCulture, out long value) ? value : 0;
}
