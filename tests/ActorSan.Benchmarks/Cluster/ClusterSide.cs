using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using ActorSan.Benchmarks.WholeSystem;
using ActorSan.Tests.Shared;

namespace ActorSan.Benchmarks.Cluster;

/// <summary>What was told of a replicated volume at one moment.</summary>
/// <param name="Condition">healthy, syncing, degraded, …; empty: nobody answered.</param>
/// <param name="Primary">Null: none, or not known.</param>
/// <param name="ToResyncBytes">Of all replicas together.</param>
internal sealed record VolumeLook(string Condition, string? Primary, long ToResyncBytes);

/// <summary>
/// A real cluster under measurement: data nodes atlas and zeus and the witness hera, each a process on a loopback address of its own, founded in a directory of its own. What runs on the
/// machine at ops/quickstart's addresses is left alone.
/// </summary>
internal sealed class ClusterSide : IAsyncDisposable
{
    internal const string Target = "iqn.2026-01.org.actorsan:bench";
    internal static readonly string[] DataNodes = ["atlas", "zeus"];

    // Of this process, so that what else runs here is left alone.
    private static readonly string s_net = string.Create(CultureInfo.InvariantCulture, $"127.43.{Environment.ProcessId % 250}");
    private static readonly string[] s_nodes = ["atlas", "zeus", "hera"];
    private static readonly TimeSpan s_startLimit = TimeSpan.FromMinutes(2);
    private readonly string _daemon;
    private readonly string _directory;
    private readonly string _stores;
    private readonly bool _direct;
    private readonly Dictionary<string, DaemonProcess> _running = new(StringComparer.Ordinal);
    private readonly HttpClient _http = new(new SocketsHttpHandler { ConnectTimeout = TimeSpan.FromSeconds(2), UseProxy = false }) { Timeout = TimeSpan.FromSeconds(120) };

    private ClusterSide(string daemon, string directory, string stores, bool direct)
    {
        _daemon = daemon;
        _directory = directory;
        _stores = stores;
        _direct = direct;
    }

