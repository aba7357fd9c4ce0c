using System.Globalization;
using ActorSan.Node;
using ActorSan.Node.Settings;
using ActorSan.Node.Verbs;
using Xunit;

namespace ActorSan.Tests.Node.Verbs;

public sealed class CommandLineTests
{
    private const string Good = """
        actorsan {
          portals.main { address = 127.0.0.1, port = 0 }
          volumes.disk0 { store { kind = memory, size = 64 MiB } }
          targets."iqn.2026-01.org.example:disks".luns.0 = disk0
        }
        """;

    [Fact]
    public void CheckTellsWhatWouldBeStarted()
    {
        using var directory = new TemporaryDirectory();
        (int code, string output, string error) = Run("check", "-c", directory.Write("node.conf", Good));
        Assert.Equal((ExitCode.Success, ""), (code, error));
        Assert.Contains("volume disk0: Memory, 64 MiB", output, StringComparison.Ordinal);
        Assert.Contains("LUN 0: volume disk0", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("check")]
    public void AMistakeIsToldWithItsPlace(string verb)
    {
        using var directory = new TemporaryDirectory();
        string file = directory.Write("node.conf", Good + "\nactorsan.io.thraeds = 1\nactorsan.io.spin = x");
        (int code, string output, string error) = Run(verb, "-c", file);
        Assert.Equal((ExitCode.Usage, ""), (code, output));
        Assert.Contains($"{file}:6: actorsan.io.thraeds: unknown key; did you mean 'threads'?", error, StringComparison.Ordinal);
        Assert.Contains($"{file}:7: actorsan.io.spin:", error, StringComparison.Ordinal);
        Assert.Contains("2 mistakes", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("check", "-c", "/no/such/file.conf")]
    [InlineData("check")]
    [InlineData("chekc")]
    [InlineData("check", "--no-such-option")]
    public void AWrongCommandLineIsToldFromAFailure(params string[] arguments)
    {
        (int code, _, string error) = Run(arguments);
        Assert.Equal(ExitCode.Usage, code);
        Assert.StartsWith("actorsan: ", error, StringComparison.Ordinal);
    }

    [Fact]
    public void VersionAndHelpAreAnswered()
    {
        Assert.Equal(ExitCode.Success, Run("--version").Code);
        Assert.Matches(@"^\d+\.\d+\.\d+", Run("--version").Output);
        Assert.Contains("Exit codes", Run("--help").Output, StringComparison.Ordinal);
    }

    [Fact]
    public void ReferenceConfIsPrinted() => Assert.Equal(ReferenceConf.Text, Run("check", "--reference").Output);

    private static (int Code, string Output, string Error) Run(params string[] arguments)
    {
        using var output = new StringWriter(CultureInfo.InvariantCulture);
        using var error = new StringWriter(CultureInfo.InvariantCulture);
        int code = CommandLine.Run(arguments, output, error);
        return (code, output.ToString(), error.ToString());
    }
}
