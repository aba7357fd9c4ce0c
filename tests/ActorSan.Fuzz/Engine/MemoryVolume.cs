using System.Runtime.InteropServices;
using ActorSan.Storage.Blocks;
using ActorSan.Storage.Threads;

namespace ActorSan.Fuzz.Engine;

/// <summary>A small volume in memory whose operations are complete before they return. Everything is zero at first.</summary>
internal sealed unsafe class MemoryVolume(IoThread home) : IBlockVolume, IDisposable
{
    private const int Blocks = 256;
    private const int BlockBytes = 512;
    private const int SizeBytes = Blocks * BlockBytes;

    private readonly byte* _bytes = (byte*)NativeMemory.AllocZeroed(SizeBytes);
    private readonly byte[][] _attributes = [[], [], [], []];

    public IoThread Home { get; } = home;

    public string Name => "fuzz";

    public Guid VolumeId { get; } = new("5f2d8f5e-6a43-4a39-9d0c-3b6f0d8f1a11");

    public VolumeGeometry Geometry { get; } = new(SizeBytes, BlockBytes, 4096, 0);

    public VolumeCapabilities Capabilities { get; } = new(Thin: true, 4096, WriteCache: true, ReadOnly: false, CryptoErase: true, Rotational: false, 128 << 10, 64 << 10);

    public VolumeState State => new(VolumeStateKind.Ready, "");

    public void Read(VolumeOperation operation)
    {
        if (Fits(operation))
        {
            new ReadOnlySpan<byte>(_bytes + operation.OffsetBytes, (int)operation.LengthBytes).CopyTo(new Span<byte>(operation.Data, (int)operation.LengthBytes));
            operation.Complete(VolumeStatus.Success);
        }
    }

    public void Write(VolumeOperation operation)
    {
        if (Fits(operation))
        {
            new ReadOnlySpan<byte>(operation.Data, (int)operation.LengthBytes).CopyTo(Range(operation));
            operation.Complete(VolumeStatus.Success);
        }
    }

    public void CompareAndWrite(VolumeOperation operation)
    {
        if (!Fits(operation))
        {
            return;
        }

        int bytes = (int)operation.LengthBytes;
        int same = Range(operation).CommonPrefixLength(new ReadOnlySpan<byte>(operation.Data, bytes));
        if (same < bytes)
        {
            operation.ResultOffsetBytes = same;
            operation.Complete(VolumeStatus.Miscompare);
            return;
        }

        new ReadOnlySpan<byte>(operation.Data + bytes, bytes).CopyTo(Range(operation));
        operation.Complete(VolumeStatus.Success);
    }

    public void OrWrite(VolumeOperation operation)
    {
        if (Fits(operation))
        {
            for (int i = 0; i < operation.LengthBytes; i++)
            {
                _bytes[operation.OffsetBytes + i] |= operation.Data[i];
            }

            operation.Complete(VolumeStatus.Success);
        }
    }

    public void Unmap(VolumeOperation operation) => WriteZeroes(operation);

    public void WriteZeroes(VolumeOperation operation)
    {
        if (Fits(operation))
        {
            Range(operation).Clear();
            operation.Complete(VolumeStatus.Success);
        }
    }

    public void Flush(VolumeOperation operation) => operation.Complete(VolumeStatus.Success);

    public void MapStatus(VolumeOperation operation)
    {
        if (Fits(operation))
        {
            operation.ResultLengthBytes = operation.LengthBytes;
            operation.ResultMapped = Range(operation).ContainsAnyExcept((byte)0);
            operation.Complete(VolumeStatus.Success);
        }
    }

    public void SetAttribute(VolumeOperation operation)
    {
        if (operation.LengthBytes > Capabilities.MaxAttributeBytes)
        {
            throw new FindingException($"an attribute of {operation.LengthBytes} bytes was set");
        }

        _attributes[(int)operation.Attribute] = new ReadOnlySpan<byte>(operation.Data, (int)operation.LengthBytes).ToArray();
        operation.Complete(VolumeStatus.Success);
    }

    public void CryptoErase(VolumeOperation operation)
    {
        new Span<byte>(_bytes, SizeBytes).Clear();
        operation.Complete(VolumeStatus.Success);
    }

    public ReadOnlySpan<byte> GetAttribute(VolumeAttribute attribute) => _attributes[(int)attribute];

    public void AddObserver(IVolumeObserver observer)
    {
    }

    public void RemoveObserver(IVolumeObserver observer)
    {
    }

    public void Dispose() => NativeMemory.Free(_bytes);

    private static bool Fits(VolumeOperation operation)
    {
        bool fits = operation.OffsetBytes >= 0 && operation.LengthBytes >= 0 && operation.OffsetBytes <= SizeBytes - operation.LengthBytes
            && (operation.OffsetBytes | operation.LengthBytes) % BlockBytes == 0;
        if (!fits)
        {
            operation.Complete(VolumeStatus.OutOfRange);
        }

        return fits;
    }

    private Span<byte> Range(VolumeOperation operation) => new(_bytes + operation.OffsetBytes, (int)operation.LengthBytes);
}
