using ActorSan.Cluster.Settings;

namespace ActorSan.Node.Settings;

/// <summary><c>actorsan.volumes</c>.</summary>
internal static class VolumeReader
{
    private const long MaxVolumeBytes = 1L << 56;
    private const int MaxBlockBytes = 1 << 20;

    public static IReadOnlyList<VolumeSettings> Read(Section root, Section template, HostFacts host, int threads)
    {
        ReadOne(template, host, threads);
        return [.. root.Named("volumes", template).Select(section => ReadOne(section, host, threads))];
    }

    private static VolumeSettings ReadOne(Section volume, HostFacts host, int threads)
    {
        Section store = volume.Sub("store");
        StoreKind kind = store.Word("kind", ("file", StoreKind.File), ("device", StoreKind.Device), ("memory", StoreKind.Memory));
        string path = kind == StoreKind.Memory ? store.Text("path") : store.Required("path", "the path of the file or device");
        if (kind == StoreKind.Memory && path.Length > 0)
        {
            store.Report(SettingsFault.Conflict, "path", "a memory store has no path");
        }

        int logical = store.Integer("logical-block", 512, 4096) is var block and (512 or 4096) ? (int)block : Bad(store, "logical-block", "a logical block has 512 or 4096 bytes", 512);
        (int physical, int alignment) = ReadPhysical(store, logical);
        var settings = new VolumeSettings
        {
            Name = volume.Name,
            Kind = kind,
            Path = kind == StoreKind.Memory ? "" : SettingsReader.Absolute(path, host),
            SizeBytes = store.OptionalSize("size", logical, MaxVolumeBytes),
            LogicalBlockBytes = logical,
            PhysicalBlockBytes = physical,
            AlignmentOffsetBytes = alignment,
            Thick = store.Flag("thick"),
            Direct = store.Flag("direct"),
            GrowLimitBytes = store.OptionalSize("grow-limit", logical, MaxVolumeBytes),
            WriteCache = volume.Flag("write-cache"),
            ReadOnly = volume.Flag("read-only"),
            KeyFile = ReadKeyFile(volume.Sub("encryption"), host),
            Format = volume.Word("format", ("never", FormatPolicy.Never), ("if-missing", FormatPolicy.IfMissing)),
            Thread = volume.Text("thread") == "auto" ? null : (int)volume.Integer("thread", 0, threads - 1),
        };
        if (!volume.IsTemplate)
        {
            Check(volume, store, settings);
        }

        return settings;
    }

    private static void Check(Section volume, Section store, VolumeSettings settings)
    {
        if (VolumeNameFault(settings.Name) is { } fault)
        {
            volume.Report(SettingsFault.IllTyped, "", fault);
        }

        if (settings.SizeBytes is null && (settings.Kind == StoreKind.Memory || (settings.Kind == StoreKind.File && settings.Format == FormatPolicy.IfMissing)))
        {
            store.Report(SettingsFault.Missing, "size", settings.Kind == StoreKind.Memory ? "a memory store must have a size" : "a file that may have to be formatted must have a size");
        }

        if (settings.SizeBytes % settings.LogicalBlockBytes is > 0)
        {
            store.Report(SettingsFault.OutOfRange, "size", $"the size must be a multiple of the logical block, {settings.LogicalBlockBytes} bytes");
        }

        if (settings.GrowLimitBytes < settings.SizeBytes)
        {
            store.Report(SettingsFault.Conflict, "grow-limit", "a volume cannot be larger than the size to which it may grow");
        }

        if (settings.Kind == StoreKind.Memory && settings.Encrypted)
        {
            volume.Report(SettingsFault.Conflict, "encryption", "a memory store is not encrypted: there is no medium to protect");
        }
    }

    private static (int Physical, int Alignment) ReadPhysical(Section store, int logical)
    {
        long physical = store.Size("physical-block", 512, MaxBlockBytes);
        if (physical < logical || !long.IsPow2(physical))
        {
            physical = Bad(store, "physical-block", $"a physical block is a power of two and no smaller than the logical block ({logical})", logical);
        }

        long alignment = store.Size("alignment", 0, MaxBlockBytes);
        if (alignment >= physical || alignment % logical != 0)
        {
            alignment = Bad(store, "alignment", "the first physical boundary lies less than a physical block from the start, at a multiple of the logical block", 0);
        }

        return ((int)physical, (int)alignment);
    }

    private static string? ReadKeyFile(Section encryption, HostFacts host)
    {
        bool on = encryption.Word("mode", ("none", false), ("aes-256-xts", true));
        string path = SettingsReader.Absolute(encryption.Text("key-file"), host);
        if (!on)
        {
            if (path.Length > 0 && !encryption.IsTemplate)
            {
                encryption.Report(SettingsFault.Conflict, "key-file", "a key file without encryption.mode would do nothing");
            }

            return null;
        }

        if (path.Length == 0)
        {
            encryption.Report(SettingsFault.Missing, "key-file", "encryption must have the file with the node key");
        }
        else if (SecretFile.Fault(path) is { } fault)
        {
            encryption.Report(SettingsFault.Unsafe, "key-file", fault);
        }

        return path;
    }

    internal static string? VolumeNameFault(string name) =>
        name.Length is > 0 and <= 64 && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.')
            ? null
            : "a volume's name has 1 to 64 letters, digits, '-', '_' and '.'";

    private static int Bad(Section section, string key, string reason, int instead)
    {
        section.Report(SettingsFault.OutOfRange, key, reason);
        return instead;
    }
}
