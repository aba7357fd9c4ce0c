using ActorSan.Cluster.Founding;
using ActorSan.Cluster.Security;
using ActorSan.Cluster.Settings;
using ActorSan.Tests.Cluster.Membership;
using ActorSan.Tests.Node;
using Akka.Remote.Transport.DotNetty;
using Xunit;

namespace ActorSan.Tests.Cluster.Security;

/// <summary>Certificates between real ActorSystems: who is let in, and who is not.</summary>
[Collection(Alone.Name)]
public sealed class ClusterTlsTests : IDisposable
{
    private static readonly DateTimeOffset Now = TimeProvider.System.GetUtcNow();
    private readonly TemporaryDirectory _directory = new();
    private readonly List<IDisposable> _open = [];
    private readonly ClusterIdentity _identity;
    private readonly int[] _ports = ClusterNode.FreePorts(3);
    private readonly Authority _ours;

    public ClusterTlsTests()
    {
        _identity = ClusterIdentity.Create(_directory.Path, TimeProvider.System);
        _ours = new Authority(_directory, "ours");
    }

    public void Dispose()
    {
        _open.Reverse();
        _open.ForEach(one => one.Dispose());
        _directory.Dispose();
    }

    [Fact]
    public void NodesOfOneAuthorityFindEachOther()
    {
        ClusterNode atlas = Start("atlas", 0, _ours.Node("atlas"));
        ClusterNode zeus = Start("zeus", 1, _ours.Node("zeus"));
        atlas.Await("zeus up");
        zeus.Await("atlas up");
    }

    [Fact]
    public void AnotherAuthoritysNodeIsRefusedAlthoughItHasTheSameName()
    {
        var theirs = new Authority(_directory, "theirs");

        // It trusts ours, so that it is our node that refuses; and the other way round.
        Refused(theirs.Node("zeus") with { AuthorityFile = _ours.File });
        Refused(theirs.Node("zeus"));
    }

    [Fact]
    public void AnExpiredCertificateIsRefused() => Refused(_ours.Node("zeus", Now - TimeSpan.FromDays(3), TimeSpan.FromDays(1)));

    [Fact]
    public void ACertificateOfTheFutureIsRefused() => Refused(_ours.Node("zeus", Now + TimeSpan.FromDays(1), TimeSpan.FromDays(1)));

    [Fact]
    public void WithoutACertificateNobodyIsLetIn() => Refused(null);

    [Theory]
    [InlineData("expired", "expired on")]
    [InlineData("future", "valid from")]
    [InlineData("foreign", "another authority issued it")]
    [InlineData("server", "extended key usage")]
    [InlineData("unpaired", "no private key")]
    [InlineData("no key", "no private key")]
    [InlineData("no certificate", "no certificate in PEM")]
    [InlineData("no authority", "no authority's certificate")]
    [InlineData("missing", "cannot be read")]
    public void ANodeDoesNotStartWithWhatTheOthersWouldRefuse(string what, string reason)
    {
        ClusterTlsFiles good = _ours.Node("atlas");
        ClusterTlsFiles files = what switch
        {
            "expired" => _ours.Node("atlas2", Now - TimeSpan.FromDays(3), TimeSpan.FromDays(1)),
            "future" => _ours.Node("atlas2", Now + TimeSpan.FromDays(1), TimeSpan.FromDays(1)),
            "foreign" => new Authority(_directory, "theirs").Node("atlas2") with { AuthorityFile = _ours.File },
            "server" => _ours.ServerOnly("atlas2"),
            "unpaired" => good with { KeyFile = _ours.Node("atlas2").KeyFile },
            "no key" => good with { KeyFile = good.CertificateFile },
            "no certificate" => good with { CertificateFile = good.KeyFile },
            "no authority" => good with { AuthorityFile = good.CertificateFile },
            _ => good with { AuthorityFile = "/no/such/file" },
        };
        ClusterTlsException failure = Assert.Throws<ClusterTlsException>(() => ClusterTls.Load(files, TimeProvider.System));
        Assert.Contains(reason, failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AnAuthorityBetweenRootAndNodeIsFollowed()
    {
        Authority between = _ours.Between("between");
        ClusterTlsFiles files = between.Node("atlas");
        Assert.Throws<ClusterTlsException>(() => ClusterTls.Load(files, TimeProvider.System));
        string both = _directory.Write("both.pem", File.ReadAllText(between.File) + File.ReadAllText(_ours.File));
        using ClusterTls tls = ClusterTls.Load(files with { AuthorityFile = both }, TimeProvider.System);
        DotNettySslSetup setup = tls.Setup();
        Assert.True(setup.RequireMutualAuthentication);
        Assert.False(setup.SuppressValidation);
    }

    // One that is let in afterwards shows that what came before it was refused, not late.
    private void Refused(ClusterTlsFiles? files)
    {
        ClusterNode atlas = Start("atlas", 0, _ours.Node("atlas"));
        atlas.Await("atlas up");
        ClusterNode stranger = Start("zeus", 1, files);
        ClusterNode hera = Start("hera", 2, _ours.Node("hera"));
        atlas.Await("hera up");
        hera.Await("atlas up");
        Assert.False(stranger.Ask().IsMember);
        Assert.Equal(["atlas", "hera"], atlas.Ask().Members.Select(member => member.Node).ToArray());
        stranger.Dispose();
        hera.Dispose();
        atlas.Dispose();
    }

    private ClusterNode Start(string name, int index, ClusterTlsFiles? files)
    {
        if (files is null)
        {
            return Keep(ClusterNode.Start(name, _ports[index], _ports, _identity));
        }

        string settings = $"actorsan.cluster.tls {{ certificate-file = \"{files.CertificateFile}\", key-file = \"{files.KeyFile}\", ca-file = \"{files.AuthorityFile}\" }}";
        DotNettySslSetup setup = Keep(ClusterTls.LoadUnchecked(files, TimeProvider.System)).Setup();
        return Keep(ClusterNode.Start(name, _ports[index], _ports, _identity, settings, setup: setup));
    }

    private T Keep<T>(T one)
        where T : IDisposable
    {
        _open.Add(one);
        return one;
    }
}
