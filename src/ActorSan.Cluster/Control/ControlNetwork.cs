using System.Collections.Concurrent;
using ActorSan.Cluster.Serialization;
using ActorSan.Replication.Core.Ports;
using Akka.Actor;
using Akka.Event;

namespace ActorSan.Cluster.Control;

/// <summary>
/// Control messages over Akka.Remote, to the endpoints of the nodes in the address book. Never waits and never throws: what cannot be sent is lost, as on a network. Any thread.
/// </summary>
public sealed class ControlNetwork : IControlNetwork
{
    private readonly ActorSystem _system;
    private readonly IActorRefProvider _provider;
    private readonly AddressBook _book;
    private readonly ILoggingAdapter _log;
    private readonly ConcurrentDictionary<string, Route> _routes = new(StringComparer.Ordinal);
    private long _dropped;

    public ControlNetwork(ActorSystem system, AddressBook book)
    {
        _system = system;
        _provider = ((ExtendedActorSystem)system).Provider;
        _book = book;
        _log = Logging.GetLogger(system, nameof(ControlNetwork));
    }

    /// <summary>Messages to nodes of which no address was known.</summary>
    public long Dropped => Interlocked.Read(ref _dropped);

    public void Send(string node, ControlMessage message)
    {
        ControlLane lane = ControlWire.Current.Written(message.GetType())?.Lane ?? ControlLane.Register;
        if (_book.Find(node) is not { } address)
        {
            _ = _routes.TryRemove(node, out _);
            _ = Interlocked.Increment(ref _dropped);
            _log.Debug("A {Message} to {Node} is dropped: its address is not known", message.GetType().Name, node);
        }
        else if (address == _provider.DefaultAddress)
        {
            // The own endpoint is looked up each time: a reference to one that was not there yet would never find it.
            _system.ActorSelection(ControlEndpoint.PathOf(address, lane)).Tell(message, ActorRefs.NoSender);
        }
        else
        {
            RouteTo(node, address).Of(lane).Tell(message, ActorRefs.NoSender);
        }
    }

    private Route RouteTo(string node, Address address)
    {
        if (_routes.TryGetValue(node, out Route? route) && route.Address == address)
        {
            return route;
        }

        route = new Route(address, Resolve(address, ControlLane.Register), Resolve(address, ControlLane.Lease));
        _routes[node] = route;
        return route;
    }

    // By path and without the uid of a process: the node that comes back is meant as well.
    private IActorRef Resolve(Address address, ControlLane lane) => _provider.ResolveActorRef(ControlEndpoint.PathOf(address, lane));

    private sealed record Route(Address Address, IActorRef Register, IActorRef Lease)
    {
        public IActorRef Of(ControlLane lane) => lane == ControlLane.Lease ? Lease : Register;
    }
}
