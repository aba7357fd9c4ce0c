using ActorSan.Simulator.World;
using ActorSan.Storage.Stores;
using ActorSan.Storage.Threads;

namespace ActorSan.Simulator.Disk;

/// <summary>
/// A disk as one process has it open. Each I/O ends after a delay of its own, so that they overtake each other; its bytes reach the cache whole or in parts at any moment in
/// between. Two writes of one block in flight at once are the caller's bug (<see cref="IStore"/> orders nothing), and so is a buffer that is changed before the end.
/// </summary>
public sealed unsafe class SimStore : IStore, ISimResource
{
    private readonly SimDisk _disk;
    private readonly SimProcess _process;
    private readonly SimWorld _world;
    private readonly SimPool<DiskIo> _pool;
    private DiskIo[] _inFlight = new DiskIo[16];
    private int _inFlightCount;
    private StoreStatus _dead;
    private bool _closing;
    private bool _gone;
    private IoMessage? _closed;

    internal SimStore(SimDisk disk, SimProcess process)
    {
        _disk = disk;
        _process = process;
        _world = process.World;
        _pool = new SimPool<DiskIo>(() => new DiskIo(this));
        Metadata = new SimMetadata(this, disk, process);
    }

    public SimDisk Disk => _disk;

    public SimMetadata Metadata { get; }

    public IoThread Home => throw new NotSupportedException("a simulated store has no thread");

    public StoreTraits Traits => new(
        _disk.Options.DataOffsetBytes + ((long)_disk.Content.Blocks * _disk.Options.BlockBytes),
        _disk.Options.BlockBytes,
        _disk.Options.BlockBytes,
        _disk.Options.VolatileCache,
        ReadOnly: false,
        Rotational: false);

    public string Description => _disk.Node.Name + "'s disk";

    /// <summary>What was submitted and has not changed the disk, or not for good, yet.</summary>
    public int InFlight => _inFlightCount + Metadata.InFlight;

    /// <summary>How every request ends from now on; Pending while the store works.</summary>
    internal StoreStatus Dead => _dead;

    internal bool IsClosing => _closing;

    public void Read(StoreRequest request) => Submit(request, DiskIoKind.Read, _disk.Options.ReadLowNs, _disk.Options.ReadHighNs);

    public void Write(StoreRequest request) => Submit(request, DiskIoKind.Write, _disk.Options.WriteLowNs, _disk.Options.WriteHighNs);

    public void Zero(StoreRequest request) => Submit(request, DiskIoKind.Zero, _disk.Options.WriteLowNs, _disk.Options.WriteHighNs);

    public void Provision(StoreRequest request) => Submit(request, DiskIoKind.Provision, _disk.Options.WriteLowNs, _disk.Options.WriteHighNs);

    public void Flush(StoreRequest request) => Submit(request, DiskIoKind.Flush, _disk.Options.FlushLowNs, _disk.Options.FlushHighNs);

    public void MapStatus(StoreRequest request) => Submit(request, DiskIoKind.Map, _disk.Options.ReadLowNs, _disk.Options.ReadHighNs);

    public void Close(IoMessage? closed)
    {
        _closing = true;
        _closed = closed;
        CloseIfQuiet();
    }

    /// <summary>What a killed process had in flight reaches the disk before anyone can open it again, or never does (A4).</summary>
    public void OnProcessGone(bool power)
    {
        if (_gone)
        {
            return;
        }

        _gone = true;
        for (int i = 0; i < _inFlightCount; i++)
        {
            _inFlight[i].Settle();
        }

        _inFlightCount = 0;
        Metadata.OnGone();
        _disk.OnClosed(this);
    }

    internal void OnUnhung()
    {
        for (int i = 0; i < _inFlightCount; i++)
        {
            if (_inFlight[i].Parked)
            {
                _inFlight[i].Parked = false;
                _world.After(_disk.Delay(1_000, 1_000_000), _inFlight[i]);
            }
        }

        Metadata.OnUnhung();
    }

    internal void OnVanished() => _dead = StoreStatus.Vanished;

    internal void CloseIfQuiet()
    {
        if (_closing && !_gone && InFlight == 0)
        {
            _gone = true;
            _disk.OnClosed(this);
            if (_closed is { } message)
            {
                _process.Post(SimSides.Engine, message.Run);
            }
        }
    }

