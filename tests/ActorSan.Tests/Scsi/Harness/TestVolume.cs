using System.Runtime.InteropServices;
using ActorSan.Storage.Blocks;
using ActorSan.Storage.Threads;

namespace ActorSan.Tests.Scsi.Harness;

/// <summary>
/// A volume in memory for tests of the device server. Operations are complete before they return, except while <see cref="Holds"/>: then they wait for
/// <see cref="Release"/>. Faults come by <see cref="Answer"/>. Attributes outlive the unit that set them, as on a real volume.
/// </summary>
internal sealed unsafe class TestVolume : IBlockVolume, IDisposable
{
    private readonly byte* _bytes;
    private readonly Dictionary<VolumeAttribute, byte[]> _attributes = [];
    private readonly List<IVolumeObserver> _observers = [];
    private readonly Queue<(VolumeOperation Operation, VolumeStatus Status)> _held = new();

    public TestVolume(IoThread home, int blocks = 512, int blockBytes = 512, bool thin = true, bool cryptoErase = true)
    {
        Home = home;
        Geometry = new VolumeGeometry((long)blocks * blockBytes, blockBytes, 4096, 0);
        Capabilities = new VolumeCapabilities(thin, 4096, WriteCache: true, ReadOnly: false, cryptoErase, Rotational: false, 128 << 10, 64 << 10);
        _bytes = (byte*)NativeMemory.AllocZeroed((nuint)Geometry.SizeBytes);
    }

    public IoThread Home { get; }

    public string Name => "test";

    public Guid VolumeId { get; } = new("5f2d8f5e-6a43-4a39-9d0c-3b6f0d8f1a11");

    public VolumeGeometry Geometry { get; }

    public VolumeCapabilities Capabilities { get; set; }

    public VolumeState State { get; private set; } = new(VolumeStateKind.Ready, "");

    /// <summary>Asked for each operation before it is done: anything but Success is its answer, and nothing is done.</summary>
    public Func<VolumeOperation, VolumeStatus> Answer { get; set; } = static _ => VolumeStatus.Success;

    /// <summary>Which operations wait for <see cref="Release"/>.</summary>
    public Func<VolumeOperation, bool> Holds { get; set; } = static _ => false;

    /// <summary>Everything asked for, in order.</summary>
    public List<(VolumeOperationKind Kind, long Offset, long Length)> Log { get; } = [];

    public Span<byte> Bytes => new(_bytes, (int)Geometry.SizeBytes);

    public int HeldCount => _held.Count;

    public void Release()
    {
        for (int i = _held.Count; i > 0; i--)
        {
            (VolumeOperation operation, VolumeStatus status) = _held.Dequeue();
            operation.Complete(status);
        }
    }

    public void Become(VolumeStateKind kind)
    {
        State = new VolumeState(kind, "as the test says");
        foreach (IVolumeObserver observer in _observers.ToArray())
        {
            observer.OnStateChanged(this);
        }
    }

    public void SetAttribute(VolumeAttribute attribute, byte[] value) => _attributes[attribute] = value;

    public void Read(VolumeOperation operation)
    {
        if (Begin(operation, VolumeOperationKind.Read))
        {
            Range(operation).CopyTo(new Span<byte>(operation.Data, (int)operation.LengthBytes));
            End(operation);
        }
    }

    public void Write(VolumeOperation operation)
    {
        if (Begin(operation, VolumeOperationKind.Write))
        {
            new ReadOnlySpan<byte>(operation.Data, (int)operation.LengthBytes).CopyTo(Range(operation));
            End(operation);
        }
    }

    public void CompareAndWrite(VolumeOperation operation) => throw new NotSupportedException();

    public void OrWrite(VolumeOperation operation) => throw new NotSupportedException();

    public void Unmap(VolumeOperation operation) => Clear(operation, VolumeOperationKind.Unmap);

    public void WriteZeroes(VolumeOperation operation) => Clear(operation, VolumeOperationKind.WriteZeroes);

    public void Flush(VolumeOperation operation)
    {
        if (Begin(operation, VolumeOperationKind.Flush))
        {
            End(operation);
        }
    }

    public void MapStatus(VolumeOperation operation) => throw new NotSupportedException();

    public void SetAttribute(VolumeOperation operation)
    {
        if (Begin(operation, VolumeOperationKind.SetAttribute))
        {
            _attributes[operation.Attribute] = new ReadOnlySpan<byte>(operation.Data, (int)operation.LengthBytes).ToArray();
            End(operation);
        }
    }

    public void CryptoErase(VolumeOperation operation)
    {
        if (Begin(operation, VolumeOperationKind.CryptoErase))
        {
            Bytes.Clear();
            End(operation);
        }
    }

    public ReadOnlySpan<byte> GetAttribute(VolumeAttribute attribute) => _attributes.GetValueOrDefault(attribute, []);

    public void AddObserver(IVolumeObserver observer) => _observers.Add(observer);

    public void RemoveObserver(IVolumeObserver observer) => _observers.Remove(observer);

    public void Dispose() => NativeMemory.Free(_bytes);

    private void Clear(VolumeOperation operation, VolumeOperationKind kind)
    {
        if (Begin(operation, kind))
        {
            Range(operation).Clear();
            End(operation);
        }
    }

    // False: it has its answer.
    private bool Begin(VolumeOperation operation, VolumeOperationKind kind)
    {
        operation.Kind = kind;
        bool ranged = kind is VolumeOperationKind.Read or VolumeOperationKind.Write or VolumeOperationKind.Unmap or VolumeOperationKind.WriteZeroes;
        Log.Add((kind, ranged ? operation.OffsetBytes : 0, ranged || kind == VolumeOperationKind.SetAttribute ? operation.LengthBytes : 0));
        VolumeStatus status = Answer(operation);
        if (status == VolumeStatus.Success && ranged && (operation.OffsetBytes < 0 || operation.LengthBytes <= 0 || operation.OffsetBytes > Geometry.SizeBytes - operation.LengthBytes))
        {
            status = VolumeStatus.OutOfRange;
        }

        if (status == VolumeStatus.Success)
        {
            return true;
        }

        Complete(operation, status);
        return false;
    }

    private void End(VolumeOperation operation) => Complete(operation, VolumeStatus.Success);

    private void Complete(VolumeOperation operation, VolumeStatus status)
    {
        if (Holds(operation))
        {
            _held.Enqueue((operation, status));
        }
        else
        {
            operation.Complete(status);
        }
    }

    private Span<byte> Range(VolumeOperation operation) => new(_bytes + operation.OffsetBytes, (int)operation.LengthBytes);
}
