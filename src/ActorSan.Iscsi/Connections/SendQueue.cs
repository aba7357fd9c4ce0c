using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using ActorSan.Iscsi.Pdus;
using ActorSan.Storage;
using ActorSan.Storage.Threads;

namespace ActorSan.Iscsi.Connections;

/// <summary>
/// What a connection has to send, made into batches of one vectored send each. A PDU is a slot of 64 bytes in native memory (header, header digest, padding and data
/// digest) and a vector onto its data where that lies. Headers are written when the batch is made, so the sequence numbers in them are the latest.
/// </summary>
internal sealed unsafe class SendQueue : IDisposable
{
    /// <summary>PDUs in one batch. Three vectors a PDU at most, below the kernel's limit of 1024.</summary>
    public const int MaxSlots = 192;

    private const int SlotBytes = 64;
    private const int TrailerOffset = BasicHeader.LengthBytes + BasicHeader.DigestBytes;
    private const int MaxVectors = MaxSlots * 3;

    private byte* _slots;
    private IoVector* _vectors;
    private int _slotCount;
    private int _vectorCount;
    private int _vectorAt;
    private OutgoingList _waiting;
    private OutgoingList _filled;

    public SendQueue()
    {
        _slots = (byte*)NativeMemory.AlignedAlloc(MaxSlots * SlotBytes, 64);
        _vectors = (IoVector*)NativeMemory.AlignedAlloc((nuint)(MaxVectors * sizeof(IoVector)), 64);
    }

    public bool HeaderDigest { get; set; }

    public bool DataDigest { get; set; }

    /// <summary>Items that are not wholly in the kernel's hands.</summary>
    public int Count => _waiting.Count + _filled.Count;

    public bool HasBatch => _vectorAt < _vectorCount;

    public IoVector* Vectors => _vectors + _vectorAt;

    public int VectorCount => _vectorCount - _vectorAt;

    public void Enqueue(Outgoing item) => _waiting.Add(item);

    /// <summary>Makes the next batch of what waits. False: there is nothing to send.</summary>
    public bool MakeBatch()
    {
        Invariant.Check(!HasBatch);
        _slotCount = _vectorCount = _vectorAt = 0;
        while (_waiting.First is { } item && item.Fill(this))
        {
            _filled.Add(_waiting.RemoveFirst());
        }

        return HasBatch || _filled.Count > 0;
    }

    /// <summary>A zero-filled-by-the-writer header for the next PDU, or null when the batch is full.</summary>
    public byte* TakeHeader() => _slotCount < MaxSlots ? _slots + (_slotCount * SlotBytes) : null;

    /// <summary>Ends the PDU whose header was taken: digests, padding, vectors.</summary>
    public void Commit(byte* header, byte* data, int dataBytes)
    {
        _slotCount++;
        int headerBytes = BasicHeader.LengthBytes;
        if (HeaderDigest)
        {
            PduDigest.Write(header + headerBytes, PduDigest.Append(0, header, headerBytes));
            headerBytes += BasicHeader.DigestBytes;
        }

        AddVector(header, headerBytes);
        if (dataBytes == 0)
        {
            return;
        }

        AddVector(data, dataBytes);
        byte* trailer = header + TrailerOffset;
        int trailerBytes = BasicHeader.Padding(dataBytes);
        Unsafe.WriteUnaligned(trailer, 0u);
        if (DataDigest)
        {
            uint crc = PduDigest.Append(PduDigest.Append(0, data, dataBytes), trailer, trailerBytes);
            PduDigest.Write(trailer + trailerBytes, crc);
            trailerBytes += BasicHeader.DigestBytes;
        }

        if (trailerBytes > 0)
        {
            AddVector(trailer, trailerBytes);
        }
    }

    /// <summary>The kernel took that many bytes of the batch; when it has them all, what they belonged to is released.</summary>
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
            ReleaseFilled();
        }
    }

    /// <summary>The connection is gone and the kernel holds nothing: everything is released unsent.</summary>
    public void Abandon()
    {
        _vectorAt = _vectorCount;
        ReleaseFilled();
        while (_waiting.Count > 0)
        {
            _waiting.RemoveFirst().OnReleased();
        }
    }

    /// <summary>Releases what made no bytes.</summary>
    public void ReleaseFilled()
    {
        while (_filled.Count > 0)
        {
            _filled.RemoveFirst().OnReleased();
        }
    }

    public void Dispose()
    {
        NativeMemory.AlignedFree(_slots);
        NativeMemory.AlignedFree(_vectors);
        _slots = null;
        _vectors = null;
    }

    private void AddVector(byte* address, int lengthBytes) => _vectors[_vectorCount++] = new IoVector(address, (nuint)lengthBytes);
}
