using Xunit;

namespace ActorSan.Tests.House;

public sealed class LayoutTests
{
    private static readonly string[] Directories = ["src", "tests", "hocon", "chaos", "ops"];
    private static readonly string[] Documents = ["ActorSan.sln", "README.md", "NOTICE", "LICENSE", "CHANGELOG.md", "global.json"];

    [Fact]
    public void TheTopLevelHoldsWhatItShouldAndNothingElse()
    {
        string[] strangers = [.. Repository.TopLevel().Where(name => name[0] != '.' && !Directories.Contains(name) && !Documents.Contains(name))];
        Assert.Empty(strangers);
        Assert.All(Documents, document => Assert.True(File.Exists(Repository.PathOf(document)), document + " is missing"));
    }

    [Fact]
    public void TestsMirrorTheRooms()
    {
        string[] known = ["Storage", "Replication", "Scsi", "Iscsi", "Cluster", "Node", "Pbm", "House", "Workload"];
        IEnumerable<string> folders = Directory.EnumerateDirectories(Repository.PathOf("tests/ActorSan.Tests")).Select(path => Path.GetFileName(path)!).Where(name => name is not ("bin" or "obj" or "TestResults"));
        Assert.Empty(folders.Except(known));
    }

    [Fact]
    public void TheLicenceIsApaches() => Assert.Contains("Apache License", Repository.Read("LICENSE"), StringComparison.Ordinal);

    [Fact]
    public void ScriptsAreExecutableAndTellTheirUse()
    {
        string[] scripts = [.. Repository.Files().Where(file => (file.StartsWith("ops/", StringComparison.Ordinal) || file.StartsWith("chaos/", StringComparison.Ordinal)) && file.Count(c => c == '/') == 1 && IsScript(file))];
        Assert.Contains("ops/quickstart", scripts);
        Assert.Contains("ops/test", scripts);
        Assert.Contains("chaos/run", scripts);
        foreach (string script in scripts)
        {
            string path = Repository.PathOf(script);
            Assert.True((File.GetUnixFileMode(path) & UnixFileMode.UserExecute) != 0, script + " is not executable");
            (int code, string output) = Run(path, "--help");
            Assert.True(code == 0, $"{script} --help ended with {code}: {output}");
            Assert.True(output.Length > 100, $"{script} --help says next to nothing");
            (code, output) = Run(path, "--no-such-argument");
            Assert.True(code == 2, $"{script} ended with {code}, not 2, after an unknown argument: {output}");
        }
    }

    [Fact]
    public void NothingRefersToAFileOutsideTheRepository()
    {
        string[] outside = ["/wo" + "rk/", "../sha" + "red", "/tmp/" + "wt", "/ho" + "me/"];
        string[] texts = [".cs", ".md", ".sh", ".conf", ".csproj", ".props", ".json", ".c", ".txt", ""];
        foreach (string file in Repository.Files().Where(file => texts.Contains(Path.GetExtension(file)) && new FileInfo(Repository.PathOf(file)).Length < 1 << 20))
        {
            string text = Repository.Read(file);
            Assert.All(outside, place => Assert.False(text.Contains(place, StringComparison.Ordinal), $"{file} refers to {place}"));
        }
    }

    private static bool IsScript(string file)
    {
        using StreamReader reader = File.OpenText(Repository.PathOf(file));
        return reader.ReadLine()?.StartsWith("#!", StringComparison.Ordinal) ?? false;
    }

    private static (int Code, string Output) Run(string path, string argument)
    {
        using var process = new System.Diagnostics.Process
        {
            StartInfo = new(path, [argument]) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true, UseShellExecute = false, WorkingDirectory = Path.GetTempPath() },
        };
        process.Start();
        process.StandardInput.Close();
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        Assert.True(process.WaitForExit(TimeSpan.FromMinutes(1)), path + " does not end");
        return (process.ExitCode, output + error.Result);
    }
}
