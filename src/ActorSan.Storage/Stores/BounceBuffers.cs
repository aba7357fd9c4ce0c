using System.Runtime.InteropServices;
using ActorSan.Storage.Buffers;
using ActorSan.Storage.Threads;

namespace ActorSan.Storage.Stores;

/// <summary>Who copies through <see cref="BounceBuffers"/>.</summary>
internal interface IBounceUser
{
    /// <summary>The request that had to wait has its buffer now.</summary>
    void OnBounceBuffer(StoreRequest request);
}

/// <summary>
/// Buffers for requests whose bytes can't go to the medium from where they are. They come from the home thread's pool; when that is empty, requests wait in their order. One
/// small buffer outside the pool belongs to the store alone: it keeps them moving when all of the pool is held by those who wait for this very store. Home thread only.
/// </summary>
internal sealed unsafe class BounceBuffers(IoThread home, IBounceUser user, int alignmentBytes) : IoMessage
{
    /// <summary>A request is moved in pieces of at most this.</summary>
    internal const int MaxPieceBytes = 1 << 20;

    /// <summary>The buffer outside the pool; also the largest alignment that a medium may ask for.</summary>
    internal const int ReserveBytes = 64 << 10;

    private const int SmallestPieceBytes = 16 << 10;

    private byte* _reserve;
    private bool _reserveInUse;
    private StoreRequest? _first;
    private StoreRequest? _last;
    private bool _waitsForPool;
    private bool _serving;

    /// <summary>True: <see cref="StoreRequest.BackendBuffer"/> is set, perhaps shorter than wanted. False: the user hears later.</summary>
    internal bool TryTake(StoreRequest request, long wantedBytes)
    {
        if (_first is null && TryRent(request, wantedBytes))
        {
            return true;
        }

        // How much it wants is kept in the retry counter, which nothing else uses before the first attempt.
        request.BackendRetries = (int)Math.Min(wantedBytes, MaxPieceBytes);
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
        WaitForPool();
        return false;
    }

    internal void Return(StoreRequest request)
    {
        IoBuffer buffer = request.BackendBuffer;
        request.BackendBuffer = default;
        if (buffer.Address == _reserve)
        {
            _reserveInUse = false;
        }
        else
        {
            home.Buffers.Return(buffer);
        }

        Serve();
    }

    /// <summary>With nothing in use.</summary>
    internal void Free()
    {
        Invariant.Check(!_reserveInUse && _first is null);
        NativeMemory.AlignedFree(_reserve);
        _reserve = null;
    }

    /// <summary>The pool has something again.</summary>
    protected internal override void Run()
    {
        _waitsForPool = false;
        Serve();
        if (_first is not null)
        {
            WaitForPool();
        }
    }

    private void WaitForPool()
    {
        if (!_waitsForPool)
        {
            _waitsForPool = true;
            home.Buffers.WaitForSpace(this);
        }
    }

    private void Serve()
    {
        if (_serving)
        {
            return;
        }

        _serving = true;
        while (_first is StoreRequest request && TryRent(request, request.BackendRetries))
        {
            _first = request.NextQueued;
            _last = _first is null ? null : _last;
            request.NextQueued = null;
            request.BackendRetries = 0;
            user.OnBounceBuffer(request);
        }

        _serving = false;
    }

    private bool TryRent(StoreRequest request, long wantedBytes)
    {
        int smallest = Math.Max(SmallestPieceBytes, alignmentBytes);
        for (int size = (int)Math.Min(wantedBytes, MaxPieceBytes); ; size = Math.Max(size / 2, smallest))
        {
            if (home.Buffers.TryRent(size, BufferOwner.Store, out IoBuffer buffer))
            {
                request.BackendBuffer = buffer;
                return true;
            }

            if (size <= smallest)
            {
                break;
            }
        }

        if (_reserveInUse)
        {
            return false;
        }

        if (_reserve is null)
        {
            _reserve = (byte*)NativeMemory.AlignedAlloc(ReserveBytes, ReserveBytes);
        }

        _reserveInUse = true;
        request.BackendBuffer = new IoBuffer(_reserve, ReserveBytes);
        return true;
    }
}
