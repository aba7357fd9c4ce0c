using ActorSan.Storage.Threads;

namespace ActorSan.Storage.Stores;

/// <summary>The one table from error numbers to what a store says: <see cref="StoreStatus"/> of a request, <see cref="StoreFault"/> of an open.</summary>
internal static class StoreErrors
{
    /// <param name="errno">Positive.</param>
    /// <param name="writing">What the request did: decides between ReadError and WriteError.</param>
    internal static StoreStatus StatusOf(int errno, bool writing) => errno switch
    {
        Errno.ECANCELED or Errno.EINTR => StoreStatus.Cancelled,
        Errno.ENODEV or Errno.ENXIO or StoreNative.ESTALE or StoreNative.ESHUTDOWN => StoreStatus.Vanished,

        // It was open for writing: a file system that turns read-only under an open file has failed.
        Errno.EROFS => StoreStatus.Vanished,
        Errno.ENOSPC or Errno.EDQUOT or Errno.EFBIG when writing => StoreStatus.NoSpace,
        Errno.EPERM or Errno.EACCES when writing => StoreStatus.ReadOnly,
        _ => writing ? StoreStatus.WriteError : StoreStatus.ReadError,
    };

    internal static StoreFault OpenFault(int errno) => errno switch
    {
        Errno.ENOENT or Errno.ENXIO or Errno.ENODEV or StoreNative.ENOTDIR => StoreFault.Missing,
        Errno.EBUSY or StoreNative.ETXTBSY => StoreFault.InUse,
        StoreNative.EEXIST => StoreFault.NotEmpty,
        Errno.ENOSPC or Errno.EDQUOT => StoreFault.NoSpace,
        Errno.EIO => StoreFault.Io,
        _ => StoreFault.Refused,
    };

    internal static StoreFault SetUpFault(int errno) => errno switch
    {
        Errno.ENOSPC or Errno.EDQUOT or Errno.EFBIG => StoreFault.NoSpace,
        Errno.EROFS or Errno.EPERM or Errno.EACCES => StoreFault.Refused,
        _ => StoreFault.Io,
    };

    /// <summary>True when this file system or device does not know the fallocate mode: another way must be taken.</summary>
    internal static bool IsUnsupported(int errno) => errno is Errno.EOPNOTSUPP or Errno.ENOSYS;
}
