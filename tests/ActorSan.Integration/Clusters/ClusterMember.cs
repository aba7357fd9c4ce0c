using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using ActorSan.Tests.Shared;
using Xunit;

namespace ActorSan.Integration.Clusters;

/// <summary>What a node answered to a command of pbm.</summary>
/// <param name="ExitCode">0 done, 1 failed or refused, 2 the words are wrong.</param>
/// <param name="Text">All that people are shown.</param>
/// <param name="Json">What programs are given; undefined where there is nothing.</param>
internal sealed record CommandOutcome(int ExitCode, string Text, JsonElement Json);

/// <summary>One node of a <see cref="TestCluster"/>: its address, its directory, and its process while it runs.</summary>
internal sealed class ClusterMember(string name, string address, bool isStorage, int group, string directory)
{
    internal const int PortalPort = 3260;
    private const int ManagementPort = 9110;

    // An exit code: nobody has answered.
    private const int NotReached = 4;
    private static readonly HttpClient s_http = new() { Timeout = TimeSpan.FromSeconds(100) };
    private readonly List<string> _earlierLogs = [];
    private DaemonProcess? _daemon;

    internal string Name { get; } = name;

    internal string Address { get; } = address;

    internal bool IsStorage { get; } = isStorage;

    /// <summary>Where all of it is.</summary>
    internal string Directory { get; } = Path.Combine(directory, name);

    internal string State => Path.Combine(Directory, "state");

    internal string Identity => Path.Combine(State, "cluster.identity");

    internal string Stores => Path.Combine(Directory, "volumes");

    internal string Portal => string.Create(CultureInfo.InvariantCulture, $"{Address}:{PortalPort}");

    internal bool IsRunning => _daemon is { IsRunning: true };

    internal DaemonProcess Daemon => _daemon ?? throw new InvalidOperationException($"{Name} was not started");

    /// <summary>Of all its processes, oldest first.</summary>
    internal string Log => string.Join("\n--- started anew ---\n", _daemon is null ? _earlierLogs : [.. _earlierLogs, _daemon.Log]);

    /// <summary>Its configuration.</summary>
    /// <param name="seeds">HOST:PORT of all.</param>
    /// <param name="more">Further lines inside <c>actorsan.cluster</c>.</param>
    internal string Configuration(IEnumerable<string> seeds, IEnumerable<string> founders, string more = "", string beside = "")
    {
        string data = IsStorage
            ? string.Create(CultureInfo.InvariantCulture, $"links.address = \"{Address}:7320\"\n  portals.main {{ address = {Address}, port = {PortalPort}, group = {group} }}")
            : "";
        return $$"""
            actorsan {
              node { name = {{Name}}, state-directory = state }
              io { threads = 1, cpus = none, buffer-pool = 32 MiB }
              cluster {
                address = "{{Address}}:7310"
                role = {{(IsStorage ? "storage" : "witness")}}
                seeds = [{{string.Join(", ", seeds.Select(seed => $"\"{seed}\""))}}]
                founders = [{{string.Join(", ", founders)}}]
                stores.directory = volumes
                {{more}}
              }
              {{data}}
              {{beside}}
            }
            petabridge.cmd { host = "{{Address}}", port = {{ManagementPort.ToString(CultureInfo.InvariantCulture)}} }
            """;
    }

    /// <summary>Writes the configuration and runs a verb with it: <c>init</c>, <c>check</c>.</summary>
    internal async Task<(int Code, string Output)> Verb(string configuration, string verb, params string[] arguments)
    {
        System.IO.Directory.CreateDirectory(Stores);
        string file = Path.Combine(Directory, "node.conf");
        await File.WriteAllTextAsync(file, configuration);
        return await DaemonProcess.Verb(DaemonProcess.FindBuilt(), [verb, "--config", file, .. arguments]);
    }

    /// <summary>Starts its process and waits for nothing.</summary>
    internal async Task Launch(string configuration)
    {
        Assert.False(IsRunning, $"{Name} runs already");
        System.IO.Directory.CreateDirectory(Stores);
        Forget();
        _daemon = await DaemonProcess.LaunchAsync(DaemonProcess.FindBuilt(), Directory, configuration, CancellationToken.None);
    }

    /// <summary>Waits until it serves its portals and answers management.</summary>
    internal Task Ready() => Daemon.Ready(CancellationToken.None);

    /// <summary>What its process has given to disks so far, metadata and journal included, as the kernel counts it.</summary>
    internal long WrittenBytes()
    {
        const string Key = "write_bytes: ";
        string line = File.ReadLines(string.Create(CultureInfo.InvariantCulture, $"/proc/{Daemon.ProcessId}/io")).First(line => line.StartsWith(Key, StringComparison.Ordinal));
        return long.Parse(line[Key.Length..], CultureInfo.InvariantCulture);
    }

    /// <summary>SIGKILL.</summary>
    internal Task Kill() => Daemon.KillAsync();

    /// <summary>SIGTERM, and waits: a stop that is not in order fails the test.</summary>
    internal async Task Stop()
    {
        DaemonProcess daemon = Daemon;
        try
        {
            await daemon.DisposeAsync();
        }
        finally
        {
            Forget();
        }
    }

    /// <summary>Answers to pbm's words, dangerous ones included.</summary>
    internal async Task<CommandOutcome> Pbm(IReadOnlyList<string> words, IReadOnlyDictionary<string, string>? secrets = null)
    {
        HttpResponseMessage? asked;
        try
        {
            asked = await s_http.PostAsJsonAsync(new Uri($"http://{Address}:{ManagementPort}/api/v1/command"), new { words, yes = true, secrets });
        }
        catch (HttpRequestException failure)
        {
            // A node that the others gave up for a while begins anew, with its management.
            return new CommandOutcome(NotReached, $"{Name} is not reached: {failure.GetBaseException().Message}", default);
        }

        using HttpResponseMessage response = asked;
        JsonElement answer = await response.Content.ReadFromJsonAsync<JsonElement>();
        Assert.True(response.IsSuccessStatusCode, $"{Name} did not take '{string.Join(' ', words)}': {answer}");
        return new CommandOutcome(
            answer.GetProperty("exitCode").GetInt32(),
            answer.GetProperty("parts").ToString(),
            answer.TryGetProperty("json", out JsonElement json) ? json : default);
    }

    /// <summary>GET of the management API; null when it is not there or does not answer.</summary>
    internal async Task<JsonElement?> Get(string path)
    {
        try
        {
            using HttpResponseMessage response = await s_http.GetAsync(new Uri($"http://{Address}:{ManagementPort}{path}"));
            return response.IsSuccessStatusCode ? await response.Content.ReadFromJsonAsync<JsonElement>() : null;
        }
        catch (Exception failure) when (failure is HttpRequestException or IOException or OperationCanceledException)
        {
            return null;
        }
    }

    /// <summary>The path of the store of a volume, by its id.</summary>
    internal string StoreOf(Guid volume) => Path.Combine(Stores, $"{volume:N}.store");

    private void Forget()
    {
        if (_daemon is not null)
        {
            _earlierLogs.Add(_daemon.Log);
            _daemon = null;
        }
    }
}
