using System.Collections.Concurrent;
using ActorSan.Cluster.Catalog;
using ActorSan.Cluster.Control;
using ActorSan.Cluster.Registers;
using ActorSan.Replication.Core.Leases;
using ActorSan.Replication.Core.Ports;
using ActorSan.Replication.Core.Register;
using ActorSan.Replication.Core.Values;
using Akka.Actor;
using Xunit;

namespace ActorSan.Tests.Cluster.Control;

/// <summary>The decisions of a node without a replica: what it knows of a volume that others serve.</summary>
public sealed class ControlSideTests : IDisposable
{
    private static readonly Guid s_cluster = Guid.NewGuid();
    private static readonly PrimaryId s_atlas = new("atlas", Guid.NewGuid());
    private readonly Sink _sink = new();
    private readonly ControlLoop _loop;
    private readonly CatalogVolume _volume;
    private readonly Configuration _first;
    private readonly RegisterKey _catalog = new("catalog", Guid.NewGuid());

    public ControlSideTests()
    {
        _loop = new ControlLoop(_sink.Failures.Enqueue);
        _loop.Start();
        var store = Guid.NewGuid();
        _first = new Configuration
        {
            Version = 1,
            VolumeId = Guid.NewGuid(),
            Lineage = Guid.NewGuid(),
            Voters = [.. new[] { "atlas", "hera", "zeus" }.Select(node => new VoterId(node, Guid.NewGuid()))],
            InSync = [new Member("atlas", store, Guid.NewGuid())],
            Replicas = [new ReplicaEntry("atlas", store)],
            SizeBytes = 1 << 20,
        };
        _volume = new CatalogVolume(_first.VolumeId, "vol", CatalogVolume.Encode(_first), 512, 4096, DateTimeOffset.UnixEpoch);
    }

    [Fact]
    public async Task Who_serves_is_known_although_it_was_told_before_the_volume_was_added()
    {
        ControlSide side = await Begin();
        await _loop.Invoke(() =>
        {
            side.On(Told(_first with { Version = 3, Epoch = 2, Primary = s_atlas }));
            side.On(Told(_first with { Version = 2, Epoch = 1 }));
            return side.Add(_volume, static _ => null, hasReplica: false);
        });

        Assert.Equal("atlas", _sink.Latest[_volume.Id].Primary?.Node);
        Assert.Equal(3, (await _loop.Invoke(() => side.KnownOf(_volume)))?.Version);
    }

    [Fact]
    public async Task Of_a_volume_that_the_catalog_does_not_name_nothing_is_kept()
    {
        ControlSide side = await Begin();
        CatalogVolume other = _volume with { Id = Guid.NewGuid() };
        Configuration first = _first with { VolumeId = other.Id };
        other = other with { First = CatalogVolume.Encode(first) };
        await _loop.Invoke(() =>
        {
            side.On(Told(first with { Version = 3, Epoch = 2, Primary = s_atlas }));
            return side.Add(other, static _ => null, hasReplica: false);
        });

        Assert.Equal(1, _sink.Latest[other.Id].Version);
    }

    [Fact]
    public async Task What_is_told_after_the_volume_was_added_is_known_at_once()
    {
        ControlSide side = await Begin();
        await _loop.Invoke(() =>
        {
            _ = side.Add(_volume, static _ => null, hasReplica: false);
            side.On(Told(_first with { Version = 3, Epoch = 2, Primary = s_atlas }));
            return true;
        });

        Assert.Equal(3, _sink.Latest[_volume.Id].Version);
    }

