using System.Runtime.InteropServices;
using ActorSan.Storage.Threads;

namespace ActorSan.Storage.Stores;

/// <summary>A file or device in set-up: blocking system calls on the very descriptor that the store will use.</summary>
internal sealed unsafe class FileStoreHandle(int fd, string path, FileFacts facts) : IStoreHandle
{
    private const int PieceBytes = 1 << 20;

    private int _fd = fd;
    private FileFacts _facts = facts;

    public string Description => path;

    public StoreTraits Traits => _facts.Traits;

    public bool CanGrow => !_facts.IsDevice && !Traits.ReadOnly;

    public void ReadAt(long offsetBytes, Span<byte> destination)
    {
        CheckRange(offsetBytes, destination.Length);
        long mask = Traits.OffsetAlignmentBytes - 1;
        using var memory = new AlignedMemory();
        while (!destination.IsEmpty)
        {
            // From the sector that holds the first byte: what was asked for may lie anywhere.
            long from = offsetBytes & ~mask;
            int skip = (int)(offsetBytes - from);
            int take = Math.Min(destination.Length, PieceBytes - skip);
            ReadPiece(memory.Address, (int)((skip + take + mask) & ~mask), from);
            new ReadOnlySpan<byte>(memory.Address + skip, take).CopyTo(destination);
            destination = destination[take..];
            offsetBytes += take;
        }
    }

    public void WriteAt(long offsetBytes, ReadOnlySpan<byte> source)
    {
        CheckRange(offsetBytes, source.Length);
        Invariant.Check(((offsetBytes | (long)source.Length) & (Traits.OffsetAlignmentBytes - 1)) == 0);
        using var memory = new AlignedMemory();
        while (!source.IsEmpty)
        {
            int take = Math.Min(source.Length, PieceBytes);
            source[..take].CopyTo(new Span<byte>(memory.Address, take));
            WritePiece(memory.Address, take, offsetBytes, Native.RwfDsync);
            source = source[take..];
            offsetBytes += take;
        }
    }

    public void ZeroAt(long offsetBytes, long lengthBytes, bool allocate)
    {
        CheckRange(offsetBytes, lengthBytes);
        Invariant.Check(((offsetBytes | lengthBytes) & (Traits.OffsetAlignmentBytes - 1)) == 0);
        if (lengthBytes == 0
            || (!allocate && TryAllocate(NativeFile.AllocatePunchHole | NativeFile.AllocateKeepSize, offsetBytes, lengthBytes))
            || TryAllocate(NativeFile.AllocateZeroRange | NativeFile.AllocateKeepSize, offsetBytes, lengthBytes))
        {
            return;
        }

        while (lengthBytes > 0)
        {
            int take = (int)Math.Min(lengthBytes, ZeroMemory.LengthBytes);
            WritePiece(ZeroMemory.Address, take, offsetBytes, 0);
            offsetBytes += take;
            lengthBytes -= take;
        }
    }

    public bool IsZero(long offsetBytes, long lengthBytes)
    {
        CheckRange(offsetBytes, lengthBytes);
        long end = offsetBytes + lengthBytes;
        using var memory = new AlignedMemory();
        while (offsetBytes < end)
        {
            if (!_facts.IsDevice)
            {
                long data = NativeFile.SeekToData(_fd, offsetBytes);
                int errno = data < 0 ? Marshal.GetLastPInvokeError() : 0;
                if (errno == Errno.ENXIO || data >= end)
                {
                    return true;
                }

                offsetBytes = Math.Max(offsetBytes, data);
            }

            int take = (int)Math.Min(end - offsetBytes, PieceBytes - Traits.OffsetAlignmentBytes);
            ReadAt(offsetBytes, new Span<byte>(memory.Address, take));
            if (new ReadOnlySpan<byte>(memory.Address, take).ContainsAnyExcept((byte)0))
            {
                return false;
            }

            offsetBytes += take;
        }

        return true;
    }

