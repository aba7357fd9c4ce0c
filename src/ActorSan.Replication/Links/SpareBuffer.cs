using System.Runtime.InteropServices;
using ActorSan.Storage.Buffers;

namespace ActorSan.Replication.Links;

/// <summary>One buffer outside of a thread's pool, as large as any frame's data; its memory is taken when it is first wanted. One thread.</summary>
internal sealed unsafe class SpareBuffer
{
    private byte* _memory;
    private bool _isOut;

    ~SpareBuffer() => NativeMemory.AlignedFree(_memory);

    /// <summary>False: it is out.</summary>
    public bool TryTake(out IoBuffer buffer)
    {
        if (_isOut)
        {
            buffer = default;
            return false;
        }

        if (_memory is null)
        {
            _memory = (byte*)NativeMemory.AlignedAlloc(LinkOptions.MaxDataBytes, BufferPool.MinBufferBytes);
        }

        _isOut = true;
        buffer = new IoBuffer(_memory, LinkOptions.MaxDataBytes);
        return true;
    }

    /// <summary>False: it is another one.</summary>
    public bool TryReturn(in IoBuffer buffer)
    {
        if (_memory is null || buffer.Address != _memory)
        {
            return false;
        }

        _isOut = false;
        return true;
    }
}
