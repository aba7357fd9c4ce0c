using ActorSan.Replication.Core.Engine;
using ActorSan.Replication.Core.Ports;
using ActorSan.Replication.Core.Values;
using ActorSan.Replication.Links;
using ActorSan.Storage.Blocks;
using ActorSan.Storage.Metadata;
using ActorSan.Storage.Threads;

namespace ActorSan.Replication.Volume;

/// <summary>
/// One replicated volume on one node, as the SCSI layer sees it (architecture.md, the seam): the engine on its home thread, the store under it if this node has a replica, and the
/// links to those that have the others. Decisions come as <see cref="EngineCommand"/>s and facts go as <see cref="EngineEvent"/>s; none is taken here. A store that fails is opened again,
/// in a new session, when this node is not primary with it any more. Everything runs on <see cref="Home"/> but where it says otherwise.
/// </summary>
public sealed partial class ReplicatedVolume : IBlockVolume, IEngineEvents
{
    private readonly ReplicatedVolumeOptions _options;
    private readonly NodeLinks _links;
    private IReplicaStores? _stores;
    private readonly LeaseCell _lease;
    private readonly IReplicatedVolumeEvents _events;
    private readonly ThreadTime _time;
    private readonly List<IVolumeObserver> _observers = [];
    private volatile StateBox _state = new(new VolumeState(VolumeStateKind.Starting, "is being opened"));
    private volatile VolumeCapabilities _capabilities;
    private volatile VolumeGeometry _geometry;
    private VolumeEngine? _engine;
    private bool _serves;

    /// <param name="options">What the catalog says of it.</param>
    /// <param name="links">On the volume's home thread.</param>
    /// <param name="stores">Null: this node has no replica; it stands by and never serves.</param>
    /// <param name="lease">Published by the control side (L4).</param>
    /// <param name="events">Told on the home thread.</param>
    public ReplicatedVolume(ReplicatedVolumeOptions options, NodeLinks links, IReplicaStores? stores, LeaseCell lease, IReplicatedVolumeEvents events)
    {
        _options = options;
        _links = links;
        _stores = stores;
        _lease = lease;
        _events = events;
        _time = new ThreadTime(links.Thread);
        _geometry = options.Geometry;

        // Known before any store is open, as they are the same on all nodes: units take them when they are made.
        (int redoSlotBytes, int maxAttributeBytes) = VolumeFormat.RoomOf(VolumeFormat.ReplicaGrowLimit(options.First.SizeBytes));
        _capabilities = CapabilitiesOf(redoSlotBytes, maxAttributeBytes);
        _reopenWait = options.FirstReopen;
        _retry = new Retry(this);
        if (stores is null)
        {
            _state = new StateBox(new VolumeState(VolumeStateKind.Standby, "has no replica on this node"));
        }
    }

    public IoThread Home => _links.Thread;

    public string Name => _options.Name;

    public Guid VolumeId => _options.First.VolumeId;

    public VolumeGeometry Geometry => _geometry;

    public VolumeCapabilities Capabilities => _capabilities;

    public VolumeState State => _state.Value;

    /// <summary>The replica serves: this node is primary and reconciled.</summary>
    public bool Serves => _serves;

    public bool MayTell => _engine?.Primary is { HoldsLease: true };

    public void Read(VolumeOperation operation) => Submit(operation, VolumeOperationKind.Read);

    public void Write(VolumeOperation operation) => Submit(operation, VolumeOperationKind.Write);

    public void CompareAndWrite(VolumeOperation operation) => Submit(operation, VolumeOperationKind.CompareAndWrite);

    public void OrWrite(VolumeOperation operation) => Submit(operation, VolumeOperationKind.OrWrite);

    public void Unmap(VolumeOperation operation) => Submit(operation, VolumeOperationKind.Unmap);

    public void WriteZeroes(VolumeOperation operation) => Submit(operation, VolumeOperationKind.WriteZeroes);

    public void Flush(VolumeOperation operation) => Submit(operation, VolumeOperationKind.Flush);

    public void MapStatus(VolumeOperation operation) => Submit(operation, VolumeOperationKind.MapStatus);

    public void SetAttribute(VolumeOperation operation) => Submit(operation, VolumeOperationKind.SetAttribute);

    /// <summary>Stores of replicas are not encrypted: there is no key to erase.</summary>
    public void CryptoErase(VolumeOperation operation) => operation.Complete(VolumeStatus.NotSupported);

    /// <summary>As this node's replica has it; complete while it <see cref="Serves"/>.</summary>
    public ReadOnlySpan<byte> GetAttribute(VolumeAttribute attribute) => _engine is { } engine ? engine.Replica.GetAttribute(attribute) : default;

    public void AddObserver(IVolumeObserver observer) => _observers.Add(observer);

    public void RemoveObserver(IVolumeObserver observer) => _ = _observers.Remove(observer);

