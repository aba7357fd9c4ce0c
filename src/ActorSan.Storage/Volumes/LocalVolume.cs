using ActorSan.Storage.Blocks;
using ActorSan.Storage.Buffers;
using ActorSan.Storage.Metadata;
using ActorSan.Storage.Stores;
using ActorSan.Storage.Threads;

namespace ActorSan.Storage.Volumes;

/// <summary>Settings of a <see cref="LocalVolume"/>.</summary>
public sealed record LocalVolumeOptions
{
    public required string Name { get; init; }

    /// <summary>Off: every write is durable before it completes.</summary>
    public bool WriteCache { get; init; } = true;

    /// <summary>Nothing is written, whatever the store could do.</summary>
    public bool ReadOnly { get; init; }

    /// <summary>UNMAP gives space back and holes are reported; false for thick volumes.</summary>
    public bool Thin { get; init; } = true;
}

/// <summary>
/// A volume on one store, without peers: range locks, the clean mark, the redo slots, and what a store's fault means. Encryption and caching are the store's. Everything
/// runs on <see cref="Home"/>; nothing is allocated per operation once the pool of operations has grown to what is in flight.
/// </summary>
public sealed unsafe partial class LocalVolume : IBlockVolume
{
    // A read of COMPARE AND WRITE and ORWRITE goes through a buffer of at most this; one is kept, so that they end even when commands that wait for them hold all others.
    private const int ReserveBytes = 128 << 10;

    private readonly LocalVolumeOptions _options;
    private readonly IStore _store;
    private readonly IVolumeMetadata _metadata;
    private readonly ISectorCipher? _cipher;
    private readonly RangeLocks _locks = new();
    private readonly List<IVolumeObserver> _observers = [];
    private readonly Stack<LocalOperation> _free = new();
    private readonly int[] _freeSlots;
    private readonly long _dataOffsetBytes;
    private readonly long _blockMask;
    private readonly bool _everyWriteDurable;
    private int _freeSlotCount;
    private LocalOperation? _firstWaitingForSlot;
    private LocalOperation? _lastWaitingForSlot;
    private LocalOperation? _firstWaitingForMark;
    private LocalOperation? _lastWaitingForMark;
    private LocalOperation? _firstWaitingForReserve;
    private LocalOperation? _lastWaitingForReserve;
    private IoBuffer _reserve;
    private bool _reserveInUse;
    private MarkPhase _mark;
    private CleanMark? _marking;
    private int _inFlight;
    private CloseRequest? _close;
    private string? _failure;
    private volatile StateBox _state = new(new VolumeState(VolumeStateKind.Ready, "serves"));

    /// <param name="options">What the configuration says.</param>
    /// <param name="store">The store that the metadata was loaded from, encrypting where <paramref name="cipher"/> is given.</param>
    /// <param name="metadata">Loaded and attached; every redo slot is free.</param>
    /// <param name="cipher">What goes into a redo slot must be what the store would have stored.</param>
    /// <exception cref="InvalidOperationException">The home thread's buffer pool has not even the volume's own buffer.</exception>
    public LocalVolume(LocalVolumeOptions options, IStore store, IVolumeMetadata metadata, ISectorCipher? cipher)
    {
        _options = options;
        _store = store;
        _metadata = metadata;
        _cipher = cipher;
        Geometry = metadata.Geometry;
        _dataOffsetBytes = metadata.DataOffsetBytes;
        _blockMask = Geometry.LogicalBlockBytes - 1;
        StoreTraits traits = store.Traits;
        bool readOnly = options.ReadOnly || traits.ReadOnly;
        _everyWriteDurable = !options.WriteCache;
        Capabilities = new VolumeCapabilities(
            Thin: options.Thin && traits.Thin && !readOnly,
            UnmapGranularityBytes: Math.Max(traits.HoleGranularityBytes, Geometry.LogicalBlockBytes),
            WriteCache: options.WriteCache && traits.VolatileCache,
            ReadOnly: readOnly,
            CryptoErase: cipher is not null && !readOnly,
            Rotational: traits.Rotational,
            MaxAtomicBytes: metadata.RedoSlotBytes,
            MaxAttributeBytes: metadata.MaxAttributeBytes);
        _freeSlots = new int[metadata.RedoSlotCount];
        for (int slot = 0; slot < _freeSlots.Length; slot++)
        {
            _freeSlots[slot] = _freeSlots.Length - 1 - slot;
        }

        _freeSlotCount = _freeSlots.Length;
        int reserveBytes = cipher is null ? ReserveBytes : Math.Max(ReserveBytes, metadata.RedoSlotBytes);
        if (!readOnly && !Home.Buffers.TryRent(reserveBytes, BufferOwner.Volume, out _reserve))
        {
            throw new InvalidOperationException(
                $"The buffer pool of I/O thread {Home.Name} is too small: {reserveBytes} bytes for volume {options.Name} are not to be had. Raise actorsan.io.buffer-pool.");
        }
    }

