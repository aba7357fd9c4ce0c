namespace ActorSan.Node.Settings;

/// <summary>Keys that name PEM files of certificates and private keys.</summary>
internal static class PemFiles
{
    /// <summary>The absolute path; empty where nothing is given. What is not there, or may be read by too many, is reported.</summary>
    public static string Read(Section section, string key, HostFacts host, bool isSecret)
    {
        string path = SettingsReader.Absolute(section.Text(key), host);
        if (path.Length > 0 && (isSecret ? SecretFile.Fault(path) : File.Exists(path) ? null : $"the file {path} does not exist") is { } fault)
        {
            section.Report(SettingsFault.Unsafe, key, fault);
        }

        return path;
    }

    /// <summary>Of files that are of use together only, reports each that is not given.</summary>
    public static void Demand(Section section, params ReadOnlySpan<(string Key, string Path)> files)
    {
        foreach ((string key, string path) in files)
        {
            if (path.Length == 0)
            {
                section.Report(SettingsFault.Missing, key, "must be given with the others of this section");
            }
        }
    }
}
