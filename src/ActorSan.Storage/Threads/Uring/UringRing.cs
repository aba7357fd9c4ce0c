using System.Runtime.InteropServices;
using static ActorSan.Storage.Threads.Uring.UringLayout;

namespace ActorSan.Storage.Threads.Uring;

/// <summary>One submission and completion ring, mapped; for one thread.</summary>
internal sealed unsafe class UringRing : IDisposable
{
    private const long PieceBytes = 1L << 30;
    private const int MaxPieces = 256;

    private readonly int _fd;
    private readonly byte* _rings;
    private readonly nuint _ringsLength;
    private readonly Sqe* _sqes;
    private readonly nuint _sqesLength;
    private readonly uint* _sqHead;
    private readonly uint* _sqTail;
    private readonly uint* _sqFlags;
    private readonly uint _sqMask;
    private readonly uint _sqEntries;
    private readonly uint* _cqHead;
    private readonly uint* _cqTail;
    private readonly uint _cqMask;
    private readonly Cqe* _cqes;
    private uint _tail;
    private uint _submitted;

    private UringRing(int fd, in Parameters parameters)
    {
        _fd = fd;
        nuint sqLength = parameters.Sq.Array + (parameters.SqEntries * sizeof(uint));
        nuint cqLength = parameters.Cq.Cqes + (parameters.CqEntries * (uint)sizeof(Cqe));
        _ringsLength = Math.Max(sqLength, cqLength);
        _rings = Native.MemoryMap(null, _ringsLength, Native.ProtRead | Native.ProtWrite, Native.MapShared | Native.MapPopulate, fd, (nint)OffsetSqRing);
        _sqesLength = parameters.SqEntries * (nuint)sizeof(Sqe);
        _sqes = (Sqe*)Native.MemoryMap(null, _sqesLength, Native.ProtRead | Native.ProtWrite, Native.MapShared | Native.MapPopulate, fd, (nint)OffsetSqes);
        if ((nint)_rings == -1 || (nint)_sqes == -1)
        {
            throw new IOException($"io_uring mmap: {Errno.DescribeLast()}");
        }

        _sqHead = (uint*)(_rings + parameters.Sq.Head);
        _sqTail = (uint*)(_rings + parameters.Sq.Tail);
        _sqFlags = (uint*)(_rings + parameters.Sq.Flags);
        _sqMask = *(uint*)(_rings + parameters.Sq.RingMask);
        _sqEntries = parameters.SqEntries;
        _cqHead = (uint*)(_rings + parameters.Cq.Head);
        _cqTail = (uint*)(_rings + parameters.Cq.Tail);
        _cqMask = *(uint*)(_rings + parameters.Cq.RingMask);
        _cqes = (Cqe*)(_rings + parameters.Cq.Cqes);
        uint* array = (uint*)(_rings + parameters.Sq.Array);
        for (uint i = 0; i < _sqEntries; i++)
        {
            array[i] = i;
        }

        _tail = *_sqTail;
        _submitted = _tail;
    }

    /// <summary>Whether a completion can be taken without a system call.</summary>
    internal bool HasCompletions => *_cqHead != Volatile.Read(ref *_cqTail);

    /// <summary>Completions that can be taken now.</summary>
    internal uint CompletionCount => Volatile.Read(ref *_cqTail) - *_cqHead;

    /// <summary>Makes a ring on the calling thread, with the best flags that the kernel takes.</summary>
    /// <returns>Null with <paramref name="errno"/> when io_uring is forbidden or too old here.</returns>
    internal static UringRing? TryCreate(IUringSetup setup, uint entries, out int errno)
    {
        ReadOnlySpan<uint> attempts = [SetupSingleIssuer | SetupDeferTaskrun | SetupSubmitAll, SetupCoopTaskrun | SetupSubmitAll, 0];
        errno = 0;
        foreach (uint flags in attempts)
        {
            Parameters parameters = default;
            parameters.Flags = flags | SetupClamp | SetupCqSize;
            parameters.CqEntries = entries * 4;
            int fd = setup.Setup(entries, &parameters);
            if (fd < 0)
            {
                errno = -fd;
                if (errno == Errno.EINVAL)
                {
                    continue;
                }

                return null;
            }

            const uint needed = FeatSingleMmap | FeatNodrop | FeatExtArg;
            if ((parameters.Features & needed) != needed)
            {
                _ = Native.CloseFd(fd);
                errno = Errno.ENOSYS;
                return null;
            }

            return new UringRing(fd, parameters);
        }

        return null;
    }

