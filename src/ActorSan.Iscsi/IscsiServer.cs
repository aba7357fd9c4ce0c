using System.Net;
using System.Security.Cryptography;
using ActorSan.Iscsi.Connections;
using ActorSan.Iscsi.Login;
using ActorSan.Iscsi.Pdus;
using ActorSan.Iscsi.Sessions;
using ActorSan.Scsi;
using ActorSan.Storage.Threads;

namespace ActorSan.Iscsi;

/// <summary>
/// The iSCSI side of a node: portals, targets, sessions. Public members may be called from any thread and do not block. What connections and sessions do on their threads
/// meets here only when something begins or ends, under one lock.
/// </summary>
public sealed partial class IscsiServer
{
    /// <summary>How long a stop waits for asynchronous messages that say that sessions are dropped.</summary>
    private static readonly TimeSpan s_lastWord = TimeSpan.FromSeconds(1);

    private readonly IReadOnlyList<IoThread> _threads;
    private readonly IscsiServerOptions _options;
    private readonly Lock _gate = new();
    private readonly Dictionary<string, TargetSettings> _targets = new(StringComparer.OrdinalIgnoreCase);
    private readonly List<PortalSettings> _portals = [];
    private readonly List<Listener> _listeners = [];
    private readonly HashSet<Connection> _connections = [];
    private readonly Dictionary<ushort, SessionRecord> _sessions = [];
    private readonly TaskCompletionSource _drained = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _unauthenticated;
    private int _nextThread;
    private long _nextSessionId = 1;
    private ushort _lastTsih;
    private bool _stopping;

    public IscsiServer(IReadOnlyList<IoThread> threads, IscsiServerOptions options, IIscsiEvents events, CommonUnits units)
    {
        ArgumentOutOfRangeException.ThrowIfZero(threads.Count);
        _threads = threads;
        _options = options;
        Events = events;
        Units = units;
        Directory = MakeDirectory();
    }

    /// <summary>Connections there are, in whatever state.</summary>
    public int ConnectionCount
    {
        get
        {
            lock (_gate)
            {
                return _connections.Count;
            }
        }
    }

    /// <summary>Sessions there are.</summary>
    public IReadOnlyList<SessionInfo> Sessions
    {
        get
        {
            lock (_gate)
            {
                return [.. _sessions.Values.Select(record => record.Session.Info).OrderBy(info => info.SessionId)];
            }
        }
    }

    internal IIscsiEvents Events { get; }

    internal CommonUnits Units { get; }

    internal ServerDirectory Directory { get; private set; }

    internal TimeSpan LoginTimeout => _options.LoginTimeout;

    internal TimeSpan BufferPatience => _options.BufferPatience;

    /// <summary>CHAP's challenges and identifiers.</summary>
    internal Func<int, byte[]> RandomBytes { get; init; } = RandomNumberGenerator.GetBytes;

    /// <summary>Listens on a portal. The task gives the address in use (port 0 has become one) or fails with an <see cref="IOException"/> that says why not.</summary>
    public Task<IPEndPoint> Listen(PortalSettings portal)
    {
        int fd;
        IPEndPoint bound;
        try
        {
            fd = NativeSocket.Listen(portal.Address, _options.Backlog);
            bound = NativeSocket.LocalEndPoint(fd);
        }
        catch (IOException failure)
        {
            return Task.FromException<IPEndPoint>(failure);
        }

        PortalSettings known = portal with { Address = bound };
        IoThread thread = NextThread();
        var listener = new Listener(this, thread, known);
        lock (_gate)
        {
            _portals.Add(known);
            _listeners.Add(listener);
            Directory = MakeDirectory();
        }

        return thread.Invoke(() =>
        {
            listener.Start(fd);
            return bound;
        });
    }

