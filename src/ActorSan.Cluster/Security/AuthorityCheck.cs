using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace ActorSan.Cluster.Security;

/// <summary>Whether a certificate is one of our own authority's, and good now (RFC 5280 §6). The machine's list of authorities is not asked, and nothing is fetched.</summary>
public sealed class AuthorityCheck : IDisposable
{
    private static readonly Oid ServerUse = new("1.3.6.1.5.5.7.3.1");
    private static readonly Oid ClientUse = new("1.3.6.1.5.5.7.3.2");
    private readonly X509Certificate2Collection _roots = [];
    private readonly X509Certificate2Collection _between = [];
    private readonly TimeProvider _clock;

    /// <param name="authorities">Of those that sign themselves each is trusted; the others may stand between one of them and a node. Disposed of with this.</param>
    public AuthorityCheck(X509Certificate2Collection authorities, TimeProvider clock)
    {
        _clock = clock;
        foreach (X509Certificate2 authority in authorities)
        {
            (IsOwnIssuer(authority) ? _roots : _between).Add(authority);
        }
    }

    /// <summary>Without a root nobody is believed.</summary>
    public bool HasRoot => _roots.Count > 0;

    /// <summary>Why the certificate of a node is not believed, as the end of a sentence; null: it is. Any thread.</summary>
    public string? Fault(X509Certificate2? certificate)
    {
        if (certificate is null)
        {
            return "it has no certificate";
        }

        using var chain = new X509Chain();
        X509ChainPolicy policy = chain.ChainPolicy;
        policy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        policy.CustomTrustStore.AddRange(_roots);
        policy.ExtraStore.AddRange(_between);
        policy.RevocationMode = X509RevocationMode.NoCheck;
        policy.DisableCertificateDownloads = true;
        policy.VerificationTimeIgnored = false;
        policy.VerificationTime = _clock.GetUtcNow().UtcDateTime;
        policy.ApplicationPolicy.Add(ServerUse);
        policy.ApplicationPolicy.Add(ClientUse);
        bool good = chain.Build(certificate);
        string? fault = good ? null : Explain(certificate, chain);
        foreach (X509ChainElement element in chain.ChainElements)
        {
            element.Certificate.Dispose();
        }

        return fault;
    }

    public void Dispose()
    {
        foreach (X509Certificate2 certificate in _roots.Concat(_between))
        {
            certificate.Dispose();
        }
    }

    private static bool IsOwnIssuer(X509Certificate2 certificate) => certificate.SubjectName.RawData.AsSpan().SequenceEqual(certificate.IssuerName.RawData);

    private string Explain(X509Certificate2 certificate, X509Chain chain)
    {
        DateTimeOffset now = _clock.GetUtcNow();
        X509ChainStatusFlags flags = chain.ChainStatus.Aggregate(X509ChainStatusFlags.NoError, (all, status) => all | status.Status);
        return (flags & (X509ChainStatusFlags.PartialChain | X509ChainStatusFlags.UntrustedRoot | X509ChainStatusFlags.NotSignatureValid)) != 0 ? "another authority issued it"
            : now > new DateTimeOffset(certificate.NotAfter) ? $"it expired on {certificate.NotAfter.ToUniversalTime():u}"
            : now < new DateTimeOffset(certificate.NotBefore) ? $"it is valid from {certificate.NotBefore.ToUniversalTime():u} on only"
            : (flags & X509ChainStatusFlags.NotTimeValid) != 0 ? "the certificate of its authority is not valid now"
            : (flags & X509ChainStatusFlags.NotValidForUsage) != 0 ? "it is not meant for both ends of TLS (extended key usage serverAuth and clientAuth)"
            : string.Join(", ", chain.ChainStatus.Select(status => status.StatusInformation.Trim().TrimEnd('.')));
    }
}
