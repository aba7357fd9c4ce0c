using System.Diagnostics;
using System.Text.Json;
using ActorSan.Tests.Shared;
using Xunit;

namespace ActorSan.Integration;

/// <summary>The README's first command, as its reader runs it: three processes, a volume on two of them, and the plug pulled.</summary>
[Collection(Clusters.ClusterCollection.Name)]
public sealed class QuickstartTests
{
    private const string Net = "127.0.91";
    private const int Port = 3292;
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(8);
    private static readonly TimeSpan s_takeOver = TimeSpan.FromMinutes(1);
    private static readonly string s_script = Path.Combine(TestNode.Root, "ops", "quickstart");
    private static readonly string s_pbm = Path.Combine(TestNode.Root, "ops", "pbm");

    [Fact]
    public async Task Its_volume_keeps_its_bytes_when_the_node_that_serves_it_is_killed_and_when_all_have_stopped()
    {
        await using TestNode directory = TestNode.Prepare();
        string data = directory.PathOf("data");
        ToolRun started = await Start(data, directory.PathOf("first.json"));
        Assert.Contains("iscsi-ls", started.Output, StringComparison.Ordinal);
        Assert.Contains("kill -9", started.Output, StringComparison.Ordinal);
        try
        {
            await WaitUntil(async () => (await Show()).GetProperty("condition").GetString() == "healthy");
            string primary = (await Show()).GetProperty("primary").GetString()!;
            await ForeignInitiatorTests.Succeed("qemu-io", "-f", "raw", "-c", "write -P 0x5a 0 1M", "-c", "flush", "-c", "read -P 0x5a 0 1M", UrlOf(primary));
            await Kill(directory.PathOf("first.json"), primary);
            string other = primary == "atlas" ? "zeus" : "atlas";
            await WaitUntil(async () => (await Read(UrlOf(other))).ExitCode == 0);
        }
        finally
        {
            await Stop(data);
        }

        await Start(data, directory.PathOf("second.json"));
        try
        {
            await WaitUntil(async () => (await Show()).GetProperty("condition").GetString() == "healthy");
            Assert.Equal(0, (await Read(UrlOf((await Show()).GetProperty("primary").GetString()!))).ExitCode);
        }
        finally
        {
            await Stop(data);
        }
    }

    private static string UrlOf(string node) => FormattableString.Invariant($"iscsi://{Net}.{(node == "atlas" ? 1 : 2)}:{Port}/iqn.2026-01.org.actorsan:quickstart/0");

    private static Task<ToolRun> Read(string url) => Tool.RunAsync("qemu-io", ["-f", "raw", "-c", "read -P 0x5a 0 1M", "-c", "read -P 0 1M 1M", url], TimeSpan.FromSeconds(30), CancellationToken.None);

    // Of whichever node answers: one may be dead.
    private static async Task<JsonElement> Show()
    {
        foreach (int node in (int[])[3, 2, 1])
        {
            ToolRun run = await Tool.RunAsync(s_pbm, [FormattableString.Invariant($"{Net}.{node}:9110"), "volume", "show", "disk0", "--json"], TimeSpan.FromSeconds(30), CancellationToken.None);
            if (run.ExitCode == 0)
            {
                return JsonDocument.Parse(run.Output).RootElement.Clone();
            }
        }

        return JsonDocument.Parse("""{"condition":"nobody answers","primary":"nobody"}""").RootElement;
    }

    private static async Task Kill(string json, string node)
    {
        using JsonDocument facts = JsonDocument.Parse(await File.ReadAllTextAsync(json));
        using Process process = Process.GetProcessById(facts.RootElement.GetProperty("nodes").GetProperty(node).GetInt32());
        process.Kill();
        await process.WaitForExitAsync();
    }

    private static async Task WaitUntil(Func<Task<bool>> there)
    {
        var watch = Stopwatch.StartNew();
        while (!await there())
        {
            Assert.True(watch.Elapsed < s_takeOver, "not within a minute");
            await Task.Delay(500);
        }
    }

    private static async Task<ToolRun> Start(string data, string json)
    {
        ToolRun run = await Tool.RunAsync(
            s_script, ["--data", data, "--net", Net, "--port", FormattableString.Invariant($"{Port}"), "--size", "64MiB", "--background", "--json", json], s_limit, CancellationToken.None);
        Assert.True(run is { ExitCode: 0, Late: false }, run.Output);
        return run;
    }

    private static async Task Stop(string data)
    {
        ToolRun run = await Tool.RunAsync(s_script, ["--stop", "--data", data], s_limit, CancellationToken.None);
        Assert.True(run is { ExitCode: 0, Late: false }, run.Output);
    }
}
