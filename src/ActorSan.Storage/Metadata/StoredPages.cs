using ActorSan.Storage.Stores;

namespace ActorSan.Storage.Metadata;

/// <summary>The areas of pages that replication adds, as they were loaded.</summary>
internal sealed class LoadedPages
{
    public LoadedPages(Superblock superblock)
    {
        long replica = AreaReader.PageOffset(superblock, MetadataPage.Replica, out long slotBytes);
        Replica = new PageArea(MetadataPage.Replica, 0, 1, replica, slotBytes);
        Configuration = Of(superblock.Region(MetadataRegionKind.Configuration), MetadataPage.Configuration, 0);
        WriteIntent = Of(superblock.Region(MetadataRegionKind.WriteIntent), MetadataPage.WriteIntent, 0);
        OutOfSync = [.. superblock.Regions.Where(region => region.Kind == MetadataRegionKind.OutOfSync).Select((region, peer) => Of(region, MetadataPage.OutOfSync, (ushort)peer))];
    }

    public PageArea Replica { get; }

    public PageArea Configuration { get; }

    public PageArea WriteIntent { get; }

    public PageArea[] OutOfSync { get; }

    public IEnumerable<PageArea> All => [Replica, Configuration, WriteIntent, .. OutOfSync];

    public PageArea Of(MetadataPageKind kind, int peer)
    {
        switch (kind)
        {
            case MetadataPageKind.Replica:
                return Replica;
            case MetadataPageKind.Configuration:
                return Configuration;
            case MetadataPageKind.WriteIntent:
                return WriteIntent;
            default:
                Invariant.Check(kind == MetadataPageKind.OutOfSync && peer >= 0 && peer < OutOfSync.Length);
                return OutOfSync[peer];
        }
    }

    private static PageArea Of(MetadataRegion region, MetadataPage page, ushort peer) => new(page, peer, region.Count, region.OffsetBytes, region.UnitBytes);
}

/// <summary>Writes pages: of each one at a time, in the order of submission, to the slot that does not hold the latest. Requests and their buffers are reused.</summary>
internal sealed unsafe class StoredPages(IStore store, Guid volumeId, LoadedPages pages) : IMetadataPages
{
    private readonly bool _readOnly = store.Traits.ReadOnly;
    private readonly Stack<SlotWrite> _small = new();
    private readonly Stack<SlotWrite> _large = new();

    public int PeerCount => pages.OutOfSync.Length;

    public int PageCount(MetadataPageKind kind) => pages.Of(kind, 0).Count;

    public int PageContentBytes(MetadataPageKind kind) => pages.Of(kind, 0).ContentBytes;

    public ReadOnlySpan<byte> LoadedPage(MetadataPageKind kind, int peer, int index, out MetadataPageHealth health)
    {
        PageState state = pages.Of(kind, peer).Peek(index);
        health = state.Health;
        return state.Loaded;
    }

    public void ReleaseLoaded()
    {
        foreach (PageArea area in pages.All)
        {
            area.ReleaseLoaded();
        }
    }

    public void WritePage(MetadataPageWrite request)
    {
        PageArea area = pages.Of(request.Kind, request.Peer);
        Invariant.Check(request.LengthBytes >= 0 && request.LengthBytes <= area.ContentBytes);
        if (_readOnly)
        {
            request.End(StoreStatus.ReadOnly);
            return;
        }

        request.Status = StoreStatus.Pending;
        request.NextQueued = null;
        ref PageState state = ref area.StateOf(request.Index);
        state.Loaded = null;
        if (state.Last is null)
        {
            state.First = request;
        }
        else
        {
            state.Last.NextQueued = request;
        }

        state.Last = request;
        Run(area, request.Index, ref state);
    }

    // A loop, not a recursion: a store in memory ends each write within its call.
    private void Run(PageArea area, int index, ref PageState state)
    {
        if (state.Running)
        {
            return;
        }

        state.Running = true;
        while (!state.Writing && state.First is { } request)
        {
            state.Writing = true;
            SlotWrite write = Rent(area);
            write.Begin(store, area, index, state.Generation + 1, state.NextSlot, volumeId, new ReadOnlySpan<byte>(request.Content, request.LengthBytes));
        }

        state.Running = false;
    }

    private SlotWrite Rent(PageArea area)
    {
        Stack<SlotWrite> spare = area.SlotBytes == MetadataFormat.UnitBytes ? _small : _large;
        return spare.TryPop(out SlotWrite? write) ? write : new SlotWrite(this, spare, (int)area.SlotBytes);
    }

    private void OnWritten(PageArea area, int index, StoreStatus status)
    {
        ref PageState state = ref area.StateOf(index);
        MetadataPageWrite request = state.First!;
        state.First = request.NextQueued;
        state.Last = state.First is null ? null : state.Last;
        request.NextQueued = null;
        state.Writing = false;

        // One that failed may be there or not: the next goes to the same slot with the same generation, and the one that is known to be whole is never at risk.
        state.Generation += status == StoreStatus.Success ? 1u : 0u;
        request.End(status);
        Run(area, index, ref state);
    }

    private sealed class SlotWrite(StoredPages owner, Stack<SlotWrite> home, int slotBytes) : StoreRequest
    {
        private readonly AlignedMemory _memory = new(slotBytes);
        private PageArea? _area;
        private int _index;

        public void Begin(IStore store, PageArea area, int index, ulong generation, int slot, Guid volumeId, ReadOnlySpan<byte> content)
        {
            _area = area;
            _index = index;
            int length = PageSlot.WrittenBytes(content.Length);
            PageSlot.Write(new Span<byte>(_memory.Address, length), area.Page, generation, volumeId, content, area.PlaceOf(index));
            OffsetBytes = area.OffsetOf(index, slot);
            LengthBytes = length;
            Data = _memory.Address;
            Durable = true;
            store.Write(this);
        }

        protected internal override void OnEnded()
        {
            PageArea area = _area!;
            int index = _index;
            StoreStatus status = Status;
            home.Push(this);
            owner.OnWritten(area, index, status);
        }
    }
}
