using ActorSan.Cluster.Control;
using ActorSan.Cluster.Engines;
using ActorSan.Cluster.Management;
using ActorSan.Cluster.Membership;
using ActorSan.Cluster.Messages;
using ActorSan.Cluster.Serialization;
using ActorSan.Cluster.Settings;
using ActorSan.Replication.Core.Ports;
using Akka.Actor;
using Akka.Event;

namespace ActorSan.Cluster.Actors;

/// <summary>What the guardian has more in a cluster: the control loop, the endpoints where messages of other nodes arrive, and the actors of cluster, management and membership.</summary>
internal sealed class ClusterNode : IDisposable, IMembershipListener
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(2);
    private readonly ControlLoop _loop;
    private readonly ClusterState _state;
    private readonly IActorRef _membership;
    private readonly IActorRef _io;
    private readonly IActorRef _targets;
    private readonly ActorSystem _system;
    private readonly string _node;

    /// <param name="node">The guardian's context.</param>
    /// <param name="settings">Of the node.</param>
    /// <param name="parts">Who it is.</param>
    /// <param name="io">The I/O threads' actor.</param>
    /// <param name="targets">The targets' actor.</param>
    /// <param name="failed">Called when the control side can't go on.</param>
    public ClusterNode(IUntypedActorContext node, NodeSettings settings, ClusterParts parts, IActorRef io, IActorRef targets, Action<Exception> failed)
    {
        (_state, _io, _targets, _system, _node) = (parts.State, io, targets, node.System, settings.Name);
        _loop = new ControlLoop(failed);
        Address self = Akka.Cluster.Cluster.Get(node.System).SelfAddress;
        var addresses = new AddressFile(Path.Combine(settings.StateDirectory, AddressFile.FileName), Logging.GetLogger(node.System, nameof(AddressFile)));
        var book = new AddressBook([.. addresses.Read(self).Where(one => one.Key != settings.Name), new(settings.Name, self)]);
        book.Changed += addresses.Write;
        var network = new ControlNetwork(node.System, book);
        Actor = node.ActorOf(ClusterActor.Props(settings, parts, _loop, network, _state), "cluster");
        Management = new ClusterManagement(settings, parts, _loop, network, new LocalParts
        {
            Membership = AskMembership,
            Sessions = AskSessions,
            Threads = AskThreads,
            Actors = _ => Task.FromResult(ActorTrees.Of(_system)),
            Kick = AskKick,
            Member = AskMember,
        });
        IActorRef cluster = Actor;
        IActorRef management = node.ActorOf(ManagementActor.Props(settings.Name, Management.Rpc, network, Management.Answer), "management");
        _ = ControlEndpoint.Start(node, ControlLane.Register, message => OnMessage(ControlLane.Register, message, cluster, management));
        _ = ControlEndpoint.Start(node, ControlLane.Lease, message => OnMessage(ControlLane.Lease, message, cluster, management));
        _membership = node.ActorOf(MembershipActor.Props(book, this, TimeProvider.System), "membership");
        _loop.Start();
    }

    public IActorRef Actor { get; }

    public ClusterManagement Management { get; }

    /// <summary>Out of the group, in order; membership tells when.</summary>
    public void Leave() => _membership.Tell(new LeaveGroup(_node));

    public void Dispose()
    {
        Management.Dispose();
        _loop.Dispose();
    }

    void IMembershipListener.OnMember(MemberFacts facts)
    {
        string node = facts.Node;
        _state.AddMember(node);
        Actor.Tell(new MemberCame(node));
        _loop.Post(() => _state.Side?.OnMember(node));
        _state.Tell(new ManagementEvent(DateTimeOffset.UtcNow, _node, EventKind.Member, EventSeverity.Information, node, $"{node} is {facts.Status.ToString().ToLowerInvariant()}"));
    }

    void IMembershipListener.OnUnreachable(string node, bool unreachable)
    {
        _loop.Post(() => _state.Side?.OnUnreachable(node, unreachable));
        _state.Tell(new ManagementEvent(DateTimeOffset.UtcNow, _node, EventKind.Member, unreachable ? EventSeverity.Warning : EventSeverity.Information, node,
            unreachable ? $"{node} is unreachable" : $"{node} is reachable again"));
    }

    void IMembershipListener.OnRemoved(string node, bool downed)
    {
        _state.RemoveMember(node);
        Actor.Tell(new MemberGone(node));
        _loop.Post(() => _state.Side?.OnRemoved(node));
        _state.Tell(new ManagementEvent(DateTimeOffset.UtcNow, _node, EventKind.Member, downed ? EventSeverity.Warning : EventSeverity.Information, node,
            downed ? $"{node} was downed" : $"{node} has left"));
    }

    private void OnMessage(ControlLane lane, ControlMessage message, IActorRef cluster, IActorRef management)
    {
        switch (message)
        {
            case NodeHello or MakeReplica:
                cluster.Tell(message);
                break;
            case ReplicaMade or NodeQuestion or NodeAnswer:
                management.Tell(message);
                break;
            default:
                // Full: lost, as on a network.
                _ = _loop.TryPost(lane, () => _state.Side?.On(message));
                break;
        }
    }

    private async Task<MembershipView> AskMembership(CancellationToken cancellation)
    {
        MembershipReport report = await _membership.Ask<MembershipReport>(new GetMembership(), s_patience, cancellation).ConfigureAwait(false);
        return new MembershipView(report.Leader,
        [
            .. report.Members.Select(member => new MemberReport(
                member.Node, $"{member.Address.Host}:{member.Address.Port}", member.IsWitness ? MemberRole.Witness : MemberRole.Storage, Enum.Parse<MemberStatus>(member.Status.ToString()),
                member.Since, !member.IsUnreachable, member.Version, Drained: false)),
        ]);
    }

    private async Task<IReadOnlyList<Management.SessionReport>> AskSessions(CancellationToken cancellation)
    {
        Messages.TargetReport[] targets = await _targets.Ask<Messages.TargetReport[]>(new GetTargetReports(), s_patience, cancellation).ConfigureAwait(false);
        return
        [
            .. targets.SelectMany(target => target.Sessions).OrderBy(session => session.Session.SessionId).Select(session => new Management.SessionReport(
                session.Session.SessionId, _node, session.Session.InitiatorName, session.Session.TargetName, session.Session.PeerAddress, session.Since,
                session.Session.Counters.Reads, session.Session.Counters.Writes, session.Session.Counters.ReadBytes, session.Session.Counters.WrittenBytes, session.Session.Counters.TasksInFlight)),
        ];
    }

    private async Task<IReadOnlyList<ThreadReport>> AskThreads(CancellationToken cancellation)
    {
        IoThreadReport[] threads = await _io.Ask<IoThreadReport[]>(new GetIoThreadReports(), s_patience, cancellation).ConfigureAwait(false);
        return
        [
            .. threads.Select(thread => new ThreadReport(
                thread.Index, thread.Name, thread.Engine == Storage.Threads.IoEngineKind.IoUring ? "io_uring" : "epoll", thread.Cpu, thread.Running, thread.Counters.Passes, thread.Counters.Sleeps,
                thread.Counters.Operations, 0, null)),
        ];
    }

    private async Task<bool> AskKick(long session, CancellationToken cancellation)
    {
        bool there = (await AskSessions(cancellation).ConfigureAwait(false)).Any(one => one.Id == session);
        if (there)
        {
            _targets.Tell(new KickSession(session));
        }

        return there;
    }

    private async Task<OperationOutcome> AskMember(ManagementOperation operation, CancellationToken cancellation)
    {
        object? message = operation switch
        {
            ManagementOperation.JoinCluster join when HostPort.Parse(join.Address) is { } at => new JoinGroup(at),
            ManagementOperation.LeaveCluster leave => new LeaveGroup(leave.Node),
            ManagementOperation.DownNode down => new DownMember(down.Node),
            ManagementOperation.DownUnreachable => new Messages.DownUnreachable(),
            _ => null,
        };
        if (message is null)
        {
            return OperationOutcome.Refused("an address is HOST:PORT");
        }

        MembershipOutcome outcome = await _membership.Ask<MembershipOutcome>(message, s_patience, cancellation).ConfigureAwait(false);
        return outcome.Done ? OperationOutcome.Done(outcome.Sentence) : OperationOutcome.Refused(outcome.Sentence);
    }
}
