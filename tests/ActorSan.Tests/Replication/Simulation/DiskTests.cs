using System.Runtime.InteropServices;
using ActorSan.Replication.Core.Ports;
using ActorSan.Simulator.Clients;
using ActorSan.Simulator.Disk;
using ActorSan.Simulator.World;
using ActorSan.Storage.Metadata;
using ActorSan.Storage.Stores;
using Xunit;

namespace ActorSan.Tests.Replication.Simulation;

public sealed unsafe class DiskTests : IDisposable
{
    private const long Second = 1_000_000_000;
    private readonly List<nint> _memory = [];

    [Fact]
    public void WhatWasNotFlushedSurvivesAKillAndMayGoWithThePower()
    {
        int lost = 0;
        for (ulong seed = 1; seed <= 60; seed++)
        {
            using var world = new SimWorld(seed);
            (SimNode node, SimStore store) = Open(world);
            Write(world, store, 3, 100);
            Write(world, store, 4, 101);
            Do(world, store, (s, r) => s.Flush(r));
            Write(world, store, 3, 200);
            node.Crash();
            Assert.Equal(200UL, Value(node, 3));
            node.LosePower();
            Assert.Equal(101UL, Value(node, 4));
            Assert.Contains(Value(node, 3), (ulong[])[100, 200]);
            lost += Value(node, 3) == 100 ? 1 : 0;
        }

        Assert.InRange(lost, 5, 55);
    }

    [Fact]
    public void ADurableWriteIsOnTheMediumAlone()
    {
        for (ulong seed = 1; seed <= 30; seed++)
        {
            using var world = new SimWorld(seed);
            (SimNode node, SimStore store) = Open(world);
            Write(world, store, 5, 7, durable: true);
            node.LosePower();
            Assert.Equal(7UL, Value(node, 5));
        }
    }

    [Fact]
    public void WhatAKilledProcessHadInFlightArrivesOrNotBlockByBlock()
    {
        var seen = new HashSet<(ulong, ulong)>();
        for (ulong seed = 1; seed <= 200; seed++)
        {
            using var world = new SimWorld(seed);
            (SimNode node, SimStore store) = Open(world);
            store.Write(Request(store, 0, 2, 11, 12));
            node.Crash();
            seen.Add((Value(node, 0), Value(node, 1)));
            node.Start();
            Assert.Null(world.Violation);
        }

        Assert.Equal([(0UL, 0UL), (0UL, 12UL), (11UL, 0UL), (11UL, 12UL)], seen.Order().ToArray());
    }

    [Fact]
    public void AFlushThatFailsTakesTheStoreWithIt()
    {
        using var world = new SimWorld(5);
        (SimNode node, SimStore store) = Open(world);
        Write(world, store, 1, 9);
        node.Disk!.FailFlushes = 1;
        Assert.Equal(StoreStatus.WriteError, Do(world, store, (s, r) => s.Flush(r)).Status);
        Assert.Equal(StoreStatus.WriteError, Do(world, store, (s, r) => s.Flush(r)).Status);
        Assert.Equal(StoreStatus.ReadError, Do(world, store, (s, r) => s.Read(r), Request(store, 1, 1, 0)).Status);
        Assert.Equal(StoreStatus.WriteError, Page(world, store, ReplicaPageKind.WriteIntent, 1).Status);

        // A page that goes by itself: how the failure is noted.
        Assert.Equal(StoreStatus.Success, Page(world, store, ReplicaPageKind.State, 1).Status);
    }

    [Fact]
    public void FaultsEndRequestsAsTheySay()
    {
        using var world = new SimWorld(6);
        (SimNode node, SimStore store) = Open(world);
        SimDisk disk = node.Disk!;
        disk.FailReads = 1;
        Assert.Equal(StoreStatus.ReadError, Do(world, store, (s, r) => s.Read(r), Request(store, 1, 1, 0)).Status);
        Assert.Equal(StoreStatus.Success, Do(world, store, (s, r) => s.Read(r), Request(store, 1, 1, 0)).Status);
        disk.FailWrites = 1;
        Assert.Equal(StoreStatus.WriteError, Do(world, store, (s, r) => s.Write(r), Request(store, 1, 1, 4)).Status);
        disk.Full = true;
        Assert.Equal(StoreStatus.NoSpace, Do(world, store, (s, r) => s.Write(r), Request(store, 1, 1, 4)).Status);
        disk.Full = false;
        disk.Hang();
        TestRequest hung = Do(world, store, (s, r) => s.Write(r), Request(store, 1, 1, 4), ends: false);
        Assert.Equal(StoreStatus.Pending, hung.Status);
        disk.Unhang();
        world.RunUntil(world.Now + Second);
        Assert.Equal(StoreStatus.Success, hung.Status);
        disk.Vanish();
        Assert.Equal(StoreStatus.Vanished, Do(world, store, (s, r) => s.Read(r), Request(store, 1, 1, 0)).Status);
        node.Crash();
        Assert.Equal(StoreFault.Missing, disk.OpenFault);
    }

