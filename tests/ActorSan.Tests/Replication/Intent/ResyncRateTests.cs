using ActorSan.Replication.Core.Intent;
using CsCheck;
using Xunit;

namespace ActorSan.Tests.Replication.Intent;

/// <summary>S5: never below the floor in the long run, never above the ceiling, and out of the way when the foreground suffers.</summary>
public sealed class ResyncRateTests
{
    private const long Second = 1_000_000_000;
    private const long Millisecond = 1_000_000;
    private const int Piece = 256 << 10;

    [Fact]
    public void ItStaysBetweenFloorAndCeilingWhateverTheForegroundDoes() =>
        Gen.Select(Gen.Long[1 << 20, 1 << 26], Gen.Long[0, 1 << 28], Gen.Select(Gen.Long[1, 300 * Millisecond], Gen.Int[0, 5], Gen.Long[1000, 100 * Millisecond]).List[50, 300]).Sample(
            (floor, more, steps) =>
            {
                var settings = new ResyncRateSettings(floor, floor + more);
                long now = 7 * Second;
                long begin = now;
                var rate = new ResyncRate(settings, Piece, now);
                long taken = 0;
                foreach ((long wait, int requests, long latency) in steps)
                {
                    for (int i = 0; i < requests; i++)
                    {
                        rate.OnForeground(latency);
                    }

                    // Whoever asks whenever it may.
                    long until = now + wait;
                    while (true)
                    {
                        if (rate.TryTake(Piece, now, out long wake))
                        {
                            taken += Piece;
                            continue;
                        }

                        Assert.True(wake > now, "asked to come back at once");
                        if (wake > until)
                        {
                            now = until;
                            break;
                        }

                        now = wake;
                    }

                    Assert.InRange(rate.BytesPerSecond, settings.FloorBytesPerSecond, settings.CeilingBytesPerSecond);
                    double seconds = (now - begin) / (double)Second;
                    Assert.True(taken <= (settings.CeilingBytesPerSecond * seconds) + rate.BurstBytes + Piece, "above the ceiling");
                    Assert.True(taken >= (settings.FloorBytesPerSecond * seconds) - (2 * Piece) - 4096, "below the floor");
                }
            },
            iter: 200);

    [Fact]
    public void AnIdleVolumeGetsAllAndASufferingOneAlmostNothing()
    {
        var settings = new ResyncRateSettings(1 << 20, 1 << 30);
        long now = 0;
        var rate = new ResyncRate(settings, Piece, now);

        // A foreground that does not mind: up by steps.
        Run(intervals: 20, latency: _ => 2 * Millisecond);
        Assert.InRange(rate.BaselineNs, 2.0 * Millisecond, 2.1 * Millisecond);
        Assert.InRange(rate.BytesPerSecond, 200L << 20, 400L << 20);

        // Latency grows with resync: it settles where the foreground is at its objective, and stays off it.
        Run(intervals: 300, latency: now => now.BytesPerSecond > 100L << 20 ? 8 * Millisecond : 2 * Millisecond);
        Assert.InRange(rate.BytesPerSecond, 50L << 20, 130L << 20);
        Assert.InRange(rate.BaselineNs, 1.9 * Millisecond, 2.1 * Millisecond);

        // The foreground itself becomes slow: to the floor, until that is known to be its own doing.
        Run(intervals: 18, latency: _ => 20 * Millisecond);
        Assert.Equal(settings.FloorBytesPerSecond, rate.BytesPerSecond);
        Run(intervals: 60, latency: _ => 20 * Millisecond);
        Assert.InRange(rate.BytesPerSecond, 100L << 20, 1L << 30);

        // Nobody there: all of it.
        Run(intervals: 12, latency: _ => 0);
        Assert.Equal(settings.CeilingBytesPerSecond, rate.BytesPerSecond);

        void Run(int intervals, Func<ResyncRate, long> latency)
        {
            for (int i = 0; i < intervals * 10; i++)
            {
                now += 10 * Millisecond;
                long observed = latency(rate);
                if (observed > 0)
                {
                    rate.OnForeground(observed);
                }

                while (rate.TryTake(Piece, now, out _))
                {
                }
            }
        }
    }

    [Fact]
    public void WhoAskedIsRememberedForTwoTenthsOfASecondAtMost()
    {
        var rate = new ResyncRate(new ResyncRateSettings(1 << 20, 1 << 30), Piece, 0);
        Assert.False(rate.HasForeground);
        rate.OnForeground(Millisecond);
        Assert.True(rate.HasForeground);
        _ = rate.TryTake(1, 100 * Millisecond, out _);
        Assert.True(rate.HasForeground);
        _ = rate.TryTake(1, 200 * Millisecond, out _);
        Assert.False(rate.HasForeground);
        rate.OnForeground(Millisecond);
        rate.Rest(300 * Millisecond);
        rate.Rest(400 * Millisecond);
        Assert.False(rate.HasForeground);
    }

    // A peer answers a piece after a while; whoever copies asks for as many as it may, at each answer and each tick.
    [Theory]
    [InlineData(1, 1, 2)]
    [InlineData(50, 1, 16)]
    public void BesideAForegroundLittleIsUnderWayButForTheFloor(long answersAfterMs, int fewest, int most)
    {
        const long Floor = 16L << 20;
        var rate = new ResyncRate(new ResyncRateSettings(Floor, 1 << 30), Piece, 0);
        var answers = new Queue<long>();
        int deepest = 0;
        long taken = 0;
        for (long ms = 0; ms < 5_000; ms++)
        {
            long now = ms * Millisecond;
            rate.OnWaiting();
            if (ms % 2 == 0)
            {
                rate.OnForeground(2 * Millisecond);
            }

            while (answers.TryPeek(out long at) && at <= now)
            {
                _ = answers.Dequeue();
            }

            while (answers.Count < rate.Depth(alone: 16, beside: 2) && rate.TryTake(Piece, now, out _))
            {
                taken += Piece;
                answers.Enqueue(now + (answersAfterMs * Millisecond));
            }

            deepest = Math.Max(deepest, answers.Count);
        }

        Assert.InRange(deepest, fewest, most);
        Assert.True(taken >= 0.95 * Floor * 5, $"{taken} bytes in five seconds are less than the floor");
    }

    [Fact]
    public void WhoWaitsIsAskingAndTheRateIsLeftAlone()
    {
        var settings = new ResyncRateSettings(1 << 20, 1 << 30);
        var rate = new ResyncRate(settings, Piece, 0);
        for (int i = 1; i <= 20; i++)
        {
            rate.OnWaiting();
            Assert.True(rate.HasForeground);
            Assert.Equal(2, rate.Depth(alone: 16, beside: 2));
            _ = rate.TryTake(Piece, i * 100 * Millisecond, out _);
            Assert.Equal(settings.FloorBytesPerSecond, rate.BytesPerSecond);
        }

        _ = rate.TryTake(Piece, 2_100 * Millisecond, out _);
        Assert.False(rate.HasForeground);
        Assert.Equal(16, rate.Depth(alone: 16, beside: 2));
        Assert.Equal(settings.FloorBytesPerSecond * 4, rate.BytesPerSecond);
    }

    [Fact]
    public void NothingIsAllocated()
    {
        var rate = new ResyncRate(new ResyncRateSettings(1 << 20, 1 << 30), Piece, 0);
        var allocation = new SteadyAllocation(1000);
        for (int i = 0; i < 10_000; i++)
        {
            rate.OnForeground(Millisecond);
            _ = rate.TryTake(Piece, i * Millisecond, out _);
            allocation.Step();
        }

        Assert.Equal(0, allocation.LeastBytes);
    }
}
