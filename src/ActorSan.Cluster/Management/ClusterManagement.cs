using System.Collections.Immutable;
using System.Text.Json;
using ActorSan.Cluster.Catalog;
using ActorSan.Cluster.Control;
using ActorSan.Cluster.Engines;
using ActorSan.Cluster.Settings;
using ActorSan.Replication.Core.Ports;

namespace ActorSan.Cluster.Management;

/// <summary>What the local node can be asked of its parts, whoever they are.</summary>
public sealed record LocalParts
{
    /// <summary>Membership as this node sees it; of nodes that are no members nothing.</summary>
    public required Func<CancellationToken, Task<MembershipView>> Membership { get; init; }

    /// <summary>The sessions of this node.</summary>
    public required Func<CancellationToken, Task<IReadOnlyList<SessionReport>>> Sessions { get; init; }

    public required Func<CancellationToken, Task<IReadOnlyList<ThreadReport>>> Threads { get; init; }

    public required Func<CancellationToken, Task<ActorTree>> Actors { get; init; }

    /// <summary>False: no such session.</summary>
    public required Func<long, CancellationToken, Task<bool>> Kick { get; init; }

    /// <summary>Join, leave, down: answers with the outcome.</summary>
    public required Func<ManagementOperation, CancellationToken, Task<OperationOutcome>> Member { get; init; }
}

/// <param name="Leader">A node; null: none.</param>
public sealed record MembershipView(string? Leader, ImmutableArray<MemberReport> Members);

/// <summary>
/// The answers and changes of one node of a cluster (see <see cref="IManagement"/>): what is agreed on it reads here and changes by the registers, what another node knows it asks that one.
/// </summary>
public sealed partial class ClusterManagement : IManagement, IDisposable
{
    internal static readonly JsonSerializerOptions Json = new() { PropertyNamingPolicy = JsonNamingPolicy.CamelCase };
    private static readonly TimeSpan s_askPatience = TimeSpan.FromSeconds(1);
    private readonly NodeSettings _settings;
    private readonly ClusterParts _parts;
    private readonly ClusterState _state;
    private readonly ControlLoop _loop;
    private readonly NodeRpc _rpc;
    private readonly LocalParts _local;
    private readonly EventHub<ManagementEvent> _events = new(keep: 1000);
    private readonly DateTimeOffset _started = DateTimeOffset.UtcNow;
    private volatile MembershipView _lastView = new(null, []);
    private readonly Timer _scrape;
    private volatile NodeMetrics? _metrics;

