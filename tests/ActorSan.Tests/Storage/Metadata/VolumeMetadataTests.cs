using ActorSan.Storage.Blocks;
using ActorSan.Storage.Metadata;
using ActorSan.Storage.Stores;
using ActorSan.Storage.Threads;
using Xunit;

namespace ActorSan.Tests.Storage.Metadata;

/// <summary>The metadata of an open volume: order, failed writes, allocation.</summary>
public sealed class VolumeMetadataTests
{
    [Fact]
    public void ChangesOfOnePageWaitForEachOtherAndPagesDoNot()
    {
        Medium medium = Known.Formatted();
        IVolumeMetadata metadata = Known.Attached(medium, out MediumStore store);
        medium.HoldsBack = true;
        TestRequest[] requests = [.. Enumerable.Range(1, 5).Select(i => new TestRequest([(byte)i]) { Attribute = VolumeAttribute.ModePages })];
        foreach (TestRequest request in requests)
        {
            metadata.SetAttribute(request);
        }

        using var other = new TestRequest([9]) { Attribute = VolumeAttribute.Sanitize };
        metadata.SetAttribute(other);
        Assert.Equal(2, store.WaitingCount);
        store.EndOne(1);
        Assert.Equal((1, 0), (other.Ended, requests[0].Ended));
        for (int i = 0; i < requests.Length; i++)
        {
            Assert.Equal(i == 0 ? [] : [(byte)i], metadata.GetAttribute(VolumeAttribute.ModePages).ToArray());
            Assert.Equal(1, store.WaitingCount);
            store.EndOne(0);
            Assert.Equal(requests.Select((_, n) => n <= i ? 1 : 0), requests.Select(request => request.Ended));
        }

        Assert.Equal(0, store.WaitingCount);
        Array.ForEach(requests, request => request.Dispose());
    }

    // A store in memory ends each write within its call, and whoever is told asks again at once: no stack grows with it.
    [Fact]
    public void WhoIsToldMayAskAgainAtOnce()
    {
        Medium medium = Known.Formatted();
        IVolumeMetadata metadata = Known.Attached(medium, out _);
        int left = 20_000;
        using var request = new TestRequest([]);
        request.WhenEnded = () =>
        {
            if (--left > 0)
            {
                (left % 2 == 0 ? (Action<MetadataRequest>)metadata.MarkDirty : metadata.MarkClean)(request);
            }
        };
        metadata.MarkDirty(request);
        Assert.Equal(0, left);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(8)]
    public void AFailedWriteLeavesTheOldValueAndTheNextOneGoesThrough(int sectors)
    {
        Medium medium = Known.Formatted();
        IVolumeMetadata metadata = Known.Attached(medium, out _);
        PowerLossTests.Set(metadata, VolumeAttribute.Reservations, PowerLossTests.Bytes(4000, 1));
        for (int round = 0; round < 3; round++)
        {
            medium.Faults.Enqueue((StoreStatus.NoSpace, sectors));
            using var failing = new TestRequest(PowerLossTests.Bytes(4000, 2)) { Attribute = VolumeAttribute.Reservations };
            metadata.SetAttribute(failing);
            Assert.Equal((1, StoreStatus.NoSpace), (failing.Ended, failing.Status));
            Assert.Equal(PowerLossTests.Bytes(4000, 1), metadata.GetAttribute(VolumeAttribute.Reservations).ToArray());

            // Reopened now it is either: the write was not answered.
            byte[] reopened = Known.Attached(medium.Copy(), out _).GetAttribute(VolumeAttribute.Reservations).ToArray();
            Assert.Equal(PowerLossTests.Bytes(4000, sectors == 8 ? 2 : 1), reopened);
        }

        PowerLossTests.Set(metadata, VolumeAttribute.Reservations, PowerLossTests.Bytes(4000, 3));
        Assert.Equal(PowerLossTests.Bytes(4000, 3), Known.Attached(medium.Copy(), out _).GetAttribute(VolumeAttribute.Reservations).ToArray());
    }

    // The mark on the medium may be set although the request failed: it is not taken for absent.
    [Fact]
    public void AfterACleanMarkThatFailedItIsRemovedForSure()
    {
        Medium medium = Known.Formatted();
        IVolumeMetadata metadata = Known.Attached(medium, out _);
        PowerLossTests.Run(metadata.MarkDirty);
        medium.Faults.Enqueue((StoreStatus.WriteError, 8));
        using var failing = new TestRequest([]);
        metadata.MarkClean(failing);
        Assert.Equal(StoreStatus.WriteError, failing.Status);
        Assert.True(Known.TryLoad(medium.Copy()).Loaded!.Report.WasClean);
        PowerLossTests.Run(metadata.MarkDirty);
        Assert.False(Known.TryLoad(medium.Copy()).Loaded!.Report.WasClean);
    }

