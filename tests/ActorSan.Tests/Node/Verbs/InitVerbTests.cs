using ActorSan.Cluster.Founding;
using ActorSan.Cluster.Registers;
using ActorSan.Node;
using ActorSan.Node.Daemon;
using Microsoft.Data.Sqlite;
using Xunit;
using static ActorSan.Tests.Node.Verbs.VerbRun;

namespace ActorSan.Tests.Node.Verbs;

public sealed class InitVerbTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void AClusterIsMadeAndTakenToTheOtherNodes()
    {
        string atlas = Configure("atlas");
        (int code, string output, string error) = Run("init", "-c", atlas);
        Assert.Equal((ExitCode.Success, ""), (code, error));
        ClusterIdentity made = ClusterIdentity.Read(StateOf("atlas"))!;
        Assert.True(made.Founder);
        Assert.Contains($"Made cluster {made.ClusterId}, to be founded by atlas, hera, zeus", output, StringComparison.Ordinal);
        Assert.Contains("--from cluster.identity", output, StringComparison.Ordinal);
        Assert.DoesNotContain(Convert.ToHexStringLower(made.LinkKey()), output, StringComparison.Ordinal);

        (code, output, error) = Run("init", "-c", Configure("zeus"), "--from", Path.Combine(StateOf("atlas"), ClusterIdentity.FileName));
        Assert.Equal((ExitCode.Success, ""), (code, error));
        Assert.Contains($"zeus is a node of cluster {made.ClusterId} now", output, StringComparison.Ordinal);
        Assert.False(ClusterIdentity.Read(StateOf("zeus"))!.Founder);
    }

    [Fact]
    public void ASecondTimeIsRefused()
    {
        string atlas = Configure("atlas");
        Assert.Equal(ExitCode.Success, Run("init", "-c", atlas).Code);
        byte[] before = File.ReadAllBytes(Path.Combine(StateOf("atlas"), ClusterIdentity.FileName));
        Refused(ExitCode.Failure, "already there: this node belongs to a cluster", "init", "-c", atlas);
        Assert.Equal(before, File.ReadAllBytes(Path.Combine(StateOf("atlas"), ClusterIdentity.FileName)));
    }

    [Fact]
    public void WithoutAClusterItIsRefused()
    {
        string alone = _directory.Write("alone.conf", "actorsan.node.name = atlas");
        Refused(ExitCode.Usage, "actorsan.cluster.address must say", "init", "-c", alone);
        Refused(ExitCode.Usage, "actorsan.cluster.address must say", "init", "-c", alone, "--from", "/no/such/file");
        Assert.False(Directory.Exists(Path.Combine(_directory.Path, "state")));
    }

    [Fact]
    public void OnlyAFounderMakesACluster()
    {
        Refused(ExitCode.Usage, "set actorsan.cluster.founders = [atlas, hera, zeus, ares] on all nodes", "init", "-c", Configure("ares"));
        Assert.Null(ClusterIdentity.Read(StateOf("ares")));
    }

    [Fact]
    public void AMissingOrWrongFileIsRefused()
    {
        Refused(ExitCode.Failure, "/no/such/file does not exist", "init", "-c", Configure("zeus"), "--from", "/no/such/file");
        Refused(ExitCode.Failure, "is damaged", "init", "-c", Configure("zeus"), "--from", _directory.Write("wrong", "no identity"));
        Assert.Null(ClusterIdentity.Read(StateOf("zeus")));
    }

    [Fact]
    public void AJournalOfAnEarlierClusterIsNotTakenIntoANewOne()
    {
        string atlas = Configure("atlas");
        Directory.CreateDirectory(StateOf("atlas"));
        var old = Guid.NewGuid();
        SqliteJournal.Open(StateOf("atlas"), old, "atlas");
        SqliteConnection.ClearAllPools();
        Refused(ExitCode.Failure, "a new cluster starts with a new state directory", "init", "-c", atlas);

        // Nor by way of another node's identity, unless it is the same cluster's: a node that has lost its identity alone.
        Assert.Equal(ExitCode.Success, Run("init", "-c", Configure("zeus")).Code);
        string file = Path.Combine(StateOf("zeus"), ClusterIdentity.FileName);
        Refused(ExitCode.Failure, $"a node of cluster {old}", "init", "-c", atlas, "--from", file);
        Assert.Null(ClusterIdentity.Read(StateOf("atlas")));

        SqliteConnection.ClearAllPools();
        Directory.Delete(StateOf("atlas"), recursive: true);
        Directory.CreateDirectory(StateOf("atlas"));
        SqliteJournal.Open(StateOf("atlas"), ClusterIdentity.Read(StateOf("zeus"))!.ClusterId, "atlas");
        SqliteConnection.ClearAllPools();
        Assert.Equal(ExitCode.Success, Run("init", "-c", atlas, "--from", file).Code);
    }

    [Fact]
    public void ARunningNodeIsNotTouched()
    {
        string atlas = Configure("atlas");
        using var state = StateDirectory.Open(StateOf("atlas"));
        Refused(ExitCode.InUse, "stop the node first", "init", "-c", atlas);
    }

    [Fact]
    public void ANodeOfNoClusterDoesNotRun()
    {
        Refused(ExitCode.Usage, "run 'actorsan init -c CONF'", "run", "-c", Configure("atlas"));
        Assert.Equal(ExitCode.Success, Run("init", "-c", Configure("atlas")).Code);
        File.WriteAllText(Path.Combine(StateOf("atlas"), ClusterIdentity.FileName), "gone bad");
        Refused(ExitCode.Usage, "is damaged", "run", "-c", Configure("atlas"));
    }

    private string StateOf(string node) => Path.Combine(_directory.Path, $"state-{node}");

    private string Configure(string node) => _directory.Write(node + ".conf", $$"""
        actorsan {
          node { name = {{node}}, state-directory = state-{{node}} }
          cluster { address = "127.0.0.1:0", seeds = ["127.0.0.1:7310"], founders = [atlas, zeus, hera] }
          links.address = "127.0.0.1:0"
        }
        """);
}
