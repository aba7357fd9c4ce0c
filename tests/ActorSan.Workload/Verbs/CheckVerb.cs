using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using ActorSan.Workload.Checking;

namespace ActorSan.Workload.Verbs;

/// <summary><c>workload check</c>: the judgement on histories.</summary>
internal static class CheckVerb
{
    private const int MostTold = 20;

    internal static Command Create()
    {
        var histories = new Argument<string[]>("history") { Description = "Files of one unit's histories; together they are one.", Arity = ArgumentArity.OneOrMore };
        var losses = new Option<long[]>("--power-loss") { Description = "All nodes lost what was not flushed at this time (ns, monotonic clock). kill -9 alone is no such loss.", AllowMultipleArgumentsPerToken = true };
        var json = new Option<string?>("--json") { Description = "Write {holds, operations, unknown, blocks, inconclusive, violationCount, violations: [the first ones]} to this file." };
        var command = new Command("check", "Is each block's history linearizable, and no acknowledged write lost?") { histories, losses, json };
        command.SetAction(parsed => Judge(parsed.GetRequiredValue(histories), parsed.GetValue(losses) ?? [], parsed.GetValue(json)));
        return command;
    }

    internal static int Judge(IReadOnlyList<string> files, IReadOnlyList<long> losses, string? json)
    {
        var history = new RecordedHistory();
        foreach (string file in files)
        {
            history.Add(file);
        }

        HistoryVerdict verdict = HistoryVerdict.Of(history, losses);
        foreach (string violation in verdict.Violations.Take(MostTold))
        {
            Console.WriteLine(violation);
        }

        if (verdict.Violations.Count > MostTold)
        {
            Console.WriteLine($"… and {verdict.Violations.Count - MostTold} more");
        }

        if (json is not null)
        {
            using var file = new FileStream(json, FileMode.Create);
            using var writer = new Utf8JsonWriter(file);
            writer.WriteStartObject();
            writer.WriteBoolean("holds", verdict.Holds);
            writer.WriteNumber("operations", history.Operations);
            writer.WriteNumber("unknown", history.Unknown);
            writer.WriteNumber("blocks", verdict.Blocks);
            writer.WriteNumber("inconclusive", verdict.Inconclusive);
            writer.WriteNumber("violationCount", verdict.Violations.Count);
            writer.WriteStartArray("violations");
            foreach (string violation in verdict.Violations.Take(MostTold))
            {
                writer.WriteStringValue(violation);
            }

            writer.WriteEndArray();
            writer.WriteEndObject();
        }

        string unsure = verdict.Inconclusive > 0 ? string.Create(CultureInfo.InvariantCulture, $", {verdict.Inconclusive} blocks too hard to judge") : "";
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{history.Operations} operations on {verdict.Blocks} blocks, {history.Unknown} of unknown outcome: {verdict.Violations.Count} violations{unsure}"));
        return verdict.Holds ? 0 : 1;
    }
}
