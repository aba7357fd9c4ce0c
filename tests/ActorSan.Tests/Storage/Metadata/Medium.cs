using ActorSan.Storage.Buffers;
using ActorSan.Storage.Metadata;
using ActorSan.Storage.Stores;
using ActorSan.Storage.Threads;

namespace ActorSan.Tests.Storage.Metadata;

/// <summary>
/// A medium that knows what is durable: a write is pending from its submission until it is durable, and a power loss keeps any of its sectors. The same bytes are seen as a
/// handle and as a store.
/// </summary>
internal sealed class Medium(int sizeBytes, bool file = false, int sectorBytes = 512)
{
    private readonly List<(long Offset, byte[] Bytes)> _pending = [];
    private byte[] _seen = new byte[sizeBytes];
    private byte[] _durable = new byte[sizeBytes];
    private byte[] _left = [];

    public int SectorBytes => sectorBytes;

    public bool IsFile => file;

    public bool ReadOnly { get; set; }

    public bool HoldsBack { get; set; }

    /// <summary>How long a store can be made on it.</summary>
    public long RoomBytes { get; set; } = long.MaxValue;

    /// <summary>Sectors that cannot be read.</summary>
    public HashSet<long> BadSectors { get; } = [];

    /// <summary>Called while something is pending, before it becomes durable: the moment at which a test cuts.</summary>
    public Action? BeforeDurable { get; set; }

    /// <summary>How the next durable write of the store ends; the bytes of it that reach the medium are those of the given number of sectors.</summary>
    public Queue<(StoreStatus Status, int Sectors)> Faults { get; } = new();

    public int Writes { get; private set; }

    public byte[] Bytes => _seen;

    public int SizeBytes => _seen.Length;

    /// <summary>Takes the bytes as its own. It is not to be cut: what is written is durable at once.</summary>
    public static Medium Holding(byte[] bytes, bool file = false) => new(0, file) { _seen = bytes, _durable = bytes };

    /// <summary>The same bytes once more, for tests that go on with them.</summary>
    public Medium Copy() => new(0, file, sectorBytes) { _seen = (byte[])_seen.Clone(), _durable = (byte[])_durable.Clone() };

    public MediumHandle Open() => new(this);

    /// <summary>
    /// What a power loss now may leave: for each pending write none, all, the first k, the last k, one alone and all but one of its sectors; the others wholly there or wholly
    /// absent. One array, filled anew for each: a test may change it, not keep it.
    /// </summary>
    public IEnumerable<byte[]> PowerLosses()
    {
        for (int cut = 0; cut < _pending.Count; cut++)
        {
            for (int others = 0; others < (_pending.Count == 1 ? 1 : 2); others++)
            {
                foreach (Func<int, bool> keeps in Cuts(_pending[cut].Bytes.Length / sectorBytes))
                {
                    _left = _left.Length == _durable.Length ? _left : new byte[_durable.Length];
                    byte[] left = _left;
                    _durable.CopyTo(left, 0);
                    for (int i = 0; i < _pending.Count; i++)
                    {
                        (long offset, byte[] bytes) = _pending[i];
                        for (int sector = 0; sector * sectorBytes < bytes.Length; sector++)
                        {
                            if (i == cut ? keeps(sector) : others == 1)
                            {
                                bytes.AsSpan(sector * sectorBytes, sectorBytes).CopyTo(left.AsSpan((int)offset + (sector * sectorBytes)));
                            }
                        }
                    }

                    yield return left;
                }
            }
        }
    }

    public void Put(long offset, ReadOnlySpan<byte> bytes)
    {
        Assert(offset % sectorBytes == 0 && bytes.Length % sectorBytes == 0 && offset + bytes.Length <= _seen.Length, "a write that does not fit the medium");
        Assert(!ReadOnly, "a write to a medium for reading only");
        Writes++;
        bytes.CopyTo(_seen.AsSpan((int)offset));
        _pending.Add((offset, bytes.ToArray()));
    }

    public void MakeDurable()
    {
        if (_pending.Count > 0)
        {
            BeforeDurable?.Invoke();
            foreach ((long offset, byte[] bytes) in _pending)
            {
                bytes.CopyTo(_durable, offset);
            }

            _pending.Clear();
        }
    }

