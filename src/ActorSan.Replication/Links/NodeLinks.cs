using System.Collections.Concurrent;
using System.Net;
using ActorSan.Replication.Core.Ports;
using ActorSan.Replication.Links.Tls;
using ActorSan.Storage;
using ActorSan.Storage.Buffers;
using ActorSan.Storage.Threads;

namespace ActorSan.Replication.Links;

/// <summary>
/// A node's links with the other nodes of its cluster, all on one I/O thread: where it listens, whom it knows, one connection with each. Every member but <see cref="Stop"/> and
/// <see cref="CountersOf"/> is for code on that thread.
/// </summary>
public sealed class NodeLinks
{
    private readonly Dictionary<string, LinkPeer> _peers = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, LinkCounters> _counters = new(StringComparer.Ordinal);
    private readonly HashSet<LinkConnection> _connections = [];
    private readonly Stack<LinkReceived> _freeReceived = new();
    private readonly List<LinkListener> _listeners = [];
    private readonly TaskCompletionSource _drained = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly SpareBuffer _spare = new();
    private LinkTls? _tls;
    private int _unauthenticated;
    private long _lastOpening;
    private bool _stopping;

    /// <exception cref="ArgumentException">The key is too short, or the node has no name.</exception>
    /// <exception cref="IOException">Links are to be encrypted, and OpenSSL is not there.</exception>
    public NodeLinks(IoThread thread, LinkOptions options, ILinkEvents events, IChance chance)
    {
        if (options.Key.Length < LinkOptions.MinKeyBytes)
        {
            throw new ArgumentException($"the key of the cluster's links has {options.Key.Length} bytes; {LinkOptions.MinKeyBytes} are the least", nameof(options));
        }

        if (options.Node.Length == 0)
        {
            throw new ArgumentException("a node without a name has no links", nameof(options));
        }

        Thread = thread;
        Options = options;
        Events = events;
        Chance = chance;
        _tls = options.Encrypts ? new LinkTls(options) : null;
    }

    public IoThread Thread { get; }

    public LinkOptions Options { get; }

    /// <summary>Connections there are, in whatever state.</summary>
    public int ConnectionCount => _connections.Count;

    internal ILinkEvents Events { get; }

    internal IChance Chance { get; }

    /// <summary>Made when it is first needed: a node that does not want TLS itself speaks it with one that does.</summary>
    /// <exception cref="IOException">OpenSSL is not there.</exception>
    internal LinkTls Tls => _tls ??= new LinkTls(Options);

    internal OutFramePool OutFrames { get; } = new();

    /// <summary>Waits for peers that dial; returns the address in use (port 0 has become one).</summary>
    /// <param name="freely">The machine need not have the address yet: of several paths one may lack its cable when the node starts.</param>
    /// <exception cref="IOException">It cannot be listened there.</exception>
    public IPEndPoint Listen(IPEndPoint address, bool freely = false)
    {
        Invariant.Check(Thread.IsCurrent && !_stopping);
        int fd = NativeSocket.Listen(address, freely: freely);
        IPEndPoint bound = NativeSocket.LocalEndPoint(fd);
        _listeners.Add(new LinkListener(this, fd));
        return bound;
    }

    /// <summary>Knows a node from now on. The one of the two whose name comes first dials; the other is never dialled.</summary>
    /// <param name="addresses">Where it listens, the best path first; none as long as that is not known.</param>
    public LinkPeer Add(string name, params IReadOnlyList<IPEndPoint> addresses)
    {
        Invariant.Check(Thread.IsCurrent && !_stopping && name.Length > 0 && name != Options.Node && !_peers.ContainsKey(name));
        var peer = new LinkPeer(this, name, addresses, _counters.GetOrAdd(name, static _ => new LinkCounters()));
        _peers.Add(name, peer);
        return peer;
    }

