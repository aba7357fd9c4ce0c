using System.Runtime.InteropServices;

namespace ActorSan.Storage.Threads;

/// <summary>Files and block devices as descriptors. Opening throws <see cref="IOException"/> with the system's sentence; the rest returns what the kernel returns.</summary>
public static unsafe partial class NativeFile
{
    public const int ReadOnly = 0;
    public const int ReadWrite = 2;
    public const int Create = 0x40;
    public const int Exclusive = 0x80;
    public const int Direct = 0x4000;
    public const int CloseOnExec = 0x80000;

    /// <summary>fallocate(2): FALLOC_FL_KEEP_SIZE, PUNCH_HOLE, ZERO_RANGE.</summary>
    public const int AllocateKeepSize = 1;
    public const int AllocatePunchHole = 2;
    public const int AllocateZeroRange = 0x10;

    private const int SeekEnd = 2;
    private const int SeekData = 3;
    private const int SeekHole = 4;
    private const int LockExclusiveNonblock = 2 | 4;
    private const nuint BlkGetSize64 = 0x80081272;
    private const nuint BlkSszGet = 0x1268;
    private const nuint BlkPbszGet = 0x127B;
    private const nuint BlkDiscard = 0x1277;
    private const nuint BlkZeroOut = 0x127F;

    /// <summary>Opens close-on-exec; new files are 0600.</summary>
    /// <exception cref="IOException">With the path and the reason.</exception>
    public static int Open(string path, int flags)
    {
        int fd = TryOpen(path, flags, out int errno);
        return fd >= 0 ? fd : throw new IOException($"cannot open {path}: {Errno.Describe(errno)}");
    }

    /// <summary>−1 with the error number when it cannot be opened.</summary>
    public static int TryOpen(string path, int flags, out int errno)
    {
        int fd = OpenFile(path, flags | CloseOnExec, 0x180);
        errno = fd < 0 ? Marshal.GetLastSystemError() : 0;
        return fd;
    }

    public static void Close(int fd) => _ = Native.CloseFd(fd);

    /// <summary>An exclusive flock on this very file description; false when another holds it.</summary>
    public static bool TryLock(int fd) => Flock(fd, LockExclusiveNonblock) == 0;

    /// <summary>Start of the first data at or after the offset; −1 when there is none (ENXIO) or the file system can't tell.</summary>
    public static long SeekToData(int fd, long offsetBytes) => Seek(fd, offsetBytes, SeekData);

    /// <summary>Start of the first hole at or after the offset; the end of the file counts as one.</summary>
    public static long SeekToHole(int fd, long offsetBytes) => Seek(fd, offsetBytes, SeekHole);

    /// <summary>Where a file ends, in bytes; −1 when it can't be told.</summary>
    public static long EndOf(int fd) => Seek(fd, 0, SeekEnd);

    /// <summary>Size of a block device in bytes; −1 for anything else.</summary>
    public static long DeviceSizeBytes(int fd)
    {
        ulong size = 0;
        return Control(fd, BlkGetSize64, &size) == 0 ? (long)size : -1;
    }

    /// <summary>Logical sector of a block device in bytes; −1 for anything else.</summary>
    public static int DeviceLogicalBlockBytes(int fd)
    {
        int size = 0;
        return Control(fd, BlkSszGet, &size) == 0 ? size : -1;
    }

    public static int DevicePhysicalBlockBytes(int fd)
    {
        int size = 0;
        return Control(fd, BlkPbszGet, &size) == 0 ? size : -1;
    }

    /// <summary>BLKDISCARD; 0 or −errno.</summary>
    public static int DeviceDiscard(int fd, long offsetBytes, long lengthBytes) => RangeControl(fd, BlkDiscard, offsetBytes, lengthBytes);

    /// <summary>BLKZEROOUT; 0 or −errno.</summary>
    public static int DeviceZero(int fd, long offsetBytes, long lengthBytes) => RangeControl(fd, BlkZeroOut, offsetBytes, lengthBytes);

    /// <summary>fallocate(2); 0 or −errno.</summary>
    public static int Allocate(int fd, int mode, long offsetBytes, long lengthBytes) =>
        Native.Allocate(fd, mode, offsetBytes, lengthBytes) == 0 ? 0 : -Marshal.GetLastSystemError();

    /// <summary>fdatasync(2); 0 or −errno.</summary>
    public static int Sync(int fd) => Native.DataSync(fd) == 0 ? 0 : -Marshal.GetLastSystemError();

    private static int RangeControl(int fd, nuint request, long offsetBytes, long lengthBytes)
    {
        ulong* range = stackalloc ulong[2] { (ulong)offsetBytes, (ulong)lengthBytes };
        return Control(fd, request, range) == 0 ? 0 : -Marshal.GetLastSystemError();
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int OpenFile(string path, int flags, int mode);

    [LibraryImport("libc", EntryPoint = "flock", SetLastError = true)]
    private static partial int Flock(int fd, int operation);

    [LibraryImport("libc", EntryPoint = "lseek64", SetLastError = true)]
    private static partial long Seek(int fd, long offset, int whence);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static partial int Control(int fd, nuint request, void* argument);
}
