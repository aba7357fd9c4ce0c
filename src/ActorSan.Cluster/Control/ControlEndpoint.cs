using ActorSan.Cluster.Serialization;
using ActorSan.Replication.Core.Ports;
using Akka.Actor;

namespace ActorSan.Cluster.Control;

/// <summary>
/// <c>/user/node/register</c> and <c>/user/node/lease</c>: where a node's control messages arrive. Each lane has a dispatcher and a bounded mailbox of its own
/// (<see cref="ControlHocon"/>), so that a renewal never waits for a register's journal, nor for any other actor. What a full mailbox turns away is lost, as on a network.
/// </summary>
public sealed class ControlEndpoint : ReceiveActor
{
    private const string Parent = "node";

    public ControlEndpoint(Action<ControlMessage> handler) => Receive(handler);

    /// <summary>Below <c>/user/node</c>, whose actor starts it and decides what a failure of the handler means.</summary>
    /// <param name="handler">Called on the lane's dispatcher, one message at a time.</param>
    public static IActorRef Start(IActorRefFactory node, ControlLane lane, Action<ControlMessage> handler)
        => node.ActorOf(
            Props.Create(() => new ControlEndpoint(handler)).WithDispatcher($"akka.actor.actorsan-{NameOf(lane)}-dispatcher").WithMailbox($"akka.actor.actorsan-{NameOf(lane)}-mailbox"),
            NameOf(lane));

    /// <summary>The endpoint of a node that listens at <paramref name="address"/>.</summary>
    public static ActorPath PathOf(Address address, ControlLane lane) => new RootActorPath(address) / "user" / Parent / NameOf(lane);

    private static string NameOf(ControlLane lane) => lane switch
    {
        ControlLane.Register => "register",
        ControlLane.Lease => "lease",
        _ => throw new ArgumentOutOfRangeException(nameof(lane)),
    };
}