    /// <summary>
    /// A configuration that is known, while the replica was not open or is not the one that it is told to, or where there is none: the ways to its nodes are there when they are needed, and
    /// units on standby know the size. Any thread.
    /// </summary>
    public void Know(Configuration configuration) => _ = Home.Post(() =>
    {
        GrowTo(configuration.SizeBytes);
        if (_engine is not null)
        {
            AddLinks(configuration);
        }
    });

    /// <summary>A decision of the control side. Any thread; in the order of one poster.</summary>
    public void Post(EngineCommand command) => _ = Home.Post(() => Execute(command));

    /// <summary>What the replica and its primary role are like now, for people and metrics; null when nothing is open. Any thread.</summary>
    public Task<ReplicaReport?> Report() => Home.Invoke(() => _engine is { } engine ? ReportOf(engine) : null);

    void IEngineEvents.Post(EngineEvent happened)
    {
        switch (happened)
        {
            case Reconciled reconciled when _engine?.Primary is not null:
                BeginToServe(reconciled.Reign);
                break;
            case StoreFailed failed:
                foreach (IVolumeObserver observer in _observers)
                {
                    observer.OnStoreFault(this, new StoreFaultEvent(VolumeOperationKind.None, VolumeStatus.WriteError, 0, 0, 0));
                }

                ReplicaFailed(failed.Status.ToString());
                break;
            case LineageHeard:
                // P11: a link may have told of it, and then the role has ended outside of any command.
                _ = Home.Post(CheckRole);
                break;
            default:
                break;
        }

        _events.Happened(happened);
    }

    private void Execute(EngineCommand command)
    {
        if (_engine is not { } engine)
        {
            Refuse(command);
            return;
        }

        Configuration? named = command switch
        {
            NoteDecided decided => decided.Configuration,
            BecomePrimary begin => begin.Configuration,
            _ => null,
        };
        if (named is not null)
        {
            AddLinks(named);
        }

        engine.Execute(command);
        CheckRole();
        if (named is not null)
        {
            CheckSize(named);
        }
    }

    // The store is being opened anew: it would be another session's, and whoever waits for an answer must not wait for it.
    private void Refuse(EngineCommand command)
    {
        EngineEvent? refused = command switch
        {
            BecomePrimary lost => new CannotServe(lost.Configuration.Reign),
            PrepareForce => new ForcePrepared(false),
            KeepForce keep => new ForceKept(keep.First, false),
            EnterLineage enter => new LineageEntered(enter.First.Lineage, false),
            DiscardLineage discard => new LineageEntered(discard.Into.Lineage, false),
            _ => null,
        };
        if (refused is not null)
        {
            _events.Happened(refused);
        }
    }

    private void Submit(VolumeOperation operation, VolumeOperationKind kind)
    {
        operation.Kind = kind;
        if (_engine is { } engine)
        {
            engine.Submit(operation);
        }
        else
        {
            operation.Complete(VolumeStatus.NotReady);
        }
    }

    private void BeginToServe(long reign)
    {
        _serves = true;
        _events.Serves(reign);
        ChangeState(new VolumeState(VolumeStateKind.Ready, "serves"));
    }

    // A role ends inside a command or with the engine: what it had in hand has been answered by then, without a claim.
    private void CheckRole()
    {
        bool serves = _engine?.Primary is not null && _serves;
        if (_serves && !serves)
        {
            _serves = false;
            _events.ServesNoMore();
            ChangeState(new VolumeState(VolumeStateKind.Standby, "another node serves it, or none does"));
        }
    }

    private void CheckSize(Configuration decided)
    {
        if (!decided.Deleted)
        {
            SetSize(decided.SizeBytes);
        }
    }

    // What is only remembered, or told by another, may be old: sizes never shrink, so the largest is the newest.
    private void GrowTo(long decidedBytes) => SetSize(Math.Max(decidedBytes, _geometry.SizeBytes));

    private void SetSize(long sizeBytes)
    {
        if (sizeBytes != _geometry.SizeBytes)
        {
            _geometry = _geometry with { SizeBytes = sizeBytes };
            foreach (IVolumeObserver observer in _observers.ToArray())
            {
                observer.OnResized(this);
            }
        }
    }

    private void ChangeState(VolumeState state)
    {
        if (_state.Value != state)
        {
            _state = new StateBox(state);
            foreach (IVolumeObserver observer in _observers.ToArray())
            {
                observer.OnStateChanged(this);
            }
        }
    }

    private VolumeCapabilities CapabilitiesOf(int maxAtomicBytes, int maxAttributeBytes) => new(
        Thin: true,
        UnmapGranularityBytes: Math.Max(_options.UnmapGranularityBytes, _options.Geometry.LogicalBlockBytes),
        WriteCache: _options.Engine.Replica.WriteCache,
        ReadOnly: false,
        CryptoErase: false,
        Rotational: false,
        MaxAtomicBytes: maxAtomicBytes,
        MaxAttributeBytes: maxAttributeBytes);

    private sealed class StateBox(VolumeState value)
    {
        public readonly VolumeState Value = value;
    }
}
