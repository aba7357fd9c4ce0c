using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using ActorSan.Cluster.Settings;
using ActorSan.Node.Certificates;
using ActorSan.Tests.Node;

namespace ActorSan.Tests.Cluster.Security;

/// <summary>An authority with files in a test's directory.</summary>
internal sealed class Authority
{
    private static readonly DateTimeOffset Now = TimeProvider.System.GetUtcNow();
    private readonly TemporaryDirectory _directory;
    private readonly string _name;
    private readonly PemPair _pair;

    public Authority(TemporaryDirectory directory, string name)
        : this(directory, name, MakeRoot())
    {
    }

    private Authority(TemporaryDirectory directory, string name, PemPair pair)
    {
        _directory = directory;
        _name = name;
        _pair = pair;
        File = directory.Write($"{name}.pem", pair.Certificate);
    }

    public string File { get; }

    /// <summary>Good for a day, unless told otherwise.</summary>
    public ClusterTlsFiles Node(string node, DateTimeOffset? from = null, TimeSpan? validity = null)
    {
        using X509Certificate2 signer = Signer();
        return Write(node, CertificateMaker.MakeNode(node, ["127.0.0.1"], signer, from ?? Now, validity ?? TimeSpan.FromDays(1)));
    }

    /// <summary>A certificate that is not meant for clients.</summary>
    public ClusterTlsFiles ServerOnly(string node)
    {
        using X509Certificate2 signer = Signer();
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={node}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1")], critical: false));
        using X509Certificate2 made = request.Create(signer, Now, Now + TimeSpan.FromDays(1), [1]);
        return Write(node, new PemPair(made.ExportCertificatePem(), key.ExportPkcs8PrivateKeyPem()));
    }

    /// <summary>An authority that this one has signed.</summary>
    public Authority Between(string name)
    {
        using X509Certificate2 signer = Signer();
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: true, pathLengthConstraint: 0, critical: true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        using X509Certificate2 made = request.Create(signer, Now - TimeSpan.FromDays(1), Now + TimeSpan.FromDays(5), [2]);
        return new Authority(_directory, name, new PemPair(made.ExportCertificatePem() + "\n", key.ExportPkcs8PrivateKeyPem()));
    }

    // Older than the expired certificates of its nodes, and with room for an authority between it and them.
    private static PemPair MakeRoot()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=root", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: false, pathLengthConstraint: 0, critical: true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        using X509Certificate2 made = request.CreateSelfSigned(Now - TimeSpan.FromDays(10), Now + TimeSpan.FromDays(10));
        return new PemPair(made.ExportCertificatePem() + "\n", key.ExportPkcs8PrivateKeyPem());
    }

    private X509Certificate2 Signer() => X509Certificate2.CreateFromPem(_pair.Certificate, _pair.Key);

    private ClusterTlsFiles Write(string node, PemPair pair) =>
        new(_directory.Write($"{_name}-{node}.pem", pair.Certificate), _directory.Write($"{_name}-{node}.key", pair.Key), File);
}
