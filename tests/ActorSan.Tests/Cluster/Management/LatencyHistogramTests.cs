using ActorSan.Cluster.Management;
using Xunit;

namespace ActorSan.Tests.Cluster.Management;

public sealed class LatencyHistogramTests
{
    [Fact]
    public void EveryDurationIsInTheBucketOfItsBound()
    {
        for (long duration = 0; duration < 1 << 26; duration = (duration * 5 / 4) + 1)
        {
            int bucket = LatencyHistogram.BucketOf(duration);
            Assert.True(bucket == LatencyHistogram.BoundsUs.Count || duration <= LatencyHistogram.BoundsUs[bucket], $"{duration} is above its bucket {bucket}");
            Assert.True(bucket == 0 || duration > LatencyHistogram.BoundsUs[bucket - 1], $"{duration} is below its bucket {bucket}");
        }
    }

    [Fact]
    public void BoundsThemselvesBelongBelow()
    {
        Assert.All(LatencyHistogram.BoundsUs.Select((bound, i) => (bound, i)), item => Assert.Equal(item.i, LatencyHistogram.BucketOf(item.bound)));
        Assert.Equal(LatencyHistogram.BoundsUs.Count, LatencyHistogram.BucketOf(LatencyHistogram.BoundsUs[^1] + 1));
        Assert.Equal(LatencyHistogram.BoundsUs.Count, LatencyHistogram.BucketOf(long.MaxValue));
        Assert.Equal(LatencyHistogram.BoundsUs.Count + 1, LatencyHistogram.Empty.Counts.Count);
    }

    [Fact]
    public void PercentilesAreUpperBounds()
    {
        Assert.Null(LatencyHistogram.Empty.PercentileUs(0.5));
        long[] counts = new long[LatencyHistogram.BoundsUs.Count + 1];
        counts[0] = 50;
        counts[3] = 49;
        counts[^1] = 1;
        var histogram = new LatencyHistogram(counts, 0);
        Assert.Equal(100, histogram.Count);
        Assert.Equal(16, histogram.PercentileUs(0.5));
        Assert.Equal(128, histogram.PercentileUs(0.51));
        Assert.Equal(128, histogram.PercentileUs(0.99));
        Assert.Equal(2 * LatencyHistogram.BoundsUs[^1], histogram.PercentileUs(1));
    }

    [Fact]
    public void AChangeOfChapTellsNoSecret() =>
        Assert.DoesNotContain("hidden", new ManagementOperation.SetChap("iqn.2026-01.org.example:a", "alice", "hidden-hidden-1", "bob", "hidden-hidden-2").ToString(), StringComparison.Ordinal);
}
