using System.Runtime.InteropServices;
using ActorSan.Storage.Threads;

namespace ActorSan.Storage.Stores;

/// <summary>A memory store in set-up.</summary>
internal sealed unsafe class MemoryStoreHandle(MemoryRegion region) : IStoreHandle
{
    internal const string Name = "memory";

    private MemoryRegion? _region = region;

    public string Description => Name;

    public StoreTraits Traits { get; } = TraitsOf(region);

    public bool CanGrow => false;

    private MemoryRegion Region => _region ?? throw new InvalidOperationException("The store was handed on or disposed.");

    public void ReadAt(long offsetBytes, Span<byte> destination)
    {
        CheckRange(offsetBytes, destination.Length);
        new ReadOnlySpan<byte>(Region.Bytes + offsetBytes, destination.Length).CopyTo(destination);
    }

    public void WriteAt(long offsetBytes, ReadOnlySpan<byte> source)
    {
        CheckRange(offsetBytes, source.Length);
        if (!source.IsEmpty)
        {
            Region.MarkUsed(offsetBytes, source.Length);
            source.CopyTo(new Span<byte>(Region.Bytes + offsetBytes, source.Length));
        }
    }

    public void ZeroAt(long offsetBytes, long lengthBytes, bool allocate)
    {
        CheckRange(offsetBytes, lengthBytes);
        if (lengthBytes == 0)
        {
            return;
        }

        if (!allocate)
        {
            Region.Release(offsetBytes, lengthBytes);
            return;
        }

        // Written, so that the pages are there: a benchmark must not pay for their first touch.
        Region.MarkUsed(offsetBytes, lengthBytes);
        NativeMemory.Clear(Region.Bytes + offsetBytes, (nuint)lengthBytes);
    }

    public bool IsZero(long offsetBytes, long lengthBytes)
    {
        CheckRange(offsetBytes, lengthBytes);
        return Region.IsZero(offsetBytes, lengthBytes);
    }

    public void SetSize(long sizeBytes) => throw new InvalidOperationException("A memory store keeps its size.");

    public void Sync()
    {
    }

    public IStore Attach(IoThread home)
    {
        Invariant.Check(home.IsCurrent);
        var store = new MemoryStore(home, Region);
        _region = null;
        return store;
    }

    public void Dispose()
    {
        _region?.Dispose();
        _region = null;
    }

    internal static StoreTraits TraitsOf(MemoryRegion region) =>
        new(region.SizeBytes, OffsetAlignmentBytes: 512, MemoryRegion.PageBytes, VolatileCache: false, ReadOnly: false, Rotational: false);

    private void CheckRange(long offsetBytes, long lengthBytes) => Invariant.Check(offsetBytes >= 0 && lengthBytes >= 0 && lengthBytes <= Traits.SizeBytes - offsetBytes);
}
