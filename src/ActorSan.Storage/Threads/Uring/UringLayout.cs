using System.Runtime.InteropServices;

namespace ActorSan.Storage.Threads.Uring;

/// <summary>io_uring's numbers and structures, from the kernel's ABI (io_uring_setup(2), io_uring_enter(2)).</summary>
internal static class UringLayout
{
    internal const nint SysSetup = 425;
    internal const nint SysEnter = 426;
    internal const nint SysRegister = 427;

    internal const uint SetupCqSize = 1 << 3;
    internal const uint SetupClamp = 1 << 4;
    internal const uint SetupSubmitAll = 1 << 7;
    internal const uint SetupCoopTaskrun = 1 << 8;
    internal const uint SetupSingleIssuer = 1 << 12;
    internal const uint SetupDeferTaskrun = 1 << 13;

    internal const uint FeatSingleMmap = 1 << 0;
    internal const uint FeatNodrop = 1 << 1;
    internal const uint FeatExtArg = 1 << 8;

    internal const uint EnterGetEvents = 1 << 0;
    internal const uint EnterExtArg = 1 << 3;

    internal const uint RegisterBuffers = 0;

    internal const long OffsetSqRing = 0;
    internal const long OffsetSqes = 0x10000000;

    /// <summary>IORING_SQ_CQ_OVERFLOW and IORING_SQ_TASKRUN in the submission ring's flags.</summary>
    internal const uint SqCqOverflow = 1 << 1;
    internal const uint SqTaskrun = 1 << 2;

    internal const byte OpNop = 0;
    internal const byte OpReadv = 1;
    internal const byte OpFsync = 3;
    internal const byte OpReadFixed = 4;
    internal const byte OpWriteFixed = 5;
    internal const byte OpSendmsg = 9;
    internal const byte OpRecvmsg = 10;
    internal const byte OpAccept = 13;
    internal const byte OpAsyncCancel = 14;
    internal const byte OpConnect = 16;
    internal const byte OpFallocate = 17;
    internal const byte OpRead = 22;
    internal const byte OpWrite = 23;
    internal const byte OpSend = 26;
    internal const byte OpRecv = 27;

    internal const uint FsyncDatasync = 1;
    internal const uint CancelAllMatches = 1 << 0;
    internal const uint CancelFd = 1 << 1;
    internal const uint CancelAny = 1 << 2;

    [StructLayout(LayoutKind.Explicit, Size = 64)]
    internal struct Sqe
    {
        [FieldOffset(0)]
        public byte Opcode;

        [FieldOffset(1)]
        public byte Flags;

        [FieldOffset(2)]
        public ushort IoPriority;

        [FieldOffset(4)]
        public int Fd;

        [FieldOffset(8)]
        public ulong Offset;

        [FieldOffset(16)]
        public ulong Address;

        [FieldOffset(24)]
        public uint Length;

        [FieldOffset(28)]
        public uint OperationFlags;

        [FieldOffset(32)]
        public ulong UserData;

        [FieldOffset(40)]
        public ushort BufferIndex;

        [FieldOffset(42)]
        public ushort Personality;

        [FieldOffset(44)]
        public uint FileIndex;

        [FieldOffset(48)]
        public ulong Address3;

        [FieldOffset(56)]
        public ulong Padding;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct Cqe
    {
        public ulong UserData;
        public int Result;
        public uint Flags;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct SqOffsets
    {
        public uint Head;
        public uint Tail;
        public uint RingMask;
        public uint RingEntries;
        public uint Flags;
        public uint Dropped;
        public uint Array;
        public uint Reserved;
        public ulong UserAddress;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct CqOffsets
    {
        public uint Head;
        public uint Tail;
        public uint RingMask;
        public uint RingEntries;
        public uint Overflow;
        public uint Cqes;
        public uint Flags;
        public uint Reserved;
        public ulong UserAddress;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct Parameters
    {
        public uint SqEntries;
        public uint CqEntries;
        public uint Flags;
        public uint SqThreadCpu;
        public uint SqThreadIdle;
        public uint Features;
        public uint WqFd;
        public uint Reserved0;
        public uint Reserved1;
        public uint Reserved2;
        public SqOffsets Sq;
        public CqOffsets Cq;
    }

    /// <summary>struct io_uring_getevents_arg.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal unsafe struct GetEventsArgument
    {
        public ulong SignalMask;
        public uint SignalMaskSize;
        public uint MinWaitMicroseconds;
        public Native.TimeSpec* Timeout;
    }
}
