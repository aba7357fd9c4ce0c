using System.CommandLine;
using System.Text.Json;
using ActorSan.Cluster.Settings;
using ActorSan.Node.Engines;
using ActorSan.Node.Settings;
using ActorSan.Storage.Metadata;
using ActorSan.Storage.Stores;

namespace ActorSan.Node.Verbs;

/// <summary><c>actorsan format</c> and <c>actorsan inspect</c>: what is done to a volume's store while no node has it open.</summary>
internal static class StoreVerbs
{
    private static readonly JsonSerializerOptions s_json = new() { WriteIndented = true, Converters = { new System.Text.Json.Serialization.JsonStringEnumConverter() } };

    public static Command CreateFormat(TextWriter output, TextWriter error)
    {
        Option<FileInfo> config = Configurations.Option();
        Argument<string> volume = VolumeArgument();
        var force = new Option<string>("--force") { Description = "Format although the store is not empty, which loses all that it holds. PATH must be the store's own, so that no other is hit.", HelpName = "PATH" };
        var command = new Command("format", "Make the store of a volume: superblock, metadata area, identity. Touches nothing that is not empty.") { config, volume, force };
        command.SetAction(parsed => OnVolume(parsed.GetRequiredValue(config), parsed.GetRequiredValue(volume), error, settings =>
        {
            if (parsed.GetValue(force) is { } named && Path.GetFullPath(named) != settings.Path)
            {
                error.WriteLine($"actorsan: --force names {named}, but the store of volume {settings.Name} is {settings.Path}. Nothing was changed.");
                return ExitCode.Usage;
            }

            Format(settings, parsed.GetValue(force) is not null, output);
            return ExitCode.Success;
        }));
        return command;
    }

    public static Command CreateInspect(TextWriter output, TextWriter error)
    {
        Option<FileInfo> config = Configurations.Option();
        Argument<string> volume = VolumeArgument();
        var json = new Option<bool>("--json") { Description = "For programs." };
        var command = new Command("inspect", "Tell what the store of a volume says about itself, damaged or not; changes nothing and needs no key.") { config, volume, json };
        command.SetAction(parsed => OnVolume(parsed.GetRequiredValue(config), parsed.GetRequiredValue(volume), error, settings =>
        {
            using IStoreHandle handle = VolumeStores.Open(settings, readOnly: true);
            StoreInspection inspection = StoreInspection.Read(handle);
            if (parsed.GetValue(json))
            {
                output.WriteLine(JsonSerializer.Serialize(inspection, s_json));
            }
            else
            {
                inspection.Describe(output);
            }

            return ExitCode.Success;
        }));
        return command;
    }

    private static void Format(VolumeSettings settings, bool force, TextWriter output)
    {
        using NodeKey? key = VolumeStores.ReadKey(settings);
        bool existed = File.Exists(settings.Path);
        using IStoreHandle handle = VolumeStores.Make(settings);
        Superblock made;
        try
        {
            made = VolumeFormat.Format(handle, VolumeStores.FormatOf(settings, key, force));
        }
        catch when (!existed && settings.Kind == StoreKind.File)
        {
            // The empty file was ours.
            File.Delete(settings.Path);
            throw;
        }

        output.WriteLine($"Formatted {settings.Path}: volume {settings.Name}, {Quantity.Format(made.Geometry.SizeBytes)} in blocks of {made.Geometry.LogicalBlockBytes} bytes, id {made.VolumeId}"
            + $", may grow to {Quantity.Format(made.GrowLimitBytes)}{(settings.Encrypted ? ", encrypted" : "")}.");
    }

    private static Argument<string> VolumeArgument() => new("volume") { Description = "Name of the volume in the configuration." };

    private static int OnVolume(FileInfo config, string name, TextWriter error, Func<VolumeSettings, int> act)
    {
        if (Configurations.Read(config, error) is not { } configuration)
        {
            return ExitCode.Usage;
        }

        IReadOnlyList<VolumeSettings> volumes = configuration.Settings.Volumes;
        if (volumes.FirstOrDefault(volume => volume.Name == name) is not { } settings)
        {
            error.WriteLine($"actorsan: there is no volume '{name}' in {config}; it has {(volumes.Count == 0 ? "none" : string.Join(", ", volumes.Select(volume => volume.Name)))}");
            return ExitCode.Usage;
        }

        if (settings.Kind == StoreKind.Memory)
        {
            error.WriteLine($"actorsan: volume {name} is in memory: there is no store to format or inspect");
            return ExitCode.Usage;
        }

        try
        {
            return act(settings);
        }
        catch (StoreException failure)
        {
            error.WriteLine("actorsan: " + failure.Message);
            return failure.Fault == StoreFault.InUse ? ExitCode.InUse : ExitCode.Failure;
        }
    }
}
