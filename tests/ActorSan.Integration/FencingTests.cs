using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using ActorSan.Tests.Shared;
using Xunit;

namespace ActorSan.Integration;

/// <summary>P12 on real processes: two nodes, two voters, one of them silent.</summary>
[Trait("Category", "Campaign")]
public sealed class FencingTests
{
    private const string Iqn = "iqn.2026-01.org.actorsan:fencing";
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(2);

    [Fact]
    public async Task With_a_hook_that_kills_the_other_the_survivor_serves_and_the_killed_one_comes_back()
    {
        await using Pair pair = await Pair.Start("127.0.93", "kill -9 $(cat \"$0.$1.pid\")");
        (string silent, string other) = await pair.BothHaveDecided();
        await pair.Succeeds(silent, "write -P 0x5a 0 1M");
        await pair.Freeze(silent);
        await pair.Until(other, volume => volume.GetProperty("primary").GetString() == other);
        await pair.Succeeds(other, "read -P 0x5a 0 1M");
        await pair.Succeeds(other, "write -P 0x5b 0 1M");
        await pair.Until(other, volume => volume.GetProperty("voters").GetArrayLength() == 1);
        Assert.Equal(137, await pair.Daemon(silent).WaitForEnd(s_limit));

        await pair.Restart(silent);
        await pair.Until(other, volume => volume.GetProperty("condition").GetString() == "healthy");
        await pair.Succeeds(other, "read -P 0x5b 0 1M");
    }

    [Fact]
    public async Task With_a_hook_that_fails_nobody_serves_until_the_other_answers()
    {
        await using Pair pair = await Pair.Start("127.0.94", "echo no answer of the power switch; exit 1");
        (string silent, string other) = await pair.BothHaveDecided();
        await pair.Succeeds(silent, "write -P 0x5a 0 1M");
        await pair.Freeze(silent);
        await pair.Daemon(other).Logged($"failed for {silent} with exit code 1", s_limit);
        await pair.Daemon(other).Logged("no answer of the power switch", s_limit);
        JsonElement volume = (await pair.Show(other))!.Value;
        Assert.NotEqual(other, volume.GetProperty("primary").GetString());
        Assert.Equal(2, volume.GetProperty("voters").GetArrayLength());
        await pair.Daemon(silent).Signal("CONT");
        await pair.Until(other, volume => volume.GetProperty("condition").GetString() == "healthy");
    }

    /// <summary>atlas and zeus, each its own process, without a witness.</summary>
    private sealed class Pair : IAsyncDisposable
    {
        private readonly TestNode _directory = TestNode.Prepare();
        private readonly Dictionary<string, DaemonProcess> _daemons = [];
        private readonly HttpClient _http = new() { Timeout = TimeSpan.FromSeconds(40) };
        private readonly string _net;
        private readonly string _hook;

