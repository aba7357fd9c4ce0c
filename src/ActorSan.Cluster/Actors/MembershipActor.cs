using ActorSan.Cluster.Control;
using ActorSan.Cluster.Membership;
using ActorSan.Cluster.Messages;
using ActorSan.Cluster.Settings;
using Akka.Actor;
using Akka.Cluster;
using Akka.Event;
using Akka.Remote;
using static Akka.Cluster.ClusterEvent;
using AkkaCluster = Akka.Cluster.Cluster;

namespace ActorSan.Cluster.Actors;

/// <summary>
/// <c>/user/node/membership</c>: keeps the address book, and tells who is there. Of this node's end in the group it tells its parent, once (<see cref="MembershipLost"/>): the
/// ActorSystem is then of no more use, and the parent's owner makes another.
/// </summary>
public sealed class MembershipActor : ReceiveActor, IWithTimers
{
    public const string Name = "membership";

    /// <summary>There while this node is in a group: another group asks for it.</summary>
    private const string GroupName = "group";

    // What is asked for of a seed: its membership, which is there while it runs, or its group.
    private const string Runs = "runs ";
    private const string InGroup = "group ";

    // Rounds of looking around. The first word comes when a start would long be over.
    private const int FirstWordAfter = 3;
    private const int WordEvery = 12;

    // Not so often that the seeds, who are asked between, have no time to answer, or the first of them none to find that it is alone.
    private const int JoinEvery = 3;

    private readonly AkkaCluster _cluster = AkkaCluster.Get(Context.System);
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly MemberDirectory _directory;
    private readonly StraySeeds _strays;
    private readonly StandInSeed _standIn;
    private readonly TimeProvider _clock;
    private readonly TimeSpan _lookAround;
    private readonly string _self;

    // As Akka tells them: it alone knows who has been a member for longer.
    private readonly Dictionary<UniqueAddress, Member> _known = [];
    private Address? _leader;
    private Address? _askedToJoin;
    private int _roundsOutside;
    private bool _ended;

    /// <param name="book">Kept by this actor from now on.</param>
    /// <param name="listener">Told of each change, on this actor's thread.</param>
    /// <param name="clock">For <see cref="MemberFacts.Since"/>.</param>
    /// <param name="lookAround">How often seeds that are not in the group are asked whether they are in another.</param>
    public MembershipActor(AddressBook book, IMembershipListener listener, TimeProvider clock, TimeSpan lookAround)
    {
        _clock = clock;
        _lookAround = lookAround;
        _self = NodeRoles.NameIn(_cluster.SelfRoles) ?? "";
        _directory = new MemberDirectory(book, listener, ByAge, complaint => _log.Error("{Complaint:l}", complaint));
        _strays = new StraySeeds([.. _cluster.Settings.SeedNodes], _cluster.SelfAddress);
        _standIn = new StandInSeed([.. _cluster.Settings.SeedNodes], _cluster.SelfAddress);
        ReceiveEvents();
        ReceiveCommands();
    }

    public ITimerScheduler Timers { get; set; } = null!;

    public static Props Props(AddressBook book, IMembershipListener listener, TimeProvider clock, TimeSpan? lookAround = null)
        => Akka.Actor.Props.Create(() => new MembershipActor(book, listener, clock, lookAround ?? TimeSpan.FromSeconds(5)));

    protected override void PreStart()
    {
        OrderlyShutdown.Guard(Context.System);
        _cluster.Subscribe(Self, SubscriptionInitialStateMode.InitialStateAsSnapshot, typeof(IMemberEvent), typeof(IReachabilityEvent), typeof(LeaderChanged), typeof(ClusterShuttingDown));
        _ = Context.System.EventStream.Subscribe(Self, typeof(ThisActorSystemQuarantinedEvent));
        Timers.StartPeriodicTimer(nameof(LookAround), new LookAround(), _lookAround);
    }

    protected override void PostStop()
    {
        _cluster.Unsubscribe(Self);
        Context.System.EventStream.Unsubscribe(Self);
    }

    private void ReceiveEvents()
    {
        Receive<CurrentClusterState>(OnState);
        Receive<MemberRemoved>(removed => OnRemoved(removed.Member, removed.PreviousStatus == MemberStatus.Down));
        Receive<IMemberEvent>(changed => OnMember(changed.Member));
        Receive<UnreachableMember>(lost => OnReachability(lost.Member, unreachable: true));
        Receive<ReachableMember>(found => OnReachability(found.Member, unreachable: false));
        Receive<LeaderChanged>(changed => _leader = changed.Leader);
        Receive<ClusterShuttingDown>(_ => OnOut());
        Receive<ThisActorSystemQuarantinedEvent>(by => End(MembershipEnd.Quarantined, $"{by.RemoteAddress} has gone on without this node and does not speak with this process any more"));
        Receive<LookAround>(_ => OnLookAround());
        Receive<ActorIdentity>(OnIdentity);
    }

