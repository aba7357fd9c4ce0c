using System.ComponentModel;
using ActorSan.Cluster.Management;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace ActorSan.Node.Management.Api;

/// <param name="Replicas">Nodes; none: all of role storage.</param>
/// <param name="BlockSizeBytes">512 or 4096.</param>
/// <param name="Voters">Nodes; none: those of the replicas, and the witness.</param>
internal sealed record VolumeCreation(
    string Name,
    long SizeBytes,
    IReadOnlyList<string>? Replicas = null,
    int BlockSizeBytes = VolumeCreation.DefaultBlockSizeBytes,
    IReadOnlyList<string>? Voters = null,
    string? PreferredPrimary = null,
    OnNoQuorum OnNoQuorum = OnNoQuorum.Suspend,
    bool ConfirmReads = false)
{
    public const int DefaultBlockSizeBytes = 512;

    public ManagementOperation Operation() => new ManagementOperation.CreateVolume(Name, SizeBytes, Replicas ?? [], BlockSizeBytes, Voters ?? [], PreferredPrimary, OnNoQuorum, ConfirmReads);
}

internal sealed record SizeRequest(long SizeBytes);

/// <param name="Force">Without it, by the rules only.</param>
internal sealed record PromoteRequest(string Node, ForceRequest? Force = null);

/// <summary>What is accepted for a promotion by force.</summary>
/// <param name="Voters">Nodes that vote from then on; none: the node itself.</param>
/// <param name="MayLose">Members of the last in-sync set that can't be asked.</param>
/// <param name="Discards">Lineages that are given up, beside the node's own.</param>
internal sealed record ForceRequest(IReadOnlyList<string>? Voters = null, IReadOnlyList<string>? MayLose = null, IReadOnlyList<Guid>? Discards = null)
{
    public ForceOptions Options() => new(Voters ?? [], MayLose ?? [], Discards ?? []);
}

/// <param name="To">Without it: the preferred primary, else any in-sync replica.</param>
internal sealed record HandOverRequest(string? To = null);

/// <param name="Node">Without it: all that are out.</param>
/// <param name="Whole">All is compared, not only what is known to be missing.</param>
internal sealed record ResyncRequest(string? Node = null, bool Whole = false);

/// <summary>What is left away stays as it is.</summary>
/// <param name="PreferredPrimary">Empty: none from now on.</param>
internal sealed record SettingsChange(string? PreferredPrimary = null, OnNoQuorum? OnNoQuorum = null, bool? ConfirmReads = null);

/// <summary><c>/api/v1/volumes</c>.</summary>
internal static class VolumeRoutes
{
    public static void Map(IEndpointRouteBuilder routes)
    {
        RouteGroupBuilder group = routes.MapGroup("/api/v1/volumes").WithTags("volumes");
        group.MapGet("", async (ManagementGate gate, CancellationToken cancellation) => TypedResults.Ok(await gate.Ask((management, limit) => management.Volumes(limit), cancellation)))
            .Describe("listVolumes", "All volumes");
        group.MapPost("", (VolumeCreation request, ManagementGate gate, CancellationToken cancellation) => gate.Answer(request.Operation(), cancellation))
            .DescribeChange("createVolume", "Creates a volume with its replicas");
        group.MapGet("/{volume}", (string volume, ManagementGate gate, CancellationToken cancellation) =>
                gate.One("volume", volume, (management, limit) => management.Volume(volume, limit), cancellation))
            .DescribeOne("getVolume", "One volume with its replicas");
        group.MapDelete("/{volume}", (string volume, ManagementGate gate, CancellationToken cancellation) => gate.Answer(new ManagementOperation.DeleteVolume(volume), cancellation))
            .DescribeChange("deleteVolume", "Deletes a volume and what it holds, for ever");
        group.MapGet("/{volume}/why", (string volume, ManagementGate gate, CancellationToken cancellation) =>
                gate.One("volume", volume, (management, limit) => management.Why(volume, limit), cancellation))
            .DescribeOne("explainVolume", "Who is primary and why, what would happen if each node died now, what is refused by which rule");
        group.MapGet("/{volume}/history", (string volume, ManagementGate gate, CancellationToken cancellation, [Description("How many events at most")] int count = 100) =>
            {
                int most = count is > 0 and <= 10_000 ? count : throw new MalformedException($"count is 1 to 10000, not {count}");
                return gate.One("volume", volume, (management, limit) => management.History(volume, most, limit), cancellation);
            })
            .DescribeOne("getVolumeHistory", "Its newest events, oldest first");
        group.MapPatch("/{volume}/settings", (string volume, SettingsChange request, ManagementGate gate, CancellationToken cancellation) =>
                gate.Answer(new ManagementOperation.SetVolumeSettings(volume, request.PreferredPrimary, request.OnNoQuorum, request.ConfirmReads), cancellation))
            .DescribeChange("setVolumeSettings", "Changes settings");
        group.MapPost("/{volume}/resize", (string volume, SizeRequest request, ManagementGate gate, CancellationToken cancellation) =>
                gate.Answer(new ManagementOperation.ResizeVolume(volume, request.SizeBytes), cancellation))
            .DescribeChange("resizeVolume", "Makes a volume larger while it is served");
        group.MapPost("/{volume}/promote", (string volume, PromoteRequest request, ManagementGate gate, CancellationToken cancellation) =>
                gate.Answer(new ManagementOperation.PromoteVolume(volume, request.Node, request.Force?.Options()), cancellation))
            .DescribeChange("promoteVolume", "Makes a node primary, by the rules or by force");
        group.MapPost("/{volume}/handover", (string volume, HandOverRequest request, ManagementGate gate, CancellationToken cancellation) =>
                gate.Answer(new ManagementOperation.HandOverVolume(volume, request.To), cancellation))
            .DescribeChange("handOverVolume", "Makes the primary hand over to another in-sync replica");
        group.MapPost("/{volume}/verify", (string volume, ManagementGate gate, CancellationToken cancellation) => gate.Answer(new ManagementOperation.VerifyVolume(volume), cancellation))
            .DescribeChange("verifyVolume", "Compares all replicas while the volume is served");
        group.MapPost("/{volume}/resync", (string volume, ResyncRequest request, ManagementGate gate, CancellationToken cancellation) =>
                gate.Answer(new ManagementOperation.ResyncVolume(volume, request.Node, request.Whole), cancellation))
            .DescribeChange("resyncVolume", "Sends a replica now what it misses");
    }
}
