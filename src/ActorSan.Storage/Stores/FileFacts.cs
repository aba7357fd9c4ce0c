using System.Runtime.InteropServices;
using ActorSan.Storage.Threads;

namespace ActorSan.Storage.Stores;

/// <summary>What an open file or device can do, found out by asking the kernel and, where it does not tell, by trying. For set-up; may block.</summary>
internal sealed record FileFacts(bool IsDevice, bool Direct, int MemoryAlignmentBytes, StoreTraits Traits)
{
    private const int SectorBytes = 512;
    private const int PageBytes = 4096;

    /// <exception cref="StoreException">The medium can't be used as asked.</exception>
    internal static FileFacts Learn(int fd, StoreOptions options, in StoreNative.FileStatus status)
    {
        bool isDevice = status.IsBlockDevice;
        BlockDeviceFacts host = isDevice ? BlockDeviceFacts.Read(status.DeviceMajor, status.DeviceMinor) : BlockDeviceFacts.Read(status.HostMajor, status.HostMinor);
        (int offset, int memory) = options.Direct ? DirectAlignment(fd, options.Path, isDevice, host, status) : (SectorBytes, 1);
        if (!int.IsPow2(offset) || offset > BounceBuffers.ReserveBytes || !int.IsPow2(memory) || memory > PageBytes)
        {
            throw new StoreException(
                StoreFault.Refused,
                $"{options.Path} asks direct I/O to be aligned to {offset} bytes (memory: {memory}), which ActorSan can't give. Use it with direct = off.");
        }

        long size = isDevice ? NativeFile.DeviceSizeBytes(fd) : (long)status.SizeBytes;
        if (size < 0)
        {
            throw new StoreException(StoreFault.Io, $"The size of {options.Path} is not to be had: {Errno.DescribeLast()}.");
        }

        var traits = new StoreTraits(
            size & ~((long)offset - 1),
            offset,
            isDevice ? DeviceHoles(host, offset) : FileHoles(fd, status, options.ReadOnly),
            VolatileCache: !isDevice || !options.Direct || host.VolatileCache,
            options.ReadOnly,
            host.Rotational);
        return new FileFacts(isDevice, options.Direct, memory, traits);
    }

    private static (int Offset, int Memory) DirectAlignment(int fd, string path, bool isDevice, in BlockDeviceFacts host, in StoreNative.FileStatus status)
    {
        if (status.TellsDirectAlignment && status.DirectOffsetAlignment == 0)
        {
            throw new StoreException(StoreFault.Refused, $"The file system of {path} can't do direct I/O on it. Set the store's direct = off.");
        }

        int floor = isDevice ? Math.Max(SectorBytes, NativeFile.DeviceLogicalBlockBytes(fd)) : SectorBytes;
        if (status.TellsDirectAlignment)
        {
            return (Math.Max(floor, (int)status.DirectOffsetAlignment), Math.Max(1, (int)status.DirectMemoryAlignment));
        }

        int tried = isDevice || status.SizeBytes >= PageBytes ? TryDirectReads(fd, floor) : Math.Max(floor, host.LogicalBlockBytes);
        return tried > 0
            ? (tried, Math.Max(tried, SectorBytes))
            : throw new StoreException(
                StoreFault.Refused,
                $"Direct reads of {path} fail at every alignment up to {PageBytes} bytes. Set the store's direct = off, or look for errors of the disk.");
    }

    /// <summary>The smallest length that can be read, 0 when none can.</summary>
    private static unsafe int TryDirectReads(int fd, int from)
    {
        byte* memory = (byte*)NativeMemory.AlignedAlloc(2 * PageBytes, PageBytes);
        try
        {
            for (int length = from; length <= PageBytes; length *= 2)
            {
                if (Native.ReadAt(fd, memory, (nuint)length, length < PageBytes ? length : 0) >= 0)
                {
                    return length;
                }
            }

            return 0;
        }
        finally
        {
            NativeMemory.AlignedFree(memory);
        }
    }

    private static int DeviceHoles(in BlockDeviceFacts device, int alignment) =>
        device.DiscardGranularityBytes > 0 && int.IsPow2(device.DiscardGranularityBytes) ? Math.Max(device.DiscardGranularityBytes, alignment) : 0;

    /// <summary>Punching behind the end changes nothing, and tells whether the file system can.</summary>
    private static int FileHoles(int fd, in StoreNative.FileStatus status, bool readOnly)
    {
        // What network file systems call a block is what they like to transfer: no measure of holes.
        int block = (int)Math.Min(status.BlockBytes, int.MaxValue);
        int unit = block is > PageBytes and < 1 << 20 && int.IsPow2(block) ? block : PageBytes;
        if (readOnly)
        {
            return unit;
        }

        long behind = ((long)status.SizeBytes + unit - 1) / unit * unit;
        return StoreErrors.IsUnsupported(-NativeFile.Allocate(fd, NativeFile.AllocatePunchHole | NativeFile.AllocateKeepSize, behind, unit)) ? 0 : unit;
    }
}
