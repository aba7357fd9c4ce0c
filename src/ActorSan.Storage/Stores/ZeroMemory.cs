using ActorSan.Storage.Threads;

namespace ActorSan.Storage.Stores;

/// <summary>Zeroes to write from: one mapping for the process that may only be read, so that all its pages are the kernel's one zero page and cost no memory.</summary>
internal static unsafe class ZeroMemory
{
    internal const int LengthBytes = 1 << 20;

    internal static readonly byte* Address = Map();

    private static byte* Map()
    {
        byte* address = Native.MemoryMap(null, LengthBytes, Native.ProtRead, Native.MapPrivate | Native.MapAnonymous, -1, 0);
        return (nint)address != -1 ? address : throw new OutOfMemoryException($"No address space for {LengthBytes} zero bytes: {Errno.DescribeLast()}.");
    }
}
