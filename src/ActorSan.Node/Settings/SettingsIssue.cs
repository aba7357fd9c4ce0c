using ActorSan.Node.Hocon;

namespace ActorSan.Node.Settings;

public enum SettingsFault : byte
{
    /// <summary>Not HOCON, or a file that cannot be read.</summary>
    Syntax,
    UnknownKey,
    IllTyped,
    OutOfRange,
    Missing,

    /// <summary>Each value is well formed, together they contradict each other.</summary>
    Conflict,

    /// <summary>Refused because it would be unsafe.</summary>
    Unsafe,
}

/// <summary>One thing that is wrong in a configuration. <paramref name="Path"/> is the full key.</summary>
public sealed record SettingsIssue(SettingsFault Fault, string Path, HoconOrigin Origin, string Reason)
{
    public override string ToString() => Path.Length == 0 ? $"{Origin}: {Reason}" : $"{Origin}: {Path}: {Reason}";
}

/// <summary>Everything that is wrong, in the order of files and lines.</summary>
public sealed class SettingsException(IReadOnlyList<SettingsIssue> issues) : Exception(string.Join('\n', issues))
{
    public IReadOnlyList<SettingsIssue> Issues { get; } = issues;
}