    /// <summary>Null: no such peer.</summary>
    public LinkPeer? Find(string name) => _peers.GetValueOrDefault(name);

    /// <summary>What was carried to and from a node, kept also while it is not known; null: it never was. Any thread.</summary>
    public LinkCounters? CountersOf(string name) => _counters.GetValueOrDefault(name);

    /// <summary>Knows a node no more; its connection ends.</summary>
    public void Remove(LinkPeer peer)
    {
        Invariant.Check(Thread.IsCurrent);
        if (_peers.Remove(peer.Name))
        {
            peer.Stop("the peer is not one of this node's any more");
        }
    }

    /// <summary>From any thread: ends all connections and listens no more. Completes when the kernel holds nothing of the links and all holds are given back.</summary>
    public Task Stop()
    {
        bool taken = Thread.Post(() =>
        {
            _stopping = true;
            _listeners.ForEach(listener => listener.Stop());
            _listeners.Clear();
            foreach (LinkPeer peer in _peers.Values.ToArray())
            {
                peer.Stop("this node stops");
            }

            foreach (LinkConnection connection in _connections.ToArray())
            {
                connection.End(LinkEnd.Stopped, "this node stops");
            }

            CheckDrained();
        });
        return taken ? _drained.Task : Task.CompletedTask;
    }

    internal bool Knows(string name) => _peers.ContainsKey(name);

    internal long NextOpening() => ++_lastOpening;

    internal void Accepted(int fd)
    {
        string address = NativeSocket.PeerEndPoint(fd)?.ToString() ?? "unknown";
        if (_stopping || _unauthenticated >= Options.MaxUnauthenticated)
        {
            Thread.CloseSocket(Thread.AdoptSocket(fd));
            if (!_stopping)
            {
                Events.NoLink(null, address, LinkEnd.Stopped, HandshakeFault.None, $"{_unauthenticated} connections have not proved yet who they are: one more is not taken");
            }

            return;
        }

        new LinkConnection(this, null, address).Accept(fd);
    }

    internal void Opened(LinkConnection connection)
    {
        _connections.Add(connection);
        _unauthenticated += connection.CameIn ? 1 : 0;
    }

    internal void Authenticated(LinkConnection connection) => _unauthenticated -= connection.CameIn ? 1 : 0;

    internal void Gone(LinkConnection connection)
    {
        _connections.Remove(connection);
        if (!connection.IsAuthenticated && connection.CameIn)
        {
            _unauthenticated--;
        }

        CheckDrained();
    }

    internal LinkReceived TakeReceived(in IoBuffer buffer)
    {
        if (!_freeReceived.TryPop(out LinkReceived? received))
        {
            received = new LinkReceived(this);
        }

        received.Begin(buffer);
        return received;
    }

    /// <summary>
    /// For what a peer sends. When initiators' writes have all of the thread's buffers they wait for acknowledgements, and these may stand behind another volume's data: for that there
    /// is one buffer more, of the links' own, which comes back when the own disk has it, and waits for no other node. So two nodes never wait for each other's buffers.
    /// </summary>
    internal bool TryRent(int lengthBytes, out IoBuffer buffer) => Thread.Buffers.TryRent(lengthBytes, BufferOwner.Link, out buffer) || _spare.TryTake(out buffer);

    internal void ReturnReceived(LinkReceived received, in IoBuffer buffer)
    {
        _freeReceived.Push(received);
        if (!_spare.TryReturn(buffer))
        {
            Thread.Buffers.Return(buffer);
            return;
        }

        // Later: whoever gives it back may be in the middle of another frame.
        _ = Thread.Post(() =>
        {
            foreach (LinkConnection connection in _connections.ToArray())
            {
                connection.OnSpare();
            }
        });
    }

    private void CheckDrained()
    {
        if (_stopping && _connections.Count == 0)
        {
            OutFrames.Dispose();
            _tls?.Dispose();
            _drained.TrySetResult();
        }
    }
}