    /// <summary>A cleared entry; submits what is there when the ring is full.</summary>
    internal Sqe* Next()
    {
        while (_tail - Volatile.Read(ref *_sqHead) >= _sqEntries)
        {
            Enter(0, null);
        }

        Sqe* entry = &_sqes[_tail & _sqMask];
        *entry = default;
        _tail++;
        return entry;
    }

    /// <summary>Submits all; waits for <paramref name="minComplete"/> completions, at most for <paramref name="timeout"/>.</summary>
    internal void Enter(uint minComplete, Native.TimeSpec* timeout)
    {
        uint toSubmit = _tail - _submitted;
        Volatile.Write(ref *_sqTail, _tail);
        GetEventsArgument argument = default;
        argument.Timeout = timeout;
        int result = Native.IoUringEnter(SysEnter, _fd, toSubmit, minComplete, EnterGetEvents | EnterExtArg, &argument, (nuint)sizeof(GetEventsArgument));
        _submitted = *_sqHead;
        if (result < 0)
        {
            int errno = Marshal.GetLastSystemError();
            if (errno is not (Errno.ETIME or Errno.EINTR or Errno.EAGAIN or Errno.EBUSY))
            {
                throw new IOException($"io_uring_enter: {Errno.Describe(errno)}");
            }
        }
    }

    /// <summary>Whether entering has anything to do: entries to submit, or the kernel holds completions back.</summary>
    internal bool NeedsEnter => _tail != _submitted || (Volatile.Read(ref *_sqFlags) & (SqCqOverflow | SqTaskrun)) != 0;

    internal bool TryTake(out ulong userData, out int result)
    {
        uint head = *_cqHead;
        if (head == Volatile.Read(ref *_cqTail))
        {
            userData = 0;
            result = 0;
            return false;
        }

        Cqe* entry = &_cqes[head & _cqMask];
        userData = entry->UserData;
        result = entry->Result;
        Volatile.Write(ref *_cqHead, head + 1);
        return true;
    }

    /// <summary>
    /// Lets READ_FIXED and WRITE_FIXED use the region, in pieces of 1 GiB, the kernel's limit (no buffer lies across two). False when the kernel refuses
    /// (RLIMIT_MEMLOCK, more than <see cref="MaxPieces"/> pieces).
    /// </summary>
    internal bool TryRegisterRegion(byte* address, long lengthBytes)
    {
        long count = (lengthBytes + PieceBytes - 1) / PieceBytes;
        if (count > MaxPieces)
        {
            return false;
        }

        IoVector* pieces = stackalloc IoVector[MaxPieces];
        for (int i = 0; i < count; i++)
        {
            pieces[i] = new IoVector(address + (i * PieceBytes), (nuint)Math.Min(PieceBytes, lengthBytes - (i * PieceBytes)));
        }

        return Native.IoUringRegister(SysRegister, _fd, RegisterBuffers, pieces, (uint)count) == 0;
    }

    /// <summary>The registered buffer that an address of the region lies in.</summary>
    internal static ushort RegionPiece(byte* region, byte* address) => (ushort)((address - region) / PieceBytes);

    public void Dispose()
    {
        _ = Native.MemoryUnmap(_sqes, _sqesLength);
        _ = Native.MemoryUnmap(_rings, _ringsLength);
        _ = Native.CloseFd(_fd);
    }
}

/// <summary>The one system call that a host may forbid; tests put a refusing one in its place.</summary>
internal unsafe interface IUringSetup
{
    /// <summary>A ring's fd, or −errno.</summary>
    int Setup(uint entries, Parameters* parameters);
}

/// <summary>io_uring_setup(2).</summary>
internal sealed unsafe class KernelUringSetup : IUringSetup
{
    internal static readonly KernelUringSetup Instance = new();

    public int Setup(uint entries, Parameters* parameters)
    {
        int fd = Native.IoUringSetup(SysSetup, entries, parameters);
        return fd >= 0 ? fd : -Marshal.GetLastSystemError();
    }
}
