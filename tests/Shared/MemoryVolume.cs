using System.Runtime.InteropServices;
using ActorSan.Storage.Blocks;
using ActorSan.Storage.Threads;

namespace ActorSan.Tests.Shared;

/// <summary>What a <see cref="MemoryVolume"/> is; the defaults are those that the fuzz corpora were made with.</summary>
internal sealed record MemoryVolumeOptions
{
    internal int Blocks { get; init; } = 256;

    internal int BlockBytes { get; init; } = 512;

    internal int PhysicalBlockBytes { get; init; } = 4096;

    /// <summary>Entries of <see cref="MemoryVolume.Log"/>; what comes later is not noted.</summary>
    internal int LogLimit { get; init; } = 1000;

    internal Guid Id { get; init; } = new("5f2d8f5e-6a43-4a39-9d0c-3b6f0d8f1a11");

    internal VolumeCapabilities Capabilities { get; init; } =
        new(Thin: true, 4096, WriteCache: true, ReadOnly: false, CryptoErase: true, Rotational: false, 128 << 10, 64 << 10);
}

/// <summary>
/// A small volume in memory, zero at first. Operations take effect in the order in which they were asked for and are complete before they return, or, while
/// <see cref="Holds"/> is set, wait for <see cref="Release"/>. A test may make the next operation of a kind fail.
/// </summary>
internal sealed unsafe class MemoryVolume : IBlockVolume, IDisposable
{
    private readonly MemoryVolumeOptions _options;
    private readonly int _sizeBytes;
    private readonly byte* _bytes;
    private readonly byte[][] _attributes;
    private readonly bool _ownsBytes;
    private readonly Queue<(VolumeOperation Operation, VolumeOperationKind Kind, VolumeStatus Done)> _held = new();
    private readonly List<IVolumeObserver> _observers = [];
    private (VolumeOperationKind Kind, VolumeStatus Status) _failure;

    internal MemoryVolume(IoThread home, MemoryVolumeOptions? options = null)
    {
        Home = home;
        _options = options ?? new MemoryVolumeOptions();
        _sizeBytes = _options.Blocks * _options.BlockBytes;
        _bytes = (byte*)NativeMemory.AllocZeroed((nuint)_sizeBytes);
        _ownsBytes = true;
        _attributes = [[], [], [], []];
        Geometry = new VolumeGeometry(_sizeBytes, _options.BlockBytes, _options.PhysicalBlockBytes, 0);
    }

    /// <summary>What another node sees of <paramref name="replicated"/>: the same bytes and attributes, with operations and states of its own. Disposed of first.</summary>
    internal MemoryVolume(IoThread home, MemoryVolume replicated)
    {
        Home = home;
        _options = replicated._options;
        _sizeBytes = replicated._sizeBytes;
        _bytes = replicated._bytes;
        _attributes = replicated._attributes;
        Geometry = replicated.Geometry;
    }

    public IoThread Home { get; }

    public string Name => "memory";

    public Guid VolumeId => _options.Id;

    public VolumeGeometry Geometry { get; private set; }

    public VolumeCapabilities Capabilities => _options.Capabilities;

    public bool MayTell { get; set; } = true;

    public VolumeState State { get; private set; } = new(VolumeStateKind.Ready, "");

    internal Span<byte> Bytes => new(_bytes, _sizeBytes);

    /// <summary>Operations wait.</summary>
    internal bool Holds { get; set; }

    /// <summary>Operations are done, but who asked is not told until <see cref="Release"/>.</summary>
    internal bool HoldsAnswers { get; set; }

    /// <summary>How often an attribute was asked for.</summary>
    internal int AttributeReads { get; private set; }

    internal int HeldCount => _held.Count;

    /// <summary>What was done, in order: kind, offset and length in bytes.</summary>
    internal List<(VolumeOperationKind Kind, long OffsetBytes, long LengthBytes, bool Durable)> Log { get; } = [];

    /// <summary>Lets the oldest of the held operations go on.</summary>
    internal void Release(int count = int.MaxValue)
    {
        for (; count > 0 && _held.TryDequeue(out (VolumeOperation Operation, VolumeOperationKind Kind, VolumeStatus Done) held); count--)
        {
            if (held.Done == VolumeStatus.Pending)
            {
                Execute(held.Operation, held.Kind);
            }
            else
            {
                held.Operation.Complete(held.Done);
            }
        }
    }

    /// <summary>Everything that waits, done or not, ends so: as on a node that is primary no more, or whose volume has gone.</summary>
    internal void EndHeld(VolumeStatus status = VolumeStatus.Deposed)
    {
        for (int left = _held.Count; left > 0; left--)
        {
            _held.Dequeue().Operation.Complete(status);
        }
    }

    /// <summary>One bit of it is another one from now on.</summary>
    internal void DamageAttribute(VolumeAttribute attribute) => _attributes[(int)attribute][^1] ^= 1;

    /// <summary>The process is gone: nobody is told of what waits, and what was not done is not done.</summary>
    internal void Kill() => _held.Clear();

    /// <summary>The next operation of that kind ends so, and does nothing.</summary>
    internal void FailNext(VolumeOperationKind kind, VolumeStatus status) => _failure = (kind, status);

    internal void Become(VolumeStateKind kind)
    {
        State = new VolumeState(kind, "the test says so");
        _observers.ToList().ForEach(observer => observer.OnStateChanged(this));
    }

    /// <summary>Not above the size that it was made with.</summary>
    internal void Resize(int blocks)
    {
        Geometry = Geometry with { SizeBytes = (long)blocks * _options.BlockBytes };
        _observers.ToList().ForEach(observer => observer.OnResized(this));
    }

