using System.Runtime.InteropServices;
using ActorSan.Replication.Core.Frames;
using ActorSan.Replication.Core.Ports;
using ActorSan.Replication.Core.Replicas;
using ActorSan.Storage.Blocks;
using ActorSan.Storage.Stores;

namespace ActorSan.Replication.Core.Primaries;

/// <summary>What a task of the primary does.</summary>
internal enum TaskKind : byte
{
    Read,
    Write,
    Zero,
    CompareAndWrite,
    OrWrite,
    Flush,
    Attribute,
    MapStatus,

    /// <summary>P5: own bytes of a range, by the ordinary write path.</summary>
    Reconcile,

    /// <summary>S3: own bytes of a range, to one syncing peer.</summary>
    Resync,

    /// <summary>S6: own bytes of a range beside the members' digests.</summary>
    Verify,
}

internal enum TaskStep : byte
{
    Idle,

    /// <summary>Waits for its locks.</summary>
    Lock,

    /// <summary>Reads, here or at a member (P10).</summary>
    Reading,

    /// <summary>Has a seq; waits for the local store and the required peers (W5).</summary>
    Writing,

    /// <summary>S3, S6: a digest was asked for.</summary>
    Digest,

    /// <summary>S3: sent to the peer.</summary>
    Sending,

    /// <summary>Done; the answer waits for confirmations (W8), for a lease (L4), or until nothing reads its memory.</summary>
    Ending,
}

/// <summary>
/// One operation in the primary's hands, from admission to answer. Pooled; all its parts are its own, so nothing is allocated. A write keeps its locks until it is complete,
/// whatever was answered meanwhile (W1, W6).
/// </summary>
internal sealed unsafe class PrimaryTask
{
    public readonly TaskLock Lock;
    public readonly TaskWrite Local;
    public readonly TaskRead Request;
    public readonly TaskFlush Flush;
    public readonly TaskHold Hold;
    public readonly Primary Primary;
    private byte* _memory;
    private long _memoryBytes;

    public TaskKind Kind;
    public TaskStep Step;
    public VolumeOperation? Operation;
    public long OffsetBytes;
    public long LengthBytes;
    public byte* Data;
    public long Seq;
    public int AckMask;
    public int SentMask;

    /// <summary>§3, protocol B: asynchronous peers that it was sent to and that are waited for, until they have it in memory.</summary>
    public int HoldMask;
    public bool LocalDone;

    /// <summary>What the answer will be when it may be given.</summary>
    public VolumeStatus Outcome;

    public long Round;
    public long Argument;
    public long SentNs;
    public long AdmittedNs;
    public PeerState? Peer;
    public bool Atomic;
    public bool Durable;
    public bool MayDeallocate;
    public VolumeAttribute Attribute;

    /// <summary>P10, R6: the own store has no room, and an open admission says whether that is the answer.</summary>
    public bool IsRefused;

    /// <summary>W6: to be answered with an error although it goes on.</summary>
    public bool IsFailing;

    /// <summary>W8: the answer is to be confirmed by the required peers.</summary>
    public bool IsConfirming;

    /// <summary>P7: nothing more is waited for but what still reads its memory.</summary>
    public bool IsDeposed;

    public PrimaryTask? Previous;
    public PrimaryTask? Next;
    public PrimaryTask? NextQueued;

    public PrimaryTask(Primary primary)
    {
        Primary = primary;
        Lock = new TaskLock(this);
        Local = new TaskWrite(this);
        Request = new TaskRead(this);
        Flush = new TaskFlush(this);
        Hold = new TaskHold(this);
    }

    /// <summary>The local store or a link may still read or fill the caller's bytes. Those of an attribute are copied.</summary>
    public bool IsMemoryBusy => Kind != TaskKind.Attribute && ((Local.IsActive && !Local.Told) || Request.IsBusy || Hold.Sends > 0);

    public bool IsBusy => Local.IsActive || Request.IsBusy || Flush.IsBusy || Hold.Sends > 0;

    ~PrimaryTask() => NativeMemory.AlignedFree(_memory);

    public ByteRange Range => new(OffsetBytes, LengthBytes);

    /// <summary>In the stream that peers acknowledge by seq.</summary>
    public bool IsSequenced => Kind is TaskKind.Write or TaskKind.Zero or TaskKind.CompareAndWrite or TaskKind.OrWrite or TaskKind.Flush or TaskKind.Attribute or TaskKind.Reconcile;

    /// <summary>Memory of the task's own, kept for the next user of the object.</summary>
    public byte* Rent(long lengthBytes)
    {
        if (lengthBytes > _memoryBytes)
        {
            NativeMemory.AlignedFree(_memory);
            _memory = (byte*)NativeMemory.AlignedAlloc((nuint)lengthBytes, 4096);
            _memoryBytes = lengthBytes;
        }

        return _memory;
    }

    internal sealed class TaskLock(PrimaryTask task) : RangeLock
    {
        protected override void OnGranted() => task.Primary.OnLocked(task);
    }

    internal sealed class TaskWrite(PrimaryTask task) : ReplicaWrite
    {
        protected internal override void OnApplied() => task.Primary.OnLocalWritten(task);

        protected internal override void OnReleased() => task.Primary.TryRecycle(task);
    }

    internal sealed class TaskRead(PrimaryTask task) : StoreRequest
    {
        public long StartedNs;
        public bool IsBusy { get; set; }

        protected override void OnEnded()
        {
            IsBusy = false;
            task.Primary.OnLocalRead(task);
        }
    }

    internal sealed class TaskFlush(PrimaryTask task) : ReplicaFlush
    {
        public bool IsBusy { get; set; }

        protected internal override void OnFlushed()
        {
            IsBusy = false;
            task.Primary.OnLocalFlushed(task);
        }
    }

    internal sealed class TaskHold(PrimaryTask task) : SendHold
    {
        public override void OnReleased() => task.Primary.TryRecycle(task);
    }
}