    public ClusterManagement(NodeSettings settings, ClusterParts parts, ControlLoop loop, IControlNetwork network, LocalParts local)
    {
        (_settings, _parts, _state, _loop, _local) = (settings, parts, parts.State, loop, local);
        _rpc = new NodeRpc(settings.Name, parts.Instance, network);
        _state.Happened += _events.Tell;
        _scrape = new Timer(_ => _ = Task.Run(Collect), null, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1));
    }

    public string Node => _settings.Name;

    /// <summary>Where the answers of other nodes arrive.</summary>
    public NodeRpc Rpc => _rpc;

    public async Task<ClusterReport> Cluster(CancellationToken cancellation)
    {
        MembershipView view = await View(cancellation).ConfigureAwait(false);
        CatalogNow? catalog = _state.Catalog;
        string[] voters = [.. (catalog?.Value.Voters ?? default).Select(voter => voter.Node).Order(StringComparer.Ordinal)];
        return new ClusterReport("actorsan", _parts.ClusterId, Node, view.Leader, catalog?.Value.Version ?? 0, HasMajority(view, voters), voters, Members(view, catalog));
    }

    public async Task<Gathered<NodeReport>> Nodes(CancellationToken cancellation)
    {
        MembershipView view = await View(cancellation).ConfigureAwait(false);
        IReadOnlyList<MemberReport> members = Members(view, _state.Catalog);
        NodeReport[] reports = await Task.WhenAll(members.Select(member => ReportOf(member, cancellation))).ConfigureAwait(false);
        return new Gathered<NodeReport>(reports, [.. reports.Where(report => !report.Answered).Select(report => report.Member.Name)]);
    }

    public async Task<NodeReport?> NodeNamed(string name, CancellationToken cancellation)
    {
        MembershipView view = await View(cancellation).ConfigureAwait(false);
        MemberReport? member = Members(view, _state.Catalog).FirstOrDefault(member => member.Name == name);
        return member is null ? null : await ReportOf(member, cancellation).ConfigureAwait(false);
    }

    public async Task<ActorTree?> Actors(string node, CancellationToken cancellation)
    {
        if (node == Node)
        {
            return await _local.Actors(cancellation).ConfigureAwait(false);
        }

        return _state.MembersNow().Contains(node, StringComparer.Ordinal) && await TryAsk<ActorTree>(node, "actors", "", cancellation).ConfigureAwait(false) is { } tree ? tree : null;
    }

    public async Task<Gathered<SessionReport>> Sessions(CancellationToken cancellation)
    {
        string[] nodes = [.. _state.Hellos.Values.Where(hello => hello.IsStorage).Select(hello => hello.From).Order(StringComparer.Ordinal)];
        (string Node, SessionReport[]? Sessions)[] answers = await Task.WhenAll(nodes.Select(async node =>
            (node, node == Node ? [.. await _local.Sessions(cancellation).ConfigureAwait(false)] : await TryAsk<SessionReport[]>(node, "sessions", "", cancellation).ConfigureAwait(false)))).ConfigureAwait(false);
        return new Gathered<SessionReport>(
            [.. answers.SelectMany(answer => answer.Sessions ?? []).OrderBy(session => session.Node, StringComparer.Ordinal).ThenBy(session => session.Id)],
            [.. answers.Where(answer => answer.Sessions is null).Select(answer => answer.Node)]);
    }

    public ISubscription<ManagementEvent> Events(int capacity) => _events.Subscribe(capacity, 0, static _ => true);

    public ISubscription<LogLine> Log(LogSeverity least, int last, int capacity) => _state.LogLines.Subscribe(capacity, last, line => line.Severity >= least);

    public void Dispose()
    {
        _scrape.Dispose();
        _state.Happened -= _events.Tell;
        _events.Dispose();
        _state.LogLines.Dispose();
    }

    /// <summary>Answers a question of another node.</summary>
    /// <exception cref="NodeFaultException">It is refused.</exception>
    public async Task<string> Answer(string what, string document)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        object? answer = what switch
        {
            "sessions" => await _local.Sessions(patience.Token).ConfigureAwait(false),
            "node" => await OwnReport(patience.Token).ConfigureAwait(false),
            "actors" => await _local.Actors(patience.Token).ConfigureAwait(false),
            "volume" => await OwnDetail(JsonSerializer.Deserialize<Guid>(document, Json)).ConfigureAwait(false),
            "exports" => await Exports(JsonSerializer.Deserialize<ExpectedExport>(document, Json)!, patience.Token).ConfigureAwait(false),
            "unmake" => Unmake(JsonSerializer.Deserialize<UnwantedStore>(document, Json)!),
            "do" => await DoHere(JsonSerializer.Deserialize<RemoteOperation>(document, Json)!, patience.Token).ConfigureAwait(false),
            _ => throw new NodeFaultException($"{Node} does not know the question '{what}': it runs another release"),
        };
        return JsonSerializer.Serialize(answer, answer?.GetType() ?? typeof(object), Json);
    }

    private async Task<MembershipView> View(CancellationToken cancellation)
    {
        MembershipView view = await _local.Membership(cancellation).ConfigureAwait(false);
        _lastView = view;
        return view;
    }

    // What membership knows, what the nodes told of themselves, and what the catalog remembers.
    private List<MemberReport> Members(MembershipView view, CatalogNow? catalog)
    {
        var members = new SortedDictionary<string, MemberReport>(StringComparer.Ordinal);
        foreach (MemberReport member in view.Members)
        {
            NodeHello? hello = _state.Hellos.GetValueOrDefault(member.Name);
            members[member.Name] = member with { Version = hello?.Release ?? member.Version, Drained = IsDrained(catalog, member.Name) };
        }

        IEnumerable<string> named = (catalog?.Value.Voters ?? default).Select(voter => voter.Node)
            .Concat((catalog?.Document.Volumes ?? []).SelectMany(volume => (_state.ConfigurationOf(volume.Id)?.Replicas ?? default).Select(replica => replica.Node)));
        foreach (string name in named.Distinct(StringComparer.Ordinal))
        {
            if (!members.ContainsKey(name))
            {
                NodeHello? hello = _state.Hellos.GetValueOrDefault(name);
                members[name] = new MemberReport(name, null, hello is { IsStorage: false } ? MemberRole.Witness : MemberRole.Storage, MemberStatus.Absent, null, Reachable: false, hello?.Release, IsDrained(catalog, name));
            }
        }

        return [.. members.Values];
    }

    private static bool IsDrained(CatalogNow? catalog, string node) => catalog?.Document.Nodes.Any(one => one.Name == node && one.Drained) ?? false;

    private static bool IsReachable(MembershipView view, string node) => view.Members.Any(member => member.Name == node && member.Reachable && member.Status is MemberStatus.Up or MemberStatus.WeaklyUp);

    private static bool HasMajority(MembershipView view, IReadOnlyCollection<string> voters) => voters.Count > 0 && voters.Count(voter => IsReachable(view, voter)) * 2 > voters.Count;

    private async Task<NodeReport> ReportOf(MemberReport member, CancellationToken cancellation)
    {
        NodeReport? report = member.Name == Node
            ? await OwnReport(cancellation).ConfigureAwait(false)
            : member.Reachable ? await TryAsk<NodeReport>(member.Name, "node", "", cancellation).ConfigureAwait(false) : null;
        return report is null ? new NodeReport(member, Answered: false, PrimaryOf(member.Name), [], [], [], null) : report with { Member = member };
    }

    private async Task<NodeReport> OwnReport(CancellationToken cancellation)
    {
        MemberReport self = Members(await View(cancellation).ConfigureAwait(false), _state.Catalog).FirstOrDefault(member => member.Name == Node)
            ?? new MemberReport(Node, null, MemberRole.Storage, MemberStatus.Absent, null, Reachable: true, _parts.Release, Drained: false);
        var stores = new List<StoreReport>();
        foreach (CatalogVolume volume in _state.Catalog?.Document.Volumes ?? [])
        {
            if (await OwnDetail(volume.Id).ConfigureAwait(false) is { Store: { Length: > 0 } path } detail)
            {
                stores.Add(new StoreReport(volume.Name, path, "file", detail.SizeBytes, Allocated(path), Encrypted: false, detail.Fault));
            }
        }

        return new NodeReport(self, Answered: true, PrimaryOf(Node), stores, await _local.Threads(cancellation).ConfigureAwait(false), [.. _state.Links],
            new VersionReport(_parts.Release, System.Runtime.InteropServices.RuntimeInformation.FrameworkDescription, System.Runtime.InteropServices.RuntimeInformation.OSDescription, 1, 1));
    }

    private string[] PrimaryOf(string node) =>
        [.. (_state.Catalog?.Document.Volumes ?? []).Where(volume => _state.ConfigurationOf(volume.Id)?.Primary?.Node == node).Select(volume => volume.Name)];

    private static long? Allocated(string path)
    {
        // Blocks of 512 bytes (stat(2)).
        return Storage.Stores.FileSpace.AllocatedBytes(path);
    }

    private async Task<T?> TryAsk<T>(string node, string what, string document, CancellationToken cancellation, TimeSpan? patience = null)
        where T : class
    {
        try
        {
            return JsonSerializer.Deserialize<T>(await _rpc.Ask(node, what, document, patience ?? s_askPatience, cancellation).ConfigureAwait(false), Json);
        }
        catch (Exception failure) when (failure is TimeoutException or NodeFaultException or JsonException)
        {
            return null;
        }
    }

    private CatalogNow RequireCatalog() => _state.Catalog ?? throw new ManagementUnavailableException(
        $"{Node} does not know the cluster's catalog yet: a majority of its voters must be up. If this cluster is new, start the node on which 'actorsan init' was run, and all of {string.Join(", ", _settings.Cluster!.Founders)}");
}
