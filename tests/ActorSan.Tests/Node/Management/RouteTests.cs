using System.Net;
using System.Text.Json;
using ActorSan.Cluster.Management;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Xunit;
using static ActorSan.Cluster.Management.ManagementOperation;

namespace ActorSan.Tests.Node.Management;

/// <summary>Every route: what it answers, or which change it makes.</summary>
public sealed class RouteTests
{
    private const string Target = ModelManagement.TargetName;
    private const string Host = "iqn.1993-08.org.debian:host";

    /// <summary>Method, route, path, body, and the change that is made of it.</summary>
    private static readonly (string Method, string Route, string Path, string? Body, ManagementOperation Operation)[] Changes =
    [
        ("POST", "/api/v1/cluster/join", "/api/v1/cluster/join", """{"address":"zeus:9100"}""", new JoinCluster("zeus:9100")),
        ("POST", "/api/v1/cluster/leave", "/api/v1/cluster/leave", """{"node":"zeus"}""", new LeaveCluster("zeus")),
        ("POST", "/api/v1/cluster/down", "/api/v1/cluster/down", """{"node":"zeus"}""", new DownNode("zeus")),
        ("POST", "/api/v1/cluster/down-unreachable", "/api/v1/cluster/down-unreachable", null, new DownUnreachable()),
        ("POST", "/api/v1/volumes", "/api/v1/volumes", """{"name":"logs","sizeBytes":1048576}""", new CreateVolume("logs", 1048576, [], 512, [], null, OnNoQuorum.Suspend, false)),
        ("POST", "/api/v1/volumes", "/api/v1/volumes",
            """{"name":"logs","sizeBytes":1048576,"replicas":["atlas","zeus"],"blockSizeBytes":4096,"voters":["atlas","zeus","hera"],"preferredPrimary":"zeus","onNoQuorum":"fail","confirmReads":true}""",
            new CreateVolume("logs", 1048576, ["atlas", "zeus"], 4096, ["atlas", "zeus", "hera"], "zeus", OnNoQuorum.Fail, true)),
        ("DELETE", "/api/v1/volumes/{volume}", "/api/v1/volumes/data", null, new DeleteVolume("data")),
        ("PATCH", "/api/v1/volumes/{volume}/settings", "/api/v1/volumes/data/settings", """{"preferredPrimary":"","confirmReads":true}""", new SetVolumeSettings("data", "", null, true)),
        ("POST", "/api/v1/volumes/{volume}/resize", "/api/v1/volumes/data/resize", """{"sizeBytes":2097152}""", new ResizeVolume("data", 2097152)),
        ("POST", "/api/v1/volumes/{volume}/promote", "/api/v1/volumes/data/promote", """{"node":"zeus"}""", new PromoteVolume("data", "zeus", null)),
        ("POST", "/api/v1/volumes/{volume}/promote", "/api/v1/volumes/data/promote",
            """{"node":"zeus","force":{"voters":["zeus"],"mayLose":["atlas"],"discards":["aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"]}}""",
            new PromoteVolume("data", "zeus", new ForceOptions(["zeus"], ["atlas"], [ModelManagement.Lineage]))),
        ("POST", "/api/v1/volumes/{volume}/handover", "/api/v1/volumes/data/handover", "{}", new HandOverVolume("data", null)),
        ("POST", "/api/v1/volumes/{volume}/handover", "/api/v1/volumes/data/handover", """{"to":"zeus"}""", new HandOverVolume("data", "zeus")),
        ("POST", "/api/v1/volumes/{volume}/verify", "/api/v1/volumes/data/verify", null, new VerifyVolume("data")),
        ("POST", "/api/v1/volumes/{volume}/resync", "/api/v1/volumes/data/resync", """{"node":"zeus","whole":true}""", new ResyncVolume("data", "zeus", true)),
        ("PUT", "/api/v1/volumes/{volume}/replicas/{node}", "/api/v1/volumes/data/replicas/zeus", null, new AddReplica("data", "zeus")),
        ("DELETE", "/api/v1/volumes/{volume}/replicas/{node}", "/api/v1/volumes/data/replicas/zeus", null, new RemoveReplica("data", "zeus")),
        ("POST", "/api/v1/volumes/{volume}/replicas/{node}/replace", "/api/v1/volumes/data/replicas/zeus/replace", """{"by":"ares"}""", new ReplaceReplica("data", "zeus", "ares")),
        ("POST", "/api/v1/volumes/{volume}/replicas/{node}/attach", "/api/v1/volumes/data/replicas/zeus/attach", null, new AttachReplica("data", "zeus")),
        ("POST", "/api/v1/volumes/{volume}/replicas/{node}/detach", "/api/v1/volumes/data/replicas/zeus/detach", null, new DetachReplica("data", "zeus")),
        ("POST", "/api/v1/volumes/{volume}/replicas/{node}/discard", "/api/v1/volumes/data/replicas/zeus/discard", null, new DiscardReplica("data", "zeus")),
        ("PUT", "/api/v1/volumes/{volume}/voters/{node}", "/api/v1/volumes/data/voters/hera", null, new AddVoter("data", "hera")),
        ("DELETE", "/api/v1/volumes/{volume}/voters/{node}", "/api/v1/volumes/data/voters/hera", null, new RemoveVoter("data", "hera")),
        ("POST", "/api/v1/targets", "/api/v1/targets", """{"iqn":"iqn.2026-01.org.actorsan:new"}""", new CreateTarget("iqn.2026-01.org.actorsan:new", "", false)),
        ("DELETE", "/api/v1/targets/{target}", $"/api/v1/targets/{Target}", null, new DeleteTarget(Target)),
        ("POST", "/api/v1/targets/{target}/luns", $"/api/v1/targets/{Target}/luns", """{"volume":"data"}""", new MapLun(Target, null, "data", false)),
        ("PUT", "/api/v1/targets/{target}/luns/{lun}", $"/api/v1/targets/{Target}/luns/3", """{"volume":"data","readOnly":true}""", new MapLun(Target, 3, "data", true)),
        ("DELETE", "/api/v1/targets/{target}/luns/{lun}", $"/api/v1/targets/{Target}/luns/0", null, new UnmapLun(Target, 0)),
        ("PUT", "/api/v1/targets/{target}/initiators/{initiator}", $"/api/v1/targets/{Target}/initiators/iqn.1993-08.org.debian:%2A", null, new AllowInitiator(Target, "iqn.1993-08.org.debian:*")),
        ("DELETE", "/api/v1/targets/{target}/initiators/{initiator}", $"/api/v1/targets/{Target}/initiators/{Host}", null, new DenyInitiator(Target, Host)),
        ("PUT", "/api/v1/targets/{target}/chap", $"/api/v1/targets/{Target}/chap", """{"user":"alice","secret":"correct horse battery","mutualUser":"san","mutualSecret":"staple horse battery"}""",
            new SetChap(Target, "alice", "correct horse battery", "san", "staple horse battery")),
        ("DELETE", "/api/v1/targets/{target}/chap", $"/api/v1/targets/{Target}/chap", null, new SetChap(Target, null, null, null, null)),
        ("DELETE", "/api/v1/sessions/{node}/{id}", "/api/v1/sessions/atlas/17", null, new KickSession("atlas", 17)),
        ("POST", "/api/v1/nodes/{node}/drain", "/api/v1/nodes/zeus/drain", null, new DrainNode("zeus")),
        ("POST", "/api/v1/nodes/{node}/undrain", "/api/v1/nodes/zeus/undrain", null, new UndrainNode("zeus")),
        ("DELETE", "/api/v1/nodes/{node}", "/api/v1/nodes/zeus", null, new ForgetNode("zeus")),
    ];