        private Pair(string net, string hook)
        {
            (_net, _hook) = (net, _directory.PathOf("fence"));
            File.WriteAllText(_hook, $"#!/bin/sh\n{hook}\n");
            File.SetUnixFileMode(_hook, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }

        public static async Task<Pair> Start(string net, string hook)
        {
            var pair = new Pair(net, hook);
            try
            {
                await pair.Found();
                return pair;
            }
            catch
            {
                // What runs already must not keep the addresses of the next.
                await pair.DisposeAsync();
                throw;
            }
        }

        private async Task Found()
        {
            foreach (string node in (string[])["atlas", "zeus"])
            {
                string conf = _directory.PathOf($"{node}.conf");
                await File.WriteAllTextAsync(conf, Configuration(node));
                _ = Directory.CreateDirectory(_directory.PathOf($"{node}-stores"));
                string[] from = node == "atlas" ? [] : ["--from", _directory.PathOf("atlas-state/cluster.identity")];
                (int code, string output) = await DaemonProcess.Verb(DaemonProcess.FindBuilt(), ["init", "-c", conf, .. from]);
                Assert.True(code == 0, output);
            }

            await Task.WhenAll(Launch("atlas"), Launch("zeus"));
            await Order("volumes", new { name = "disk0", sizeBytes = 64 << 20, replicas = (string[])["atlas", "zeus"], voters = (string[])["atlas", "zeus"] });
            await Order("targets", new { iqn = Iqn, open = true });
            await Order($"targets/{Iqn}/luns", new { volume = "disk0", lun = 0 });
            await Until("atlas", volume => volume.GetProperty("condition").GetString() == "healthy");
        }

        public DaemonProcess Daemon(string node) => _daemons[node];

        /// <summary>
        /// Each has been primary, and so has decided a round together with the other since its start: without that none fences. The primary, and the other.
        /// </summary>
        public async Task<(string Primary, string Other)> BothHaveDecided()
        {
            string first = (await Show("atlas"))!.Value.GetProperty("primary").GetString()!;
            string second = first == "atlas" ? "zeus" : "atlas";
            foreach (string next in (string[])[second, first, second])
            {
                await Order("volumes/disk0/handover", new { to = next });
                await Until("atlas", volume => volume.GetProperty("primary").GetString() == next && volume.GetProperty("condition").GetString() == "healthy");
            }

            return (second, first);
        }

        public async Task Freeze(string node) => await Daemon(node).Signal("STOP");

        public async Task Restart(string node)
        {
            await _daemons[node].DisposeAsync();
            await Launch(node);
        }

        public async Task Succeeds(string node, string command)
        {
            string url = FormattableString.Invariant($"iscsi://{_net}.{Number(node)}:3293/{Iqn}/0");
            ToolRun run = await Tool.RunAsync("qemu-io", ["-f", "raw", "-c", command, "-c", "flush", url], TimeSpan.FromSeconds(60), CancellationToken.None);
            Assert.True(run is { ExitCode: 0, Late: false }, run.Output);
        }

        /// <summary>The volume as that node sees it; null: it does not answer.</summary>
        public async Task<JsonElement?> Show(string node)
        {
            try
            {
                return await _http.GetFromJsonAsync<JsonElement>(Api(node, "volumes/disk0"));
            }
            catch (Exception failure) when (failure is HttpRequestException or TaskCanceledException)
            {
                return null;
            }
        }

        public Task Until(string node, Func<JsonElement, bool> there) => Again(async () => await Show(node) is { } volume && there(volume) ? null : $"the volume is {await Show(node)}; the log of {node}:\n{Daemon(node).Log}");

        public async ValueTask DisposeAsync()
        {
            _http.Dispose();
            foreach (DaemonProcess daemon in _daemons.Values.Where(daemon => daemon.IsRunning))
            {
                // Of two voters that stop one after the other the second can't hand over to anybody.
                await daemon.KillAsync();
            }

            foreach (DaemonProcess daemon in _daemons.Values)
            {
                await daemon.DisposeAsync();
            }

            await _directory.DisposeAsync();
        }

        private static int Number(string node) => node == "atlas" ? 1 : 2;

        private static async Task Again(Func<Task<string?>> attempt)
        {
            var watch = Stopwatch.StartNew();
            while (await attempt() is { } missing)
            {
                Assert.True(watch.Elapsed < s_limit, missing);
                await Task.Delay(200);
            }
        }

        private string Api(string node, string path) => FormattableString.Invariant($"http://{_net}.{Number(node)}:9110/api/v1/{path}");

        // Again while the cluster is not ready to decide.
        private Task Order(string path, object body) => Again(async () =>
        {
            try
            {
                using HttpResponseMessage response = await _http.PostAsJsonAsync(Api("atlas", path), body);
                string answer = await response.Content.ReadAsStringAsync();
                return response.IsSuccessStatusCode || answer.Contains("already", StringComparison.Ordinal) ? null : $"{path}: {answer}";
            }
            catch (HttpRequestException notYet)
            {
                return $"{path}: {notYet.Message}";
            }
        });

        private async Task Launch(string node)
        {
            DaemonProcess daemon = await DaemonProcess.StartAsync(DaemonProcess.FindBuilt(), _directory.PathOf(node), Configuration(node), CancellationToken.None);
            _daemons[node] = daemon;
            await File.WriteAllTextAsync($"{_hook}.{node}.pid", daemon.ProcessId.ToString(CultureInfo.InvariantCulture));
        }

        private string Configuration(string node) =>
            $$"""
            actorsan {
              node { name = {{node}}, state-directory = "{{_directory.PathOf(node + "-state")}}" }
              io { threads = 1, cpus = none }
              cluster {
                address = "{{_net}}.{{Number(node)}}:7310"
                seeds = ["{{_net}}.1:7310", "{{_net}}.2:7310"]
                founders = [atlas, zeus]
                stores.directory = "{{_directory.PathOf(node + "-stores")}}"
                fencing { command = ["{{_hook}}", "{node}"], timeout = 10 s }
              }
              links.address = "{{_net}}.{{Number(node)}}:7311"
              portals.main { address = {{_net}}.{{Number(node)}}, port = 3293, group = {{Number(node)}} }
            }
            petabridge.cmd { host = "{{_net}}.{{Number(node)}}", port = 9110 }
            """;
    }
}
