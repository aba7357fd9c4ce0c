using System.Runtime.InteropServices;
using ActorSan.Replication.Core.Ports;
using ActorSan.Storage;
using ActorSan.Storage.Threads;

namespace ActorSan.Replication.Links;

/// <summary>
/// What a connection has to send, in order, made into batches of one vectored send each: a vector onto each header and one onto its data where that lies. An item belongs to
/// the queue until the kernel has taken its last byte, or it is cancelled before the kernel was given its first.
/// </summary>
internal sealed unsafe class LinkSendQueue : IDisposable
{
    /// <summary>Frames in one batch: two vectors each, below the kernel's limit of 1024.</summary>
    public const int MaxFrames = 128;

    /// <summary>A batch ends behind the frame that reaches this: what is not in one can still be cancelled.</summary>
    public const int MaxBatchBytes = 1 << 20;

    private readonly OutFramePool _pool;
    private IoVector* _vectors = (IoVector*)NativeMemory.Alloc((nuint)(2 * MaxFrames * sizeof(IoVector)));
    private int _vectorCount;
    private int _vectorAt;
    private OutFrameList _waiting;
    private OutFrameList _given;

    public LinkSendQueue(OutFramePool pool) => _pool = pool;

    /// <summary>On the wire, of all that is in the queue.</summary>
    public long Bytes { get; private set; }

    public bool IsEmpty => _waiting.First is null && _given.First is null;

    /// <summary>Frames, not notes, of the batch that was made last.</summary>
    public int BatchFrames { get; private set; }

    public bool HasBatch => _vectorAt < _vectorCount;

    public IoVector* Vectors => _vectors + _vectorAt;

    public int VectorCount => _vectorCount - _vectorAt;

    public void Add(OutFrame item)
    {
        Bytes += item.WireBytes;
        _waiting.Add(item);
    }

    /// <summary>False: there is nothing to send.</summary>
    public bool MakeBatch()
    {
        Invariant.Check(!HasBatch && _given.First is null);
        _vectorCount = _vectorAt = 0;
        BatchFrames = 0;
        long bytes = 0;
        while (_waiting.First is not null && bytes < MaxBatchBytes && _vectorCount <= 2 * (MaxFrames - 1))
        {
            OutFrame item = _waiting.RemoveFirst();
            _given.Add(item);
            bytes += item.WireBytes;
            BatchFrames += item.Channel is null ? 0 : 1;
            _vectors[_vectorCount++] = new IoVector(item.Head, (nuint)item.HeadBytes);
            if (item.DataBytes > 0)
            {
                _vectors[_vectorCount++] = new IoVector(item.Data, (nuint)item.DataBytes);
            }
        }

        return HasBatch;
    }

    /// <summary>The kernel took that many bytes of the batch; with the last of them the batch is released.</summary>
    public void Advance(int sentBytes)
    {
        nuint left = (nuint)sentBytes;
        while (left > 0)
        {
            IoVector* vector = _vectors + _vectorAt;
            if (left < vector->LengthBytes)
            {
                vector->Address += left;
                vector->LengthBytes -= left;
                return;
            }

            left -= vector->LengthBytes;
            _vectorAt++;
        }

        if (!HasBatch)
        {
            ReleaseAll(ref _given);
        }
    }

    /// <summary>Drops what the kernel has not been given of a channel: of one attachment, or of all (0).</summary>
    public void Cancel(LinkChannel channel, long attachment)
    {
        OutFrameList kept = default;
        OutFrameList dropped = default;
        while (_waiting.First is not null)
        {
            OutFrame item = _waiting.RemoveFirst();
            if (item.Channel == channel && (attachment == 0 || item.Attachment == attachment))
            {
                dropped.Add(item);
            }
            else
            {
                kept.Add(item);
            }
        }

        _waiting = kept;
        ReleaseAll(ref dropped);
    }

    /// <summary>The connection is gone and the kernel holds nothing: everything is released unsent.</summary>
    public void Abandon()
    {
        _vectorAt = _vectorCount;
        ReleaseAll(ref _given);
        ReleaseAll(ref _waiting);
    }

    public void Dispose()
    {
        NativeMemory.Free(_vectors);
        _vectors = null;
    }

    // Giving a hold back may send, or cancel, here.
    private void ReleaseAll(ref OutFrameList list)
    {
        while (list.First is not null)
        {
            OutFrame item = list.RemoveFirst();
            Bytes -= item.WireBytes;
            SendHold? hold = item.Hold;
            item.Clear();
            _pool.Return(item);
            hold?.Release();
        }
    }
}

/// <summary>Items that are not in use, of all links of a thread.</summary>
internal sealed class OutFramePool : IDisposable
{
    /// <summary>More than this are freed: about 1 KiB each.</summary>
    private const int MaxKept = 8192;

    private readonly Stack<OutFrame> _free = new();
    private bool _disposed;

    public OutFrame Take() => _free.TryPop(out OutFrame? item) ? item : new OutFrame();

    public void Return(OutFrame item)
    {
        if (!_disposed && _free.Count < MaxKept)
        {
            _free.Push(item);
        }
        else
        {
            item.Dispose();
        }
    }

    public void Dispose()
    {
        _disposed = true;
        while (_free.TryPop(out OutFrame? item))
        {
            item.Dispose();
        }
    }
}
