using ActorSan.Replication.Core.Formats;

namespace ActorSan.Simulator.Disk;

/// <summary>Size and habits of a simulated disk. All delays are drawn between low and high, short ones more often.</summary>
public sealed record SimDiskOptions
{
    public int BlockBytes { get; init; } = 16;

    public int Blocks { get; init; } = 64;

    /// <summary>S7: no volume on it becomes larger.</summary>
    public int GrowLimitBlocks { get; init; } = 256;

    /// <summary>Where the volume's byte 0 lies in the store: never 0, so that who forgets it is found.</summary>
    public int DataOffsetBytes { get; init; } = 4096;

    /// <summary>Completed writes may go with the power until a flush.</summary>
    public bool VolatileCache { get; init; } = true;

    public int RedoSlots { get; init; } = 2;

    public int RedoSlotBytes { get; init; } = 128;

    public int AttributeBytes { get; init; } = 64;

    public int StatePageBytes { get; init; } = 2048;

    public int ConfigurationPageBytes { get; init; } = 4096;

    public int WriteIntentPages { get; init; } = 1;

    public int WriteIntentPageBytes { get; init; } = WriteIntentPage.Bytes;

    public int OutOfSyncPages { get; init; } = 1;

    public int OutOfSyncPageBytes { get; init; } = OutOfSyncPage.Bytes;

    public long ReadLowNs { get; init; } = 5_000;

    public long ReadHighNs { get; init; } = 300_000;

    public long WriteLowNs { get; init; } = 10_000;

    public long WriteHighNs { get; init; } = 2_000_000;

    public long FlushLowNs { get; init; } = 20_000;

    public long FlushHighNs { get; init; } = 8_000_000;

    public long PageLowNs { get; init; } = 20_000;

    public long PageHighNs { get; init; } = 4_000_000;

    /// <summary>How likely a block of a volatile cache reaches the medium by itself when it is written again, and at a loss of power.</summary>
    public double Destage { get; init; } = 0.3;
}
