using System.CommandLine;
using System.Runtime.InteropServices;
using System.Text.Json;
using ActorSan.Workload.Libiscsi;
using ActorSan.Workload.Recording;
using ActorSan.Workload.Workers;

namespace ActorSan.Workload.Verbs;

/// <summary><c>workload run</c>.</summary>
internal static class RunVerb
{
    internal static Command Create()
    {
        var paths = new PathArguments();
        var workers = new Option<int>("--workers") { Description = "Workers that read and write, one operation outstanding each.", DefaultValueFactory = _ => 8 };
        var compare = new Option<int>("--compare-workers") { Description = "Workers that COMPARE AND WRITE a few shared blocks." };
        var reservations = new Option<bool>("--reservations") { Description = "Make, change and check a persistent reservation, with a second initiator that must be kept out." };
        var span = new Option<int>("--span") { Description = "MiB of the unit that are used, from its beginning.", DefaultValueFactory = _ => 16 };
        var blocks = new Option<int>("--blocks") { Description = "An operation has 1 to so many blocks.", DefaultValueFactory = _ => 8 };
        var reads = new Option<int>("--reads") { Description = "Percent of the operations that read.", DefaultValueFactory = _ => 30 };
        var fua = new Option<int>("--fua") { Description = "Percent of the writes that force unit access." };
        var flush = new Option<int>("--flush-every") { Description = "A worker flushes after so many operations; 0: never." };
        var shared = new Option<bool>("--shared") { Description = "All workers use all blocks, instead of a zone each." };
        var prefill = new Option<bool>("--prefill") { Description = "Write every block first: for a unit that is not fresh, of which nobody knows what it holds." };
        var rate = new Option<int>("--rate") { Description = "Operations a second of all workers; 0: as many as come." };
        var seconds = new Option<double>("--seconds") { Description = "How long; 0: until SIGTERM or Ctrl-C." };
        var rediscover = new Option<double>("--rediscover") { Description = "Ask the target for its portals every so many seconds, and use what it names; 0: never. Wants --discover." };
        var record = new Option<string?>("--history") { Description = "Keep every invocation and completion in this file." };
        var status = new Option<string?>("--status") { Description = "Rewrite this file ten times a second with counts, as JSON." };
        var json = new Option<string?>("--json") { Description = "Write the report to this file." };
        var command = new Command("run", "Reads and writes through all paths, tries the next one when one fails, and records what happens.")
        {
            workers, compare, reservations, span, blocks, reads, fua, flush, shared, prefill, rate, seconds, rediscover, record, status, json,
        };
        paths.AddTo(command);
        command.SetAction(async (parsed, cancelled) =>
        {
            Native.Load();
            var options = new RunOptions
            {
                Portals = paths.Portals(parsed),
                Target = paths.Target(parsed),
                Initiator = paths.Initiator(parsed),
                Lun = paths.Lun(parsed),
                Workers = AtLeast(parsed, workers, 0),
                CompareWorkers = AtLeast(parsed, compare, 0),
                Reservations = parsed.GetValue(reservations),
                SpanBytes = AtLeast(parsed, span, 1) * 1048576L,
                MostBlocks = AtLeast(parsed, blocks, 1),
                ReadPercent = Percent(parsed, reads),
                FuaPercent = Percent(parsed, fua),
                FlushEvery = AtLeast(parsed, flush, 0),
                Shared = parsed.GetValue(shared),
                Prefill = parsed.GetValue(prefill),
                Rate = AtLeast(parsed, rate, 0),
                Seed = paths.Seed(parsed),
                Patience = paths.Patience(parsed),
                CommandTimeout = paths.CommandTimeout(parsed),
                PathTimeout = paths.PathTimeout(parsed),
                Rediscover = TimeSpan.FromSeconds(parsed.GetValue(rediscover)),
                Duration = TimeSpan.FromSeconds(parsed.GetValue(seconds)),
            };
            if (options.Workers + options.CompareWorkers == 0 && !options.Reservations)
            {
                throw new WorkloadException("there is nothing to do: --workers, --compare-workers or --reservations");
            }

            return await Run(options, parsed.GetValue(record), parsed.GetValue(status), parsed.GetValue(json), cancelled);
        });
        return command;
    }

    private static async Task<int> Run(RunOptions options, string? record, string? status, string? json, CancellationToken cancelled)
    {
        // The first signal ends the work in order, the second one the waiting too.
        using var stop = new CancellationTokenSource();
        using var giveUp = new CancellationTokenSource();
        void OnSignal(PosixSignalContext context)
        {
            context.Cancel = true;
            if (stop.IsCancellationRequested)
            {
                giveUp.Cancel();
            }

            stop.Cancel();
        }

        using PosixSignalRegistration onTerm = PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal);
        using PosixSignalRegistration onInt = PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal);
        using CancellationTokenRegistration onCancel = cancelled.Register(stop.Cancel);
        if (options.Duration > TimeSpan.Zero)
        {
            stop.CancelAfter(options.Duration);
        }

        using var history = new HistoryWriter(record);
        var run = new WorkloadRun(options, history, Console.Error);
        await run.Execute(status, stop.Token, giveUp.Token);
        Console.WriteLine(run.Summary());
        if (json is not null)
        {
            using var file = new FileStream(json, FileMode.Create);
            using var writer = new Utf8JsonWriter(file, new JsonWriterOptions { Indented = true });
            run.Report(writer);
        }

        return run.IsGood ? 0 : 1;
    }

    private static int AtLeast(ParseResult parsed, Option<int> option, int least)
    {
        int value = parsed.GetValue(option);
        return value >= least ? value : throw new WorkloadException($"{option.Name} wants a number from {least} on, not {value}");
    }

    private static int Percent(ParseResult parsed, Option<int> option)
    {
        int value = parsed.GetValue(option);
        return value is >= 0 and <= 100 ? value : throw new WorkloadException($"{option.Name} wants a number from 0 to 100, not {value}");
    }
}
