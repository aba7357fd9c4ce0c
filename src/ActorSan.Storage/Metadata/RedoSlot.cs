using ActorSan.Storage.Stores;

namespace ActorSan.Storage.Metadata;

/// <summary>
/// One redo slot, one request at a time. The bytes go to the store from where the caller has them, beside the header: neither waits for the other, since the slot counts only
/// when both checksums fit. Nothing is allocated.
/// </summary>
internal sealed unsafe class RedoSlot
{
    private readonly IStore _store;
    private readonly Guid _volumeId;
    private readonly int _slot;
    private readonly long _offset;
    private readonly AlignedMemory _memory = new(RedoHeader.WrittenBytes);
    private readonly Part _header;
    private readonly Part _bytes;
    private MetadataRequest? _request;
    private StoreStatus _status;
    private int _partsLeft;

    public RedoSlot(IStore store, Guid volumeId, int slot, long offsetBytes)
    {
        _store = store;
        _volumeId = volumeId;
        _slot = slot;
        _offset = offsetBytes;
        _header = new Part(this);
        _bytes = new Part(this);
    }

    public void Write(MetadataRequest request, ulong sequence)
    {
        int length = (int)request.LengthBytes;
        uint crc = Crc32C.Append(0, request.Data, length);
        Begin(request, 2);
        new RedoHeader(sequence, request.OffsetBytes, length, crc).Write(_memory.Span, _slot, _volumeId);
        _bytes.Submit(_offset + RedoHeader.WrittenBytes, length, request.Data);
        _header.Submit(_offset, RedoHeader.WrittenBytes, _memory.Address);
    }

    public void Clear(MetadataRequest request)
    {
        Begin(request, 1);
        _memory.Span.Clear();
        _header.Submit(_offset, RedoHeader.WrittenBytes, _memory.Address);
    }

    private void Begin(MetadataRequest request, int parts)
    {
        Invariant.Check(_request is null);
        request.Status = StoreStatus.Pending;
        _request = request;
        _status = StoreStatus.Success;
        _partsLeft = parts;
    }

    private void OnPartEnded(StoreStatus status)
    {
        _status = status > _status ? status : _status;
        if (--_partsLeft == 0)
        {
            MetadataRequest request = _request!;
            _request = null;
            request.End(_status);
        }
    }

    private sealed class Part(RedoSlot slot) : StoreRequest
    {
        public void Submit(long offsetBytes, long lengthBytes, byte* data)
        {
            OffsetBytes = offsetBytes;
            LengthBytes = lengthBytes;
            Data = data;
            Durable = true;
            slot._store.Write(this);
        }

        protected internal override void OnEnded() => slot.OnPartEnded(Status);
    }
}