    private enum MarkPhase : byte
    {
        Clean,
        Marking,
        Dirty,
    }

    public IoThread Home => _store.Home;

    public string Name => _options.Name;

    public Guid VolumeId => _metadata.VolumeId;

    public VolumeGeometry Geometry { get; }

    public VolumeCapabilities Capabilities { get; }

    /// <inheritdoc/>
    public VolumeState State => _state.State;

    public void Read(VolumeOperation operation) => Admit(operation, VolumeOperationKind.Read, exclusive: false);

    public void Write(VolumeOperation operation) => Admit(operation, VolumeOperationKind.Write, exclusive: true);

    public void CompareAndWrite(VolumeOperation operation) => Admit(operation, VolumeOperationKind.CompareAndWrite, exclusive: true);

    public void OrWrite(VolumeOperation operation) => Admit(operation, VolumeOperationKind.OrWrite, exclusive: true);

    public void Unmap(VolumeOperation operation) => Admit(operation, VolumeOperationKind.Unmap, exclusive: true);

    public void WriteZeroes(VolumeOperation operation) => Admit(operation, VolumeOperationKind.WriteZeroes, exclusive: true);

    public void MapStatus(VolumeOperation operation) => Admit(operation, VolumeOperationKind.MapStatus, exclusive: false);

    public void Flush(VolumeOperation operation) => Admit(operation, VolumeOperationKind.Flush, exclusive: false);

    public void SetAttribute(VolumeOperation operation) => Admit(operation, VolumeOperationKind.SetAttribute, exclusive: true);

    public void CryptoErase(VolumeOperation operation) => Admit(operation, VolumeOperationKind.CryptoErase, exclusive: true);

    public ReadOnlySpan<byte> GetAttribute(VolumeAttribute attribute) => _metadata.GetAttribute(attribute);

    public void AddObserver(IVolumeObserver observer) => _observers.Add(observer);

    public void RemoveObserver(IVolumeObserver observer) => _observers.Remove(observer);

    /// <summary>
    /// Refuses what comes from now on, waits for what is in flight, flushes, sets the clean mark and closes the store. Home thread, once.
    /// </summary>
    /// <param name="closed">Told on the home thread why it could not be done in order; null when it could.</param>
    public void Close(Action<string?> closed)
    {
        Invariant.Check(_close is null);
        _close = new CloseRequest(this, closed);
        ChangeState(new VolumeState(VolumeStateKind.Detached, "closed"));
        GoOnClosing();
    }

    // One reason why an operation does not start, or Pending.
    private VolumeStatus Refusal(VolumeOperation operation, VolumeOperationKind kind)
    {
        if (!State.IsReady)
        {
            return VolumeStatus.NotReady;
        }

        bool writes = kind is not (VolumeOperationKind.Read or VolumeOperationKind.MapStatus or VolumeOperationKind.Flush);
        if (writes && Capabilities.ReadOnly)
        {
            return VolumeStatus.WriteProtected;
        }

        switch (kind)
        {
            case VolumeOperationKind.Flush:
                return VolumeStatus.Pending;
            case VolumeOperationKind.SetAttribute:
                return operation.Attribute != VolumeAttribute.None && operation.LengthBytes >= 0 && operation.LengthBytes <= Capabilities.MaxAttributeBytes
                    ? VolumeStatus.Pending
                    : VolumeStatus.NotSupported;
            case VolumeOperationKind.CryptoErase:
                return Capabilities.CryptoErase ? VolumeStatus.Pending : VolumeStatus.NotSupported;
            default:
                break;
        }

        long offset = operation.OffsetBytes;
        long length = operation.LengthBytes;
        if (((offset | length) & _blockMask) != 0 || offset < 0 || length < 0 || offset > Geometry.SizeBytes || length > Geometry.SizeBytes - offset)
        {
            return VolumeStatus.OutOfRange;
        }

        if (length == 0)
        {
            return VolumeStatus.Success;
        }

        bool throughSlot = kind == VolumeOperationKind.CompareAndWrite || (kind == VolumeOperationKind.Write && operation.Atomic);
        return throughSlot && length > Capabilities.MaxAtomicBytes ? VolumeStatus.NotSupported : VolumeStatus.Pending;
    }