    private void Submit(StoreRequest request, DiskIoKind kind, long lowNs, long highNs)
    {
        request.Status = StoreStatus.Pending;
        if (!_process.IsAlive)
        {
            throw new SimViolationException($"{_disk.Node.Name}: a process that is gone submits I/O");
        }

        DiskIo io = _pool.Take();
        io.Begin(request, kind);
        if (_inFlightCount == _inFlight.Length)
        {
            Array.Resize(ref _inFlight, _inFlightCount * 2);
        }

        io.Place = _inFlightCount;
        _inFlight[_inFlightCount++] = io;
        if (_disk.Hung)
        {
            io.Parked = true;
        }
        else
        {
            _world.After(_disk.Delay(lowNs, highNs), io);
        }
    }

    private void Remove(DiskIo io)
    {
        DiskIo last = _inFlight[--_inFlightCount];
        _inFlight[io.Place] = last;
        last.Place = io.Place;
    }

    private enum DiskIoKind : byte
    {
        Read,
        Write,
        Zero,
        Provision,
        Flush,
        Map,
    }

    // First it happens to the disk, whatever the process does; then the process hears of it, when its engine runs.
    private sealed class DiskIo(SimStore store) : SimEvent
    {
        private readonly SimDisk _disk = store._disk;
        private StoreRequest? _request;
        private DiskIoKind _kind;
        private StoreStatus _status;
        private int _first;
        private int _count;
        private ulong _early;
        private ulong _checksum;
        private ulong[] _dirty = [];

        public int Place;
        public bool Parked;

        public override int Code => 10 + (int)_kind;

        private bool Changes => _kind is DiskIoKind.Write or DiskIoKind.Zero;

        public void Begin(StoreRequest request, DiskIoKind kind)
        {
            _request = request;
            _kind = kind;
            _status = StoreStatus.Pending;
            _early = 0;
            Parked = false;
            if (kind == DiskIoKind.Flush)
            {
                int words = _disk.Content.DirtyWords;
                _dirty = _dirty.Length == words ? _dirty : new ulong[words];
                _disk.Content.CopyDirty(_dirty);
                return;
            }

            int blockBytes = _disk.Options.BlockBytes;
            long offset = request.OffsetBytes - _disk.Options.DataOffsetBytes;
            if (offset < 0 || offset % blockBytes != 0 || request.LengthBytes <= 0 || request.LengthBytes % blockBytes != 0
                || offset + request.LengthBytes > (long)_disk.Content.Blocks * blockBytes)
            {
                throw new SimViolationException($"{_disk.Node.Name}: {kind} of {request.OffsetBytes}+{request.LengthBytes} is outside the volume's blocks");
            }

            _first = (int)(offset / blockBytes);
            _count = (int)(request.LengthBytes / blockBytes);
            if (Changes)
            {
                BeginChange(request);
            }
            else if (kind == DiskIoKind.Read)
            {
                _early = Early();
                Transfer(_early);
            }
        }

        public override void Run()
        {
            if (Side is null)
            {
                if (store._gone)
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
                store.Remove(this);
                Side = store._process.Engine;
                Side.Dispatch(this);
                return;
            }

            StoreRequest request = _request!;
            StoreStatus status = _status;
            Recycle();
            request.End(status, status == StoreStatus.Success ? 0 : 5);
            store.CloseIfQuiet();
        }

        public override void Drop() => Recycle();

        /// <summary>The process is gone in the middle of it.</summary>
        public void Settle()
        {
            if (Changes)
            {
                // All, nothing, or each block by itself.
                ulong luck = _disk.Random.NextULong();
                CheckUnchanged();
                Transfer(~_early & ((luck & 3) switch { 0 => 0UL, 1 => ulong.MaxValue, _ => luck >> 2 }));
                Release();
            }

            bool wasParked = Parked;
            _request = null;
            if (wasParked)
            {
                Recycle();
            }
        }

        private void BeginChange(StoreRequest request)
        {
            for (int block = _first; block < _first + _count; block++)
            {
                if (_disk.WritesInFlight[block] != 0)
                {
                    throw new SimViolationException($"{_disk.Node.Name}: two writes of block {block} are in flight at once");
                }

                _disk.WritesInFlight[block] = 1;
            }

            _checksum = Checksum();
            if (store._dead == StoreStatus.Pending && !_disk.Hung && !_disk.Full)
            {
                _early = Early();
                Transfer(_early);
            }
        }

        private ulong Early() => _disk.Random.Next(8) switch { 0 => ulong.MaxValue, 1 => _disk.Random.NextULong(), _ => 0 };

