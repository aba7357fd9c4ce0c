using ActorSan.Cluster.Management;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace ActorSan.Node.Management.Api;

/// <param name="Address">HOST:PORT of the control messages of a member.</param>
internal sealed record JoinRequest(string Address);

internal sealed record NodeRequest(string Node);

/// <summary><c>/api/v1/cluster</c>: who belongs to it.</summary>
internal static class ClusterRoutes
{
    public static void Map(IEndpointRouteBuilder routes)
    {
        RouteGroupBuilder group = routes.MapGroup("/api/v1/cluster").WithTags("cluster");
        group.MapGet("", async (ManagementGate gate, CancellationToken cancellation) => TypedResults.Ok(await gate.Ask((management, limit) => management.Cluster(limit), cancellation)))
            .Describe("getCluster", "The cluster as this node sees it, with its members");
        group.MapGet("/members", async (ManagementGate gate, CancellationToken cancellation) =>
                TypedResults.Ok((await gate.Ask((management, limit) => management.Cluster(limit), cancellation)).Members))
            .Describe("listMembers", "The members");
        group.MapPost("/join", (JoinRequest request, ManagementGate gate, CancellationToken cancellation) => gate.Answer(new ManagementOperation.JoinCluster(request.Address), cancellation))
            .DescribeChange("joinCluster", "Makes this node join the cluster of the member at an address");
        group.MapPost("/leave", (NodeRequest request, ManagementGate gate, CancellationToken cancellation) => gate.Answer(new ManagementOperation.LeaveCluster(request.Node), cancellation))
            .DescribeChange("leaveCluster", "Makes a node hand over its volumes and leave");
        group.MapPost("/down", (NodeRequest request, ManagementGate gate, CancellationToken cancellation) => gate.Answer(new ManagementOperation.DownNode(request.Node), cancellation))
            .DescribeChange("downNode", "Takes a node for gone, whatever it does");
        group.MapPost("/down-unreachable", (ManagementGate gate, CancellationToken cancellation) => gate.Answer(new ManagementOperation.DownUnreachable(), cancellation))
            .DescribeChange("downUnreachable", "Takes all nodes for gone that are unreachable from this one");
    }
}

/// <summary>What every route says of itself in the document, in the same words.</summary>
internal static class RouteDescription
{
    public static RouteHandlerBuilder Describe(this RouteHandlerBuilder route, string name, string summary) =>
        route.WithName(name).WithSummary(summary)
            .ProducesProblem(StatusCodes.Status401Unauthorized).ProducesProblem(StatusCodes.Status503ServiceUnavailable).ProducesProblem(StatusCodes.Status504GatewayTimeout);

    public static RouteHandlerBuilder DescribeOne(this RouteHandlerBuilder route, string name, string summary) =>
        route.Describe(name, summary).ProducesProblem(StatusCodes.Status404NotFound);

    public static RouteHandlerBuilder DescribeChange(this RouteHandlerBuilder route, string name, string summary) =>
        route.DescribeOne(name, summary).ProducesProblem(StatusCodes.Status400BadRequest).ProducesProblem(StatusCodes.Status409Conflict);

    /// <summary>Carries a change out and says what became of it.</summary>
    public static async Task<Results<Ok<OperationOutcome>, ProblemHttpResult>> Answer(this ManagementGate gate, ManagementOperation operation, CancellationToken cancellation) =>
        Problems.Of(await gate.Do(operation, cancellation));

    public static async Task<Results<Ok<T>, ProblemHttpResult>> One<T>(
        this ManagementGate gate, string what, string name, Func<IManagement, CancellationToken, Task<T?>> question, CancellationToken cancellation)
        where T : class =>
        await gate.Ask(question, cancellation) is { } found ? TypedResults.Ok(found) : Problems.Missing(what, name);
}
