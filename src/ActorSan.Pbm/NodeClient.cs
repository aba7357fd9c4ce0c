using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.Security;
using System.Net.ServerSentEvents;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;

namespace ActorSan.Pbm;

/// <summary>One node, over HTTP. Whatever goes wrong ends in a <see cref="PbmException"/> with a sentence.</summary>
internal sealed class NodeClient : IDisposable
{
    private const UnixFileMode Others = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.OtherRead | UnixFileMode.OtherWrite;
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(5);

    /// <summary>Longer than a node takes to give a change up.</summary>
    private static readonly TimeSpan AnswerTimeout = TimeSpan.FromSeconds(120);
    private static readonly TimeSpan CompletionTimeout = TimeSpan.FromSeconds(1);
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);
    private readonly HttpClient _http;
    private readonly Uri _node;

    /// <exception cref="PbmException">A file can't be used.</exception>
    public NodeClient(ClientOptions options)
    {
        _node = options.Node!;
        var handler = new SocketsHttpHandler { ConnectTimeout = ConnectTimeout, UseProxy = false, SslOptions = Tls(options) };
        _http = new HttpClient(handler) { BaseAddress = _node, Timeout = Timeout.InfiniteTimeSpan };
        if (options.TokenFile is { } file)
        {
            _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Token(file));
        }
    }

    public string Name => _node.Authority;

    public Task<Answer> Run(IReadOnlyList<string> words, bool yes, IReadOnlyDictionary<string, string> secrets, CancellationToken cancellation) =>
        Send(async limit =>
        {
            using HttpResponseMessage response = await _http.PostAsJsonAsync("api/v1/command", new CommandRequest(words, yes, secrets), Json, limit);
            return await Read<Answer>(response, limit);
        }, AnswerTimeout, cancellation);

    /// <summary>An <see cref="Answer"/> or a <see cref="StreamedLine"/> each.</summary>
    public async IAsyncEnumerable<object> Stream(IReadOnlyList<string> words, double? watchSeconds, [EnumeratorCancellation] CancellationToken cancellation)
    {
        using HttpResponseMessage response = await Send(async limit =>
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "api/v1/command/stream") { Content = JsonContent.Create(new StreamRequest(words, watchSeconds), options: Json) };
            HttpResponseMessage begun = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, limit);
            return begun.IsSuccessStatusCode ? begun : throw await Refusal(begun, limit);
        }, AnswerTimeout, cancellation);
        await using Stream body = await response.Content.ReadAsStreamAsync(cancellation);
        await using IAsyncEnumerator<SseItem<string>> items = SseParser.Create(body).EnumerateAsync(cancellation).GetAsyncEnumerator(cancellation);
        while (await Send(_ => items.MoveNextAsync().AsTask(), Timeout.InfiniteTimeSpan, cancellation))
        {
            switch (items.Current.EventType)
            {
                case "answer":
                    yield return Parse<Answer>(items.Current.Data);
                    break;
                case "line":
                    yield return Parse<StreamedLine>(items.Current.Data);
                    break;
                default:
                    // A newer node may send more.
                    break;
            }
        }
    }

    /// <summary>What may stand at a place; nothing where the node does not say.</summary>
    public async Task<IReadOnlyList<string>> Complete(IReadOnlyList<string> words, string beginning)
    {
        try
        {
            return await Send(async limit =>
            {
                using HttpResponseMessage response = await _http.PostAsJsonAsync("api/v1/complete", new CompletionRequest(words, beginning), Json, limit);
                return await Read<IReadOnlyList<string>>(response, limit);
            }, CompletionTimeout, CancellationToken.None);
        }
        catch (PbmException)
        {
            return [];
        }
    }

    public void Dispose() => _http.Dispose();

    private static async Task<T> Read<T>(HttpResponseMessage response, CancellationToken cancellation) =>
        response.IsSuccessStatusCode ? Parse<T>(await response.Content.ReadAsStringAsync(cancellation)) : throw await Refusal(response, cancellation);

    private static T Parse<T>(string text)
    {
        try
        {
            return JsonSerializer.Deserialize<T>(text, Json) ?? throw new JsonException("null");
        }
        catch (JsonException)
        {
            throw new PbmException(ExitCode.Unreachable, "what answers there is no ActorSan node: its answer is not understood");
        }
    }

    private static async Task<PbmException> Refusal(HttpResponseMessage response, CancellationToken cancellation)
    {
        string text = await response.Content.ReadAsStringAsync(cancellation);
        try
        {
            if (JsonSerializer.Deserialize<Problem>(text, Json) is { Detail: { } sentence })
            {
                return new PbmException(ExitCode.Failed, sentence);
            }
        }
        catch (JsonException)
        {
            // Said below.
        }

        return new PbmException(ExitCode.Unreachable, $"what answers there is no ActorSan node: it says {(int)response.StatusCode} {response.ReasonPhrase}");
    }

    private async Task<T> Send<T>(Func<CancellationToken, Task<T>> request, TimeSpan timeout, CancellationToken cancellation)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(timeout);
        try
        {
            return await request(limit.Token);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new PbmException(ExitCode.Unreachable, $"{Name} does not answer");
        }
        catch (HttpRequestException failure)
        {
            throw new PbmException(ExitCode.Unreachable, Sentence(failure));
        }
        catch (IOException failure) when (!cancellation.IsCancellationRequested)
        {
            throw new PbmException(ExitCode.Unreachable, $"{Name} has ended the connection ({failure.Message})");
        }
    }

    private string Sentence(HttpRequestException failure) => failure.InnerException switch
    {
        AuthenticationException tls => $"{Name} is not who it should be, or does not take us for who we are: {tls.InnerException?.Message ?? tls.Message}",
        SocketException { SocketErrorCode: SocketError.ConnectionRefused } => $"nobody listens at {Name}: is the node running, and is this the port of its management API?",
        SocketException { SocketErrorCode: SocketError.HostNotFound or SocketError.NoData or SocketError.TryAgain } => $"there is no host '{_node.Host}'",
        TimeoutException or OperationCanceledException => $"{Name} does not answer",
        IOException or HttpIOException when _node.Scheme == "http" => $"{Name} has ended the connection: does it want HTTPS (--ca FILE)?",
        { } inner => $"{Name} cannot be reached: {inner.Message}",
        null => failure.StatusCode is null && _node.Scheme == "http" ? $"{Name} does not speak HTTP: does it want HTTPS (--ca FILE)? {failure.Message}" : $"{Name} cannot be reached: {failure.Message}",
    };

    private static SslClientAuthenticationOptions Tls(ClientOptions options)
    {
        var tls = new SslClientAuthenticationOptions { CertificateRevocationCheckMode = X509RevocationMode.NoCheck };
        try
        {
            if (options.AuthorityFile is { } authority)
            {
                var authorities = new X509Certificate2Collection();
                authorities.ImportFromPemFile(authority);
                if (authorities.Count == 0)
                {
                    throw new PbmException(ExitCode.Usage, $"there is no certificate in {authority}");
                }

                tls.CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
                tls.CertificateChainPolicy.CustomTrustStore.AddRange(authorities);
            }

            if (options.CertificateFile is { } certificate)
            {
                tls.ClientCertificates = [X509Certificate2.CreateFromPemFile(certificate, options.KeyFile!)];
            }
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw new PbmException(ExitCode.Usage, $"the certificate or key cannot be used: {failure.Message}");
        }

        return tls;
    }

    private static string Token(string file)
    {
        try
        {
            if ((File.GetUnixFileMode(file) & Others) != 0)
            {
                throw new PbmException(ExitCode.Usage, $"the token in {file} can be read or written by others than its owner; chmod 600 it");
            }

            return File.ReadLines(file).FirstOrDefault()?.Trim() is { Length: > 0 } token && token.All(c => c is > ' ' and <= '~') ? token
                : throw new PbmException(ExitCode.Usage, $"there is no token in the first line of {file}");
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new PbmException(ExitCode.Usage, $"the token cannot be read: {failure.Message}");
        }
    }
}
