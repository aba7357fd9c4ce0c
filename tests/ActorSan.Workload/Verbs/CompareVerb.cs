using System.CommandLine;
using System.Globalization;
using ActorSan.Workload.Checking;

namespace ActorSan.Workload.Verbs;

/// <summary><c>workload compare</c>: two stores beside each other.</summary>
internal static class CompareVerb
{
    internal static Command Create()
    {
        var first = new Argument<string>("first") { Description = "A store: file or device." };
        var second = new Argument<string>("second") { Description = "The other one." };
        var offsets = new Option<long[]>("--offset") { Description = "Where the data area begins, in bytes ('actorsan inspect --json' tells it): for both, or one for each.", AllowMultipleArgumentsPerToken = true };
        var length = new Option<long>("--length") { Description = "Bytes of the data area; default: up to the end." };
        var command = new Command("compare", "Are the data areas of two stores equal, byte for byte?") { first, second, offsets, length };
        command.SetAction(parsed =>
        {
            long[] at = parsed.GetValue(offsets) is { Length: > 0 } some ? some : [0];
            if (at.Length > 2 || at.Any(offset => offset < 0) || parsed.GetValue(length) < 0)
            {
                throw new WorkloadException("--offset wants one number, or one for each store, and none below 0");
            }

            StoreComparison comparison = StoreComparison.Of(parsed.GetRequiredValue(first), at[0], parsed.GetRequiredValue(second), at[^1], parsed.GetValue(length));
            Console.WriteLine(comparison.Same
                ? string.Create(CultureInfo.InvariantCulture, $"{comparison.Bytes} bytes, all equal")
                : string.Create(CultureInfo.InvariantCulture, $"{comparison.Bytes} bytes, {comparison.DifferentBlocks} blocks of 4096 differ, the first at byte {comparison.FirstDifference} of the data area"));
            return comparison.Same ? 0 : 1;
        });
        return command;
    }
}
