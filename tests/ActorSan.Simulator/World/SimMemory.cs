using System.Numerics;
using System.Runtime.InteropServices;

namespace ActorSan.Simulator.World;

/// <summary>
/// Native memory of a world, freed with it, in classes of powers of two. What is given back is filled with 0xDD at once and never leaves the world before its end: a late reader
/// finds poison and not a crash.
/// </summary>
public sealed unsafe class SimMemory : IDisposable
{
    public const byte Poison = 0xDD;

    private const int SlabBytes = 1 << 16;
    private const int Classes = 25;
    private readonly List<nint> _slabs = [];
    private readonly Stack<nint>[] _free = new Stack<nint>[Classes];
    private byte* _cursor;
    private int _left;

    /// <summary>Rented and not given back.</summary>
    public long Outstanding { get; private set; }

    /// <summary>Aligned to 16 bytes; content is poison or old.</summary>
    public byte* Rent(int lengthBytes)
    {
        int size = ClassOf(lengthBytes);
        Outstanding++;
        Stack<nint>? free = _free[size];
        if (free is not null && free.TryPop(out nint again))
        {
            return (byte*)again;
        }

        int bytes = 1 << size;
        if (bytes > SlabBytes / 4)
        {
            return Allocate(bytes);
        }

        if (_left < bytes)
        {
            _cursor = Allocate(SlabBytes);
            _left = SlabBytes;
        }

        byte* piece = _cursor;
        _cursor += bytes;
        _left -= bytes;
        return piece;
    }

    public void Return(byte* piece, int lengthBytes)
    {
        int size = ClassOf(lengthBytes);
        new Span<byte>(piece, 1 << size).Fill(Poison);
        (_free[size] ??= new Stack<nint>()).Push((nint)piece);
        Outstanding--;
    }

    public void Dispose()
    {
        foreach (nint slab in _slabs)
        {
            NativeMemory.AlignedFree((void*)slab);
        }

        _slabs.Clear();
        Array.Clear(_free);
        _left = 0;
    }

    private static int ClassOf(int lengthBytes)
    {
        int size = lengthBytes <= 16 ? 4 : 32 - BitOperations.LeadingZeroCount((uint)(lengthBytes - 1));
        return size < Classes ? size : throw new ArgumentOutOfRangeException(nameof(lengthBytes), lengthBytes, "more than a simulated world deals with");
    }

    private byte* Allocate(int bytes)
    {
        var slab = (byte*)NativeMemory.AlignedAlloc((nuint)bytes, 4096);
        new Span<byte>(slab, bytes).Fill(Poison);
        _slabs.Add((nint)slab);
        return slab;
    }
}
