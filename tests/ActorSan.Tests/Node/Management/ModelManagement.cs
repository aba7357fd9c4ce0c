using System.Collections.Concurrent;
using System.Threading.Channels;
using ActorSan.Cluster.Management;

namespace ActorSan.Tests.Node.Management;

/// <summary>A cluster that only exists here: atlas and zeus with stores, hera the witness, volume data. It keeps what it was told to do, and answers as a test wants.</summary>
public sealed class ModelManagement : IManagement
{
    public const string TargetName = "iqn.2026-01.org.actorsan:disks";
    public static readonly DateTimeOffset Time = new(2026, 11, 26, 10, 20, 30, TimeSpan.Zero);
    public static readonly Guid VolumeId = new("11111111-2222-3333-4444-555555555555");
    public static readonly Guid Lineage = new("aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee");
    private readonly ConcurrentBag<IFed> _streams = [];

    private interface IFed
    {
        void Feed(object item);
    }

    public string Node => "atlas";

    public ConcurrentQueue<ManagementOperation> Operations { get; } = new();

    public Func<ManagementOperation, OperationOutcome> Outcome { get; set; } = operation => OperationOutcome.Done($"{operation.GetType().Name} was done.");

    /// <summary>Thrown by every question and change, if there is one.</summary>
    public Exception? Failure { get; set; }

    /// <summary>Questions and changes never end by themselves.</summary>
    public bool Silent { get; set; }

    public HealthReport HealthNow { get; set; } = new("atlas", true, []);

    public IReadOnlyList<VolumeReport> VolumesNow { get; set; } = [Data()];

    public IReadOnlyList<string> SilentNodes { get; set; } = [];

    /// <summary>Completed with each subscription that begins.</summary>
    public Channel<object> Subscribed { get; } = Channel.CreateUnbounded<object>();

    public static VolumeReport Data() => new(
        "data", VolumeId, Lineage, 10L << 30, 512, VolumeCondition.Syncing, "zeus is being brought up to date.", "atlas", 7, ["atlas"], ["atlas", "hera", "zeus"], [],
        [
            new("atlas", ReplicaCondition.Primary, null, ReplicaProtocol.C, 0, null, null, 41, new Guid(1, 0, 0, new byte[8]), "/srv/data.img"),
            new("zeus", ReplicaCondition.Syncing, "It was away for 3 s.", ReplicaProtocol.C, 3 << 20, 62.5, 104857600, 39, new Guid(2, 0, 0, new byte[8]), "/srv/data.img"),
        ],
        new VolumeSettingsReport("atlas", OnNoQuorum.Suspend, false), 730,
        new IoReport(1000, 2000, 4096000, 8192000, 3, Histogram(90, 9, 1), Histogram(50, 50)), [new ExportReport(TargetName, 0)]);

    public static LatencyHistogram Histogram(params long[] counts)
    {
        long[] all = new long[LatencyHistogram.BoundsUs.Count + 1];
        counts.CopyTo(all, 0);
        return new LatencyHistogram(all, counts.Sum() * 20);
    }

    public Task<ClusterReport> Cluster(CancellationToken cancellation) =>
        Answer(new ClusterReport("olymp", new Guid("99999999-8888-7777-6666-555555555555"), "atlas", "atlas", 12, true, ["atlas", "hera", "zeus"], Members()), cancellation);

    public Task<IReadOnlyList<VolumeReport>> Volumes(CancellationToken cancellation) => Answer(VolumesNow, cancellation);

    public Task<VolumeReport?> Volume(string name, CancellationToken cancellation) => Answer(VolumesNow.FirstOrDefault(volume => volume.Name == name), cancellation);

    public Task<VolumeWhy?> Why(string name, CancellationToken cancellation) => Answer(name != "data" ? null : new VolumeWhy(name,
        ["atlas is primary since epoch 7, for it was the only member of the in-sync set.", "It holds the lease of atlas and hera."],
        [new("atlas", "nobody would serve: zeus is not in sync."), new("zeus", "atlas goes on.")],
        [new("volume promote data zeus", "P2", "zeus is no member of the in-sync set.")]), cancellation);

    public Task<IReadOnlyList<VolumeEvent>?> History(string name, int count, CancellationToken cancellation) => Answer(name != "data" ? null
        : (IReadOnlyList<VolumeEvent>?)[.. new VolumeEvent[] { new(Time, "atlas", "promoted", 7, "atlas was promoted."), new(Time.AddSeconds(1), "atlas", "dropped", 7, "zeus did not answer for 1 s.") }.TakeLast(count)], cancellation);

    public Task<Gathered<TargetReport>> Targets(CancellationToken cancellation) => Answer(new Gathered<TargetReport>([Target()], SilentNodes), cancellation);

    public Task<TargetReport?> Target(string iqn, CancellationToken cancellation) => Answer(iqn == TargetName ? Target() : null, cancellation);

    public Task<Gathered<SessionReport>> Sessions(CancellationToken cancellation) => Answer(new Gathered<SessionReport>([Session()], SilentNodes), cancellation);

    public Task<Gathered<NodeReport>> Nodes(CancellationToken cancellation) => Answer(new Gathered<NodeReport>([.. Members().Select(Report)], SilentNodes), cancellation);

