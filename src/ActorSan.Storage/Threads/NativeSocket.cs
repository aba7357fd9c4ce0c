using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace ActorSan.Storage.Threads;

/// <summary>TCP sockets as descriptors, for the I/O threads. Failures throw <see cref="IOException"/> with the system's sentence: these are calls of set-up, not of the hot path.</summary>
public static unsafe partial class NativeSocket
{
    internal const int SockNonblock = 0x800;
    internal const int SockCloexec = 0x80000;
    internal const int SolSocket = 1;
    internal const int SoError = 4;
    private const int SockStream = 1;
    private const int AfInet = 2;
    private const int AfInet6 = 10;
    private const int SoReuseAddr = 2;
    private const int SoSndBuf = 7;
    private const int SoRcvBuf = 8;
    private const int SoKeepAlive = 9;
    private const int IpProtoTcp = 6;
    private const int TcpNoDelay = 1;
    private const int TcpUserTimeout = 18;
    private const int IpProtoIpv6 = 41;
    private const int Ipv6V6Only = 26;
    private const int IpProtoIp = 0;
    private const int IpFreeBind = 15;
    private const int Ipv6FreeBind = 78;

    /// <summary>The largest socket address that <see cref="Encode"/> writes.</summary>
    public const int MaxAddressBytes = 28;

    /// <summary>A listening, non-blocking socket on <paramref name="endPoint"/> (port 0: the system chooses). IPv6 listens for IPv6 alone.</summary>
    /// <param name="freely">The address need not be there yet: who connects to it once it is finds the socket (ip(7), IP_FREEBIND).</param>
    public static int Listen(IPEndPoint endPoint, int backlog = 1024, bool freely = false)
    {
        int fd = Create(endPoint.AddressFamily);
        try
        {
            SetOption(fd, SolSocket, SoReuseAddr, 1);
            if (endPoint.AddressFamily == AddressFamily.InterNetworkV6)
            {
                SetOption(fd, IpProtoIpv6, Ipv6V6Only, 1);
            }

            if (freely)
            {
                SetOption(fd, endPoint.AddressFamily == AddressFamily.InterNetworkV6 ? IpProtoIpv6 : IpProtoIp, endPoint.AddressFamily == AddressFamily.InterNetworkV6 ? Ipv6FreeBind : IpFreeBind, 1);
            }

            byte* address = stackalloc byte[MaxAddressBytes];
            int length = Encode(endPoint, address);
            if (BindSocket(fd, address, (uint)length) != 0 || ListenSocket(fd, backlog) != 0)
            {
                throw new IOException($"cannot listen on {endPoint}: {Errno.DescribeLast()}");
            }

            return fd;
        }
        catch
        {
            _ = Native.CloseFd(fd);
            throw;
        }
    }

    /// <summary>A fresh, non-blocking, close-on-exec TCP socket.</summary>
    public static int Create(AddressFamily family)
    {
        int fd = CreateSocket(family == AddressFamily.InterNetworkV6 ? AfInet6 : AfInet, SockStream | SockNonblock | SockCloexec, 0);
        return fd >= 0 ? fd : throw new IOException($"socket: {Errno.DescribeLast()}");
    }

    /// <summary>What every data connection gets: no Nagle delay, keep-alive, and an end to unacknowledged data after <paramref name="userTimeout"/>. Options that the kernel lacks are passed over.</summary>
    public static void Tune(int fd, TimeSpan userTimeout, int bufferBytes = 0)
    {
        TrySetOption(fd, IpProtoTcp, TcpNoDelay, 1);
        TrySetOption(fd, SolSocket, SoKeepAlive, 1);
        TrySetOption(fd, IpProtoTcp, TcpUserTimeout, (int)userTimeout.TotalMilliseconds);
        if (bufferBytes > 0)
        {
            TrySetOption(fd, SolSocket, SoSndBuf, bufferBytes);
            TrySetOption(fd, SolSocket, SoRcvBuf, bufferBytes);
        }
    }

