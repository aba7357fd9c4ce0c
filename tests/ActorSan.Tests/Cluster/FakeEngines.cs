using System.Collections.Concurrent;
using System.Net;
using ActorSan.Cluster.Engines;
using ActorSan.Cluster.Settings;
using ActorSan.Iscsi;
using ActorSan.Scsi;
using ActorSan.Storage.Blocks;
using ActorSan.Storage.Threads;

namespace ActorSan.Tests.Cluster;

/// <summary>Engines that do at once what they are asked, keep a diary of it in order, and fail where a test says so.</summary>
internal sealed class FakeEngines : IVolumeEngine, IIscsiEngine
{
    public ConcurrentQueue<string> Diary { get; } = new();

    public ConcurrentDictionary<int, FakeIoThread> Threads { get; } = new();

    public ConcurrentDictionary<string, FakeOpenVolume> Open { get; } = new(StringComparer.Ordinal);

    /// <summary>Name to the failures of its next openings.</summary>
    public ConcurrentDictionary<string, ConcurrentQueue<Exception>> OpenFailures { get; } = new(StringComparer.Ordinal);

    public ConcurrentDictionary<string, TargetSettings> Targets { get; } = new(StringComparer.Ordinal);

    public IIscsiEvents? Events { get; private set; }

    public Exception? ListenFailure { get; set; }

    public int? ThreadThatFailsToStart { get; init; }

    public int? ThreadThatHangs { get; init; }

    /// <summary>Sessions that never end: the drain does not complete.</summary>
    public bool SessionsLinger { get; init; }

    public string? CloseFailure { get; set; }

    public NodeEngines Engines => new(Make, this, this);

    Task<IOpenVolume> IVolumeEngine.Open(VolumeSettings settings, IoThread home, IVolumeObserver observer)
    {
        Diary.Enqueue($"open {settings.Name} on {home.Options.Index}");
        if (OpenFailures.TryGetValue(settings.Name, out ConcurrentQueue<Exception>? failures) && failures.TryDequeue(out Exception? failure))
        {
            return Task.FromException<IOpenVolume>(failure);
        }

        FakeOpenVolume volume = new(this, settings, home, observer);
        Open[settings.Name] = volume;
        return Task.FromResult<IOpenVolume>(volume);
    }

    public void Start(IReadOnlyList<IoThread> threads, IIscsiEvents events)
    {
        Diary.Enqueue($"iscsi on {threads.Count}");
        Events = events;
    }

    public Task<IPEndPoint> Listen(PortalSettings portal)
    {
        Diary.Enqueue($"listen {portal.Address}");
        return ListenFailure is { } failure ? Task.FromException<IPEndPoint>(failure) : Task.FromResult(new IPEndPoint(portal.Address.Address, 51000));
    }

    public Task SetTarget(TargetSettings target)
    {
        Diary.Enqueue($"target {target.Name} [{string.Join(',', target.Luns.Keys)}]");
        Targets[target.Name] = target;
        return Task.CompletedTask;
    }

    public Task RemoveTarget(string name)
    {
        Targets.TryRemove(name, out _);
        return Task.CompletedTask;
    }

    public void Kick(long sessionId, string why) => Diary.Enqueue($"kick {sessionId}");

    public Task Stop(TimeSpan drain)
    {
        Diary.Enqueue("drain");
        return SessionsLinger ? new TaskCompletionSource().Task : Task.CompletedTask;
    }

    private FakeIoThread Make(IoThreadOptions options, IIoThreadEvents events) => Threads[options.Index] = new FakeIoThread(options, events)
    {
        FailsToStart = ThreadThatFailsToStart == options.Index ? new InvalidOperationException("no ring to be had") : null,
        Hangs = ThreadThatHangs == options.Index,
    };
}

internal sealed class FakeOpenVolume(FakeEngines engines, VolumeSettings settings, IoThread home, IVolumeObserver observer) : IOpenVolume
{
    private readonly FakeUnit _unit = new();

    public FakeVolume Fake { get; } = new(settings, home);

    public IBlockVolume Volume => Fake;

    public LogicalUnit UnitOf(LunConfiguration lun) => _unit;

    public Task Close()
    {
        engines.Diary.Enqueue($"close {settings.Name}");
        return engines.CloseFailure is { } fault ? Task.FromException(new IOException(fault)) : Task.CompletedTask;
    }

    public void Become(VolumeState state)
    {
        Fake.State = state;
        observer.OnStateChanged(Fake);
    }
}

internal sealed class FakeVolume(VolumeSettings settings, IoThread home) : IBlockVolume
{
    public IoThread Home => home;

    public string Name => settings.Name;

    public Guid VolumeId { get; } = Guid.NewGuid();

    public VolumeGeometry Geometry { get; } = new(settings.SizeBytes ?? 0, settings.LogicalBlockBytes, settings.PhysicalBlockBytes, 0);

    public VolumeCapabilities Capabilities => throw new NotSupportedException();

    public VolumeState State { get; set; } = new(VolumeStateKind.Ready, "open");

    public void Read(VolumeOperation operation) => throw new NotSupportedException();

    public void Write(VolumeOperation operation) => throw new NotSupportedException();

    public void CompareAndWrite(VolumeOperation operation) => throw new NotSupportedException();

    public void OrWrite(VolumeOperation operation) => throw new NotSupportedException();

    public void Unmap(VolumeOperation operation) => throw new NotSupportedException();

    public void WriteZeroes(VolumeOperation operation) => throw new NotSupportedException();

    public void Flush(VolumeOperation operation) => throw new NotSupportedException();

    public void MapStatus(VolumeOperation operation) => throw new NotSupportedException();

    public void SetAttribute(VolumeOperation operation) => throw new NotSupportedException();

    public void CryptoErase(VolumeOperation operation) => throw new NotSupportedException();

    public ReadOnlySpan<byte> GetAttribute(VolumeAttribute attribute) => throw new NotSupportedException();

    public void AddObserver(IVolumeObserver observer) => throw new NotSupportedException();

    public void RemoveObserver(IVolumeObserver observer) => throw new NotSupportedException();
}

internal sealed class FakeUnit : LogicalUnit
{
    public override IoThread? Home => null;

    public override CdbDemand Measure(ReadOnlySpan<byte> cdb) => default;

    public override void Submit(ScsiTask task) => throw new NotSupportedException();

    public override void Manage(TaskManagementOperation operation) => throw new NotSupportedException();

    public override void Attach(LunNexus nexus) => throw new NotSupportedException();

    public override void Detach(LunNexus nexus, IoMessage? done) => throw new NotSupportedException();
}
