using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Xml.Linq;

namespace ActorSan.Conformance;

/// <summary>The board as Markdown for people, JUnit for build servers, JSON for scripts.</summary>
internal static class Reports
{
    private static readonly JsonSerializerOptions s_readable = new() { WriteIndented = true };

    internal static async Task WriteJson(string path, IReadOnlyList<TestOutcome> outcomes)
    {
        var board = new
        {
            pass = Count(outcomes, TestResult.Pass),
            skip = Count(outcomes, TestResult.Skip),
            fail = Count(outcomes, TestResult.Fail),
            hollow = outcomes.Count(outcome => outcome.Hollow),
            tests = outcomes.Select(outcome => new { name = outcome.Name, result = Word(outcome.Result), reason = outcome.Reason }),
        };
        await File.WriteAllTextAsync(path, JsonSerializer.Serialize(board, s_readable) + "\n");
    }

    internal static async Task WriteMarkdown(string path, IReadOnlyList<TestOutcome> outcomes, string engine)
    {
        var text = new StringBuilder();
        _ = text.AppendLine("# Conformance board").AppendLine();
        _ = text.AppendLine(CultureInfo.InvariantCulture, $"Engine {engine}. {Totals(outcomes)}").AppendLine();
        _ = text.AppendLine("| test | result | s | reason |").AppendLine("| --- | --- | --- | --- |");
        foreach (TestOutcome outcome in outcomes)
        {
            string reason = outcome.Reason.Replace("|", "\\|", StringComparison.Ordinal).ReplaceLineEndings(" ");
            _ = text.AppendLine(CultureInfo.InvariantCulture, $"| {outcome.Name} | {Word(outcome.Result)} | {outcome.Took.TotalSeconds:0.0} | {reason} |");
        }

        await File.WriteAllTextAsync(path, text.ToString());
    }

    internal static async Task WriteJUnit(string path, IReadOnlyList<TestOutcome> outcomes)
    {
        var suite = new XElement(
            "testsuite",
            new XAttribute("name", "iscsi-conformance"),
            new XAttribute("tests", outcomes.Count),
            new XAttribute("failures", Count(outcomes, TestResult.Fail)),
            new XAttribute("skipped", Count(outcomes, TestResult.Skip)),
            outcomes.Select(Case));
        await File.WriteAllTextAsync(path, new XDocument(new XElement("testsuites", suite)).ToString() + "\n");
    }

    internal static string Totals(IReadOnlyList<TestOutcome> outcomes) => string.Create(
        CultureInfo.InvariantCulture,
        $"{Count(outcomes, TestResult.Pass)} pass ({outcomes.Count(outcome => outcome.Hollow)} hollow), {Count(outcomes, TestResult.Skip)} skip, {Count(outcomes, TestResult.Fail)} fail, of {outcomes.Count}");

    internal static string Word(TestResult result) => result switch
    {
        TestResult.Pass => "pass",
        TestResult.Skip => "skip",
        TestResult.Fail => "fail",
        _ => throw new ArgumentOutOfRangeException(nameof(result), result, "no such result"),
    };

    internal static int Count(IReadOnlyList<TestOutcome> outcomes, TestResult result) => outcomes.Count(outcome => outcome.Result == result);

    private static XElement Case(TestOutcome outcome)
    {
        var element = new XElement(
            "testcase",
            new XAttribute("name", outcome.Name),
            new XAttribute("time", outcome.Took.TotalSeconds.ToString("0.000", CultureInfo.InvariantCulture)));
        switch (outcome.Result)
        {
            case TestResult.Fail:
                element.Add(new XElement("failure", new XAttribute("message", Printable(outcome.Reason))));
                break;
            case TestResult.Skip:
                element.Add(new XElement("skipped", new XAttribute("message", Printable(outcome.Reason))));
                break;
            case TestResult.Pass:
                break;
            default:
                throw new InvalidOperationException("no such result");
        }

        return element;
    }

    /// <summary>XML has no control characters, and a tool under test may print any.</summary>
    private static string Printable(string text) => string.Concat(text.Select(letter => char.IsControl(letter) ? ' ' : letter));
}
