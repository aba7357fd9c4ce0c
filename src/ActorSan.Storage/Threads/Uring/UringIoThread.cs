using System.Runtime.InteropServices;
using static ActorSan.Storage.Threads.Uring.UringLayout;

namespace ActorSan.Storage.Threads.Uring;

/// <summary>
/// An I/O thread on io_uring: everything goes through one ring, submitted once per pass together with the wait. An operation's slot number is its user data; the
/// msghdr that the kernel reads lies in native memory, one per slot.
/// </summary>
internal sealed unsafe class UringIoThread : IoThreadBase
{
    private const ulong WakeUserData = ulong.MaxValue;
    private const ulong IgnoredUserData = ulong.MaxValue - 1;

    /// <summary>Operations that may be in flight at once; their headers are address space, touched when first used, and never move while the kernel reads them.</summary>
    private const int MaxSlots = 1 << 17;

    private static readonly nuint HeadersBytes = MaxSlots * (nuint)sizeof(Native.MessageHeader);

    private readonly IUringSetup _setup;
    private readonly ulong* _wakeValue = (ulong*)NativeMemory.AlignedAlloc(64, 64);
    private UringRing? _ring;
    private IoOperation?[] _slots = new IoOperation?[1024];
    private IoFile?[] _files = new IoFile?[1024];
    private Native.MessageHeader* _headers;
    private int[] _freeSlots = new int[1024];
    private int _freeCount;
    private int _slotCount;
    private bool _regionRegistered;

    internal UringIoThread(IoThreadOptions options, IIoThreadEvents? events, IUringSetup setup)
        : base(options, events) => _setup = setup;

    public override IoEngineKind Engine => IoEngineKind.IoUring;

    protected override bool HasCompletions => _ring!.HasCompletions;

    public override IoSocket AdoptSocket(int fd)
    {
        TakeCareOf(fd);
        return new UringSocket { Fd = fd };
    }

    public override IoFile AdoptFile(int fd)
    {
        TakeCareOf(fd);
        return new UringFile { Fd = fd };
    }

    public override void Accept(IoSocket listener, IoOperation operation)
    {
        Sqe* entry = Begin(OpAccept, listener.Fd, operation);
        entry->OperationFlags = NativeSocket.SockNonblock | NativeSocket.SockCloexec;
    }

    public override void Connect(IoSocket socket, byte* address, int addressLength, IoOperation operation)
    {
        Sqe* entry = Begin(OpConnect, socket.Fd, operation);
        entry->Address = (ulong)address;
        entry->Offset = (ulong)addressLength;
    }

    public override void Receive(IoSocket socket, IoVector* vectors, int count, IoOperation operation)
    {
        if (count == 1)
        {
            Sqe* entry = Begin(OpRecv, socket.Fd, operation);
            entry->Address = (ulong)vectors->Address;
            entry->Length = (uint)vectors->LengthBytes;
        }
        else
        {
            BeginMessage(OpRecvmsg, socket.Fd, vectors, count, operation);
        }
    }

    public override void Send(IoSocket socket, IoVector* vectors, int count, IoOperation operation)
    {
        if (count == 1)
        {
            Sqe* entry = Begin(OpSend, socket.Fd, operation);
            entry->Address = (ulong)vectors->Address;
            entry->Length = (uint)vectors->LengthBytes;
            entry->OperationFlags = Native.MsgNosignal;
        }
        else
        {
            BeginMessage(OpSendmsg, socket.Fd, vectors, count, operation)->OperationFlags = Native.MsgNosignal;
        }
    }

    public override void CloseSocket(IoSocket socket)
    {
        var owned = (UringSocket)socket;
        int fd = owned.Fd;
        owned.Fd = -1;
        if (fd < 0)
        {
            return;
        }

        // The shutdown makes the peer see the end now and fails what is in flight; the descriptor itself stays until the kernel is done with it.
        NativeSocket.Shutdown(fd);
        Cancel(fd);
        _ring!.Enter(0, null);
        LetGoOf(fd);
        _ = Native.CloseFd(fd);
    }

