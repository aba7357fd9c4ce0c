using ActorSan.Cluster.Control;
using ActorSan.Cluster.Membership;
using Akka.Actor;
using Akka.Cluster;
using Xunit;

namespace ActorSan.Tests.Cluster.Membership;

public sealed class MemberDirectoryTests
{
    private readonly AddressBook _book = new([]);
    private readonly List<string> _told = [];
    private readonly List<string> _complaints = [];
    private readonly Dictionary<int, int> _ages = [];
    private readonly MemberDirectory _directory;

    public MemberDirectoryTests() => _directory = new MemberDirectory(_book, new Listener(_told), (left, right) => _ages[right.Uid].CompareTo(_ages[left.Uid]), _complaints.Add);

    [Fact]
    public void ANodeIsKnownFromItsFirstWordToItsLast()
    {
        Put("atlas", 1, MemberStatus.Joining);
        Put("atlas", 1, MemberStatus.Up);
        _directory.SetUnreachable(At(1), 1, unreachable: true);
        _directory.SetUnreachable(At(1), 1, unreachable: true);
        Assert.True(_directory.Find("atlas")!.IsUnreachable);
        Put("atlas", 1, MemberStatus.Down);
        Assert.True(_directory.Find("atlas")!.IsUnreachable);
        Assert.Equal(At(1), _book.Find("atlas"));
        _directory.Remove(At(1), 1, downed: true);
        _directory.Remove(At(1), 1, downed: true);
        Told("atlas:1 Joining", "atlas:1 Up", "atlas lost", "atlas:1 Down", "atlas gone, downed");
        Assert.Equal(At(1), _book.Find("atlas"));
        Assert.Empty(_directory.Members);
        Assert.Empty(_complaints);
    }

    [Fact]
    public void OfTwoWithOneNameTheOlderHasItUntilItIsGone()
    {
        Put("zeus", 1, age: 5);
        Put("zeus", 2, age: 1);
        Assert.Contains("actorsan.node.name", Assert.Single(_complaints), StringComparison.Ordinal);
        _directory.SetUnreachable(At(2), 2, unreachable: true);
        Put("zeus", 2, MemberStatus.Leaving, age: 1);
        Assert.Equal(At(1), _book.Find("zeus"));
        _directory.Remove(At(1), 1, downed: false);
        Assert.Equal(At(2), _book.Find("zeus"));
        Told("zeus:1 Up", "zeus gone", "zeus:2 Leaving");
        Assert.True(_directory.Find("zeus")!.IsUnreachable);
    }

    [Fact]
    public void TheOlderMayBeHeardOfSecond()
    {
        Put("zeus", 1, age: 1);
        Put("zeus", 2, age: 5);
        Assert.Equal(At(2), _book.Find("zeus"));
        Told("zeus:1 Up", "zeus gone", "zeus:2 Up");
        _directory.Remove(At(1), 1, downed: true);
        Told("zeus:1 Up", "zeus gone", "zeus:2 Up");
    }

    [Fact]
    public void TheSameNodeAfterARestartIsAnother()
    {
        Put("zeus", 1);
        _directory.Remove(At(1), 1, downed: true);
        Put("zeus", 7, at: 1);
        Told("zeus:1 Up", "zeus gone, downed", "zeus:7 Up");
        Assert.Equal(7, Assert.Single(_directory.Members).Uid);
    }

    [Fact]
    public void SinceIsThatOfTheFirstWord()
    {
        Put("atlas", 1, MemberStatus.Joining, since: 10);
        Put("atlas", 1, MemberStatus.Up, since: 20);
        Assert.Equal(DateTimeOffset.UnixEpoch.AddSeconds(10), _directory.Find("atlas")!.Since);
    }

    [Fact]
    public void WhoWasNeverHeardOfIsNothing()
    {
        _directory.SetUnreachable(At(1), 1, unreachable: true);
        _directory.Remove(At(1), 1, downed: true);
        Assert.Null(_directory.Find("atlas"));
        Told();
    }

    private static Address At(int port) => new("akka.tcp", "actorsan", "127.0.0.1", port);

    private void Put(string node, int uid, MemberStatus status = MemberStatus.Up, int age = 0, int since = 0, int at = 0)
    {
        _ages[uid] = age;
        _directory.Put(new MemberFacts(node, At(at == 0 ? uid : at), uid, [], status, IsUnreachable: false, DateTimeOffset.UnixEpoch.AddSeconds(since), "1.0"));
    }

    private void Told(params string[] lines) => Assert.Equal(lines, _told);

    private sealed class Listener(List<string> told) : IMembershipListener
    {
        public void OnMember(MemberFacts facts) => told.Add($"{facts.Node}:{facts.Uid} {facts.Status}");

        public void OnUnreachable(string node, bool unreachable) => told.Add($"{node} {(unreachable ? "lost" : "found")}");

        public void OnRemoved(string node, bool downed) => told.Add($"{node} gone{(downed ? ", downed" : "")}");
    }
}
