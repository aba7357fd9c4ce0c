using System.Net.Http.Json;
using System.Net.ServerSentEvents;
using System.Text.Json;
using ActorSan.Cluster.Management;
using Xunit;

namespace ActorSan.Tests.Node.Management;

public sealed class StreamTests
{
    private static readonly ManagementEvent Dropped = new(ModelManagement.Time, "atlas", EventKind.Replica, EventSeverity.Warning, "data", "zeus was dropped.");

    [Fact]
    public async Task EventsComeAsTheyHappen()
    {
        await using TestServer server = await TestServer.Start();
        await using EventReader reader = await EventReader.Get(server, "/api/v1/events");
        await server.Model.Subscribed.Reader.ReadAsync();
        server.Model.Feed(Dropped);
        server.Model.Feed(Dropped with { Subject = "logs" });
        (string kind, JsonElement data) = await reader.Next();
        Assert.Equal("event", kind);
        Assert.Equal("replica", data.GetProperty("kind").GetString());
        Assert.Equal("zeus was dropped.", data.GetProperty("sentence").GetString());
        Assert.Equal("logs", (await reader.Next()).Data.GetProperty("subject").GetString());
    }

    [Fact]
    public async Task WhatASlowReaderLosesIsCounted()
    {
        await using TestServer server = await TestServer.Start(options => options with { StreamCapacity = 2 });
        using ISubscription<ManagementEvent> slow = server.Model.Events(2);
        for (int i = 0; i < 5; i++)
        {
            server.Model.Feed(Dropped);
        }

        List<string> kinds = [];
        await foreach (ActorSan.Node.Management.Api.StreamItem item in ActorSan.Node.Management.Api.EventStream.Of(slow, "event"))
        {
            kinds.Add(item.Kind);
            if (kinds.Count == 3)
            {
                break;
            }
        }

        Assert.Equal(["lost", "event", "event"], kinds);
        Assert.Equal(3, slow.Lost);
    }

    [Fact]
    public async Task AReaderThatGoesEndsItsSubscription()
    {
        await using TestServer server = await TestServer.Start(options => options with { StreamKeepAlive = TimeSpan.FromMilliseconds(10) });
        ISubscription<ManagementEvent> subscription;
        await using (await EventReader.Get(server, "/api/v1/events"))
        {
            subscription = (ISubscription<ManagementEvent>)await server.Model.Subscribed.Reader.ReadAsync();
        }

        await subscription.Reader.Completion;
    }

    [Fact]
    public async Task TheLogBeginsWithWhatWasThere()
    {
        await using TestServer server = await TestServer.Start();
        await using EventReader reader = await EventReader.Get(server, "/api/v1/log?level=warning&last=2");
        Assert.Equal("line 1", (await reader.Next()).Data.GetProperty("text").GetString());
        (string kind, JsonElement data) = await reader.Next();
        Assert.Equal(("line", "warning"), (kind, data.GetProperty("severity").GetString()));
        server.Model.Feed(new LogLine(ModelManagement.Time, "atlas", LogSeverity.Error, "x", "later", "at y"));
        Assert.Equal("later", (await reader.Next()).Data.GetProperty("text").GetString());
    }

    [Fact]
    public async Task AStreamThatIsSilentIsKeptAlive()
    {
        await using TestServer server = await TestServer.Start(options => options with { StreamKeepAlive = TimeSpan.FromMilliseconds(10) });
        await using Stream stream = await server.Http.GetStreamAsync("/api/v1/events");
        using var reader = new StreamReader(stream);
        Assert.Equal((string[])[": actorsan", "", ":", "", ":", ""], await Lines(reader, 6));
    }

    [Fact]
    public async Task ACommandThatStreamsIsLines()
    {
        await using TestServer server = await TestServer.Start();
        Assert.True((await server.Command("cluster tail")).Answer.GetProperty("streams").GetBoolean());
        await using EventReader reader = await EventReader.Command(server, "cluster tail", null);
        await server.Model.Subscribed.Reader.ReadAsync();
        server.Model.Feed(Dropped);
        (string kind, JsonElement data) = await reader.Next();
        Assert.Equal("line", kind);
        Assert.Equal("2026-11-26 10:20:30.000Z atlas data: zeus was dropped.", data.GetProperty("line").GetProperty("text").GetString());
        Assert.Equal("warning", data.GetProperty("line").GetProperty("tone").GetString());
        Assert.Equal("data", data.GetProperty("json").GetProperty("subject").GetString());
    }

