using System.CommandLine;
using System.Globalization;
using ActorSan.Workload.Checking;
using ActorSan.Workload.Libiscsi;
using ActorSan.Workload.Paths;
using ActorSan.Workload.Recording;
using ActorSan.Workload.Workers;

namespace ActorSan.Workload.Verbs;

/// <summary><c>workload read-back</c>: reads every block that a history names, and judges the history together with what was found.</summary>
internal static class ReadBackVerb
{
    private const int MostBlocks = 64;

    internal static Command Create()
    {
        var paths = new PathArguments();
        var histories = new Argument<string[]>("history") { Description = "Files of one unit's histories.", Arity = ArgumentArity.OneOrMore };
        var record = new Option<string>("--history-out") { Description = "Where what was read is kept, as one more history.", Required = true };
        var losses = new Option<long[]>("--power-loss") { Description = "As of 'check'.", AllowMultipleArgumentsPerToken = true };
        var json = new Option<string?>("--json") { Description = "Write the judgement to this file." };
        var command = new Command("read-back", "Read all blocks that the histories name, and check the histories with what was found.") { histories, record, losses, json };
        paths.AddTo(command);
        command.SetAction(async (parsed, cancelled) =>
        {
            Native.Load();
            string[] files = parsed.GetRequiredValue(histories);
            var history = new RecordedHistory();
            foreach (string file in files)
            {
                history.Add(file);
            }

            string found = parsed.GetRequiredValue(record);
            ulong seed = paths.Seed(parsed);
            var options = new PathOptions(paths.Initiator(parsed), paths.Target(parsed), paths.Lun(parsed), (uint)(seed & 0xFFFFFF), paths.CommandTimeout(parsed), paths.PathTimeout(parsed));
            using (var set = new PathSet(paths.Portals(parsed), options, paths.Patience(parsed)))
            using (var writer = new HistoryWriter(found))
            {
                writer.Start(65535, options.Target, history.BlockBytes);
                await ReadAll(history, new Bench(set, writer, new GapMeter(TimeSpan.FromSeconds(1)), 65535, history.BlockBytes, cancelled));
            }

            return CheckVerb.Judge([.. files, found], parsed.GetValue(losses) ?? [], parsed.GetValue(json));
        });
        return command;
    }

    private static async Task ReadAll(RecordedHistory history, Bench bench)
    {
        long[] blocks = [.. history.Blocks.Keys];
        for (int at = 0; at < blocks.Length;)
        {
            int count = 1;
            while (count < MostBlocks && at + count < blocks.Length && blocks[at + count] == blocks[at] + count)
            {
                count++;
            }

            if (await bench.Read(0, blocks[at], count) is null && bench.History.Violations == 0)
            {
                throw new WorkloadException(string.Create(CultureInfo.InvariantCulture, $"blocks {blocks[at]} to {blocks[at] + count - 1} could not be read on any path"));
            }

            at += count;
        }
    }
}