    public void MakeDurable(long offset, int lengthBytes)
    {
        BeforeDurable?.Invoke();
        int index = _pending.FindIndex(write => write.Offset == offset && write.Bytes.Length == lengthBytes);
        _pending[index].Bytes.CopyTo(_durable, offset);
        _pending.RemoveAt(index);
    }

    /// <summary>A write that the medium answered with an error: some of it is there, and stays.</summary>
    public void Fail(long offset, int lengthBytes, int sectors)
    {
        int index = _pending.FindIndex(write => write.Offset == offset && write.Bytes.Length == lengthBytes);
        _pending[index].Bytes.AsSpan(0, sectors * sectorBytes).CopyTo(_durable.AsSpan((int)offset));
        _pending.RemoveAt(index);
        _durable.AsSpan((int)offset, lengthBytes).CopyTo(_seen.AsSpan((int)offset));
    }

    public void SetSize(long bytes)
    {
        MakeDurable();
        Array.Resize(ref _seen, (int)bytes);
        Array.Resize(ref _durable, (int)bytes);
    }

    private static IEnumerable<Func<int, bool>> Cuts(int sectors)
    {
        yield return _ => false;
        yield return _ => true;

        // Of long writes not every cut: the ends, where headers lie, and some of the middle.
        int[] places = [.. Enumerable.Range(0, sectors).Where(sector => sector < 9 || sector >= sectors - 2 || sector % 37 == 0)];
        foreach (int k in places)
        {
            yield return sector => sector < k;
            yield return sector => sector > k;
            yield return sector => sector == k;
            yield return sector => sector != k;
        }
    }

    private static void Assert(bool holds, string what)
    {
        if (!holds)
        {
            throw new InvalidOperationException(what);
        }
    }
}

internal sealed class MediumHandle(Medium medium) : IStoreHandle
{
    public string Description => "/stores/disk0.store";

    public StoreTraits Traits => new(medium.SizeBytes, medium.SectorBytes, 4096, VolatileCache: true, medium.ReadOnly, Rotational: false);

    public bool CanGrow => medium.IsFile && !medium.ReadOnly;

    public void ReadAt(long offsetBytes, Span<byte> destination)
    {
        long end = offsetBytes + destination.Length;
        if (medium.BadSectors.Any(sector => (sector + 1) * medium.SectorBytes > offsetBytes && sector * medium.SectorBytes < end))
        {
            throw new StoreException(StoreFault.Io, "a bad sector");
        }

        medium.Bytes.AsSpan((int)offsetBytes, destination.Length).CopyTo(destination);
    }

    public void WriteAt(long offsetBytes, ReadOnlySpan<byte> source)
    {
        medium.Put(offsetBytes, source);
        medium.MakeDurable(offsetBytes, source.Length);
    }

    // Not durable until a sync, as with a file.
    public void ZeroAt(long offsetBytes, long lengthBytes, bool allocate) => medium.Put(offsetBytes, new byte[lengthBytes]);

    public bool IsZero(long offsetBytes, long lengthBytes) => !medium.Bytes.AsSpan((int)offsetBytes, (int)lengthBytes).ContainsAnyExcept((byte)0);

    public void SetSize(long sizeBytes) => medium.SetSize(sizeBytes);

    public void Sync() => medium.MakeDurable();

    public IStore Attach(IoThread home) => throw new NotSupportedException();

    public void Dispose()
    {
    }
}

/// <summary>Ends a request within its call, or, when the medium holds back, at <see cref="EndOne"/>.</summary>
internal sealed unsafe class MediumStore(Medium medium) : IStore
{
    private readonly List<StoreRequest> _waiting = [];

    public IoThread Home => throw new NotSupportedException();

    public StoreTraits Traits => new(medium.SizeBytes, medium.SectorBytes, 4096, VolatileCache: true, medium.ReadOnly, Rotational: false);

    public string Description => "medium";

    public int WaitingCount => _waiting.Count;

    public void Read(StoreRequest request) => throw new NotSupportedException();

    public void Write(StoreRequest request)
    {
        Xunit.Assert.True(request.Durable, "what the metadata area writes is durable before it is told");
        medium.Put(request.OffsetBytes, new ReadOnlySpan<byte>(request.Data, (int)request.LengthBytes));
        _waiting.Add(request);
        if (!medium.HoldsBack)
        {
            EndOne(0);
        }
    }

    public void Zero(StoreRequest request) => throw new NotSupportedException();

    public void Provision(StoreRequest request) => throw new NotSupportedException();

