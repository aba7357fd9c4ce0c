using System.Runtime.InteropServices;

namespace ActorSan.Storage.Stores;

/// <summary>The system calls that only stores need. Each returns what the kernel returns; errno is the last P/Invoke error.</summary>
internal static unsafe partial class StoreNative
{
    internal const int MadvDontNeed = 4;
    internal const int MapNoReserve = 0x4000;

    internal const int EEXIST = 17;
    internal const int ENOTDIR = 20;
    internal const int EISDIR = 21;
    internal const int ETXTBSY = 26;
    internal const int ESHUTDOWN = 108;
    internal const int ESTALE = 116;

    private const int AtCurrentDirectory = -100;
    private const int AtEmptyPath = 0x1000;
    private const uint MaskBasic = 0x7FF;
    private const uint MaskDirectAlignment = 0x2000;
    private const int TypeMask = 0xF000;
    private const int TypeDirectory = 0x4000;
    private const int TypeBlockDevice = 0x6000;
    private const int TypeRegular = 0x8000;

    /// <summary>struct statx of statx(2); what is not named here is not read.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    internal struct FileStatus
    {
        [FieldOffset(0)]
        public uint Mask;

        [FieldOffset(4)]
        public uint BlockBytes;

        [FieldOffset(28)]
        public ushort Mode;

        [FieldOffset(32)]
        public ulong Inode;

        [FieldOffset(40)]
        public ulong SizeBytes;

        [FieldOffset(48)]
        public ulong Sectors;

        [FieldOffset(128)]
        public uint DeviceMajor;

        [FieldOffset(132)]
        public uint DeviceMinor;

        [FieldOffset(136)]
        public uint HostMajor;

        [FieldOffset(140)]
        public uint HostMinor;

        [FieldOffset(152)]
        public uint DirectMemoryAlignment;

        [FieldOffset(156)]
        public uint DirectOffsetAlignment;

        internal readonly bool IsRegular => (Mode & TypeMask) == TypeRegular;

        internal readonly bool IsBlockDevice => (Mode & TypeMask) == TypeBlockDevice;

        internal readonly bool IsDirectory => (Mode & TypeMask) == TypeDirectory;

        /// <summary>Kernels from 6.1 on tell, and not on every file system.</summary>
        internal readonly bool TellsDirectAlignment => (Mask & MaskDirectAlignment) != 0;
    }

    /// <summary>0 or the errno.</summary>
    internal static int StatusOf(string path, out FileStatus status)
    {
        fixed (FileStatus* target = &status)
        {
            return Statx(AtCurrentDirectory, path, 0, MaskBasic, target) == 0 ? 0 : Marshal.GetLastPInvokeError();
        }
    }

    /// <summary>0 or the errno.</summary>
    internal static int StatusOf(int fd, out FileStatus status)
    {
        fixed (FileStatus* target = &status)
        {
            return Statx(fd, "", AtEmptyPath, MaskBasic | MaskDirectAlignment, target) == 0 ? 0 : Marshal.GetLastPInvokeError();
        }
    }

    [LibraryImport("libc", EntryPoint = "ftruncate64", SetLastError = true)]
    internal static partial int Truncate(int fd, long lengthBytes);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    internal static partial int SyncAll(int fd);

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Statx(int directory, string path, int flags, uint mask, FileStatus* status);
}
