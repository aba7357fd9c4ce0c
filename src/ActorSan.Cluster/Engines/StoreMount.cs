using System.Text;
using ActorSan.Storage.Stores;

namespace ActorSan.Cluster.Engines;

/// <summary>
/// Remembers on which file system a node's replicas are. A mount that is missing leaves its mount point, an empty directory on the file system above, in which new stores would be made and
/// filled from the other nodes. An empty file system in its place is another thing: a disk that was replaced.
/// </summary>
/// <param name="file">In the state directory.</param>
/// <param name="readMounts">The text of /proc/self/mountinfo (proc(5)); null: this system's own.</param>
public sealed class StoreMount(string file, Func<string>? readMounts = null)
{
    public const string FileName = "stores.mount";

    /// <summary>Null: the directory is where it was, or it is new here, and that is remembered now; else a sentence that says what to do.</summary>
    public string? Fault(string directory)
    {
        string[] remembered;
        string now;
        try
        {
            now = MountPointOf(Resolve(directory), (readMounts ?? (static () => File.ReadAllText("/proc/self/mountinfo")))());
            remembered = File.Exists(file) ? File.ReadAllLines(file) : [];
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return $"where the replicas in {directory} are can't be found out: {failure.Message}";
        }

        // A file system of its own where there was none is what an administrator wants.
        if (remembered.Length < 2 || remembered[0] != directory || IsWithin(now, remembered[1]))
        {
            return remembered.Length >= 2 && remembered[0] == directory && remembered[1] == now ? null : Remember(directory, now);
        }

        return $"the replicas in {directory} were on the file system that is mounted at {remembered[1]}, and that is not mounted: the directory is on {now} now. Mount it and start again; if they are to be here from now on, remove {file} first";
    }

    private string? Remember(string directory, string mountPoint)
    {
        try
        {
            DurableFile.Replace(file, Encoding.UTF8.GetBytes($"{directory}\n{mountPoint}\n"));
            return null;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or StoreException)
        {
            return $"where the replicas are can't be remembered in {file}: {failure.Message}";
        }
    }

    // The deepest mount point that the path is within; / where nothing is known.
    private static string MountPointOf(string path, string mounts)
    {
        string deepest = "/";
        foreach (string line in mounts.Split('\n'))
        {
            string[] fields = line.Split(' ');
            if (fields.Length > 4 && Unescape(fields[4]) is var point && point.Length > deepest.Length && IsWithin(path, point))
            {
                deepest = point;
            }
        }

        return deepest;
    }

    private static bool IsWithin(string path, string directory) =>
        directory == "/" || path == directory || (path.StartsWith(directory, StringComparison.Ordinal) && path[directory.Length] == '/');

    // Blanks and the like are octal there.
    private static string Unescape(string field) =>
        field.Contains('\\', StringComparison.Ordinal) ? field.Replace(@"\040", " ", StringComparison.Ordinal).Replace(@"\011", "\t", StringComparison.Ordinal).Replace(@"\012", "\n", StringComparison.Ordinal).Replace(@"\134", @"\", StringComparison.Ordinal) : field;

    // Every link on the way, not the last one alone.
    private static string Resolve(string path)
    {
        string resolved = "/";
        foreach (string part in Path.GetFullPath(path).Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            resolved = Path.Combine(resolved, part);
            if (new DirectoryInfo(resolved).LinkTarget is not null)
            {
                resolved = Directory.ResolveLinkTarget(resolved, returnFinalTarget: true)?.FullName ?? resolved;
            }
        }

        return resolved;
    }
}
