using System.Runtime.InteropServices;
using ActorSan.Storage.Threads;

namespace ActorSan.Storage.Stores;

/// <summary>
/// Zeroes, holes and where they are. fallocate means the same for files and block devices, and promises zeroes afterwards (BLKDISCARD does not): PUNCH_HOLE
/// gives space back, ZERO_RANGE keeps it; where the medium knows neither, zeroes are written. What is smaller than a hole at both ends is written.
/// </summary>
internal sealed unsafe partial class FileStore
{
    private const int PunchMode = NativeFile.AllocatePunchHole | NativeFile.AllocateKeepSize;
    private const int ZeroRangeMode = NativeFile.AllocateZeroRange | NativeFile.AllocateKeepSize;

    private bool _punches;
    private bool _zeroesRanges = true;
    private bool _provisions = true;

    public void Zero(StoreRequest request)
    {
        if (Accept(request, writing: true))
        {
            ZeroNext(request);
        }
    }

    public void Provision(StoreRequest request)
    {
        // Not durable itself: what needs the space makes it so.
        request.Durable = false;
        if (!Accept(request, writing: true))
        {
            return;
        }

        request.BackendPhase = PhaseProvisioning;
        if (_isDevice || !_provisions)
        {
            Finish(request, StoreStatus.Success, 0);
        }
        else
        {
            AskForSpace(request);
        }
    }

    private void AskForSpace(StoreRequest request) => Home.Allocate(_file, NativeFile.AllocateKeepSize, request.OffsetBytes, request.LengthBytes, request);

    private void OnProvisioned(StoreRequest request, int result)
    {
        if (result >= 0 || StoreErrors.IsUnsupported(-result))
        {
            // A file system without fallocate: the write finds out.
            _provisions &= result >= 0;
            Finish(request, StoreStatus.Success, 0);
            return;
        }

        Fail(request, -result);
    }

    public void MapStatus(StoreRequest request)
    {
        if (!Accept(request, writing: false))
        {
            return;
        }

        request.BackendPhase = PhaseMapping;
        if (_isDevice)
        {
            request.ResultLengthBytes = request.LengthBytes;
            request.ResultMapped = true;
            Finish(request, StoreStatus.Success, 0);
            return;
        }

        MapWork work = _freeMapWork ?? new MapWork(this);
        _freeMapWork = work.NextFree;
        work.Begin(request, _file.Fd);
        Home.RunBlocking(work);
    }

    /// <summary>Takes the next step from the cursor on: a written edge, or the whole run of holes between the edges.</summary>
    private void ZeroNext(StoreRequest request)
    {
        long offset = request.OffsetBytes + request.BackendCursor;
        long left = request.LengthBytes - request.BackendCursor;
        int unit = Math.Max(Traits.HoleGranularityBytes, Traits.OffsetAlignmentBytes);
        bool punches = request.MayDeallocate && _punches;
        if (punches || _zeroesRanges)
        {
            long misaligned = offset & (unit - 1);
            if (misaligned == 0 && left >= unit)
            {
                request.BackendPhase = punches ? PhasePunching : PhaseZeroingRange;
                Home.Allocate(_file, punches ? PunchMode : ZeroRangeMode, offset, left & ~((long)unit - 1), request);
                return;
            }

            left = misaligned != 0 ? Math.Min(left, unit - misaligned) : left;
        }

        request.BackendPhase = PhaseZeroing;
        Home.Write(_file, ZeroMemory.Address, (int)Math.Min(left, ZeroMemory.LengthBytes), offset, durable: false, request);
    }

    private void OnZeroed(StoreRequest request, int result)
    {
        if (result < 0)
        {
            if (request.BackendPhase != PhaseZeroing && StoreErrors.IsUnsupported(-result))
            {
                _punches &= request.BackendPhase != PhasePunching;
                _zeroesRanges &= request.BackendPhase != PhaseZeroingRange;
                ZeroNext(request);
                return;
            }

            Fail(request, -result);
            return;
        }

        if (request.BackendPhase == PhaseZeroing)
        {
            int moved = result & ~(Traits.OffsetAlignmentBytes - 1);
            if (moved == 0 && ++request.BackendRetries > MaxRetries)
            {
                Fail(request, Errno.EIO);
                return;
            }

            request.BackendCursor += moved;
        }
        else
        {
            // The run that was asked for: all whole units that were left.
            int unit = Math.Max(Traits.HoleGranularityBytes, Traits.OffsetAlignmentBytes);
            request.BackendCursor += (request.LengthBytes - request.BackendCursor) & ~((long)unit - 1);
        }

        if (request.BackendCursor < request.LengthBytes)
        {
            ZeroNext(request);
        }
        else
        {
            AfterLastByte(request);
        }
    }

    private void OnMapped(MapWork work, StoreRequest request)
    {
        work.NextFree = _freeMapWork;
        _freeMapWork = work;
        if (work.Failure != 0)
        {
            Fail(request, work.Failure);
            return;
        }

        request.ResultMapped = work.Mapped;
        request.ResultLengthBytes = work.RunBytes;
        Finish(request, StoreStatus.Success, 0);
    }

    /// <summary>One look at the map of the file, which the kernel can only give blocking; pooled.</summary>
    private sealed class MapWork(FileStore store) : BlockingWork
    {
        private StoreRequest? _request;
        private int _fd;
        private long _offsetBytes;
        private long _lengthBytes;

        internal MapWork? NextFree { get; set; }

        internal int Failure { get; private set; }

        internal bool Mapped { get; private set; }

        internal long RunBytes { get; private set; }

        internal void Begin(StoreRequest request, int fd)
        {
            NextFree = null;
            _request = request;
            _fd = fd;
            _offsetBytes = request.OffsetBytes;
            _lengthBytes = request.LengthBytes;
        }

        protected internal override void Execute()
        {
            Failure = 0;
            long data = NativeFile.SeekToData(_fd, _offsetBytes);
            int errno = data < 0 ? Marshal.GetLastPInvokeError() : 0;
            if (errno == Errno.ENXIO)
            {
                // No data from here to the end.
                Set(mapped: false, _lengthBytes);
            }
            else if (errno == Errno.EINVAL || StoreErrors.IsUnsupported(errno))
            {
                Set(mapped: true, _lengthBytes);
            }
            else if (errno != 0)
            {
                Failure = errno;
            }
            else if (data > _offsetBytes)
            {
                Set(mapped: false, data - _offsetBytes);
            }
            else
            {
                long hole = NativeFile.SeekToHole(_fd, _offsetBytes);
                Set(mapped: true, hole > _offsetBytes ? hole - _offsetBytes : _lengthBytes);
            }
        }

        protected internal override void OnCompleted()
        {
            StoreRequest request = _request!;
            _request = null;
            store.OnMapped(this, request);
        }

        private void Set(bool mapped, long runBytes)
        {
            Mapped = mapped;
            RunBytes = Math.Min(runBytes, _lengthBytes);
        }
    }
}