    /// <summary>Route, path, and a path into the answer with what stands there.</summary>
    private static readonly (string Route, string Path, string Where, string Value)[] Questions =
    [
        ("/api/v1/cluster", "/api/v1/cluster", "members.1.role", "witness"),
        ("/api/v1/cluster/members", "/api/v1/cluster/members", "2.reachable", "False"),
        ("/api/v1/volumes", "/api/v1/volumes", "0.sizeBytes", "10737418240"),
        ("/api/v1/volumes/{volume}", "/api/v1/volumes/data", "replicas.1.condition", "syncing"),
        ("/api/v1/volumes/{volume}/why", "/api/v1/volumes/data/why", "refused.0.rule", "P2"),
        ("/api/v1/volumes/{volume}/history", "/api/v1/volumes/data/history?count=1", "0.what", "dropped"),
        ("/api/v1/volumes/{volume}/replicas", "/api/v1/volumes/data/replicas", "1.toResyncBytes", "3145728"),
        ("/api/v1/volumes/{volume}/voters", "/api/v1/volumes/data/voters", "voters.1", "hera"),
        ("/api/v1/targets", "/api/v1/targets", "items.0.chapUser", "alice"),
        ("/api/v1/targets/{target}", $"/api/v1/targets/{Target}", "portals.1.state", "standby"),
        ("/api/v1/sessions", "/api/v1/sessions", "items.0.id", "17"),
        ("/api/v1/nodes", "/api/v1/nodes", "items.0.answered", "True"),
        ("/api/v1/nodes/{node}", "/api/v1/nodes/atlas", "versions.wire", "1"),
        ("/api/v1/nodes/{node}/stores", "/api/v1/nodes/atlas/stores", "0.path", "/srv/data.img"),
        ("/api/v1/nodes/{node}/threads", "/api/v1/nodes/atlas/threads", "0.engine", "io_uring"),
        ("/api/v1/nodes/{node}/links", "/api/v1/nodes/atlas/links", "0.queuedBytes", "4096"),
        ("/api/v1/nodes/{node}/actors", "/api/v1/nodes/atlas/actors", "children.1.children.0.name", "data"),
        ("/api/v1/palettes", "/api/v1/palettes", "0.commands.0.name", "show"),
        ("/healthz", "/healthz", "healthy", "True"),
    ];