    /// <summary>
    /// Adds the target, or puts its new settings in the place of the old: live sessions see the new LUN map (and hear of it by REPORTED LUNS DATA HAS CHANGED), those that
    /// are no longer admitted, or whose port has another number now, end; portals are told to whoever asks next.
    /// </summary>
    /// <exception cref="ArgumentException">
    /// The settings could never serve: the name is none, CHAP has one secret for both directions, or a portal of another node can't be reached or is said to be of a group of
    /// this node.
    /// </exception>
    public Task SetTarget(TargetSettings target)
    {
        Check(target);
        List<SessionRecord> live;
        lock (_gate)
        {
            _targets[target.Name] = target;
            Directory = MakeDirectory();
            live = SessionsOf(target.Name);
        }

        foreach (SessionRecord record in live)
        {
            Session session = record.Session;
            Access access = AccessPolicy.Of(target, session.InitiatorName);
            _ = access.Admitted && IsPortOf(target, session)
                ? session.Thread.Post(() => session.ChangeView(MapFor(target, access)))
                : session.Thread.Post(() => session.Tell(AsyncEvent.DropSession, 0, SessionEnd.Kicked, "it is no longer admitted to the target by this port"));
        }

        return Task.CompletedTask;
    }

    /// <summary>Takes the target away; its sessions end. The task completes when they have.</summary>
    public Task RemoveTarget(string name)
    {
        List<SessionRecord> live;
        lock (_gate)
        {
            _targets.Remove(name);
            Directory = MakeDirectory();
            live = SessionsOf(name);
        }

        foreach (SessionRecord record in live)
        {
            Session session = record.Session;
            _ = session.Thread.Post(() => session.Tell(AsyncEvent.DropSession, 0, SessionEnd.TargetRemoved, "the target was removed"));
        }

        return Task.WhenAll(live.Select(record => record.Gone.Task));
    }

    /// <summary>Drops a session, and says so to the initiator.</summary>
    public void Kick(long sessionId, string why)
    {
        foreach (SessionRecord record in FindSessions(record => record.Session.Info.SessionId == sessionId))
        {
            Session session = record.Session;
            _ = session.Thread.Post(() => session.Tell(AsyncEvent.DropSession, 2, SessionEnd.Kicked, why));
        }
    }

    /// <summary>Asks an initiator to log out within that time; then its session is dropped.</summary>
    public void RequestLogout(long sessionId, TimeSpan within)
    {
        foreach (SessionRecord record in FindSessions(record => record.Session.Info.SessionId == sessionId))
        {
            AskToLogOut(record.Session, within, SessionEnd.Kicked, "asked to log out");
        }
    }

    /// <summary>
    /// Stops listening, asks initiators to log out, lets commands end, and after <paramref name="drain"/> tells those that are left that their sessions are dropped, and
    /// drops them. Completes when no connection is left.
    /// </summary>
    public async Task Stop(TimeSpan drain)
    {
        List<SessionRecord> live;
        List<Listener> listeners;
        lock (_gate)
        {
            _stopping = true;
            live = [.. _sessions.Values];
            listeners = [.. _listeners];
            _listeners.Clear();
            CheckDrained();
        }

        foreach (Listener listener in listeners)
        {
            _ = listener.Thread.Post(listener.Stop);
        }

        foreach (SessionRecord record in live)
        {
            AskToLogOut(record.Session, drain, SessionEnd.Shutdown, "the node stops");
        }

        var gone = Task.WhenAll(live.Select(record => record.Gone.Task));
        if (drain > TimeSpan.Zero)
        {
            await Task.WhenAny(gone, Task.Delay(drain)).ConfigureAwait(false);
            foreach (SessionRecord record in live.Where(record => !record.Gone.Task.IsCompleted))
            {
                AskToLogOut(record.Session, TimeSpan.Zero, SessionEnd.Shutdown, "the node stops");
            }
        }

        // Long enough for the last word to reach a peer that listens.
        await Task.WhenAny(gone, Task.Delay(s_lastWord)).ConfigureAwait(false);
        List<Connection> left;
        lock (_gate)
        {
            left = [.. _connections];
        }

        foreach (Connection connection in left)
        {
            connection.EndFromOutside(SessionEnd.Shutdown, "the node stops");
        }

        await _drained.Task.ConfigureAwait(false);
    }

    internal SessionSettings SettingsOf(Session session) =>
        session.Discovery ? _options.DiscoverySession : Directory.Find(session.TargetName)?.Session ?? _options.DiscoverySession;