    [Fact]
    public void OverlappingWritesAndChangedBuffersAreTheCallersBug()
    {
        using var world = new SimWorld(7);
        (_, SimStore store) = Open(world);
        store.Write(Request(store, 1, 2, 1, 2));
        Assert.Throws<SimViolationException>(() => store.Write(Request(store, 2, 1, 3)));

        using var other = new SimWorld(8);
        (_, SimStore second) = Open(other);
        TestRequest request = Request(second, 1, 1, 1);
        second.Write(request);
        request.Data[3] ^= 1;
        other.RunUntil(other.Now + Second);
        Assert.Contains("changed before its end", other.Violation, StringComparison.Ordinal);
    }

    [Fact]
    public void ATornPageIsOldOrNewOrDoubtful()
    {
        var seen = new SortedSet<string>(StringComparer.Ordinal);
        for (ulong seed = 1; seed <= 100; seed++)
        {
            using var world = new SimWorld(seed);
            (SimNode node, SimStore store) = Open(world);
            Assert.Equal(StoreStatus.Success, Page(world, store, ReplicaPageKind.State, 1).Status);
            Assert.Equal(StoreStatus.Success, Page(world, store, ReplicaPageKind.State, 2).Status);
            store.Metadata.WritePage(NewPage(ReplicaPageKind.State, 3));
            node.Crash();
            ReadOnlySpan<byte> found = Open(node).Metadata.LoadedPage(ReplicaPageKind.State, 0, 0, out PageHealth health);
            seen.Add($"{found[0]} {health}");
        }

        Assert.Equal(["2 Doubtful", "2 Sound", "3 Sound"], seen);
    }

    [Fact]
    public void APageDamagedInBothSlotsDoesNotOpen()
    {
        using var world = new SimWorld(1);
        (SimNode node, SimStore store) = Open(world);
        _ = store.Metadata.LoadedPage(ReplicaPageKind.WriteIntent, 0, 0, out PageHealth health);
        Assert.Equal(PageHealth.Blank, health);
        node.Crash();
        node.Disk!.RotPage(ReplicaPageKind.WriteIntent, 0, 0, newer: true);
        Assert.Null(node.Disk.OpenFault);
        node.Disk.RotPage(ReplicaPageKind.WriteIntent, 0, 0, newer: false);
        node.Disk.RotPage(ReplicaPageKind.WriteIntent, 0, 0, newer: true);
        Assert.Equal(StoreFault.Damaged, node.Disk.OpenFault);
    }

    [Fact]
    public void AFilledRedoSlotIsReplayedAtOpenAndAnEmptiedOneIsNot()
    {
        using var world = new SimWorld(2);
        (SimNode node, SimStore store) = Open(world);
        Redo(world, store, 0, 4, 21, 22);
        Redo(world, store, 1, 8, 31, 32);
        Assert.Equal(StoreStatus.Success, Metadata(world, store, (m, r) => m.ClearRedo(r), new TestMetadata { Slot = 1 }).Status);
        node.LosePower();
        Assert.Equal((0UL, 0UL), (Value(node, 4), Value(node, 8)));
        _ = Open(node);
        Assert.Equal((21UL, 22UL, 0UL), (Value(node, 4), Value(node, 5), Value(node, 8)));
        node.LosePower();
        Assert.Equal(21UL, Value(node, 4));
    }

    [Fact]
    public void TheCleanMarkHoldsUntilTheFirstWrite()
    {
        using var world = new SimWorld(2);
        (SimNode node, SimStore store) = Open(world);
        Assert.False(store.Metadata.WasClean);
        Metadata(world, store, (m, r) => m.MarkClean(r), new TestMetadata());
        node.LosePower();
        store = Open(node);
        Assert.True(store.Metadata.WasClean);
        Metadata(world, store, (m, r) => m.MarkDirty(r), new TestMetadata());
        node.Crash();
        Assert.False(Open(node).Metadata.WasClean);
    }

    [Fact]
    public void AnImageIsPutBackWhole()
    {
        using var world = new SimWorld(2);
        (SimNode node, SimStore store) = Open(world);
        Write(world, store, 1, 5, durable: true);
        Page(world, store, ReplicaPageKind.State, 1);
        SimDiskContent image = node.Disk!.Snapshot();
        Write(world, store, 1, 6, durable: true);
        Page(world, store, ReplicaPageKind.State, 2);
        node.Crash();
        node.Disk.PutBack(image);
        Assert.Equal(5UL, Value(node, 1));
        Assert.Equal(1, Open(node).Metadata.LoadedPage(ReplicaPageKind.State, 0, 0, out _)[0]);
    }

