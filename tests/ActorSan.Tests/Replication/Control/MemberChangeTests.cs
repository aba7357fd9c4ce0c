using ActorSan.Replication.Core;
using ActorSan.Replication.Core.Control;
using ActorSan.Replication.Core.Engine;
using ActorSan.Replication.Core.Leases;
using ActorSan.Replication.Core.Ports;
using ActorSan.Replication.Core.Register;
using ActorSan.Replication.Core.Values;
using ActorSan.Tests.Replication.Register;
using Xunit;

namespace ActorSan.Tests.Replication.Control;

/// <summary>What an operator is told (R8, S1, S8), and what late news and late messages do (W7, P8): a node "v" that serves alone and votes alone, beside replicas "b" and "c" that are out, and others that do what the test says.</summary>
public sealed class MemberChangeTests : IProposerListener, ILeaseListener, IEngineCommands
{
    private const long Tick = 100_000_000;
    private static readonly VoterId W = new("w", VoterBench.Id(31));
    private static readonly Member Self = new("v", VoterBench.Id(21), VoterBench.Id(22));
    private readonly VoterBench _bench = new();
    private readonly Proposer _proposer;
    private readonly LeaseHolder _leases;
    private readonly VolumeControl _control;
    private readonly List<ChangeOutcome> _told = [];
    private readonly List<ControlMessage> _out = [];
    private readonly List<RegisterValue> _decided = [];
    private readonly List<EngineCommand> _commands = [];
    private bool _wIsThere;

    public MemberChangeTests()
    {
        var counts = new JournalCounts(null, BugSet.Nothing);
        _proposer = new Proposer("v", VoterBench.Id(7), _bench.Voter, counts, _bench, _bench, _bench, this, new ProposerSettings(), BugSet.Nothing);
        _leases = new LeaseHolder("v", VoterBench.Id(7), counts, _bench, _bench, _bench, new Chance(3), this, new LeaseSettings(), BugSet.Nothing);
        _control = new VolumeControl(
            VoterBench.Key, "v", VoterBench.Id(7), new ControlOptions(), _proposer, _bench.Voter, _leases, this, _bench, _bench, _bench, new Chance(5), new LeaseCell(), BugSet.Nothing,
            new Founder("v", counts, _proposer, _bench, _bench, _bench, new ProposerSettings()));
        var first = new Configuration
        {
            Version = 1,
            VolumeId = VoterBench.Id(2),
            Lineage = VoterBench.Key.Lineage,
            InSync = [Self],
            Replicas = [new ReplicaEntry("v", Self.Incarnation), new ReplicaEntry("b", VoterBench.Id(41)), new ReplicaEntry("c", VoterBench.Id(42), LeftAt: 7)],
            Voters = [_bench.Me],
            SizeBytes = 1 << 20,
        };
        _ = _bench.Ask<Begun>(new Begin("v", VoterBench.Key, _bench.Me, 0, first));
        _proposer.Know(VoterBench.Key, first);
        _control.Start();
        _control.OnEngine(new SelfState(Self, 1, false, false, false, 0, null, VoterBench.Key.Lineage, false, false));
        for (int i = 0; i < 20 && _control.Role != VolumeRole.Serving; i++)
        {
            Run(Tick);
        }

        Assert.Equal(VolumeRole.Serving, _control.Role);
    }

    private Configuration Known => _control.Known!;

    [Fact]
    public void WhatWouldTakeTheLastIsRefused()
    {
        Refused(new RemoveReplica("v"), ChangeReason.IsPrimary);
        Refused(new DetachReplica("v"), ChangeReason.IsPrimary);
        Refused(new ReplaceReplica("v", "b"), ChangeReason.IsPrimary);
        Refused(new RemoveVoter("v"), ChangeReason.LastVoter);
        Refused(new ChangeVoters([]), ChangeReason.LastVoter);
        Refused(new ReplaceReplica("b", "b"), ChangeReason.SameNode);
        Refused(new ReplaceReplica("x", "y"), ChangeReason.NotNamed);
        Refused(new DetachReplica("x"), ChangeReason.NotNamed);
        Refused(new AttachReplica("x"), ChangeReason.NotNamed);
        Refused(new ChangeSettings(new VolumeSettings { PreferredPrimary = "x" }), ChangeReason.NotNamed);
    }

    [Fact]
    public void WhatIsSoAlreadyIsDone()
    {
        long version = Known.Version;
        Done(new AddReplica("b"));
        Done(new RemoveReplica("x"));
        Done(new AttachReplica("b"));
        Done(new AddVoter("v"));
        Done(new RemoveVoter("x"));
        Done(new ChangeVoters(["v"]));
        Done(new ChangeSettings(new VolumeSettings()));
        Assert.Equal(version, Known.Version);
    }

