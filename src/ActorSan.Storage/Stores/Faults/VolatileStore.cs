using ActorSan.Storage.Threads;

namespace ActorSan.Storage.Stores.Faults;

/// <summary>
/// A disk with a volatile write cache, for tests: writes stay in the process's memory until a flush pushes them down, and reads see them. kill -9 of the process is then what
/// a power loss is to a disk: the page cache no longer saves what nobody flushed. Like such a disk it writes a durable write through alone, without what was written before
/// it; pushes pages in no order that anyone could rely on, so that a kill in a flush tears what is longer than a page; and writes the oldest through early when it
/// holds more than <see cref="MaxHeldBytes"/>. Zeroes longer than <see cref="MaxHeldZeroBytes"/> are not held. What is held at an orderly close goes down.
/// </summary>
internal sealed unsafe class VolatileStore : IStore
{
    internal const long MaxHeldBytes = 64 << 20;
    internal const long MaxHeldZeroBytes = 1 << 20;

    private const int MaxPushesInFlight = 64;

    private readonly IStore _inner;
    private readonly bool _ignoresFlush;
    private readonly HeldPages _held = new();
    private readonly Queue<(Kind Kind, StoreRequest Request)> _queue = new();
    private readonly Stack<Piece> _freePieces = new();
    private int _shared;
    private bool _pushing;
    private int _pushesInFlight;
    private long _pushUntilBytes;
    private Action? _afterPush;
    private StoreStatus _lost;
    private int _lostErrno;
    private bool _closing;
    private IoMessage? _onClosed;

    /// <param name="inner">Closed with this one.</param>
    /// <param name="ignoresFlush">It lies: flushes and durable writes push nothing.</param>
    internal VolatileStore(IStore inner, bool ignoresFlush = false)
    {
        Invariant.Check(inner.Traits.OffsetAlignmentBytes <= HeldPages.PageBytes);
        _inner = inner;
        _ignoresFlush = ignoresFlush;
        Traits = inner.Traits with { VolatileCache = true };
    }

    private enum Kind : byte
    {
        Read,
        Write,
        Zero,
        Provision,
        Extend,
        Flush,
        Map,
    }

    public IoThread Home => _inner.Home;

    public StoreTraits Traits { get; private set; }

    public string Description => _inner.Description;

    internal long HeldBytes => _held.HeldBytes;

    public void Read(StoreRequest request) => Submit(Kind.Read, request);

    public void Write(StoreRequest request) => Submit(Kind.Write, request);

    public void Zero(StoreRequest request) => Submit(Kind.Zero, request);

    public void Provision(StoreRequest request) => Submit(Kind.Provision, request);

    /// <summary>What the file system says of a file's length is not what this loses.</summary>
    public void Extend(StoreRequest request) => Submit(Kind.Extend, request);

    public void Flush(StoreRequest request) => Submit(Kind.Flush, request);

    public void MapStatus(StoreRequest request) => Submit(Kind.Map, request);

    public void Close(IoMessage? closed)
    {
        Invariant.Check(Home.IsCurrent && !_closing);
        _closing = true;
        _onClosed = closed;
        Pump();
    }

    private void Submit(Kind kind, StoreRequest request)
    {
        Invariant.Check(Home.IsCurrent);
        request.Status = StoreStatus.Pending;
        if (_closing)
        {
            request.End(StoreStatus.Cancelled);
            return;
        }

        _queue.Enqueue((kind, request));
        Pump();
    }

    /// <summary>Starts what may start: everything but pushing shares the store; pushing has it alone, so that no read misses a page on its way down.</summary>
    private void Pump()
    {
        while (!_pushing && _queue.TryPeek(out (Kind Kind, StoreRequest Request) next))
        {
            bool makesRoom = next.Kind is Kind.Write or Kind.Zero && IsHeld(next.Kind, next.Request) && _held.HeldBytes + next.Request.LengthBytes > MaxHeldBytes;
            bool pushesAll = next.Kind == Kind.Flush && !_ignoresFlush;
            if ((makesRoom || pushesAll) && _shared > 0)
            {
                return;
            }

            if (makesRoom)
            {
                Push(MaxHeldBytes / 2, Pump);
                return;
            }

            _queue.Dequeue();
            Start(next.Kind, next.Request);
        }

        if (_closing && !_pushing && _shared == 0 && _queue.Count == 0)
        {
            Push(0, () =>
            {
                // Nothing more is started: the inner store is closing.
                _pushing = true;
                _inner.Close(_onClosed);
            });
        }
    }

    private void Start(Kind kind, StoreRequest request)
    {
        switch (kind)
        {
            case Kind.Flush when _ignoresFlush:
                request.End(StoreStatus.Success);
                break;
            case Kind.Flush:
                Push(0, () => AfterFlushPush(request));
                break;
            case Kind.Write when IsHeld(kind, request) && !Traits.ReadOnly:
                _held.Put(request.OffsetBytes, request.LengthBytes, request.Data, hole: false);
                request.End(StoreStatus.Success);
                break;
            case Kind.Zero when IsHeld(kind, request) && !Traits.ReadOnly:
                _held.Put(request.OffsetBytes, request.LengthBytes, null, request.MayDeallocate);
                request.End(StoreStatus.Success);
                break;
            default:
                PassDown(kind, request);
                break;
        }
    }

