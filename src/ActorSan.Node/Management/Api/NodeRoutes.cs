using ActorSan.Cluster.Management;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace ActorSan.Node.Management.Api;

/// <summary><c>/api/v1/nodes</c>, and of each its stores, threads, links and actors.</summary>
internal static class NodeRoutes
{
    public static void Map(IEndpointRouteBuilder routes)
    {
        RouteGroupBuilder group = routes.MapGroup("/api/v1/nodes").WithTags("nodes");
        group.MapGet("", async (ManagementGate gate, CancellationToken cancellation) => TypedResults.Ok(await gate.Ask((management, limit) => management.Nodes(limit), cancellation)))
            .Describe("listNodes", "All nodes");
        group.MapGet("/{node}", (string node, ManagementGate gate, CancellationToken cancellation) =>
                gate.One("node", node, (management, limit) => management.NodeNamed(node, limit), cancellation))
            .DescribeOne("getNode", "One node with its stores, threads and links");
        MapPart(group, "stores", "listStores", "Its stores", report => report.Stores);
        MapPart(group, "threads", "listThreads", "Its I/O threads", report => report.Threads);
        MapPart(group, "links", "listLinks", "Its links with other nodes", report => report.Links);
        group.MapGet("/{node}/actors", (string node, ManagementGate gate, CancellationToken cancellation) =>
                gate.One("node", node, (management, limit) => management.Actors(node, limit), cancellation))
            .DescribeOne("listActors", "Its actors, as a tree");
        group.MapPost("/{node}/drain", (string node, ManagementGate gate, CancellationToken cancellation) => gate.Answer(new ManagementOperation.DrainNode(node), cancellation))
            .DescribeChange("drainNode", "Makes a node hand over its volumes and serve none");
        group.MapPost("/{node}/undrain", (string node, ManagementGate gate, CancellationToken cancellation) => gate.Answer(new ManagementOperation.UndrainNode(node), cancellation))
            .DescribeChange("undrainNode", "Lets it serve again");
        group.MapDelete("/{node}", (string node, ManagementGate gate, CancellationToken cancellation) => gate.Answer(new ManagementOperation.ForgetNode(node), cancellation))
            .DescribeChange("forgetNode", "Gives up a node that never returns, with its replicas and votes");
    }

    private static void MapPart<T>(RouteGroupBuilder group, string part, string name, string summary, Func<NodeReport, IReadOnlyList<T>> select) =>
        group.MapGet($"/{{node}}/{part}", async Task<Results<Ok<IReadOnlyList<T>>, ProblemHttpResult>> (string node, ManagementGate gate, CancellationToken cancellation) =>
                await gate.Ask((management, limit) => management.NodeNamed(node, limit), cancellation) switch
                {
                    null => Problems.Missing("node", node),
                    { Answered: false } => Problems.Of(StatusCodes.Status503ServiceUnavailable, Problems.Unavailable, $"{node} does not answer"),
                    var found => TypedResults.Ok(select(found)),
                })
            .DescribeOne(name, summary);
}