    private void ReceiveCommands()
    {
        Receive<GetMembership>(_ => Sender.Tell(new MembershipReport(
            _self,
            _directory.Members.Any(IsSelf),
            _directory.Members.FirstOrDefault(member => member.Address == _leader)?.Node,
            [.. _directory.Members.OrderBy(member => member.Node, StringComparer.Ordinal).ThenBy(member => member.Address.ToString(), StringComparer.Ordinal)])));
        Receive<JoinGroup>(join => Sender.Tell(Join(join.At)));
        Receive<LeaveGroup>(leave => Sender.Tell(OnNamed(leave.Node, member =>
        {
            _cluster.Leave(member.Address);
            return new MembershipOutcome(true, $"{member.Node} leaves the group.");
        })));
        Receive<DownMember>(down => Sender.Tell(OnNamed(down.Node, member =>
        {
            if (IsSelf(member))
            {
                return new MembershipOutcome(false, $"{member.Node} is the node that was asked; a node does not down itself: let it leave, or ask another.");
            }

            _cluster.Down(member.Address);
            return new MembershipOutcome(true, $"{member.Node} is downed: the group goes on without it, and it must join anew.");
        })));
        Receive<DownUnreachable>(_ => Sender.Tell(DownAllUnreachable()));
    }

    private void OnState(CurrentClusterState state)
    {
        _leader = state.Leader;
        foreach (Member member in state.Members)
        {
            OnMember(member);
        }

        foreach (Member member in state.Unreachable)
        {
            OnReachability(member, unreachable: true);
        }
    }

    private void OnMember(Member member)
    {
        if (NodeRoles.NameIn(member.Roles) is not { } node)
        {
            _log.Error("The member {Address} does not say its node's name: it is no node of this program and is not spoken with", member.Address);
            return;
        }

        _known[member.UniqueAddress] = member;
        string[] roles = [.. member.Roles.Order(StringComparer.Ordinal)];
        _directory.Put(new MemberFacts(
            node, member.Address, member.UniqueAddress.Uid, roles, member.Status, IsUnreachable: false, _clock.GetUtcNow(), member.AppVersion.Version));
        if (member.UniqueAddress.Equals(_cluster.SelfUniqueAddress))
        {
            OnSelf(member.Status);
        }
    }

    private void OnSelf(MemberStatus status)
    {
        if (status == MemberStatus.Down)
        {
            OnOut();
        }
        else if (Context.Child(GroupName).IsNobody())
        {
            _ = Context.ActorOf(Akka.Actor.Props.Create(() => new GroupActor()), GroupName);
        }
    }

    private void OnRemoved(Member member, bool downed)
    {
        if (member.UniqueAddress.Equals(_cluster.SelfUniqueAddress))
        {
            OnOut();
        }

        _directory.Remove(member.Address, member.UniqueAddress.Uid, downed);
        _ = _known.Remove(member.UniqueAddress);
    }

    // Akka says in several ways, and not always in all of them, that this node is out, but not why.
    private void OnOut()
    {
        if (_directory.Members.FirstOrDefault(IsSelf) is { Status: MemberStatus.Leaving or MemberStatus.Exiting })
        {
            End(MembershipEnd.Left, "This node has left the group");
        }
        else
        {
            End(MembershipEnd.Downed, "This node was with the fewer when the group came apart, or was downed by an administrator");
        }
    }

    private void OnReachability(Member member, bool unreachable)
    {
        _directory.SetUnreachable(member.Address, member.UniqueAddress.Uid, unreachable);
        _log.Info("{Node} ({Address}) is {Reachability:l}", NodeRoles.NameIn(member.Roles), member.Address, unreachable ? "unreachable" : "reachable again");
    }

    private void OnLookAround()
    {
        SayIfOutside();
        foreach (Address seed in _strays.NextRound([.. _directory.Members.Select(member => member.Address)]))
        {
            AskForGroup(seed);
        }

        bool isInside = _directory.Members.Any(IsSelf);
        if (isInside || !_standIn.MustForm())
        {
            JoinAgain(isInside);
        }
        else
        {
            _askedToJoin = null;
            _log.Info("The first seed, {First}, does not run; more than half of the seeds do, and none is in a group: this node forms it", _cluster.Settings.SeedNodes[0]);
            _cluster.Join(_cluster.SelfAddress);
        }

        foreach (Address seed in _standIn.NextRound(isInside))
        {
            Context.ActorSelection(new RootActorPath(seed) / "user" / "node" / Name).Tell(new Identify(Runs + seed));
            AskForGroup(seed);
        }
    }

