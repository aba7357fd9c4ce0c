using ActorSan.Replication.Core.Ports;
using ActorSan.Simulator.World;
using ActorSan.Storage.Blocks;
using ActorSan.Storage.Metadata;
using ActorSan.Storage.Stores;

namespace ActorSan.Simulator.Disk;

/// <summary>
/// The metadata area of an open simulated store. What ends with success is on the medium, power or not. Writes of one page take their turns; one that is cut short leaves the
/// page old, new, or with one damaged slot.
/// </summary>
public sealed unsafe class SimMetadata : IReplicaMetadata
{
    private readonly SimStore _store;
    private readonly SimDisk _disk;
    private readonly SimProcess _process;
    private readonly SimPool<MetaIo> _pool;
    private readonly PageHealth[] _health;
    private readonly PageQueue[] _pages;
    private readonly PageQueue[] _attributes;
    private readonly PageQueue _clean;
    private readonly PageQueue _size;
    private readonly PageQueue[] _redo;
    private bool _cleanNow;
    private bool _cleanCertain = true;

    internal SimMetadata(SimStore store, SimDisk disk, SimProcess process)
    {
        _store = store;
        _disk = disk;
        _process = process;
        _pool = new SimPool<MetaIo>(() => new MetaIo(this));
        SimDiskContent content = disk.Content;
        _health = Array.ConvertAll(content.Pages, page => page.Open());
        _pages = Array.ConvertAll(content.Pages, page => new PageQueue(this));
        _attributes = Array.ConvertAll(content.Attributes, page => new PageQueue(this));
        _redo = Array.ConvertAll(content.Redo, slot => new PageQueue(this));
        _clean = new PageQueue(this);
        _size = new PageQueue(this);
        bool certain = content.Clean.Open() != PageHealth.Doubtful;
        _cleanNow = content.Clean.Content is [1];
        WasClean = certain && _cleanNow;
        _cleanCertain = certain;
    }

    public Guid VolumeId => _disk.Content.VolumeId;

    public VolumeGeometry Geometry => new((long)_disk.Content.VolumeBlocks * _disk.Options.BlockBytes, _disk.Options.BlockBytes, _disk.Options.BlockBytes, 0);

    public long DataOffsetBytes => _disk.Options.DataOffsetBytes;

    public int MaxAttributeBytes => _disk.Options.AttributeBytes;

    public int RedoSlotBytes => _disk.Options.RedoSlotBytes;

    public int RedoSlotCount => _disk.Options.RedoSlots;

    public ReadOnlySpan<byte> DataKey => default;

    public bool WasClean { get; }

    public long GrowLimitBytes => (long)_disk.Options.GrowLimitBlocks * _disk.Options.BlockBytes;

    internal int InFlight { get; private set; }

