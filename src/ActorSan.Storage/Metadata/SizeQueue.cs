using ActorSan.Storage.Stores;

namespace ActorSan.Storage.Metadata;

/// <summary>
/// The superblock of an open store, and its changes: the second slot, then the first, each durable (<see cref="VolumeFormat.WriteSuperblock"/> is the same before there is a thread). Cut in
/// between, the newer slot counts, and opening writes it over the other. The store is long enough before (<see cref="RoomQueue"/>), so that either size that is found has its space.
/// </summary>
internal sealed class SizeQueue : PageQueue
{
    private readonly SlotWrite _write;
    private Superblock _next;

    public SizeQueue(IStore store, Superblock found)
    {
        Superblock = found;
        _next = found;
        _write = new SlotWrite(store, this);
    }

    public Superblock Superblock { get; private set; }

    /// <summary>A write failed: the medium has the former size, the new one, or a torn slot of two. A further write could hurt the slot that is whole.</summary>
    public bool IsInDoubt { get; private set; }

    protected override bool Begin(MetadataRequest request)
    {
        long sizeBytes = request.LengthBytes;
        if (sizeBytes == Superblock.Geometry.SizeBytes)
        {
            return false;
        }

        Invariant.Check(!IsInDoubt && sizeBytes > Superblock.Geometry.SizeBytes && sizeBytes <= Superblock.GrowLimitBytes && sizeBytes % Superblock.Geometry.LogicalBlockBytes == 0);
        _next = Superblock with { Generation = Superblock.Generation + 1, Geometry = Superblock.Geometry with { SizeBytes = sizeBytes } };
        Invariant.Check(_write.StoreBytes >= _next.EndBytes);
        _write.Begin(_next, slot: 1);
        return true;
    }

    protected override bool IsDone(MetadataRequest request, StoreStatus status, out StoreStatus answer)
    {
        answer = status;
        if (status != StoreStatus.Success)
        {
            IsInDoubt = true;
            return true;
        }

        if (_write.OffsetBytes != 0)
        {
            _write.Begin(_next, slot: 0);
            return false;
        }

        Superblock = _next;
        return true;
    }

    private sealed unsafe class SlotWrite(IStore store, SizeQueue owner) : StoreRequest
    {
        private readonly AlignedMemory _memory = new(Superblock.SlotBytes);

        public long StoreBytes => store.Traits.SizeBytes;

        public void Begin(Superblock superblock, int slot)
        {
            superblock.Write(new Span<byte>(_memory.Address, Superblock.SlotBytes));
            OffsetBytes = slot * Superblock.SlotBytes;
            LengthBytes = Superblock.SlotBytes;
            Data = _memory.Address;
            Durable = true;
            store.Write(this);
        }

        protected internal override void OnEnded() => owner.OnPageWritten(Status);
    }
}

/// <summary>Room behind the end of an open volume, before its superblock says so.</summary>
internal sealed class RoomQueue : PageQueue
{
    private readonly SizeQueue _size;
    private readonly Room _room;

    public RoomQueue(IStore store, SizeQueue size)
    {
        _size = size;
        _room = new Room(store, this);
    }

    protected override bool Begin(MetadataRequest request)
    {
        Superblock now = _size.Superblock;
        if (request.LengthBytes <= now.Geometry.SizeBytes)
        {
            return false;
        }

        _room.Begin(now.EndBytes, request.LengthBytes - now.Geometry.SizeBytes, now.Thick);
        return true;
    }

    protected override bool IsDone(MetadataRequest request, StoreStatus status, out StoreStatus answer)
    {
        answer = status;
        return true;
    }

    private sealed class Room(IStore store, RoomQueue owner) : StoreRequest
    {
        public void Begin(long offsetBytes, long lengthBytes, bool thick)
        {
            OffsetBytes = offsetBytes;
            LengthBytes = lengthBytes;
            MayDeallocate = !thick;
            store.Extend(this);
        }

        protected internal override void OnEnded() => owner.OnPageWritten(Status);
    }
}
