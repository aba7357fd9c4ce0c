using ActorSan.Replication.Core.Formats;
using ActorSan.Replication.Core.Frames;
using ActorSan.Replication.Core.Ports;
using ActorSan.Replication.Core.Primaries;
using ActorSan.Replication.Core.Replicas;
using ActorSan.Replication.Core.Values;
using ActorSan.Storage.Blocks;
using ActorSan.Storage.Stores;

namespace ActorSan.Replication.Core.Engine;

public sealed record EngineOptions
{
    public ReplicaOptions Replica { get; init; } = new();

    public PrimaryOptions Primary { get; init; } = new();

    public long TickNs { get; init; } = 50_000_000;
}

/// <summary>
/// The bytes of one volume on one node, on one thread: the replica, and the role that it has now. Roles and decisions come as commands, facts go as events; neither side waits for
/// the other on the I/O path.
/// </summary>
public sealed unsafe partial class VolumeEngine : ILinkUser, IReplicaUser, ISecondaryUser
{
    private const long ShortestTickNs = 1_000_000;
    private readonly EngineOptions _options;
    private readonly List<IPeerLink> _links;
    private readonly IEngineEvents _events;
    private readonly IClock _clock;
    private readonly ITimers _timers;
    private readonly IChance _chance;
    private readonly LeaseCell _lease;
    private readonly Guid _instance;
    private readonly BugSet _bugs;
    private readonly EngineTimer _tick;
    private Primary? _primary;
    private SelfState? _told;
    private bool _started;
    private bool _stopped;

    /// <param name="bugs">Null, but in the simulator.</param>
    public VolumeEngine(
        EngineOptions options,
        ReplicaState state,
        IStore store,
        IReplicaMetadata metadata,
        IReadOnlyList<IPeerLink> links,
        IEngineEvents events,
        IClock clock,
        ITimers timers,
        IChance chance,
        LeaseCell lease,
        Guid instance,
        BugSet? bugs = null)
    {
        _options = options;
        _links = [.. links];
        _events = events;
        _clock = clock;
        _timers = timers;
        _chance = chance;
        _lease = lease;
        _instance = instance;
        _bugs = bugs ?? BugSet.Nothing;
        Replica = new Replica(options.Replica, state, store, metadata, clock, this, _bugs);
        Secondary = new Secondary(Replica, this, instance, _bugs);
        _tick = new EngineTimer(this);
        FindConfiguration();
    }

    public Replica Replica { get; }

    public Secondary Secondary { get; }

    /// <summary>From the first moment when the session is durable until the engine is stopped; what comes before or after is not looked at.</summary>
    public bool ReadsFrames => _started && !_stopped;

    /// <summary>Null while this node is not primary.</summary>
    public Primary? Primary => _primary is { Phase: not PrimaryPhase.Over } ? _primary : null;

    /// <summary>
    /// What the store's cache holds of an earlier session goes to the medium, and the session of this opening becomes durable: it begins with nothing that a loss of power
    /// could take. Then the engine answers primaries and commands.
    /// </summary>
    public void Start(Action<bool> started) => Replica.Flush(new FirstFlush(this, started));

    /// <summary>The way to a node that may hold a replica from the next configuration on; before that configuration is told.</summary>
    public void AddLink(IPeerLink link)
    {
        _links.Add(link);
        Primary?.AddPeer(link);
    }

    /// <summary>Operations that come while this node is not primary end with NotReady.</summary>
    public void Submit(VolumeOperation operation)
    {
        if (Primary is { } primary)
        {
            primary.Submit(operation);
            return;
        }

        operation.Complete(VolumeStatus.NotReady);
    }

    public void Execute(EngineCommand command)
    {
        if (_stopped)
        {
            return;
        }

        switch (command)
        {
            case FenceSelf fence:
                FenceSelf(fence);
                break;
            case RaiseSelf raise:
                Replica.MakeEpochDurable(raise.Epoch, held => _events.Post(new SelfFenced(raise.Epoch, held, Replica.IsOldCopy)));
                break;
            case BecomePrimary begin:
                Begin(begin.Configuration);
                break;
            case Reconcile reconcile when Primary is { } primary && primary.Reign == reconcile.Reign:
                primary.Reconcile();
                break;
            case StepDown down:
                _primary?.StepDown(down.Exact);
                break;
            case NoteDecided decided:
                Note(decided.Configuration);
                break;
            case AdmissionAbandoned abandoned:
                Primary?.AdmissionAbandoned(abandoned.Node);
                break;
            case Drain:
                Primary?.Drain();
                break;
            case Undrain:
                Primary?.Undrain();
                break;
            case FencePeer fence:
                Primary?.FencePeer(fence.Node, fence.Epoch);
                break;
            case LeaseRenewed:
                Primary?.LeaseRenewed();
                break;
            case Suspended suspended:
                Primary?.FailPending(suspended.On && suspended.Fail);
                break;
            case NoOtherMember:
                Primary?.NoOtherMember();
                break;
            case Grow grow:
                Primary?.Grow(grow.SizeBytes);
                break;
            case Verify:
                Primary?.Verify();
                break;
            default:
                ExecuteLineage(command);
                break;
        }
    }

