using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;
using ActorSan.Replication.Core.Engine;
using ActorSan.Replication.Core.Formats;
using ActorSan.Replication.Core.Frames;
using ActorSan.Replication.Core.Ports;
using ActorSan.Replication.Core.Replicas;
using ActorSan.Replication.Core.Values;
using ActorSan.Replication.Links;
using ActorSan.Storage.Blocks;
using ActorSan.Storage.Stores;
using ActorSan.Storage.Threads;

namespace ActorSan.Replication.Volume;

/// <summary>The store under the engine: opening, opening again after a failure, the links, and the end.</summary>
public sealed partial class ReplicatedVolume
{
    private static readonly TimeSpan s_failedLook = TimeSpan.FromMilliseconds(200);

    // Of the process: a node may begin anew in it while a store could not be told that its session is over (§2).
    private static readonly ConcurrentDictionary<Guid, bool> s_endedSessions = new();
    private readonly List<LinkChannel> _channels = [];
    private readonly Retry _retry;
    private LoadedReplica? _loaded;
    private IStore? _store;
    private TimeSpan _reopenWait;
    private bool _mustBeNew;
    private bool _opening;
    private bool _closing;
    private Action<string?>? _closed;

    /// <summary>Begins to open the replica; <see cref="IReplicatedVolumeEvents"/> tells the rest. Any thread.</summary>
    /// <param name="stores">Where it is, when the node had none until now; null: as it was told.</param>
    public void Open(IReplicaStores? stores = null) => _ = Home.Post(() =>
    {
        _stores = stores ?? _stores;
        TryOpen();
    });

    /// <summary>
    /// The end of an orderly stop, when no role is left: what is in flight ends, the store is flushed, marked clean and closed. The task fails with the reason when that could not be.
    /// Any thread.
    /// </summary>
    public Task Close()
    {
        var source = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        bool taken = Home.Post(() => CloseNow(fault =>
        {
            if (fault is null)
            {
                source.TrySetResult();
            }
            else
            {
                source.TrySetException(new IOException(fault));
            }
        }));
        return taken ? source.Task : Task.FromException(new IOException($"I/O thread {Home.Name} has stopped: nothing was flushed"));
    }

    private void CloseNow(Action<string?> closed)
    {
        _closing = true;
        Home.StopTimer(_retry);
        if (_opening)
        {
            // What is being opened is closed as soon as it is.
            _closed = closed;
            return;
        }

        if (_engine is not { } engine)
        {
            ChangeState(new VolumeState(VolumeStateKind.Detached, "closed"));
            closed(null);
            return;
        }

        if (engine.Replica.IsFailed)
        {
            CloseStore(() => closed($"the store of volume {Name} had failed: it could not be closed clean"));
            return;
        }

        engine.Close(clean => CloseStore(() => closed(clean ? null : $"volume {Name} could not be flushed and marked clean")));
        CheckRole();
    }

    private void CloseStore(Action after)
    {
        _engine!.Stop();
        CheckRole();
        _engine = null;
        foreach (LinkChannel channel in _channels)
        {
            channel.Close();
        }

        _channels.Clear();
        ChangeState(new VolumeState(VolumeStateKind.Detached, "closed"));
        LoadedReplica? loaded = _loaded;
        _loaded = null;
        _store!.Close(new Closed(() =>
        {
            loaded?.Metadata.Dispose();
            after();
        }));
        _store = null;
    }

    private void TryOpen()
    {
        if (_stores is null || _opening || _closing || _engine is not null)
        {
            return;
        }

        _opening = true;
        IReplicaStores stores = _stores;
        _ = Task.Run(() =>
        {
            LoadedReplica? loaded = null;
            StoreException? refused = null;
            try
            {
                loaded = stores.Load();
            }
            catch (StoreException failure)
            {
                refused = failure;
            }
            catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
            {
                refused = new StoreException(StoreFault.Io, failure.Message, failure);
            }
            catch (Exception bug)
            {
                // Our own: it stops the node with its reason, and not this volume without a word.
                _ = Home.Post(() => ExceptionDispatchInfo.Throw(bug));
                return;
            }

            if (!Home.Post(() => OnLoaded(loaded, refused)))
            {
                loaded?.Dispose();
            }
        });
    }

    private void OnLoaded(LoadedReplica? loaded, StoreException? refused)
    {
        if (loaded is null)
        {
            _opening = false;
            CannotOpen(refused!.Fault, refused.Message);
            return;
        }

        StoredReplicaMetadata metadata;
        ReplicaState state;
        try
        {
            _loaded = loaded;
            _store = loaded.Handle.Attach(Home);
            metadata = new StoredReplicaMetadata(loaded.Metadata, _store);
            state = StateOf(metadata, loaded);
        }
        catch (StoreException failure)
        {
            Abandon(failure.Fault, failure.Message);
            return;
        }

        _engine = new VolumeEngine(_options.Engine, state, _store, metadata, [], this, _time, _time, SystemChance.Instance, _lease, _options.Instance);
        _mustBeNew = false;
        AddLinks(_options.First);
        if (_engine.Replica.Remembered is { } remembered)
        {
            AddLinks(remembered);
        }

        VolumeEngine engine = _engine;
        engine.Start(held => OnStarted(engine, held));
    }

