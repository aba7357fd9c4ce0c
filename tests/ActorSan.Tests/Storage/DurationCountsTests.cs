using ActorSan.Cluster.Management;
using ActorSan.Storage;
using Xunit;

namespace ActorSan.Tests.Storage;

public sealed class DurationCountsTests
{
    [Theory]
    [InlineData(0, 0)]
    [InlineData(16_000, 0)]
    [InlineData(16_001, 1)]
    [InlineData(32_000, 1)]
    [InlineData(33_000, 2)]
    [InlineData(16_777_216_000, 20)]
    [InlineData(16_777_217_000, 21)]
    [InlineData(long.MaxValue / 2, 21)]
    public void A_duration_is_counted_under_the_first_bound_that_it_does_not_exceed(long durationNs, int bucket)
    {
        var counts = new DurationCounts();
        counts.Add(durationNs);
        Assert.Equal(1, counts.Counts()[bucket]);
        Assert.Equal(1, counts.Counts().Sum());
        Assert.Equal(durationNs, counts.SumNs);
    }

    [Fact]
    public void A_histogram_shows_what_was_counted_and_goes_on_no_further()
    {
        var counts = new DurationCounts();
        counts.Add(10_000);
        counts.Add(100_000);
        LatencyHistogram histogram = LatencyHistogram.Of(counts);
        counts.Add(100_000);
        Assert.Equal(2, histogram.Count);
        Assert.Equal(110, histogram.SumUs);
        Assert.Equal(16, histogram.PercentileUs(0.5));
        Assert.Equal(128, histogram.PercentileUs(0.99));
    }

    [Fact]
    public void Counting_allocates_nothing()
    {
        var counts = new DurationCounts();
        counts.Add(1);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 1000; i++)
        {
            counts.Add(i * 1000L);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }
}
