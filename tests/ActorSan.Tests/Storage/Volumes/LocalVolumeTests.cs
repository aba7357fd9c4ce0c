using System.Runtime.InteropServices;
using ActorSan.Storage.Blocks;
using ActorSan.Storage.Buffers;
using ActorSan.Storage.Stores;
using ActorSan.Storage.Volumes;
using Xunit;

namespace ActorSan.Tests.Storage.Volumes;

public sealed class LocalVolumeTests
{
    private const int BlockBytes = 512;
    private const int VolumeBytes = 64 * BlockBytes;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AnyHistoryReadsAsIfOperationsHappenedInTheirOrderOfArrival(bool writeThrough)
    {
        for (int seed = 0; seed < 300; seed++)
        {
            using var world = new World(seed, writeThrough);
            world.RunRandomly(400, stopAnywhere: false);
            Assert.Equal(0, world.Home.Buffers.InUseBytes - world.ReserveBytes);
            world.CheckStoreHasTheModel();
            Assert.Null(world.CloseAll());
            Assert.True(world.Metadata.IsClean);
            Assert.Equal(0, world.Home.Buffers.InUseBytes);
            Assert.True(world.Store.IsClosed);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void PowerLossAtAnyPointKeepsWhatWasFlushedAndTearsNothingThatMustNotTear(bool writeThrough)
    {
        for (int seed = 0; seed < 1500; seed++)
        {
            using var world = new World(seed, writeThrough);
            world.RunRandomly(new Random(seed).Next(20, 150), stopAnywhere: true);
            world.CheckAfterPowerLoss();
        }
    }

    [Fact]
    public void TheCleanMarkIsOffBeforeTheFirstWriteReachesTheStore()
    {
        using var world = new World(1, writeThrough: false);
        Operation write = world.Submit(VolumeOperationKind.Write, 0, 1, fill: 7);
        Assert.Equal(0, world.Store.WaitingCount);
        Assert.True(world.Metadata.LetOneHappen());
        Assert.False(world.Metadata.IsClean);
        Assert.Equal(1, world.Store.WaitingCount);
        world.Finish();
        Assert.Equal(VolumeStatus.Success, write.Status);
    }

    [Fact]
    public void ReadsAloneLeaveTheCleanMarkOn()
    {
        using var world = new World(1, writeThrough: false);
        world.Submit(VolumeOperationKind.Read, 0, 4, fill: 0);
        world.Finish();
        Assert.Null(world.CloseAll());
        Assert.Equal(0, world.Store.Flushes);
        Assert.True(world.Metadata.IsClean);
    }

    [Theory]
    [InlineData(0, 65)]
    [InlineData(64, 1)]
    [InlineData(-1, 1)]
    public void BeyondTheEndIsOutOfRange(long block, long blocks)
    {
        using var world = new World(1, writeThrough: false);
        Assert.Equal(VolumeStatus.OutOfRange, world.Submit(VolumeOperationKind.Read, block, blocks, fill: 0).Status);
        Assert.Equal(VolumeStatus.OutOfRange, world.Submit(VolumeOperationKind.Unmap, block, blocks, fill: 0).Status);
    }

    [Fact]
    public void AFlushThatFailsEndsTheVolume()
    {
        using var world = new World(1, writeThrough: false);
        world.Submit(VolumeOperationKind.Write, 0, 1, fill: 7);
        world.Finish();
        world.Store.Faults["Flush"] = StoreStatus.WriteError;
        Operation flush = world.Submit(VolumeOperationKind.Flush, 0, 0, fill: 0);
        world.Finish();
        Assert.Equal(VolumeStatus.WriteError, flush.Status);
        Assert.Equal(VolumeStateKind.Failed, world.Volume.State.Kind);
        Assert.Equal(VolumeStatus.NotReady, world.Submit(VolumeOperationKind.Read, 0, 1, fill: 0).Status);
        Assert.Contains("could not flush", world.CloseAll(), StringComparison.Ordinal);
        Assert.False(world.Metadata.IsClean);
    }

    [Fact]
    public void AWriteErrorIsToldAndTheVolumeGoesOn()
    {
        using var world = new World(1, writeThrough: false);
        world.Store.Faults["Write"] = StoreStatus.NoSpace;
        Operation write = world.Submit(VolumeOperationKind.Write, 0, 4, fill: 7);
        world.Finish();
        Assert.Equal(VolumeStatus.NoSpace, write.Status);
        Assert.True(world.Volume.State.IsReady);
        Assert.Equal(1, world.Faults);
    }

    [Fact]
    public void AFullStoreRefusesAnAtomicWriteBeforeAnythingOfItIsWritten()
    {
        using var world = new World(1, writeThrough: false);
        world.Store.Faults["Provision"] = StoreStatus.NoSpace;
        Operation write = world.Submit(VolumeOperationKind.Write, 0, 4, fill: 7, atomic: true);
        world.Finish();
        Assert.Equal(VolumeStatus.NoSpace, write.Status);
        Assert.True(world.Volume.State.IsReady);
        Assert.True(world.Store.Cached[..(4 * BlockBytes)].IndexOfAnyExcept((byte)0) < 0);
        Assert.Empty(world.Metadata.UsedSlots);
    }

    [Fact]
    public void AnAtomicWriteThatFailsInPlaceStaysInItsSlotAndNobodyReadsTheTornBytes()
    {
        using var world = new World(1, writeThrough: false);
        world.Submit(VolumeOperationKind.Write, 0, 1, fill: 1);
        world.Finish();
        world.Store.Faults["Write"] = StoreStatus.WriteError;
        Operation write = world.Submit(VolumeOperationKind.Write, 0, 8, fill: 7, atomic: true);
        Operation read = world.Submit(VolumeOperationKind.Read, 0, 8, fill: 0);
        world.Finish();
        Assert.Equal(VolumeStatus.WriteError, write.Status);
        Assert.Equal(VolumeStatus.NotReady, read.Status);
        Assert.Single(world.Metadata.UsedSlots);
        Assert.Equal(VolumeStateKind.Failed, world.Volume.State.Kind);
    }

    [Fact]
    public void ThoseWhoWaitForASlotAreAnsweredWhenTheSlotsAreLost()
    {
        using var world = new World(1, writeThrough: false);
        Operation[] writes = [.. Enumerable.Range(0, 5).Select(i => world.Submit(VolumeOperationKind.Write, i * 8, 8, fill: 7, atomic: true))];
        world.Store.Faults["Flush"] = StoreStatus.WriteError;
        world.Finish();
        Assert.All(writes, write => Assert.True(write.HasEnded));
        Assert.Contains(writes, write => write.Status == VolumeStatus.NotReady);
        Assert.Contains("could not flush", world.CloseAll(), StringComparison.Ordinal);
        Assert.True(world.Store.IsClosed);
        Assert.Equal(0, world.Home.Buffers.InUseBytes);
    }

    [Fact]
    public void WhatWaitsBehindAnAtomicWriteThatFailsWhileTheVolumeClosesIsNotWritten()
    {
        using var world = new World(1, writeThrough: false);
        Operation atomic = world.Submit(VolumeOperationKind.Write, 0, 8, fill: 7, atomic: true);
        Operation behind = world.Submit(VolumeOperationKind.Write, 4, 1, fill: 9, fua: true);
        string? fault = "never told";
        world.Volume.Close(reason => fault = reason);
        world.Store.Faults["Write"] = StoreStatus.NoSpace;
        world.Finish();
        Assert.Equal(VolumeStatus.NoSpace, atomic.Status);
        Assert.Equal(VolumeStatus.NotReady, behind.Status);
        Assert.NotNull(fault);
        Assert.False(world.Metadata.IsClean);
        Assert.Single(world.Metadata.UsedSlots);
    }

    [Fact]
    public void ADeviceThatVanishesFailsTheVolumeWithItsReason()
    {
        using var world = new World(1, writeThrough: false);
        world.Store.Faults["Read"] = StoreStatus.Vanished;
        Operation read = world.Submit(VolumeOperationKind.Read, 0, 4, fill: 0);
        world.Finish();
        Assert.Equal(VolumeStatus.NotReady, read.Status);
        Assert.Contains("went away", world.Volume.State.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void AMiscompareTellsTheFirstByteThatDiffersAndWritesNothing()
    {
        using var world = new World(1, writeThrough: false);
        world.Submit(VolumeOperationKind.Write, 2, 2, fill: 7);
        world.Finish();
        Operation compare = world.Submit(VolumeOperationKind.CompareAndWrite, 1, 3, fill: 0);
        world.Finish();
        Assert.Equal(VolumeStatus.Miscompare, compare.Status);
        Assert.Equal(BlockBytes, compare.ResultOffsetBytes);
        Assert.Equal(7, world.Store.Cached[2 * BlockBytes]);
        Assert.Equal(0, world.Store.Cached[1 * BlockBytes]);
    }

    [Fact]
    public void AnEmptyPoolDoesNotStopACompare()
    {
        using var world = new World(1, writeThrough: false);
        var all = new List<IoBuffer>();
        while (world.Home.Buffers.TryRent(BufferPool.MinBufferBytes, BufferOwner.Test, out IoBuffer buffer))
        {
            all.Add(buffer);
        }

        Operation[] compares = [.. Enumerable.Range(0, 8).Select(i => world.Submit(VolumeOperationKind.CompareAndWrite, i * 4, 4, fill: 9))];
        world.Finish();
        Assert.All(compares, compare => Assert.Equal(VolumeStatus.Success, compare.Status));
        foreach (IoBuffer buffer in all)
        {
            world.Home.Buffers.Return(buffer);
        }
    }

    [Fact]
    public void AnAttributeThatTakesRightsAwayIsCompleteAfterEveryEarlierWriteAndBeforeEveryLaterOne()
    {
        using var world = new World(1, writeThrough: false);
        Operation before = world.Submit(VolumeOperationKind.Write, 3, 1, fill: 1);
        Operation change = world.Submit(VolumeOperationKind.SetAttribute, 0, 1, fill: 2, takesRightsAway: true);
        Operation after = world.Submit(VolumeOperationKind.Write, 50, 1, fill: 3);
        world.Finish();
        Assert.Equal([before, change, after], world.Ended);
        Assert.Equal(BlockBytes, world.Volume.GetAttribute(VolumeAttribute.ModePages).Length);
    }

    private sealed unsafe class Operation : VolumeOperation, IDisposable
    {
        internal Operation(World world, int bytes)
        {
            _world = world;
            Data = (byte*)NativeMemory.AlignedAlloc((nuint)Math.Max(bytes, BlockBytes), 4096);
            Bytes = bytes;
        }

        private readonly World _world;

        internal int Bytes { get; }

        internal bool HasEnded { get; private set; }

        /// <summary>What a read has to return, and a compare to find.</summary>
        internal byte[]? Expected { get; set; }

        internal bool ExpectsMiscompare { get; set; }

        /// <summary>Flush: what had ended when it was submitted.</summary>
        internal IReadOnlyList<Operation> FlushedUpTo { get; set; } = [];

        internal int Number { get; set; }

        protected internal override void OnCompleted()
        {
            Assert.False(HasEnded);
            HasEnded = true;
            _world.OnEnded(this);
        }

        public void Dispose() => NativeMemory.AlignedFree(Data);
    }

    /// <summary>A volume on the model store, and beside it the plain array that it must behave as.</summary>
    private sealed unsafe class World : IDisposable, IVolumeObserver
    {
        private readonly Random _random;
        private readonly bool _writeThrough;
        private readonly byte[] _model = new byte[VolumeBytes];
        private readonly List<Operation> _all = [];

        // For each block, every content that it may have after a power loss: by the number of the operation that wrote it.
        private readonly List<(int Number, byte Fill)>[] _contents = new List<(int, byte)>[VolumeBytes / BlockBytes];
        private readonly List<(Operation Operation, int First, int Count, byte Fill)> _wholes = [];

        internal World(int seed, bool writeThrough)
        {
            _random = new Random(seed);
            _writeThrough = writeThrough;
            Home = new BuffersOnlyThread(8 << 20);
            Store = new ModelStore(Home, VolumeBytes, _random);
            Metadata = new ModelMetadata(new VolumeGeometry(VolumeBytes, BlockBytes, BlockBytes, 0), _random);
            Volume = new LocalVolume(new LocalVolumeOptions { Name = "v", WriteCache = !writeThrough }, Store, Metadata, null);
            Volume.AddObserver(this);
            ReserveBytes = Home.Buffers.InUseBytes;
            for (int i = 0; i < _contents.Length; i++)
            {
                _contents[i] = [(0, 0)];
            }
        }

        internal BuffersOnlyThread Home { get; }

        internal ModelStore Store { get; }

        internal ModelMetadata Metadata { get; }

        internal LocalVolume Volume { get; }

        internal long ReserveBytes { get; }

        internal int Faults { get; private set; }

        internal List<Operation> Ended { get; } = [];

        public void OnResized(IBlockVolume volume)
        {
        }

        public void OnStateChanged(IBlockVolume volume)
        {
        }

        public void OnStoreFault(IBlockVolume volume, in StoreFaultEvent fault) => Faults++;

        internal void OnEnded(Operation operation) => Ended.Add(operation);

        internal Operation Submit(VolumeOperationKind kind, long block, long blocks, byte fill, bool atomic = false, bool fua = false, bool takesRightsAway = false)
        {
            int bytes = (int)blocks * BlockBytes;
            var operation = new Operation(this, kind == VolumeOperationKind.CompareAndWrite ? 2 * bytes : bytes)
            {
                OffsetBytes = block * BlockBytes,
                LengthBytes = bytes,
                Atomic = atomic,
                ForceUnitAccess = fua,
                TakesRightsAway = takesRightsAway,
                Attribute = VolumeAttribute.ModePages,
                MayDeallocate = true,
                Number = _all.Count + 1,
            };
            _all.Add(operation);
            var data = new Span<byte>(operation.Data, operation.Bytes);
            data.Fill(fill);
            bool inRange = block >= 0 && (block + blocks) * BlockBytes <= VolumeBytes;
            if (inRange && kind == VolumeOperationKind.CompareAndWrite)
            {
                data[..bytes].Clear();
            }

            switch (kind)
            {
                case VolumeOperationKind.Read: Volume.Read(operation); break;
                case VolumeOperationKind.Write: Volume.Write(operation); break;
                case VolumeOperationKind.CompareAndWrite: Volume.CompareAndWrite(operation); break;
                case VolumeOperationKind.OrWrite: Volume.OrWrite(operation); break;
                case VolumeOperationKind.Unmap: Volume.Unmap(operation); break;
                case VolumeOperationKind.WriteZeroes: Volume.WriteZeroes(operation); break;
                case VolumeOperationKind.Flush: Volume.Flush(operation); break;
                case VolumeOperationKind.SetAttribute: Volume.SetAttribute(operation); break;
                default: throw new ArgumentOutOfRangeException(nameof(kind));
            }

            return operation;
        }

        internal void RunRandomly(int steps, bool stopAnywhere)
        {
            for (int step = 0; step < steps; step++)
            {
                if (_random.Next(3) == 0 && _all.Count(operation => !operation.HasEnded) < 24)
                {
                    SubmitRandom();
                }
                else
                {
                    LetOneHappen();
                }
            }

            if (!stopAnywhere)
            {
                Finish();
                Assert.All(_all, operation => Assert.True(operation.HasEnded));
            }

            foreach (Operation operation in _all.Where(operation => operation.HasEnded))
            {
                Assert.Equal(operation.ExpectsMiscompare ? VolumeStatus.Miscompare : VolumeStatus.Success, operation.Status);
                if (operation.Expected is not null)
                {
                    Assert.True(operation.Expected.AsSpan().SequenceEqual(new ReadOnlySpan<byte>(operation.Data, operation.Bytes)), $"operation {operation.Number} read other bytes");
                }
            }
        }

        private void SubmitRandom()
        {
            int first = _random.Next(VolumeBytes / BlockBytes / 2);
            int count = _random.Next(1, 9);
            var range = new Range(first * BlockBytes, (first + count) * BlockBytes);
            byte fill = (byte)_random.Next(1, 256);
            bool fua = _random.Next(4) == 0;
            var operation = new Operation(this, 2 * count * BlockBytes)
            {
                OffsetBytes = first * BlockBytes,
                LengthBytes = count * BlockBytes,
                ForceUnitAccess = fua,
                MayDeallocate = true,
                Number = _all.Count + 1,
            };
            _all.Add(operation);
            var data = new Span<byte>(operation.Data, operation.Bytes);
            data.Fill(fill);
            Span<byte> model = _model.AsSpan(range);
            switch (_random.Next(8))
            {
                case 0 or 1:
                    operation.Expected = [.. model, .. data[model.Length..]];
                    Volume.Read(operation);
                    break;
                case 2 or 3:
                    operation.Atomic = _random.Next(3) == 0;
                    Wrote(operation, first, count, fill, operation.Atomic);
                    Volume.Write(operation);
                    break;
                case 4:
                    bool same = _random.Next(3) > 0;
                    model.CopyTo(data);
                    if (same)
                    {
                        Wrote(operation, first, count, fill, count > 1);
                    }
                    else
                    {
                        data[_random.Next(model.Length)] ^= 0xFF;
                        operation.ExpectsMiscompare = true;
                    }

                    Volume.CompareAndWrite(operation);
                    break;
                case 5:
                    for (int block = first; block < first + count; block++)
                    {
                        byte joined = (byte)(_model[block * BlockBytes] | fill);
                        _contents[block].Add((operation.Number, joined));
                        _model.AsSpan(block * BlockBytes, BlockBytes).Fill(joined);
                    }

                    Volume.OrWrite(operation);
                    break;
                case 6:
                    Wrote(operation, first, count, 0, false);
                    if (_random.Next(2) == 0)
                    {
                        Volume.Unmap(operation);
                    }
                    else
                    {
                        Volume.WriteZeroes(operation);
                    }

                    break;
                default:
                    operation.FlushedUpTo = [.. _all.Where(earlier => earlier.HasEnded)];
                    Volume.Flush(operation);
                    break;
            }
        }

        private void Wrote(Operation operation, int first, int count, byte fill, bool whole)
        {
            _model.AsSpan(first * BlockBytes, count * BlockBytes).Fill(fill);
            for (int block = first; block < first + count; block++)
            {
                _contents[block].Add((operation.Number, fill));
            }

            if (whole)
            {
                _wholes.Add((operation, first, count, fill));
            }
        }

        internal void CheckStoreHasTheModel() => Assert.True(Store.Cached.SequenceEqual(_model));

        internal void CheckAfterPowerLoss()
        {
            byte[] medium = Store.LosePower();
            foreach ((long offset, byte[] bytes) in Metadata.UsedSlots)
            {
                bytes.CopyTo(medium.AsSpan((int)offset));
            }

            var durable = new HashSet<int>();
            foreach (Operation operation in _all.Where(operation => operation.HasEnded))
            {
                if (operation.Kind == VolumeOperationKind.Flush)
                {
                    durable.UnionWith(operation.FlushedUpTo.Select(earlier => earlier.Number));
                }
                else if (operation.ForceUnitAccess || _writeThrough)
                {
                    durable.Add(operation.Number);
                }
            }

            for (int block = 0; block < _contents.Length; block++)
            {
                // The last durable write of the block, or anything that came after it.
                List<(int Number, byte Fill)> contents = _contents[block];
                int last = contents.FindLastIndex(content => content.Number == 0 || durable.Contains(content.Number));
                ReadOnlySpan<byte> found = medium.AsSpan(block * BlockBytes, BlockBytes);
                byte first = found[0];
                Assert.True(found.IndexOfAnyExcept(first) < 0, $"block {block} is torn");
                Assert.True(contents.Skip(last).Any(content => content.Fill == first), $"block {block} lost what was durable");
            }

            // An all-or-nothing write that nothing later touches is there whole or not at all.
            foreach ((Operation operation, int first, int count, byte fill) in _wholes)
            {
                int[] alone = [.. Enumerable.Range(first, count).Where(block => _contents[block][^1].Number == operation.Number && _contents[block].Count(content => content.Fill == fill) == 1)];
                int there = alone.Count(block => medium[block * BlockBytes] == fill);
                Assert.True(there == 0 || there == alone.Length, $"operation {operation.Number} is torn: {there} of {alone.Length} blocks");
            }
        }

        internal void LetOneHappen()
        {
            if (_random.Next(2) == 0)
            {
                _ = Store.LetOneHappen() || Metadata.LetOneHappen();
            }
            else
            {
                _ = Metadata.LetOneHappen() || Store.LetOneHappen();
            }
        }

        internal void Finish()
        {
            while (Store.WaitingCount + Metadata.WaitingCount > 0)
            {
                LetOneHappen();
            }
        }

        /// <summary>Closes in order; the fault, or null.</summary>
        internal string? CloseAll()
        {
            string? fault = "never told";
            Volume.Close(reason => fault = reason);
            Finish();
            return fault;
        }

        public void Dispose()
        {
            foreach (Operation operation in _all)
            {
                operation.Dispose();
            }

            Home.Dispose();
        }
    }
}
