using ActorSan.Cluster.Management;
using ActorSan.Replication.Core.Values;
using Xunit;

namespace ActorSan.Tests.Cluster.Management;

/// <summary>What an administrator is told while the primary does not answer.</summary>
public sealed class VolumeReasonsTests
{
    [Theory]
    [InlineData("atlas zeus", "atlas does not answer; zeus is in sync and takes over")]
    [InlineData("atlas zeus hera", "atlas does not answer; zeus, hera are in sync, and one of them takes over")]
    [InlineData("atlas", "atlas does not answer; nobody else is in sync, so it is waited for")]
    public void Who_takes_over_is_not_who_does_not_answer(string inSync, string state)
    {
        var now = new Configuration
        {
            Version = 3,
            VolumeId = Guid.NewGuid(),
            Lineage = Guid.NewGuid(),
            Voters = [.. new[] { "atlas", "hera", "zeus" }.Select(node => new VoterId(node, Guid.NewGuid()))],
            InSync = [.. inSync.Split(' ').Select(node => new Member(node, Guid.NewGuid(), Guid.NewGuid()))],
            Replicas = [],
            SizeBytes = 1 << 20,
            Primary = new PrimaryId("atlas", Guid.NewGuid()),
        };

        Assert.Equal((VolumeCondition.Changing, state), VolumeReasons.ConditionOf(now, [], serves: false, leaseLeftMs: null, primaryAnswered: false, static _ => true));
    }
}
