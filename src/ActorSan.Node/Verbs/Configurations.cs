using System.CommandLine;
using ActorSan.Node.Settings;

namespace ActorSan.Node.Verbs;

/// <summary>What the verbs share about configuration files.</summary>
internal static class Configurations
{
    public static Option<FileInfo> Option() => new("--config", "-c") { Description = "The HOCON configuration; reference.conf has every key.", Required = true };

    /// <summary>Reads it, telling every mistake; null after a mistake.</summary>
    public static NodeConfiguration? Read(FileInfo file, TextWriter error)
    {
        try
        {
            // The path as the user wrote it, so that messages name the file in his words.
            NodeConfiguration configuration = SettingsReader.ReadFile(file.ToString(), HostFacts.Read());
            foreach (SettingsIssue warning in configuration.Warnings)
            {
                error.WriteLine($"actorsan: warning: {warning}");
            }

            return configuration;
        }
        catch (SettingsException failure)
        {
            foreach (SettingsIssue issue in failure.Issues)
            {
                error.WriteLine($"actorsan: {issue}");
            }

            error.WriteLine(failure.Issues.Count == 1 ? "actorsan: 1 mistake in the configuration" : $"actorsan: {failure.Issues.Count} mistakes in the configuration");
            return null;
        }
    }
}
