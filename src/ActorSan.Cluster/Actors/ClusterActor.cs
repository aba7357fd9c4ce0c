using System.Net;
using System.Net.NetworkInformation;
using ActorSan.Cluster.Catalog;
using ActorSan.Cluster.Control;
using ActorSan.Cluster.Engines;
using ActorSan.Cluster.Management;
using ActorSan.Cluster.Messages;
using ActorSan.Cluster.Settings;
using ActorSan.Replication.Core.Engine;
using ActorSan.Replication.Core.Ports;
using ActorSan.Replication.Core.Register;
using ActorSan.Replication.Core.Replicas;
using ActorSan.Replication.Core.Values;
using ActorSan.Replication.Links;
using ActorSan.Replication.Volume;
using ActorSan.Storage.Blocks;
using ActorSan.Storage.Stores;
using ActorSan.Storage.Threads;
using Akka.Actor;
using Akka.Event;

namespace ActorSan.Cluster.Actors;

/// <summary>
/// <c>/user/node/cluster</c>: the shell of what a node is in its cluster: starts the links and the control side, opens what the catalog names and closes what it names no more, tells the
/// targets which node's ports are which, and answers the other nodes. What is decided is decided on the control loop; nothing of the data comes here.
/// </summary>
public sealed partial class ClusterActor : ReceiveActor, IWithTimers
{
    private const string HelloTimer = "hello";
    private const int HellosBetweenChecks = 5;
    private const int NotFoundedBeforeWord = 4;
    private static readonly TimeSpan s_helloInterval = TimeSpan.FromSeconds(2);
    private readonly NodeSettings _settings;
    private readonly ClusterSettings _cluster;
    private readonly ClusterParts _parts;
    private readonly ClusterState _state;
    private readonly ControlLoop _loop;
    private readonly IControlNetwork _network;
    private readonly CatalogFile _file;
    private readonly ReplicaStoreDirectory? _stores;
    private readonly IActorRef _history;
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly Dictionary<Guid, Entry> _volumes = [];
    private readonly SortedDictionary<string, NodeHello> _hellos = new(StringComparer.Ordinal);
    private readonly HashSet<string> _members = new(StringComparer.Ordinal);
    private readonly HashSet<string> _exported = new(StringComparer.Ordinal);
    private CatalogDocument? _catalog;
    private NodeLinks? _links;
    private ControlSide? _side;
    private Registers.VoterJournal? _journal;
    private IoThread? _home;
    private string _linkAddress = "";
    private IReadOnlyList<NodePortal> _portals = [];
    private IActorRef? _stopAskedBy;
    private int _hellosSaid;
    private bool _isFounded;
    private bool _isStopping;
    private string _lastSought = "";
    private int _notFounded;

    /// <param name="settings">Of the node; it has a cluster.</param>
    /// <param name="parts">Who it is.</param>
    /// <param name="loop">Started by this, ended by the guardian.</param>
    /// <param name="network">To the other nodes.</param>
    /// <param name="state">What management reads.</param>
    public ClusterActor(NodeSettings settings, ClusterParts parts, ControlLoop loop, IControlNetwork network, ClusterState state)
    {
        _settings = settings;
        _cluster = settings.Cluster!;
        (_parts, _loop, _network, _state) = (parts, loop, network, state);
        _file = new CatalogFile(Path.Combine(settings.StateDirectory, CatalogFile.FileName));
        _stores = ReplicaStoreDirectory.Of(settings);
        _isFounded = !parts.Founds;
        _history = Context.ActorOf(HistoryActor.Props(state), "history");
        Receive<StartCluster>(OnStart);
        Receive<LinksUp>(OnLinksUp);
        Receive<VoterJournalOpened>(OnJournal);
        Receive<VoterRecordDurable>(durable => _loop.Post(() => _journal!.OnDurable(durable)));
        Receive<VoterJournalCompacted>(_ => { });
        Receive<VoterJournalFailed>(failed => Context.Parent.Tell(new ClusterFailed($"the voter's journal has failed: {failed.Reason}", MayPass: true)));
        Receive<SideStarted>(OnSide);
        Receive<MemberCame>(came => OnMember(came.Node));
        Receive<MemberGone>(gone => _ = _members.Remove(gone.Node));
        Receive<CatalogDecided>(OnCatalog);
        Receive<CatalogSought>(OnSought);
        Receive<ConfigurationDecided>(OnConfiguration);
        Receive<LetInitiatorsGo>(OnLetGo);
        Receive<ReplicaPrepared>(OnPrepared);
        Receive<VolumeEnded>(OnVolumeEnded);
        Receive<SayHello>(_ => SayHelloToAll());
        Receive<NodeHello>(OnHello);
        Receive<MakeReplica>(OnMakeReplica);
        Receive<TargetExported>(OnExported);
        Receive<ReplicaThere>(there => OnReplicaThere(there.VolumeId));
        Receive<LinkNews>(OnLink);
        Receive<PathNews>(OnPath);
        Receive<HandOverAll>(_ => HandOver());
        Receive<StopCluster>(_ => CloseAll());
        Receive<AllClosed>(closed => OnAllClosed(closed.Faults));
    }