    public Task<NodeReport?> NodeNamed(string name, CancellationToken cancellation) =>
        Answer(Members().Where(member => member.Name == name).Select(Report).FirstOrDefault(), cancellation);

    public Task<ActorTree?> Actors(string node, CancellationToken cancellation) => Answer(node != "atlas" ? null
        : new ActorTree("node", "NodeGuardian", 0, [new("io", "IoThreadsActor", 0, []), new("volumes", "VolumesActor", 2, [new("data", "VolumeActor", null, [])])]), cancellation);

    public async Task<OperationOutcome> Do(ManagementOperation operation, CancellationToken cancellation)
    {
        Operations.Enqueue(operation);
        return await Answer(Outcome(operation), cancellation);
    }

    public HealthReport Health() => HealthNow;

    public NodeMetrics Metrics()
    {
        NodeReport atlas = Report(Members()[0]);
        return new NodeMetrics("atlas", "0.1.0", Time, true, 12, Members(),
            [.. VolumesNow.Select(volume => new VolumeMetrics(volume.Name, volume.SizeBytes, volume.Condition, true, volume.Epoch, volume.InSync.Count, volume.Replicas.Count, volume.Io ?? IoReport.None))],
            [.. VolumesNow.SelectMany(volume => volume.Replicas.Select(replica => new ReplicaMetrics(volume.Name, replica.Node, replica.Condition, replica.ToResyncBytes, replica.ResyncBytesPerSecond)))],
            atlas.Links, [Session()], atlas.Threads);
    }

    public ISubscription<ManagementEvent> Events(int capacity) => Subscribe<ManagementEvent>(capacity, []);

    public ISubscription<LogLine> Log(LogSeverity least, int last, int capacity) =>
        Subscribe(capacity, [.. Enumerable.Range(1, last).Select(i => new LogLine(Time, "atlas", least, "VolumeActor", $"line {i}"))]);

    /// <summary>To every subscription of that kind.</summary>
    public void Feed(object item)
    {
        foreach (IFed stream in _streams)
        {
            stream.Feed(item);
        }
    }

    private static IReadOnlyList<MemberReport> Members() =>
    [
        new("atlas", "127.0.0.1:9100", MemberRole.Storage, MemberStatus.Up, Time, true, "0.1.0", false),
        new("hera", "127.0.0.3:9100", MemberRole.Witness, MemberStatus.Up, Time, true, "0.1.0", false),
        new("zeus", "127.0.0.2:9100", MemberRole.Storage, MemberStatus.Up, null, false, null, true),
    ];

    private static TargetReport Target() => new(
        TargetName, "disks", [new(0, "data", false)], [new("atlas", "127.0.0.1:3260", 1, "active/optimized"), new("zeus", "127.0.0.2:3260", 2, "standby")], false,
        ["iqn.1993-08.org.debian:*"], "alice", null, [Session()]);

    private static SessionReport Session() => new(17, "atlas", "iqn.1993-08.org.debian:host", TargetName, "127.0.0.1:40404", Time, 10, 20, 40960, 81920, 2);

    private static NodeReport Report(MemberReport member) => member.Name != "atlas" ? new NodeReport(member, false, [], [], [], [], null)
        : new NodeReport(member, true, ["data"], [new("data", "/srv/data.img", "file", 10L << 30, 1 << 30, false, null)],
            [new(0, "io-0", "io_uring", 0, true, 100, 40, 60, 2, Histogram(5, 5))],
            [new("zeus", LinkCondition.Down, "Nothing came for 2 s.", "127.0.0.2:9120", Time, 4096, 1 << 20, 2 << 20, 100, 200, 3, Histogram(1, 2), [new("127.0.0.2:9120", PathCondition.Down), new("127.1.0.2:9120", PathCondition.Standby)]), new("hera", LinkCondition.Up, null, "127.0.0.3:9120", Time, 0, 0, 0, 0, 0, 0, null, [new("127.0.0.3:9120", PathCondition.Active)], Encrypted: true)],
            new VersionReport("0.1.0", ".NET 10", "Debian", 1, 1));

    private async Task<T> Answer<T>(T value, CancellationToken cancellation)
    {
        if (Silent)
        {
            await Task.Delay(Timeout.Infinite, cancellation);
        }

        return Failure is null ? value : throw Failure;
    }

    private Subscription<T> Subscribe<T>(int capacity, IReadOnlyList<T> before)
        where T : class
    {
        var subscription = new Subscription<T>(capacity, before);
        _streams.Add(subscription);
        Subscribed.Writer.TryWrite(subscription);
        return subscription;
    }

    private sealed class Subscription<T> : ISubscription<T>, IFed
        where T : class
    {
        private readonly Channel<T> _channel;
        private long _lost;

        public Subscription(int capacity, IReadOnlyList<T> before)
        {
            _channel = Channel.CreateBounded<T>(new BoundedChannelOptions(capacity) { FullMode = BoundedChannelFullMode.DropOldest }, _ => Interlocked.Increment(ref _lost));
            foreach (T item in before)
            {
                _channel.Writer.TryWrite(item);
            }
        }

        public ChannelReader<T> Reader => _channel.Reader;

        public long Lost => Interlocked.Read(ref _lost);

        public void Feed(object item)
        {
            if (item is T fitting)
            {
                _channel.Writer.TryWrite(fitting);
            }
        }

        public void Dispose() => _channel.Writer.TryComplete();
    }
}
