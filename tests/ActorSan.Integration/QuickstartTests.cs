using System.Text.Json;
using ActorSan.Tests.Shared;
using Xunit;

namespace ActorSan.Integration;

/// <summary>The README's first command, as its reader runs it.</summary>
public sealed class QuickstartTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(5);
    private static readonly string s_script = Path.Combine(TestNode.Root, "ops", "quickstart");

    [Fact]
    public async Task ItServesAVolumeThatKeepsItsBytesAndStopsInOrder()
    {
        await using TestNode directory = TestNode.Prepare();
        string data = directory.PathOf("data");
        ToolRun started = await Start(data, directory.PathOf("first.json"));
        Assert.Contains("iscsi-ls", started.Output, StringComparison.Ordinal);
        Assert.Contains("iscsiadm", started.Output, StringComparison.Ordinal);
        string url = await UrlOf(directory.PathOf("first.json"));
        await ForeignInitiatorTests.Succeed("qemu-io", "-f", "raw", "-c", "write -P 0x5a 0 1M", "-c", "flush", "-c", "read -P 0x5a 0 1M", url);
        await Stop(data);
        await Start(data, directory.PathOf("second.json"));
        await ForeignInitiatorTests.Succeed("qemu-io", "-f", "raw", "-c", "read -P 0x5a 0 1M", "-c", "read -P 0 1M 1M", await UrlOf(directory.PathOf("second.json")));
        await Stop(data);
    }

    private static async Task<ToolRun> Start(string data, string json)
    {
        ToolRun run = await Tool.RunAsync(s_script, ["--data", data, "--port", "0", "--size", "64MiB", "--background", "--json", json], s_limit, CancellationToken.None);
        Assert.True(run is { ExitCode: 0, Late: false }, run.Output);
        return run;
    }

    private static async Task Stop(string data)
    {
        ToolRun run = await Tool.RunAsync(s_script, ["--stop", "--data", data], s_limit, CancellationToken.None);
        Assert.True(run is { ExitCode: 0, Late: false }, run.Output);
    }

    private static async Task<string> UrlOf(string json)
    {
        using JsonDocument facts = JsonDocument.Parse(await File.ReadAllTextAsync(json));
        int port = facts.RootElement.GetProperty("portals")[0].GetProperty("port").GetInt32();
        return FormattableString.Invariant($"iscsi://127.0.0.1:{port}/iqn.2026-01.org.actorsan:quickstart/0");
    }
}