        private void Happen()
        {
            _status = Verdict();
            switch (_kind)
            {
                case DiskIoKind.Read when _status == StoreStatus.Success:
                    Transfer(~_early);
                    break;
                case DiskIoKind.Write or DiskIoKind.Zero:
                    CheckUnchanged();
                    if (_status == StoreStatus.Success)
                    {
                        Transfer(~_early);
                        HardenIfDurable();
                    }
                    else if (store._dead == StoreStatus.Pending)
                    {
                        Transfer(~_early & _disk.Random.NextULong());
                    }

                    Release();
                    break;
                case DiskIoKind.Flush when _status == StoreStatus.Success:
                    _disk.Content.Destage(_dirty);
                    break;
                case DiskIoKind.Flush when store._dead == StoreStatus.Pending:
                    // The kernel forgets what it could not write: some of it is gone at once, the rest whenever it likes. Nothing is served from here on.
                    _disk.Content.SettleDirty(_disk.Random, 0.5);
                    store._dead = StoreStatus.WriteError;
                    break;
                case DiskIoKind.Map:
                    MapRun();
                    break;
                default:
                    break;
            }
        }

        private StoreStatus Verdict()
        {
            if (store._dead != StoreStatus.Pending)
            {
                return store._dead == StoreStatus.Vanished ? StoreStatus.Vanished : _kind is DiskIoKind.Read or DiskIoKind.Map ? StoreStatus.ReadError : StoreStatus.WriteError;
            }

            switch (_kind)
            {
                case DiskIoKind.Read when _disk.FailReads > 0:
                    _disk.FailReads--;
                    return StoreStatus.ReadError;
                case DiskIoKind.Write or DiskIoKind.Zero when _disk.FailWrites > 0:
                    _disk.FailWrites--;
                    return StoreStatus.WriteError;
                case DiskIoKind.Write or DiskIoKind.Zero or DiskIoKind.Provision when _disk.Full:
                    return StoreStatus.NoSpace;
                case DiskIoKind.Flush when _disk.FailFlushes > 0:
                    _disk.FailFlushes--;
                    return StoreStatus.WriteError;
                default:
                    return StoreStatus.Success;
            }
        }

        // Bit i & 63 of the mask stands for block i; blocks beyond 64 share bits, which is as good as any luck.
        private void Transfer(ulong mask)
        {
            int blockBytes = _disk.Options.BlockBytes;
            if (mask == 0)
            {
                return;
            }

            for (int i = 0; i < _count; i++)
            {
                if ((mask & (1UL << (i & 63))) == 0)
                {
                    continue;
                }

                byte* data = _request!.Data + ((long)i * blockBytes);
                int block = _first + i;
                if (_kind == DiskIoKind.Read)
                {
                    _disk.Content.Block(block).CopyTo(new Span<byte>(data, blockBytes));
                    continue;
                }

                if (_disk.Content.IsDirty(block) && _disk.Random.Chance(_disk.Options.Destage))
                {
                    _disk.Content.Destage(block);
                }

                _disk.Content.Put(block, _kind == DiskIoKind.Zero ? default : new ReadOnlySpan<byte>(data, blockBytes), _disk.Options.VolatileCache);
            }
        }

        private void HardenIfDurable()
        {
            if (_request!.Durable)
            {
                for (int block = _first; block < _first + _count; block++)
                {
                    _disk.Content.Destage(block);
                }
            }
        }

        private void MapRun()
        {
            bool mapped = IsMapped(_first);
            int run = 1;
            while (run < _count && IsMapped(_first + run) == mapped)
            {
                run++;
            }

            _request!.ResultMapped = mapped;
            _request.ResultLengthBytes = (long)run * _disk.Options.BlockBytes;
        }

        private bool IsMapped(int block) => _disk.Content.Block(block).ContainsAnyExcept((byte)0);

        private void Release()
        {
            for (int block = _first; block < _first + _count; block++)
            {
                _disk.WritesInFlight[block] = 0;
            }
        }

        private ulong Checksum() => _kind == DiskIoKind.Write ? SimHash.Of(new ReadOnlySpan<byte>(_request!.Data, _count * _disk.Options.BlockBytes)) : 0;

        private void CheckUnchanged()
        {
            if (_checksum != Checksum())
            {
                throw new SimViolationException($"{_disk.Node.Name}: the bytes of a write of block {_first} were changed before its end");
            }
        }

        private void Recycle()
        {
            _request = null;
            store._pool.Return(this);
        }
    }
}
