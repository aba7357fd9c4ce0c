using ActorSan.Storage.Blocks;
using ActorSan.Storage.Buffers;
using ActorSan.Storage.Metadata;
using ActorSan.Storage.Stores;
using ActorSan.Storage.Threads;

namespace ActorSan.Tests.Storage.Volumes;

/// <summary>An I/O thread that gives buffers and nothing else.</summary>
internal sealed class BuffersOnlyThread(long bytes) : InertIoThread(new IoThreadOptions { Name = "test", Index = 0 }, null)
{
    private readonly BufferPool _buffers = new(bytes);

    public override BufferPool Buffers => _buffers;

    public override IoThreadCounters ReadCounters() => default;

    public override void Start()
    {
    }

    public override void Stop()
    {
    }

    public override bool Join(TimeSpan timeout) => true;

    protected override void Dispose(bool disposing) => _buffers.Dispose();
}

/// <summary>
/// A disk with a volatile cache: what is asked for waits until the test lets it happen, in any order; what was not flushed is lost, sector by sector, at
/// <see cref="LosePower"/>. Reads take their bytes, and writes take effect, when they are let happen.
/// </summary>
internal sealed unsafe class ModelStore(IoThread home, int sizeBytes, Random random) : IStore
{
    internal const int SectorBytes = 512;
    private readonly byte[] _cached = new byte[sizeBytes];
    private readonly byte[] _durable = new byte[sizeBytes];
    private readonly List<(string What, StoreRequest Request)> _waiting = [];

    public IoThread Home => home;

    public StoreTraits Traits { get; init; } = new(sizeBytes, SectorBytes, 4096, VolatileCache: true, ReadOnly: false, Rotational: false);

    public string Description => "model";

    /// <summary>Set by a test: how the next request of that kind ends.</summary>
    internal Dictionary<string, StoreStatus> Faults { get; } = new(StringComparer.Ordinal);

    internal int Flushes { get; private set; }

    internal int WaitingCount => _waiting.Count;

    internal bool IsClosed { get; private set; }

    internal ReadOnlySpan<byte> Durable => _durable;

    internal Span<byte> Cached => _cached;

    public void Read(StoreRequest request) => _waiting.Add((nameof(Read), request));

    public void Write(StoreRequest request) => _waiting.Add((nameof(Write), request));

    public void Zero(StoreRequest request) => _waiting.Add((nameof(Zero), request));

    public void Provision(StoreRequest request) => _waiting.Add((nameof(Provision), request));

    public void Flush(StoreRequest request) => _waiting.Add((nameof(Flush), request));

    public void MapStatus(StoreRequest request) => _waiting.Add((nameof(MapStatus), request));

    public void Close(IoMessage? closed)
    {
        Assert(!IsClosed && _waiting.Count == 0, "closed with requests waiting");
        IsClosed = true;
        closed?.Run();
    }

    /// <summary>One request, chosen at random, happens.</summary>
    internal bool LetOneHappen()
    {
        if (_waiting.Count == 0)
        {
            return false;
        }

        int chosen = random.Next(_waiting.Count);
        (string what, StoreRequest request) = _waiting[chosen];
        _waiting.RemoveAt(chosen);
        if (Faults.Remove(what, out StoreStatus fault))
        {
            if (what == nameof(Write))
            {
                // Some of its sectors made it.
                for (long at = 0; at < request.LengthBytes; at += SectorBytes)
                {
                    if (random.Next(2) == 0)
                    {
                        new ReadOnlySpan<byte>(request.Data + at, SectorBytes).CopyTo(_cached.AsSpan((int)(request.OffsetBytes + at)));
                    }
                }
            }

            request.End(fault, 5);
            return true;
        }

        var range = new Range((int)request.OffsetBytes, (int)(request.OffsetBytes + request.LengthBytes));
        switch (what)
        {
            case nameof(Read):
                _cached.AsSpan(range).CopyTo(new Span<byte>(request.Data, (int)request.LengthBytes));
                break;
            case nameof(Write):
                new ReadOnlySpan<byte>(request.Data, (int)request.LengthBytes).CopyTo(_cached.AsSpan(range));
                break;
            case nameof(Zero):
                _cached.AsSpan(range).Clear();
                break;
            case nameof(Flush):
                Flushes++;
                _cached.CopyTo(_durable, 0);
                break;
            case nameof(MapStatus):
                request.ResultLengthBytes = request.LengthBytes;
                request.ResultMapped = true;
                break;
            default:
                break;
        }

        if (request.Durable && what is nameof(Write) or nameof(Zero))
        {
            _cached.AsSpan(range).CopyTo(_durable.AsSpan(range));
        }

        request.End(StoreStatus.Success);
        return true;
    }

