using System.Security.Cryptography.X509Certificates;
using ActorSan.Cluster.Security;
using ActorSan.Cluster.Settings;
using ActorSan.Node;
using Xunit;
using static ActorSan.Tests.Node.Verbs.VerbRun;

namespace ActorSan.Tests.Node.Verbs;

public sealed class CertsVerbsTests : IDisposable
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void AnAuthorityAndANodeAreMade()
    {
        string ca = In("ca");
        string node = In("atlas");
        Assert.Equal((ExitCode.Success, ""), Made("certs", "ca", "--out", ca));
        Assert.Equal((ExitCode.Success, ""), Made("certs", "node", "atlas", "--host", "atlas.example", "--host", "127.0.0.2", "--ca", ca, "--out", node));
        string[] files = [Path.Combine(ca, "ca.key"), Path.Combine(ca, "ca.pem"), Path.Combine(node, "atlas.key"), Path.Combine(node, "atlas.pem")];
        Assert.All(files, file => Assert.Equal(OwnerOnly, File.GetUnixFileMode(file)));
        Assert.Equal(files.Order(StringComparer.Ordinal), Directory.GetFiles(_directory.Path, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal));
        using (ClusterTls.Load(new ClusterTlsFiles(files[3], files[2], files[1]), TimeProvider.System))
        {
        }

        using X509Certificate2 made = X509Certificate2.CreateFromPem(File.ReadAllText(files[3]));
        Assert.Equal("CN=atlas", made.Subject);
        Assert.Equal(256, made.GetECDsaPublicKey()!.KeySize);
        Assert.True(made.MatchesHostname("atlas.example", allowWildcards: false, allowCommonName: false));
        Assert.True(made.MatchesHostname("127.0.0.2", allowWildcards: false, allowCommonName: false));
        Assert.False(made.MatchesHostname("zeus.example", allowWildcards: false, allowCommonName: false));

        (int code, string output, _) = Run("certs", "show", files[3]);
        Assert.Equal(ExitCode.Success, code);
        Assert.Contains("CN=atlas: certificate of a node, issued by CN=ActorSan cluster", output, StringComparison.Ordinal);
        Assert.Contains("hosts   atlas.example, 127.0.0.2", output, StringComparison.Ordinal);
        Assert.Contains("(825 days left)", output, StringComparison.Ordinal);
        Assert.Contains("certificate of an authority", Run("certs", "show", files[1]).Output, StringComparison.Ordinal);
    }

    [Fact]
    public void NothingIsWrittenOver()
    {
        string ca = In("ca");
        string node = In("node");
        Assert.Equal((ExitCode.Success, ""), Made("certs", "ca", "--out", ca));
        Assert.Equal((ExitCode.Success, ""), Made("certs", "node", "atlas", "--host", "a", "--ca", ca, "--out", node));
        Dictionary<string, string> before = Contents();
        Refused(ExitCode.Failure, "ca.pem is already there", "certs", "ca", "--out", ca);
        Refused(ExitCode.Failure, "atlas.pem is already there", "certs", "node", "atlas", "--host", "a", "--ca", ca, "--out", node);
        File.Delete(Path.Combine(node, "atlas.pem"));
        before.Remove(Path.Combine(node, "atlas.pem"));
        Refused(ExitCode.Failure, "atlas.key is already there", "certs", "node", "atlas", "--host", "a", "--ca", ca, "--out", node);
        Assert.Equal(before, Contents());
    }

    [Fact]
    public void BadInputIsRefusedWithASentence()
    {
        string ca = In("ca");
        string node = In("node");
        Refused(ExitCode.Usage, "'actorsan certs ca --out", "certs", "node", "atlas", "--host", "a", "--ca", ca, "--out", node);
        Refused(ExitCode.Usage, "--days 0 is not between", "certs", "ca", "--out", ca, "--days", "0");
        Assert.Equal((ExitCode.Success, ""), Made("certs", "ca", "--out", ca, "--days", "30"));
        Refused(ExitCode.Usage, "valid until", "certs", "node", "atlas", "--host", "a", "--ca", ca, "--out", node, "--days", "31");
        Refused(ExitCode.Usage, "cannot be the name of a node", "certs", "node", "at/las", "--host", "a", "--ca", ca, "--out", node, "--days", "9");
        Refused(ExitCode.Usage, "neither a name nor an address", "certs", "node", "atlas", "--host", "a b", "--ca", ca, "--out", node, "--days", "9");
        Refused(ExitCode.Usage, "--host", "certs", "node", "atlas", "--ca", ca, "--out", node);
        Refused(ExitCode.Failure, "no certificate in", "certs", "show", _directory.Write("empty", ""));
        Refused(ExitCode.Failure, "", "certs", "show", "/no/such/file");
        File.SetUnixFileMode(Path.Combine(ca, "ca.key"), OwnerOnly | UnixFileMode.OtherRead);
        Refused(ExitCode.Usage, "chmod 600", "certs", "node", "atlas", "--host", "a", "--ca", ca, "--out", node, "--days", "9");
        Assert.False(Directory.Exists(node));
    }

    [Fact]
    public void ANodeIsNoAuthority()
    {
        string ca = In("ca");
        Assert.Equal((ExitCode.Success, ""), Made("certs", "ca", "--out", ca));
        Assert.Equal((ExitCode.Success, ""), Made("certs", "node", "ca", "--host", "a", "--ca", ca, "--out", In("false")));
        Refused(ExitCode.Usage, "not the certificate of an authority", "certs", "node", "zeus", "--host", "z", "--ca", In("false"), "--out", In("zeus"), "--days", "9");
    }

    private string In(string name) => Path.Combine(_directory.Path, name);

    private Dictionary<string, string> Contents() => Directory.GetFiles(_directory.Path, "*", SearchOption.AllDirectories).ToDictionary(file => file, File.ReadAllText);

    private static (int Code, string Error) Made(params string[] arguments) => Run(arguments) is var (code, _, error) ? (code, error) : default;
}
