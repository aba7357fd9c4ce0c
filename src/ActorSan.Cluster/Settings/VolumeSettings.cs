namespace ActorSan.Cluster.Settings;

public enum StoreKind : byte
{
    File,
    Device,
    Memory,
}

/// <summary>What a start does when a volume's store isn't there.</summary>
public enum FormatPolicy : byte
{
    /// <summary>The volume fails, with the line that would format it.</summary>
    Never,

    /// <summary>A store that doesn't exist, or is empty, is formatted; one that holds anything is opened or refused.</summary>
    IfMissing,
}

/// <summary><c>actorsan.volumes.&lt;name&gt;</c>. Sizes are bytes.</summary>
public sealed record VolumeSettings
{
    public required string Name { get; init; }

    public required StoreKind Kind { get; init; }

    /// <summary>Absolute; empty for <see cref="StoreKind.Memory"/>.</summary>
    public required string Path { get; init; }

    /// <summary>Null: what the superblock, or the whole device, says.</summary>
    public required long? SizeBytes { get; init; }

    public required int LogicalBlockBytes { get; init; }

    public required int PhysicalBlockBytes { get; init; }

    public required int AlignmentOffsetBytes { get; init; }

    public required bool Thick { get; init; }

    /// <summary>O_DIRECT.</summary>
    public required bool Direct { get; init; }

    /// <summary>The size that the metadata area leaves room for; null: the format's default.</summary>
    public required long? GrowLimitBytes { get; init; }

    public required bool WriteCache { get; init; }

    public required bool ReadOnly { get; init; }

    /// <summary>The file with the node key that wraps the data key; null: not encrypted.</summary>
    public required string? KeyFile { get; init; }

    public required FormatPolicy Format { get; init; }

    /// <summary>The I/O thread that the volume lives on; null: spread in the order of the names.</summary>
    public required int? Thread { get; init; }

    public bool Encrypted => KeyFile is not null;
}
