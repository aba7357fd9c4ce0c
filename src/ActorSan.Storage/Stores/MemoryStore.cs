using System.Runtime.InteropServices;
using ActorSan.Storage.Threads;

namespace ActorSan.Storage.Stores;

/// <summary>
/// A store in memory: every request ends inside the call that submits it, but zeroing of more than <see cref="ZeroPieceBytes"/>, which takes turns with the thread's other
/// work. Nothing of it survives the process.
/// </summary>
internal sealed unsafe class MemoryStore : IStore
{
    /// <summary>The most that is zeroed, or given back to the system, without a turn for others.</summary>
    internal const long ZeroPieceBytes = 32 << 20;

    private readonly MemoryRegion _region;
    private readonly ZeroTurn _turn;
    private StoreRequest? _zeroFirst;
    private StoreRequest? _zeroLast;
    private bool _closing;
    private IoMessage? _onClosed;

    internal MemoryStore(IoThread home, MemoryRegion region)
    {
        Home = home;
        _region = region;
        _turn = new ZeroTurn(this);
        Traits = MemoryStoreHandle.TraitsOf(region);
    }

    public IoThread Home { get; }

    public StoreTraits Traits { get; }

    public string Description => MemoryStoreHandle.Name;

    public void Read(StoreRequest request)
    {
        if (Accept(request))
        {
            Buffer.MemoryCopy(_region.Bytes + request.OffsetBytes, request.Data, request.LengthBytes, request.LengthBytes);
            request.End(StoreStatus.Success);
        }
    }

    public void Write(StoreRequest request)
    {
        if (Accept(request))
        {
            _region.MarkUsed(request.OffsetBytes, request.LengthBytes);
            Buffer.MemoryCopy(request.Data, _region.Bytes + request.OffsetBytes, request.LengthBytes, request.LengthBytes);
            request.End(StoreStatus.Success);
        }
    }

    public void Zero(StoreRequest request)
    {
        if (!Accept(request))
        {
            return;
        }

        request.BackendCursor = 0;
        if (ZeroPiece(request))
        {
            request.End(StoreStatus.Success);
            return;
        }

        request.NextQueued = null;
        if (_zeroLast is null)
        {
            _zeroFirst = request;
            TakeTurn();
        }
        else
        {
            _zeroLast.NextQueued = request;
        }

        _zeroLast = request;
    }

    public void Provision(StoreRequest request)
    {
        if (Accept(request))
        {
            request.End(StoreStatus.Success);
        }
    }

    public void Flush(StoreRequest request)
    {
        Invariant.Check(Home.IsCurrent);
        request.End(_closing ? StoreStatus.Cancelled : StoreStatus.Success);
    }

    public void MapStatus(StoreRequest request)
    {
        if (Accept(request))
        {
            request.ResultLengthBytes = _region.Run(request.OffsetBytes, request.LengthBytes, out request.ResultMapped);
            request.End(StoreStatus.Success);
        }
    }

    public void Close(IoMessage? closed)
    {
        Invariant.Check(Home.IsCurrent && !_closing);
        _closing = true;
        _onClosed = closed;
        CloseWhenIdle();
    }

    /// <summary>False when the request has ended already.</summary>
    private bool Accept(StoreRequest request)
    {
        Invariant.Check(Home.IsCurrent && request.OffsetBytes >= 0 && request.LengthBytes >= 0 && request.LengthBytes <= Traits.SizeBytes - request.OffsetBytes);
        if (!_closing && request.LengthBytes > 0)
        {
            return true;
        }

        request.End(_closing ? StoreStatus.Cancelled : StoreStatus.Success);
        return false;
    }

    /// <summary>True when that was the last one of the request.</summary>
    private bool ZeroPiece(StoreRequest request)
    {
        long offset = request.OffsetBytes + request.BackendCursor;
        long piece = Math.Min(ZeroPieceBytes - (offset & (MemoryRegion.PageBytes - 1)), request.LengthBytes - request.BackendCursor);
        if (request.MayDeallocate)
        {
            _region.Release(offset, piece);
        }
        else
        {
            _region.MarkUsed(offset, piece);
            NativeMemory.Clear(_region.Bytes + offset, (nuint)piece);
        }

        request.BackendCursor += piece;
        return request.BackendCursor == request.LengthBytes;
    }

    private void TakeTurn()
    {
        if (!Home.Post(_turn))
        {
            // The thread is ending: nobody is left to take turns with.
            while (_zeroFirst is not null)
            {
                OnTurn(again: false);
            }
        }
    }

    private void OnTurn(bool again)
    {
        StoreRequest request = _zeroFirst!;
        bool done = ZeroPiece(request);
        if (done)
        {
            _zeroFirst = request.NextQueued;
            _zeroLast = _zeroFirst is null ? null : _zeroLast;
            request.NextQueued = null;
        }

        if (again && _zeroFirst is not null)
        {
            TakeTurn();
        }

        if (done)
        {
            request.End(StoreStatus.Success);
            CloseWhenIdle();
        }
    }

    private void CloseWhenIdle()
    {
        if (!_closing || _zeroFirst is not null || _region.Bytes is null)
        {
            return;
        }

        _region.Dispose();
        if (_onClosed is not null && !Home.Post(_onClosed))
        {
            _onClosed.Run();
        }
    }

    private sealed class ZeroTurn(MemoryStore store) : IoMessage
    {
        protected internal override void Run() => store.OnTurn(again: true);
    }
}
