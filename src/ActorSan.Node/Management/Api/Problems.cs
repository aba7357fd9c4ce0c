using System.Text.Json;
using ActorSan.Cluster.Management;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;

namespace ActorSan.Node.Management.Api;

/// <summary>Errors as RFC 9457 wants them: <c>detail</c> is a sentence for people, <c>type</c> is for programs.</summary>
internal static class Problems
{
    public const string Malformed = "urn:actorsan:malformed";
    public const string Unauthenticated = "urn:actorsan:unauthenticated";
    public const string Foreign = "urn:actorsan:foreign";
    public const string NotFound = "urn:actorsan:not-found";
    public const string Refused = "urn:actorsan:refused";
    public const string TryAgain = "urn:actorsan:try-again";
    public const string Unavailable = "urn:actorsan:unavailable";
    public const string UnknownOutcome = "urn:actorsan:unknown-outcome";
    public const string Fault = "urn:actorsan:fault";

    public static ProblemHttpResult Of(int status, string type, string sentence, string? rule = null) =>
        TypedResults.Problem(new ProblemDetails
        {
            Type = type,
            Title = Title(type),
            Status = status,
            Detail = sentence,
            Extensions = rule is null ? new Dictionary<string, object?>(StringComparer.Ordinal) : new Dictionary<string, object?>(StringComparer.Ordinal) { ["rule"] = rule },
        });

    public static ProblemHttpResult Missing(string what, string name) => Of(StatusCodes.Status404NotFound, NotFound, $"there is no {what} {name}");

    /// <summary>What became of a change: 200 with the outcome, or a problem.</summary>
    public static Results<Ok<OperationOutcome>, ProblemHttpResult> Of(OperationOutcome outcome) => outcome.Kind switch
    {
        OutcomeKind.Done => TypedResults.Ok(outcome),
        OutcomeKind.Refused => Of(StatusCodes.Status409Conflict, Refused, outcome.Sentence, outcome.Rule),
        OutcomeKind.TryAgain => Of(StatusCodes.Status503ServiceUnavailable, TryAgain, outcome.Sentence, outcome.Rule),
        OutcomeKind.NotFound => Of(StatusCodes.Status404NotFound, NotFound, outcome.Sentence, outcome.Rule),
        _ => throw new ArgumentOutOfRangeException(nameof(outcome)),
    };

    private static string Title(string type) => type switch
    {
        Malformed => "The request is not understood",
        Unauthenticated => "Who asks?",
        Foreign => "Not from there",
        NotFound => "There is no such thing",
        Refused => "Refused",
        TryAgain => "Not now",
        Unavailable => "The node can't answer now",
        UnknownOutcome => "It is not known whether it was done",
        Fault => "A fault of the program",
        _ => throw new ArgumentOutOfRangeException(nameof(type)),
    };
}

/// <summary>A request that is understood by its form and not by its content.</summary>
internal sealed class MalformedException(string message) : Exception(message);

/// <summary>Whatever ends a request without an answer of its own becomes a problem with a sentence.</summary>
internal sealed class ProblemMiddleware(RequestDelegate next, ManagementOptions options)
{
    public async Task InvokeAsync(HttpContext context)
    {
        try
        {
            await next(context);
            if (IsBare(context))
            {
                await Bare(context).ExecuteAsync(context);
            }
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // Nobody is there any more to be told.
        }
        catch (Exception failure) when (!context.Response.HasStarted)
        {
            await Of(failure, context).ExecuteAsync(context);
        }
    }

    // The framework's own answers have no body: no such path, wrong method, wrong content type.
    private static bool IsBare(HttpContext context) =>
        !context.Response.HasStarted && context.Response.StatusCode >= 400 && context.Response.ContentLength is null && context.Response.ContentType is null;

    private static ProblemHttpResult Bare(HttpContext context)
    {
        HttpRequest request = context.Request;
        return context.Response.StatusCode switch
        {
            StatusCodes.Status405MethodNotAllowed => Problems.Of(405, Problems.Malformed, $"{request.Path} does not understand {request.Method}; it understands {context.Response.Headers.Allow}"),
            StatusCodes.Status415UnsupportedMediaType => Problems.Of(415, Problems.Malformed, "the body must be JSON, with the header Content-Type: application/json"),
            StatusCodes.Status400BadRequest => Problems.Of(400, Problems.Malformed, "the request is not understood: look into /openapi.json for its form"),
            StatusCodes.Status404NotFound => Problems.Of(404, Problems.NotFound, $"there is nothing at {request.Path}; /openapi.json tells what there is"),
            var status => Problems.Of(status, Problems.Malformed, $"the request is refused with status {status}"),
        };
    }

    private ProblemHttpResult Of(Exception failure, HttpContext context)
    {
        switch (failure)
        {
            case MalformedException:
                return Problems.Of(StatusCodes.Status400BadRequest, Problems.Malformed, failure.Message);
            case BadHttpRequestException bad:
                return Problems.Of(bad.StatusCode, Problems.Malformed, bad.InnerException is JsonException json ? $"the body is not what is wanted here: {json.Message}" : bad.Message);
            case ManagementUnavailableException:
                return Problems.Of(StatusCodes.Status503ServiceUnavailable, Problems.Unavailable, failure.Message);
            case OperationCanceledException when HttpMethods.IsGet(context.Request.Method):
                return Problems.Of(StatusCodes.Status504GatewayTimeout, Problems.Unavailable, $"the answer did not come within {options.QueryTimeout.TotalSeconds} s: other nodes are silent, or this one is stuck");
            case OperationCanceledException:
                return Problems.Of(StatusCodes.Status504GatewayTimeout, Problems.UnknownOutcome, ManagementGate.UnknownOutcome(options));
            default:
                options.Log?.Error(failure, "The management API failed at {Method} {Path}", context.Request.Method, context.Request.Path);
                return Problems.Of(StatusCodes.Status500InternalServerError, Problems.Fault, $"the node failed at this ({failure.GetType().Name}: {failure.Message}); its log tells more");
        }
    }
}
