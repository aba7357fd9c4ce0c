using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace ActorSan.Simulator.Coverage;

/// <summary>What coverlet counted in the cores (its json format): by file, and every branch that no history took.</summary>
internal sealed class CoverageReport
{
    private const string Cores = "src/ActorSan.Replication/Core/";

    private readonly SortedDictionary<string, FileCoverage> _files = new(StringComparer.Ordinal);

    /// <param name="counted">The file that coverlet wrote.</param>
    /// <param name="root">Of the repository.</param>
    public CoverageReport(string counted, string root)
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(counted));
        foreach (JsonProperty module in document.RootElement.EnumerateObject())
        {
            foreach (JsonProperty file in module.Value.EnumerateObject())
            {
                // The build maps the root away.
                int at = file.Name.IndexOf(Cores, StringComparison.Ordinal);
                if (at >= 0)
                {
                    string path = file.Name[at..];
                    _files.Add(path, FileCoverage.Read(path, file.Value, File.ReadAllLines(Path.Combine(root, path))));
                }
            }
        }
    }

    public bool IsEmpty => _files.Count == 0;

    public void Print(TextWriter output)
    {
        output.WriteLine($"{"",-52} {"lines",16} {"branches",18}");
        foreach (FileCoverage file in _files.Values)
        {
            output.WriteLine(Figures(file.Path[Cores.Length..], [file]));
        }

        output.WriteLine(Figures("all", _files.Values));
        output.WriteLine();
        foreach (IGrouping<BranchGroup, MissedBranch> group in _files.Values.SelectMany(file => file.Missed).GroupBy(missed => missed.Group).OrderBy(group => group.Key))
        {
            output.WriteLine($"{Words(group.Key)}: {group.Sum(missed => missed.Missing)} branches");
            foreach (MissedBranch missed in group)
            {
                output.WriteLine($"  {missed.Path}:{missed.Line}: {missed.Missing} of {missed.Of}: {missed.Text}");
            }
        }
    }

    public string ToJson()
    {
        var files = new JsonArray();
        var uncovered = new JsonArray();
        foreach (FileCoverage file in _files.Values)
        {
            files.Add(new JsonObject { ["file"] = file.Path, ["lines"] = file.Lines, ["linesCovered"] = file.LinesCovered, ["branches"] = file.Branches, ["branchesCovered"] = file.BranchesCovered });
            foreach (MissedBranch missed in file.Missed)
            {
                uncovered.Add(new JsonObject { ["file"] = missed.Path, ["line"] = missed.Line, ["missing"] = missed.Missing, ["of"] = missed.Of, ["group"] = Words(missed.Group) });
            }
        }

        return new JsonObject { ["files"] = files, ["uncovered"] = uncovered }.ToJsonString(new JsonSerializerOptions { WriteIndented = true }) + "\n";
    }

    private static string Words(BranchGroup group) => group switch
    {
        BranchGroup.Bug => "deliberate bugs, which are off",
        BranchGroup.Invariant => "broken invariants",
        BranchGroup.NeverReached => "lines that no history reaches",
        _ => "one side that no history takes",
    };

    private static string Figures(string name, IReadOnlyCollection<FileCoverage> files)
    {
        int lines = files.Sum(file => file.Lines);
        int branches = files.Sum(file => file.Branches);
        return $"{name,-52} {Rate(files.Sum(file => file.LinesCovered), lines),16} {Rate(files.Sum(file => file.BranchesCovered), branches),18}";
    }

    private static string Rate(int covered, int all) => all == 0 ? "-" : string.Create(CultureInfo.InvariantCulture, $"{100.0 * covered / all:F1} % of {all}");
}

/// <summary>Why a branch was not taken, as far as its line tells.</summary>
internal enum BranchGroup
{
    OneSide,
    NeverReached,
    Invariant,
    Bug,
}

internal sealed record MissedBranch(string Path, int Line, int Missing, int Of, BranchGroup Group, string Text);

/// <summary>One source file.</summary>
internal sealed record FileCoverage(string Path, int Lines, int LinesCovered, int Branches, int BranchesCovered, IReadOnlyList<MissedBranch> Missed)
{
    public static FileCoverage Read(string path, JsonElement classes, string[] source)
    {
        var lines = new SortedDictionary<int, bool>();
        var branches = new SortedDictionary<int, (int Taken, int All)>();
        foreach (JsonElement method in classes.EnumerateObject().SelectMany(type => type.Value.EnumerateObject()).Select(method => method.Value))
        {
            foreach (JsonProperty line in method.GetProperty("Lines").EnumerateObject())
            {
                int number = int.Parse(line.Name, CultureInfo.InvariantCulture);
                lines[number] = lines.GetValueOrDefault(number) || line.Value.GetInt64() > 0;
            }

            foreach (JsonElement branch in method.GetProperty("Branches").EnumerateArray())
            {
                int number = branch.GetProperty("Line").GetInt32();
                (int taken, int all) = branches.GetValueOrDefault(number);
                branches[number] = (taken + (branch.GetProperty("Hits").GetInt64() > 0 ? 1 : 0), all + 1);
            }
        }

        List<MissedBranch> missed = [];
        foreach ((int number, (int taken, int all)) in branches.Where(line => line.Value.Taken < line.Value.All))
        {
            string text = source[number - 1].Trim();
            missed.Add(new MissedBranch(path, number, all - taken, all, GroupOf(text, taken), text));
        }

        return new FileCoverage(path, lines.Count, lines.Values.Count(hit => hit), branches.Values.Sum(line => line.All), branches.Values.Sum(line => line.Taken), missed);
    }

    private static BranchGroup GroupOf(string text, int taken) =>
        text.Contains("bugs.Has(", StringComparison.Ordinal) ? BranchGroup.Bug
        : text.Contains("Invariant.", StringComparison.Ordinal) ? BranchGroup.Invariant
        : taken == 0 ? BranchGroup.NeverReached
        : BranchGroup.OneSide;
}