    public int PageCount(ReplicaPageKind kind) => kind switch
    {
        ReplicaPageKind.State or ReplicaPageKind.Configuration => 1,
        ReplicaPageKind.WriteIntent => _disk.Options.WriteIntentPages,
        ReplicaPageKind.OutOfSync => _disk.Options.OutOfSyncPages,
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "no such page"),
    };

    public int PageContentBytes(ReplicaPageKind kind) => _disk.Content.Pages[SimDiskContent.PageIndex(_disk.Options, kind, 0, 0)].MaxBytes;

    public ReadOnlySpan<byte> LoadedPage(ReplicaPageKind kind, int peer, int index, out PageHealth health)
    {
        int page = SimDiskContent.PageIndex(_disk.Options, kind, peer, index);
        health = _health[page];
        return _disk.Content.Pages[page].Content;
    }

    public ReadOnlySpan<byte> GetAttribute(VolumeAttribute attribute) => _disk.Content.Attributes[(int)attribute - 1].Content;

    public void WritePage(PageWrite request)
    {
        request.Status = StoreStatus.Pending;
        int page = SimDiskContent.PageIndex(_disk.Options, request.Kind, request.Peer, request.Index);
        Check(request.LengthBytes >= 0 && request.LengthBytes <= _disk.Content.Pages[page].MaxBytes, $"a {request.Kind} page of {request.LengthBytes} bytes");
        MetaIo io = _pool.Take();
        io.BeginPage(request, page);
        _pages[page].Submit(io);
    }

    public void SetAttribute(MetadataRequest request)
    {
        Check(request.LengthBytes >= 0 && request.LengthBytes <= MaxAttributeBytes, $"an attribute of {request.LengthBytes} bytes");
        Submit(_attributes[(int)request.Attribute - 1], request, MetaIoKind.Attribute);
    }

    public void WriteRedo(MetadataRequest request)
    {
        Check(request.LengthBytes > 0 && request.LengthBytes <= RedoSlotBytes && request.OffsetBytes >= 0 && request.OffsetBytes + request.LengthBytes <= Geometry.SizeBytes, "a redo slot too small");
        Check(_redo[request.Slot].IsEmpty, $"redo slot {request.Slot} is given two requests at once");
        Check(!_disk.Content.Redo[request.Slot].Used, $"redo slot {request.Slot} is written while it holds another write");
        Submit(_redo[request.Slot], request, MetaIoKind.WriteRedo);
    }

    public void ClearRedo(MetadataRequest request)
    {
        Check(_redo[request.Slot].IsEmpty, $"redo slot {request.Slot} is given two requests at once");
        Submit(_redo[request.Slot], request, MetaIoKind.ClearRedo);
    }

    public void MarkDirty(MetadataRequest request) => Mark(request, clean: false);

    public void MarkClean(MetadataRequest request) => Mark(request, clean: true);

    public void Extend(MetadataRequest request) => Submit(_size, request, MetaIoKind.Extend);

    public void SetSize(MetadataRequest request)
    {
        Check(request.LengthBytes <= (long)_disk.Content.Blocks * _disk.Options.BlockBytes, "a volume larger than its store");
        Submit(_size, request, MetaIoKind.SetSize);
    }

    public void ReplaceDataKey(MetadataRequest request) => throw new SimViolationException("a simulated store has no key");

    internal void OnGone()
    {
        foreach (PageQueue queue in Queues())
        {
            queue.OnGone();
        }
    }

    internal void OnUnhung()
    {
        foreach (PageQueue queue in Queues())
        {
            queue.OnUnhung();
        }
    }

    private IEnumerable<PageQueue> Queues() => [.. _pages, .. _attributes, _clean, _size, .. _redo];

    private void Mark(MetadataRequest request, bool clean)
    {
        request.SetsClean = clean;
        Submit(_clean, request, clean ? MetaIoKind.MarkClean : MetaIoKind.MarkDirty);
    }

    private void Submit(PageQueue queue, MetadataRequest request, MetaIoKind kind)
    {
        request.Status = StoreStatus.Pending;
        MetaIo io = _pool.Take();
        io.Begin(request, kind);
        queue.Submit(io);
    }

    private void Check(bool good, string what)
    {
        if (!good)
        {
            throw new SimViolationException($"{_disk.Node.Name}: {what}");
        }
    }

    internal enum MetaIoKind : byte
    {
        Page,
        Attribute,
        WriteRedo,
        ClearRedo,
        MarkClean,
        MarkDirty,
        Extend,
        SetSize,
    }

    /// <summary>The requests of one page or slot, one after the other.</summary>
    internal sealed class PageQueue(SimMetadata owner)
    {
        private MetaIo? _first;
        private MetaIo? _last;

        public bool IsEmpty => _first is null;

        public void Submit(MetaIo io)
        {
            Check(owner);
            owner.InFlight++;
            io.Queue = this;
            io.Next = null;
            if (_last is null)
            {
                _first = io;
            }
            else
            {
                _last.Next = io;
            }

            _last = io;
            if (_first == io)
            {
                Start(io);
            }
        }

        /// <summary>The first has ended and is about to be told.</summary>
        public void OnEnded()
        {
            _first = _first!.Next;
            _last = _first is null ? null : _last;
            owner.InFlight--;
        }

        public void StartNext()
        {
            if (_first is { Started: false } next)
            {
                Start(next);
            }
        }

        public void OnGone()
        {
            // Only what had its turn was on its way to the disk.
            if (_first is { Happened: false } first)
            {
                first.Settle();
            }

            _first = _last = null;
        }

        public void OnUnhung()
        {
            if (_first is { Parked: true } first)
            {
                first.Parked = false;
                Start(first);
            }
        }

        private static void Check(SimMetadata owner)
        {
            if (!owner._process.IsAlive)
            {
                throw new SimViolationException($"{owner._disk.Node.Name}: a process that is gone writes metadata");
            }
        }

        private void Start(MetaIo io)
        {
            io.Started = true;
            if (owner._disk.Hung)
            {
                io.Parked = true;
                return;
            }

            SimDiskOptions options = owner._disk.Options;
            owner._process.World.After(io.IsNothing ? 500 : owner._disk.Delay(options.PageLowNs, options.PageHighNs), io);
        }
    }

    internal sealed class MetaIo(SimMetadata owner) : SimEvent
    {
        private readonly SimDisk _disk = owner._disk;
        private PageWrite? _page;
        private MetadataRequest? _request;
        private MetaIoKind _kind;
        private int _index;
        private StoreStatus _status;
        private ulong _checksum;

        public PageQueue? Queue;
        public MetaIo? Next;
        public bool Started;
        public bool Parked;
        public bool Happened;

        public override int Code => 20 + (int)_kind;

        /// <summary>It asks for nothing that is not so already.</summary>
        public bool IsNothing => _kind is MetaIoKind.MarkClean or MetaIoKind.MarkDirty && owner._cleanCertain && owner._cleanNow == (_kind == MetaIoKind.MarkClean);

        private ReadOnlySpan<byte> Bytes => _kind switch
        {
            MetaIoKind.Page => new ReadOnlySpan<byte>(_page!.Content, _page.LengthBytes),
            MetaIoKind.Attribute or MetaIoKind.WriteRedo => new ReadOnlySpan<byte>(_request!.Data, (int)_request.LengthBytes),
            MetaIoKind.MarkClean => [1],
            _ => [0],
        };

        private int SizeBlocks => (int)(_request!.LengthBytes / _disk.Options.BlockBytes);

        public void BeginPage(PageWrite request, int index)
        {
            _page = request;
            _index = index;
            Begin(MetaIoKind.Page);
        }

        public void Begin(MetadataRequest request, MetaIoKind kind)
        {
            _request = request;
            _index = kind == MetaIoKind.Attribute ? (int)request.Attribute - 1 : request.Slot;
            Begin(kind);
        }

        public override void Run()
        {
            if (Side is null)
            {
                if (Queue is null)
                {
                    Recycle();
                    return;
                }

                if (_disk.Hung)
                {
                    Parked = true;
                    return;
                }

                Happen();
                Happened = true;
                Side = owner._process.Engine;
                Side.Dispatch(this);
                return;
            }

            (PageWrite? page, MetadataRequest? request, StoreStatus status, PageQueue queue) = (_page, _request, _status, Queue!);
            queue.OnEnded();
            Recycle();
            page?.End(status);
            request?.End(status);
            queue.StartNext();
            owner._store.CloseIfQuiet();
        }

        public override void Drop() => Recycle();

        public void Settle()
        {
            CheckUnchanged();
            switch (_kind)
            {
                case MetaIoKind.WriteRedo:
                    if (_disk.Random.Coin())
                    {
                        FillRedo();
                    }

                    break;
                case MetaIoKind.ClearRedo:
                    if (_disk.Random.Coin())
                    {
                        _disk.Content.Redo[_index].Used = false;
                    }

                    break;
                case MetaIoKind.Extend or MetaIoKind.SetSize:
                    if (_disk.Random.Coin())
                    {
                        Resize();
                    }

                    break;
                default:
                    if (!IsNothing)
                    {
                        Page.Tear(Bytes, (TornWrite)_disk.Random.Next(3));
                    }

                    break;
            }

            Queue = null;
        }

        private SimPage Page => _kind switch
        {
            MetaIoKind.Page => _disk.Content.Pages[_index],
            MetaIoKind.Attribute => _disk.Content.Attributes[_index],
            _ => _disk.Content.Clean,
        };

        private void Begin(MetaIoKind kind)
        {
            _kind = kind;
            _status = StoreStatus.Pending;
            Started = Parked = Happened = false;
            _checksum = SimHash.Of(Bytes);
        }

        private void Happen()
        {
            CheckUnchanged();
            _status = Verdict();
            bool good = _status == StoreStatus.Success;
            switch (_kind)
            {
                case MetaIoKind.WriteRedo when good:
                    FillRedo();
                    break;
                case MetaIoKind.ClearRedo when good:
                    _disk.Content.Redo[_index].Used = false;
                    break;
                case MetaIoKind.Extend or MetaIoKind.SetSize when good:
                    Resize();
                    break;
                case MetaIoKind.WriteRedo or MetaIoKind.ClearRedo or MetaIoKind.Extend or MetaIoKind.SetSize:
                    break;
                case MetaIoKind.MarkClean or MetaIoKind.MarkDirty when good:
                    if (!IsNothing)
                    {
                        Page.Write(Bytes);
                    }

                    (owner._cleanNow, owner._cleanCertain) = (_kind == MetaIoKind.MarkClean, true);
                    break;
                default:
                    Store(good);
                    break;
            }
        }

        private void Resize()
        {
            if (_kind == MetaIoKind.Extend)
            {
                _disk.Grow(SizeBlocks);
            }
            else
            {
                _disk.Content.VolumeBlocks = SizeBlocks;
            }
        }

        private void Store(bool good)
        {
            if (good)
            {
                Page.Write(Bytes);
                if (_kind == MetaIoKind.Page && _page!.Kind == ReplicaPageKind.WriteIntent)
                {
                    _disk.OnIntentWritten?.Invoke();
                }
            }
            else if (owner._store.Dead == StoreStatus.Pending)
            {
                Page.Tear(Bytes, (TornWrite)_disk.Random.Next(3));
            }

            owner._cleanCertain &= good || _kind is not (MetaIoKind.MarkClean or MetaIoKind.MarkDirty);
        }

        private StoreStatus Verdict()
        {
            // A flush has failed, and what was cached with it; a page that goes by itself may still be taken (that is how the failure is noted).
            bool isNote = owner._store.Dead == StoreStatus.WriteError && _kind == MetaIoKind.Page && _page!.Kind == ReplicaPageKind.State;
            if (owner._store.Dead != StoreStatus.Pending && !isNote)
            {
                return owner._store.Dead;
            }

            if (_disk.FailPages > 0)
            {
                _disk.FailPages--;
                return StoreStatus.WriteError;
            }

            if (_disk.FailWrites > 0)
            {
                _disk.FailWrites--;
                return StoreStatus.WriteError;
            }

            return StoreStatus.Success;
        }

        private void FillRedo() => _disk.Content.Redo[_index].Fill(++_disk.Content.RedoSequence, _request!.OffsetBytes, Bytes);

        private void CheckUnchanged()
        {
            if (_checksum != SimHash.Of(Bytes))
            {
                throw new SimViolationException($"{_disk.Node.Name}: the bytes of a metadata write ({_kind} {_index}) were changed before its end");
            }
        }

        private void Recycle()
        {
            _page = null;
            _request = null;
            Queue = null;
            Next = null;
            owner._pool.Return(this);
        }
    }
}
