namespace ActorSan.Storage.Stores;

/// <summary>What a path is expected to be; anything else there is refused.</summary>
public enum StoreMedium : byte
{
    File,
    BlockDevice,
}

/// <summary>How <see cref="StoreOpener"/> opens a file or a device.</summary>
public sealed record StoreOptions
{
    public required string Path { get; init; }

    public StoreMedium Medium { get; init; } = StoreMedium.File;

    /// <summary>O_DIRECT: past the page cache.</summary>
    public bool Direct { get; init; } = true;

    public bool ReadOnly { get; init; }

    /// <summary>Makes the file, which must not exist yet; its name is durable when Open returns. Not for devices.</summary>
    public bool Create { get; init; }
}