    public void OnLinkUp(IPeerLink link) => Primary?.OnLinkUp(link);

    public void OnLinkDown(IPeerLink link)
    {
        Secondary.OnLinkDown(link);
        Primary?.OnLinkDown(link);
    }

    public void OnPeerGone(IPeerLink link) => Primary?.OnPeerGone(link);

    public void OnFrame(IPeerLink link, in Frame frame, byte* data, ReceivedData? owner)
    {
        if (!ReadsFrames)
        {
            // Nothing is told of a session that is not durable yet: an offer is made again.
            return;
        }

        if (!FrameBodies.TryRead(frame.Kind, new ReadOnlySpan<byte>(data, frame.DataBytes), out object? body, out string fault))
        {
            _events.Post(new FrameDropped(link.Peer, frame.Kind, fault));
            return;
        }

        if (frame.Kind == FrameKind.Attach)
        {
            Secondary.OnAttach(link, frame, (AttachBody)body!);
        }
        else if (IsFromReplica(frame))
        {
            Primary?.OnFrame(link, frame, data, body);
        }
        else
        {
            Secondary.OnFrame(link, frame, data, owner, body);
        }
    }

    public void OnStoreFailed(StoreStatus status)
    {
        Secondary.OnStoreFailed();
        Primary?.OnStoreFailed();
        _events.Post(new StoreFailed(status));
    }

    public bool KeepsWhenFull => Primary is { HasAttachedMember: false };

    public bool MayClear(ByteRange chunk) => Primary?.MayClear(chunk) ?? true;

    public bool IsPrimaryBelow(long epoch) => Primary is not null;

    public void OnHigherEpoch(long epoch) => _events.Post(new HigherEpochHeard(epoch));

    public void OnAttached(string primary, long epoch) => TellSelf();

    public void OnDetached() => TellSelf();

    public void OnConfiguration(Configuration configuration)
    {
        _events.Post(new ConfigurationHeard(configuration));
        TellSelf();
    }

    public void OnOldCopy()
    {
        Guid incarnation = _chance.NewId();
        Replica.TakeNewIncarnation(incarnation, held =>
        {
            if (held)
            {
                TellSelf();
            }
        });
    }

    /// <summary>Nothing more is done; what is in flight ends in the store.</summary>
    public void Stop()
    {
        _stopped = true;
        _primary?.StepDown(exact: false);
        Secondary.End(DetachReason.Stopping);
        _timers.Cancel(_tick);
    }

    /// <summary>P8: the end of an orderly stop, when this node is not primary any more: its primary is asked to drop it, and the store closes clean. False: it could not be flushed; of a store
    /// that hangs nothing comes, and whoever stops the node has patience for so long only.</summary>
    public void Close(Action<bool> closed)
    {
        Stop();
        Replica.MarkClean(closed);
    }

    private static bool IsFromReplica(in Frame frame) => frame.Kind is FrameKind.Attached or FrameKind.Refused or FrameKind.Ack or FrameKind.Received or FrameKind.Confirmed
        or FrameKind.ReadData or FrameKind.ReadFailed or FrameKind.ResyncAck or FrameKind.DigestReply or FrameKind.Gated or FrameKind.Turned or FrameKind.Grown
        or FrameKind.StoreFailed or FrameKind.FenceDone || (frame.Kind == FrameKind.Detach && (frame.Flags & FrameFlags.FromReplica) != 0);

    private void FenceSelf(FenceSelf fence)
    {
        if (Secondary.IsStopped)
        {
            _events.Post(new SelfFenced(fence.Epoch, false, Replica.IsOldCopy));
            return;
        }

        Replica.Marks.Hear(fence.Current);
        _primary?.StepDown(exact: false);
        if (!_bugs.Has(Bug.PromoteWithoutFence))
        {
            Secondary.End(DetachReason.Deposed);
            Replica.Fence(fence.Epoch, held => _events.Post(new SelfFenced(fence.Epoch, held, Replica.IsOlderThan(fence.Current))));
            return;
        }

        _events.Post(new SelfFenced(fence.Epoch, true, Replica.IsOldCopy));
    }

