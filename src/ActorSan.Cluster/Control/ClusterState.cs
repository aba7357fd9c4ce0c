using System.Collections.Concurrent;
using System.Collections.Immutable;
using ActorSan.Cluster.Catalog;
using ActorSan.Cluster.Management;
using ActorSan.Replication.Core.Values;
using ActorSan.Replication.Links;

namespace ActorSan.Cluster.Control;

/// <summary>
/// What a node knows of its cluster, for those who only look: management, metrics. Written by the actors and the control side, read at any time by any thread, so that looking never waits
/// for anybody.
/// </summary>
public sealed class ClusterState
{
    private const int MostEvents = 1000;
    private readonly ConcurrentDictionary<string, NodeHello> _hellos = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, LinkReport> _links = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<Guid, Configuration> _configurations = new();
    private readonly ConcurrentDictionary<Guid, ImmutableQueue<VolumeEvent>> _history = new();
    private readonly ConcurrentDictionary<string, IReadOnlyList<ulong>> _exported = new(StringComparer.Ordinal);
    private long _followed;
    private ImmutableHashSet<string> _members = [];
    private volatile CatalogNow? _catalog;
    private volatile ControlSide? _side;
    private volatile NodeLinks? _counts;

    /// <summary>Told of whatever happens, on the thread where it happened.</summary>
    public event Action<ManagementEvent>? Happened;

    /// <summary>The node's log, as the program writes it; the newest lines are kept.</summary>
    public EventHub<LogLine> LogLines { get; } = new(keep: 2000);

    /// <summary>Null: the journal is not read yet.</summary>
    public ControlSide? Side => _side;

    /// <summary>Null: none is known.</summary>
    public CatalogNow? Catalog => _catalog;

    public IReadOnlyDictionary<string, NodeHello> Hellos => _hellos;

    /// <summary>As it stands with each, and what has been carried until now.</summary>
    public IReadOnlyCollection<LinkReport> Links => [.. _links.Values.OrderBy(link => link.Peer, StringComparer.Ordinal).Select(Counted)];

    public void SetSide(ControlSide side) => _side = side;

    public void SetCatalog(RegisterKey key, DocumentValue value, CatalogDocument document) => _catalog = new CatalogNow(key, value, document);

    /// <summary>The LUNs with which this node's iSCSI side exports a target as it was told last; null: it does not, or not yet so.</summary>
    public IReadOnlyList<ulong>? ExportedLuns(string iqn) => _exported.GetValueOrDefault(iqn);

    /// <summary>The version of the catalog whose targets this node's iSCSI side has been told of.</summary>
    public long FollowedVersion => Volatile.Read(ref _followed);

    public void SetFollowed(long version) => Volatile.Write(ref _followed, version);

    public void SetExported(string iqn, IReadOnlyList<ulong> luns) => _exported[iqn] = luns;

    public void ForgetExported(string iqn) => _ = _exported.TryRemove(iqn, out _);

    public void SetHello(NodeHello hello) => _hellos[hello.From] = hello;

    /// <summary>The links of this node are there.</summary>
    public void SetLinks(NodeLinks links) => _counts = links;

    public void SetLink(LinkReport link) => _links[link.Peer] = link;

    public LinkReport? LinkTo(string peer) => _links.GetValueOrDefault(peer);

    public void SetConfiguration(Guid volume, Configuration configuration) => _configurations[volume] = configuration;

    /// <summary>The newest that this node knows to be decided; null: none.</summary>
    public Configuration? ConfigurationOf(Guid volume) => _configurations.GetValueOrDefault(volume);

    /// <summary>Names of the members, as membership tells them.</summary>
    public IReadOnlyCollection<string> MembersNow() => Volatile.Read(ref _members);

    public void AddMember(string node) => _ = ImmutableInterlocked.Update(ref _members, static (set, one) => set.Add(one), node);

    public void RemoveMember(string node) => _ = ImmutableInterlocked.Update(ref _members, static (set, one) => set.Remove(one), node);

    /// <summary>Oldest first.</summary>
    public IReadOnlyList<VolumeEvent> HistoryOf(Guid volume) => [.. _history.GetValueOrDefault(volume, [])];

    /// <summary>All histories, by volume.</summary>
    public IReadOnlyDictionary<Guid, IReadOnlyList<VolumeEvent>> Histories() => _history.ToDictionary(one => one.Key, one => (IReadOnlyList<VolumeEvent>)[.. one.Value]);

    /// <summary>One more in a volume's history; of a great many the oldest go.</summary>
    public void Remember(Guid volume, VolumeEvent happened) => _ = _history.AddOrUpdate(
        volume,
        static (_, one) => [one],
        static (_, queue, one) =>
        {
            ImmutableQueue<VolumeEvent> longer = queue.Enqueue(one);
            return longer.Count() > MostEvents ? longer.Dequeue() : longer;
        },
        happened);

    public void Tell(ManagementEvent happened) => Happened?.Invoke(happened);

    private LinkReport Counted(LinkReport link) => _counts?.CountersOf(link.Peer) is not { } counted ? link : link with
    {
        QueuedBytes = counted.QueuedBytes,
        SentBytes = counted.SentBytes,
        ReceivedBytes = counted.ReceivedBytes,
        SentFrames = counted.SentFrames,
        ReceivedFrames = counted.ReceivedFrames,
        Losses = counted.Losses,
        Encrypted = counted.IsEncrypted && link.Condition == LinkCondition.Up,
        RoundTrip = LatencyHistogram.Of(counted.RoundTrip),
        Paths = [.. counted.Paths.Select(path => new PathReport(path.Address, path.Condition switch
        {
            LinkPathCondition.Active => PathCondition.Active,
            LinkPathCondition.Standby => PathCondition.Standby,
            LinkPathCondition.Down => PathCondition.Down,
            _ => PathCondition.Unknown,
        }))],
    };
}

/// <summary>The catalog that is known.</summary>
public sealed record CatalogNow(RegisterKey Key, DocumentValue Value, CatalogDocument Document);