    [Fact]
    public void AJournalKeepsAPrefixOfWhatWasOnItsWay()
    {
        var kept = new HashSet<int>();
        for (ulong seed = 1; seed <= 60; seed++)
        {
            using var world = new SimWorld(seed);
            (SimNode node, SimProcess process) = WorldTests.Start(world);
            node.Journal = new SimJournalMedium(node);
            var journal = new SimJournal(node.Journal, process);
            var told = new List<int>();
            for (int i = 0; i < 4; i++)
            {
                journal.Append(new TestRecord(i, told));
            }

            world.RunUntil(world.Now + world.Random("test").Range(0, 20_000_000));
            node.Crash();
            Assert.True(node.Journal.WriteCount >= told.Count);
            Assert.Equal(Enumerable.Range(0, (int)node.Journal.WriteCount).Cast<object>(), node.Journal.Records);
            kept.Add(node.Journal.Records.Count);
            Guid incarnation = node.Journal.Incarnation;
            node.Journal.PutBack(0);
            Assert.Equal(incarnation, node.Journal.Incarnation);
            node.Journal.Lose();
            Assert.NotEqual(incarnation, node.Journal.Incarnation);
        }

        Assert.True(kept.Count >= 4);
    }

    public void Dispose()
    {
        foreach (nint memory in _memory)
        {
            NativeMemory.Free((void*)memory);
        }
    }

    private static (SimNode Node, SimStore Store) Open(SimWorld world)
    {
        (SimNode node, _) = WorldTests.Start(world);
        node.Disk = new SimDisk(node, new SimDiskOptions(), node.Random.NextGuid(), node.Random.NextGuid());
        return (node, Open(node));
    }

    private static SimStore Open(SimNode node)
    {
        node.Start();
        return node.Disk!.Open(node.Process!, out _)!;
    }

    private static ulong Value(SimNode node, int block)
    {
        Assert.True(BlockCodec.TryRead(node.Disk!.Content.Block(block), out ulong value));
        return value;
    }

    private void Write(SimWorld world, SimStore store, int block, ulong value, bool durable = false)
    {
        TestRequest request = Request(store, block, 1, value);
        request.Durable = durable;
        Assert.Equal(StoreStatus.Success, Do(world, store, (s, r) => s.Write(r), request).Status);
    }

    private TestRequest Request(SimStore store, int block, int count, params ulong[] values)
    {
        int blockBytes = store.Disk.Options.BlockBytes;
        var request = new TestRequest
        {
            OffsetBytes = store.Disk.Options.DataOffsetBytes + (block * blockBytes),
            LengthBytes = count * blockBytes,
            Data = Memory(count * blockBytes),
        };
        for (int i = 0; i < count; i++)
        {
            BlockCodec.Write(new Span<byte>(request.Data + (i * blockBytes), blockBytes), values[i]);
        }

        return request;
    }

    private static TestRequest Do(SimWorld world, SimStore store, Action<SimStore, StoreRequest> submit, TestRequest? request = null, bool ends = true)
    {
        request ??= new TestRequest();
        submit(store, request);
        world.RunUntil(world.Now + Second);
        Assert.Null(world.Violation);
        Assert.Equal(ends, request.Ended);
        return request;
    }

    private TestPage Page(SimWorld world, SimStore store, ReplicaPageKind kind, byte content)
    {
        TestPage page = NewPage(kind, content);
        store.Metadata.WritePage(page);
        world.RunUntil(world.Now + Second);
        return page;
    }

    private TestPage NewPage(ReplicaPageKind kind, byte content)
    {
        var page = new TestPage { Kind = kind, Content = Memory(8), LengthBytes = 8 };
        new Span<byte>(page.Content, 8).Fill(content);
        return page;
    }

    private void Redo(SimWorld world, SimStore store, int slot, int block, ulong first, ulong second)
    {
        var request = new TestMetadata { Slot = slot, OffsetBytes = block * 16, LengthBytes = 32, Data = Memory(32) };
        BlockCodec.Write(new Span<byte>(request.Data, 16), first);
        BlockCodec.Write(new Span<byte>(request.Data + 16, 16), second);
        Assert.Equal(StoreStatus.Success, Metadata(world, store, (m, r) => m.WriteRedo(r), request).Status);
    }

    private static TestMetadata Metadata(SimWorld world, SimStore store, Action<SimMetadata, MetadataRequest> submit, TestMetadata request)
    {
        submit(store.Metadata, request);
        world.RunUntil(world.Now + Second);
        Assert.Null(world.Violation);
        return request;
    }

    private byte* Memory(int bytes)
    {
        var memory = (byte*)NativeMemory.AllocZeroed((nuint)bytes);
        _memory.Add((nint)memory);
        return memory;
    }

    private sealed class TestRequest : StoreRequest
    {
        public bool Ended { get; private set; }

        protected internal override void OnEnded() => Ended = true;
    }

    private sealed class TestPage : PageWrite
    {
        public override void OnEnded()
        {
        }
    }

    private sealed class TestMetadata : MetadataRequest
    {
        protected internal override void OnEnded()
        {
        }
    }

    private sealed class TestRecord(int number, List<int> told) : SimJournalWrite
    {
        public override object Record => number;

        public override void OnDurable() => told.Add(number);

        public override void OnFailed() => Assert.Fail("nothing fails here");
    }
}
