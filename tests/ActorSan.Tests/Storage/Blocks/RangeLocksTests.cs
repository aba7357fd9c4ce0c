using ActorSan.Storage.Blocks;
using Xunit;

namespace ActorSan.Tests.Storage.Blocks;

public sealed class RangeLocksTests
{
    private const long Mebibyte = 1 << 20;

    [Fact]
    public void ReadersShareAndAWriterWaitsForAllOfThem()
    {
        var locks = new RangeLocks();
        var first = new Request(0, 4096, exclusive: false);
        var second = new Request(0, 8192, exclusive: false);
        var writer = new Request(4000, 100, exclusive: true);
        Assert.True(locks.TryAcquire(first));
        Assert.True(locks.TryAcquire(second));
        Assert.False(locks.TryAcquire(writer));
        locks.Release(first);
        Assert.False(writer.WasGranted);
        locks.Release(second);
        Assert.True(writer.WasGranted);
    }

    [Fact]
    public void AReadBehindAWaitingWriterWaits()
    {
        var locks = new RangeLocks();
        var reader = new Request(0, 4096, exclusive: false);
        var writer = new Request(0, 4096, exclusive: true);
        var late = new Request(0, 4096, exclusive: false);
        Assert.True(locks.TryAcquire(reader));
        Assert.False(locks.TryAcquire(writer));
        Assert.False(locks.TryAcquire(late));
        locks.Release(reader);
        Assert.True(writer.WasGranted);
        Assert.False(late.WasGranted);
        locks.Release(writer);
        Assert.True(late.WasGranted);
    }

    [Fact]
    public void AnExclusiveLockThatIsSharedLetsReadersInAndKeepsWritersOut()
    {
        var locks = new RangeLocks();
        var holder = new Request(0, 4096, exclusive: true);
        var reader = new Request(0, 512, exclusive: false);
        var writer = new Request(512, 512, exclusive: true);
        Assert.True(locks.TryAcquire(holder));
        Assert.False(locks.TryAcquire(reader));
        Assert.False(locks.TryAcquire(writer));
        locks.Share(holder);
        Assert.True(reader.WasGranted);
        Assert.False(writer.WasGranted);
        locks.Release(holder);
        Assert.True(writer.WasGranted);
    }

    [Fact]
    public void AKeyTakenAloneWaitsForThoseWhoShareIt()
    {
        var locks = new RangeLocks();
        var checker = new Request(0, 0, exclusive: false) { Key = 1 };
        var other = new Request(0, 0, exclusive: true) { Key = 2, KeyExclusive = true };
        var change = new Request(0, 0, exclusive: true) { Key = 1, KeyExclusive = true };
        Assert.True(locks.TryAcquire(checker));
        Assert.True(locks.TryAcquire(other));
        Assert.False(locks.TryAcquire(change));
        locks.Release(checker);
        Assert.True(change.WasGranted);
    }

    [Fact]
    public void ALongChainOfWaitersThatEndAtOnceDoesNotNest()
    {
        var locks = new RangeLocks();
        var head = new Request(0, 512, exclusive: true);
        Assert.True(locks.TryAcquire(head));
        int ended = 0;
        for (int i = 0; i < 100_000; i++)
        {
            var next = new Request(0, 512, exclusive: true);
            next.Granted = () =>
            {
                ended++;
                locks.Release(next);
            };
            Assert.False(locks.TryAcquire(next));
            if (i % 1000 == 999)
            {
                locks.Release(head);
                Assert.Equal(i + 1, ended);
                head = new Request(0, 512, exclusive: true);
                Assert.True(locks.TryAcquire(head));
            }
        }
    }

    /// <summary>Against the definition: a request is granted when no earlier one that conflicts is left.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    public void AnyHistoryGrantsJustWhatTheDefinitionGrants(int seed)
    {
        var random = new Random(seed);
        var locks = new RangeLocks();
        var queue = new List<Request>();
        for (int step = 0; step < 20_000; step++)
        {
            List<Request> held = queue.FindAll(request => request.IsGranted);
            int choice = random.Next(100);
            if (choice < 50 && queue.Count < 200)
            {
                Request request = Random(random);
                Assert.Equal(!queue.Exists(earlier => Conflict(earlier, request)), locks.TryAcquire(request));
                queue.Add(request);
            }
            else if (held.Count > 0 && choice < 95)
            {
                Request released = held[random.Next(held.Count)];
                locks.Release(released);
                Assert.True(queue.Remove(released));
            }
            else if (held.Count > 0)
            {
                locks.Share(held[random.Next(held.Count)]);
            }

            for (int i = 0; i < queue.Count; i++)
            {
                bool free = !queue.Take(i).Any(earlier => Conflict(earlier, queue[i]));
                Assert.Equal(free, queue[i].IsGranted);
            }

            Assert.Equal(queue.Count, locks.Count);
        }
    }

    private static bool Conflict(Request one, Request other)
    {
        bool overlap = one.LengthBytes > 0 && other.LengthBytes > 0 && one.OffsetBytes < other.OffsetBytes + other.LengthBytes && other.OffsetBytes < one.OffsetBytes + one.LengthBytes;
        return (overlap && (one.Exclusive || other.Exclusive)) || (one.Key != 0 && one.Key == other.Key && (one.KeyExclusive || other.KeyExclusive));
    }

    private static Request Random(Random random)
    {
        // Few places, so that ranges meet; some across a bucket's edge, some far away in the same slot, some over everything.
        long offset = (random.Next(4) * Mebibyte) + (random.Next(32) * 32768L) + (random.Next(4) == 0 ? 1024 * Mebibyte : 0);
        long length = random.Next(10) switch
        {
            0 => 0,
            1 => 3 * Mebibyte,
            2 => 2048 * Mebibyte,
            3 => Mebibyte,
            _ => 4096 << random.Next(6),
        };
        var request = new Request(offset, length, random.Next(2) == 0);
        if (random.Next(4) == 0)
        {
            request.Key = (byte)random.Next(1, 3);
            request.KeyExclusive = random.Next(3) == 0;
        }

        return request;
    }

    private sealed class Request : RangeLock
    {
        public Request(long offset, long length, bool exclusive)
        {
            OffsetBytes = offset;
            LengthBytes = length;
            Exclusive = exclusive;
        }

        public bool WasGranted { get; private set; }

        public Action? Granted { get; set; }

        protected internal override void OnGranted()
        {
            Assert.False(WasGranted);
            WasGranted = true;
            Granted?.Invoke();
        }
    }
}
