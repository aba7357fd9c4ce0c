using ActorSan.Cluster.Management;
using ActorSan.Node.Management.Metrics;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace ActorSan.Node.Management.Api;

/// <summary>For monitors: <c>/healthz</c> and <c>/metrics</c>. Both answer without a question to an actor or another node.</summary>
internal static class HealthRoutes
{
    public static void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/healthz", (IManagement management) =>
            {
                HealthReport report = management.Health();
                return TypedResults.Json(report, statusCode: report.Healthy ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable);
            })
            .WithName("getHealth").WithSummary("200 when this node does what it should, 503 when not, with reasons; asks for no token").WithTags("monitoring")
            .Produces<HealthReport>(StatusCodes.Status200OK).Produces<HealthReport>(StatusCodes.Status503ServiceUnavailable);
        routes.MapGet("/metrics", ContentHttpResult (IManagement management) => TypedResults.Text(MetricsPage.Write(management.Metrics()), ExpositionWriter.ContentType))
            .WithName("getMetrics").WithSummary("What this node counts, in Prometheus' text format").WithTags("monitoring")
            .Produces<string>(StatusCodes.Status200OK, "text/plain").ProducesProblem(StatusCodes.Status401Unauthorized);
    }
}