    [Fact]
    public void S8AReplicaIsNamedFirstAndIsOutWholly()
    {
        Ask(new AddReplica("d"));
        _ = Assert.Single(_out.OfType<MemberQuery>());
        _control.OnMessage(new MemberReply("d", VoterBench.Key, 0, new Member("d", VoterBench.Id(51), VoterBench.Id(52)), false, 9));
        Run(Tick);
        Assert.Equal(new ReplicaEntry("d", VoterBench.Id(51), HighestMark: 9), Known.ReplicaOf("d"));
        Assert.Null(Known.MemberOf("d"));
        Assert.Equal([new ChangeOutcome(ChangeEnd.Done)], _told);

        // There are places for the sets of three others.
        Refused(new AddReplica("e"), ChangeReason.TooManyReplicas);
    }

    [Fact]
    public void ANodeWithoutStoreOrAnswerIsNotNamed()
    {
        Ask(new AddReplica("d"));
        _control.OnMessage(new MemberReply("d", VoterBench.Key, 0, null, false, 0));
        Run(Tick);
        Assert.Equal([new ChangeOutcome(ChangeEnd.Refused, ChangeReason.NoStore, "d")], _told);
        Ask(new AddReplica("d"));
        Ask(new RemoveReplica("d"));
        Assert.Equal(new ChangeOutcome(ChangeEnd.TryAgain, ChangeReason.Busy), _told[^1]);
        Run(6_000_000_000);
        Assert.Equal(new ChangeOutcome(ChangeEnd.TryAgain, ChangeReason.NoAnswer, "d"), _told[^1]);
        Assert.Null(Known.ReplicaOf("d"));
    }

    [Fact]
    public void R8AReplicaThatIsOutIsRemovedAndDetachedAndTakenBack()
    {
        Done(new RemoveReplica("b"));
        Assert.Null(Known.ReplicaOf("b"));
        Done(new DetachReplica("c"));
        Assert.Equal((true, 7L), (Known.ReplicaOf("c")!.Detached, Known.ReplicaOf("c")!.LeftAt));
        Refused(new ReplaceReplica("x", "c"), ChangeReason.None, ChangeEnd.Done);
        Done(new AttachReplica("c"));
        Assert.Equal((false, 7L), (Known.ReplicaOf("c")!.Detached, Known.ReplicaOf("c")!.LeftAt));
        Done(new ChangeSettings(new VolumeSettings { PreferredPrimary = "c", ConfirmReads = true }));
        Assert.Equal("c", Known.Settings.PreferredPrimary);
        Done(new RemoveReplica("c"));
        Assert.Null(Known.Settings.PreferredPrimary);
    }

    [Fact]
    public void R8VotersChangeInTwoStepsAndOnlyWhenAMajorityOfTheNewOnesIsThere()
    {
        long version = Known.Version;
        Ask(new AddVoter("w"));
        Run(1_000_000_000);
        Assert.NotEmpty(_out.OfType<VoterQuery>());
        Assert.Equal(version, Known.Version);
        _wIsThere = true;
        _control.OnMessage(new VoterReply("w", VoterBench.Key, W));
        Run(2 * Tick);
        Assert.Equal([version + 1, version + 2], _decided.TakeLast(2).Select(value => value.Version));
        Assert.Equal([_bench.Me, W], _decided[^2].Voters);
        Assert.Equal([_bench.Me], _decided[^2].OldVoters);
        Assert.Equal([_bench.Me, W], Known.Voters);
        Assert.Empty(Known.OldVoters);
        Assert.Equal([new ChangeOutcome(ChangeEnd.Done)], _told);
    }

    [Fact]
    public void ADeletedVolumeIsATombstone()
    {
        long epoch = Known.Epoch;
        Ask(new DeleteVolume());
        Ask(new AddReplica("d"));
        Run(Tick);
        Assert.True(Known.Deleted);
        Assert.True(Known.Epoch > epoch);
        Assert.Equal((0, 0, null), (Known.InSync.Count, Known.Replicas.Count, Known.Primary));
        Assert.Equal(VolumeRole.Secondary, _control.Role);
        Assert.Contains(new ChangeOutcome(ChangeEnd.Done), _told);
        Done(new DeleteVolume());
        Refused(new AddReplica("d"), ChangeReason.Deleted);
        Run(10_000_000_000);
        Assert.Equal(VolumeRole.Secondary, _control.Role);
    }

    [Fact]
    public void WhoIsNoMemberIsNotWaitedFor()
    {
        Done(new ChangeSettings(new VolumeSettings { OnNoQuorum = NoQuorumPolicy.Fail }));
        _commands.Clear();

        // Late news: both are out already, by the latest configuration.
        _control.OnEngine(new PeerBroken(Known.Epoch, "b"));
        _control.OnEngine(new PeerLate(Known.Epoch, "c"));
        for (int i = 0; i < 40; i++)
        {
            _control.OnEngine(new EngineTurns(long.MaxValue));
            Run(Tick);
        }

        Assert.Empty(_commands.OfType<Suspended>());
        Assert.Equal(VolumeRole.Serving, _control.Role);
    }

