using System.CommandLine;
using ActorSan.Benchmarks.Engines;
using ActorSan.Benchmarks.Transport;
using ActorSan.Benchmarks.WholeSystem;

var daemon = new Option<string>("--daemon") { Description = "The built daemon.", Required = true };
var sources = new Option<string>("--tools") { Description = "The folder with the load tools' sources.", Required = true };
var directory = new Option<string>("--directory") { Description = "Where stores and built tools go; a file system with O_DIRECT.", Required = true };
var seconds = new Option<int>("--seconds") { Description = "Measured time of each run.", DefaultValueFactory = _ => 3 };
var rounds = new Option<int>("--rounds") { Description = "Runs of each side, interleaved; medians are compared.", DefaultValueFactory = _ => 5 };
var json = new Option<string?>("--json") { Description = "Write {rows} to this file." };

var single = new Command("single", "One node beside tgt, fio and the bare loopback.") { daemon, sources, directory, seconds, rounds, json };
single.SetAction(async (parsed, stop) =>
{
    var options = new SingleOptions(parsed.GetValue(daemon)!, parsed.GetValue(sources)!, parsed.GetValue(directory)!, parsed.GetValue(seconds), parsed.GetValue(rounds));
    try
    {
        IReadOnlyList<Row> rows = await new SingleBenchmark(options, Console.Out, stop).Run();
        if (parsed.GetValue(json) is string file)
        {
            await File.WriteAllTextAsync(file, Row.ToJson(rows), stop);
        }

        Console.WriteLine($"{rows.Count(row => row.Reached == true)} goals reached, {rows.Count(row => row.Reached == false)} missed");
        return 0;
    }
    catch (OperationCanceledException)
    {
        return 130;
    }
    catch (Exception failure) when (failure is BenchmarkException or InvalidOperationException or IOException)
    {
        await Console.Error.WriteLineAsync($"bench: {failure.Message}");
        return 1;
    }
});

var serve = new Option<bool>("--serve") { Description = "Only serve, until interrupted: for a profiler." };
var transport = new Command("transport", "The transport alone, over a unit of memory in this process, beside the bare loopback.") { sources, directory, seconds, rounds, serve };
transport.SetAction(async (parsed, stop) =>
{
    try
    {
        string tools = parsed.GetValue(sources)!, work = parsed.GetValue(directory)!;
        foreach (Row row in await TransportBenchmark.Run(tools, work, parsed.GetValue(seconds), parsed.GetValue(rounds), parsed.GetValue(serve), stop))
        {
            Console.WriteLine(row);
        }

        return 0;
    }
    catch (OperationCanceledException)
    {
        return 130;
    }
    catch (BenchmarkException failure)
    {
        await Console.Error.WriteLineAsync($"bench: {failure.Message}");
        return 1;
    }
});

var engines = new Command("engines", "The replication engines alone, without I/O.") { seconds, rounds, json };
engines.SetAction(async (parsed, stop) =>
{
    try
    {
        IReadOnlyList<Row> rows = EnginesBenchmark.Run(parsed.GetValue(seconds), parsed.GetValue(rounds), Console.Out, stop);
        foreach (Row row in rows)
        {
            Console.WriteLine(row);
        }

        if (parsed.GetValue(json) is string file)
        {
            await File.WriteAllTextAsync(file, Row.ToJson(rows), stop);
        }

        Console.WriteLine($"{rows.Count(row => row.Reached == true)} goals reached, {rows.Count(row => row.Reached == false)} missed");
        return 0;
    }
    catch (OperationCanceledException)
    {
        return 130;
    }
    catch (Exception failure) when (failure is InvalidOperationException or IOException)
    {
        await Console.Error.WriteLineAsync($"bench: {failure.Message}");
        return 1;
    }
});
return await new RootCommand("Benchmarks: figures beside their peers in one run.") { single, transport, engines }.Parse(args).InvokeAsync();
