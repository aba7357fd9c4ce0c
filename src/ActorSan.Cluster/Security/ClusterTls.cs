using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using ActorSan.Cluster.Settings;
using Akka.Event;
using Akka.Remote.Transport.DotNetty;

namespace ActorSan.Cluster.Security;

/// <summary>
/// Mutual TLS between the nodes: each end has a certificate of the cluster's own authority, or is not spoken with. Names in certificates are for people; that a node is of this
/// cluster is proved by the authority, and which cluster it is by the name of the ActorSystem.
/// </summary>
public sealed class ClusterTls : IDisposable
{
    private readonly X509Certificate2 _certificate;
    private readonly AuthorityCheck _check;

    private ClusterTls(X509Certificate2 certificate, AuthorityCheck check)
    {
        _certificate = certificate;
        _check = check;
    }

    /// <summary>Reads the files and holds the node's certificate to what the others will hold it to.</summary>
    /// <exception cref="ClusterTlsException">One of them cannot be used.</exception>
    public static ClusterTls Load(ClusterTlsFiles files, TimeProvider clock)
    {
        ClusterTls tls = LoadUnchecked(files, clock);
        try
        {
            return tls._check.Fault(tls._certificate) is not { } fault ? tls
                : throw new ClusterTlsException($"The certificate {files.CertificateFile} would be refused by the other nodes, which trust {files.AuthorityFile}: {fault}. Make another: actorsan certs node NAME --host HOST --ca DIR --out DIR.");
        }
        catch
        {
            tls.Dispose();
            throw;
        }
    }

    /// <summary>What the ActorSystem must be made with, beside a configuration that switches TLS on (<see cref="Membership.ClusterHocon"/>). This must live as long as the ActorSystem.</summary>
    public DotNettySslSetup Setup()
    {
        AuthorityCheck check = _check;
        return new DotNettySslSetup(_certificate, suppressValidation: false, requireMutualAuthentication: true, (certificate, _, peer, _, log) =>
        {
            string? fault = check.Fault(certificate);
            if (fault is not null)
            {
                log.Warning("A node at {Peer} is refused, for its certificate ({Subject}) is not believed: {Reason}", peer, certificate?.Subject, fault);
            }

            return fault is null;
        });
    }

    public void Dispose()
    {
        _certificate.Dispose();
        _check.Dispose();
    }

    /// <summary>As <see cref="Load"/>, without looking whether the node's own certificate is good.</summary>
    internal static ClusterTls LoadUnchecked(ClusterTlsFiles files, TimeProvider clock)
    {
        var authorities = new X509Certificate2Collection();
        Try(files.AuthorityFile, "no certificates in PEM", () =>
        {
            authorities.ImportFromPemFile(files.AuthorityFile);
            return true;
        });
        var check = new AuthorityCheck(authorities, clock);
        try
        {
            if (!check.HasRoot)
            {
                throw new ClusterTlsException($"There is no authority's certificate in {files.AuthorityFile}: one that signs itself. 'actorsan certs ca' makes one.");
            }

            Try(files.CertificateFile, "no certificate in PEM", () =>
            {
                using var alone = X509Certificate2.CreateFromPem(File.ReadAllText(files.CertificateFile));
                return true;
            });
            return new ClusterTls(Try(files.KeyFile, $"no private key in PEM, without a password, of the certificate {files.CertificateFile}",
                () => X509Certificate2.CreateFromPemFile(files.CertificateFile, files.KeyFile)), check);
        }
        catch
        {
            check.Dispose();
            throw;
        }
    }

    private static T Try<T>(string file, string what, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception failure) when (failure is CryptographicException or ArgumentException)
        {
            throw new ClusterTlsException($"There is {what} in {file}: {failure.Message}", failure);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new ClusterTlsException($"{file} cannot be read: {failure.Message}", failure);
        }
    }
}