    internal IPEndPoint? LocalAddress(int fd)
    {
        try
        {
            return NativeSocket.LocalEndPoint(fd);
        }
        catch (IOException)
        {
            return null; // It was closed by the peer in the meantime.
        }
    }

    internal void ShutdownSocket(int fd) => NativeSocket.Shutdown(fd);

    internal void AbandonSocket(int fd) => new System.Net.Sockets.SafeSocketHandle(fd, ownsHandle: true).Dispose();

    private static IEnumerable<KeyValuePair<ulong, LogicalUnit>> MapFor(TargetSettings target, Access access) =>
        target.Luns.Where(lun => AccessPolicy.Sees(access, lun.Key));

    // A session's port is one for life: reservations and access states go by its numbers.
    private static bool IsPortOf(TargetSettings target, Session session) => target.PortalGroups.Any(group =>
        group.GroupTag == session.Info.PortalGroupTag
        && (session.Nexus is null || (group.RelativePortId == session.Nexus.RelativePortId && group.PortGroupId == session.Nexus.PortGroupId)));

    private static void AskToLogOut(Session session, TimeSpan within, SessionEnd reason, string detail)
    {
        ushort seconds = (ushort)Math.Clamp(Math.Ceiling(within.TotalSeconds), 0, ushort.MaxValue);
        _ = session.Thread.Post(() => session.Tell(seconds == 0 ? AsyncEvent.DropSession : AsyncEvent.RequestLogout, seconds, reason, detail));
    }

    private static void Check(TargetSettings target)
    {
        if (!AccessPolicy.IsName(target.Name))
        {
            throw new ArgumentException($"'{target.Name}' is not an iSCSI name", nameof(target));
        }

        foreach (ChapSettings? chap in target.Initiators.Select(entry => entry.Chap).Append(target.Chap))
        {
            if (chap is { MutualSecret: { } mutual } && Chap.IsSameSecret(mutual, chap.Secret))
            {
                throw new ArgumentException($"{target.Name}: CHAP needs different secrets for the two directions (RFC 7143 §9.2.1)", nameof(target));
            }
        }

        foreach (RemotePortalSettings portal in target.RemotePortals)
        {
            IPEndPoint address = portal.Address;
            if (address.Port == 0 || address.Address.Equals(IPAddress.Any) || address.Address.Equals(IPAddress.IPv6Any))
            {
                throw new ArgumentException($"{target.Name}: no initiator can reach a portal of another node at {address}: name the address and the port at which it is reached", nameof(target));
            }

            if (target.PortalGroups.Any(group => group.GroupTag == portal.GroupTag))
            {
                throw new ArgumentException($"{target.Name}: portal group {portal.GroupTag} of {address} is also one of this node: give each node's groups tags of their own", nameof(target));
            }
        }

        if (target.Session.CommandWindow is < 1 or > 2048)
        {
            throw new ArgumentException($"{target.Name}: the command window has 1 to 2048 commands", nameof(target));
        }
    }

    private ServerDirectory MakeDirectory() => new(_targets.Values, [.. _portals], _options, FindParameters);

    private List<SessionRecord> SessionsOf(string targetName) =>
        [.. _sessions.Values.Where(record => string.Equals(record.Session.TargetName, targetName, StringComparison.OrdinalIgnoreCase))];

    private List<SessionRecord> FindSessions(Func<SessionRecord, bool> which)
    {
        lock (_gate)
        {
            return [.. _sessions.Values.Where(which)];
        }
    }

    private IoThread NextThread() => _threads[(int)((uint)Interlocked.Increment(ref _nextThread) % (uint)_threads.Count)];

    private void CheckDrained()
    {
        if (_stopping && _connections.Count == 0 && _sessions.Count == 0)
        {
            _drained.TrySetResult();
        }
    }

    /// <summary>A session, who waits for its end, and who waits for its connection's.</summary>
    private sealed class SessionRecord(Session session)
    {
        public Session Session { get; } = session;

        public TaskCompletionSource Gone { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        /// <summary>Logins that reinstate it.</summary>
        public List<Connection> Successors { get; } = [];

        /// <summary>A login that reinstates its connection.</summary>
        public Connection? NextConnection { get; set; }

        public bool Ending { get; set; }
    }
}
