using ActorSan.Cluster.Membership;
using Akka.Actor;
using Xunit;

namespace ActorSan.Tests.Cluster.Membership;

public sealed class StandInSeedTests
{
    private static readonly Address[] Seeds = [.. Enumerable.Range(1, 3).Select(port => new Address("akka.tcp", "actorsan", "127.0.0.1", port))];

    [Fact]
    public void ASecondSeedThatHearsAThirdTwiceStandsIn()
    {
        var second = new StandInSeed(Seeds, Seeds[1]);
        Assert.False(second.MustForm());
        Assert.Equal([Seeds[0], Seeds[2]], second.NextRound(isInGroup: false));
        second.OnAnswer(Seeds[2], isInGroup: false);
        Assert.False(second.MustForm());
        _ = second.NextRound(isInGroup: false);
        second.OnAnswer(Seeds[2], isInGroup: false);
        Assert.True(second.MustForm());
    }

    [Fact]
    public void OneRoundInWhichNobodyAnswersBeginsAnew()
    {
        var second = new StandInSeed(Seeds, Seeds[1]);
        Assert.False(Round(second, Seeds[2]));
        Assert.False(Round(second));
        Assert.False(Round(second, Seeds[2]));
        Assert.True(Round(second, Seeds[2]));
    }

    [Fact]
    public void WhoHearsOneBeforeItLeavesItToThatOne()
    {
        var third = new StandInSeed(Seeds, Seeds[2]);
        for (int i = 0; i < 5; i++)
        {
            Assert.False(Round(third, Seeds[1]));
            Assert.False(Round(third, Seeds[0]));
        }
    }

    [Fact]
    public void TheFirstAndWhoIsNoSeedNeverStandIn()
    {
        Assert.Empty(new StandInSeed(Seeds, Seeds[0]).NextRound(isInGroup: false));
        Assert.Empty(new StandInSeed(Seeds, new Address("akka.tcp", "actorsan", "127.0.0.1", 9)).NextRound(isInGroup: false));
        Assert.Empty(new StandInSeed(Seeds, Seeds[1]).NextRound(isInGroup: true));
    }

    [Fact]
    public void AMinorityFormsNothing()
    {
        var alone = new StandInSeed(Seeds, Seeds[1]);
        var oneOfTwo = new StandInSeed(Seeds[..2], Seeds[1]);
        for (int i = 0; i < 5; i++)
        {
            Assert.False(Round(alone));
            Assert.False(Round(oneOfTwo));
        }
    }

    [Fact]
    public void AGroupThatIsThereIsJoinedAndNoneIsFormedBesideIt()
    {
        var second = new StandInSeed(Seeds, Seeds[1]);
        for (int i = 0; i < 5; i++)
        {
            _ = second.NextRound(isInGroup: false);
            second.OnAnswer(Seeds[2], isInGroup: false);
            second.OnAnswer(Seeds[2], isInGroup: true);
            Assert.False(second.MustForm());
        }
    }

    private static bool Round(StandInSeed seed, params Address[] answers)
    {
        _ = seed.NextRound(isInGroup: false);
        foreach (Address answer in answers)
        {
            seed.OnAnswer(answer, isInGroup: false);
        }

        return seed.MustForm();
    }
}
