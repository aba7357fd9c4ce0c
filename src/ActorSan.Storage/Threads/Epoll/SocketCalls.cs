using System.Runtime.InteropServices;

namespace ActorSan.Storage.Threads.Epoll;

/// <summary>The system calls behind a socket's operations, none of which waits. Results are counts, descriptors or −errno; −EAGAIN: an event has to come first.</summary>
internal static unsafe class SocketCalls
{
    /// <summary>What was just asked for.</summary>
    internal static int Try(EpollSocket socket, ref SocketSide side) => side.Call switch
    {
        SocketCall.Accept => Accept(socket.Fd),
        SocketCall.Connect => Connect(socket.Fd, side.Argument, side.Count),
        SocketCall.Receive => Receive(socket, ref side),
        SocketCall.Send => Send(socket.Fd, (IoVector*)side.Argument, side.Count),
        _ => throw new InvariantViolationException($"no such socket call: {side.Call}"),
    };

    /// <summary>After an event: the same, but that a connection attempt that is under way is asked for its result.</summary>
    internal static int TryParked(EpollSocket socket, ref SocketSide side) => side.Call == SocketCall.Connect ? ConnectResult(socket) : Try(socket, ref side);

    private static int Accept(int fd)
    {
        int accepted;
        int errno = 0;
        do
        {
            accepted = Native.Accept4(fd, null, null, NativeSocket.SockNonblock | NativeSocket.SockCloexec);
        }
        while (accepted < 0 && (errno = Marshal.GetLastPInvokeError()) == Errno.EINTR);
        return accepted < 0 ? -errno : accepted;
    }

    /// <summary>connect(2) of a non-blocking socket goes on by itself, after a signal too.</summary>
    private static int Connect(int fd, void* address, int length)
    {
        if (Native.Connect(fd, address, (uint)length) == 0)
        {
            return 0;
        }

        int errno = Marshal.GetLastPInvokeError();
        return errno is Errno.EINPROGRESS or Errno.EINTR ? -Errno.EAGAIN : -errno;
    }

    /// <summary>The same call again tells the result and, unlike SO_ERROR, leaves a socket that failed ready for the next attempt.</summary>
    private static int ConnectResult(EpollSocket socket)
    {
        fixed (byte* address = socket.Address)
        {
            if (Native.Connect(socket.Fd, address, (uint)socket.Address!.Length) == 0)
            {
                return 0;
            }
        }

        int errno = Marshal.GetLastPInvokeError();
        return errno switch
        {
            Errno.EISCONN => 0,
            Errno.EALREADY or Errno.EINTR => -Errno.EAGAIN,
            _ => -errno,
        };
    }

    private static int Receive(EpollSocket socket, ref SocketSide side)
    {
        var vectors = (IoVector*)side.Argument;
        nuint asked = 0;
        for (int i = 0; i < side.Count; i++)
        {
            asked += vectors[i].LengthBytes;
        }

        Native.MessageHeader header = default;
        header.Vectors = vectors;
        header.VectorCount = (nuint)side.Count;
        nint count;
        int errno = 0;
        do
        {
            count = side.Count == 1
                ? Native.Receive(socket.Fd, vectors->Address, vectors->LengthBytes, Native.MsgDontwait)
                : Native.ReceiveMessage(socket.Fd, &header, Native.MsgDontwait);
        }
        while (count < 0 && (errno = Marshal.GetLastPInvokeError()) == Errno.EINTR);
        if (count < 0)
        {
            return -errno;
        }

        // Fewer than asked for: nothing is left, and whatever comes later makes an edge (epoll(7)). That saves a call in vain for every message.
        side.Exhausted = count > 0 && (nuint)count < asked && !socket.ShortMayHaveMore;
        return (int)count;
    }

    private static int Send(int fd, IoVector* vectors, int vectorCount)
    {
        Native.MessageHeader header = default;
        header.Vectors = vectors;
        header.VectorCount = (nuint)vectorCount;
        nint count;
        int errno = 0;
        do
        {
            count = vectorCount == 1
                ? Native.Send(fd, vectors->Address, vectors->LengthBytes, Native.MsgDontwait | Native.MsgNosignal)
                : Native.SendMessage(fd, &header, Native.MsgDontwait | Native.MsgNosignal);
        }
        while (count < 0 && (errno = Marshal.GetLastPInvokeError()) == Errno.EINTR);
        return count < 0 ? -errno : (int)count;
    }
}
