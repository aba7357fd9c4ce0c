using System.Runtime.InteropServices;
using ActorSan.Storage.Stores.Faults;
using ActorSan.Storage.Threads;

namespace ActorSan.Storage.Stores;

/// <summary>
/// Opens what lies under a replica, locks it, and finds out what it can do. The lock is an exclusive flock on the very file description that all I/O uses: it lasts until
/// the kernel has let go of the last request, and a second opener in any process is refused until then. A block device is opened exclusively too, which the kernel refuses
/// for one that is mounted or part of something else. May block: never on an I/O thread.
/// </summary>
public static class StoreOpener
{
    /// <exception cref="StoreException">With what to do.</exception>
    public static IStoreHandle Open(StoreOptions options)
    {
        bool device = options.Medium == StoreMedium.BlockDevice;
        Invariant.Check(!(options.Create && (device || options.ReadOnly)));
        string path = options.Path;
        if (!options.Create)
        {
            // Looked at first: opening a pipe or a tape has effects.
            int missing = StoreNative.StatusOf(path, out StoreNative.FileStatus found);
            CheckKind(missing, path, found, device);
        }

        int flags = (options.ReadOnly ? NativeFile.ReadOnly : NativeFile.ReadWrite)
            | (options.Direct ? NativeFile.Direct : 0)
            | (options.Create ? NativeFile.Create | NativeFile.Exclusive : 0)
            | (device ? NativeFile.Exclusive : 0);
        int fd = NativeFile.TryOpen(path, flags, out int errno);
        if (fd < 0)
        {
            throw CannotOpen(options, errno);
        }

        try
        {
            return VolatileStoreHandle.DecorateIfAsked(new FileStoreHandle(fd, path, Lock(fd, options, device)));
        }
        catch
        {
            NativeFile.Close(fd);
            throw;
        }
    }

    /// <summary>A store in memory: zeroes at first, gone with its last owner; memory is taken page by page when it is first written.</summary>
    /// <exception cref="StoreException">NoSpace: there is not that much address space.</exception>
    public static IStoreHandle OpenMemory(long sizeBytes) => new MemoryStoreHandle(new MemoryRegion(sizeBytes));

    private static FileFacts Lock(int fd, StoreOptions options, bool device)
    {
        string path = options.Path;
        if (!NativeFile.TryLock(fd))
        {
            int errno = Marshal.GetLastPInvokeError();
            throw errno == Errno.EAGAIN
                ? new StoreException(StoreFault.InUse, $"{path} is in use: another process, or another volume of this node, has it locked (lslocks and fuser -v {path} tell which).")
                : new StoreException(StoreFault.Refused, $"{path} can't be locked: {Errno.Describe(errno)}. A store must lie where flock works.");
        }

        CheckKind(StoreNative.StatusOf(fd, out StoreNative.FileStatus status), path, status, device);
        if (StoreNative.StatusOf(path, out StoreNative.FileStatus named) != 0 || named.Inode != status.Inode || named.HostMajor != status.HostMajor || named.HostMinor != status.HostMinor)
        {
            throw new StoreException(StoreFault.Missing, $"{path} was replaced while it was opened. Try again when nothing renames it.");
        }

        if (options.Create)
        {
            SyncDirectoryOf(path);
        }

        return FileFacts.Learn(fd, options, status);
    }

    private static void CheckKind(int errno, string path, in StoreNative.FileStatus status, bool device)
    {
        if (errno != 0)
        {
            throw new StoreException(StoreErrors.OpenFault(errno), $"{path} can't be looked at: {Errno.Describe(errno)}. Check the path, or make the store with 'actorsan format'.");
        }

        if (device ? !status.IsBlockDevice : !status.IsRegular)
        {
            string found = status.IsRegular ? "a file (kind = file)"
                : status.IsBlockDevice ? "a block device (kind = device)"
                : status.IsDirectory ? "a directory" : "neither a file nor a block device";
            throw new StoreException(StoreFault.Refused, $"{path} is {found}, but the store's kind is {(device ? "device" : "file")}. Correct the store's kind or path.");
        }
    }

    private static StoreException CannotOpen(StoreOptions options, int errno)
    {
        string path = options.Path;
        string what = errno switch
        {
            Errno.EINVAL when options.Direct => "its file system does not do direct I/O. Set the store's direct = off.",
            Errno.EBUSY => "the kernel uses it: it is mounted, swap, or part of a RAID, LVM or multipath device (lsblk tells). Free it first, or name another device.",
            StoreNative.EEXIST => "it exists already. Remove it, or choose another path.",
            Errno.EACCES or Errno.EPERM => $"{Errno.Describe(errno)}. Run the node as a user that may {(options.ReadOnly ? "read" : "read and write")} it.",
            Errno.EROFS => $"{Errno.Describe(errno)}. Remount it writable, or set read-only = on.",
            _ => $"{Errno.Describe(errno)}.",
        };
        return new StoreException(StoreErrors.OpenFault(errno), $"{path} can't be {(options.Create ? "made" : "opened")}: {what}");
    }

    /// <summary>Makes the name of a new or renamed file durable: its directory is flushed.</summary>
    /// <exception cref="StoreException">It cannot be.</exception>
    public static void SyncDirectoryOf(string path)
    {
        string directory = Path.GetDirectoryName(Path.GetFullPath(path)) ?? "/";
        int fd = NativeFile.TryOpen(directory, NativeFile.ReadOnly, out int errno);
        if (fd >= 0)
        {
            errno = StoreNative.SyncAll(fd) == 0 ? 0 : Marshal.GetLastPInvokeError();
            NativeFile.Close(fd);
        }

        if (errno != 0)
        {
            throw new StoreException(StoreFault.Io, $"{directory} can't be synced, so that {path} might be gone after a power loss: {Errno.Describe(errno)}.");
        }
    }
}