    [Fact]
    public async Task TheLogCanBeACommand()
    {
        await using TestServer server = await TestServer.Start();
        await using EventReader reader = await EventReader.Command(server, "log tail --level error --last 1", null);
        Assert.Equal("2026-11-26 10:20:30.000Z atlas erro VolumeActor: line 1", (await reader.Next()).Data.GetProperty("line").GetProperty("text").GetString());
    }

    [Fact]
    public async Task ACommandIsRepeated()
    {
        await using TestServer server = await TestServer.Start();
        await using EventReader reader = await EventReader.Command(server, "volume list", 0.2);
        Assert.Contains("syncing", (await reader.Next()).Data.ToString(), StringComparison.Ordinal);
        server.Model.VolumesNow = [ModelManagement.Data() with { Condition = VolumeCondition.Healthy }];
        while (!(await reader.Next()).Data.ToString().Contains("healthy", StringComparison.Ordinal))
        {
            // One that was on its way already.
        }
    }

    [Theory]
    [InlineData("volume show none", null, "is no stream")]
    [InlineData("volume list", 0.01, "0.2 to 3600")]
    [InlineData("volume delete data", 2.0, "is not repeated")]
    [InlineData("cluster tail", 2.0, "is a stream already")]
    [InlineData("volume lst", 2.0, "did you mean 'volume list'")]
    [InlineData("log tail --level loud", null, "not 'loud'")]
    [InlineData("log tail --last 100001", null, "0 to 100000")]
    public async Task AStreamThatCantBeIsOneAnswer(string words, double? watch, string sentence)
    {
        await using TestServer server = await TestServer.Start();
        await using EventReader reader = await EventReader.Command(server, words, watch);
        (string kind, JsonElement data) = await reader.Next();
        Assert.Equal(("answer", 2), (kind, data.GetProperty("exitCode").GetInt32()));
        Assert.Contains(sentence, data.ToString(), StringComparison.Ordinal);
        Assert.False(await reader.HasNext());
        Assert.Empty(server.Model.Operations);
    }

    private static async Task<string[]> Lines(StreamReader reader, int count)
    {
        List<string> lines = [];
        while (lines.Count < count)
        {
            lines.Add(await reader.ReadLineAsync() ?? "(the end)");
        }

        return [.. lines];
    }

    /// <summary>The runtime's own parser of server-sent events.</summary>
    private sealed class EventReader(HttpResponseMessage response, Stream stream) : IAsyncDisposable
    {
        private readonly IAsyncEnumerator<SseItem<string>> _items = SseParser.Create(stream).EnumerateAsync().GetAsyncEnumerator();

        public static async Task<EventReader> Get(TestServer server, string path) => await Of(await server.Http.GetAsync(path, HttpCompletionOption.ResponseHeadersRead));

        public static async Task<EventReader> Command(TestServer server, string words, double? watchSeconds)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "/api/v1/command/stream") { Content = JsonContent.Create(new { words = words.Split(' '), watchSeconds }) };
            return await Of(await server.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead));
        }

        public Task<bool> HasNext() => _items.MoveNextAsync().AsTask();

        public async Task<(string Kind, JsonElement Data)> Next()
        {
            Assert.True(await HasNext(), "the stream has ended");
            return (_items.Current.EventType, JsonDocument.Parse(_items.Current.Data).RootElement);
        }

        public async ValueTask DisposeAsync()
        {
            await _items.DisposeAsync();
            response.Dispose();
        }

        private static async Task<EventReader> Of(HttpResponseMessage response)
        {
            Assert.Equal("text/event-stream", response.EnsureSuccessStatusCode().Content.Headers.ContentType!.MediaType);
            return new EventReader(response, await response.Content.ReadAsStreamAsync());
        }
    }
}
