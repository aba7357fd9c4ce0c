using System.Globalization;
using System.Text.RegularExpressions;

namespace ActorSan.Conformance;

internal enum TestResult
{
    Pass,
    Skip,
    Fail,
}

/// <summary>How one test ended. A hollow pass ran no assertion: it shows nothing but that nothing broke.</summary>
internal sealed record TestOutcome(string Name, TestResult Result, string Reason, bool Hollow, TimeSpan Took)
{
    /// <summary>A failure that no target can avoid, by the test's own source: told and counted as a failure, but not one of the target's.</summary>
    internal bool Impossible { get; init; }
}

/// <summary>
/// Scores what <c>iscsi-test-cu -v -V</c> printed. The tool counts a skipped test as passed and exits with 0 after failed assertions, so neither its exit code nor
/// its 'passed' is believed.
/// </summary>
internal static partial class Scorer
{
    internal static TestOutcome Score(string name, string output, int exitCode, bool late, TimeSpan took)
    {
        TestOutcome Ended(TestResult result, string reason, bool hollow = false) => new(name, result, reason, hollow, took);

        if (late)
        {
            return Ended(TestResult.Fail, $"did not end within {took.TotalSeconds:0} s; last words: {LastLine(output)}");
        }

        Match summary = SummaryPattern().Match(output);
        if (!summary.Success)
        {
            return Ended(TestResult.Fail, $"died (exit code {exitCode}) without a summary; last words: {LastLine(output)}");
        }

        int ranTests = Number(TestsPattern().Match(output), "ran");
        int assertions = Number(summary, "ran");
        int failedAssertions = Number(summary, "failed");
        if (failedAssertions > 0)
        {
            return Ended(TestResult.Fail, FirstFailure(output));
        }

        if (ranTests != 1)
        {
            return Ended(TestResult.Fail, $"the tool ran {ranTests} tests instead of one (its suite could not be set up?); last words: {LastLine(output)}");
        }

        string? skip = SkipReason(output);
        return skip is not null ? Ended(TestResult.Skip, skip) : Ended(TestResult.Pass, assertions == 0 ? "hollow: no assertion ran" : "", assertions == 0);
    }

    /// <summary>The first <c>[SKIPPED]</c> line behind the line that names the test.</summary>
    private static string? SkipReason(string output)
    {
        int test = output.IndexOf("Test:", StringComparison.Ordinal);
        if (test < 0)
        {
            return null;
        }

        int skipped = output.IndexOf("[SKIPPED]", test, StringComparison.Ordinal);
        if (skipped < 0)
        {
            return null;
        }

        int end = output.IndexOf('\n', skipped);
        return output[(skipped + "[SKIPPED]".Length)..(end < 0 ? output.Length : end)].Trim();
    }

    /// <summary>What the tool said failed: its own words before CUnit's, for CUnit only names a line of the tool's source.</summary>
    private static string FirstFailure(string output)
    {
        Match failed = FailedPattern().Match(output);
        Match assertion = AssertionPattern().Match(output);
        string words = failed.Success ? failed.Groups["words"].Value.Trim() : "";
        string place = assertion.Success ? assertion.Groups["place"].Value.Trim() : "";
        string both = words.Length > 0 && place.Length > 0 ? $"{words} ({place})" : words + place;
        return both.Length > 0 ? both : "an assertion failed";
    }

    private static string LastLine(string output)
    {
        string[] lines = output.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        return lines.Length == 0 ? "(none)" : lines[^1];
    }

    private static int Number(Match match, string group) =>
        match.Success && int.TryParse(match.Groups[group].Value, NumberStyles.None, CultureInfo.InvariantCulture, out int value) ? value : 0;

    [GeneratedRegex(@"^\s*asserts\s+(?<total>\d+)\s+(?<ran>\d+)\s+(?<passed>\d+)\s+(?<failed>\d+)", RegexOptions.Multiline | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex SummaryPattern();

    [GeneratedRegex(@"^\s*tests\s+(?<total>\d+)\s+(?<ran>\d+)\s+", RegexOptions.Multiline | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex TestsPattern();

    [GeneratedRegex(@"\[FAILED\](?<words>[^\n]*)", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex FailedPattern();

    [GeneratedRegex(@"^\s*1\.\s+(?<place>\S+:\d+\s+-[^\n]*)", RegexOptions.Multiline | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex AssertionPattern();
}