    public ITimerScheduler Timers { get; set; } = null!;

    public static Props Props(NodeSettings settings, ClusterParts parts, ControlLoop loop, IControlNetwork network, ClusterState state) =>
        Akka.Actor.Props.Create(() => new ClusterActor(settings, parts, loop, network, state));

    private void OnStart(StartCluster start)
    {
        _portals = start.Portals;
        if (_stores is null)
        {
            OnLinksUp(new LinksUp(null, "", null));
            return;
        }

        if (!Directory.Exists(_stores.Path))
        {
            Context.Parent.Tell(new ClusterFailed($"the directory of replicas {_stores.Path} is not there: mount its file system, or make it, or change actorsan.cluster.stores.directory", MayPass: false));
            return;
        }

        if (new StoreMount(Path.Combine(_settings.StateDirectory, StoreMount.FileName)).Fault(_stores.Path) is { } fault)
        {
            Context.Parent.Tell(new ClusterFailed(fault, MayPass: false));
            return;
        }

        IoThread home = start.Threads[0];
        _home = home;
        LinkSettings settings = _settings.Links!;
        LinkOptions options = settings.OptionsOf(_settings.Name, _parts.ClusterId, _parts.Key);
        var events = new LinkSink(Self);
        IActorRef self = Self;
        home.Invoke(() =>
        {
            var links = new NodeLinks(home, options, events, SystemChance.Instance);
            return (links, settings.Addresses.Select(address => links.Listen(address, freely: settings.Addresses.Count > 1)).ToArray());
        }).PipeTo(self, success: made => new LinksUp(made.links, settings.Told(made.Item2), null), failure: failure => new LinksUp(null, "", failure.GetBaseException().Message));
    }

    private void OnLinksUp(LinksUp up)
    {
        if (up.Fault is { } fault)
        {
            Context.Parent.Tell(new ClusterFailed($"links cannot listen on {string.Join(" and ", _settings.Links!.Addresses)}: {fault}", MayPass: false));
            return;
        }

        _links = up.Links;
        _state.SetLinks(_links!);
        if (_settings.Links?.Addresses is { Count: > 1 } addresses)
        {
            HashSet<IPAddress> own = [.. NetworkInterface.GetAllNetworkInterfaces().SelectMany(one => one.GetIPProperties().UnicastAddresses).Select(one => one.Address)];
            foreach (IPEndPoint missing in addresses.Where(address => !IPAddress.IsLoopback(address.Address) && !address.Address.Equals(IPAddress.Any) && !address.Address.Equals(IPAddress.IPv6Any) && !own.Contains(address.Address)))
            {
                _log.Warning("This machine does not have the address {Address} of actorsan.links.address: that path is there when the address is", missing);
            }
        }

        // Those that came before the links are not told again.
        foreach (NodeHello hello in _hellos.Values)
        {
            TellLinks(hello);
        }

        _linkAddress = up.Address;
        Context.ActorOf(VoterJournalActor.Props(_parts.JournalIncarnation, _settings.Journal.SnapshotInterval, Self), "journal");
    }

