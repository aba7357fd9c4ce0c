using System.Collections.Concurrent;
using System.Globalization;
using ActorSan.Cluster.Control;
using ActorSan.Cluster.Serialization;
using ActorSan.Replication.Core.Control;
using ActorSan.Replication.Core.Leases;
using ActorSan.Replication.Core.Ports;
using ActorSan.Replication.Core.Register;
using ActorSan.Replication.Core.Values;
using ActorSan.Tests.Cluster.Serialization;
using Akka.Actor;
using Akka.Configuration;
using CsCheck;
using Xunit;

namespace ActorSan.Tests.Cluster.Control;

/// <summary>Control messages between real ActorSystems on loopback.</summary>
[Collection("traps")]
public sealed class ControlNetworkTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    private static readonly RegisterKey Key = new("volume/1", Guid.NewGuid());
    private static readonly VoterId Voter = new("zeus", Guid.NewGuid());

    private readonly AddressBook _book = new([]);
    private readonly List<Node> _nodes = [];

    public void Dispose() => _nodes.ForEach(node => node.Dispose());

    [Fact]
    public void EveryKindOfMessageArrivesAsItWasSent()
    {
        Node atlas = Start("atlas");
        Node zeus = Start("zeus");
        foreach (Type type in ControlSamples.Messages)
        {
            ControlMessage there = ControlSamples.Of(type).Single();
            ControlMessage back = ControlSamples.Of(type).Single();
            atlas.Network.Send("zeus", there);
            zeus.Network.Send("atlas", back);
            ControlLane lane = ControlWire.Current.Written(type)!.Lane;
            Assert.Equal(there, zeus.Next(lane));
            Assert.Equal(back, atlas.Next(lane));
        }
    }

    [Fact]
    public void TheLargestConfigurationFitsAFrame()
    {
        Node atlas = Start("atlas");
        Node zeus = Start("zeus");
        string Name(int number) => new string('n', 253) + number.ToString("00", CultureInfo.InvariantCulture);
        int[] numbers = [.. Enumerable.Range(0, 32)];
        ValueList<VoterId> voters = [.. numbers.Select(number => new VoterId(Name(number), Guid.NewGuid()))];
        var largest = new Configuration
        {
            VolumeId = Guid.NewGuid(),
            Lineage = Guid.NewGuid(),
            Version = 1,
            SizeBytes = 1,
            Parents = [.. Enumerable.Range(0, 1024).Select(_ => Guid.NewGuid())],
            InSync = [.. numbers.Select(number => new Member(Name(number), Guid.NewGuid(), Guid.NewGuid()))],
            Replicas = [.. numbers.Select(number => new ReplicaEntry(Name(number), Guid.NewGuid(), LeftAt: 7))],
            Voters = voters,
            OldVoters = voters,
            Primary = new PrimaryId(Name(1), Guid.NewGuid()),
        };
        var message = new CatalogReply("atlas", Guid.NewGuid(), 1, Voter, [.. numbers.Select(Name)], new HeldRegister(Key, default, largest), new DecidedCatalog(Key, largest));
        atlas.Network.Send("zeus", message);
        Assert.Equal(message, zeus.Next(ControlLane.Register));
    }

    [Fact]
    public void ANodeSendsToItself()
    {
        Node atlas = Start("atlas");
        atlas.Network.Send("atlas", new VoterQuery("atlas", Key));
        atlas.Network.Send("atlas", new Release("atlas", Guid.Empty, Voter, 1, Key));
        Assert.IsType<VoterQuery>(atlas.Next(ControlLane.Register));
        Assert.IsType<Release>(atlas.Next(ControlLane.Lease));
    }

    [Fact]
    public void WhatGoesToAnUnknownOrADeadNodeIsLostAndNothingElse()
    {
        Node atlas = Start("atlas");
        Node zeus = Start("zeus");
        _book.Put("hera", new Address("akka.tcp", "actorsan", "127.0.0.1", 1));
        atlas.Network.Send("nobody", new VoterQuery("atlas", Key));
        atlas.Network.Send("hera", new VoterQuery("atlas", Key));
        atlas.Network.Send("zeus", new VoterQuery("atlas", Key));
        Assert.Equal(1, atlas.Network.Dropped);
        Assert.Equal(new VoterQuery("atlas", Key), zeus.Next(ControlLane.Register));
    }

    [Fact]
    public void ALeaseWaitsForNoRegister()
    {
        Node atlas = Start("atlas");
        Node zeus = Start("zeus");
        using var journal = new ManualResetEventSlim();
        zeus.OnRegister = () => Assert.True(journal.Wait(Patience));
        var renew = new Renew("atlas", Guid.NewGuid(), Voter, 0, 1, 3_000_000_000, [new LeaseRequest(Key, 1)]);
        for (int i = 0; i < 100; i++)
        {
            atlas.Network.Send("zeus", new VoterQuery("atlas", Key));
        }

        atlas.Network.Send("zeus", renew);
        Assert.Equal(renew, zeus.Next(ControlLane.Lease));
        Assert.Empty(zeus.Arrived(ControlLane.Register));
        journal.Set();
        for (int i = 0; i < 100; i++)
        {
            Assert.IsType<VoterQuery>(zeus.Next(ControlLane.Register));
        }
    }

    [Fact]
    public void WhatAFullMailboxTurnsAwayIsLost()
    {
        Node atlas = Start("atlas");
        Node zeus = Start("zeus", "akka.actor.actorsan-register-mailbox.mailbox-capacity = 4");
        using var journal = new ManualResetEventSlim();
        using var begun = new ManualResetEventSlim();
        zeus.OnRegister = () =>
        {
            begun.Set();
            Assert.True(journal.Wait(Patience));
        };
        atlas.Network.Send("zeus", new GrowWish("atlas", Key, -1));
        Assert.True(begun.Wait(Patience));
        for (int i = 0; i < 50; i++)
        {
            atlas.Network.Send("zeus", new GrowWish("atlas", Key, i));
        }

        // Sent after them on the same connection, so that all have been put into the mailbox or turned away.
        atlas.Network.Send("zeus", new Release("atlas", Guid.Empty, Voter, 1, Key));
        _ = zeus.Next(ControlLane.Lease);
        journal.Set();
        for (int i = -1; i < 4; i++)
        {
            Assert.Equal(new GrowWish("atlas", Key, i), zeus.Next(ControlLane.Register));
        }

        atlas.Network.Send("zeus", new GrowWish("atlas", Key, 1000));
        Assert.Equal(new GrowWish("atlas", Key, 1000), zeus.Next(ControlLane.Register));
    }

    [Fact]
    public void ANodeThatComesBackIsReached()
    {
        Node atlas = Start("atlas");
        Node zeus = Start("zeus");
        atlas.Network.Send("zeus", new VoterQuery("atlas", Key));
        _ = zeus.Next(ControlLane.Register);
        int port = _book.Find("zeus")!.Port!.Value;
        zeus.Dispose();
        Node again = Start("zeus", $"akka.remote.dot-netty.tcp.port = {port}");
        ControlMessage? arrived = null;
        DateTime patience = DateTime.UtcNow + Patience;
        while (arrived is null && DateTime.UtcNow < patience)
        {
            atlas.Network.Send("zeus", new VoterQuery("atlas", Key));
            arrived = again.TryNext(ControlLane.Register, TimeSpan.FromMilliseconds(50));
        }

        Assert.Equal(new VoterQuery("atlas", Key), arrived);
    }

    [Fact]
    public void WhatIsRefusedCostsOnlyItself()
    {
        Node atlas = Start("atlas");
        Node zeus = Start("zeus");

        // A node with Akka's own serializers, as no node of ours has them.
        using var foreign = ActorSystem.Create("actorsan", "akka { stdout-loglevel = OFF, loglevel = OFF, actor.provider = remote, remote.dot-netty.tcp { hostname = 127.0.0.1, port = 0 } }");
        ActorSelection endpoint = foreign.ActorSelection(ControlEndpoint.PathOf(_book.Find("zeus")!, ControlLane.Register));
        endpoint.Tell(new ControlSerializerTests.Trap());
        int made = ControlSerializerTests.Trap.Made;
        endpoint.Tell(new VoterQuery("foreign", Key));
        endpoint.Tell("text");
        atlas.Network.Send("zeus", new Learn("atlas", Key, new Replication.Register.Cell { Version = 1, Voters = [Voter], Id = Guid.Empty }));
        atlas.Network.Send("zeus", new VoterQuery("atlas", Key));
        Assert.Equal(new VoterQuery("atlas", Key), zeus.Next(ControlLane.Register));

        // The foreign association lives, and what was sent on it before this has been refused.
        endpoint.Tell(new Identify(1), foreign.ActorOf(Props.Create(() => new Listener(zeus.Answers))));
        Assert.True(zeus.Answers.TryTake(out _, Patience));
        Assert.Empty(zeus.Arrived(ControlLane.Register));
        Assert.Equal(made, ControlSerializerTests.Trap.Made);
    }

    private Node Start(string name, string settings = "")
    {
        var node = new Node(_book, settings);
        _nodes.Add(node);
        _book.Put(name, node.Address);
        return node;
    }

    private sealed class Listener : ReceiveActor
    {
        public Listener(BlockingCollection<object> answers) => ReceiveAny(answers.Add);
    }

    private sealed class Node : IDisposable
    {
        private const string Quiet = "akka { loglevel = OFF, stdout-loglevel = OFF, remote.dot-netty.tcp { hostname = 127.0.0.1, port = 0 } }";
        private readonly ActorSystem _system;
        private readonly BlockingCollection<ControlMessage> _registers = [];
        private readonly BlockingCollection<ControlMessage> _leases = [];

        public Node(AddressBook book, string settings)
        {
            Config config = ConfigurationFactory.ParseString(settings)
                .WithFallback(ConfigurationFactory.ParseString(Quiet))
                .WithFallback(ConfigurationFactory.ParseString(ControlHocon.Text));
            _system = ActorSystem.Create("actorsan", config);
            using var started = new ManualResetEventSlim();
            _ = _system.ActorOf(Props.Create(() => new Guardian(this, started)), "node");
            Assert.True(started.Wait(Patience));
            Network = new ControlNetwork(_system, book);
        }

        public ControlNetwork Network { get; }

        public Address Address => ((ExtendedActorSystem)_system).Provider.DefaultAddress;

        public BlockingCollection<object> Answers { get; } = [];

        public Action OnRegister { get; set; } = () => { };

        public IEnumerable<ControlMessage> Arrived(ControlLane lane) => [.. Of(lane)];

        public ControlMessage Next(ControlLane lane) => TryNext(lane, Patience) ?? throw new TimeoutException($"Nothing arrived on {lane}.");

        public ControlMessage? TryNext(ControlLane lane, TimeSpan patience) => Of(lane).TryTake(out ControlMessage? message, patience) ? message : null;

        public void Dispose() => _system.Terminate().Wait(Patience);

        private BlockingCollection<ControlMessage> Of(ControlLane lane) => lane == ControlLane.Lease ? _leases : _registers;

        private sealed class Guardian : UntypedActor
        {
            private readonly Node _node;
            private readonly ManualResetEventSlim _started;

            public Guardian(Node node, ManualResetEventSlim started)
            {
                _node = node;
                _started = started;
            }

            protected override void PreStart()
            {
                _ = ControlEndpoint.Start(Context, ControlLane.Register, message =>
                {
                    _node.OnRegister();
                    _node._registers.Add(message);
                });
                _ = ControlEndpoint.Start(Context, ControlLane.Lease, _node._leases.Add);
                _started.Set();
            }

            protected override void OnReceive(object message) => Unhandled(message);
        }
    }
}
