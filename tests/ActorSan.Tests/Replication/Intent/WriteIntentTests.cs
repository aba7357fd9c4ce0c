using ActorSan.Replication.Core.Formats;
using ActorSan.Replication.Core.Intent;
using ActorSan.Replication.Core.Ports;
using ActorSan.Storage.Blocks;
using ActorSan.Storage.Metadata;
using ActorSan.Storage.Stores;
using Xunit;

namespace ActorSan.Tests.Replication.Intent;

/// <summary>W2: what is written before a write is read again when the store is opened; what reads wrong counts as all bits set (§2, Replica).</summary>
public sealed class WriteIntentTests
{
    private const long Chunk = 4 << 20;
    private const long PageBytes = WriteIntentPage.Bits * Chunk;

    [Fact]
    public void WhatWasSetIsThereAgainWithItsMark()
    {
        var pages = new Pages(2);
        var intent = new WriteIntent(pages, Chunk, PageBytes + (3 * Chunk));
        Set(intent, 5 * Chunk);
        Set(intent, PageBytes + Chunk);
        var again = new WriteIntent(pages, Chunk, PageBytes + (3 * Chunk));
        Assert.Equal(2, again.Mark);
        Assert.Equal([(5 * Chunk, Chunk), (PageBytes + Chunk, Chunk)], again.Ranges().Select(range => (range.OffsetBytes, range.LengthBytes)));
        Assert.True(again.IsDurable(5));
        Assert.Empty(again.Faults);
    }

    [Theory]
    [InlineData(0, 9)]
    [InlineData(4, 1)]
    [InlineData(3, 21)]
    [InlineData(WriteIntentPage.HeaderBytes + 1, 0xFF)]
    public void APageThatReadsWrongCountsAsFullAndSaysWhy(int at, byte value)
    {
        var pages = new Pages(1);
        const long Size = 6 * Chunk;
        Set(new WriteIntent(pages, Chunk, Size), Chunk);
        pages.Content[0]![at] = value;
        var again = new WriteIntent(pages, Chunk, Size, stateMark: 1);
        Assert.Equal(1, again.Mark);
        Assert.Single(again.Faults);
        Assert.Equal([(0L, Size)], again.Ranges().Select(range => (range.OffsetBytes, range.LengthBytes)));
        Assert.False(again.IsDurable(1));
    }

    [Fact]
    public void APageWithADamagedSlotCountsAsFull()
    {
        var pages = new Pages(1);
        Set(new WriteIntent(pages, Chunk, 6 * Chunk), Chunk);
        pages.Health = PageHealth.Doubtful;
        var again = new WriteIntent(pages, Chunk, 6 * Chunk);
        Assert.Single(again.Faults);
        Assert.Equal(6 * Chunk, Assert.Single(again.Ranges()).LengthBytes);

        // Written anew, it says what is so: all of it, until a chunk is cleared.
        Set(again, Chunk);
        pages.Health = PageHealth.Sound;
        Assert.Empty(new WriteIntent(pages, Chunk, 6 * Chunk).Faults);
    }

    [Fact]
    public void AGrownVolumeHasPagesForItsNewPart()
    {
        var pages = new Pages(3);
        var intent = new WriteIntent(pages, Chunk, 2 * Chunk);
        Set(intent, Chunk);
        intent.Grow((2 * PageBytes) + Chunk);
        Assert.Equal(Chunk, Assert.Single(intent.Ranges()).LengthBytes);
        Set(intent, 2 * PageBytes);
        var again = new WriteIntent(pages, Chunk, (2 * PageBytes) + Chunk);
        Assert.Equal([(Chunk, Chunk), (2 * PageBytes, Chunk)], again.Ranges().Select(range => (range.OffsetBytes, range.LengthBytes)));

        // The size was there and the page of before it: it knows of fewer chunks.
        Assert.Empty(new WriteIntent(pages, Chunk, PageBytes).Faults);
    }

    [Fact]
    public void AGroupWithoutAWriteCounts()
    {
        var pages = new Pages(1);
        var intent = new WriteIntent(pages, Chunk, 2 * Chunk);
        var waiter = new Waiter();
        intent.Count(waiter);
        Assert.True(waiter.Durable);
        Assert.Equal(1, new WriteIntent(pages, Chunk, 2 * Chunk).Mark);
    }

    private static void Set(WriteIntent intent, long offset)
    {
        var waiter = new Waiter { IntentOffsetBytes = offset, IntentLengthBytes = 512 };
        Assert.True(intent.TrySet(waiter) || waiter.Durable);
    }

    private sealed class Waiter : IntentWaiter
    {
        public bool Durable { get; private set; }

        public override void OnIntent(bool durable) => Durable = durable;
    }

    /// <summary>Write-intent pages that are durable at once; nothing else.</summary>
    private sealed unsafe class Pages(int count) : IReplicaMetadata
    {
        public byte[]?[] Content { get; } = new byte[]?[count];

        public PageHealth Health { get; set; } = PageHealth.Sound;

        public bool WasClean => true;

        public Guid VolumeId => Guid.Empty;

        public VolumeGeometry Geometry => new(PageBytes, 512, 4096, 0);

        public long DataOffsetBytes => 0;

        public int MaxAttributeBytes => 0;

        public int RedoSlotBytes => 0;

        public int RedoSlotCount => 0;

        public ReadOnlySpan<byte> DataKey => default;

        public long GrowLimitBytes => long.MaxValue;

        public int PageCount(ReplicaPageKind kind) => count;

        public int PageContentBytes(ReplicaPageKind kind) => WriteIntentPage.Bytes;

        public ReadOnlySpan<byte> LoadedPage(ReplicaPageKind kind, int peer, int index, out PageHealth health)
        {
            health = Content[index] is null ? PageHealth.Blank : Health;
            return new ReadOnlySpan<byte>(Content[index]);
        }

        public void WritePage(PageWrite request)
        {
            Content[request.Index] = new ReadOnlySpan<byte>(request.Content, request.LengthBytes).ToArray();
            request.End(StoreStatus.Success);
        }

        public ReadOnlySpan<byte> GetAttribute(VolumeAttribute attribute) => default;

        public void SetAttribute(MetadataRequest request) => throw new NotSupportedException();

        public void WriteRedo(MetadataRequest request) => throw new NotSupportedException();

        public void ClearRedo(MetadataRequest request) => throw new NotSupportedException();

        public void MarkDirty(MetadataRequest request) => throw new NotSupportedException();

        public void MarkClean(MetadataRequest request) => throw new NotSupportedException();

        public void ReplaceDataKey(MetadataRequest request) => throw new NotSupportedException();

        public void Extend(MetadataRequest request) => throw new NotSupportedException();

        public void SetSize(MetadataRequest request) => throw new NotSupportedException();
    }
}
