using ActorSan.Replication.Core.Engine;
using ActorSan.Replication.Core.Formats;
using ActorSan.Replication.Core.Ports;
using ActorSan.Storage.Blocks;
using ActorSan.Storage.Metadata;
using ActorSan.Storage.Stores;
using ActorSan.Storage.Threads;

namespace ActorSan.Tests.Shared.Engines;

/// <summary>What was submitted and ends at the next turn, all of it in one batch and in order: an I/O thread's completions without a kernel.</summary>
internal sealed class QuietTurns
{
    private readonly Queue<StoreRequest> _requests = new(1024);
    private readonly Queue<MetadataRequest> _metadata = new(1024);
    private readonly Queue<PageWrite> _pages = new(64);

    public void Add(StoreRequest request) => _requests.Enqueue(request);

    public void Add(MetadataRequest request) => _metadata.Enqueue(request);

    public void Add(PageWrite page) => _pages.Enqueue(page);

    /// <summary>False: there was nothing to end. What is submitted meanwhile waits for the next turn.</summary>
    public bool Turn()
    {
        int requests = _requests.Count;
        int metadata = _metadata.Count;
        int pages = _pages.Count;
        for (int i = 0; i < pages; i++)
        {
            _pages.Dequeue().End(StoreStatus.Success);
        }

        for (int i = 0; i < metadata; i++)
        {
            _metadata.Dequeue().End(StoreStatus.Success);
        }

        for (int i = 0; i < requests; i++)
        {
            _requests.Dequeue().End(StoreStatus.Success);
        }

        return requests + metadata + pages > 0;
    }
}

/// <summary>A store that has no bytes and never fails.</summary>
internal sealed class QuietStore(QuietTurns turns, long sizeBytes) : IStore
{
    public IoThread Home => throw new NotSupportedException("a quiet store has no thread");

    public StoreTraits Traits { get; } = new(sizeBytes, 512, 4096, VolatileCache: true, ReadOnly: false, Rotational: false);

    public string Description => "nothing";

    public void Read(StoreRequest request) => turns.Add(request);

    public void Write(StoreRequest request) => turns.Add(request);

    public void Zero(StoreRequest request) => turns.Add(request);

    public void Provision(StoreRequest request) => turns.Add(request);

    public void Flush(StoreRequest request) => turns.Add(request);

    public void MapStatus(StoreRequest request) => turns.Add(request);

    public void Close(IoMessage? closed) => throw new NotSupportedException("a quiet store is not closed");
}

/// <summary>A metadata area that was just formatted and keeps nothing.</summary>
internal sealed class QuietMetadata(QuietTurns turns, Guid volumeId, long sizeBytes) : IReplicaMetadata
{
    public bool WasClean => true;

    public Guid VolumeId => volumeId;

    public VolumeGeometry Geometry => new(sizeBytes, 512, 4096, 0);

    public long DataOffsetBytes => 1 << 20;

    public int MaxAttributeBytes => 32 << 10;

    public int RedoSlotBytes => 64 << 10;

    public int RedoSlotCount => 4;

    public ReadOnlySpan<byte> DataKey => default;

    public ReadOnlySpan<byte> GetAttribute(VolumeAttribute attribute) => default;

    public int PageCount(ReplicaPageKind kind) => 1;

    public int PageContentBytes(ReplicaPageKind kind) => kind == ReplicaPageKind.Configuration ? ConfigurationCodec.MaxBytes : WriteIntentPage.Bytes;

    public ReadOnlySpan<byte> LoadedPage(ReplicaPageKind kind, int peer, int index, out PageHealth health)
    {
        health = PageHealth.Blank;
        return default;
    }

    public void WritePage(PageWrite request) => turns.Add(request);

    public void SetAttribute(MetadataRequest request) => turns.Add(request);

    public void WriteRedo(MetadataRequest request) => turns.Add(request);

    public void ClearRedo(MetadataRequest request) => turns.Add(request);

    public void MarkDirty(MetadataRequest request) => turns.Add(request);

    public void MarkClean(MetadataRequest request) => turns.Add(request);

    public long GrowLimitBytes => sizeBytes;

    public void Extend(MetadataRequest request) => throw new NotSupportedException("a quiet volume does not grow");

    public void SetSize(MetadataRequest request) => throw new NotSupportedException("a quiet volume does not grow");

    public void ReplaceDataKey(MetadataRequest request) => throw new NotSupportedException("a quiet volume is not encrypted");
}

/// <summary>Time that stands still, timers that never fire, ids that count.</summary>
internal sealed class QuietTime : IClock, ITimers, IChance
{
    private int _ids;

    public long NowNs => 1_000_000_000;

    public void Set(CoreTimer timer, long atNs)
    {
    }

    public void Cancel(CoreTimer timer)
    {
    }

    public Guid NewId() => new(++_ids, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1);

    public double NextDouble() => 0.5;
}

/// <summary>Counts what an engine tells by kind, and keeps the last of each.</summary>
internal sealed class QuietEvents : IEngineEvents
{
    private readonly Dictionary<Type, EngineEvent> _last = [];

    public void Post(EngineEvent happened) => _last[happened.GetType()] = happened;

    public T? Last<T>()
        where T : EngineEvent => _last.GetValueOrDefault(typeof(T)) as T;
}
