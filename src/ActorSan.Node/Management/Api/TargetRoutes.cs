using ActorSan.Cluster.Management;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace ActorSan.Node.Management.Api;

/// <param name="Iqn">iSCSI name.</param>
/// <param name="Open">Everybody is allowed.</param>
internal sealed record TargetCreation(string Iqn, string Alias = "", bool Open = false);

internal sealed record LunMapping(string Volume, bool ReadOnly = false);

/// <param name="Lun">Without it: the lowest that is free.</param>
internal sealed record LunCreation(string Volume, ulong? Lun = null, bool ReadOnly = false);

internal sealed record ChapRequest(string User, string Secret, string? MutualUser = null, string? MutualSecret = null);

/// <summary><c>/api/v1/targets</c> and <c>/api/v1/sessions</c>.</summary>
internal static class TargetRoutes
{
    public static void Map(IEndpointRouteBuilder routes)
    {
        RouteGroupBuilder group = routes.MapGroup("/api/v1/targets").WithTags("targets");
        group.MapGet("", async (ManagementGate gate, CancellationToken cancellation) => TypedResults.Ok(await gate.Ask((management, limit) => management.Targets(limit), cancellation)))
            .Describe("listTargets", "All targets");
        group.MapPost("", (TargetCreation request, ManagementGate gate, CancellationToken cancellation) =>
                gate.Answer(new ManagementOperation.CreateTarget(request.Iqn, request.Alias, request.Open), cancellation))
            .DescribeChange("createTarget", "Creates a target");
        group.MapGet("/{target}", (string target, ManagementGate gate, CancellationToken cancellation) =>
                gate.One("target", target, (management, limit) => management.Target(target, limit), cancellation))
            .DescribeOne("getTarget", "One target with its LUNs, portals and sessions");
        group.MapDelete("/{target}", (string target, ManagementGate gate, CancellationToken cancellation) => gate.Answer(new ManagementOperation.DeleteTarget(target), cancellation))
            .DescribeChange("deleteTarget", "Deletes a target and ends its sessions; volumes stay");
        group.MapPost("/{target}/luns", (string target, LunCreation request, ManagementGate gate, CancellationToken cancellation) =>
                gate.Answer(new ManagementOperation.MapLun(target, request.Lun, request.Volume, request.ReadOnly), cancellation))
            .DescribeChange("addLun", "Exports a volume, under the lowest LUN that is free or the one that is named");
        group.MapPut("/{target}/luns/{lun}", (string target, ulong lun, LunMapping request, ManagementGate gate, CancellationToken cancellation) =>
                gate.Answer(new ManagementOperation.MapLun(target, lun, request.Volume, request.ReadOnly), cancellation))
            .DescribeChange("mapLun", "Exports a volume under a LUN");
        group.MapDelete("/{target}/luns/{lun}", (string target, ulong lun, ManagementGate gate, CancellationToken cancellation) => gate.Answer(new ManagementOperation.UnmapLun(target, lun), cancellation))
            .DescribeChange("unmapLun", "Exports it no more");
        group.MapPut("/{target}/initiators/{initiator}", (string target, string initiator, ManagementGate gate, CancellationToken cancellation) =>
                gate.Answer(new ManagementOperation.AllowInitiator(target, initiator), cancellation))
            .DescribeChange("allowInitiator", "Lets an initiator in, or all that fit a pattern with *");
        group.MapDelete("/{target}/initiators/{initiator}", (string target, string initiator, ManagementGate gate, CancellationToken cancellation) =>
                gate.Answer(new ManagementOperation.DenyInitiator(target, initiator), cancellation))
            .DescribeChange("denyInitiator", "Lets it in no more, and ends its sessions");
        group.MapPut("/{target}/chap", (string target, ChapRequest request, ManagementGate gate, CancellationToken cancellation) =>
                gate.Answer(new ManagementOperation.SetChap(target, request.User, request.Secret, request.MutualUser, request.MutualSecret), cancellation))
            .DescribeChange("setChap", "Asks initiators for a proof, from the next login on");
        group.MapDelete("/{target}/chap", (string target, ManagementGate gate, CancellationToken cancellation) =>
                gate.Answer(new ManagementOperation.SetChap(target, null, null, null, null), cancellation))
            .DescribeChange("clearChap", "Asks for no proof");

        RouteGroupBuilder sessions = routes.MapGroup("/api/v1/sessions").WithTags("sessions");
        sessions.MapGet("", async (ManagementGate gate, CancellationToken cancellation) => TypedResults.Ok(await gate.Ask((management, limit) => management.Sessions(limit), cancellation)))
            .Describe("listSessions", "All sessions of all nodes");
        sessions.MapDelete("/{node}/{id}", (string node, long id, ManagementGate gate, CancellationToken cancellation) => gate.Answer(new ManagementOperation.KickSession(node, id), cancellation))
            .DescribeChange("kickSession", "Ends a session; its initiator may log in again");
    }
}