    // Its first attempt had no answer in time, and one voter had taken it: what a second attempt meets is what it wants, and nobody has decided it.
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_change_is_done_when_it_is_decided_and_not_when_a_voter_has_it(bool isRefused)
    {
        ControlSide side = await Begin();
        var document = new CatalogDocument { ClusterId = s_cluster, Volumes = [_volume], Targets = [new CatalogTarget("iqn.2026-01.org.example:t", "", true, [], [], null)] };
        var halfDone = new DocumentValue { Version = 3, Voters = _first.Voters, Document = document.ToJson() };
        bool isSpareTold = false;
        _sink.OnSend = (node, message) =>
        {
            isSpareTold |= node == "spare" && message is Learn { Value.Version: 3 };
            RegisterReply? reply = message switch
            {
                Prepare asked => new Promise(asked.Key, asked.To, 1, asked.Seen, asked.Ballot, new Ballot(1, "hera", Guid.NewGuid()), halfDone),
                Accept asked => new Accepted(asked.Key, asked.To, 1, asked.Seen, asked.Ballot),
                _ => null,
            };
            if (reply is not null && node != "zeus")
            {
                _loop.Post(() => side.On(reply));
            }
        };
        var told = new TaskCompletionSource<string?>(TaskCreationOptions.RunContinuationsAsynchronously);
        await _loop.Invoke(() =>
        {
            side.OnMember("spare");
            side.ChangeCatalog((CatalogDocument now, out string? refusal) =>
            {
                refusal = isRefused ? "it is there" : null;
                return isRefused ? null : document;
            }, told.SetResult);
            return true;
        });

        Assert.Equal(isRefused ? "it is there" : null, await told.Task.WaitAsync(TimeSpan.FromSeconds(20)));
        Assert.Equal(3, _sink.Catalog?.Version);
        Assert.True(isSpareTold, "a member without a vote was not told what was settled");
    }

    // Nobody answers the first Accept in time, though both have it; what they have is settled then, and refuses the same change, which it is itself.
    [Fact]
    public async Task What_may_be_the_change_itself_is_not_told_as_its_refusal()
    {
        ControlSide side = await Begin();
        RegisterValue? held = null;
        _sink.OnSend = (node, message) =>
        {
            RegisterReply? reply = null;
            if (message is Prepare prepare)
            {
                RegisterValue value = held ?? new DocumentValue { Version = 2, Voters = _first.Voters, Document = new CatalogDocument { ClusterId = s_cluster, Volumes = [_volume] }.ToJson() };
                reply = new Promise(prepare.Key, prepare.To, 1, prepare.Seen, prepare.Ballot, new Ballot(1, "hera", Guid.NewGuid()), value);
            }
            else if (message is Accept accept)
            {
                reply = held is null || accept.Value != held ? null : new Accepted(accept.Key, accept.To, 1, accept.Seen, accept.Ballot);
                held = accept.Value;
            }

            if (reply is not null && node != "zeus")
            {
                _loop.Post(() => side.On(reply));
            }
        };
        var told = new TaskCompletionSource<string?>(TaskCreationOptions.RunContinuationsAsynchronously);
        bool isFirst = true;
        await _loop.Invoke(() =>
        {
            side.ChangeCatalog((CatalogDocument now, out string? refusal) =>
            {
                (CatalogDocument? next, refusal) = isFirst ? (now with { Targets = [new CatalogTarget("iqn.2026-01.org.example:t", "", true, [], [], null)] }, null) : ((CatalogDocument?)null, "it is there");
                isFirst = false;
                return next;
            }, told.SetResult);
            return true;
        });

        Assert.Contains("is not known", await told.Task.WaitAsync(TimeSpan.FromSeconds(20)), StringComparison.Ordinal);
        Assert.Equal(3, _sink.Catalog?.Version);
    }

