using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Xunit;

namespace ActorSan.Integration.Clusters;

/// <summary>
/// Real daemons that are one cluster: atlas and zeus (and, where a test asks, rhea) with stores, hera as the witness; each on a loopback address of its own, each with a directory of its
/// own under artifacts/integration. Waits have deadlines, and say what they saw when one is over.
/// </summary>
internal sealed class TestCluster : IAsyncDisposable
{
    internal const string Atlas = "atlas";
    internal const string Zeus = "zeus";
    internal const string Hera = "hera";
    internal const string Rhea = "rhea";
    /// <summary>How long anything is waited for. No measurement: a machine that does much else is slow.</summary>
    internal static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);
    private static readonly TimeSpan s_look = TimeSpan.FromMilliseconds(50);
    private static readonly string[] s_founders = [Atlas, Zeus, Hera];
    private static int s_count;
    private readonly Dictionary<string, ClusterMember> _members = new(StringComparer.Ordinal);
    private bool _failed = true;

    private TestCluster(string directory, string net)
    {
        Directory = directory;
        int group = 0;
        foreach (string name in (string[])[Atlas, Zeus, Hera, Rhea])
        {
            group++;
            _members[name] = new ClusterMember(name, string.Create(CultureInfo.InvariantCulture, $"{net}.{group}"), isStorage: name != Hera, group, directory);
        }
    }

    internal string Directory { get; }

    internal ClusterMember this[string name] => _members[name];

    /// <summary>Those that run.</summary>
    internal IEnumerable<ClusterMember> Running => _members.Values.Where(member => member.IsRunning);

    /// <summary>Lines that a node, by its name, has inside <c>actorsan.cluster</c>.</summary>
    internal Func<ClusterMember, string> More { get; set; } = static _ => "";

    /// <summary>Lines that it has beside that, inside <c>actorsan</c>.</summary>
    internal Func<ClusterMember, string> Beside { get; set; } = static _ => "";

    /// <summary>Directories and addresses; nothing is founded, nothing runs.</summary>
    internal static TestCluster Prepare([CallerMemberName] string test = "")
    {
        int number = Interlocked.Increment(ref s_count);
        string directory = Path.Combine(TestNode.Root, "artifacts", "integration", string.Create(CultureInfo.InvariantCulture, $"{test}-{Environment.ProcessId}-{number}"));
        System.IO.Directory.CreateDirectory(directory);
        // 127.64.0.0 to 127.127.255.255: apart from the quickstart's, and from those of another run beside this one.
        string net = string.Create(CultureInfo.InvariantCulture, $"127.{64 + (Environment.ProcessId % 64)}.{number % 250}");
        return new TestCluster(directory, net);
    }

    /// <summary>Founded and running, all three up.</summary>
    internal static async Task<TestCluster> StartNew([CallerMemberName] string test = "")
    {
        TestCluster cluster = Prepare(test);
        try
        {
            await cluster.Init();
            await cluster.Start(s_founders);
            await cluster.Up(s_founders.Length);
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    internal string ConfigurationOf(string name) => _members[name].Configuration(s_founders.Select(founder => _members[founder].Address + ":7310"), s_founders, More(_members[name]), Beside(_members[name]));

    /// <summary>atlas makes the cluster's identity, the other founders take it.</summary>
    internal async Task Init()
    {
        (int code, string output) = await _members[Atlas].Verb(ConfigurationOf(Atlas), "init");
        Assert.True(code == 0, output);
        await Task.WhenAll(TakeIdentity(Zeus), TakeIdentity(Hera));
    }

    /// <summary>That node becomes one of the cluster that atlas made.</summary>
    internal async Task TakeIdentity(string name)
    {
        (int code, string output) = await _members[name].Verb(ConfigurationOf(name), "init", "--from", _members[Atlas].Identity);
        Assert.True(code == 0, output);
    }

    /// <summary>Starts them at once and waits until each serves its portals.</summary>
    internal async Task Start(params string[] names)
    {
        await Task.WhenAll(names.Select(name => _members[name].Launch(ConfigurationOf(name))));
        await Task.WhenAll(names.Select(name => _members[name].Ready()));
    }

    internal Task Kill(params string[] names) => Task.WhenAll(names.Select(name => _members[name].Kill()));

    /// <summary>Waits until so many members are up and reachable, and a majority decides, as every node that runs sees it.</summary>
    internal Task Up(int count, params string[] at)
    {
        var seen = new Dictionary<string, string>(StringComparer.Ordinal);
        return Until($"{count} members are up", () => AllSee(count, at.Length == 0 ? Running : at.Select(name => _members[name]), seen), () => string.Join('\n', seen.Select(one => $"{one.Key}: {one.Value}")));
    }

    private static async Task<bool> AllSee(int count, IEnumerable<ClusterMember> all, Dictionary<string, string> seen)
    {
        foreach (ClusterMember member in all)
        {
            JsonElement? report = await member.Get("/api/v1/cluster");
            seen[member.Name] = report?.ToString() ?? "no answer";
            if (report is not { } cluster || !cluster.GetProperty("majorityReachable").GetBoolean() || cluster.GetProperty("catalogVersion").GetInt64() == 0
                || cluster.GetProperty("members").EnumerateArray().Count(one => one.GetProperty("status").GetString() == "up" && one.GetProperty("reachable").GetBoolean()) != count)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>pbm's words at a node; anything but done fails the test.</summary>
    internal async Task<CommandOutcome> Do(string node, params string[] words)
    {
        CommandOutcome outcome = await _members[node].Pbm(words);
        Assert.True(outcome.ExitCode == 0, $"'{string.Join(' ', words)}' at {node}: {outcome.Text}");
        return outcome;
    }

    /// <summary>The same words until they are done: for what is refused for as long as the cluster is not ready.</summary>
    internal async Task DoWhenReady(string node, params string[] words)
    {
        CommandOutcome? last = null;
        await Until($"'{string.Join(' ', words)}' at {node} is done", async () => (last = await _members[node].Pbm(words)).ExitCode == 0, () => last?.Text ?? "");
    }

    /// <summary>The report of a volume by a node; null when that node does not tell.</summary>
    internal Task<JsonElement?> Volume(string name, string node) => _members[node].Get("/api/v1/volumes/" + name);

    /// <summary>What some node that runs reports of a volume that it sees served.</summary>
    internal async Task<JsonElement?> Volume(string name)
    {
        JsonElement? any = null;
        foreach (ClusterMember member in Running)
        {
            JsonElement? report = await Volume(name, member.Name);
            any ??= report;
            if (report?.GetProperty("condition").GetString() is "healthy" or "syncing" or "degraded")
            {
                return report;
            }
        }

        return any;
    }

    internal async Task<string> PrimaryOf(string volume) => (await Volume(volume))!.Value.GetProperty("primary").GetString()!;

    internal async Task<Guid> IdOf(string volume) => (await Volume(volume))!.Value.GetProperty("id").GetGuid();

    /// <summary>The storage node of the founders that is not that one.</summary>
    internal static string OtherThan(string node) => node == Atlas ? Zeus : Atlas;

    /// <summary>Waits until the volume is so: <c>healthy</c>, <c>degraded</c>, <c>suspended</c> …; its report.</summary>
    internal Task<JsonElement> Becomes(string volume, params string[] conditions) =>
        Becomes(volume, report => conditions.Contains(report.GetProperty("condition").GetString(), StringComparer.Ordinal), $"is {string.Join(" or ", conditions)}");

    internal async Task<JsonElement> Becomes(string volume, Func<JsonElement, bool> so, string how)
    {
        JsonElement? last = null;
        await Until($"volume {volume} {how}", async () => (last = await Volume(volume)) is { } report && so(report), () => last?.ToString() ?? "nobody reports it");
        return last!.Value;
    }

    /// <summary>A node that was killed or stopped is started again, and all volumes of the test are whole.</summary>
    internal async Task Whole(params string[] volumes)
    {
        string[] away = [.. s_founders.Where(name => !_members[name].IsRunning)];
        await Start(away);
        await Up(_members.Values.Count(member => member.IsRunning));
        foreach (string volume in volumes)
        {
            await Becomes(volume, "healthy");
        }
    }

    /// <summary>A volume on atlas and zeus with a target of its own as LUN 0, open for everyone; healthy. Returns the target's iSCSI name.</summary>
    internal async Task<string> Export(string volume, string size = "64MiB", params string[] options)
    {
        await DoWhenReady(Atlas, ["volume", "create", volume, size, "--replicas", "atlas,zeus", .. options]);
        string iqn = "iqn.2026-01.org.actorsan:" + volume;
        await Do(Zeus, "target", "create", iqn, "--open");
        await Do(Hera, "target", "map", iqn, volume, "0");
        await Becomes(volume, "healthy");
        return iqn;
    }

    /// <summary>An initiator with a path to each of these nodes; to atlas and zeus if none is named.</summary>
    internal PathsInitiator Initiator(string target, params string[] nodes) =>
        new(target, [.. (nodes.Length == 0 ? [Atlas, Zeus] : nodes).Select(node => _members[node].Address)]);

    /// <summary>Looks until it is so. <see cref="Patience"/> over, it fails with what was last seen.</summary>
    internal async Task Until(string what, Func<Task<bool>> so, Func<string>? seen = null, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
    {
        var clock = Stopwatch.StartNew();
        while (!await so())
        {
            Assert.True(clock.Elapsed < Patience, $"Not within {Patience.TotalSeconds} s: {what} ({Path.GetFileName(file)}:{line}). {seen?.Invoke()}\nThe logs: {Directory}");
            await Task.Delay(s_look);
        }
    }

    /// <summary>Waits until a node has logged it, in any of its processes.</summary>
    internal Task Logs(string node, string text) => Until($"{node} logs '{text}'", () => Task.FromResult(_members[node].Log.Contains(text, StringComparison.Ordinal)), () => _members[node].Log);

    /// <summary>The test has seen all that it wants: only now the directory goes.</summary>
    internal void Passed() => _failed = false;

    /// <summary>Ends what runs. What a failed test leaves is kept, with the logs.</summary>
    public async ValueTask DisposeAsync()
    {
        await Task.WhenAll(Running.Select(member => member.Kill()));

        if (_failed)
        {
            foreach (ClusterMember member in _members.Values)
            {
                await File.WriteAllTextAsync(Path.Combine(Directory, member.Name + ".log"), member.Log);
            }

            return;
        }

        System.IO.Directory.Delete(Directory, recursive: true);
    }
}