    // Which key the next opening finds is open: writing on with either could make bytes unreadable.
    [Theory]
    [InlineData(0, 0)]
    [InlineData(0, 8)]
    [InlineData(1, 0)]
    [InlineData(1, 3)]
    public void ACryptoEraseThatFailedIsTheEndOfTheStore(int good, int sectors)
    {
        Medium medium = Known.Formatted(Known.Encrypted);
        IVolumeMetadata metadata = Known.Attached(medium, out _, Known.NodeKey);
        byte[] key = metadata.DataKey.ToArray();
        for (int i = 0; i < good; i++)
        {
            medium.Faults.Enqueue((StoreStatus.Success, 8));
        }

        medium.Faults.Enqueue((StoreStatus.WriteError, sectors));
        using var erase = new TestRequest([]);
        metadata.ReplaceDataKey(erase);
        Assert.Equal((1, StoreStatus.Vanished), (erase.Ended, erase.Status));
        Assert.Equal(key, metadata.DataKey.ToArray());
        bool replaced = good == 1 || sectors == 8;
        Assert.Equal(replaced, !Known.Attached(medium, out _, Known.NodeKey).DataKey.SequenceEqual(key));
        Assert.False(StoreInspection.Read(medium.Open()).Key!.OldKeyRemains);
    }

    [Fact]
    public void ARedoWriteEndsWithTheWorseOfItsParts()
    {
        Medium medium = Known.Formatted();
        IVolumeMetadata metadata = Known.Attached(medium, out _);
        foreach (bool first in (bool[])[true, false])
        {
            medium.Faults.Enqueue((first ? StoreStatus.WriteError : StoreStatus.Success, 1));
            medium.Faults.Enqueue((first ? StoreStatus.Success : StoreStatus.WriteError, 1));
            using var redo = new TestRequest(PowerLossTests.Bytes(2048, 1)) { Slot = 0 };
            metadata.WriteRedo(redo);
            Assert.Equal((1, StoreStatus.WriteError), (redo.Ended, redo.Status));
        }
    }

    [Fact]
    public unsafe void RedoSlotsAndMarksAllocateNothing()
    {
        Medium medium = Known.Formatted();
        IVolumeMetadata metadata = VolumeMetadata.Load(medium.Open(), new VolumeExpectation()).Attach(new EndingStore(medium.SizeBytes));
        using var request = new TestRequest(new byte[8192]) { Slot = 1, OffsetBytes = 4096 };
        var allocation = new SteadyAllocation(batchSteps: 200);
        for (int i = 0; i < 2000; i++)
        {
            metadata.WriteRedo(request);
            metadata.MarkDirty(request);
            metadata.ClearRedo(request);
            metadata.MarkClean(request);
            allocation.Step();
        }

        Assert.Equal(0, allocation.LeastBytes);
        Assert.Equal(8000, request.Ended);
    }

    [Fact]
    public void AVolumeInMemoryKeepsWhatItIsGiven()
    {
        var metadata = new TransientMetadata(new FormatRequest { SizeBytes = 1 << 30, LogicalBlockBytes = 4096, VolumeId = Known.VolumeId });
        Assert.Equal(new VolumeGeometry(1 << 30, 4096, 4096, 0), metadata.Geometry);
        Assert.Equal((Known.VolumeId, 0L, 1 << 20, 8, 256 << 10), (metadata.VolumeId, metadata.DataOffsetBytes, metadata.RedoSlotBytes, metadata.RedoSlotCount, metadata.MaxAttributeBytes));
        Assert.True(metadata.GetAttribute(VolumeAttribute.Reservations).IsEmpty);
        PowerLossTests.Set(metadata, VolumeAttribute.Reservations, [1, 2, 3]);
        Assert.Equal([1, 2, 3], metadata.GetAttribute(VolumeAttribute.Reservations).ToArray());
        PowerLossTests.Set(metadata, VolumeAttribute.Reservations, []);
        Assert.True(metadata.GetAttribute(VolumeAttribute.Reservations).IsEmpty);
        Assert.Equal(StoreFault.Refused, Assert.Throws<StoreException>(() => new TransientMetadata(new FormatRequest())).Fault);
        Assert.Equal(StoreFault.Refused, Assert.Throws<StoreException>(() => new TransientMetadata(Known.Encrypted)).Fault);
    }

    /// <summary>Ends everything at once and keeps nothing.</summary>
    private sealed class EndingStore(int sizeBytes) : IStore
    {
        public IoThread Home => throw new NotSupportedException();

        public StoreTraits Traits { get; } = new(sizeBytes, 512, 4096, VolatileCache: true, ReadOnly: false, Rotational: false);

        public string Description => "nothing";

        public void Read(StoreRequest request) => throw new NotSupportedException();

        public void Write(StoreRequest request) => request.End(StoreStatus.Success);

        public void Zero(StoreRequest request) => throw new NotSupportedException();

        public void Provision(StoreRequest request) => throw new NotSupportedException();

        public void Flush(StoreRequest request) => throw new NotSupportedException();

        public void MapStatus(StoreRequest request) => throw new NotSupportedException();

        public void Close(IoMessage? closed) => closed?.Run();
    }
}