    private void OnJournal(VoterJournalOpened opened)
    {
        if (_journal is not null)
        {
            // Its actor was restarted: the voter there is has told what nobody makes durable any more, and two of one node must not be.
            Context.Parent.Tell(new ClusterFailed("the voter's journal was opened a second time", MayPass: true));
            return;
        }

        _journal = opened.Journal;
        (RegisterKey Key, DocumentValue Value)? remembered = _file.Read(out string? fault);
        if (fault is not null)
        {
            _log.Warning("What this node knew of the catalog can't be read, so the other nodes are asked: {Reason}", fault);
        }

        var options = new ControlSideOptions
        {
            Node = _settings.Name,
            Instance = _parts.Instance,
            ClusterId = _parts.ClusterId,
            Founders = _cluster.Founders,
            Founds = _parts.Founds && remembered is null,
            Leases = _cluster.ToLeases(),
            Decisions = _cluster.ToDecisions(),
            Fencing = _cluster.Fencing,
        };
        var events = new SideSink(Self, _history, _state, _settings.Name, _log);
        IActorRef self = Self;
        _loop.Post(() =>
        {
            var side = new ControlSide(options, _loop, _network, opened.Journal, opened.Held, events);
            self.Tell(new SideStarted(side));
            foreach (string member in _state.MembersNow())
            {
                side.OnMember(member);
            }

            side.Start(remembered);
            _state.SetSide(side);
        });
    }

    private void OnSide(SideStarted started)
    {
        _side = started.Side;
        Timers.StartPeriodicTimer(HelloTimer, new SayHello(), TimeSpan.Zero, s_helloInterval);
        Context.Parent.Tell(new ClusterStarted(_linkAddress));
    }

    private void OnMember(string node)
    {
        _ = _members.Add(node);
        if (_side is not null)
        {
            _network.Send(node, Hello());
        }
    }

    private void OnCatalog(CatalogDecided decided)
    {
        _catalog = decided.Document;
        _catalogVersion = decided.Value.Version;
        CatalogFile file = _file;
        ILoggingAdapter log = _log;
        if (!_isFounded)
        {
            _isFounded = true;
            _log.Info("The catalog of cluster {ClusterId} is there", decided.Document.ClusterId);
            Action mark = _parts.MarkFounded;
            Task.Run(mark).ContinueWith(done => log.Warning("That the cluster is founded can't be remembered: {Reason}", done.Exception!.GetBaseException().Message), TaskContinuationOptions.OnlyOnFaulted);
        }

        // In the order of versions: one write at a time, the newest last.
        lock (file)
        {
            try
            {
                file.Write(decided.Key, decided.Value);
            }
            catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or StoreException)
            {
                _log.Warning("The catalog can't be remembered; should all nodes stop, the others are asked: {Reason}", failure.Message);
            }
        }