    // Akka asks once whom it was told to ask, and goes back to its seeds after a while, or at once where it had not begun with them yet; a welcome that comes then is dropped, and the group
    // has a member that is not in it. Whoever is asked again by one that it has let in already welcomes it again.
    private void JoinAgain(bool isInside)
    {
        if (isInside)
        {
            _askedToJoin = null;
        }
        else if (_askedToJoin is not null && _roundsOutside % JoinEvery == 0)
        {
            _cluster.Join(_askedToJoin);
        }
    }

    private static void AskForGroup(Address seed) => Context.ActorSelection(new RootActorPath(seed) / "user" / "node" / Name / GroupName).Tell(new Identify(InGroup + seed));

    // Akka asks the seeds again and again without a word, and those of another cluster drop the question, for it is to a system of another name.
    private void SayIfOutside()
    {
        if (_directory.Members.Any(IsSelf))
        {
            _roundsOutside = 0;
            return;
        }

        _roundsOutside++;
        if (_roundsOutside % WordEvery == FirstWordAfter)
        {
            _log.Warning(
                "No seed has let this node in ({Seeds:l}): none runs, or none is reached from here, or they are nodes of another cluster than this one. 'pbm HOST:PORT cluster show' at a seed says its cluster's id; "
                + "this node's is in cluster.identity",
                string.Join(", ", _cluster.Settings.SeedNodes.Select(seed => $"{seed.Host}:{seed.Port}")));
        }
    }

    private void OnIdentity(ActorIdentity identity)
    {
        if (identity.Subject is null || identity.MessageId is not string asked)
        {
            return;
        }

        bool isInGroup = asked.StartsWith(InGroup, StringComparison.Ordinal);
        var seed = Address.Parse(asked[(isInGroup ? InGroup : Runs).Length..]);
        _standIn.OnAnswer(seed, isInGroup);
        if (isInGroup && _strays.MustGiveWayTo(seed, [.. _directory.Members.Select(member => member.Address)]))
        {
            End(MembershipEnd.Apart, $"{seed} is in another group of this cluster, which has more of the seeds: the two were formed while neither heard the other");
        }
    }

    private MembershipOutcome Join(HostPort at)
    {
        if (_directory.Members.Any(IsSelf))
        {
            return new MembershipOutcome(false, $"{_self} is in a group already.");
        }

        _askedToJoin = new Address(_cluster.SelfAddress.Protocol, Context.System.Name, at.Host.Contains(':', StringComparison.Ordinal) ? $"[{at.Host}]" : at.Host, at.Port);
        _cluster.Join(_askedToJoin);
        _roundsOutside = 0;
        return new MembershipOutcome(true, $"{_self} asks {at} to be let in.");
    }

    private MembershipOutcome OnNamed(string node, Func<MemberFacts, MembershipOutcome> act)
        => _directory.Find(node) is { } member ? act(member)
            : new MembershipOutcome(false, $"There is no member {node}; there are {string.Join(", ", _directory.Members.Select(known => known.Node).Order(StringComparer.Ordinal))}.");

    private MembershipOutcome DownAllUnreachable()
    {
        MemberFacts[] lost = [.. _directory.Members.Where(member => member.IsUnreachable && !IsSelf(member))];
        foreach (MemberFacts member in lost)
        {
            _cluster.Down(member.Address);
        }

        return lost.Length == 0 ? new MembershipOutcome(true, "No member is unreachable: nothing is downed.")
            : new MembershipOutcome(true, $"Downed: {string.Join(", ", lost.Select(member => member.Node))}. The group goes on without them, and they must join anew.");
    }

    private int ByAge(MemberFacts left, MemberFacts right)
        => !_known.TryGetValue(new UniqueAddress(left.Address, left.Uid), out Member? first) || !_known.TryGetValue(new UniqueAddress(right.Address, right.Uid), out Member? second) ? 0
            : first.IsOlderThan(second) ? -1
            : second.IsOlderThan(first) ? 1
            : 0;

    private bool IsSelf(MemberFacts member) => member.Uid == _cluster.SelfUniqueAddress.Uid && member.Address == _cluster.SelfAddress;

    private void End(MembershipEnd end, string reason)
    {
        if (_ended)
        {
            return;
        }

        _ended = true;
        Timers.Cancel(nameof(LookAround));
        _log.Warning("Out of the group ({End}): {Reason:l}", end, reason);
        Context.Parent.Tell(new MembershipLost(end, reason));
    }

    private sealed record LookAround;

    // Has nothing to do: that it is there is the answer.
    private sealed class GroupActor : UntypedActor
    {
        protected override void OnReceive(object message) => Unhandled(message);
    }
}