    /// <summary>Ends both directions; the peer sees the end at once.</summary>
    public static void Shutdown(int fd) => _ = ShutdownSocket(fd, 2);

    public static IPEndPoint LocalEndPoint(int fd)
    {
        byte* address = stackalloc byte[MaxAddressBytes];
        uint length = MaxAddressBytes;
        return GetSocketName(fd, address, &length) == 0 ? Decode(address) : throw new IOException($"getsockname: {Errno.DescribeLast()}");
    }

    /// <summary>Null when the peer is gone already.</summary>
    public static IPEndPoint? PeerEndPoint(int fd)
    {
        byte* address = stackalloc byte[MaxAddressBytes];
        uint length = MaxAddressBytes;
        return GetPeerName(fd, address, &length) == 0 ? Decode(address) : null;
    }

    /// <summary>Writes a sockaddr_in or sockaddr_in6; returns its length.</summary>
    public static int Encode(IPEndPoint endPoint, byte* address)
    {
        bool isV6 = endPoint.AddressFamily == AddressFamily.InterNetworkV6;
        int length = isV6 ? 28 : 16;
        var bytes = new Span<byte>(address, length);
        bytes.Clear();
        BinaryPrimitives.WriteUInt16LittleEndian(bytes, (ushort)(isV6 ? AfInet6 : AfInet));
        BinaryPrimitives.WriteUInt16BigEndian(bytes[2..], (ushort)endPoint.Port);
        _ = endPoint.Address.TryWriteBytes(bytes[(isV6 ? 8 : 4)..], out _);
        if (isV6)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(bytes[24..], (uint)endPoint.Address.ScopeId);
        }

        return length;
    }

    /// <summary>Reads a sockaddr_in or sockaddr_in6.</summary>
    public static IPEndPoint Decode(byte* address)
    {
        var bytes = new ReadOnlySpan<byte>(address, MaxAddressBytes);
        int port = BinaryPrimitives.ReadUInt16BigEndian(bytes[2..]);
        return BinaryPrimitives.ReadUInt16LittleEndian(bytes) == AfInet6
            ? new IPEndPoint(new IPAddress(bytes.Slice(8, 16), BinaryPrimitives.ReadUInt32LittleEndian(bytes[24..])), port)
            : new IPEndPoint(new IPAddress(bytes.Slice(4, 4)), port);
    }

    private static void SetOption(int fd, int level, int name, int value)
    {
        if (SetSocketOption(fd, level, name, &value, sizeof(int)) != 0)
        {
            throw new IOException($"setsockopt({level}, {name}): {Errno.DescribeLast()}");
        }
    }

    private static void TrySetOption(int fd, int level, int name, int value) => _ = SetSocketOption(fd, level, name, &value, sizeof(int));

    [LibraryImport("libc", EntryPoint = "socket", SetLastError = true)]
    private static partial int CreateSocket(int domain, int type, int protocol);

    [LibraryImport("libc", EntryPoint = "bind", SetLastError = true)]
    private static partial int BindSocket(int fd, void* address, uint length);

    [LibraryImport("libc", EntryPoint = "listen", SetLastError = true)]
    private static partial int ListenSocket(int fd, int backlog);

    [LibraryImport("libc", EntryPoint = "shutdown", SetLastError = true)]
    private static partial int ShutdownSocket(int fd, int how);

    [LibraryImport("libc", EntryPoint = "setsockopt", SetLastError = true)]
    private static partial int SetSocketOption(int fd, int level, int name, void* value, uint length);

    [LibraryImport("libc", EntryPoint = "getsockname", SetLastError = true)]
    private static partial int GetSocketName(int fd, void* address, uint* length);

    [LibraryImport("libc", EntryPoint = "getpeername", SetLastError = true)]
    private static partial int GetPeerName(int fd, void* address, uint* length);
}
