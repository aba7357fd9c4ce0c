using ActorSan.Cluster.Membership;
using Akka.Actor;
using Xunit;

namespace ActorSan.Tests.Cluster.Membership;

public sealed class StraySeedsTests
{
    private static readonly Address[] Seeds = [.. Enumerable.Range(1, 4).Select(port => new Address("akka.tcp", "actorsan", "127.0.0.1", port))];

    [Fact]
    public void OnlySeedsThatAreNotInTheGroupAreAsked()
    {
        var strays = new StraySeeds(Seeds, Seeds[1]);
        Assert.Equal([Seeds[0], Seeds[3]], strays.NextRound([Seeds[1], Seeds[2]]));
        Assert.Empty(strays.NextRound(Seeds));
    }

    [Fact]
    public void WhoIsInNoGroupAsksNobody() => Assert.Empty(new StraySeeds(Seeds, Seeds[1]).NextRound([]));

    [Fact]
    public void OneAnswerIsNotEnough()
    {
        var strays = new StraySeeds(Seeds, Seeds[1]);
        Address[] members = [Seeds[1]];
        Assert.False(Round(strays, members, Seeds[0]));
        Assert.False(Round(strays, members, null));
        Assert.False(Round(strays, members, Seeds[0]));
        Assert.True(Round(strays, members, Seeds[0]));
    }

    [Fact]
    public void AnAnswerThatNobodyAskedForIsNothing()
    {
        var strays = new StraySeeds(Seeds, Seeds[1]);
        Address[] members = [Seeds[1]];
        Assert.False(Round(strays, members, Seeds[0]));
        Assert.False(strays.MustGiveWayTo(Seeds[0], members));
        Assert.False(strays.MustGiveWayTo(Seeds[0], members));
    }

    [Fact]
    public void ASeedThatWasLetInBeginsAnew()
    {
        var strays = new StraySeeds(Seeds, Seeds[1]);
        Assert.False(Round(strays, [Seeds[1]], Seeds[0]));
        Assert.Equal([Seeds[2], Seeds[3]], strays.NextRound([Seeds[0], Seeds[1]]));
        Assert.False(Round(strays, [Seeds[1]], Seeds[0]));
    }

    // However the seeds are divided, exactly one of two groups gives way.
    [Fact]
    public void OfTwoGroupsOneGivesWay()
    {
        for (int count = 2; count <= 4; count++)
        {
            Address[] seeds = Seeds[..count];
            for (int division = 1; division < (1 << count) - 1; division++)
            {
                Address[] left = [.. seeds.Where((_, i) => (division >> i & 1) == 1)];
                Address[] right = [.. seeds.Except(left)];
                Assert.True(GivesWay(seeds, left, right[0]) ^ GivesWay(seeds, right, left[0]), $"{count} seeds, {division}");
            }
        }
    }

    private static bool GivesWay(Address[] seeds, Address[] members, Address other)
    {
        var strays = new StraySeeds(seeds, members[0]);
        return Round(strays, members, other) || Round(strays, members, other);
    }

    private static bool Round(StraySeeds strays, Address[] members, Address? answers)
    {
        Assert.NotEmpty(strays.NextRound(members));
        return answers is not null && strays.MustGiveWayTo(answers, members);
    }
}