    private bool IsHeld(Kind kind, StoreRequest request) =>
        (_ignoresFlush || !request.Durable) && request.LengthBytes <= (kind == Kind.Write ? MaxHeldBytes / 2 : MaxHeldZeroBytes);

    private void PassDown(Kind kind, StoreRequest request)
    {
        Piece piece = Take(kind);
        piece.Outer = request;
        piece.OffsetBytes = request.OffsetBytes;
        piece.LengthBytes = request.LengthBytes;
        piece.Data = request.Data;
        piece.Durable = request.Durable;
        piece.MayDeallocate = request.MayDeallocate;
        _shared++;
        switch (kind)
        {
            case Kind.Read:
                _inner.Read(piece);
                break;
            case Kind.Write:
                _held.Drop(request.OffsetBytes, request.LengthBytes);
                _inner.Write(piece);
                break;
            case Kind.Zero:
                _held.Drop(request.OffsetBytes, request.LengthBytes);
                _inner.Zero(piece);
                break;
            case Kind.Provision:
                _inner.Provision(piece);
                break;
            case Kind.Extend:
                _inner.Extend(piece);
                break;
            case Kind.Map:
                _inner.MapStatus(piece);
                break;
            case Kind.Flush:
                _inner.Flush(piece);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(kind), kind, "no such request");
        }
    }

    private void AfterFlushPush(StoreRequest request)
    {
        if (_lost != StoreStatus.Pending)
        {
            request.End(_lost, _lostErrno);
        }
        else
        {
            PassDown(Kind.Flush, request);
        }

        Pump();
    }

    /// <summary>Pushes the oldest pages down until no more than <paramref name="untilBytes"/> are held.</summary>
    private void Push(long untilBytes, Action after)
    {
        _pushing = true;
        _pushUntilBytes = untilBytes;
        _afterPush = after;
        PushNext();
    }

    private void PushNext()
    {
        // Counted as one in flight while it looks, so that a push that ends at once does not end the whole.
        _pushesInFlight++;
        while (!_held.IsEmpty && _held.HeldBytes > _pushUntilBytes && _pushesInFlight <= MaxPushesInFlight)
        {
            PushPage(_held.TakeOldest());
        }

        EndPush();
    }

    private void PushPage(HeldPages.Page page)
    {
        Piece piece = Take(page.IsHole ? Kind.Zero : Kind.Write);
        piece.Page = page;
        piece.Durable = false;
        _pushesInFlight++;
        PushRun(piece);
    }

    private void PushRun(Piece piece)
    {
        HeldPages.Page page = piece.Page!;
        if (!page.TryTakeRun(out int skip, out int length))
        {
            page.Free();
            piece.Page = null;
            _freePieces.Push(piece);
            EndPush();
            return;
        }

        piece.OffsetBytes = (page.Index * HeldPages.PageBytes) + skip;
        piece.LengthBytes = length;
        piece.Data = page.Data + skip;
        piece.MayDeallocate = page.IsHole;
        if (page.IsHole)
        {
            _inner.Zero(piece);
        }
        else
        {
            _inner.Write(piece);
        }
    }

    private void EndPush()
    {
        _pushesInFlight--;
        if (_pushesInFlight > 0 || !_pushing)
        {
            return;
        }

        if (!_held.IsEmpty && _held.HeldBytes > _pushUntilBytes)
        {
            PushNext();
            return;
        }

        _pushing = false;
        Action after = _afterPush!;
        _afterPush = null;
        after();
    }

    private void OnPieceEnded(Piece piece)
    {
        if (piece.Page is not null)
        {
            if (piece.Status != StoreStatus.Success && _lost == StoreStatus.Pending)
            {
                // Acknowledged long ago: all that is left is to fail every flush from now on.
                (_lost, _lostErrno) = (piece.Status, piece.Errno);
            }

            PushRun(piece);
            return;
        }

        StoreRequest request = piece.Outer!;
        piece.Outer = null;
        request.ResultMapped = piece.ResultMapped;
        request.ResultLengthBytes = piece.ResultLengthBytes;
        (StoreStatus status, int errno) = (piece.Status, piece.Errno);
        if (status == StoreStatus.Success && piece.Kind == Kind.Read)
        {
            _held.Overlay(request.OffsetBytes, request.LengthBytes, request.Data);
        }
        else if (piece.Kind == Kind.Extend)
        {
            Traits = _inner.Traits with { VolatileCache = true };
        }
        else if (status == StoreStatus.Success && piece.Kind == Kind.Map)
        {
            _held.CorrectMap(request);
        }

        _freePieces.Push(piece);
        _shared--;
        request.End(status, errno);
        Pump();
    }

    private Piece Take(Kind kind)
    {
        Piece piece = _freePieces.TryPop(out Piece? free) ? free : new Piece(this);
        piece.Kind = kind;
        return piece;
    }

    private sealed class Piece(VolatileStore store) : StoreRequest
    {
        internal Kind Kind { get; set; }

        internal StoreRequest? Outer { get; set; }

        internal HeldPages.Page? Page { get; set; }

        protected internal override void OnEnded() => store.OnPieceEnded(this);
    }
}
