using ActorSan.Storage.Blocks;
using ActorSan.Tests.Shared.Engines;
using Xunit;

namespace ActorSan.Tests.Replication.Engines;

/// <summary>No object for a write: neither in the primary's engine nor in a replica's.</summary>
public sealed class EngineAllocationTests
{
    private const int Depth = 16;
    private const int Turns = 1500;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void APrimaryWritesWithoutAllocating(int replicas)
    {
        var primary = new QuietPrimary(replicas, Depth);
        Assert.Equal(0, Least(() => primary.Run(VolumeOperationKind.Write)));
        Assert.Equal(Depth * Turns, primary.Answered);
    }

    [Theory]
    [InlineData(VolumeOperationKind.Read)]
    [InlineData(VolumeOperationKind.WriteZeroes)]
    [InlineData(VolumeOperationKind.Flush)]
    public void APrimaryDoesTheRestWithoutAllocating(VolumeOperationKind kind)
    {
        var primary = new QuietPrimary(replicas: 2, Depth);
        Assert.Equal(0, Least(() => primary.Run(kind)));
        Assert.Equal(Depth * Turns, primary.Answered);
    }

    [Fact]
    public void AReplicaAppliesWithoutAllocating()
    {
        var secondary = new QuietSecondary(Depth);
        Assert.Equal(0, Least(secondary.Run));
        Assert.Equal(Depth * Turns, secondary.Acknowledged);
    }

    private static long Least(Action turn)
    {
        var allocation = new SteadyAllocation(batchSteps: 100);
        for (int i = 0; i < Turns; i++)
        {
            turn();
            allocation.Step();
        }

        return allocation.LeastBytes;
    }
}