        if (!_isStopping)
        {
            FollowVolumes();
            FollowTargets();
        }
    }

    private void OnSought(CatalogSought sought)
    {
        CatalogOutcome outcome = sought.Outcome;
        string text = outcome.ToString();
        _notFounded = outcome.End == CatalogEnd.NotFounded ? _notFounded + 1 : 0;

        // The node that founds it may be a moment behind the others.
        if (outcome.End is CatalogEnd.Founded or CatalogEnd.Joined || text == _lastSought || _notFounded is > 0 and < NotFoundedBeforeWord)
        {
            return;
        }

        _lastSought = text;
        string about = outcome.Node is { } node ? $" (node {node})" : "";
        switch (outcome.End)
        {
            case CatalogEnd.NotFounded:
                _log.Warning("No node knows a catalog: this cluster is not founded. Run 'actorsan init' without --from on one node, and start it");
                break;
            case CatalogEnd.Refused when outcome.Reason == CatalogReason.OtherSet:
                _log.Error("The catalog can't be sought: actorsan.cluster.founders is not the same on all nodes{About}. Give all the same list", about);
                break;
            case CatalogEnd.Refused:
                _log.Error("The catalog can't be founded: a journal holds another one{About}. If that node was founded by mistake and holds nothing, stop it and remove its state directory", about);
                break;
            default:
                _log.Info("The catalog is waited for: {Reason}{About}; all of {Founders} must be up while it is {Verb}", outcome.Reason, about, string.Join(", ", _cluster.Founders), sought.Founds ? "founded" : "sought");
                break;
        }
    }

    private void FollowVolumes()
    {
        foreach (CatalogVolume volume in _catalog!.Volumes)
        {
            if (!_volumes.TryGetValue(volume.Id, out Entry? entry))
            {
                Prepare(volume);
            }
            else if (entry.IsUnnamed)
            {
                entry.IsUnnamed = false;
                Offer(entry);
            }
        }

        foreach (Entry entry in _volumes.Values.Where(entry => !entry.IsUnnamed && _catalog.FindVolume(entry.Catalog.Id) is null).ToArray())
        {
            entry.IsUnnamed = true;
            Context.Parent.Tell(new VolumeUnavailable(entry.Catalog.Name, "it was deleted", MayPass: false,
                new VolumeSummary(entry.Catalog.Name, entry.Catalog.Id, 0, entry.Catalog.LogicalBlockBytes, 0, "it was deleted")));
            EndIfDeleted(entry);
        }
    }

    private void Prepare(CatalogVolume volume)
    {
        var entry = new Entry(volume);
        _volumes.Add(volume.Id, entry);
        Configuration first;
        try
        {
            first = volume.Decode();
        }
        catch (FormatException failure)
        {
            _log.Error("Volume {Volume} is left alone: {Reason}", volume.Name, failure.Message);
            return;
        }

        entry.Latest = first;
        ControlSide side = _side!;
        ReplicaStoreDirectory? stores = _stores;
        string node = _settings.Name;
        IActorRef self = Self;
        bool hasReplica = stores is not null && (first.ReplicaOf(node) is not null || stores.Has(volume.Id));
        entry.HasReplica = hasReplica;
        _loop.Invoke(() => side.Add(volume, one => Make(one, volume, first, hasReplica), hasReplica))
            .PipeTo(self, success: made => new ReplicaPrepared(volume.Id, made), failure: failure => new ReplicaPrepared(volume.Id, null));
    }

    // On the control loop; nothing of it runs before it is opened.
    private ReplicatedVolume? Make(VolumeSide side, CatalogVolume volume, Configuration first, bool hasReplica)
    {
        if (_links is null || _stores is null)
        {
            return null;
        }

        var options = new ReplicatedVolumeOptions
        {
            Name = volume.Name,
            Node = _settings.Name,
            Instance = _parts.Instance,
            BootId = _parts.BootId,
            First = first,
            Geometry = new VolumeGeometry(first.SizeBytes, volume.LogicalBlockBytes, volume.PhysicalBlockBytes, 0),
            Engine = new EngineOptions { Replica = new ReplicaOptions { WriteCache = _cluster.Stores.WriteCache }, Primary = _cluster.ToPrimaries() },
        };
        IReplicaStores? stores = hasReplica ? _stores.Of(volume.Id, volume.Name, first, volume.LogicalBlockBytes, volume.PhysicalBlockBytes) : null;
        var made = new ReplicatedVolume(options, _links, stores, side.Lease, side);
        var unit = new ClusterVolume(made, _settings.Scsi);
        side.SetUser(unit);
        side.Unit = unit;
        return made;
    }

    private void OnPrepared(ReplicaPrepared prepared)
    {
        if (!_volumes.TryGetValue(prepared.VolumeId, out Entry? entry))
        {
            return;
        }

        entry.Side = prepared.Side;
        entry.Unit = prepared.Side?.Unit;
        if (entry.IsUnnamed)
        {
            EndIfDeleted(entry);
            return;
        }

        Offer(entry);
        BeginReplica(entry);
    }

    private void OnConfiguration(ConfigurationDecided decided)
    {
        if (!_volumes.TryGetValue(decided.VolumeId, out Entry? entry))
        {
            return;
        }

        bool moved = entry.Latest?.Primary?.Node != decided.Now.Primary?.Node;
        entry.Latest = decided.Now;
        if (moved)
        {
            TellPortGroups(entry);
        }

        if (entry.IsUnnamed)
        {
            if (decided.Now.Deleted)
            {
                EndIfDeleted(entry);
            }
        }
        else
        {
            BeginReplica(entry);
        }
    }

    private void SayHelloToAll()
    {
        NodeHello hello = Hello();
        OnHello(hello);
        if (++_hellosSaid % HellosBetweenChecks == 0)
        {
            foreach (NodeHello known in _hellos.Values)
            {
                CheckVoter(known);
            }
        }

        foreach (string member in _members)
        {
            if (member != _settings.Name)
            {
                _network.Send(member, hello);
            }
        }
    }

    private NodeHello Hello() => new(
        _settings.Name, _parts.ClusterId, _parts.Instance, _stores is not null, _parts.Release, _linkAddress, _parts.ManagementAddress,
        new VoterId(_settings.Name, _parts.JournalIncarnation), [.. _portals]);

    private void OnHello(NodeHello hello)
    {
        if (hello.ClusterId != _parts.ClusterId)
        {
            _log.Error("Node {Node} is of cluster {Cluster}, and this one of {Own}: it is not listened to. Give it the identity of this cluster ('actorsan init --from'), or its own seeds", hello.From, hello.ClusterId, _parts.ClusterId);
            return;
        }

        bool isNews = !_hellos.TryGetValue(hello.From, out NodeHello? known) || known != hello;
        if (!isNews)
        {
            return;
        }

        _hellos[hello.From] = hello;
        _state.SetHello(hello);
        TellLinks(hello);
        CheckPorts(hello);
        CheckVoter(hello);
        foreach (Entry entry in _volumes.Values)
        {
            TellPortGroups(entry);
        }

        FollowTargets();
    }

    private void TellLinks(NodeHello hello)
    {
        if (hello.From != _settings.Name && _links is { } links && LinkSettings.Heard(hello.LinkAddress) is { Count: > 0 } addresses)
        {
            string peer = hello.From;
            _ = links.Thread.Post(() => (links.Find(peer) ?? links.Add(peer)).SetAddresses(addresses));
        }
    }

    // S8: a node whose journal is another one is another voter; in the catalog anyone replaces the old one, which can't be part of the majority that decides it.
    private void CheckVoter(NodeHello hello)
    {
        if (hello.From == _settings.Name || _side is not { } side || _state.Catalog is not { } catalog
            || !catalog.Value.Voters.Any(voter => voter.Node == hello.From && voter != hello.Voter))
        {
            return;
        }

        ILoggingAdapter log = _log;
        string node = hello.From;
        _log.Warning("{Node} has another journal than the one that votes in the catalog: its vote is given to the new one", node);
        _loop.Post(() => side.ChangeCatalogVoters(node, hello.Voter, fault =>
        {
            if (fault is not null)
            {
                log.Warning("The vote of {Node} in the catalog is not replaced yet: {Reason}", node, fault);
            }
            else
            {
                log.Info("The vote of {Node} in the catalog is its new journal's", node);
            }
        }));
    }

    private void CheckPorts(NodeHello hello)
    {
        foreach (NodePortal portal in hello.Portals)
        {
            foreach (NodeHello other in _hellos.Values.Where(other => other.From != hello.From))
            {
                if (other.Portals.Any(one => one.GroupTag == portal.GroupTag || one.RelativePort == portal.RelativePort || one.PortGroup == portal.PortGroup))
                {
                    _log.Error("Portal {Portal} of {Node} has a portal group, or a port, that {Other} has too: initiators can't tell the nodes apart. Give each node's portals a group of their own (actorsan.portals.<name>.group)",
                        portal.Name, hello.From, other.From);
                    return;
                }
            }
        }
    }

    private void OnLink(LinkNews news)
    {
        LinkReport link = news.Report;
        LinkReport? before = link.Peer.Length > 0 ? _state.LinkTo(link.Peer) : null;
        if (link.Peer.Length > 0)
        {
            _state.SetLink(link with { Losses = (before?.Losses ?? 0) + link.Losses });
        }

        // A peer that is away is dialled again and again: told once for each reason.
        if (before?.Condition == link.Condition && before.Detail == link.Detail)
        {
            return;
        }

        string peer = link.Peer.Length > 0 ? link.Peer : link.Address ?? "an unknown node";
        switch (link.Condition)
        {
            case LinkCondition.Up:
                _log.Info("The link with {Peer} at {Address} is up", peer, link.Address);
                break;
            case LinkCondition.Connecting:
                _log.Debug("No link with {Peer} yet: {Detail}", peer, link.Detail);
                break;
            default:
                _log.Warning("The link with {Peer} is down: {Detail}", peer, link.Detail);
                break;
        }

        _state.Tell(new ManagementEvent(DateTimeOffset.UtcNow, _settings.Name, EventKind.Link, link.Condition == LinkCondition.Up ? EventSeverity.Information : EventSeverity.Warning, peer,
            link.Condition == LinkCondition.Up ? $"the link with {peer} is up" : $"no link with {peer}: {link.Detail}"));
    }

    private void OnPath(PathNews news)
    {
        string says = news.IsThere ? $"{news.Peer} is reached by {news.Address} again" : $"{news.Peer} is not reached by {news.Address}: one of the paths to it is down";
        if (news.IsThere)
        {
            _log.Info("{News:l}", says);
        }
        else
        {
            _log.Warning("{News:l}", says);
        }

        _state.Tell(new ManagementEvent(DateTimeOffset.UtcNow, _settings.Name, EventKind.Link, news.IsThere ? EventSeverity.Information : EventSeverity.Warning, news.Peer, says));
    }

    private void OnMakeReplica(MakeReplica make)
    {
        ReplicaStoreDirectory? stores = _stores;
        IControlNetwork network = _network;
        IActorRef self = Self;
        string node = _settings.Name;
        Task.Run(() =>
        {
            Guid incarnation = Guid.Empty;
            string? fault = null;
            try
            {
                if (stores is null)
                {
                    fault = $"{node} is a witness and has no stores";
                }
                else
                {
                    incarnation = stores.Make(make.VolumeId, make.Name, make.SizeBytes, (int)make.LogicalBlockBytes, (int)make.PhysicalBlockBytes) ?? Guid.Empty;
                    self.Tell(new ReplicaThere(make.VolumeId));
                }
            }
            catch (StoreException failure)
            {
                fault = failure.Message;
            }
            catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
            {
                fault = failure.Message;
            }

            network.Send(make.From, new ReplicaMade(node, make.Instance, make.Id, incarnation, fault));
        });
    }

    private void HandOver()
    {
        _isStopping = true;
        Timers.Cancel(HelloTimer);
        IActorRef asker = Sender;
        if (_side is { } side)
        {
            _loop.Post(() => side.StopInOrder(() => asker.Tell(new ClusterHandedOver())));
        }
        else
        {
            asker.Tell(new ClusterHandedOver());
        }
    }

    private void CloseAll()
    {
        _isStopping = true;
        _stopAskedBy = Sender;
        Timers.Cancel(HelloTimer);
        // As the control side has them: one may have been added that this actor has not heard of yet.
        ClusterVolume[] known = [.. _volumes.Values.Select(entry => entry.Unit).OfType<ClusterVolume>()];
        Task<ClusterVolume[]> all = _side is { } side
            ? _loop.Invoke<ClusterVolume[]>(() =>
            {
                side.Stop();
                return [.. side.Volumes.Select(volume => volume.Unit).OfType<ClusterVolume>()];
            })
            : Task.FromResult(known);
        IActorRef self = Self;
        all.ContinueWith(
            found =>
            {
                Task[] closing = [.. (found.IsCompletedSuccessfully ? found.Result : known).Select(unit => unit.Close())];
                Task.WhenAll(closing).ContinueWith(
                    _ => self.Tell(new AllClosed([.. closing.Where(one => one.IsFaulted).Select(one => one.Exception!.GetBaseException().Message)])), TaskScheduler.Default);
            },
            TaskScheduler.Default);
    }

    private void OnAllClosed(IReadOnlyList<string> faults)
    {
        IActorRef asker = _stopAskedBy!;
        string[] all = [.. faults];
        if (_links is { } links)
        {
            links.Stop().WaitAsync(TimeSpan.FromSeconds(2)).PipeTo(asker, success: () => new ClusterStopped(all), failure: failure => new ClusterStopped([.. all, $"links did not end: {failure.GetBaseException().Message}"]));
        }
        else
        {
            asker.Tell(new ClusterStopped(all));
        }
    }

    private sealed class Entry(CatalogVolume catalog)
    {
        public CatalogVolume Catalog { get; } = catalog;

        public VolumeSide? Side { get; set; }

        public ClusterVolume? Unit { get; set; }

        public Configuration? Latest { get; set; }

        /// <summary>The catalog names it no more.</summary>
        public bool IsUnnamed { get; set; }

        /// <summary>A replica was begun here.</summary>
        public bool HasReplica { get; set; }

        /// <summary>A store was made here for it, on another node's demand.</summary>
        public bool IsMade { get; set; }
    }

    private sealed record LinksUp(NodeLinks? Links, string Address, string? Fault);

    private sealed record SideStarted(ControlSide Side);

    private sealed record ReplicaThere(Guid VolumeId);

    private sealed record SayHello;

    private sealed record VolumeEnded(Guid VolumeId, bool IsDeleted, bool HadReplica);

    private sealed record ReplicaPrepared(Guid VolumeId, VolumeSide? Side);

    private sealed record AllClosed(IReadOnlyList<string> Faults);
}
