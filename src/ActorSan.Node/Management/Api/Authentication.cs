using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace ActorSan.Node.Management.Api;

/// <summary>
/// Who comes: a token (RFC 6750), where one is asked for. Without one <c>/healthz</c> answers all the same, for a balancer has none. Certificates were Kestrel's: without one that is right
/// there is no connection.
/// </summary>
internal sealed class AuthenticationMiddleware(RequestDelegate next, ManagementOptions options)
{
    private const string Scheme = "Bearer ";
    private readonly byte[]? _token = options.Token is null ? null : SHA256.HashData(Encoding.UTF8.GetBytes(options.Token));

    public Task InvokeAsync(HttpContext context) =>
        Foreign(context.Request) is { } foreign ? Problems.Of(StatusCodes.Status403Forbidden, Problems.Foreign, foreign).ExecuteAsync(context)
            : Refusal(context) is not { } refusal || context.Request.Path == "/healthz" ? next(context) : Refuse(context, refusal);

    /// <summary>
    /// Pages of other sites in a browser on this host reach loopback too: they say where they come from (Origin), or have made their own name mean 127.0.0.1 (Host).
    /// </summary>
    private string? Foreign(HttpRequest request)
    {
        if (_token is null && options.ClientAuthorities is null && request.Host.Host is var host && host.Contains('.', StringComparison.Ordinal) && !IPAddress.TryParse(host, out _))
        {
            return $"a node that asks nobody who comes answers by its address or a name without a dot, not as '{host}': name it so, or give it a token";
        }

        return request.Headers.Origin.ToString() is not { Length: > 0 } origin || origin == $"{request.Scheme}://{request.Host}" ? null
            : $"a page of {origin} asks in a browser: this node answers its own pages and programs only";
    }

    private string? Refusal(HttpContext context)
    {
        if (_token is null)
        {
            return null;
        }

        string header = context.Request.Headers.Authorization.ToString();
        if (header.Length == 0)
        {
            return "this node wants to know who asks: send a token (Authorization: Bearer TOKEN; pbm --token FILE)";
        }

        if (!header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
        {
            return "the Authorization header is not 'Bearer TOKEN', which is all that this node understands";
        }

        // Hashes of one length, compared in constant time: the time taken tells nothing about the token, nor about how long it is.
        return CryptographicOperations.FixedTimeEquals(SHA256.HashData(Encoding.UTF8.GetBytes(header[Scheme.Length..].Trim())), _token) ? null
            : "the token is not the one of this node: look into the file that petabridge.cmd.token-file names there";
    }

    private static Task Refuse(HttpContext context, string sentence)
    {
        context.Response.Headers[HeaderNames.WWWAuthenticate] = "Bearer realm=\"actorsan\"";
        return Problems.Of(StatusCodes.Status401Unauthorized, Problems.Unauthenticated, sentence).ExecuteAsync(context);
    }
}

/// <summary>Clients' certificates are of the cluster's own authority; those of the host say nothing here.</summary>
internal static class ClientCertificate
{
    private const string ClientAuthentication = "1.3.6.1.5.5.7.3.2";

    public static bool IsIssuedBy(X509Certificate2 certificate, X509Certificate2Collection authorities)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.AddRange(authorities);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.DisableCertificateDownloads = true;
        chain.ChainPolicy.ApplicationPolicy.Add(new Oid(ClientAuthentication));
        return chain.Build(certificate);
    }
}