    /// <summary>Tested elsewhere, each by a test of its own.</summary>
    private static readonly string[] Others =
    [
        "GET /api/v1/events", "GET /api/v1/log", "POST /api/v1/command", "POST /api/v1/command/stream", "POST /api/v1/complete", "GET /metrics", "GET /openapi.json",
    ];

    [Fact]
    public async Task EveryChangeReachesTheClusterAsItWasAsked()
    {
        await using TestServer server = await TestServer.Start();
        foreach ((string method, _, string path, string? body, ManagementOperation operation) in Changes)
        {
            (HttpStatusCode status, JsonElement answer) = await server.Send(method, path, body);
            Assert.True(status == HttpStatusCode.OK, $"{method} {path}: {status} {answer}");
            Assert.Equal("done", answer.GetProperty("kind").GetString());
            Assert.True(server.Model.Operations.TryDequeue(out ManagementOperation? made), $"{method} {path} made no change");
            Assert.Equivalent(operation, made, strict: true);
            Assert.Equal(operation.GetType(), made.GetType());
        }
    }

    [Fact]
    public async Task EveryQuestionIsAnswered()
    {
        await using TestServer server = await TestServer.Start();
        foreach ((_, string path, string where, string value) in Questions)
        {
            (HttpStatusCode status, JsonElement answer) = await server.Send("GET", path);
            Assert.True(status == HttpStatusCode.OK, $"{path}: {status} {answer}");
            Assert.Equal(value, At(answer, where));
        }

        Assert.Empty(server.Model.Operations);
    }

    [Fact]
    public async Task NoRouteIsForgotten()
    {
        await using TestServer server = await TestServer.Start();
        IEnumerable<string> tried = Changes.Select(change => $"{change.Method} {change.Route}").Concat(Questions.Select(question => $"GET {question.Route}")).Concat(Others);
        Assert.Equal(tried.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal), Routes(server).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void NoChangeIsForgotten() =>
        Assert.Equal(
            typeof(ManagementOperation).GetNestedTypes().Where(type => type.IsSubclassOf(typeof(ManagementOperation))).Select(type => type.Name).Order(StringComparer.Ordinal),
            Changes.Select(change => change.Operation.GetType().Name).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal));

    [Fact]
    public async Task TheDocumentTellsOfEveryRouteAndOfNothingElse()
    {
        await using TestServer server = await TestServer.Start();
        (HttpStatusCode status, JsonElement document) = await server.Send("GET", "/openapi.json");
        Assert.Equal(HttpStatusCode.OK, status);
        Assert.StartsWith("3.1", document.GetProperty("openapi").GetString(), StringComparison.Ordinal);
        (string Route, JsonElement Operation)[] operations =
        [
            .. document.GetProperty("paths").EnumerateObject().SelectMany(path => path.Value.EnumerateObject().Select(method => ($"{method.Name.ToUpperInvariant()} {path.Name}", method.Value))),
        ];
        Assert.Equal(Routes(server).Where(route => route != "GET /openapi.json").Order(StringComparer.Ordinal), operations.Select(operation => operation.Route).Order(StringComparer.Ordinal));
        Assert.Equal(operations.Length, operations.Select(operation => operation.Operation.GetProperty("operationId").GetString()).Distinct(StringComparer.Ordinal).Count());
        Assert.All(operations, operation => Assert.NotEmpty(operation.Operation.GetProperty("summary").GetString()!));
        JsonElement schemas = document.GetProperty("components").GetProperty("schemas");
        Assert.All(References(document), reference => Assert.True(schemas.TryGetProperty(reference["#/components/schemas/".Length..], out _), reference + " leads nowhere"));
        Assert.Contains("\"syncing\"", schemas.GetProperty("ReplicaCondition").ToString(), StringComparison.Ordinal);
    }

    private static string[] Routes(TestServer server) =>
    [
        .. server.Server.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>().SelectMany(endpoint =>
            endpoint.Metadata.GetMetadata<Microsoft.AspNetCore.Routing.HttpMethodMetadata>()!.HttpMethods.Select(method => $"{method} {Pattern(endpoint)}")),
    ];

    private static string Pattern(RouteEndpoint endpoint) => "/" + endpoint.RoutePattern.RawText!.Trim('/');

    private static string At(JsonElement element, string where) =>
        where.Split('.').Aggregate(element, (at, step) => int.TryParse(step, System.Globalization.CultureInfo.InvariantCulture, out int index) ? at[index] : at.GetProperty(step)).ToString();

    private static IEnumerable<string> References(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Array => element.EnumerateArray().SelectMany(References),
        JsonValueKind.Object => element.EnumerateObject().SelectMany(property =>
            property.NameEquals("$ref") && property.Value.ValueKind == JsonValueKind.String && property.Value.GetString()!.StartsWith("#/components/schemas/", StringComparison.Ordinal)
                ? [property.Value.GetString()!] : References(property.Value)),
        _ => [],
    };
}
