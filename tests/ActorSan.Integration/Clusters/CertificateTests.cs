using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using ActorSan.Tests.Shared;
using Xunit;
using static ActorSan.Integration.Clusters.TestCluster;

namespace ActorSan.Integration.Clusters;

/// <summary>Mutual TLS between the nodes, with files as <c>actorsan certs</c> makes them, and with one that is past its time.</summary>
[Collection(ClusterCollection.Name)]
[Trait("Category", "Campaign")]
public sealed class CertificateTests
{
    [Fact]
    public async Task A_node_whose_certificate_has_expired_is_refused_and_comes_in_with_a_new_one()
    {
        await using TestCluster cluster = Prepare();
        string authority = Path.Combine(cluster.Directory, "authority");
        using X509Certificate2 issuer = MakeAuthority(authority);
        foreach (string node in (string[])[Atlas, Hera])
        {
            await MakeNode(cluster[node], authority);
        }

        MakeExpired(cluster[Zeus], issuer);
        cluster.More = member => $$"""tls { certificate-file = "tls/{{member.Name}}.pem", key-file = "tls/{{member.Name}}.key", ca-file = "../authority/ca.pem" }""";
        await cluster.Init();
        await cluster[Zeus].Launch(cluster.ConfigurationOf(Zeus));
        Assert.NotEqual(0, await cluster[Zeus].Daemon.WaitForEnd(Patience));
        await cluster.Logs(Zeus, "would be refused by the other nodes");
        await cluster.Logs(Zeus, "it expired on");
        await cluster.Logs(Zeus, "actorsan certs node");
        System.IO.Directory.Delete(Path.Combine(cluster[Zeus].Directory, "tls"), recursive: true);
        await MakeNode(cluster[Zeus], authority);
        await cluster.Start(Atlas, Zeus, Hera);
        await cluster.Up(3);
        cluster.Passed();
    }

    private static async Task MakeNode(ClusterMember member, string authority)
    {
        string directory = Path.Combine(member.Directory, "tls");
        (int code, string output) = await DaemonProcess.Verb(DaemonProcess.FindBuilt(), "certs", "node", member.Name, "--host", member.Address, "--ca", authority, "--out", directory, "--days", "10");
        Assert.True(code == 0, output);
    }

    // Older than the verb makes one, so that something of it can be past its time.
    private static X509Certificate2 MakeAuthority(string directory)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=Cluster of a test", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: true, pathLengthConstraint: 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, critical: true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        X509Certificate2 made = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-30), DateTimeOffset.UtcNow.AddDays(30));
        Write(directory, "ca", made, key);
        return made;
    }

    private static void MakeExpired(ClusterMember member, X509Certificate2 issuer)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=" + member.Name, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, critical: true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1"), new Oid("1.3.6.1.5.5.7.3.2")], critical: false));
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Parse(member.Address));
        request.CertificateExtensions.Add(names.Build());
        using X509Certificate2 made = request.Create(issuer, DateTimeOffset.UtcNow.AddDays(-20), DateTimeOffset.UtcNow.AddDays(-1), RandomNumberGenerator.GetBytes(12));
        Write(Path.Combine(member.Directory, "tls"), member.Name, made, key);
    }

    private static void Write(string directory, string name, X509Certificate2 certificate, ECDsa key)
    {
        System.IO.Directory.CreateDirectory(directory);
        File.WriteAllText(Path.Combine(directory, name + ".pem"), certificate.ExportCertificatePem());
        string file = Path.Combine(directory, name + ".key");
        File.WriteAllText(file, key.ExportPkcs8PrivateKeyPem());
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }
}
