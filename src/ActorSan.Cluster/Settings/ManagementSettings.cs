using System.Net;

namespace ActorSan.Cluster.Settings;

/// <summary><c>petabridge.cmd</c>: where administrators reach the node.</summary>
public sealed record ManagementSettings
{
    /// <summary>False: nothing listens.</summary>
    public required bool Enabled { get; init; }

    /// <summary>Port 0: the kernel chooses.</summary>
    public required IPEndPoint Address { get; init; }

    /// <summary>What a client must send (the first line of <c>token-file</c>); null: no token. A secret: never in a log.</summary>
    public required string? Token { get; init; }

    /// <summary>Null: plain HTTP.</summary>
    public required ManagementTlsFiles? Tls { get; init; }

    // The secret stays out of what a record prints of itself.
    public override string ToString() => $"{Address}{(Enabled ? "" : " (off)")}{(Token is null ? "" : ", token")}{(Tls is null ? "" : Tls.AuthorityFile is null ? ", TLS" : ", mutual TLS")}";
}

/// <summary><c>petabridge.cmd.tls</c>: PEM files, absolute.</summary>
/// <param name="CertificateFile">Of the server.</param>
/// <param name="KeyFile">Its private key; nobody's but the owner's.</param>
/// <param name="AuthorityFile">Every client must have a certificate of this authority; null: clients need none.</param>
public sealed record ManagementTlsFiles(string CertificateFile, string KeyFile, string? AuthorityFile);
