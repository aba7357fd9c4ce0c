using ActorSan.Storage.Threads;

namespace ActorSan.Storage.Stores;

/// <summary>
/// A file or a block device on an I/O thread. A request is the kernel operation itself; it goes on where the kernel stopped short, through a copy where its memory does
/// not suit the medium. Durable: O_DSYNC for each write alone while few are outstanding, plain writes and one fdatasync for many beyond (<see cref="GroupCommitDepth"/>).
/// </summary>
internal sealed unsafe partial class FileStore : IStore, IStoreBackend, ISyncUser, IBounceUser
{
    /// <summary>
    /// From this many durable writes outstanding on, one fdatasync serves many. Below it the kernel itself joins the flushes of writes that are in flight together, without
    /// a wait for the slowest of a group. Measured on ext4 and virtio, busy machine, 4 KiB at random, O_DSYNC over groups: depth 32 about 2, 64 1.2 to 2, 128 0.4 to 0.8.
    /// </summary>
    internal const int GroupCommitDepth = 96;

    /// <summary>The longest single read or write that is handed to the kernel.</summary>
    internal const int MaxTransferBytes = 1 << 30;

    /// <summary>How often EINTR and EAGAIN, or a call that moved nothing, are tried again before the request fails.</summary>
    private const int MaxRetries = 100;

    private const int PhaseReading = 1;
    private const int PhaseWriting = 2;
    private const int PhaseWritingDurable = 3;
    private const int PhaseZeroing = 4;
    private const int PhasePunching = 5;
    private const int PhaseZeroingRange = 6;
    private const int PhaseSyncing = 7;
    private const int PhaseFlushing = 8;
    private const int PhaseSyncingZeroes = 9;
    private const int PhaseMapping = 10;
    private const int PhaseProvisioning = 11;
    private const int PhaseExtending = 12;

    private readonly IoFile _file;
    private readonly bool _isDevice;
    private readonly bool _direct;
    private readonly nuint _memoryMask;
    private readonly SyncQueue _sync;
    private readonly BounceBuffers _bounce;
    private MapWork? _freeMapWork;
    private int _outstanding;
    private int _flushesOutstanding;
    private int _durableOutstanding;
    private int _durablePeak;
    private bool _grouping;
    private bool _closing;
    private bool _closed;
    private IoMessage? _onClosed;

    /// <summary>On the home thread.</summary>
    internal FileStore(IoThread home, int fd, string description, FileFacts facts)
    {
        Home = home;
        Description = description;
        Traits = facts.Traits;
        _isDevice = facts.IsDevice;
        _direct = facts.Direct;
        _memoryMask = facts.Direct ? (nuint)facts.MemoryAlignmentBytes - 1 : 0;
        _punches = facts.Traits.HoleGranularityBytes > 0;
        _file = home.AdoptFile(fd);
        _sync = new SyncQueue(home, _file, this);
        _bounce = new BounceBuffers(home, this, facts.Traits.OffsetAlignmentBytes);
    }

    public IoThread Home { get; }

    public StoreTraits Traits { get; private set; }

    public string Description { get; }

    /// <summary>For tests: the fdatasyncs issued.</summary>
    internal long SyncsIssued => _sync.Issued;

    public void Read(StoreRequest request)
    {
        if (Accept(request, writing: false))
        {
            request.BackendPhase = PhaseReading;
            Start(request);
        }
    }

    public void Write(StoreRequest request)
    {
        if (!Accept(request, writing: true))
        {
            return;
        }

        request.BackendPhase = PhaseWriting;
        if (request.Durable)
        {
            _durableOutstanding++;
            _durablePeak = Math.Max(_durablePeak, _durableOutstanding);
            request.BackendPhase = CommitsWithOthers() ? PhaseWriting : PhaseWritingDurable;
        }

        Start(request);
    }

    public void Flush(StoreRequest request)
    {
        if (Accept(request, writing: true, flushing: true))
        {
            request.BackendPhase = PhaseFlushing;
            _flushesOutstanding++;
            _sync.Join(request);
        }
    }

    public void Close(IoMessage? closed)
    {
        Invariant.Check(Home.IsCurrent && !_closing);
        _closing = true;
        _onClosed = closed;
        CloseWhenIdle();
    }