    public override int ReleaseSocket(IoSocket socket)
    {
        int fd = socket.Fd;
        socket.Fd = -1;
        LetGoOf(fd);
        return fd;
    }

    public override void Read(IoFile file, byte* data, int lengthBytes, long offsetBytes, IoOperation operation)
    {
        bool isFixed = _regionRegistered && Buffers.Contains(data);
        Sqe* entry = BeginRequest(isFixed ? OpReadFixed : OpRead, file, operation);
        entry->BufferIndex = isFixed ? UringRing.RegionPiece(Buffers.Region, data) : (ushort)0;
        entry->Address = (ulong)data;
        entry->Length = (uint)lengthBytes;
        entry->Offset = (ulong)offsetBytes;
    }

    public override void Write(IoFile file, byte* data, int lengthBytes, long offsetBytes, bool durable, IoOperation operation)
    {
        bool isFixed = _regionRegistered && Buffers.Contains(data);
        Sqe* entry = BeginRequest(isFixed ? OpWriteFixed : OpWrite, file, operation);
        entry->BufferIndex = isFixed ? UringRing.RegionPiece(Buffers.Region, data) : (ushort)0;
        entry->Address = (ulong)data;
        entry->Length = (uint)lengthBytes;
        entry->Offset = (ulong)offsetBytes;
        entry->OperationFlags = durable ? (uint)Native.RwfDsync : 0;
    }

    public override void Sync(IoFile file, IoOperation operation) => BeginRequest(OpFsync, file, operation)->OperationFlags = FsyncDatasync;

    public override void Allocate(IoFile file, int mode, long offsetBytes, long lengthBytes, IoOperation operation)
    {
        Sqe* entry = BeginRequest(OpFallocate, file, operation);
        entry->Offset = (ulong)offsetBytes;
        entry->Address = (ulong)lengthBytes;
        entry->Length = (uint)mode;
    }

    protected override void OpenEngine()
    {
        _ring = UringRing.TryCreate(_setup, (uint)Options.QueueDepth, out int errno)
            ?? throw new IOException($"io_uring_setup: {IoThreadFactory.DescribeRefusal(errno)}. Set actorsan.io.engine = epoll, or allow io_uring on this host.");
        _headers = (Native.MessageHeader*)Native.MemoryMap(null, HeadersBytes, Native.ProtRead | Native.ProtWrite, Native.MapPrivate | Native.MapAnonymous, -1, 0);
        if ((nint)_headers == -1)
        {
            _headers = null;
            throw new IOException($"no memory for the table of operations: {Errno.DescribeLast()}");
        }

        _regionRegistered = _ring.TryRegisterRegion(Buffers.Region, Buffers.CapacityBytes);
        ArmWake();
    }

    protected override int TakeCompletions()
    {
        // What these completions submit may complete at once: that is the next pass's, or a busy ring would starve timers and posts.
        int taken = 0;
        for (uint left = _ring!.CompletionCount; left > 0 && _ring.TryTake(out ulong userData, out int result); left--)
        {
            if (userData < (ulong)_slotCount)
            {
                taken++;
                Finish((int)userData, result);
            }
            else if (userData == WakeUserData)
            {
                ArmWake();
            }
        }

        return taken;
    }

    protected override void SubmitAndWait(long deadlineNs)
    {
        UringRing ring = _ring!;
        if (deadlineNs == 0)
        {
            ring.Enter(0, null);
            return;
        }

        if (deadlineNs == long.MaxValue)
        {
            ring.Enter(1, null);
            return;
        }

        long wait = Math.Max(0, deadlineNs - Native.BoottimeNs());
        Native.TimeSpec timeout = new() { Seconds = wait / 1_000_000_000, Nanoseconds = wait % 1_000_000_000 };
        ring.Enter(1, &timeout);
    }

    protected override void CancelAll()
    {
        if (InFlightCount == 0)
        {
            return;
        }

        Sqe* entry = _ring!.Next();
        entry->Opcode = OpAsyncCancel;
        entry->Fd = -1;
        entry->OperationFlags = CancelAllMatches | CancelAny;
        entry->UserData = IgnoredUserData;
    }