    /// <summary>What the medium has afterwards: of everything not flushed, and of what was being written, any subset of sectors.</summary>
    internal byte[] LosePower()
    {
        foreach ((string what, StoreRequest request) in _waiting)
        {
            if (what is nameof(Write) or nameof(Zero))
            {
                for (long at = 0; at < request.LengthBytes; at += SectorBytes)
                {
                    if (random.Next(2) == 0)
                    {
                        Span<byte> sector = _durable.AsSpan((int)(request.OffsetBytes + at), SectorBytes);
                        if (what == nameof(Zero))
                        {
                            sector.Clear();
                        }
                        else
                        {
                            new ReadOnlySpan<byte>(request.Data + at, SectorBytes).CopyTo(sector);
                        }
                    }
                }
            }
        }

        for (int at = 0; at < _durable.Length; at += SectorBytes)
        {
            if (random.Next(2) == 0)
            {
                _cached.AsSpan(at, SectorBytes).CopyTo(_durable.AsSpan(at));
            }
        }

        return _durable;
    }

    private static void Assert(bool holds, string what)
    {
        if (!holds)
        {
            throw new InvalidOperationException(what);
        }
    }
}

/// <summary>A metadata area that answers when the test lets it; what it has answered is durable.</summary>
internal sealed unsafe class ModelMetadata(VolumeGeometry geometry, Random random) : IVolumeMetadata
{
    private readonly Dictionary<VolumeAttribute, byte[]> _attributes = [];
    private readonly List<(string What, MetadataRequest Request)> _waiting = [];
    private readonly (long Offset, byte[] Bytes)?[] _slots = new (long, byte[])?[2];

    public Guid VolumeId { get; } = new("0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9");

    public VolumeGeometry Geometry => geometry;

    public long DataOffsetBytes => 0;

    public int MaxAttributeBytes => 4096;

    public int RedoSlotBytes => 16384;

    public int RedoSlotCount => _slots.Length;

    public ReadOnlySpan<byte> DataKey => default;

    internal bool IsClean { get; private set; } = true;

    internal int WaitingCount => _waiting.Count;

    internal Dictionary<string, StoreStatus> Faults { get; } = new(StringComparer.Ordinal);

    internal IEnumerable<(long Offset, byte[] Bytes)> UsedSlots => _slots.Where(slot => slot is not null).Select(slot => slot!.Value);

    public ReadOnlySpan<byte> GetAttribute(VolumeAttribute attribute) => _attributes.GetValueOrDefault(attribute) ?? [];

    public void SetAttribute(MetadataRequest request) => _waiting.Add((nameof(SetAttribute), request));

    public void WriteRedo(MetadataRequest request) => _waiting.Add((nameof(WriteRedo), request));

    public void ClearRedo(MetadataRequest request) => _waiting.Add((nameof(ClearRedo), request));

    public void MarkDirty(MetadataRequest request) => _waiting.Add((nameof(MarkDirty), request));

    public void MarkClean(MetadataRequest request) => _waiting.Add((nameof(MarkClean), request));

    public void ReplaceDataKey(MetadataRequest request) => throw new NotSupportedException();

    internal bool LetOneHappen()
    {
        if (_waiting.Count == 0)
        {
            return false;
        }

        int chosen = random.Next(_waiting.Count);
        (string what, MetadataRequest request) = _waiting[chosen];
        _waiting.RemoveAt(chosen);
        if (Faults.Remove(what, out StoreStatus fault))
        {
            request.End(fault);
            return true;
        }

        switch (what)
        {
            case nameof(SetAttribute):
                _attributes[request.Attribute] = new ReadOnlySpan<byte>(request.Data, (int)request.LengthBytes).ToArray();
                break;
            case nameof(WriteRedo):
                if (_slots[request.Slot] is not null)
                {
                    throw new InvalidOperationException("a slot in use was written");
                }

                _slots[request.Slot] = (request.OffsetBytes, new ReadOnlySpan<byte>(request.Data, (int)request.LengthBytes).ToArray());
                break;
            case nameof(ClearRedo):
                _slots[request.Slot] = null;
                break;
            case nameof(MarkDirty):
                IsClean = false;
                break;
            case nameof(MarkClean):
                IsClean = true;
                break;
            default:
                break;
        }

        request.End(StoreStatus.Success);
        return true;
    }
}
