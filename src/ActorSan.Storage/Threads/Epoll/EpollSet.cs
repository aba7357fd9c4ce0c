using System.Runtime.InteropServices;

namespace ActorSan.Storage.Threads.Epoll;

/// <summary>One epoll instance and the events of its last wait; for one thread. Everything is registered edge-triggered, once, for both directions.</summary>
internal sealed unsafe class EpollSet : IDisposable
{
    private const uint Interest = Native.EpollIn | Native.EpollOut | Native.EpollRdhup | Native.EpollPri | Native.EpollEdge;

    // struct epoll_event is packed on x86-64 alone.
    private static readonly int s_eventBytes = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 12 : 16;
    private static readonly int s_keyOffset = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 4 : 8;

    private readonly int _fd;
    private readonly int _capacity;
    private readonly bool _nanoseconds;
    private byte* _events;

    private EpollSet(int fd, int capacity, bool nanoseconds)
    {
        _fd = fd;
        _capacity = capacity;
        _nanoseconds = nanoseconds;
        _events = (byte*)NativeMemory.AllocZeroed((nuint)(capacity * s_eventBytes));
    }

    /// <param name="capacity">Events taken in one wait.</param>
    /// <param name="allowNanoseconds">False, as on kernels before 5.11 and under filters that do not know epoll_pwait2: waits are rounded up to milliseconds.</param>
    /// <exception cref="IOException">With the reason.</exception>
    internal static EpollSet Create(int capacity, bool allowNanoseconds = true)
    {
        int fd = Native.EpollCreate(Native.EpollCloexec);
        if (fd < 0)
        {
            throw new IOException($"epoll_create1: {Errno.Describe(Marshal.GetLastPInvokeError())}");
        }

        Native.TimeSpec now = default;
        ulong unused = 0;
        bool nanoseconds = allowNanoseconds && Native.EpollWait2(Native.SysEpollWait2, fd, &unused, 1, &now, null, 0) == 0;
        return new EpollSet(fd, capacity, nanoseconds);
    }

    /// <summary>Registers; what is ready already counts as an event. 0 or the error number.</summary>
    internal int Add(int fd, ulong key)
    {
        byte* change = stackalloc byte[16];
        *(uint*)change = Interest;
        *(ulong*)(change + s_keyOffset) = key;
        return Native.EpollControl(_fd, Native.EpollControlAdd, fd, change) == 0 ? 0 : Marshal.GetLastPInvokeError();
    }

    internal void Remove(int fd)
    {
        ulong* unused = stackalloc ulong[2];
        _ = Native.EpollControl(_fd, Native.EpollControlDelete, fd, unused);
    }

    /// <summary>Waits until <paramref name="deadlineNs"/> (zero: not at all; <see cref="long.MaxValue"/>: for ever) for events and returns how many came.</summary>
    internal int Wait(long deadlineNs)
    {
        int count;
        long waitNs = deadlineNs is 0 or long.MaxValue ? 0 : Math.Max(0, deadlineNs - Native.BoottimeNs());
        if (_nanoseconds)
        {
            Native.TimeSpec timeout = new() { Seconds = waitNs / 1_000_000_000, Nanoseconds = waitNs % 1_000_000_000 };
            count = Native.EpollWait2(Native.SysEpollWait2, _fd, _events, _capacity, deadlineNs == long.MaxValue ? null : &timeout, null, 0);
        }
        else
        {
            int waitMs = deadlineNs == long.MaxValue ? -1 : (int)Math.Min(int.MaxValue, (waitNs + 999_999) / 1_000_000);
            count = Native.EpollWait(_fd, _events, _capacity, waitMs);
        }

        if (count >= 0)
        {
            return count;
        }

        int errno = Marshal.GetLastPInvokeError();
        return errno == Errno.EINTR ? 0 : throw new IOException($"epoll_wait: {Errno.Describe(errno)}");
    }

    /// <summary>The event bits and the key of one event of the last wait.</summary>
    internal uint Event(int index, out ulong key)
    {
        byte* at = _events + (index * s_eventBytes);
        key = *(ulong*)(at + s_keyOffset);
        return *(uint*)at;
    }

    public void Dispose()
    {
        NativeMemory.Free(_events);
        _events = null;
        _ = Native.CloseFd(_fd);
    }
}