    // What a slow voter has of the own first attempt is of a version that another node has decided meanwhile, and said so, before the slow one answers.
    [Fact]
    public async Task A_change_that_was_overtaken_begins_anew_from_what_was_decided()
    {
        ControlSide side = await Begin();
        CatalogTarget Target(string name) => new($"iqn.2026-01.org.example:{name}", "", true, [], [], null);
        var mine = new CatalogDocument { ClusterId = s_cluster, Volumes = [_volume], Targets = [Target("mine")] };
        var other = new CatalogDocument { ClusterId = s_cluster, Volumes = [_volume], Targets = [Target("other")] };
        var halfDone = new DocumentValue { Version = 3, Voters = _first.Voters, Document = mine.ToJson() };
        var decided = new DocumentValue { Version = 3, Voters = _first.Voters, Document = other.ToJson() };
        bool isOvertaken = false;
        _sink.OnSend = (node, message) =>
        {
            if (node == "zeus")
            {
                return;
            }

            switch (message)
            {
                case Prepare asked:
                    bool first = !isOvertaken && node == "hera";
                    isOvertaken |= first;
                    _loop.Post(() =>
                    {
                        if (first)
                        {
                            side.On(new Learn("zeus", asked.Key, decided));
                        }

                        side.On(new Promise(asked.Key, asked.To, 1, asked.Seen, asked.Ballot, new Ballot(1, "hera", Guid.NewGuid()), first || asked.Ballot.Counter == 1 ? halfDone : decided));
                    });
                    break;
                case Accept asked:
                    _loop.Post(() => side.On(new Accepted(asked.Key, asked.To, 1, asked.Seen, asked.Ballot)));
                    break;
            }
        };
        var told = new TaskCompletionSource<string?>(TaskCreationOptions.RunContinuationsAsynchronously);
        await _loop.Invoke(() =>
        {
            side.ChangeCatalog((CatalogDocument now, out string? refusal) =>
            {
                refusal = null;
                return now.FindTarget(Target("mine").Iqn) is not null ? now : now with { Targets = [.. now.Targets, Target("mine")] };
            }, told.SetResult);
            return true;
        });

        Assert.Null(await told.Task.WaitAsync(TimeSpan.FromSeconds(20)));
        Assert.Equal(4, _sink.Catalog?.Version);
        Assert.Equal(2, CatalogDocument.Parse(_sink.Catalog!.Document).Targets.Count);
    }

    public void Dispose()
    {
        _loop.Dispose();
        Assert.Empty(_sink.Failures);
    }

    private Learn Told(Configuration value) => new("atlas", new RegisterKey(CatalogVolume.RegisterName(value.VolumeId), value.Lineage), value);

    // A witness that knew the catalog before.
    private Task<ControlSide> Begin() => _loop.Invoke(() =>
    {
        var options = new ControlSideOptions
        {
            Node = "hera",
            Instance = Guid.NewGuid(),
            ClusterId = s_cluster,
            Founders = ["atlas", "zeus", "hera"],
            Founds = false,
            Leases = new LeaseSettings(),
        };
        var journal = new VoterJournal(Guid.NewGuid(), 0, ActorRefs.Nobody, ActorRefs.Nobody);
        var side = new ControlSide(options, _loop, _sink, journal, new VoterState(), _sink);
        var document = new CatalogDocument { ClusterId = s_cluster, Volumes = [_volume] };
        side.Start((_catalog, new DocumentValue { Version = 2, Voters = _first.Voters, Document = document.ToJson() }));
        return side;
    });

    private sealed class Sink : IControlNetwork, IControlSideEvents
    {
        public ConcurrentQueue<Exception> Failures { get; } = new();

        public ConcurrentDictionary<Guid, Configuration> Latest { get; } = new();

        public Action<string, ControlMessage>? OnSend { get; set; }

        public DocumentValue? Catalog { get; private set; }

        public void Send(string node, ControlMessage message) => OnSend?.Invoke(node, message);

        public void CatalogDecided(RegisterKey key, DocumentValue value, CatalogDocument document) => Catalog = value;

        public void CatalogSought(bool founds, CatalogOutcome outcome)
        {
        }

        public void ConfigurationDecided(Guid volumeId, Configuration? before, Configuration now) => Latest[volumeId] = now;

        public void Noted(Guid volumeId, ControlNote note, string sentence)
        {
        }

        public void LetGo(Guid volumeId)
        {
        }

        public void JournalPutBack(long seen, long writeCount)
        {
        }
    }
}