    /// <summary>Founds the cluster and starts its nodes.</summary>
    /// <param name="stores">Where the replicas are: a directory in memory, or on a disk.</param>
    /// <param name="direct">O_DIRECT.</param>
    internal static async Task<ClusterSide> Start(string daemon, string directory, string stores, bool direct, CancellationToken stop)
    {
        var cluster = new ClusterSide(daemon, directory, stores, direct);
        try
        {
            string identity = Path.Combine(directory, "atlas", "state", "cluster.identity");
            foreach (string node in s_nodes)
            {
                string home = Path.Combine(directory, node);
                Directory.CreateDirectory(home);
                Directory.CreateDirectory(cluster.StoresOf(node));
                string file = Path.Combine(home, "node.conf");
                await File.WriteAllTextAsync(file, cluster.Configuration(node), stop);
                (int code, string output) = await DaemonProcess.Verb(daemon, ["init", "-c", file, .. node == "atlas" ? (string[])[] : ["--from", identity]]);
                if (code != 0)
                {
                    throw new BenchmarkException($"{node} was not founded: {output}");
                }
            }

            foreach (string node in s_nodes)
            {
                await cluster.Launch(node, stop);
            }

            foreach (string node in s_nodes)
            {
                await cluster.BecomeReady(node, stop);
            }

            await cluster.Do(stop, "target", "create", Target, "--open");
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    /// <summary>A loopback address beside those of the nodes.</summary>
    internal static string SpareAddress => s_net + ".9";

    internal static string Portal(string node) => Address(node) + ":3260";

    internal static string Other(string node) => node == "atlas" ? "zeus" : "atlas";

    internal int ProcessId(string node) => _running[node].ProcessId;

    internal DaemonProcess Process(string node) => _running[node];

    internal bool IsRunning(string node) => _running.TryGetValue(node, out DaemonProcess? process) && process.IsRunning;

    internal Side Side(string node, int lun = 0) => new("replicated", Portal(node), Target, lun, ProcessId(node));

    /// <summary>A volume with a replica on both data nodes, mapped; returns when it is served by all.</summary>
    /// <param name="size">As pbm takes it: 512MiB.</param>
    internal async Task CreateVolume(string name, string size, int lun, CancellationToken stop)
    {
        await Do(stop, "volume", "create", name, size, "--replicas", "atlas,zeus");
        await Do(stop, "target", "map", Target, name, lun.ToString(CultureInfo.InvariantCulture));
    }

    /// <summary>SIGKILL.</summary>
    internal async Task Kill(string node)
    {
        await _running[node].KillAsync();
        await _running[node].DisposeAsync();
        _running.Remove(node);
    }

    /// <summary>Starts a node that was killed; returns when it serves its management.</summary>
    internal async Task Restart(string node, CancellationToken stop)
    {
        await Launch(node, stop);
        await BecomeReady(node, stop);
    }

    /// <summary>A change by the management of a data node that runs, tried again while the cluster is not ready to decide.</summary>
    /// <exception cref="BenchmarkException">It was not done within two minutes.</exception>
    internal async Task Do(CancellationToken stop, params string[] words)
    {
        var clock = Stopwatch.StartNew();
        string said;
        do
        {
            (int code, said) = await Command(words, stop);
            if (code == 0 || said.Contains("already", StringComparison.Ordinal))
            {
                return;
            }

            if (code == 2)
            {
                break;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(500), stop);
        }
        while (clock.Elapsed < s_startLimit);
        throw new BenchmarkException($"'{string.Join(' ', words)}' was not done: {said}");
    }

    /// <summary>What a data node that runs tells; an empty look where it does not answer.</summary>
    internal async Task<VolumeLook> Look(string volume, CancellationToken stop)
    {
        foreach (string node in DataNodes.Where(IsRunning))
        {
            try
            {
                using HttpResponseMessage response = await _http.GetAsync(new Uri($"http://{Address(node)}:9110/api/v1/volumes/{volume}"), stop);
                if (!response.IsSuccessStatusCode)
                {
                    continue;
                }

                JsonElement told = await response.Content.ReadFromJsonAsync<JsonElement>(stop);
                long toResync = told.GetProperty("replicas").EnumerateArray().Sum(replica => replica.GetProperty("toResyncBytes") is { ValueKind: JsonValueKind.Number } bytes ? bytes.GetInt64() : 0);
                return new VolumeLook(told.GetProperty("condition").GetString() ?? "", told.GetProperty("primary").GetString(), toResync);
            }
            catch (HttpRequestException)
            {
                // It was killed meanwhile: the next one is asked.
            }
        }

        return new VolumeLook("", null, 0);
    }

    /// <summary>Waits until all replicas are in sync.</summary>
    /// <returns>Who is primary, and the most bytes that were still to be resynced while it waited.</returns>
    internal async Task<(string Primary, long ResyncedBytes)> BecomeHealthy(string volume, TimeSpan limit, CancellationToken stop)
    {
        var clock = Stopwatch.StartNew();
        long most = 0;
        VolumeLook look;
        do
        {
            look = await Look(volume, stop);
            most = Math.Max(most, look.ToResyncBytes);
            if (look is { Condition: "healthy", Primary: { } primary })
            {
                return (primary, most);
            }

            await Task.Delay(TimeSpan.FromMilliseconds(50), stop);
        }
        while (clock.Elapsed < limit);
        throw new BenchmarkException($"{volume} is '{look.Condition}' after {limit.TotalSeconds:0} s, and should be healthy; the logs of the nodes are in {_directory}");
    }

    public async ValueTask DisposeAsync()
    {
        foreach ((string node, DaemonProcess process) in _running)
        {
            await File.WriteAllTextAsync(Path.Combine(_directory, node + ".log"), process.Log);
        }

        // Together: a node that stops in order hands over to one that is still there.
        await Task.WhenAll(_running.Values.Select(async process => await process.DisposeAsync()));
        _running.Clear();
        _http.Dispose();
        if (Directory.Exists(_stores))
        {
            Directory.Delete(_stores, recursive: true);
        }
    }

    private static string Address(string node) => $"{s_net}.{Array.IndexOf(s_nodes, node) + 1}";

    private string StoresOf(string node) => Path.Combine(_stores, node);

    private async Task<(int Code, string Said)> Command(string[] words, CancellationToken stop)
    {
        foreach (string node in DataNodes.Where(IsRunning))
        {
            try
            {
                using HttpResponseMessage response = await _http.PostAsJsonAsync(new Uri($"http://{Address(node)}:9110/api/v1/command"), new { words, yes = true }, stop);
                string text = await response.Content.ReadAsStringAsync(stop);
                return response.IsSuccessStatusCode ? (JsonDocument.Parse(text).RootElement.GetProperty("exitCode").GetInt32(), text) : (1, text);
            }
            catch (HttpRequestException)
            {
                // Not there yet, or not any more.
            }
        }

        return (1, "no data node answers");
    }

    private async Task Launch(string node, CancellationToken stop) =>
        _running[node] = await DaemonProcess.LaunchAsync(_daemon, Path.Combine(_directory, node), Configuration(node), stop);

    private async Task BecomeReady(string node, CancellationToken stop)
    {
        string ready = Path.Combine(_directory, node, "ready.json");
        var clock = Stopwatch.StartNew();
        while (!File.Exists(ready))
        {
            if (!IsRunning(node) || clock.Elapsed > s_startLimit)
            {
                throw new BenchmarkException($"{node} did not start:\n{_running[node].Log}");
            }

            await Task.Delay(TimeSpan.FromMilliseconds(20), stop);
        }
    }

    private string Configuration(string node)
    {
        bool stores = node != "hera";
        string data = stores
            ? $$"""
                links.address = "{{Address(node)}}:7311"
                portals.main { address = {{Address(node)}}, port = 3260, group = {{Array.IndexOf(s_nodes, node) + 1}} }
              """
            : "";
        return $$"""
            actorsan {
              node { name = {{node}}, state-directory = state }
              io { threads = 1, cpus = none }
              cluster {
                address = "{{Address(node)}}:7310"
                role = {{(stores ? "storage" : "witness")}}
                seeds = ["{{s_net}}.1:7310", "{{s_net}}.2:7310", "{{s_net}}.3:7310"]
                founders = [atlas, zeus, hera]
                stores { directory = "{{StoresOf(node)}}", direct = {{(_direct ? "on" : "off")}} }
                resync.max-rate = 64 GiB
              }
            {{data}}
            }
            petabridge.cmd { host = "{{Address(node)}}", port = 9110 }

            """;
    }
}
