using System.Runtime.InteropServices;

namespace ActorSan.Storage.Threads;

internal static unsafe partial class Native
{
    internal const int EpollCloexec = 0x80000;
    internal const int EpollControlAdd = 1;
    internal const int EpollControlDelete = 2;

    internal const uint EpollIn = 1;
    internal const uint EpollPri = 2;
    internal const uint EpollOut = 4;
    internal const uint EpollErr = 8;
    internal const uint EpollHup = 0x10;
    internal const uint EpollRdhup = 0x2000;
    internal const uint EpollEdge = 1u << 31;

    /// <summary>epoll_pwait2(2), Linux 5.11: by number, because older C libraries lack the name.</summary>
    internal const nint SysEpollWait2 = 441;

    internal const int FutexWaitPrivate = 0 | 128;
    internal const int FutexWakePrivate = 1 | 128;

    /// <summary>futex(2) has no name in the C library, and a number of its own on the older architectures.</summary>
    internal static readonly nint SysFutex = RuntimeInformation.ProcessArchitecture switch
    {
        Architecture.X64 => 202,
        Architecture.Arm64 or Architecture.RiscV64 or Architecture.LoongArch64 => 98,
        Architecture.S390x => 238,
        Architecture.Ppc64le => 221,
        _ => throw new PlatformNotSupportedException($"futex(2) on {RuntimeInformation.ProcessArchitecture}"),
    };

    [LibraryImport("libc", EntryPoint = "epoll_create1", SetLastError = true)]
    internal static partial int EpollCreate(int flags);

    [LibraryImport("libc", EntryPoint = "epoll_ctl", SetLastError = true)]
    internal static partial int EpollControl(int fd, int operation, int target, void* change);

    [LibraryImport("libc", EntryPoint = "epoll_wait", SetLastError = true)]
    internal static partial int EpollWait(int fd, void* events, int capacity, int timeoutMs);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    internal static partial int EpollWait2(nint number, int fd, void* events, int capacity, TimeSpec* timeout, void* signals, nuint signalBytes);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    internal static partial int Futex(nint number, int* word, int operation, int value, void* timeout, void* other, int otherValue);
}
