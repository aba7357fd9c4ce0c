using ActorSan.Storage;
using ActorSan.Storage.Buffers;
using ActorSan.Storage.Threads;
using Xunit;

namespace ActorSan.Tests.Storage.Buffers;

public sealed unsafe class BufferPoolTests
{
    [Theory]
    [InlineData(1, 4096)]
    [InlineData(4096, 4096)]
    [InlineData(4097, 8192)]
    [InlineData(65536, 65536)]
    [InlineData((1 << 20) + 1, 2 << 20)]
    [InlineData(BufferPool.MaxBufferBytes, BufferPool.MaxBufferBytes)]
    public void ABufferIsTheNextPowerOfTwoAndAligned(int asked, int given)
    {
        using var pool = new BufferPool(8 << 20);
        Assert.True(pool.TryRent(asked, BufferOwner.Test, out IoBuffer buffer));
        Assert.Equal(given, buffer.CapacityBytes);
        Assert.Equal(0, (nint)buffer.Address % 4096);
        Assert.Equal(given, pool.InUseBy(BufferOwner.Test));
        pool.Return(buffer);
        Assert.Equal(0, pool.InUseBytes);
    }

    /// <summary>Against a model: rented buffers never overlap, keep their bytes, and when all are back the pool gives its largest again.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void BuffersNeverOverlapAndBuddiesJoin(int seed)
    {
        using var pool = new BufferPool(16 << 20);
        var random = new Random(seed);
        var held = new List<(IoBuffer Buffer, byte Mark)>();
        for (int step = 0; step < 4000; step++)
        {
            if (held.Count > 0 && random.Next(2) == 0)
            {
                int index = random.Next(held.Count);
                (IoBuffer buffer, byte mark) = held[index];
                Assert.Equal(-1, buffer.Span.IndexOfAnyExcept(mark));
                pool.Return(buffer);
                held[index] = held[^1];
                held.RemoveAt(held.Count - 1);
            }
            else if (pool.TryRent(1 << random.Next(21), BufferOwner.Test, out IoBuffer rented))
            {
                byte mark = (byte)step;
                rented.Span.Fill(mark);
                held.Add((rented, mark));
            }

            Assert.Equal(held.Sum(item => (long)item.Buffer.CapacityBytes), pool.InUseBytes);
        }

        foreach ((IoBuffer buffer, _) in held)
        {
            pool.Return(buffer);
        }

        Assert.True(pool.TryRent(BufferPool.MaxBufferBytes, BufferOwner.Test, out _));
        Assert.True(pool.TryRent(BufferPool.MaxBufferBytes, BufferOwner.Test, out _));
        Assert.False(pool.TryRent(1, BufferOwner.Test, out _));
    }

    [Fact]
    public void ADoubleReturnOrAForeignAddressIsABug()
    {
        using var pool = new BufferPool(8 << 20);
        Assert.True(pool.TryRent(8192, BufferOwner.Test, out IoBuffer buffer));
        Assert.Throws<InvariantViolationException>(() => pool.Return(new IoBuffer(buffer.Address + 4096, 4096)));
        Assert.Throws<InvariantViolationException>(() => pool.Return(new IoBuffer(buffer.Address, 4096)));
        pool.Return(buffer);
        Assert.Throws<InvariantViolationException>(() => pool.Return(buffer));
        byte stranger = 0;
        byte* address = &stranger;
        Assert.Throws<InvariantViolationException>(() => pool.Return(new IoBuffer(address, 4096)));
        Assert.Equal(0, pool.InUseBytes);
    }

    /// <summary>One return may serve many waiters, and one that has lost interest must not keep the next from its turn.</summary>
    [Fact]
    public void AReturnWakesAllThatWaitInTheirOrder()
    {
        using var pool = new BufferPool(8 << 20);
        Assert.True(pool.TryRent(BufferPool.MaxBufferBytes, BufferOwner.Test, out IoBuffer all));
        var order = new List<int>();
        for (int i = 0; i < 3; i++)
        {
            int number = i;
            pool.WaitForSpace(new Waiter(() =>
            {
                order.Add(number);
                Assert.True(number == 0 || pool.TryRent(4096, BufferOwner.Test, out _));
            }));
        }

        Assert.Empty(order);
        pool.Return(all);
        Assert.Equal([0, 1, 2], order);
    }

    [Fact]
    public void AWaiterThatFindsTooLittleWaitsAgain()
    {
        using var pool = new BufferPool(8 << 20);
        Assert.True(pool.TryRent(4 << 20, BufferOwner.Test, out IoBuffer low));
        Assert.True(pool.TryRent(4 << 20, BufferOwner.Test, out IoBuffer high));
        int runs = 0;
        Waiter? waiter = null;
        waiter = new Waiter(() =>
        {
            runs++;
            if (!pool.TryRent(8 << 20, BufferOwner.Test, out _))
            {
                pool.WaitForSpace(waiter!);
            }
        });
        pool.WaitForSpace(waiter);
        pool.Return(low);
        Assert.Equal(1, runs);
        pool.Return(high);
        Assert.Equal(2, runs);
        Assert.Equal(8 << 20, pool.InUseBytes);
    }

    private sealed class Waiter(Action action) : IoMessage
    {
        protected internal override void Run() => action();
    }
}
