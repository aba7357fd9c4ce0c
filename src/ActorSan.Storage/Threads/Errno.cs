using System.Runtime.InteropServices;

namespace ActorSan.Storage.Threads;

/// <summary>The error numbers that ActorSan tells apart (Linux, all architectures that .NET runs on), and their words.</summary>
public static class Errno
{
    public const int EPERM = 1;
    public const int ENOENT = 2;
    public const int EINTR = 4;
    public const int EIO = 5;
    public const int ENXIO = 6;
    public const int EBADF = 9;
    public const int EAGAIN = 11;
    public const int ENOMEM = 12;
    public const int EACCES = 13;
    public const int EBUSY = 16;
    public const int ENODEV = 19;
    public const int EINVAL = 22;
    public const int EFBIG = 27;
    public const int ENOSPC = 28;
    public const int EROFS = 30;
    public const int EPIPE = 32;
    public const int ENOSYS = 38;
    public const int ENODATA = 61;
    public const int ETIME = 62;
    public const int EOPNOTSUPP = 95;
    public const int EADDRINUSE = 98;
    public const int ECONNRESET = 104;
    public const int EISCONN = 106;
    public const int ETIMEDOUT = 110;
    public const int ECONNREFUSED = 111;
    public const int EALREADY = 114;
    public const int EINPROGRESS = 115;
    public const int EDQUOT = 122;
    public const int ECANCELED = 125;

    /// <summary>The system's sentence for a positive error number, with the number.</summary>
    public static string Describe(int errno) => $"{Marshal.GetPInvokeErrorMessage(errno)} (errno {errno})";

    /// <summary>For messages: the last error of this thread.</summary>
    public static string DescribeLast() => Describe(Marshal.GetLastSystemError());
}