    [Fact]
    public void P8WhoIsBeingStoppedTakesNothing()
    {
        _proposer.Know(VoterBench.Key, Known with { Version = Known.Version + 1, Epoch = Known.Epoch + 1, Reign = Known.Epoch + 1, Primary = new PrimaryId("b", VoterBench.Id(8)) });
        Assert.Equal(VolumeRole.Secondary, _control.Role);
        bool ended = false;
        _control.StopInOrder(() => ended = true);
        Assert.True(ended);
        Configuration handed = Known with { Version = Known.Version + 1, Epoch = Known.Epoch + 1, Reign = Known.Epoch + 1, Primary = new PrimaryId("v", VoterBench.Id(7)) };
        _control.OnMessage(new HandOver("b", VoterBench.Key, handed));
        Run(2_000_000_000);
        Assert.Equal(VolumeRole.Secondary, _control.Role);
        Assert.False(_leases.Holds(VoterBench.Key));
    }

    void IEngineCommands.Execute(EngineCommand command)
    {
        _commands.Add(command);
        switch (command)
        {
            case FenceSelf fence:
                _control.OnEngine(new SelfFenced(fence.Epoch, true, false));
                break;
            case BecomePrimary begin:
                _control.OnEngine(new AttachRoundOver(begin.Configuration.Reign, []));
                break;
            case Reconcile reconcile:
                _control.OnEngine(new Reconciled(reconcile.Reign));
                break;
            default:
                break;
        }
    }

    void IProposerListener.OnDecided(RegisterKey key, RegisterValue value)
    {
        _decided.Add(value);
        _control.OnDecided(value);
    }

    void IProposerListener.OnContradiction(RegisterKey key, RegisterValue known, RegisterValue told) => Assert.Fail("no two values of one version");

    void ILeaseListener.OnHeld(RegisterKey key, long epoch) => _control.OnHeld(epoch);

    void ILeaseListener.OnGaveUp(RegisterKey key, long epoch, long quietUntilNs)
    {
    }

    void ILeaseListener.OnHigherEpoch(RegisterKey key, long epoch, long higherEpoch) => _control.OnHigherEpoch(higherEpoch);

    void ILeaseListener.OnOtherIncarnation(VoterId asked, VoterId told) => _control.OnOtherIncarnation(asked, told);

    private void Done(MemberChange change) => Refused(change, ChangeReason.None, ChangeEnd.Done);

    private void Refused(MemberChange change, ChangeReason reason, ChangeEnd end = ChangeEnd.Refused)
    {
        _told.Clear();
        Ask(change);
        Run(2 * Tick);
        ChangeOutcome outcome = Assert.Single(_told);
        Assert.Equal((end, reason), (outcome.End, outcome.Reason));
        _told.Clear();
    }

    private void Ask(MemberChange change)
    {
        _out.Clear();
        _control.Request(change, _told.Add);
        Run(0);
    }

    // It promises with none, accepts, and grants.
    private void AnswerAsW(ControlMessage message) => _ = message switch
    {
        Prepare prepare => _proposer.On(new Promise(VoterBench.Key, W, 1, 0, prepare.Ballot, default, null)),
        Accept accept => _proposer.On(new Accepted(VoterBench.Key, W, 1, 0, accept.Ballot)),
        Renew renew => _leases.On(new Granted(W, 1, 0, renew.Instance, renew.Rid, [.. renew.Leases.Select(lease => new LeaseAnswer(lease.Key, lease.Epoch, LeaseVerdict.Granted, 0))])),
        _ => false,
    };

    // Time goes on in steps; everything that "v" sends itself arrives, what goes to others is kept.
    private void Run(long ns)
    {
        const long step = 5_000_000;
        for (long done = 0; done < ns; done += step)
        {
            Deliver();
            _bench.Advance(step);
        }

        _bench.Advance(0);
        Deliver();
    }

    private void Deliver()
    {
        do
        {
            _bench.Flush();
            (string Node, ControlMessage Message)[] sent = [.. _bench.Sent];
            _bench.Sent.Clear();
            foreach ((string node, ControlMessage message) in sent)
            {
                if (node != "v")
                {
                    _out.Add(message);
                    if (node == "w" && _wIsThere)
                    {
                        AnswerAsW(message);
                    }
                }
                else if (!_bench.Voter.On(message) && !_proposer.On(message) && !_leases.On(message))
                {
                    _control.OnMessage(message);
                }
            }
        }
        while (_bench.Sent.Count > 0 || _bench.Journal.Pending > 0);
    }
}