    private void OnStarted(VolumeEngine engine, bool held)
    {
        _opening = false;
        if (!held)
        {
            _mustBeNew = true;
            CloseStore(() => CannotOpen(StoreFault.Io, $"the store of volume {Name} did not take its first page: it can't be written"));
            return;
        }

        if (_closing)
        {
            CloseNow(_closed ?? (static _ => { }));
            return;
        }

        _reopenWait = _options.FirstReopen;
        Replica replica = engine.Replica;
        _capabilities = CapabilitiesOf(replica.MaxAtomicBytes, replica.MaxAttributeBytes);

        // Not the store's size: it may have room for a growth that is not decided (S7), or be smaller than what was decided without it.
        if (replica.Remembered is { } remembered)
        {
            GrowTo(remembered.SizeBytes);
        }

        ChangeState(new VolumeState(VolumeStateKind.Standby, "stands by"));
        _events.ReplicaOpened(remembersNothing: replica.Remembered?.Lineage != replica.Lineage);
    }

    /// <summary>I6, I7: whose page it is, and in which power session this opening is.</summary>
    private ReplicaState StateOf(StoredReplicaMetadata metadata, LoadedReplica loaded)
    {
        ReadOnlySpan<byte> page = metadata.LoadedPage(ReplicaPageKind.State, 0, 0, out PageHealth health);
        ReplicaState state = ReplicaIdentity.Read(page, loaded.Handle.Description, Name, VolumeId, _options.Node) ?? new ReplicaState
        {
            VolumeId = metadata.VolumeId,
            Lineage = _options.First.Lineage,
            Node = _options.Node,
            Incarnation = loaded.Metadata.Incarnation,
            Session = Guid.Empty,
            BootId = Guid.Empty,
        };
        if (metadata.VolumeId != VolumeId)
        {
            throw new StoreException(StoreFault.Mismatch, $"{loaded.Handle.Description} holds volume {metadata.VolumeId}, not {Name} ({VolumeId}). It is left as it is: put the right store in its place.");
        }

        // S7: the first member's session is in the first value, and its store's first opening has it.
        bool isFirst = state.Session == Guid.Empty && _options.First.MemberOf(_options.Node) is { } member && member.Incarnation == state.Incarnation;
        Guid session = isFirst ? _options.First.MemberOf(_options.Node)!.Value.Session : SystemChance.Instance.NewId();
        return state.Opened(_options.BootId, metadata.WasClean, _options.Engine.Replica.WriteCache, health == PageHealth.Doubtful || _mustBeNew || s_endedSessions.ContainsKey(state.Session), session);
    }

    private void Abandon(StoreFault fault, string reason)
    {
        LoadedReplica? loaded = _loaded;
        _loaded = null;
        if (_store is { } store)
        {
            _store = null;
            store.Close(new Closed(() =>
            {
                loaded?.Metadata.Dispose();
                _opening = false;
                CannotOpen(fault, reason);
            }));
            return;
        }

        loaded?.Dispose();
        _opening = false;
        CannotOpen(fault, reason);
    }

    private void CannotOpen(StoreFault fault, string reason)
    {
        if (_closing)
        {
            _closed?.Invoke(null);
            return;
        }

        ChangeState(new VolumeState(VolumeStateKind.Failed, reason));
        _events.ReplicaUnavailable(fault, reason);
        TryLater();
    }

    private void TryLater()
    {
        Home.StartTimer(_retry, _reopenWait);
        _reopenWait = TimeSpan.FromTicks(Math.Min(_reopenWait.Ticks * 2, _options.LongestReopen.Ticks));
    }

    // P10: as primary it goes on without its store; it is opened again, in a new session, when that role is over.
    private void ReplicaFailed(string reason)
    {
        _mustBeNew = true;
        if (_engine is { } engine)
        {
            s_endedSessions[engine.Replica.Session] = true;
        }

        if (!_serves)
        {
            ChangeState(new VolumeState(VolumeStateKind.Failed, $"its store failed ({reason})"));
        }

        _reopenWait = _options.FirstReopen;
        Home.StartTimer(_retry, s_failedLook);
    }

    private void Look()
    {
        if (_closing)
        {
            return;
        }

        if (_opening)
        {
            // It has failed before it was open; what was begun with it ends first.
            Home.StartTimer(_retry, s_failedLook);
        }
        else if (_engine is null)
        {
            TryOpen();
        }
        else if (_engine.Replica.IsFailed)
        {
            if (_engine.Primary is not null)
            {
                Home.StartTimer(_retry, s_failedLook);
                return;
            }

            CloseStore(TryOpen);
        }
    }

    private void AddLinks(Configuration configuration)
    {
        foreach (ReplicaEntry replica in configuration.Replicas)
        {
            if (replica.Node == _options.Node || _channels.Exists(channel => channel.Peer == replica.Node))
            {
                continue;
            }

            LinkPeer peer = _links.Find(replica.Node) ?? _links.Add(replica.Node);
            LinkChannel channel = peer.Open(VolumeId, _engine!);
            _channels.Add(channel);
            _engine!.AddLink(channel);
        }
    }

    private ReplicaReport ReportOf(VolumeEngine engine)
    {
        Replica replica = engine.Replica;
        ServingReport? serving = engine.Primary is { } primary
            ? new ServingReport(primary.Epoch, primary.Reign, primary.IsServing, primary.IsDiskless, primary.InFlightCount, primary.Report(), [.. primary.Describe()])
            : null;
        long unsettled = 0;
        foreach (ByteRange range in replica.UnsettledRanges())
        {
            unsettled += range.LengthBytes;
        }

        return new ReplicaReport(replica.Self, replica.Lineage, replica.Mark, replica.HighestEpoch, replica.IsOldCopy, replica.IsCoarse, replica.IsFailed, replica.IsDiscarded, unsettled,
            engine.Secondary.Primary, serving, _store?.Description ?? "");
    }

    private sealed class Retry(ReplicatedVolume volume) : IoTimer
    {
        protected override void OnFired() => volume.Look();
    }

    private sealed class Closed(Action after) : IoMessage
    {
        protected override void Run() => after();
    }
}