    public void Read(VolumeOperation operation) => Begin(operation, VolumeOperationKind.Read);

    public void Write(VolumeOperation operation) => Begin(operation, VolumeOperationKind.Write);

    public void CompareAndWrite(VolumeOperation operation) => Begin(operation, VolumeOperationKind.CompareAndWrite);

    public void OrWrite(VolumeOperation operation) => Begin(operation, VolumeOperationKind.OrWrite);

    public void Unmap(VolumeOperation operation) => Begin(operation, VolumeOperationKind.Unmap);

    public void WriteZeroes(VolumeOperation operation) => Begin(operation, VolumeOperationKind.WriteZeroes);

    public void Flush(VolumeOperation operation) => Begin(operation, VolumeOperationKind.Flush);

    public void MapStatus(VolumeOperation operation) => Begin(operation, VolumeOperationKind.MapStatus);

    public void SetAttribute(VolumeOperation operation) => Begin(operation, VolumeOperationKind.SetAttribute);

    public void CryptoErase(VolumeOperation operation) => Begin(operation, VolumeOperationKind.CryptoErase);

    public ReadOnlySpan<byte> GetAttribute(VolumeAttribute attribute)
    {
        AttributeReads++;
        return _attributes[(int)attribute];
    }

    public void AddObserver(IVolumeObserver observer) => _observers.Add(observer);

    public void RemoveObserver(IVolumeObserver observer) => _observers.Remove(observer);

    public void Dispose()
    {
        if (_ownsBytes)
        {
            NativeMemory.Free(_bytes);
        }
    }

    private void Begin(VolumeOperation operation, VolumeOperationKind kind)
    {
        if (!Home.IsCurrent)
        {
            throw new InvalidOperationException($"{kind} was asked for on another thread than the volume's home");
        }

        operation.Kind = kind;
        if (Holds)
        {
            _held.Enqueue((operation, kind, VolumeStatus.Pending));
        }
        else
        {
            Execute(operation, kind);
        }
    }

    private void Execute(VolumeOperation operation, VolumeOperationKind kind)
    {
        if (Log.Count < _options.LogLimit)
        {
            Log.Add((kind, operation.OffsetBytes, operation.LengthBytes, operation.ForceUnitAccess));
        }

        if (_failure.Kind == kind)
        {
            VolumeStatus status = _failure.Status;
            _failure = default;
            operation.Complete(status);
            return;
        }

        bool ranged = kind is not (VolumeOperationKind.Flush or VolumeOperationKind.SetAttribute or VolumeOperationKind.CryptoErase);
        VolumeStatus done = ranged && !Fits(operation) ? VolumeStatus.OutOfRange : Do(operation, kind);
        if (HoldsAnswers)
        {
            _held.Enqueue((operation, kind, done));
        }
        else
        {
            operation.Complete(done);
        }
    }

    private VolumeStatus Do(VolumeOperation operation, VolumeOperationKind kind)
    {
        switch (kind)
        {
            case VolumeOperationKind.Read:
                Range(operation).CopyTo(new Span<byte>(operation.Data, (int)operation.LengthBytes));
                break;
            case VolumeOperationKind.Write:
                new ReadOnlySpan<byte>(operation.Data, (int)operation.LengthBytes).CopyTo(Range(operation));
                break;
            case VolumeOperationKind.CompareAndWrite:
                return DoCompareAndWrite(operation);
            case VolumeOperationKind.OrWrite:
                for (int i = 0; i < operation.LengthBytes; i++)
                {
                    _bytes[operation.OffsetBytes + i] |= operation.Data[i];
                }

                break;
            case VolumeOperationKind.Unmap or VolumeOperationKind.WriteZeroes:
                Range(operation).Clear();
                break;
            case VolumeOperationKind.MapStatus:
                operation.ResultLengthBytes = operation.LengthBytes;
                operation.ResultMapped = Range(operation).ContainsAnyExcept((byte)0);
                break;
            case VolumeOperationKind.SetAttribute:
                if (operation.LengthBytes > Capabilities.MaxAttributeBytes)
                {
                    throw new InvalidOperationException($"an attribute of {operation.LengthBytes} bytes was set");
                }

                _attributes[(int)operation.Attribute] = new ReadOnlySpan<byte>(operation.Data, (int)operation.LengthBytes).ToArray();
                break;
            case VolumeOperationKind.CryptoErase:
                Bytes.Clear();
                break;
            default:
                break;
        }

        return VolumeStatus.Success;
    }

    private VolumeStatus DoCompareAndWrite(VolumeOperation operation)
    {
        int bytes = (int)operation.LengthBytes;
        int same = Range(operation).CommonPrefixLength(new ReadOnlySpan<byte>(operation.Data, bytes));
        if (same < bytes)
        {
            operation.ResultOffsetBytes = same;
            return VolumeStatus.Miscompare;
        }

        new ReadOnlySpan<byte>(operation.Data + bytes, bytes).CopyTo(Range(operation));
        return VolumeStatus.Success;
    }

    private bool Fits(VolumeOperation operation) =>
        operation.OffsetBytes >= 0
        && operation.LengthBytes >= 0
        && operation.OffsetBytes <= Geometry.SizeBytes - operation.LengthBytes
        && (operation.OffsetBytes | operation.LengthBytes) % _options.BlockBytes == 0;

    private Span<byte> Range(VolumeOperation operation) => new(_bytes + operation.OffsetBytes, (int)operation.LengthBytes);
}