    protected override void AbandonInFlight()
    {
        CancelAll();
        while (InFlightCount > 0)
        {
            _ring!.Enter(1, null);
            while (_ring.TryTake(out ulong userData, out _))
            {
                InFlightCount -= userData < (ulong)_slotCount ? 1 : 0;
            }
        }
    }

    protected override void CloseEngine()
    {
        _ring?.Dispose();
        _ring = null;
        if (_headers is not null)
        {
            _ = Native.MemoryUnmap(_headers, HeadersBytes);
            _headers = null;
        }

        NativeMemory.AlignedFree(_wakeValue);
    }

    private Sqe* Begin(byte opcode, int fd, IoOperation operation)
    {
        Invariant.Check(IsCurrent && !operation.InFlight && fd >= 0);
        operation.InFlight = true;
        int slot = operation.Slot >= 0 ? operation.Slot : TakeSlot(operation);
        operation.Transfer = opcode switch
        {
            OpRecv or OpRecvmsg => IoTransfer.Received,
            OpSend or OpSendmsg => IoTransfer.Sent,
            OpRead or OpReadFixed => IoTransfer.Read,
            OpWrite or OpWriteFixed => IoTransfer.Written,
            _ => IoTransfer.None,
        };
        InFlightCount++;
        OperationCount++;
        Sqe* entry = _ring!.Next();
        entry->Opcode = opcode;
        entry->Fd = fd;
        entry->UserData = (ulong)slot;
        return entry;
    }

    private Sqe* BeginRequest(byte opcode, IoFile file, IoOperation operation)
    {
        Sqe* entry = Begin(opcode, file.Fd, operation);
        _files[operation.Slot] = file;
        file.InFlight++;
        return entry;
    }

    private Sqe* BeginMessage(byte opcode, int fd, IoVector* vectors, int count, IoOperation operation)
    {
        Sqe* entry = Begin(opcode, fd, operation);
        Native.MessageHeader* header = &_headers[operation.Slot];
        *header = default;
        header->Vectors = vectors;
        header->VectorCount = (nuint)count;
        entry->Address = (ulong)header;
        entry->Length = 1;
        return entry;
    }

    private void Finish(int slot, int result)
    {
        IoOperation operation = _slots[slot]!;
        _slots[slot] = null;
        operation.Slot = -1;
        _freeSlots[_freeCount++] = slot;
        InFlightCount--;
        operation.InFlight = false;
        if (_files[slot] is IoFile file)
        {
            _files[slot] = null;
            EndRequest(file);
        }

        CountBytes(operation, result);
        operation.OnCompleted(result);
    }

    private int TakeSlot(IoOperation operation)
    {
        int slot;
        if (_freeCount > 0)
        {
            slot = _freeSlots[--_freeCount];
        }
        else
        {
            if (_slotCount == _slots.Length)
            {
                Array.Resize(ref _slots, _slotCount * 2);
                Array.Resize(ref _files, _slotCount * 2);
                Array.Resize(ref _freeSlots, _slotCount * 2);
            }

            Invariant.Check(_slotCount < MaxSlots);
            slot = _slotCount++;
        }

        _slots[slot] = operation;
        operation.Slot = slot;
        return slot;
    }

    private void ArmWake()
    {
        Sqe* entry = _ring!.Next();
        entry->Opcode = OpRead;
        entry->Fd = WakeFd;
        entry->Address = (ulong)_wakeValue;
        entry->Length = sizeof(ulong);
        entry->UserData = WakeUserData;
    }

    private void Cancel(int fd)
    {
        Sqe* entry = _ring!.Next();
        entry->Opcode = OpAsyncCancel;
        entry->Fd = fd;
        entry->OperationFlags = CancelAllMatches | CancelFd;
        entry->UserData = IgnoredUserData;
    }

    private sealed class UringSocket : IoSocket;

    private sealed class UringFile : IoFile;
}
