using ActorSan.Node.Management.Commands;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace ActorSan.Node.Management.Api;

/// <summary>What <c>pbm</c> rests on: commands as words, answers as tables and sentences.</summary>
internal static class CommandRoutes
{
    public static void Map(IEndpointRouteBuilder routes)
    {
        RouteGroupBuilder group = routes.MapGroup("/api/v1").WithTags("commands");
        group.MapGet("/palettes", (PaletteTable table) => TypedResults.Ok(table.Describe()))
            .Describe("listPalettes", "All commands, with their words and options");
        group.MapPost("/command", async (CommandRequest request, CommandRunner runner, CancellationToken cancellation) => TypedResults.Ok(await runner.Run(request, cancellation)))
            .Describe("runCommand", "Runs a command; its exit code says whether it was done").ProducesProblem(StatusCodes.Status400BadRequest);
        group.MapPost("/command/stream", (CommandStreamRequest request, HttpContext context, CommandRunner runner, ManagementOptions options, StreamEnd end) =>
                EventStream.Write(context, runner.Stream(request), options.StreamKeepAlive, end.Token))
            .Describe("streamCommand", "Runs a command that streams (events 'line'), or one again and again (events 'answer')")
            .ProducesProblem(StatusCodes.Status400BadRequest).Produces<CommandLineItem>(StatusCodes.Status200OK, EventStream.ContentType);
        group.MapPost("/complete", async (CompletionRequest request, PaletteTable table, ManagementGate gate, CancellationToken cancellation) =>
                TypedResults.Ok(await Completion.Of(table, gate, request, cancellation)))
            .Describe("completeCommand", "What may stand where somebody is typing").ProducesProblem(StatusCodes.Status400BadRequest);
    }
}
