namespace ActorSan.Pbm;

/// <summary>Lines of earlier prompts, in <c>.pbm_history</c> of the user's home. What can't be kept is not worth a word: a history is a convenience.</summary>
internal static class History
{
    private const int MaxLines = 1000;

    private static string Path => System.IO.Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".pbm_history");

    public static IReadOnlyList<string> Load()
    {
        try
        {
            return File.Exists(Path) ? [.. File.ReadLines(Path).TakeLast(MaxLines)] : [];
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    public static void Add(string line)
    {
        try
        {
            var options = new FileStreamOptions { Mode = FileMode.Append, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite };
            using (var writer = new StreamWriter(Path, options))
            {
                writer.WriteLine(line);
            }

            string[] all = File.ReadAllLines(Path);
            if (all.Length > 2 * MaxLines)
            {
                File.WriteAllLines(Path, all.TakeLast(MaxLines));
            }
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // Without it, then.
        }
    }
}