    private void Admit(VolumeOperation operation, VolumeOperationKind kind, bool exclusive)
    {
        operation.Kind = kind;
        operation.Status = VolumeStatus.Pending;
        VolumeStatus refusal = Refusal(operation, kind);
        if (refusal != VolumeStatus.Pending)
        {
            operation.Complete(refusal);
            return;
        }

        if (!_free.TryPop(out LocalOperation? local))
        {
            local = new LocalOperation(this);
        }

        _inFlight++;
        local.Begin(operation, exclusive);
    }

    /// <summary>The operation's last step: its lock goes first, so that whoever is told finds the range free.</summary>
    private void Finish(LocalOperation local, VolumeStatus status)
    {
        VolumeOperation? operation = local.TakeOperation();
        local.ReleaseLock();
        _free.Push(local);
        _inFlight--;
        operation?.Complete(status);
        if (_close is not null)
        {
            GoOnClosing();
        }
    }

    private void ChangeState(VolumeState state)
    {
        _state = new StateBox(state);
        for (int i = _observers.Count - 1; i >= 0; i--)
        {
            _observers[i].OnStateChanged(this);
        }
    }

    /// <summary>What a store's answer is for the volume; tells observers, and fails the volume where going on would lose what was promised.</summary>
    private VolumeStatus Judge(StoreStatus status, int errno, VolumeOperationKind kind, long offsetBytes, long lengthBytes, bool flush)
    {
        if (status == StoreStatus.Success)
        {
            return VolumeStatus.Success;
        }

        VolumeStatus answer = status switch
        {
            StoreStatus.NoSpace => VolumeStatus.NoSpace,
            StoreStatus.ReadError => VolumeStatus.ReadError,
            StoreStatus.WriteError => VolumeStatus.WriteError,
            StoreStatus.ReadOnly => VolumeStatus.WriteProtected,
            _ => VolumeStatus.NotReady,
        };
        var fault = new StoreFaultEvent(kind, answer, offsetBytes, lengthBytes, errno);
        for (int i = _observers.Count - 1; i >= 0; i--)
        {
            _observers[i].OnStoreFault(this, fault);
        }

        if (_failure is null && (status == StoreStatus.Vanished || flush))
        {
            string why = errno == 0 ? "" : $" ({Errno.Describe(errno)})";
            _failure = status == StoreStatus.Vanished
                ? $"the store {_store.Description} went away{why}; nothing is served until the node is started again with it in place"
                : $"the store {_store.Description} could not flush{why}: writes that were acknowledged before may be lost; check the medium, then start the node again";
            if (State.IsReady)
            {
                ChangeState(new VolumeState(VolumeStateKind.Failed, _failure));
            }
        }

        return answer;
    }

    private void GoOnClosing()
    {
        if (_inFlight == 0 && _mark != MarkPhase.Marking)
        {
            _close!.Begin();
        }
    }

    private void TellClosed(Action<string?> closed, string? fault)
    {
        if (!_reserve.IsEmpty)
        {
            Home.Buffers.Return(_reserve);
            _reserve = default;
        }

        _cipher?.Dispose();
        _store.Close(new Closed(closed, fault));
    }

    // One reference: read whole from any thread.
    private sealed record StateBox(VolumeState State);

    private sealed class Closed(Action<string?> closed, string? fault) : IoMessage
    {
        protected internal override void Run() => closed(fault);
    }

    /// <summary>The orderly end: flush, then the clean mark, then the store. A volume that failed leaves the mark off and says why.</summary>
    private sealed class CloseRequest(LocalVolume volume, Action<string?> closed) : StoreRequest
    {
        private bool _begun;
        private CleanMark? _mark;

        public void Begin()
        {
            if (_begun)
            {
                return;
            }

            _begun = true;
            if (volume._failure is not null || volume._mark != MarkPhase.Dirty)
            {
                Invariant.Check(volume._failure is not null || volume._freeSlotCount == volume._freeSlots.Length);
                volume.TellClosed(closed, volume._failure);
                return;
            }

            volume._store.Flush(this);
        }

        protected internal override void OnEnded()
        {
            if (Status != StoreStatus.Success)
            {
                string why = Errno == 0 ? Status.ToString() : Threads.Errno.Describe(Errno);
                volume.TellClosed(closed, $"the last flush of {volume._store.Description} failed ({why}): writes that were acknowledged may be lost");
                return;
            }

            _mark = new CleanMark(status => volume.TellClosed(closed, status == StoreStatus.Success ? null : $"the clean mark could not be written to {volume._store.Description}"));
            volume._metadata.MarkClean(_mark);
        }
    }

    private sealed class CleanMark(Action<StoreStatus> ended) : MetadataRequest
    {
        protected internal override void OnEnded() => ended(Status);
    }
}
