using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using ActorSan.Cluster.Management;
using ActorSan.Tests.Node;
using ActorSan.Tests.Node.Management;
using Xunit;

namespace ActorSan.Tests.Pbm;

/// <summary>pbm, a real process, at a real node's API with a model behind it.</summary>
[Collection(Alone.Name)]
public sealed class ProcessTests : IAsyncLifetime, IDisposable
{
    private const string Token = "a token that is long enough";
    private readonly TemporaryDirectory _home = new();
    private TestServer _server = null!;

    public async Task InitializeAsync() => _server = await TestServer.Start();

    public async Task DisposeAsync() => await _server.DisposeAsync();

    public void Dispose() => _home.Dispose();

    [Fact]
    public async Task TablesAreForPeople()
    {
        (int code, string output, string error) = await Pbm("volume", "list");
        Assert.Equal((0, ""), (code, error));
        string[] lines = output.Split('\n');
        Assert.Equal(["Volume", "Size", "Condition", "Primary", "In", "sync", "To", "resync", "LUNs"], lines[0].Split(' ', StringSplitOptions.RemoveEmptyEntries));
        Assert.StartsWith("data", lines[1], StringComparison.Ordinal);
        Assert.DoesNotContain('\e', output);
        (_, output, _) = await Pbm("volume", "why", "data");
        Assert.Contains("volume promote data zeus: zeus is no member of the in-sync set. (rule P2)", output, StringComparison.Ordinal);
        (_, output, _) = await Pbm("actor", "hierarchy");
        Assert.Contains("data (VolumeActor)", output, StringComparison.Ordinal);
        (_, output, _) = await Pbm("help");
        Assert.Contains("node drain NODE", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task JsonIsForPrograms()
    {
        (int code, string output, _) = await Pbm("--json", "volume", "show", "data");
        Assert.Equal(0, code);
        Assert.Equal(10L << 30, JsonDocument.Parse(output).RootElement.GetProperty("sizeBytes").GetInt64());
        (code, output, _) = await Pbm("volume", "show", "none", "--json");
        Assert.Equal(1, code);
        Assert.Equal("there is no volume none", JsonDocument.Parse(output).RootElement.GetProperty("sentence").GetString());
    }

    [Theory]
    [InlineData(2, "did you mean 'volume'?", "volum", "list")]
    [InlineData(2, "NAME is missing", "volume", "show")]
    [InlineData(1, "there is no volume none", "volume", "show", "none")]
    [InlineData(1, "add --yes", "volume", "delete", "data")]
    [InlineData(1, "no secret was given", "target", "chap", ModelManagement.TargetName, "--user", "alice")]
    [InlineData(2, "--watch takes 0.2 to 3600", "volume", "list", "--watch", "4000")]
    [InlineData(2, "cannot be read", "--token", "/nowhere/token", "volume", "list")]
    [InlineData(2, "cannot be used", "--ca", "/nowhere/ca", "volume", "list")]
    public async Task WhatIsWrongIsSaidOnStandardError(int exitCode, string sentence, params string[] words)
    {
        (int code, string output, string error) = await Pbm(words);
        Assert.Equal((exitCode, ""), (code, output));
        Assert.Contains(sentence, error, StringComparison.Ordinal);
        Assert.Empty(_server.Model.Operations);
    }

    [Fact]
    public async Task AChangeIsMade()
    {
        (int code, string output, _) = await Pbm("volume", "create", "logs", "10GiB", "--replicas", "atlas,zeus");
        Assert.Equal((0, "CreateVolume was done."), (code, output.Trim()));
        (code, _, _) = await Pbm("volume", "delete", "data", "--yes");
        Assert.Equal(0, code);
        Assert.Equal(["CreateVolume", "DeleteVolume"], _server.Model.Operations.Select(operation => operation.GetType().Name));
        _server.Model.Outcome = _ => OperationOutcome.Refused("no.", "W7");
        Assert.Equal(1, (await Pbm("volume", "verify", "data")).Code);
    }

    [Fact]
    public async Task ASecretComesByStandardInput()
    {
        (int code, _, _) = await PbmProcess.Run("correct horse battery\n", _home.Path, _server.Server.Address.ToString(), "target", "chap", ModelManagement.TargetName, "--user", "alice");
        Assert.Equal(0, code);
        Assert.Equal("correct horse battery", Assert.IsType<ManagementOperation.SetChap>(Assert.Single(_server.Model.Operations)).Secret);
    }

    [Fact]
    public async Task LinesOfStandardInputAreAScriptThatEndsAtTheFirstFailure()
    {
        (int code, string output, string error) = await PbmProcess.Run("# a comment\n\ncluster leader\nvolume show none\ncluster show\n", _home.Path, _server.Server.Address.ToString());
        Assert.Equal((1, "atlas"), (code, output.Trim()));
        Assert.Contains("there is no volume none", error, StringComparison.Ordinal);
        Assert.Equal(0, (await PbmProcess.Run("cluster leader\nexit\nnonsense\n", _home.Path, _server.Server.Address.ToString())).Code);
    }

    [Fact]
    public async Task ATailGoesOnAndEndsWithTheNode()
    {
        using Process process = PbmProcess.Start(_home.Path, _server.Server.Address.ToString(), "--json", "cluster", "tail");
        await _server.Model.Subscribed.Reader.ReadAsync();
        foreach (string subject in (string[])["data", "logs"])
        {
            _server.Model.Feed(new ManagementEvent(ModelManagement.Time, "atlas", EventKind.Volume, EventSeverity.Information, subject, "It happened."));
            string line = (await process.StandardOutput.ReadLineAsync())!;
            Assert.Equal(subject, JsonDocument.Parse(line).RootElement.GetProperty("subject").GetString());
        }

        await _server.Server.StopAsync();
        await process.WaitForExitAsync();
        Assert.Contains(process.ExitCode, (int[])[0, 3]);
    }

    [Fact]
    public async Task AWatchRepeatsUntilItIsInterrupted()
    {
        using Process process = PbmProcess.Start(_home.Path, _server.Server.Address.ToString(), "cluster", "leader", "--watch", "0.2");
        List<string> lines = [];
        while (lines.Count(line => line == "atlas") < 2)
        {
            lines.Add((await process.StandardOutput.ReadLineAsync())!.Trim());
        }

        using Process kill = Process.Start("kill", ["-INT", process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
        await kill.WaitForExitAsync();
        await process.WaitForExitAsync();
        Assert.Equal(0, process.ExitCode);
        Assert.Contains(lines, line => line.Contains(": cluster leader", StringComparison.Ordinal));
    }

    [Fact]
    public async Task ANodeThatIsNotThereHasAnExitCodeOfItsOwn()
    {
        string address;
        using (var free = new TcpListener(IPAddress.Loopback, 0))
        {
            free.Start();
            address = free.LocalEndpoint.ToString()!;
        }

        (int code, _, string error) = await PbmProcess.Run(null, _home.Path, address, "cluster", "show");
        Assert.Equal(3, code);
        Assert.Contains("nobody listens at " + address, error, StringComparison.Ordinal);
        (code, _, error) = await PbmProcess.Run(null, _home.Path, "no-such-host.invalid:1", "cluster", "show");
        Assert.Equal(3, code);
        Assert.Contains("no-such-host.invalid", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ATokenIsShownAndAWrongOneRefused()
    {
        await using TestServer server = await TestServer.Start(options => options with { Token = Token.Replace(' ', '-') });
        string right = _home.Write("right", Token.Replace(' ', '-') + "\n"), wrong = _home.Write("wrong", "another\n"), open = _home.Write("open", "x\n", (UnixFileMode)0x1A4);
        string address = server.Server.Address.ToString();
        Assert.Equal(0, (await PbmProcess.Run(null, _home.Path, address, "--token", right, "cluster", "leader")).Code);
        (int code, _, string error) = await PbmProcess.Run(null, _home.Path, address, "--token", wrong, "cluster", "leader");
        Assert.Equal(1, code);
        Assert.Contains("not the one of this node", error, StringComparison.Ordinal);
        (code, _, error) = await PbmProcess.Run(null, _home.Path, address, "cluster", "leader");
        Assert.Equal(1, code);
        Assert.Contains("pbm --token FILE", error, StringComparison.Ordinal);
        (code, _, error) = await PbmProcess.Run(null, _home.Path, address, "--token", open, "cluster", "leader");
        Assert.Equal(2, code);
        Assert.Contains("chmod 600", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task CertificatesProveBothSides()
    {
        using TestCertificates certificates = new();
        using TestCertificates others = new();
        await using TestServer server = await TestServer.Start(options => options with { Certificate = certificates.Node, ClientAuthorities = [certificates.Authority] });
        string authority = _home.Write("ca.pem", certificates.Authority.ExportCertificatePem()), other = _home.Write("other.pem", others.Authority.ExportCertificatePem());
        string certificate = _home.Write("admin.pem", certificates.Client.ExportCertificatePem());
        using System.Security.Cryptography.ECDsa privateKey = System.Security.Cryptography.X509Certificates.ECDsaCertificateExtensions.GetECDsaPrivateKey(certificates.Client)!;
        string key = _home.Write("admin.key", privateKey.ExportPkcs8PrivateKeyPem());
        string address = server.Server.Address.ToString();
        (int code, string output, string error) = await PbmProcess.Run(null, _home.Path, address, "--ca", authority, "--cert", certificate, "--key", key, "cluster", "leader");
        Assert.Equal((0, "atlas", ""), (code, output.Trim(), error));
        Assert.Equal(3, (await PbmProcess.Run(null, _home.Path, address, "--ca", authority, "cluster", "leader")).Code);
        (code, _, error) = await PbmProcess.Run(null, _home.Path, address, "--ca", other, "--cert", certificate, "--key", key, "cluster", "leader");
        Assert.Equal(3, code);
        Assert.Contains("is not who it should be", error, StringComparison.Ordinal);
        (code, _, error) = await PbmProcess.Run(null, _home.Path, address, "cluster", "leader");
        Assert.Equal(3, code);
        Assert.Contains("--ca FILE", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task HelpAndVersionWantNoNode()
    {
        (int code, string output, _) = await PbmProcess.Run(null, _home.Path, "--help");
        Assert.Equal(0, code);
        Assert.Contains("Exit codes: 0 done, 1 failed or refused, 2 the command line is wrong, 3 the node cannot be reached.", output, StringComparison.Ordinal);
        Assert.Matches(@"^pbm \d+\.\d+\.\d+", (await PbmProcess.Run(null, _home.Path, "--version")).Output);
        Assert.Equal(2, (await PbmProcess.Run(null, _home.Path)).Code);
    }

    private Task<(int Code, string Output, string Error)> Pbm(params string[] words) => PbmProcess.Run(null, _home.Path, [_server.Server.Address.ToString(), .. words]);
}
