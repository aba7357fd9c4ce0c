using System.Globalization;

namespace ActorSan.Node.Settings;

/// <summary>What the reader asks of the machine: values that "auto" stands for, and where relative paths begin.</summary>
public sealed record HostFacts(string HostName, IReadOnlyList<int> AllowedCpus, string WorkingDirectory)
{
    public static HostFacts Read()
    {
        string? line = File.Exists("/proc/self/status")
            ? File.ReadLines("/proc/self/status").FirstOrDefault(text => text.StartsWith("Cpus_allowed_list:", StringComparison.Ordinal))
            : null;
        IReadOnlyList<int>? cpus = line is null ? null : ParseCpuList(line.Split(':')[1].Trim());
        return new HostFacts(Environment.MachineName.ToLowerInvariant(), cpus ?? [.. Enumerable.Range(0, Environment.ProcessorCount)], Environment.CurrentDirectory);
    }

    /// <summary>The kernel's list format: <c>0-3,6</c>. Null when it isn't one.</summary>
    public static IReadOnlyList<int>? ParseCpuList(string text)
    {
        var cpus = new SortedSet<int>();
        foreach (string part in text.Split(',', StringSplitOptions.TrimEntries))
        {
            string[] ends = part.Split('-');
            if (ends.Length > 2
                || !int.TryParse(ends[0], NumberStyles.None, CultureInfo.InvariantCulture, out int first)
                || !int.TryParse(ends[^1], NumberStyles.None, CultureInfo.InvariantCulture, out int last)
                || last < first || last > 4095)
            {
                return null;
            }

            cpus.UnionWith(Enumerable.Range(first, last - first + 1));
        }

        return [.. cpus];
    }
}
