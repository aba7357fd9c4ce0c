using System.Numerics;
using System.Runtime.InteropServices;
using ActorSan.Storage.Threads;

namespace ActorSan.Storage.Stores;

/// <summary>
/// Native memory that is reserved whole and taken when first written, in huge pages where the system has them, with a bit for each page that is or may be in use. Not thread-safe. Freed by
/// <see cref="Dispose"/>, or with the last reference.
/// </summary>
internal sealed unsafe class MemoryRegion : IDisposable
{
    internal const int PageBytes = 4096;
    private const int PageShift = 12;

    private readonly nuint _mapBytes;
    private byte* _bytes;
    private ulong* _map;

    /// <exception cref="StoreException">There is not that much address space.</exception>
    internal MemoryRegion(long sizeBytes)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(sizeBytes, 1);
        SizeBytes = sizeBytes;
        _mapBytes = (nuint)((((sizeBytes + PageBytes - 1) >> PageShift) + 63) / 64 * sizeof(ulong));
        _bytes = Reserve((nuint)sizeBytes, sizeBytes);

        // Random access over small pages spends more time looking addresses up than copying.
        _ = Native.MemoryAdvise(_bytes, (nuint)sizeBytes, Native.MadvHugepage);
        try
        {
            _map = (ulong*)Reserve(_mapBytes, sizeBytes);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    ~MemoryRegion() => Free();

    internal long SizeBytes { get; }

    internal byte* Bytes => _bytes;

    /// <summary>Before a write: these pages hold data from here on.</summary>
    internal void MarkUsed(long offsetBytes, long lengthBytes)
    {
        long last = (offsetBytes + lengthBytes - 1) >> PageShift;
        for (long page = offsetBytes >> PageShift; page <= last; page++)
        {
            _map[page >> 6] |= 1UL << (int)(page & 63);
        }
    }

    /// <summary>The range becomes zeroes, and whole pages in it go back to the system.</summary>
    internal void Release(long offsetBytes, long lengthBytes)
    {
        long end = offsetBytes + lengthBytes;
        long from = (offsetBytes + PageBytes - 1) & ~(long)(PageBytes - 1);
        long until = end == SizeBytes ? end : end & ~(long)(PageBytes - 1);
        if (from >= until)
        {
            ClearUsed(offsetBytes, end);
            return;
        }

        ClearUsed(offsetBytes, from);
        ClearUsed(until, end);
        int result = Native.MemoryAdvise(_bytes + from, (nuint)(until - from), StoreNative.MadvDontNeed);
        Invariant.Check(result == 0);
        long last = (until - 1) >> PageShift;
        for (long page = from >> PageShift; page <= last; page++)
        {
            if ((page & 63) == 0 && last - page >= 63)
            {
                _map[page >> 6] = 0;
                page += 63;
            }
            else
            {
                _map[page >> 6] &= ~(1UL << (int)(page & 63));
            }
        }
    }

    /// <summary>The run of pages alike that begins at the offset, at most <paramref name="lengthBytes"/> long.</summary>
    internal long Run(long offsetBytes, long lengthBytes, out bool used)
    {
        long page = offsetBytes >> PageShift;
        long last = (offsetBytes + lengthBytes - 1) >> PageShift;
        used = IsUsed(page);
        ulong flip = used ? ulong.MaxValue : 0;
        while (page <= last)
        {
            ulong differing = (_map[page >> 6] ^ flip) >> (int)(page & 63);
            if (differing != 0)
            {
                page += BitOperations.TrailingZeroCount(differing);
                break;
            }

            page = (page | 63) + 1;
        }

        return Math.Min(lengthBytes, (page << PageShift) - offsetBytes);
    }

    /// <summary>True when nothing but zeroes is there; pages never written are not read.</summary>
    internal bool IsZero(long offsetBytes, long lengthBytes)
    {
        while (lengthBytes > 0)
        {
            long run = Math.Min(Run(offsetBytes, lengthBytes, out bool used), 1 << 30);
            if (used && new ReadOnlySpan<byte>(_bytes + offsetBytes, (int)run).ContainsAnyExcept((byte)0))
            {
                return false;
            }

            offsetBytes += run;
            lengthBytes -= run;
        }

        return true;
    }

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    /// <summary>Zeroes what is in use of a range; holes in it stay holes.</summary>
    private void ClearUsed(long from, long until)
    {
        while (from < until)
        {
            long run = Run(from, until - from, out bool used);
            if (used)
            {
                NativeMemory.Clear(_bytes + from, (nuint)run);
            }

            from += run;
        }
    }

    private bool IsUsed(long page) => (_map[page >> 6] & (1UL << (int)(page & 63))) != 0;

    private static byte* Reserve(nuint lengthBytes, long sizeBytes)
    {
        byte* address = Native.MemoryMap(null, lengthBytes, Native.ProtRead | Native.ProtWrite, Native.MapPrivate | Native.MapAnonymous | StoreNative.MapNoReserve, -1, 0);
        return (nint)address != -1
            ? address
            : throw new StoreException(StoreFault.NoSpace, $"No memory for a store of {sizeBytes} bytes: {Errno.DescribeLast()}. Choose a smaller size.");
    }

    private void Free()
    {
        if (_bytes is not null)
        {
            _ = Native.MemoryUnmap(_bytes, (nuint)SizeBytes);
            _bytes = null;
        }

        if (_map is not null)
        {
            _ = Native.MemoryUnmap(_map, _mapBytes);
            _map = null;
        }
    }
}
