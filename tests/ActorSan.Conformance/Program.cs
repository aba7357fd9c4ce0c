using System.CommandLine;
using System.Runtime.InteropServices;
using ActorSan.Conformance;

var daemon = new Option<string>("--daemon") { Description = "The built daemon.", Required = true };
var directory = new Option<string>("--directory") { Description = "Where stores, logs and reports go.", Required = true };
var engine = new Option<string>("--engine") { Description = "auto, io_uring or epoll.", DefaultValueFactory = _ => "auto" };
var filter = new Option<string?>("--filter") { Description = "Only tests whose name matches this regular expression." };
var json = new Option<string?>("--json") { Description = "Write {pass, skip, fail, tests} to this file." };
var noTools = new Option<bool>("--no-tools") { Description = "iscsi-test-cu alone, without the other initiators." };
var jobs = new Option<int>("--jobs") { Description = "Units whose tests run beside each other.", DefaultValueFactory = _ => 2 };
var output = new Option<string?>("--output") { Description = "Copy the board (Markdown and JUnit) to this directory." };
var against = new Option<string?>("--against") { Description = "Score this unit of another target instead: iscsi://HOST:PORT/TARGET/LUN." };
var secondPath = new Option<string?>("--second-path") { Description = "The other target's second address of the same unit." };
engine.AcceptOnlyFromAmong("auto", "io_uring", "epoll");

var command = new RootCommand("Scores a node with iscsi-test-cu and other initiators: pass, skip, fail.") { daemon, directory, engine, filter, json, noTools, jobs, output, against, secondPath };
command.SetAction(async (parsed, cancelled) =>
{
    using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancelled);
    using PosixSignalRegistration onTerm = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context =>
    {
        context.Cancel = true;
        stop.Cancel();
    });
    string folder = parsed.GetValue(directory)!;
    string chosen = parsed.GetValue(engine)!;
    var options = new BoardOptions(parsed.GetValue(daemon)!, folder, chosen, parsed.GetValue(filter), !parsed.GetValue(noTools),
        parsed.GetValue(jobs), parsed.GetValue(against), parsed.GetValue(secondPath));
    Directory.CreateDirectory(folder);
    IReadOnlyList<TestOutcome> outcomes;
    try
    {
        outcomes = await new Board(options, Console.Out, stop.Token).Run();
    }
    catch (OperationCanceledException)
    {
        await Console.Error.WriteLineAsync("conformance: stopped by a signal");
        return 130;
    }
    catch (Exception failure) when (failure is InvalidOperationException or IOException or System.ComponentModel.Win32Exception)
    {
        await Console.Error.WriteLineAsync($"conformance: {failure.Message}");
        return 1;
    }

    await Reports.WriteMarkdown(Path.Combine(folder, "board.md"), outcomes, chosen);
    await Reports.WriteJUnit(Path.Combine(folder, "board.xml"), outcomes);
    if (parsed.GetValue(output) is string copies)
    {
        Directory.CreateDirectory(copies);
        File.Copy(Path.Combine(folder, "board.md"), Path.Combine(copies, "conformance.md"), overwrite: true);
        File.Copy(Path.Combine(folder, "board.xml"), Path.Combine(copies, "conformance.xml"), overwrite: true);
    }

    if (parsed.GetValue(json) is string file)
    {
        await Reports.WriteJson(file, outcomes);
    }

    Console.WriteLine();
    foreach (TestOutcome outcome in outcomes.Where(outcome => outcome.Result != TestResult.Pass))
    {
        Console.WriteLine($"{Reports.Word(outcome.Result)} {outcome.Name}: {outcome.Reason}");
    }

    Console.WriteLine(Reports.Totals(outcomes));
    Console.WriteLine(string.Create(
        System.Globalization.CultureInfo.InvariantCulture,
        $"{Reports.Count(outcomes, TestResult.Pass)} passed, {outcomes.Count(outcome => outcome.Result == TestResult.Fail && !outcome.Impossible)} failed, {outcomes.Count(outcome => outcome.Result == TestResult.Skip || outcome.Impossible)} skipped"));
    return outcomes.Any(outcome => outcome.Result == TestResult.Fail && !outcome.Impossible) ? 1 : 0;
});
return await command.Parse(args).InvokeAsync();
