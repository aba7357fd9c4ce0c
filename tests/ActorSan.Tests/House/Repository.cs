namespace ActorSan.Tests.House;

/// <summary>The source tree that these tests were built from.</summary>
internal static class Repository
{
    /// <summary>What builds, runs and editors leave behind: .gitignore has it.</summary>
    private static readonly HashSet<string> Leftovers = new(StringComparer.Ordinal) { "bin", "obj", "artifacts", "data", "TestResults", ".git", ".vs", ".vscode", ".idea" };

    public static string Root { get; } = FindRoot();

    public static string PathOf(string relative) => Path.Combine(Root, relative);

    public static string Read(string relative) => File.ReadAllText(PathOf(relative));

    /// <summary>Every file that is the repository's own, as a path from its root.</summary>
    public static IEnumerable<string> Files() => Files(Root).Select(path => Path.GetRelativePath(Root, path)).Order(StringComparer.Ordinal);

    public static IEnumerable<string> TopLevel() => Directory.EnumerateFileSystemEntries(Root).Select(path => Path.GetFileName(path)!).Where(name => !Leftovers.Contains(name));

    private static IEnumerable<string> Files(string directory) =>
        Directory.EnumerateFiles(directory).Concat(
            Directory.EnumerateDirectories(directory).Where(child => !Leftovers.Contains(Path.GetFileName(child))).SelectMany(Files));

    // The output directory lies inside the tree; deterministic builds map source paths away, so the way up from it is what counts.
    private static string FindRoot()
    {
        string? directory = AppContext.BaseDirectory;
        while (directory is not null && !File.Exists(Path.Combine(directory, "ActorSan.sln")))
        {
            directory = Path.GetDirectoryName(directory);
        }

        return directory ?? throw new DirectoryNotFoundException("ActorSan.sln is nowhere above " + AppContext.BaseDirectory);
    }
}