    void IBounceUser.OnBounceBuffer(StoreRequest request) => Transfer(request);

    /// <summary>
    /// A flush is not kept waiting. Writes wait until most of those in flight have joined: a flush for the first alone would only delay the rest. But while each write has
    /// a flush of its own those in flight will not join, and new ones come for ever: what does wait then, zeroes or a last one of a group, goes at once.
    /// </summary>
    bool ISyncUser.IsWorthASync(int waiting) => _flushesOutstanding > 0 || (_direct && !_grouping) || waiting * 4 >= _durableOutstanding * 3;

    void ISyncUser.OnSyncEnding()
    {
        // Few since the last one: back to a flush of its own for each write.
        _grouping &= _durablePeak >= GroupCommitDepth / 2;
        _durablePeak = _durableOutstanding;
    }

    void ISyncUser.OnSynced(StoreRequest request, int errno)
    {
        _flushesOutstanding -= request.BackendPhase == PhaseFlushing ? 1 : 0;
        if (errno == 0)
        {
            Finish(request, StoreStatus.Success, 0);
        }
        else
        {
            // Room that ran out only at the flush has lost what was acknowledged: no answer of one command's.
            StoreStatus status = StoreErrors.StatusOf(errno, writing: true);
            Finish(request, status is StoreStatus.NoSpace or StoreStatus.ReadOnly ? StoreStatus.WriteError : status, errno);
        }
    }

    void IStoreBackend.OnKernelCompleted(StoreRequest request, int result)
    {
        if (result is -Errno.EINTR or -Errno.EAGAIN && ++request.BackendRetries <= MaxRetries)
        {
            Repeat(request);
            return;
        }

        switch (request.BackendPhase)
        {
            case PhaseReading:
            case PhaseWriting:
            case PhaseWritingDurable:
                OnTransferred(request, result);
                break;
            case PhaseZeroing:
            case PhasePunching:
            case PhaseZeroingRange:
                OnZeroed(request, result);
                break;
            case PhaseProvisioning:
                OnProvisioned(request, result);
                break;
            default:
                Invariant.Fail("a request completed that has nothing in the kernel");
                break;
        }
    }

    /// <summary>False when the request has ended already.</summary>
    private bool Accept(StoreRequest request, bool writing, bool flushing = false)
    {
        Invariant.Check(Home.IsCurrent && request.Backend is null && !request.IsInFlight);
        if (!flushing)
        {
            Invariant.Check(request.OffsetBytes >= 0 && request.LengthBytes >= 0 && request.LengthBytes <= Traits.SizeBytes - request.OffsetBytes);
            Invariant.Check(((request.OffsetBytes | request.LengthBytes) & (Traits.OffsetAlignmentBytes - 1)) == 0);
        }

        request.Status = StoreStatus.Pending;
        request.Errno = 0;
        if (_closing)
        {
            request.End(StoreStatus.Cancelled);
            return false;
        }

        if (_sync.Failure != 0)
        {
            request.End(writing ? StoreStatus.WriteError : StoreStatus.ReadError, _sync.Failure);
            return false;
        }

        if (writing && !flushing && Traits.ReadOnly)
        {
            request.End(StoreStatus.ReadOnly);
            return false;
        }

        if (flushing ? Traits.ReadOnly : request.LengthBytes == 0)
        {
            request.End(StoreStatus.Success);
            return false;
        }

        request.Backend = this;
        request.BackendCursor = 0;
        request.BackendRetries = 0;
        _outstanding++;
        return true;
    }

    /// <summary>
    /// Whether a durable write is to wait for a common fdatasync. Through the page cache always: O_DSYNC gains nothing there, and its error would not say whether the write
    /// or the flush had failed.
    /// </summary>
    private bool CommitsWithOthers()
    {
        _grouping |= _durableOutstanding >= GroupCommitDepth;
        return _grouping || !_direct;
    }

    private void Start(StoreRequest request)
    {
        bool suits = ((nuint)request.Data & _memoryMask) == 0;
        if (suits || _bounce.TryTake(request, request.LengthBytes))
        {
            Transfer(request);
        }
    }

