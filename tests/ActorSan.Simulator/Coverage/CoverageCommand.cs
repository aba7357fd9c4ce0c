using System.CommandLine;

namespace ActorSan.Simulator.Coverage;

/// <summary>For ops/coverage: makes a report of what coverlet counted.</summary>
internal static class CoverageCommand
{
    public static Command Make()
    {
        var counted = new Option<string>("--counted") { Description = "The file that coverlet wrote, in its json format.", Required = true };
        var root = new Option<string>("--root") { Description = "Of the repository.", Required = true };
        var json = new Option<string?>("--json") { Description = "Where the numbers go." };
        var command = new Command("coverage", "Lines and branches of the cores that histories reached.") { counted, root, json };
        command.SetAction(parsed =>
        {
            var report = new CoverageReport(parsed.GetValue(counted)!, parsed.GetValue(root)!);
            if (report.IsEmpty)
            {
                Console.Error.WriteLine("Nothing of the cores was counted.");
                return 1;
            }

            report.Print(Console.Out);
            if (parsed.GetValue(json) is { } file)
            {
                File.WriteAllText(file, report.ToJson());
            }

            return 0;
        });
        return command;
    }
}
