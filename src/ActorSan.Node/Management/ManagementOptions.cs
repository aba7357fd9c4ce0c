using System.Net;
using System.Security.Cryptography.X509Certificates;
using Serilog;

namespace ActorSan.Node.Management;

/// <summary>Where and to whom the management API answers.</summary>
public sealed record ManagementOptions
{
    /// <summary>The shortest token that is accepted, in characters.</summary>
    public const int MinTokenLength = 16;

    /// <summary>Port 0 takes a free one.</summary>
    public required IPEndPoint Address { get; init; }

    /// <summary>What a request must show as <c>Authorization: Bearer TOKEN</c>. Null: none is asked for.</summary>
    public string? Token { get; init; }

    /// <summary>With its private key: HTTPS instead of HTTP.</summary>
    public X509Certificate2? Certificate { get; init; }

    /// <summary>Authorities of which one must have issued a client's certificate, besides the token, if there is one. Null: no certificate is asked for. Needs <see cref="Certificate"/>.</summary>
    public X509Certificate2Collection? ClientAuthorities { get; init; }

    /// <summary>After this a change is given up: it is not known then whether it was done.</summary>
    public TimeSpan OperationTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>After this a question to other nodes is given up.</summary>
    public TimeSpan QueryTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>A comment goes out on a stream after this long a silence, so that both sides notice a dead connection.</summary>
    public TimeSpan StreamKeepAlive { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>Events kept for a stream whose reader is slow; older ones are lost, and the reader is told how many.</summary>
    public int StreamCapacity { get; init; } = 1024;

    /// <summary>Connections at a time; more wait to be accepted.</summary>
    public int MaxConnections { get; init; } = 256;

    /// <summary>The longest body of a request, in bytes.</summary>
    public int MaxBodyBytes { get; init; } = 1 << 20;

    public ILogger? Log { get; init; }

    /// <summary>Why a node must not start with these; null if it may.</summary>
    public string? Fault()
    {
        if (Token is { Length: < MinTokenLength })
        {
            return $"the token of the management API has {Token.Length} characters; {MinTokenLength} are the least";
        }

        if (Token is not null && Token.Any(c => c is <= ' ' or > '~'))
        {
            return "the token of the management API holds a blank or a character beyond ASCII, which no header can carry";
        }

        if (ClientAuthorities is not null && Certificate is null)
        {
            return "clients of the management API can show certificates only where the node has one: give it a certificate too";
        }

        if (Certificate is { HasPrivateKey: false })
        {
            return "the certificate of the management API has no private key with it";
        }

        return IPAddress.IsLoopback(Address.Address) || Token is not null || ClientAuthorities is not null ? null
            : $"the management API would listen at {Address}, beyond loopback, without asking who comes: give it a token, or a certificate and the authority of the clients' certificates";
    }
}