    private void Transfer(StoreRequest request)
    {
        long left = request.LengthBytes - request.BackendCursor;
        long offset = request.OffsetBytes + request.BackendCursor;
        byte* data = request.Data + request.BackendCursor;
        bool copies = !request.BackendBuffer.IsEmpty;
        int piece = (int)Math.Min(left, copies ? request.BackendBuffer.CapacityBytes : MaxTransferBytes);
        if (request.BackendPhase == PhaseReading)
        {
            Home.Read(_file, copies ? request.BackendBuffer.Address : data, piece, offset, request);
            return;
        }

        if (copies)
        {
            Buffer.MemoryCopy(data, request.BackendBuffer.Address, request.BackendBuffer.CapacityBytes, piece);
            data = request.BackendBuffer.Address;
        }

        Home.Write(_file, data, piece, offset, request.BackendPhase == PhaseWritingDurable, request);
    }

    private void OnTransferred(StoreRequest request, int result)
    {
        bool reading = request.BackendPhase == PhaseReading;
        if (result < 0)
        {
            Fail(request, -result);
            return;
        }

        if (result == 0 && reading)
        {
            // The size was looked at when the store was opened and locked: an end before it means that the file was cut since.
            Fail(request, Errno.ENODATA);
            return;
        }

        // Direct I/O goes on at a sector only: what was moved of a broken one is moved again.
        long moved = request.BackendCursor + result == request.LengthBytes ? result : result & ~(Traits.OffsetAlignmentBytes - 1);
        if (moved == 0)
        {
            if (++request.BackendRetries > MaxRetries)
            {
                Fail(request, Errno.EIO);
                return;
            }

            Transfer(request);
            return;
        }

        if (reading && !request.BackendBuffer.IsEmpty)
        {
            Buffer.MemoryCopy(request.BackendBuffer.Address, request.Data + request.BackendCursor, moved, moved);
        }

        request.BackendRetries = 0;
        request.BackendCursor += moved;
        if (request.BackendCursor < request.LengthBytes)
        {
            Transfer(request);
        }
        else
        {
            AfterLastByte(request);
        }
    }

    private void Repeat(StoreRequest request)
    {
        if (request.BackendPhase is PhaseZeroing or PhasePunching or PhaseZeroingRange)
        {
            ZeroNext(request);
        }
        else if (request.BackendPhase == PhaseProvisioning)
        {
            AskForSpace(request);
        }
        else
        {
            Transfer(request);
        }
    }

    private void AfterLastByte(StoreRequest request)
    {
        if (request.Durable && request.BackendPhase is not (PhaseReading or PhaseWritingDurable))
        {
            GiveBufferBack(request);
            request.BackendPhase = request.BackendPhase == PhaseWriting ? PhaseSyncing : PhaseSyncingZeroes;
            _sync.Join(request);
            return;
        }

        Finish(request, StoreStatus.Success, 0);
    }

    private void Fail(StoreRequest request, int errno)
    {
        StoreStatus status = StoreErrors.StatusOf(errno, request.BackendPhase is not (PhaseReading or PhaseMapping));
        if (request.BackendPhase == PhaseWritingDurable && status is StoreStatus.WriteError or StoreStatus.Vanished)
        {
            // It may be the flush inside that failed; the kernel says so once, and a later fdatasync would succeed without what was lost.
            _sync.Fail(errno);
        }

        Finish(request, status, errno);
    }

    private void Finish(StoreRequest request, StoreStatus status, int errno)
    {
        GiveBufferBack(request);
        if (request.Durable && request.BackendPhase is PhaseWriting or PhaseWritingDurable or PhaseSyncing)
        {
            // Those that wait may have waited for this one alone.
            _durableOutstanding--;
            _sync.Reconsider();
        }

        _outstanding--;
        request.Backend = null;
        request.End(status, errno);
        CloseWhenIdle();
    }

    private void GiveBufferBack(StoreRequest request)
    {
        if (!request.BackendBuffer.IsEmpty)
        {
            _bounce.Return(request);
        }
    }

    private void CloseWhenIdle()
    {
        if (!_closing || _closed || _outstanding > 0)
        {
            return;
        }

        _closed = true;
        _bounce.Free();
        Home.CloseFile(_file);
        if (_onClosed is not null && !Home.Post(_onClosed))
        {
            _onClosed.Run();
        }
    }
}
