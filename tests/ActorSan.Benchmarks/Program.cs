using System.CommandLine;
using ActorSan.Benchmarks.Cluster;
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
single.SetAction((parsed, stop) => Measure(parsed, json, () => new SingleBenchmark(
    new SingleOptions(parsed.GetValue(daemon)!, parsed.GetValue(sources)!, parsed.GetValue(directory)!, parsed.GetValue(seconds), parsed.GetValue(rounds)), Console.Out, stop).Run()));

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

var memory = new Option<string>("--memory") { Description = "A directory in memory for replicas.", Required = true };
var replicated = new Command("replicated", "A replicated volume beside the same volume on one node.") { daemon, sources, directory, memory, seconds, rounds, json };
replicated.SetAction((parsed, stop) => Measure(parsed, json, () => new ReplicatedBenchmark(
    new ClusterOptions(parsed.GetValue(daemon)!, parsed.GetValue(sources)!, parsed.GetValue(directory)!, parsed.GetValue(memory)!, parsed.GetValue(seconds), parsed.GetValue(rounds)),
    Console.Out, stop).Run()));

var times = new Option<int>("--times") { Description = "Incidents of each kind.", DefaultValueFactory = _ => 20 };
var many = new Option<int>("--many") { Description = "Volumes that fail over together; 0: not measured.", DefaultValueFactory = _ => 0 };
var large = new Option<bool>("--large") { Description = "A volume of 1 TiB, too." };
var failover = new Command("failover", "What initiators notice when a node dies, is silent or hands over.") { daemon, directory, times, many, large, json };
failover.SetAction((parsed, stop) => Measure(parsed, json, () => new FailoverBenchmark(
    new FailoverOptions(parsed.GetValue(daemon)!, parsed.GetValue(directory)!, parsed.GetValue(times), parsed.GetValue(many), parsed.GetValue(large)), Console.Out, stop).Run()));
return await new RootCommand("Benchmarks: figures beside their peers in one run.") { single, replicated, failover, transport, engines }.Parse(args).InvokeAsync();

static async Task<int> Measure(ParseResult parsed, Option<string?> json, Func<Task<IReadOnlyList<Row>>> measure)
{
    try
    {
        IReadOnlyList<Row> rows = await measure();
        if (parsed.GetValue(json) is string file)
        {
            await File.WriteAllTextAsync(file, Row.ToJson(rows));
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
}
