using System.Net;
using System.Net.Sockets;
using ActorSan.Node.Management;
using Xunit;

namespace ActorSan.Tests.Node.Management;

public sealed class ServerTests
{
    private const string Token = "0123456789abcdef";

    [Theory]
    [InlineData("0.0.0.0", null, "beyond loopback")]
    [InlineData("192.0.2.1", null, "beyond loopback")]
    [InlineData("::", null, "beyond loopback")]
    [InlineData("127.0.0.1", "short", "16 are the least")]
    [InlineData("0.0.0.0", "0123456789 abcdef", "blank")]
    public async Task WhatWouldBeUnsafeIsNotStarted(string address, string? token, string why)
    {
        var options = new ManagementOptions { Address = new IPEndPoint(IPAddress.Parse(address), 0), Token = token };
        ArgumentException refusal = await Assert.ThrowsAsync<ArgumentException>(() => ManagementServer.Start(options, new ModelManagement()));
        Assert.Contains(why, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AuthoritiesOfClientsWantACertificateOfTheNode()
    {
        using TestCertificates certificates = new();
        var options = new ManagementOptions { Address = new IPEndPoint(IPAddress.Any, 0), ClientAuthorities = [certificates.Authority] };
        Assert.Contains("give it a certificate too", options.Fault(), StringComparison.Ordinal);
        Assert.Null((options with { Certificate = certificates.Node }).Fault());
        Assert.Contains("no private key", (options with { Certificate = certificates.Authority.ExportWithoutKey() }).Fault(), StringComparison.Ordinal);
    }

    [Fact]
    public void ATokenIsEnoughBeyondLoopback() => Assert.Null(new ManagementOptions { Address = new IPEndPoint(IPAddress.Any, 0), Token = Token }.Fault());

    [Fact]
    public async Task APortThatIsTakenIsSaid()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        await Assert.ThrowsAsync<IOException>(() => ManagementServer.Start(new ManagementOptions { Address = (IPEndPoint)taken.LocalEndpoint }, new ModelManagement()));
    }

    [Fact]
    public async Task TheEnvironmentSaysNothing()
    {
        // Kestrel would listen where this says, beside what the configuration says.
        Environment.SetEnvironmentVariable("ASPNETCORE_URLS", "http://0.0.0.0:0");
        try
        {
            await using TestServer server = await TestServer.Start();
            Assert.Equal(IPAddress.Loopback, server.Server.Address.Address);
            Assert.NotEqual(0, server.Server.Address.Port);
        }
        finally
        {
            Environment.SetEnvironmentVariable("ASPNETCORE_URLS", null);
        }
    }

    [Theory]
    [InlineData(null, "send a token")]
    [InlineData("Bearer wrong", "not the one of this node")]
    [InlineData("Bearer " + Token + "x", "not the one of this node")]
    [InlineData("Basic YTpi", "not 'Bearer TOKEN'")]
    public async Task WithoutTheTokenThereIsNoAnswer(string? header, string why)
    {
        await using TestServer server = await TestServer.Start(options => options with { Token = Token });
        if (header is not null)
        {
            server.Http.DefaultRequestHeaders.Add("Authorization", header);
        }

        foreach (string path in (string[])["/api/v1/cluster", "/metrics", "/openapi.json", "/api/v1/events", "/nothing"])
        {
            (HttpStatusCode status, System.Text.Json.JsonElement problem) = await server.Send("GET", path);
            Assert.Equal(HttpStatusCode.Unauthorized, status);
            Assert.Contains(why, problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
        }

        Assert.Equal(HttpStatusCode.Unauthorized, (await server.Send("DELETE", "/api/v1/volumes/data")).Status);
        Assert.Empty(server.Model.Operations);
        Assert.Equal(HttpStatusCode.OK, (await server.Send("GET", "/healthz")).Status);
    }

    [Fact]
    public async Task WithTheTokenThereIs()
    {
        await using TestServer server = await TestServer.Start(options => options with { Token = Token });
        server.Http.DefaultRequestHeaders.Add("Authorization", "Bearer " + Token);
        Assert.Equal(HttpStatusCode.OK, (await server.Send("GET", "/api/v1/cluster")).Status);
        Assert.Contains("bearer", (await server.Send("GET", "/openapi.json")).Body.GetProperty("components").GetProperty("securitySchemes").ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Origin", "https://evil.example", 403)]
    [InlineData("Origin", "null", 403)]
    [InlineData("Host", "evil.example:9110", 403)]
    [InlineData("Host", "localhost:9110", 200)]
    [InlineData("Host", "atlas:9110", 200)]
    [InlineData("Host", "[::1]:9110", 200)]
    public async Task PagesOfOtherSitesInABrowserAreNotAnswered(string header, string value, int status)
    {
        await using TestServer server = await TestServer.Start();
        server.Http.DefaultRequestHeaders.TryAddWithoutValidation(header, value);
        Assert.Equal(status, (int)(await server.Send("POST", "/api/v1/cluster/down-unreachable")).Status);
        Assert.Equal(status == 200 ? 1 : 0, server.Model.Operations.Count);
    }

    [Fact]
    public async Task OnlyCertificatesOfTheAuthorityForClientsAreLetIn()
    {
        using TestCertificates certificates = new();
        using TestCertificates others = new();
        await using TestServer server = await TestServer.Start(options => options with { Certificate = certificates.Node, ClientAuthorities = [certificates.Authority] });
        Assert.Equal("https", server.Server.Url.Scheme);
        Assert.Equal(HttpStatusCode.OK, await Ask(server, certificates, certificates.Client));
        await Assert.ThrowsAsync<HttpRequestException>(() => Ask(server, certificates, null));
        await Assert.ThrowsAsync<HttpRequestException>(() => Ask(server, certificates, others.Client));
        await Assert.ThrowsAsync<HttpRequestException>(() => Ask(server, certificates, certificates.Node));
        await Assert.ThrowsAsync<HttpRequestException>(() => Ask(server, certificates, certificates.Expired));
    }

    [Fact]
    public async Task ACertificateIsNoToken()
    {
        using TestCertificates certificates = new();
        await using TestServer server = await TestServer.Start(options => options with { Certificate = certificates.Node, ClientAuthorities = [certificates.Authority], Token = Token });
        Assert.Equal(HttpStatusCode.Unauthorized, await Ask(server, certificates, certificates.Client));
        Assert.Equal(HttpStatusCode.OK, await Ask(server, certificates, certificates.Client, Token));
        await Assert.ThrowsAsync<HttpRequestException>(() => Ask(server, certificates, null, Token));
    }

    [Fact]
    public async Task AStreamEndsWhenTheServerStops()
    {
        await using TestServer server = await TestServer.Start();
        await using Stream stream = await server.Http.GetStreamAsync("/api/v1/events");
        await server.Model.Subscribed.Reader.ReadAsync();
        await server.Server.StopAsync();
        using var reader = new StreamReader(stream);
        Assert.StartsWith(": actorsan", await reader.ReadToEndAsync(), StringComparison.Ordinal);
    }

    private static async Task<HttpStatusCode> Ask(TestServer server, TestCertificates certificates, System.Security.Cryptography.X509Certificates.X509Certificate2? client, string? token = null)
    {
        using SocketsHttpHandler handler = certificates.Handler(client);
        using var http = new HttpClient(handler) { BaseAddress = server.Server.Url };
        http.DefaultRequestHeaders.Authorization = token is null ? null : new System.Net.Http.Headers.AuthenticationHeaderValue("Bearer", token);
        using HttpResponseMessage response = await http.GetAsync("/api/v1/cluster");
        return response.StatusCode;
    }
}