    public void SetSize(long sizeBytes)
    {
        Invariant.Check(CanGrow && _fd >= 0 && (sizeBytes & (Traits.OffsetAlignmentBytes - 1)) == 0);
        if (StoreNative.Truncate(_fd, sizeBytes) != 0)
        {
            throw Failed($"set to {sizeBytes} bytes", Marshal.GetLastPInvokeError());
        }

        Sync();
        _facts = _facts with { Traits = Traits with { SizeBytes = sizeBytes } };
    }

    public void Sync()
    {
        Invariant.Check(_fd >= 0);
        if (!Traits.ReadOnly && NativeFile.Sync(_fd) is < 0 and int result)
        {
            throw Failed("flushed", -result);
        }
    }

    public IStore Attach(IoThread home)
    {
        Invariant.Check(home.IsCurrent && _fd >= 0);
        int handedOn = _fd;
        _fd = -1;
        return new FileStore(home, handedOn, path, _facts);
    }

    public void Dispose()
    {
        if (_fd >= 0)
        {
            NativeFile.Close(_fd);
            _fd = -1;
        }
    }

    private bool TryAllocate(int mode, long offsetBytes, long lengthBytes)
    {
        int result;
        do
        {
            result = NativeFile.Allocate(_fd, mode, offsetBytes, lengthBytes);
        }
        while (result == -Errno.EINTR);
        return result == 0 || (StoreErrors.IsUnsupported(-result) ? false : throw Failed($"zeroed ({lengthBytes} bytes at {offsetBytes})", -result));
    }

    private void ReadPiece(byte* data, int lengthBytes, long offsetBytes)
    {
        int done = 0;
        while (done < lengthBytes)
        {
            nint result = Native.ReadAt(_fd, data + done, (nuint)(lengthBytes - done), offsetBytes + done);
            int errno = result < 0 ? Marshal.GetLastPInvokeError() : result == 0 ? Errno.ENODATA : 0;
            if (errno is not (0 or Errno.EINTR))
            {
                throw Failed($"read ({lengthBytes} bytes at {offsetBytes})", errno);
            }

            done += (int)Math.Max(0, result);
        }
    }

    private void WritePiece(byte* data, int lengthBytes, long offsetBytes, int flags)
    {
        int done = 0;
        while (done < lengthBytes)
        {
            var vector = new IoVector(data + done, (nuint)(lengthBytes - done));
            nint result = Native.WriteAt(_fd, &vector, 1, offsetBytes + done, flags);
            int errno = result < 0 ? Marshal.GetLastPInvokeError() : result == 0 ? Errno.EIO : 0;
            if (errno is not (0 or Errno.EINTR))
            {
                throw Failed($"written ({lengthBytes} bytes at {offsetBytes})", errno);
            }

            done += (int)Math.Max(0, result);
        }
    }

    private void CheckRange(long offsetBytes, long lengthBytes) =>
        Invariant.Check(_fd >= 0 && offsetBytes >= 0 && lengthBytes >= 0 && lengthBytes <= Traits.SizeBytes - offsetBytes);

    private StoreException Failed(string what, int errno)
    {
        StoreFault fault = StoreErrors.SetUpFault(errno);
        string advice = fault switch
        {
            StoreFault.NoSpace => "Make room on its file system, or choose a smaller size.",
            StoreFault.Refused => "Make it writable, or open it with read-only = on.",
            _ => "Look at the kernel's log for errors of the disk under it.",
        };
        return new StoreException(fault, $"{path} can't be {what}: {Errno.Describe(errno)}. {advice}");
    }

    /// <summary>One piece of memory that direct I/O takes.</summary>
    private readonly ref struct AlignedMemory
    {
        internal readonly byte* Address;

        public AlignedMemory() => Address = (byte*)NativeMemory.AlignedAlloc(PieceBytes, 4096);

        public void Dispose() => NativeMemory.AlignedFree(Address);
    }
}
