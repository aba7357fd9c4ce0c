using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using ActorSan.Cluster.Actors;
using ActorSan.Cluster.Control;
using ActorSan.Cluster.Founding;
using ActorSan.Cluster.Membership;
using ActorSan.Cluster.Messages;
using ActorSan.Cluster.Settings;
using ActorSan.Node.Settings;
using Akka.Actor;
using Akka.Actor.Setup;
using Akka.Cluster;
using Akka.Configuration;
using Akka.Remote;
using Akka.Remote.Transport;
using Xunit;

namespace ActorSan.Tests.Cluster.Membership;

/// <summary>One real ActorSystem of a cluster on loopback, with the configuration of the product and shorter waits; what it is told is kept in the order of its coming.</summary>
internal sealed class ClusterNode : IDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    // What takes the product's nodes ten seconds and more takes a test's less; nothing else is changed.
    private const string Hasty = """
        akka {
          loglevel = OFF
          stdout-loglevel = OFF
          coordinated-shutdown.run-by-actor-system-terminate = off
          remote.dot-netty.tcp.applied-adapters = ["trttl"]
          cluster {
            seed-node-timeout = 2s
            gossip-interval = 200ms
            leader-actions-interval = 200ms
            unreachable-nodes-reaper-interval = 200ms
            periodic-tasks-initial-delay = 200ms
            failure-detector { heartbeat-interval = 250ms, acceptable-heartbeat-pause = 1500ms }
          }
        }
        """;

    private readonly ActorSystem _system;

    private ClusterNode(string name, ActorSystem system)
    {
        Name = name;
        _system = system;
        Cluster = Akka.Cluster.Cluster.Get(system);
        using var started = new ManualResetEventSlim();
        Parent = system.ActorOf(Props.Create(() => new Guardian(this, started)), "node");
        Assert.True(started.Wait(Patience));
    }

    public string Name { get; }

    public Akka.Cluster.Cluster Cluster { get; }

    public AddressBook Book { get; } = new([]);

    public IActorRef Parent { get; }

    public IActorRef Membership { get; private set; } = ActorRefs.Nobody;

    public BlockingCollection<string> Diary { get; } = [];

    public BlockingCollection<MembershipLost> Lost { get; } = [];

    public Address Address => Cluster.SelfAddress;

    private RemoteTransport Transport => ((IRemoteActorRefProvider)((ExtendedActorSystem)_system).Provider).Transport;

    /// <param name="ports">Of all seeds.</param>
    /// <param name="extra">HOCON, above everything.</param>
    public static ClusterNode Start(string name, int port, IReadOnlyList<int> ports, ClusterIdentity identity, string settings = "", string extra = "", Setup? setup = null)
    {
        NodeSettings read = SettingsOf(name, port, ports, settings);
        string system = ClusterHocon.SystemName(identity);

        // The adapter that cuts connections is part of the addresses.
        string seeds = string.Join(", ", ports.Select(seed => $"\"akka.trttl.{(read.Cluster!.Tls is null ? "" : "ssl.")}tcp://{system}@127.0.0.1:{seed}\""));
        Config config = ConfigurationFactory.ParseString(extra)
            .WithFallback(ConfigurationFactory.ParseString($"akka.cluster.seed-nodes = [{seeds}]"))
            .WithFallback(ClusterHocon.For(read, identity, Hasty));
        ActorSystemSetup made = ActorSystemSetup.Create(BootstrapSetup.Create().WithConfig(config));
        return new ClusterNode(name, ActorSystem.Create(system, setup is null ? made : made.And(setup)));
    }

    public static NodeSettings SettingsOf(string name, int port, IReadOnlyList<int> ports, string settings = "") => SettingsReader.ReadText("node.conf", $$"""
        actorsan {
          node.name = {{name}}
          cluster { address = "127.0.0.1:{{port}}", seeds = [{{string.Join(", ", ports.Select(seed => $"\"127.0.0.1:{seed}\""))}}], stable-after = 1 s, role = {{(name == "hera" ? "witness" : "storage")}} }
          links.address = "127.0.0.1:{{port + 1}}"
        }
        {{settings}}
        """, new HostFacts(name, [0], "/tmp")).Settings;

    /// <summary>Ports that nobody listens on.</summary>
    public static int[] FreePorts(int count)
    {
        var listeners = new List<TcpListener>();
        for (int i = 0; i < count; i++)
        {
            var listener = new TcpListener(IPAddress.Loopback, 0);
            listener.Start();
            listeners.Add(listener);
        }

        int[] ports = [.. listeners.Select(listener => ((IPEndPoint)listener.LocalEndpoint).Port)];
        listeners.ForEach(listener => listener.Dispose());
        return ports;
    }

    public MembershipReport Ask() => Membership.Ask<MembershipReport>(new GetMembership(), Patience).GetAwaiter().GetResult();

    /// <summary>Asks until the answer is the right one.</summary>
    public MembershipReport AskUntil(Predicate<MembershipReport> isRight)
    {
        DateTime end = DateTime.UtcNow + Patience;
        MembershipReport report = Ask();
        while (!isRight(report))
        {
            Assert.True(DateTime.UtcNow < end, $"{Name} says: {string.Join("; ", report.Members)}");
            report = Ask();
        }

        return report;
    }

    public MembershipOutcome Do(object command) => Membership.Ask<MembershipOutcome>(command, Patience).GetAwaiter().GetResult();

    /// <summary>Takes what the listener was told until the line comes.</summary>
    public void Await(string line)
    {
        var passed = new List<string>();
        DateTime end = DateTime.UtcNow + Patience;
        while (end - DateTime.UtcNow is { Ticks: > 0 } left && Diary.TryTake(out string? next, left))
        {
            if (next == line)
            {
                return;
            }

            passed.Add(next);
        }

        Assert.Fail($"{Name} was not told '{line}' but: {string.Join("; ", passed)}");
    }

    public MembershipLost AwaitLost() => Lost.TryTake(out MembershipLost? lost, Patience) ? lost : throw new TimeoutException($"{Name} is still in the group.");

    /// <summary>Nothing goes between this node and another any more, or again.</summary>
    public void Cut(ClusterNode other, bool cut = true) =>
        Assert.True(Transport.ManagementCommand(new SetThrottle(other.Address, ThrottleTransportAdapter.Direction.Both, cut ? Blackhole.Instance : Unthrottled.Instance)).WaitAsync(Patience).GetAwaiter().GetResult());

    /// <summary>The end of a process: its connections are gone, and nobody was told.</summary>
    public void Kill() => Assert.True(_system.Terminate().Wait(Patience));

    public void Dispose() => Kill();

    private sealed class Guardian : ReceiveActor
    {
        private readonly ClusterNode _node;
        private readonly ManualResetEventSlim _started;

        public Guardian(ClusterNode node, ManualResetEventSlim started)
        {
            _node = node;
            _started = started;
            Receive<MembershipLost>(node.Lost.Add);
        }

        protected override void PreStart()
        {
            _node.Membership = Context.ActorOf(MembershipActor.Props(_node.Book, new Listener(_node.Diary), TimeProvider.System, TimeSpan.FromMilliseconds(500)), MembershipActor.Name);
            _started.Set();
        }
    }

    private sealed class Listener(BlockingCollection<string> diary) : IMembershipListener
    {
        private readonly Dictionary<string, int> _uids = new(StringComparer.Ordinal);

        // A process that is told of anew after a restart is another one.
        public void OnMember(MemberFacts facts)
        {
            if (facts.Status == MemberStatus.Up)
            {
                string again = _uids.TryGetValue(facts.Node, out int uid) && uid != facts.Uid ? " again" : "";
                _uids[facts.Node] = facts.Uid;
                diary.Add($"{facts.Node} up{again}");
            }
        }

        public void OnUnreachable(string node, bool unreachable) => diary.Add($"{node} {(unreachable ? "unreachable" : "reachable")}");

        public void OnRemoved(string node, bool downed) => diary.Add($"{node} removed{(downed ? ", downed" : "")}");
    }
}
