using ActorSan.Storage.Stores;

namespace ActorSan.Storage.Metadata;

/// <summary>Told when a page's slot is written or is not.</summary>
internal interface IPageOwner
{
    void OnPageWritten(StoreStatus status);
}

/// <summary>
/// Writes one page, a change at a time: to the slot that does not hold the latest, durable. A write that failed may be there or not: the next goes to the same slot, so the one
/// that is known to be whole is never at risk.
/// </summary>
internal sealed unsafe class PageWriter : StoreRequest
{
    private readonly IStore _store;
    private readonly IPageOwner _owner;
    private readonly MetadataPage _page;
    private readonly Guid _volumeId;
    private readonly long _offset;
    private readonly long _slotBytes;
    private AlignedMemory _memory;
    private int _latest;
    private ulong _generation;
    private int _target;

    /// <param name="store">Where to.</param>
    /// <param name="owner">Told.</param>
    /// <param name="superblock">Says where the page is.</param>
    /// <param name="found">The page as it was read.</param>
    public PageWriter(IStore store, IPageOwner owner, Superblock superblock, FoundPage found)
    {
        _store = store;
        _owner = owner;
        _page = found.Page;
        _volumeId = superblock.VolumeId;
        _offset = AreaReader.PageOffset(superblock, found.Page, out _slotBytes);
        _latest = found.Latest;
        _generation = found[_latest].Generation;
        _memory = new AlignedMemory(MetadataFormat.UnitBytes);
    }

    /// <summary>The content is copied. <see cref="IPageOwner.OnPageWritten"/> may run before this returns.</summary>
    public void Begin(ReadOnlySpan<byte> content)
    {
        int length = PageSlot.WrittenBytes(content.Length);
        Invariant.Check(length <= _slotBytes);
        if (_memory.LengthBytes < length)
        {
            _memory = new AlignedMemory(length);
        }

        _target = 1 - _latest;
        _generation++;
        PageSlot.Write(new Span<byte>(_memory.Address, length), _page, _generation, _volumeId, content);
        OffsetBytes = _offset + (_target * _slotBytes);
        LengthBytes = length;
        Data = _memory.Address;
        Durable = true;
        _store.Write(this);
    }

    protected internal override void OnEnded()
    {
        if (Status == StoreStatus.Success)
        {
            _latest = _target;
        }

        _owner.OnPageWritten(Status);
    }
}

/// <summary>The requests that change one page, one after the other.</summary>
internal abstract class PageQueue : IPageOwner
{
    private MetadataRequest? _first;
    private MetadataRequest? _last;
    private MetadataRequest? _current;
    private bool _running;

    public void Submit(MetadataRequest request)
    {
        request.Status = StoreStatus.Pending;
        request.NextQueued = null;
        if (_last is null)
        {
            _first = request;
        }
        else
        {
            _last.NextQueued = request;
        }

        _last = request;
        Run();
    }

    public void OnPageWritten(StoreStatus status)
    {
        MetadataRequest request = _current!;
        if (!IsDone(request, status, out StoreStatus answer))
        {
            return;
        }

        End(request, answer);
        Run();
    }

    /// <summary>Begins the write that the request asks for; false: it asks for nothing that is not so.</summary>
    protected abstract bool Begin(MetadataRequest request);

    /// <summary>After a write. False: another one was begun for the same request.</summary>
    protected abstract bool IsDone(MetadataRequest request, StoreStatus status, out StoreStatus answer);

    private void End(MetadataRequest request, StoreStatus status)
    {
        _current = null;
        request.End(status);
    }

    // A loop, not a recursion: a store in memory ends each write within its call.
    private void Run()
    {
        if (_running)
        {
            return;
        }

        _running = true;
        while (_current is null && _first is not null)
        {
            MetadataRequest request = _first;
            _first = request.NextQueued;
            _last = _first is null ? null : _last;
            request.NextQueued = null;
            _current = request;
            if (!Begin(request))
            {
                End(request, StoreStatus.Success);
            }
        }

        _running = false;
    }
}
