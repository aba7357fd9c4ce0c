using ActorSan.Cluster.Settings;
using ActorSan.Node.Settings;
using ActorSan.Storage.Metadata;
using ActorSan.Storage.Stores;

namespace ActorSan.Node.Engines;

/// <summary>A volume's configuration in the words of Storage: how its store is opened, made, and what is expected to be in it. All of it may block.</summary>
internal static class VolumeStores
{
    /// <summary>Opens the store that is there.</summary>
    /// <exception cref="StoreException">Missing, InUse, Refused, Io.</exception>
    public static IStoreHandle Open(VolumeSettings settings, bool readOnly) => StoreOpener.Open(OptionsOf(settings) with { ReadOnly = readOnly });

    /// <summary>Makes the file; for a device, opens it.</summary>
    /// <exception cref="StoreException">As <see cref="Open"/>.</exception>
    public static IStoreHandle Make(VolumeSettings settings) =>
        settings.Kind == StoreKind.File && !File.Exists(settings.Path) ? StoreOpener.Open(OptionsOf(settings) with { Create = true }) : Open(settings, readOnly: false);

    public static FormatRequest FormatOf(VolumeSettings settings, NodeKey? key, bool force) => new()
    {
        SizeBytes = settings.SizeBytes,
        GrowLimitBytes = settings.GrowLimitBytes,
        LogicalBlockBytes = settings.LogicalBlockBytes,
        PhysicalBlockBytes = settings.PhysicalBlockBytes,
        AlignmentOffsetBytes = settings.AlignmentOffsetBytes,
        Thick = settings.Thick,
        EncryptionKey = key,
        Force = force,
        Label = settings.Name,
    };

    public static VolumeExpectation ExpectationOf(VolumeSettings settings) => new()
    {
        SizeBytes = settings.SizeBytes,
        LogicalBlockBytes = settings.LogicalBlockBytes,
        PhysicalBlockBytes = settings.PhysicalBlockBytes,
        AlignmentOffsetBytes = settings.AlignmentOffsetBytes,
        Encrypted = settings.Encrypted,
    };

    /// <summary>Null for a volume that is not encrypted.</summary>
    /// <exception cref="StoreException">WrongKey: the file cannot be read, others may read it, or it holds no key.</exception>
    public static NodeKey? ReadKey(VolumeSettings settings)
    {
        if (settings.KeyFile is not { } file)
        {
            return null;
        }

        if (SecretFile.Fault(file) is { } fault)
        {
            throw new StoreException(StoreFault.WrongKey, $"the key of volume {settings.Name} cannot be used: {fault}");
        }

        byte[] bytes = [];
        try
        {
            bytes = File.ReadAllBytes(file);
            return NodeKey.FromFile(bytes, file);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new StoreException(StoreFault.WrongKey, $"the key of volume {settings.Name} cannot be read: {failure.Message}", failure);
        }
        finally
        {
            System.Security.Cryptography.CryptographicOperations.ZeroMemory(bytes);
        }
    }

    private static StoreOptions OptionsOf(VolumeSettings settings) => new()
    {
        Path = settings.Path,
        Medium = settings.Kind == StoreKind.Device ? StoreMedium.BlockDevice : StoreMedium.File,
        Direct = settings.Direct,
    };
}
