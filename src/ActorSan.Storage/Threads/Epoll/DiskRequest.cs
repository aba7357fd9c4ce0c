using System.Runtime.InteropServices;

namespace ActorSan.Storage.Threads.Epoll;

internal enum DiskCall : byte
{
    Read,
    Write,
    WriteDurable,
    Sync,
    Allocate,
}

/// <summary>A disk operation on its way through a helper thread; the epoll thread reuses it.</summary>
internal sealed unsafe class DiskRequest(EpollIoThread owner) : BlockingWork
{
    public IoOperation? Operation;
    public IoFile? File;
    public DiskCall Call;
    public int Fd;
    public byte* Data;
    public long OffsetBytes;
    public long LengthBytes;
    public int Mode;

    /// <summary>A count or −errno.</summary>
    public int Result;

    protected internal override void Execute()
    {
        // After a failure nobody is told, so nothing more is begun.
        Result = owner.HasFailed
            ? -Errno.ECANCELED
            : Call switch
            {
                DiskCall.Read => Read(),
                DiskCall.Write => Write(0),
                DiskCall.WriteDurable => WriteDurably(),
                DiskCall.Sync => NativeFile.Sync(Fd),
                DiskCall.Allocate => NativeFile.Allocate(Fd, Mode, OffsetBytes, LengthBytes),
                _ => throw new InvariantViolationException($"no such disk call: {Call}"),
            };
    }

    protected internal override void OnCompleted() => owner.FinishDisk(this);

    private int Read()
    {
        nint count;
        int errno = 0;
        do
        {
            count = Native.ReadAt(Fd, Data, (nuint)LengthBytes, OffsetBytes);
        }
        while (count < 0 && (errno = Marshal.GetLastPInvokeError()) == Errno.EINTR);
        return count < 0 ? -errno : (int)count;
    }

    private int Write(int flags)
    {
        var vector = new IoVector(Data, (nuint)LengthBytes);
        nint count;
        int errno = 0;
        do
        {
            count = Native.WriteAt(Fd, &vector, 1, OffsetBytes, flags);
        }
        while (count < 0 && (errno = Marshal.GetLastPInvokeError()) == Errno.EINTR);
        return count < 0 ? -errno : (int)count;
    }

    /// <summary>RWF_DSYNC; where the kernel (gVisor) or the file system has no such flag, the write and then fdatasync, which promises the same.</summary>
    private int WriteDurably()
    {
        int count = Write(Native.RwfDsync);
        if (count is not (-Errno.EOPNOTSUPP))
        {
            return count;
        }

        count = Write(0);
        int synced = count < 0 ? 0 : NativeFile.Sync(Fd);
        return synced < 0 ? synced : count;
    }
}
