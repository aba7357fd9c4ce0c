using System.Net;
using System.Text;
using System.Text.Json;
using ActorSan.Cluster.Management;
using Xunit;

namespace ActorSan.Tests.Node.Management;

/// <summary>Errors are problem details with a sentence (RFC 9457), and nothing is done.</summary>
public sealed class ProblemTests
{
    [Theory]
    [InlineData("GET", "/nothing", null, 404, "there is nothing at /nothing")]
    [InlineData("GET", "/api/v1/volumes/none", null, 404, "there is no volume none")]
    [InlineData("GET", "/api/v1/volumes/none/why", null, 404, "there is no volume none")]
    [InlineData("GET", "/api/v1/volumes/none/voters", null, 404, "there is no volume none")]
    [InlineData("GET", "/api/v1/nodes/ares", null, 404, "there is no node ares")]
    [InlineData("GET", "/api/v1/nodes/zeus/links", null, 503, "zeus does not answer")]
    [InlineData("GET", "/api/v1/volumes/data/history?count=0", null, 400, "count is 1 to 10000")]
    [InlineData("GET", "/api/v1/log?level=loud", null, 400, "not 'loud'")]
    [InlineData("PUT", "/api/v1/volumes", null, 405, "does not understand PUT")]
    [InlineData("POST", "/api/v1/volumes", "{", 400, "the body is not what is wanted")]
    [InlineData("POST", "/api/v1/volumes", """{"name":"x"}""", 400, "sizeBytes")]
    [InlineData("POST", "/api/v1/volumes", """{"name":"x","sizeBytes":512,"colour":"red"}""", 400, "colour")]
    [InlineData("POST", "/api/v1/volumes", """{"name":"x","sizeBytes":"512"}""", 400, "sizeBytes")]
    [InlineData("POST", "/api/v1/volumes", """{"name":null,"sizeBytes":512}""", 400, "name")]
    [InlineData("POST", "/api/v1/volumes", """{"name":"x","sizeBytes":512,"onNoQuorum":"panic"}""", 400, "onNoQuorum")]
    [InlineData("POST", "/api/v1/volumes", """{"name":"a b","sizeBytes":512}""", 400, "1 to 64 letters")]
    [InlineData("POST", "/api/v1/volumes", """{"name":"x","sizeBytes":513}""", 400, "no whole number of blocks")]
    [InlineData("POST", "/api/v1/volumes", """{"name":"x","sizeBytes":-512}""", 400, "more than 0 bytes")]
    [InlineData("POST", "/api/v1/volumes", """{"name":"x","sizeBytes":512,"blockSizeBytes":100}""", 400, "512 or 4096")]
    [InlineData("POST", "/api/v1/volumes", """{"name":"x","sizeBytes":512,"replicas":["a","a"]}""", 400, "named twice")]
    [InlineData("POST", "/api/v1/volumes", """{"name":"x","sizeBytes":512,"replicas":["a"],"preferredPrimary":"b"}""", 400, "not to have a replica")]
    [InlineData("POST", "/api/v1/volumes/data/promote", """{"node":"zeus","force":{"mayLose":["zeus"]}}""", 400, "is to be promoted")]
    [InlineData("POST", "/api/v1/volumes/data/replicas/zeus/replace", """{"by":"zeus"}""", 400, "another node")]
    [InlineData("PATCH", "/api/v1/volumes/data/settings", "{}", 400, "nothing is to be changed")]
    [InlineData("POST", "/api/v1/cluster/join", """{"address":"zeus"}""", 400, "not HOST:PORT")]
    [InlineData("POST", "/api/v1/targets", """{"iqn":"disks"}""", 400, "begins with iqn.")]
    [InlineData("PUT", "/api/v1/targets/iqn.2026-01.org.actorsan:disks/luns/16384", """{"volume":"data"}""", 400, "16383")]
    [InlineData("PUT", "/api/v1/targets/iqn.2026-01.org.actorsan:disks/luns/x", """{"volume":"data"}""", 400, "")]
    [InlineData("PUT", "/api/v1/targets/iqn.2026-01.org.actorsan:disks/chap", """{"user":"alice","secret":"short"}""", 400, "12 to 128 bytes")]
    [InlineData("PUT", "/api/v1/targets/iqn.2026-01.org.actorsan:disks/chap", """{"user":"a","secret":"123456789012","mutualUser":"b","mutualSecret":"123456789012"}""", 400, "same secret")]
    public async Task WhatIsWrongIsSaid(string method, string path, string? body, int status, string sentence)
    {
        await using TestServer server = await TestServer.Start();
        (HttpStatusCode code, JsonElement problem) = await server.Send(method, path, body);
        Assert.Equal(status, (int)code);
        Assert.Equal(status, problem.GetProperty("status").GetInt32());
        Assert.StartsWith("urn:actorsan:", problem.GetProperty("type").GetString(), StringComparison.Ordinal);
        Assert.Contains(sentence, problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
        Assert.NotEmpty(problem.GetProperty("detail").GetString()!);
        Assert.Empty(server.Model.Operations);
    }

    [Fact]
    public async Task ABodyThatIsNoJsonIsSaid()
    {
        await using TestServer server = await TestServer.Start();
        using HttpResponseMessage response = await server.Http.PostAsync("/api/v1/volumes", new StringContent("name=x", Encoding.UTF8, "application/x-www-form-urlencoded"));
        Assert.Equal(HttpStatusCode.UnsupportedMediaType, response.StatusCode);
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType!.MediaType);
        Assert.Contains("must be JSON", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task ABodyThatIsTooLongIsRefused()
    {
        await using TestServer server = await TestServer.Start(options => options with { MaxBodyBytes = 1000 });
        (HttpStatusCode status, JsonElement problem) = await server.Send("POST", "/api/v1/volumes", $$"""{"name":"{{new string('x', 2000)}}","sizeBytes":512}""");
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, status);
        Assert.NotEmpty(problem.GetProperty("detail").GetString()!);
    }

    [Theory]
    [InlineData(OutcomeKind.Refused, 409, "urn:actorsan:refused")]
    [InlineData(OutcomeKind.TryAgain, 503, "urn:actorsan:try-again")]
    [InlineData(OutcomeKind.NotFound, 404, "urn:actorsan:not-found")]
    public async Task AnOutcomeThatIsNotDoneIsAProblemWithItsRule(OutcomeKind kind, int status, string type)
    {
        await using TestServer server = await TestServer.Start();
        server.Model.Outcome = _ => new OperationOutcome(kind, "zeus is the last member.", "W7");
        (HttpStatusCode code, JsonElement problem) = await server.Send("POST", "/api/v1/volumes/data/replicas/zeus/detach");
        Assert.Equal(status, (int)code);
        Assert.Equal(type, problem.GetProperty("type").GetString());
        Assert.Equal("zeus is the last member.", problem.GetProperty("detail").GetString());
        Assert.Equal("W7", problem.GetProperty("rule").GetString());
    }

    [Fact]
    public async Task ANodeThatDoesNotKnowYetSaysSo()
    {
        await using TestServer server = await TestServer.Start();
        server.Model.Failure = new ManagementUnavailableException("The cluster has not been founded: run 'actorsan init' on one node.");
        (HttpStatusCode status, JsonElement problem) = await server.Send("GET", "/api/v1/volumes");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, status);
        Assert.Contains("actorsan init", problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
        Assert.Equal(1, (await server.Command("volume list")).ExitCode);
    }

    [Fact]
    public async Task AFaultOfTheProgramIsAProblemToo()
    {
        await using TestServer server = await TestServer.Start();
        server.Model.Failure = new InvalidOperationException("this can't be");
        (HttpStatusCode status, JsonElement problem) = await server.Send("GET", "/api/v1/cluster");
        Assert.Equal(HttpStatusCode.InternalServerError, status);
        Assert.Contains("this can't be", problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
        CommandResult answer = await server.Command("cluster show");
        Assert.Equal(1, answer.ExitCode);
        Assert.Contains("this can't be", answer.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task WhoeverIsSilentIsGivenUp()
    {
        await using TestServer server = await TestServer.Start(options => options with { QueryTimeout = TimeSpan.FromMilliseconds(50), OperationTimeout = TimeSpan.FromMilliseconds(50) });
        server.Model.Silent = true;
        (HttpStatusCode status, JsonElement problem) = await server.Send("GET", "/api/v1/nodes");
        Assert.Equal(HttpStatusCode.GatewayTimeout, status);
        Assert.Equal("urn:actorsan:unavailable", problem.GetProperty("type").GetString());
        (status, problem) = await server.Send("DELETE", "/api/v1/volumes/data");
        Assert.Equal(HttpStatusCode.GatewayTimeout, status);
        Assert.Equal("urn:actorsan:unknown-outcome", problem.GetProperty("type").GetString());
        Assert.Contains("do the same again, which is safe", (await server.Command("volume verify data")).Text, StringComparison.Ordinal);
    }
}
