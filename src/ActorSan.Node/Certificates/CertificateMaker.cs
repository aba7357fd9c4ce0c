using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace ActorSan.Node.Certificates;

/// <summary>A certificate and its private key as PEM: PKCS #8 without a password.</summary>
internal sealed record PemPair(string Certificate, string Key);

/// <summary>Makes the authority of a cluster and the certificates of its nodes: ECDSA on P-256 with SHA-256 (RFC 5280, RFC 5480).</summary>
internal static class CertificateMaker
{
    // RFC 5280 §4.1.2.2 allows 20; the first bit is 0, as a serial number is positive.
    private const int SerialBytes = 16;

    private static readonly Oid ServerUse = new("1.3.6.1.5.5.7.3.1", "serverAuth");
    private static readonly Oid ClientUse = new("1.3.6.1.5.5.7.3.2", "clientAuth");

    /// <summary>Clocks of nodes differ: what is made now is valid for those that are behind.</summary>
    private static readonly TimeSpan Backdated = TimeSpan.FromMinutes(10);

    /// <summary>An authority that signs nodes and no other authority.</summary>
    public static PemPair MakeAuthority(string name, DateTimeOffset now, TimeSpan validity)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        CertificateRequest request = RequestOf(name, key);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: true, pathLengthConstraint: 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, critical: true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        using X509Certificate2 certificate = request.CreateSelfSigned(now - Backdated, now + validity);
        return new PemPair(certificate.ExportCertificatePem() + "\n", key.ExportPkcs8PrivateKeyPem() + "\n");
    }

    /// <summary>The certificate of a node, for both ends of TLS.</summary>
    /// <param name="hosts">Names and addresses under which others reach it; they go into the certificate.</param>
    /// <param name="authority">With its private key.</param>
    /// <exception cref="ArgumentException">The authority ends before the node's certificate would.</exception>
    public static PemPair MakeNode(string name, IReadOnlyList<string> hosts, X509Certificate2 authority, DateTimeOffset now, TimeSpan validity)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        CertificateRequest request = RequestOf(name, key);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: false, hasPathLengthConstraint: false, pathLengthConstraint: 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, critical: true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([ServerUse, ClientUse], critical: false));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromCertificate(authority, includeKeyIdentifier: true, includeIssuerAndSerial: false));
        request.CertificateExtensions.Add(NamesOf(hosts));
        byte[] serial = RandomNumberGenerator.GetBytes(SerialBytes);
        serial[0] = (byte)((serial[0] & 0x7f) | 0x40);
        DateTimeOffset from = now - Backdated;
        var first = new DateTimeOffset(authority.NotBefore);
        using X509Certificate2 certificate = request.Create(authority, from < first ? first : from, now + validity, serial);
        return new PemPair(certificate.ExportCertificatePem() + "\n", key.ExportPkcs8PrivateKeyPem() + "\n");
    }

    private static CertificateRequest RequestOf(string name, ECDsa key)
    {
        var subject = new X500DistinguishedNameBuilder();
        subject.AddCommonName(name);
        return new CertificateRequest(subject.Build(), key, HashAlgorithmName.SHA256);
    }

    private static X509Extension NamesOf(IReadOnlyList<string> hosts)
    {
        var names = new SubjectAlternativeNameBuilder();
        foreach (string host in hosts)
        {
            if (IPAddress.TryParse(host, out IPAddress? address))
            {
                names.AddIpAddress(address);
            }
            else
            {
                names.AddDnsName(host);
            }
        }

        return names.Build();
    }
}
