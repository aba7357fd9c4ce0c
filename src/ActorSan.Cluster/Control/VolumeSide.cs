using ActorSan.Cluster.Catalog;
using ActorSan.Replication.Core.Control;
using ActorSan.Replication.Core.Engine;
using ActorSan.Replication.Core.Ports;
using ActorSan.Replication.Core.Values;
using ActorSan.Replication.Volume;
using ActorSan.Storage.Stores;

namespace ActorSan.Cluster.Control;

/// <summary>What a volume's units are told, on its home thread.</summary>
public interface IServingEvents
{
    /// <param name="reign">Of the role.</param>
    void Serves(long reign);

    void ServesNoMore();
}

/// <summary>
/// One volume on this node: between its decisions, on the control loop, and its engine, on its home thread. What one tells the other goes in order and is never waited for. A node without a
/// replica has no decisions to make, and only knows.
/// </summary>
public sealed class VolumeSide : IEngineCommands, IReplicatedVolumeEvents
{
    private readonly ControlLoop _loop;
    private readonly ControlSide _owner;
    private volatile string? _unavailable = "it is being opened";
    private volatile IServingEvents? _user;

    internal VolumeSide(CatalogVolume catalog, Configuration first, ControlLoop loop, ControlSide owner)
    {
        Catalog = catalog;
        First = first;
        _loop = loop;
        _owner = owner;
    }

    public Guid Id => Catalog.Id;

    public CatalogVolume Catalog { get; }

    public Configuration First { get; }

    public LeaseCell Lease { get; } = new();

    /// <summary>Null: no replica here. Control loop only.</summary>
    public VolumeControl? Control { get; internal set; }

    /// <summary>Null: this node serves no targets.</summary>
    public ReplicatedVolume? Volume { get; internal set; }

    /// <summary>The volume with the unit that shows it; null: this node serves no targets.</summary>
    public Engines.ClusterVolume? Unit { get; internal set; }

    /// <summary>Why the replica is not open; null: it is. Any thread.</summary>
    public string? Unavailable => _unavailable;

    /// <summary>When the replica was opened last; null: never. Any thread.</summary>
    public bool IsOpen => _unavailable is null;

    /// <summary>Initiators were let go since a lease was held last.</summary>
    internal bool HasLetGo { get; set; }

    internal Configuration? LastTold { get; set; }

    internal bool OldCopyTold { get; set; }

    /// <summary>Who is told on the home thread that it serves. Set before the volume is opened.</summary>
    public void SetUser(IServingEvents user) => _user = user;

    void IEngineCommands.Execute(EngineCommand command) => Volume?.Post(command);

    void IReplicatedVolumeEvents.Happened(EngineEvent happened) => _loop.Post(() => _owner.OnEngine(this, happened));

    void IReplicatedVolumeEvents.ReplicaOpened(bool remembersNothing)
    {
        _unavailable = null;
        _loop.Post(() => _owner.OnReplicaOpened(this, remembersNothing));
    }

    void IReplicatedVolumeEvents.ReplicaUnavailable(StoreFault fault, string reason)
    {
        bool isNews = _unavailable != reason;
        _unavailable = reason;
        if (isNews)
        {
            _loop.Post(() => _owner.OnReplicaUnavailable(this, fault, reason));
        }
    }

    void IReplicatedVolumeEvents.Serves(long reign) => _user?.Serves(reign);

    void IReplicatedVolumeEvents.ServesNoMore() => _user?.ServesNoMore();
}
