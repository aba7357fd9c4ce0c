using System.Runtime.InteropServices;
using ActorSan.Storage.Threads;

namespace ActorSan.Storage.Stores;

/// <summary>A store that becomes longer while it is used: ftruncate has no asynchronous form, so it runs on a helper thread, and the rest goes on.</summary>
internal sealed unsafe partial class FileStore
{
    private bool _extending;

    public void Extend(StoreRequest request)
    {
        Invariant.Check(request.OffsetBytes >= 0 && request.LengthBytes >= 0 && request.LengthBytes <= long.MaxValue - request.OffsetBytes && !_extending);
        Invariant.Check(((request.OffsetBytes | request.LengthBytes) & (Traits.OffsetAlignmentBytes - 1)) == 0);
        if (Traits.ReadOnly)
        {
            request.End(StoreStatus.ReadOnly);
            return;
        }

        // It reaches behind the end, as nothing else may, and is durable by itself.
        request.Durable = false;
        if (Accept(request, writing: true, flushing: true))
        {
            request.BackendPhase = PhaseExtending;
            _extending = true;
            Home.RunBlocking(new ExtendWork(this, request));
        }
    }

    private void OnExtended(ExtendWork work, StoreRequest request)
    {
        _extending = false;
        if (work.Failure == 0)
        {
            Traits = Traits with { SizeBytes = Math.Max(Traits.SizeBytes, work.EndBytes & ~((long)Traits.OffsetAlignmentBytes - 1)) };
            Finish(request, StoreStatus.Success, 0);
            return;
        }

        if (work.FlushFailed)
        {
            // fsync tells of a lost write once, whoever's it was.
            _sync.Fail(work.Failure);
        }

        Fail(request, work.Failure);
    }

    /// <summary>Once for each growth, so not pooled.</summary>
    private sealed class ExtendWork(FileStore store, StoreRequest request) : BlockingWork
    {
        private readonly int _fd = store._file.Fd;
        private readonly long _offsetBytes = request.OffsetBytes;
        private readonly long _lengthBytes = request.LengthBytes;
        private readonly bool _takesSpace = !request.MayDeallocate;
        private readonly bool _isDevice = store._isDevice;

        /// <summary>Where the store ends now.</summary>
        internal long EndBytes { get; private set; }

        internal int Failure { get; private set; }

        internal bool FlushFailed { get; private set; }

        protected internal override void Execute()
        {
            long end = _offsetBytes + _lengthBytes;
            if (_isDevice)
            {
                EndBytes = NativeFile.DeviceSizeBytes(_fd);
                Failure = EndBytes < 0 ? Marshal.GetLastPInvokeError() : EndBytes < end ? Errno.ENOSPC : 0;
                return;
            }

            long before = NativeFile.EndOf(_fd);
            if (before < 0)
            {
                Failure = Marshal.GetLastPInvokeError();
                return;
            }

            EndBytes = Math.Max(before, end);
            Failure = before < end ? Truncate(end) : 0;
            if (Failure == 0 && _takesSpace)
            {
                Failure = TakeSpace();
            }

            if (Failure == 0)
            {
                // The length too, whatever the file system counts as needed to find the data.
                Failure = StoreNative.SyncAll(_fd) == 0 ? 0 : Marshal.GetLastPInvokeError();
                FlushFailed = Failure != 0;
            }

            if (Failure != 0 && before < end)
            {
                // Nothing lies there yet; part of the space may have been taken.
                _ = Truncate(before);
            }
        }

        protected internal override void OnCompleted() => store.OnExtended(this, request);

        private int Truncate(long sizeBytes)
        {
            int errno;
            do
            {
                errno = StoreNative.Truncate(_fd, sizeBytes) == 0 ? 0 : Marshal.GetLastPInvokeError();
            }
            while (errno == Errno.EINTR);
            return errno;
        }

        private int TakeSpace()
        {
            int result;
            do
            {
                result = _lengthBytes == 0 ? 0 : NativeFile.Allocate(_fd, NativeFile.AllocateKeepSize, _offsetBytes, _lengthBytes);
            }
            while (result == -Errno.EINTR);

            // A file system without fallocate: the zeroes that are written next find out.
            return StoreErrors.IsUnsupported(-result) ? 0 : -result;
        }
    }
}
