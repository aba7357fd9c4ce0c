using ActorSan.Storage.Threads;

namespace ActorSan.Storage.Stores;

/// <summary>
/// Encryption at rest over another store: what lies from the data offset on is encrypted, what lies before it (superblock, metadata, redo slots) passes unchanged. A write
/// is encrypted into a buffer of its own, because its bytes may be on their way to a peer as well; a read is decrypted where it landed. Zeroes stay zeroes, so that
/// holes stay holes: which sectors were never written can be seen without the key.
/// </summary>
public sealed unsafe class EncryptedStore : IStore, IBounceUser
{
    private readonly IStore _inner;
    private readonly ISectorCipher _cipher;
    private readonly long _dataOffsetBytes;
    private readonly BounceBuffers _bounce;
    private Piece? _freePieces;
    private int _outstanding;
    private bool _closing;
    private bool _closed;
    private IoMessage? _onClosed;

    /// <param name="inner">Closed with this one.</param>
    /// <param name="cipher">The caller's to dispose of, after this store was closed.</param>
    /// <param name="dataOffsetBytes">Of the volume's byte 0 in the store.</param>
    public EncryptedStore(IStore inner, ISectorCipher cipher, long dataOffsetBytes)
    {
        Invariant.Check(dataOffsetBytes >= 0 && dataOffsetBytes <= inner.Traits.SizeBytes && dataOffsetBytes % inner.Traits.OffsetAlignmentBytes == 0);
        Invariant.Check(cipher.SectorBytes <= BounceBuffers.ReserveBytes);
        _inner = inner;
        _cipher = cipher;
        _dataOffsetBytes = dataOffsetBytes;
        _bounce = new BounceBuffers(inner.Home, this, Math.Max(inner.Traits.OffsetAlignmentBytes, cipher.SectorBytes));
    }

    public IoThread Home => _inner.Home;

    public StoreTraits Traits => _inner.Traits;

    public string Description => _inner.Description;

    public void Read(StoreRequest request)
    {
        if (!IsEncrypted(request))
        {
            _inner.Read(request);
            return;
        }

        if (!Accept(request))
        {
            return;
        }

        Piece piece = TakePiece(request, reading: true);
        piece.OffsetBytes = request.OffsetBytes;
        piece.LengthBytes = request.LengthBytes;
        piece.Data = request.Data;
        piece.Durable = false;
        _inner.Read(piece);
    }

    public void Write(StoreRequest request)
    {
        if (!IsEncrypted(request))
        {
            _inner.Write(request);
            return;
        }

        if (!Accept(request))
        {
            return;
        }

        request.BackendCursor = 0;
        request.BackendRetries = 0;
        if (_bounce.TryTake(request, request.LengthBytes))
        {
            WriteNext(TakePiece(request, reading: false));
        }
    }

    public void Zero(StoreRequest request) => _inner.Zero(request);

    public void Provision(StoreRequest request) => _inner.Provision(request);

    public void Extend(StoreRequest request) => _inner.Extend(request);

    public void Flush(StoreRequest request) => _inner.Flush(request);

    public void MapStatus(StoreRequest request) => _inner.MapStatus(request);

    public void Close(IoMessage? closed)
    {
        Invariant.Check(Home.IsCurrent && !_closing);
        _closing = true;
        _onClosed = closed;
        CloseWhenIdle();
    }

    void IBounceUser.OnBounceBuffer(StoreRequest request) => WriteNext(TakePiece(request, reading: false));

    private bool IsEncrypted(StoreRequest request)
    {
        if (request.OffsetBytes < _dataOffsetBytes)
        {
            Invariant.Check(request.LengthBytes <= _dataOffsetBytes - request.OffsetBytes);
            return false;
        }

        return true;
    }

    /// <summary>False when the request has ended already.</summary>
    private bool Accept(StoreRequest request)
    {
        Invariant.Check(Home.IsCurrent && ((request.OffsetBytes - _dataOffsetBytes) | request.LengthBytes) % _cipher.SectorBytes == 0);
        if (!_closing && request.LengthBytes > 0)
        {
            request.Status = StoreStatus.Pending;
            _outstanding++;
            return true;
        }

        request.End(_closing ? StoreStatus.Cancelled : StoreStatus.Success);
        return false;
    }

    private void WriteNext(Piece piece)
    {
        StoreRequest request = piece.Outer!;
        byte* buffer = request.BackendBuffer.Address;
        long offset = request.OffsetBytes + request.BackendCursor;
        piece.OffsetBytes = offset;
        piece.LengthBytes = Math.Min(request.LengthBytes - request.BackendCursor, request.BackendBuffer.CapacityBytes);
        piece.Data = buffer;
        piece.Durable = request.Durable;
        _cipher.Encrypt(offset - _dataOffsetBytes, request.Data + request.BackendCursor, buffer, piece.LengthBytes);
        _inner.Write(piece);
    }

    private void OnPieceEnded(Piece piece)
    {
        StoreRequest request = piece.Outer!;
        if (piece.Status == StoreStatus.Success)
        {
            if (piece.Reading)
            {
                _cipher.Decrypt(piece.OffsetBytes - _dataOffsetBytes, piece.Data, piece.Data, piece.LengthBytes);
            }
            else
            {
                request.BackendCursor += piece.LengthBytes;
                if (request.BackendCursor < request.LengthBytes)
                {
                    WriteNext(piece);
                    return;
                }
            }
        }

        StoreStatus status = piece.Status;
        int errno = piece.Errno;
        piece.Outer = null;
        piece.NextFree = _freePieces;
        _freePieces = piece;
        if (!request.BackendBuffer.IsEmpty)
        {
            _bounce.Return(request);
        }

        _outstanding--;
        request.End(status, errno);
        CloseWhenIdle();
    }

    private Piece TakePiece(StoreRequest request, bool reading)
    {
        Piece piece = _freePieces ?? new Piece(this);
        _freePieces = piece.NextFree;
        piece.NextFree = null;
        piece.Outer = request;
        piece.Reading = reading;
        return piece;
    }

    private void CloseWhenIdle()
    {
        if (!_closing || _closed || _outstanding > 0)
        {
            return;
        }

        _closed = true;
        _bounce.Free();
        _inner.Close(_onClosed);
    }

    /// <summary>What goes to the inner store; pooled.</summary>
    private sealed class Piece(EncryptedStore store) : StoreRequest
    {
        internal StoreRequest? Outer { get; set; }

        internal bool Reading { get; set; }

        internal Piece? NextFree { get; set; }

        protected internal override void OnEnded() => store.OnPieceEnded(this);
    }
}
