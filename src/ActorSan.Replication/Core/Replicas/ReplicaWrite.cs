using ActorSan.Replication.Core.Frames;
using ActorSan.Replication.Core.Intent;
using ActorSan.Storage.Blocks;
using ActorSan.Storage.Metadata;
using ActorSan.Storage.Stores;

namespace ActorSan.Replication.Core.Replicas;

/// <summary>What is applied to a store.</summary>
public enum ReplicaWriteKind : byte
{
    None,
    Write,
    Zero,
    Attribute,
}

/// <summary>
/// One change of a replica's bytes or attributes, owned and reused by its caller: range lock, write intent, redo slot where it must not tear, then the store. The caller fills
/// the fields and leaves them and the data alone until <see cref="OnApplied"/>.
/// </summary>
public abstract unsafe class ReplicaWrite
{
    public ReplicaWriteKind Kind;
    public long OffsetBytes;
    public long LengthBytes;
    public byte* Data;

    /// <summary>On the medium before it counts as applied.</summary>
    public bool Durable;

    public bool Atomic;
    public bool MayDeallocate;
    public VolumeAttribute Attribute;

    /// <summary>Success; Cancelled when it was dropped before it reached the store; else what the store said.</summary>
    public StoreStatus Status;

    /// <summary>The replica's mark under which it went to the store: its intent is in that group or an older one (W2).</summary>
    public long Mark;

    internal readonly WriteLock Lock;
    internal readonly WriteRequest Request;
    internal readonly WriteMetadata Metadata;
    internal readonly WriteWaiter Waiter;
    internal ReplicaWrite? PreviousActive;
    internal ReplicaWrite? NextActive;
    internal ReplicaWrite? NextForSlot;
    internal long Arrival;
    internal long StartedNs;
    internal WriteStep Step;
    internal bool Dropped;
    internal bool Told;
    internal int Slot = -1;
    internal Replica? Owner;

    protected ReplicaWrite()
    {
        Lock = new WriteLock(this);
        Request = new WriteRequest(this);
        Metadata = new WriteMetadata(this);
        Waiter = new WriteWaiter(this);
    }

    public ByteRange Range => new(OffsetBytes, LengthBytes);

    /// <summary>It is still in the replica's hands (for a write through a redo slot longer than until OnApplied).</summary>
    public bool IsActive => Step != WriteStep.Idle;

    /// <summary>The store has it, or never will. May run before Apply returns.</summary>
    protected internal abstract void OnApplied();

    /// <summary>The replica is done with the object: it may be used again. For a write through a redo slot this is after OnApplied.</summary>
    protected internal abstract void OnReleased();

    internal enum WriteStep : byte
    {
        Idle,
        Lock,
        Intent,
        SlotWait,
        Slot,
        Store,
        SlotFlush,
        SlotClear,
    }

    internal sealed class WriteLock(ReplicaWrite write) : RangeLock
    {
        protected override void OnGranted() => write.Owner!.OnLocked(write);
    }

    internal sealed class WriteWaiter(ReplicaWrite write) : IntentWaiter
    {
        public override void OnIntent(bool durable) => write.Owner!.OnIntent(write, durable);
    }

    internal sealed class WriteRequest(ReplicaWrite write) : StoreRequest
    {
        protected override void OnEnded() => write.Owner!.OnStoreEnded(write);
    }

    internal sealed class WriteMetadata(ReplicaWrite write) : MetadataRequest
    {
        protected override void OnEnded() => write.Owner!.OnMetadataEnded(write);
    }
}

/// <summary>W10 at one replica: everything that arrived before it is on the medium when it ends. Owned and reused by its caller.</summary>
public abstract class ReplicaFlush
{
    public StoreStatus Status;
    internal readonly FlushRequest Request;
    internal ReplicaFlush? NextWaiting;
    internal long Arrival;
    internal long StartedNs;
    internal Replica? Owner;

    protected ReplicaFlush() => Request = new FlushRequest(this);

    protected internal abstract void OnFlushed();

    internal sealed class FlushRequest(ReplicaFlush flush) : StoreRequest
    {
        protected override void OnEnded() => flush.Owner!.OnFlushEnded(flush);
    }
}
