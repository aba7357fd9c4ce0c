using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using ActorSan.Node.Management;

namespace ActorSan.Tests.Node.Management;

/// <summary>A real Kestrel on loopback in front of the model.</summary>
internal sealed class TestServer : IAsyncDisposable
{
    private TestServer(ManagementServer server, ModelManagement model)
    {
        Server = server;
        Model = model;
        Http = new HttpClient { BaseAddress = server.Url };
    }

    public ManagementServer Server { get; }

    public ModelManagement Model { get; }

    public HttpClient Http { get; }

    public static async Task<TestServer> Start(Func<ManagementOptions, ManagementOptions>? change = null)
    {
        var model = new ModelManagement();
        var options = new ManagementOptions { Address = new IPEndPoint(IPAddress.Loopback, 0) };
        return new TestServer(await ManagementServer.Start(change is null ? options : change(options), model), model);
    }

    public async Task<(HttpStatusCode Status, JsonElement Body)> Send(string method, string path, string? body = null)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path) { Content = body is null ? null : new StringContent(body, Encoding.UTF8, "application/json") };
        using HttpResponseMessage response = await Http.SendAsync(request);
        string text = await response.Content.ReadAsStringAsync();
        return (response.StatusCode, text.Length == 0 ? default : JsonDocument.Parse(text).RootElement);
    }

    /// <summary>A command; its answer's exit code and all its text in lines.</summary>
    public async Task<CommandResult> Command(string words, bool yes = false, params (string, string)[] secrets)
    {
        using HttpResponseMessage response = await Http.PostAsJsonAsync("/api/v1/command",
            new { words = words.Split(' ', StringSplitOptions.RemoveEmptyEntries), yes, secrets = secrets.ToDictionary(secret => secret.Item1, secret => secret.Item2) });
        JsonElement answer = JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement;
        Xunit.Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        return new CommandResult(answer);
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await Server.StopAsync();
    }
}

internal sealed class CommandResult(JsonElement answer)
{
    public JsonElement Answer => answer;

    public int ExitCode => answer.GetProperty("exitCode").GetInt32();

    public JsonElement Json => answer.GetProperty("json");

    public string? ConfirmWord => answer.GetProperty("confirm") is { ValueKind: JsonValueKind.Object } confirm ? confirm.GetProperty("word").GetString() : null;

    public string? AskName => answer.GetProperty("ask") is { ValueKind: JsonValueKind.Object } ask ? ask.GetProperty("name").GetString() : null;

    /// <summary>All that a person would see, in order.</summary>
    public string Text { get; } = string.Join('\n', Texts(answer.GetProperty("parts")));

    private static IEnumerable<string> Texts(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Array => element.EnumerateArray().SelectMany(Texts),
        JsonValueKind.Object => element.EnumerateObject().Where(property => property.Name != "tone").SelectMany(property => Texts(property.Value)),
        JsonValueKind.String => [element.GetString()!],
        _ => [],
    };
}
