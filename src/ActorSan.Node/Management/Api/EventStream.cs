using System.Runtime.CompilerServices;
using System.Text.Json;
using ActorSan.Cluster.Management;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace ActorSan.Node.Management.Api;

/// <summary>One thing on a stream: the kind that a reader dispatches on, and what is sent as JSON.</summary>
internal readonly record struct StreamItem(string Kind, object Data);

/// <summary>Told when a slow reader has lost something; <paramref name="Total"/> since the stream began.</summary>
internal sealed record LostReport(long Total);

/// <summary>Server-sent events (WHATWG HTML §9.2): UTF-8, one JSON document in each event's data.</summary>
internal static class EventStream
{
    public const string ContentType = "text/event-stream";

    /// <summary>Sends until the items end, the reader goes, or the server stops.</summary>
    public static async Task Write(HttpContext context, IAsyncEnumerable<StreamItem> items, TimeSpan keepAlive, CancellationToken end)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, end);
        HttpResponse response = context.Response;
        response.ContentType = ContentType;
        response.Headers.CacheControl = "no-cache";
        context.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
        await using IAsyncEnumerator<StreamItem> next = items.GetAsyncEnumerator(either.Token);

        // Before anything can fail: only an iterator that has begun ends its subscription when it is disposed of.
        Task<bool> move = next.MoveNextAsync().AsTask();
        try
        {
            await response.StartAsync(either.Token);
            await response.WriteAsync(": actorsan\n\n", either.Token);
            await response.Body.FlushAsync(either.Token);
            while (true)
            {
                if (!await Finished(move, keepAlive))
                {
                    await response.WriteAsync(":\n\n", either.Token);
                }
                else if (await move)
                {
                    await response.WriteAsync($"event: {next.Current.Kind}\ndata: {JsonSerializer.Serialize(next.Current.Data, ApiJson.Options)}\n\n", either.Token);
                    move = next.MoveNextAsync().AsTask();
                }
                else
                {
                    return;
                }

                await response.Body.FlushAsync(either.Token);
            }
        }
        catch (OperationCanceledException) when (either.IsCancellationRequested)
        {
            // The reader has gone, or the server stops: both end a stream.
        }
        finally
        {
            // An iterator can't be disposed of while it runs.
            await either.CancelAsync();
            await move.ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        }
    }

    /// <summary>A subscription as items; losses are told before what came after them. It is disposed of at the end.</summary>
    public static async IAsyncEnumerable<StreamItem> Of<T>(ISubscription<T> subscription, string kind, [EnumeratorCancellation] CancellationToken cancellation = default)
        where T : notnull
    {
        using (subscription)
        {
            long told = 0;
            while (await subscription.Reader.WaitToReadAsync(cancellation))
            {
                while (subscription.Reader.TryRead(out T? item))
                {
                    if (subscription.Lost is var lost && lost > told)
                    {
                        told = lost;
                        yield return new StreamItem("lost", new LostReport(lost));
                    }

                    yield return new StreamItem(kind, item);
                }
            }
        }
    }

    private static async Task<bool> Finished(Task task, TimeSpan patience)
    {
        using var timer = new CancellationTokenSource();
        bool finished = await Task.WhenAny(task, Task.Delay(patience, timer.Token)) == task;
        await timer.CancelAsync();
        return finished;
    }
}
