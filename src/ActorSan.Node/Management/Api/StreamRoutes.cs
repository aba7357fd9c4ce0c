using System.ComponentModel;
using ActorSan.Cluster.Management;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace ActorSan.Node.Management.Api;

/// <summary>What happens and what is logged, as it comes.</summary>
internal static class StreamRoutes
{
    public static void Map(IEndpointRouteBuilder routes)
    {
        RouteGroupBuilder group = routes.MapGroup("/api/v1").WithTags("streams");
        group.MapGet("/events", (HttpContext context, IManagement management, ManagementOptions options, StreamEnd end) =>
                EventStream.Write(context, EventStream.Of(management.Events(options.StreamCapacity), "event"), options.StreamKeepAlive, end.Token))
            .Describe("streamEvents", "What happens in the cluster from now on: events 'event' and, for a reader that was too slow, 'lost'")
            .Produces<ManagementEvent>(StatusCodes.Status200OK, EventStream.ContentType);
        group.MapGet("/log", (HttpContext context, IManagement management, ManagementOptions options, StreamEnd end,
                [Description("debug, information, warning, error or fatal")] string level = "information", [Description("Lines of before, at most")] int last = 10) =>
                EventStream.Write(context, EventStream.Of(management.Log(Severity(level), Lines(last), options.StreamCapacity), "line"), options.StreamKeepAlive, end.Token))
            .Describe("streamLog", "The log of this node: events 'line' and, for a reader that was too slow, 'lost'")
            .ProducesProblem(StatusCodes.Status400BadRequest)
            .Produces<LogLine>(StatusCodes.Status200OK, EventStream.ContentType);
    }

    private static LogSeverity Severity(string level) =>
        Enum.TryParse(level, ignoreCase: true, out LogSeverity severity) && !char.IsAsciiDigit(level[0]) ? severity
            : throw new MalformedException($"level is debug, information, warning, error or fatal, not '{level}'");

    private static int Lines(int last) => last is >= 0 and <= 100_000 ? last : throw new MalformedException($"last is 0 to 100000, not {last}");
}
