using System.Security.Cryptography;

namespace ActorSan.Storage.Metadata;

/// <summary>What a volume shall be. Sizes are bytes; everything here is fixed at format but the size.</summary>
public sealed record FormatRequest
{
    /// <summary>Null only for a device: all of it.</summary>
    public long? SizeBytes { get; init; }

    /// <summary>The size for which the metadata area leaves room; null: 16 times the size, for a file 1 TiB at least.</summary>
    public long? GrowLimitBytes { get; init; }

    public int LogicalBlockBytes { get; init; } = 512;

    public int PhysicalBlockBytes { get; init; } = 4096;

    public int AlignmentOffsetBytes { get; init; }

    /// <summary>All space is taken from the file system now.</summary>
    public bool Thick { get; init; }

    /// <summary>The node key that wraps a new data key; null: not encrypted.</summary>
    public NodeKey? EncryptionKey { get; init; }

    /// <summary>Also over what is not empty: it is lost.</summary>
    public bool Force { get; init; }

    /// <summary>
    /// A device (or memory) keeps its old bytes, which the volume then shows: saves the time of zeroing a disk that cannot discard. A volume that is formatted
    /// otherwise reads as zeroes.
    /// </summary>
    public bool KeepOldBytes { get; init; }

    /// <summary>The volume's name now, for people who look at the store later.</summary>
    public string Label { get; init; } = "";

    /// <summary>Null: a new one.</summary>
    public Guid? VolumeId { get; init; }

    /// <summary>Null: now.</summary>
    public DateTimeOffset? Created { get; init; }

    /// <summary>Where keys and ids come from.</summary>
    internal RandomSource Random { get; init; } = RandomNumberGenerator.Fill;

    internal Guid NewId()
    {
        Span<byte> bytes = stackalloc byte[16];
        Random(bytes);
        bytes[6] = (byte)((bytes[6] & 0x0F) | 0x40);
        bytes[8] = (byte)((bytes[8] & 0x3F) | 0x80);
        return new Guid(bytes, bigEndian: true);
    }
}
