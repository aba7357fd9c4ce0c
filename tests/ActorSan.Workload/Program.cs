using System.CommandLine;
using ActorSan.Workload;
using ActorSan.Workload.Verbs;

var command = new RootCommand("An initiator with several paths that records what it does and sees, and the judge of such records.")
{
    RunVerb.Create(), CheckVerb.Create(), ReadBackVerb.Create(), CompareVerb.Create(),
};
ParseResult parsed = command.Parse(args);
if (parsed.Errors.Count > 0)
{
    foreach (System.CommandLine.Parsing.ParseError error in parsed.Errors)
    {
        await Console.Error.WriteLineAsync("workload: " + error.Message);
    }

    await Console.Error.WriteLineAsync("workload: see 'workload --help'");
    return 2;
}

try
{
    return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });
}
catch (Exception failure) when (failure is WorkloadException or IOException or UnauthorizedAccessException)
{
    await Console.Error.WriteLineAsync("workload: " + failure.Message);
    return 3;
}
