using ActorSan.Cluster.Management;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace ActorSan.Node.Management.Api;

/// <param name="By">The node that takes the replica and its vote.</param>
internal sealed record ReplaceRequest(string By);

/// <param name="OldVoters">Not empty between the two steps of a change.</param>
internal sealed record VotersReport(IReadOnlyList<string> Voters, IReadOnlyList<string> OldVoters);

/// <summary><c>/api/v1/volumes/NAME/replicas</c> and <c>…/voters</c>.</summary>
internal static class ReplicaRoutes
{
    public static void Map(IEndpointRouteBuilder routes)
    {
        RouteGroupBuilder group = routes.MapGroup("/api/v1/volumes/{volume}/replicas").WithTags("replicas");
        group.MapGet("", async Task<Results<Ok<IReadOnlyList<ReplicaReport>>, ProblemHttpResult>> (string volume, ManagementGate gate, CancellationToken cancellation) =>
                await gate.Ask((management, limit) => management.Volume(volume, limit), cancellation) is { } found ? TypedResults.Ok(found.Replicas) : Problems.Missing("volume", volume))
            .DescribeOne("listReplicas", "The replicas of a volume");
        group.MapPut("/{node}", (string volume, string node, ManagementGate gate, CancellationToken cancellation) => gate.Answer(new ManagementOperation.AddReplica(volume, node), cancellation))
            .DescribeChange("addReplica", "Gives a node a replica");
        group.MapDelete("/{node}", (string volume, string node, ManagementGate gate, CancellationToken cancellation) => gate.Answer(new ManagementOperation.RemoveReplica(volume, node), cancellation))
            .DescribeChange("removeReplica", "Takes a node's replica away, with its vote");
        group.MapPost("/{node}/replace", (string volume, string node, ReplaceRequest request, ManagementGate gate, CancellationToken cancellation) =>
                gate.Answer(new ManagementOperation.ReplaceReplica(volume, node, request.By), cancellation))
            .DescribeChange("replaceReplica", "Gives a replica and its vote to another node");
        group.MapPost("/{node}/attach", (string volume, string node, ManagementGate gate, CancellationToken cancellation) => gate.Answer(new ManagementOperation.AttachReplica(volume, node), cancellation))
            .DescribeChange("attachReplica", "Takes a detached replica back into service");
        group.MapPost("/{node}/detach", (string volume, string node, ManagementGate gate, CancellationToken cancellation) => gate.Answer(new ManagementOperation.DetachReplica(volume, node), cancellation))
            .DescribeChange("detachReplica", "Takes a replica out of service");
        group.MapPost("/{node}/discard", (string volume, string node, ManagementGate gate, CancellationToken cancellation) => gate.Answer(new ManagementOperation.DiscardReplica(volume, node), cancellation))
            .DescribeChange("discardReplica", "Gives up what this replica has and the volume has not");

        RouteGroupBuilder voters = routes.MapGroup("/api/v1/volumes/{volume}/voters").WithTags("voters");
        voters.MapGet("", async Task<Results<Ok<VotersReport>, ProblemHttpResult>> (string volume, ManagementGate gate, CancellationToken cancellation) =>
                await gate.Ask((management, limit) => management.Volume(volume, limit), cancellation) is { } found
                    ? TypedResults.Ok(new VotersReport(found.Voters, found.OldVoters)) : Problems.Missing("volume", volume))
            .DescribeOne("listVoters", "The voters of a volume");
        voters.MapPut("/{node}", (string volume, string node, ManagementGate gate, CancellationToken cancellation) => gate.Answer(new ManagementOperation.AddVoter(volume, node), cancellation))
            .DescribeChange("addVoter", "Gives a node a vote");
        voters.MapDelete("/{node}", (string volume, string node, ManagementGate gate, CancellationToken cancellation) => gate.Answer(new ManagementOperation.RemoveVoter(volume, node), cancellation))
            .DescribeChange("removeVoter", "Takes a node's vote away");
    }
}
