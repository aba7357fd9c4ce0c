using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;
using ActorSan.Cluster.Management;
using ActorSan.Node.Management.Metrics;
using Xunit;

namespace ActorSan.Tests.Node.Management;

/// <summary><c>/metrics</c>, read as strictly as the format is written down, and <c>/healthz</c>.</summary>
public sealed class MetricsTests
{
    private static readonly Regex Sample = new("""^(?<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?<labels>[a-zA-Z_]\w*="(\\["\\n]|[^"\\])*"(,[a-zA-Z_]\w*="(\\["\\n]|[^"\\])*")*)\})? (?<value>[-+]?(Inf|\d[-+.eE\d]*))$""",
        RegexOptions.ExplicitCapture, TimeSpan.FromSeconds(5));

    [Fact]
    public async Task ThePageHoldsWhatTheNodeCounts()
    {
        await using TestServer server = await TestServer.Start();
        using HttpResponseMessage response = await server.Http.GetAsync("/metrics");
        Assert.Equal("text/plain; version=0.0.4; charset=utf-8", response.Content.Headers.ContentType!.ToString());
        Dictionary<string, double> samples = Parse(await response.Content.ReadAsStringAsync());
        Assert.Equal(1000, samples["""actorsan_volume_commands_total{volume="data",direction="read"}"""]);
        Assert.Equal(8192000, samples["""actorsan_volume_bytes_total{volume="data",direction="write"}"""]);
        Assert.Equal(1, samples["""actorsan_volume_condition{volume="data",condition="syncing"}"""]);
        Assert.Equal(0, samples["""actorsan_volume_condition{volume="data",condition="healthy"}"""]);
        Assert.Equal(90, samples["""actorsan_volume_latency_seconds_bucket{volume="data",direction="read",le="1.6E-05"}"""]);
        Assert.Equal(100, samples["""actorsan_volume_latency_seconds_bucket{volume="data",direction="read",le="+Inf"}"""]);
        Assert.Equal(0.002, samples["""actorsan_volume_latency_seconds_sum{volume="data",direction="read"}"""], 1e-9);
        Assert.Equal(1, samples["""actorsan_replica_in_sync{volume="data",replica="atlas"}"""]);
        Assert.Equal(0, samples["""actorsan_replica_in_sync{volume="data",replica="zeus"}"""]);
        Assert.Equal(3145728, samples["""actorsan_replica_resync_bytes{volume="data",replica="zeus"}"""]);
        Assert.Equal(0, samples["""actorsan_link_up{peer="zeus"}"""]);
        Assert.Equal(0, samples["""actorsan_link_encrypted{peer="zeus"}"""]);
        Assert.Equal(1, samples["""actorsan_link_encrypted{peer="hera"}"""]);
        Assert.Equal(0, samples["""actorsan_link_path_up{peer="zeus",address="127.0.0.2:9120"}"""]);
        Assert.Equal(1, samples["""actorsan_link_path_up{peer="zeus",address="127.1.0.2:9120"}"""]);
        Assert.Equal(0, samples["""actorsan_link_path_active{peer="zeus",address="127.1.0.2:9120"}"""]);
        Assert.Equal(1, samples["""actorsan_link_path_active{peer="hera",address="127.0.0.3:9120"}"""]);
        Assert.Equal(4096, samples["""actorsan_link_queued_bytes{peer="zeus"}"""]);
        Assert.Equal(81920, samples["""actorsan_session_bytes_total{session="17",initiator="iqn.1993-08.org.debian:host",target="iqn.2026-01.org.actorsan:disks",direction="write"}"""]);
        Assert.Equal(100, samples["""actorsan_thread_turns_total{thread="io-0"}"""]);
        Assert.Equal(0, samples["""actorsan_member_reachable{member="zeus",role="storage"}"""]);
        Assert.Equal(1, samples["actorsan_majority_reachable"]);
    }

    [Fact]
    public void WhatIsGoneIsGoneFromThePage()
    {
        var model = new ModelManagement();
        Assert.Contains("volume=\"data\"", MetricsPage.Write(model.Metrics()), StringComparison.Ordinal);
        model.VolumesNow = [];
        string page = MetricsPage.Write(model.Metrics());
        Assert.DoesNotContain("volume=\"data\"", page, StringComparison.Ordinal);
        Assert.NotEmpty(Parse(page));
    }

    [Fact]
    public void LabelsAreEscaped()
    {
        var writer = new ExpositionWriter();
        writer.Family("a", "gauge", "one\ntwo \\").Sample(double.PositiveInfinity, ("l", "q\" b\\ n\n."));
        Assert.Equal("# HELP a one\\ntwo \\\\\n# TYPE a gauge\na{l=\"q\\\" b\\\\ n\\n.\"} +Inf\n", writer.ToString());
    }

    [Fact]
    public async Task HealthIsAStatusAndReasons()
    {
        await using TestServer server = await TestServer.Start();
        Assert.Equal(HttpStatusCode.OK, (await server.Send("GET", "/healthz")).Status);
        server.Model.HealthNow = new HealthReport("atlas", false, ["No majority of the catalog's voters is reachable."]);
        (HttpStatusCode status, System.Text.Json.JsonElement report) = await server.Send("GET", "/healthz");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, status);
        Assert.Equal("No majority of the catalog's voters is reachable.", report.GetProperty("reasons")[0].GetString());
    }

    /// <summary>Families whole and once, each sample once and under its family, histograms cumulative and ending with what they counted.</summary>
    private static Dictionary<string, double> Parse(string page)
    {
        Assert.EndsWith("\n", page, StringComparison.Ordinal);
        Assert.DoesNotContain('\r', page);
        var samples = new Dictionary<string, double>(StringComparer.Ordinal);
        var families = new HashSet<string>(StringComparer.Ordinal);
        string family = "", type = "";
        double below = -1;
        string[] lines = page[..^1].Split('\n');
        for (int i = 0; i < lines.Length; i++)
        {
            if (lines[i].StartsWith("# HELP ", StringComparison.Ordinal))
            {
                family = lines[i].Split(' ')[2];
                Assert.True(families.Add(family), family + " comes twice");
                string[] typed = lines[++i].Split(' ');
                Assert.Equal(["#", "TYPE", family], typed[..3]);
                type = typed[3];
                Assert.Contains(type, (string[])["counter", "gauge", "histogram"]);
                Assert.True(type != "counter" || family.EndsWith("_total", StringComparison.Ordinal), family + " is a counter and not named so");
                continue;
            }

            Match match = Sample.Match(lines[i]);
            Assert.True(match.Success, $"no sample: {lines[i]}");
            string name = match.Groups["name"].Value;
            double value = match.Groups["value"].Value == "+Inf" ? double.PositiveInfinity : double.Parse(match.Groups["value"].ValueSpan, CultureInfo.InvariantCulture);
            Assert.Contains(name, type == "histogram" ? [family + "_bucket", family + "_sum", family + "_count"] : (string[])[family]);
            Assert.True(samples.TryAdd(lines[i][..lines[i].LastIndexOf(' ')], value), $"twice: {lines[i]}");
            if (name.EndsWith("_bucket", StringComparison.Ordinal))
            {
                Assert.True(value >= below, $"not cumulative: {lines[i]}");
                below = value;
            }
            else if (name.EndsWith("_count", StringComparison.Ordinal) && type == "histogram")
            {
                Assert.Equal(below, value);
                below = -1;
            }
        }

        return samples;
    }
}