    private void Begin(Configuration configuration)
    {
        if (Secondary.IsStopped || configuration.Lineage != Replica.Lineage)
        {
            return;
        }

        if ((Replica.IsFailed || configuration.MemberOf(Replica.Node) != Replica.Self) && !_bugs.Has(Bug.PromoteSuspect) && !_bugs.Has(Bug.PromoteUnnamed))
        {
            // P2 was looked at when this was proposed; the store may have failed since, and been opened in another session.
            _events.Post(new CannotServe(configuration.Reign));
            return;
        }

        if (configuration.Epoch < Replica.HighestEpoch && !_bugs.Has(Bug.AcceptOldEpoch))
        {
            // Another primary has attached here meanwhile, with a higher epoch.
            _events.Post(new HigherEpochHeard(Replica.HighestEpoch));
            return;
        }

        _primary?.StepDown(exact: false);
        Secondary.End(DetachReason.Deposed);
        _primary = new Primary(_options.Primary, configuration, Replica, _links, _events, _clock, _timers, _chance, _lease, _instance, _bugs);
        _primary.Begin();
    }

    private void Note(Configuration configuration)
    {
        if (configuration.Lineage != Replica.Lineage)
        {
            return;
        }

        if (configuration.Deleted)
        {
            Stop();
            return;
        }

        Replica.Marks.Hear(configuration);
        if (Primary is { } primary)
        {
            if (configuration.Primary?.Instance == _instance)
            {
                primary.NoteDecided(configuration);
            }

            return;
        }

        // As a secondary the replica is told by its primary's link, in order with the writes (W7).
        TellSelf();
    }

    private void TellSelf()
    {
        var now = new SelfState(Replica.Self, Replica.Mark, Replica.IsOldCopy, Replica.IsCoarse, Replica.IsFailed, Replica.HighestEpoch, Secondary.Primary, Replica.Lineage, Replica.IsDiscarded, Replica.IsSessionEnded);
        if (now != _told)
        {
            _told = now;
            _events.Post(now);
        }
    }

    private void OnTick()
    {
        if (_stopped)
        {
            return;
        }

        long oldestReadNs = _bugs.Has(Bug.OnlyWritesHang) ? long.MaxValue : Math.Min(_primary?.OldestReadNs() ?? long.MaxValue, Secondary.OldestReadNs());
        Replica.Tick(oldestReadNs);
        Primary?.Tick();
        TellSelf();
        _events.Post(new EngineTurns(Math.Min(oldestReadNs, Replica.OldestSubmittedNs())));

        // Initiators wait for whoever is late: not for the next tick, too.
        long now = _clock.NowNs;
        _timers.Set(_tick, Math.Clamp(Primary?.NextLateNs() ?? long.MaxValue, now + Math.Min(ShortestTickNs, _options.TickNs), now + _options.TickNs));
    }

    private void Begin(bool flushed, Action<bool> started)
    {
        if (!flushed)
        {
            started(false);
            return;
        }

        Replica.MarkDirty(dirty =>
        {
            if (dirty)
            {
                SaveSession(started);
            }
            else
            {
                started(false);
            }
        });
    }

    private void SaveSession(Action<bool> started)
    {
        Replica.SaveState(held =>
        {
            if (held)
            {
                _started = true;
                TellFound();
                _timers.Set(_tick, _clock.NowNs + _options.TickNs);
                TellSelf();
                TellRemembered();
            }

            started(held);
        });
    }

    private void TellRemembered()
    {
        if (Replica is { IsRememberedLatest: true, Remembered: { } remembered } && remembered.Lineage == Replica.Lineage)
        {
            Replica.NoteConfiguration(remembered);
        }

        if (Replica.PageFaults.Count > 0)
        {
            _events.Post(new PagesDoubted([.. Replica.PageFaults]));
        }
    }

    private sealed class FirstFlush(VolumeEngine engine, Action<bool> started) : ReplicaFlush
    {
        protected internal override void OnFlushed() => engine.Begin(Status == StoreStatus.Success, started);
    }

    private sealed class EngineTimer(VolumeEngine engine) : CoreTimer
    {
        public override void OnFired() => engine.OnTick();
    }
}