    public void Extend(StoreRequest request)
    {
        if (Math.Max(medium.SizeBytes, request.OffsetBytes + request.LengthBytes) is var size && size > medium.RoomBytes)
        {
            request.End(StoreStatus.NoSpace, 28);
            return;
        }

        medium.SetSize(size);
        request.End(StoreStatus.Success);
    }

    public void Flush(StoreRequest request) => throw new NotSupportedException();

    public void MapStatus(StoreRequest request) => throw new NotSupportedException();

    public void Close(IoMessage? closed) => closed?.Run();

    public void EndOne(int index)
    {
        StoreRequest request = _waiting[index];
        _waiting.RemoveAt(index);
        if (medium.Faults.TryDequeue(out (StoreStatus Status, int Sectors) fault))
        {
            medium.Fail(request.OffsetBytes, (int)request.LengthBytes, fault.Sectors);
            request.End(fault.Status, 5);
            return;
        }

        medium.MakeDurable(request.OffsetBytes, (int)request.LengthBytes);
        request.End(StoreStatus.Success);
    }
}

/// <summary>A request whose bytes it owns; tells how it ended.</summary>
internal sealed unsafe class TestRequest : MetadataRequest, IDisposable
{
    private readonly byte* _memory;

    public TestRequest(ReadOnlySpan<byte> bytes)
    {
        _memory = (byte*)System.Runtime.InteropServices.NativeMemory.AlignedAlloc((nuint)Math.Max(1, bytes.Length), BufferPool.MinBufferBytes);
        bytes.CopyTo(new Span<byte>(_memory, bytes.Length));
        Data = _memory;
        LengthBytes = bytes.Length;
    }

    public int Ended { get; private set; }

    public Action? WhenEnded { get; set; }

    public void Dispose() => System.Runtime.InteropServices.NativeMemory.AlignedFree(_memory);

    protected internal override void OnEnded()
    {
        Ended++;
        WhenEnded?.Invoke();
    }
}

/// <summary>Formats whose every byte is known beforehand.</summary>
internal static class Known
{
    public const int VolumeBytes = 64 << 10;
    public const int StoreBytes = (2 << 20) + VolumeBytes;

    public static readonly Guid VolumeId = new("6d2c1b5a-0f3e-4a7b-9c8d-112233445566");

    /// <summary>A volume of 64 KiB with the small area.</summary>
    public static FormatRequest Request { get; } = new()
    {
        SizeBytes = VolumeBytes,
        GrowLimitBytes = 1 << 20,
        Label = "disk0",
        VolumeId = VolumeId,
        Created = new DateTimeOffset(2026, 1, 2, 3, 4, 5, 678, TimeSpan.Zero),
        Random = new Counter().Fill,
    };

    public static NodeKey NodeKey { get; } = NodeKey.FromFile(Enumerable.Range(1, 32).Select(i => (byte)i).ToArray(), "node.key");

    public static NodeKey OtherKey { get; } = NodeKey.FromFile(Enumerable.Range(2, 32).Select(i => (byte)i).ToArray(), "other.key");

    public static FormatRequest Encrypted => Request with { EncryptionKey = NodeKey, Random = new Counter().Fill };

    /// <summary>A formatted store in memory of its own.</summary>
    public static Medium Formatted(FormatRequest? request = null)
    {
        var medium = new Medium(StoreBytes);
        VolumeFormat.Format(medium.Open(), request ?? Request with { Random = new Counter().Fill });
        return medium;
    }

    /// <summary>What Load says, or the fault that it threw.</summary>
    public static (VolumeMetadata? Loaded, StoreException? Fault) TryLoad(Medium medium, NodeKey? key = null, VolumeExpectation? expectation = null)
    {
        try
        {
            return (VolumeMetadata.Load(medium.Open(), expectation ?? new VolumeExpectation(), key), null);
        }
        catch (StoreException fault)
        {
            return (null, fault);
        }
    }

    public static IVolumeMetadata Attached(Medium medium, out MediumStore store, NodeKey? key = null)
    {
        store = new MediumStore(medium);
        return VolumeMetadata.Load(medium.Open(), new VolumeExpectation(), key).Attach(store);
    }

    private sealed class Counter
    {
        private byte _next = 1;

        public void Fill(Span<byte> destination)
        {
            foreach (ref byte value in destination)
            {
                value = _next++;
            }
        }
    }
}
