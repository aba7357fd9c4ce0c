using System.Net;
using ActorSan.Iscsi.Connections;
using ActorSan.Iscsi.Login;
using ActorSan.Iscsi.Pdus;
using ActorSan.Iscsi.Sessions;
using ActorSan.Scsi;
using ActorSan.Storage.Threads;

namespace ActorSan.Iscsi;

/// <summary>How connections come in and sessions begin, are reinstated and end.</summary>
public sealed partial class IscsiServer
{
    /// <summary>On the listener's thread: a new TCP connection.</summary>
    internal void Accepted(int fd, PortalSettings portal)
    {
        IPEndPoint? peer = NativeSocket.PeerEndPoint(fd);
        if (peer is null)
        {
            AbandonSocket(fd);
            return;
        }

        IoThread thread = NextThread();
        Connection? connection = TryRegister(thread, portal, peer.ToString(), out string refusal);
        if (connection is null)
        {
            AbandonSocket(fd);
            Events.Warning(peer.ToString(), refusal);
            return;
        }

        NativeSocket.Tune(fd, _options.TcpUserTimeout);
        if (!thread.Post(() => connection.Start(fd)))
        {
            AbandonSocket(fd);
            ConnectionGone(connection);
        }
    }

    /// <summary>Null where a limit is reached.</summary>
    internal Connection? TryRegister(IoThread thread, PortalSettings portal, string peer, out string refusal)
    {
        refusal = "";
        lock (_gate)
        {
            if (_stopping)
            {
                refusal = "connection closed: the node stops";
            }
            else if (_connections.Count >= _options.MaxConnections)
            {
                refusal = $"connection closed: there are {_connections.Count} connections";
            }
            else if (_unauthenticated >= _options.MaxUnauthenticatedConnections)
            {
                refusal = $"connection closed: {_unauthenticated} connections have not finished their login";
            }

            if (refusal.Length > 0)
            {
                return null;
            }

            var connection = new Connection(this, thread, portal, peer);
            _connections.Add(connection);
            _unauthenticated++;
            return connection;
        }
    }

    /// <summary>On the connection's thread: the negotiation is complete. Answers by <see cref="Connection.OnAdmitted"/> or <see cref="Connection.OnAdmissionRefused"/>, at once or, where something has to end first, later.</summary>
    internal void Admit(Connection connection)
    {
        LoginNegotiation login = connection.Negotiation;
        Session? session = null;
        Action? first = null;
        LoginRefused refused = default;
        lock (_gate)
        {
            if (_stopping)
            {
                refused = new LoginRefused(LoginStatus.ServiceUnavailable, LoginRefusal.TooManySessions, "the node stops");
            }
            else if (login.Tsih != 0)
            {
                first = JoinSession(connection, out refused);
            }
            else if (FindPredecessor(login, connection.Portal.GroupTag) is { } predecessor)
            {
                // Session reinstatement (RFC 7143 §6.3.5): the old session ends first, completely.
                predecessor.Successors.Add(connection);
                first = () => _ = predecessor.Session.Thread.Post(() => predecessor.Session.End(SessionEnd.Reinstated, "the initiator logged in again with the same ISID"));
            }
            else
            {
                session = NewSession(connection, out refused);
            }
        }

        if (first is not null)
        {
            first();
        }
        else if (session is null)
        {
            connection.OnAdmissionRefused(refused);
        }
        else
        {
            Events.SessionStarted(session.Info);
            connection.OnAdmitted(session);
        }
    }

    /// <summary>The units have let go of the session's nexus: it is over. Who waited for that goes on.</summary>
    internal void SessionGone(Session session, SessionEnd reason, string detail)
    {
        SessionRecord record;
        lock (_gate)
        {
            record = _sessions[session.Tsih];
            _sessions.Remove(session.Tsih);
            CheckDrained();
        }

        Events.SessionEnded(session.Info, reason, detail);
        record.Gone.TrySetResult();
        if (record.NextConnection is { } waiting)
        {
            record.Successors.Add(waiting);
        }

        foreach (Connection successor in record.Successors)
        {
            _ = successor.Thread.Post(() => Readmit(successor));
        }
    }

    /// <summary>The session's connection is gone to make room for another.</summary>
    internal void ConnectionReplaced(Session session)
    {
        Connection? next;
        lock (_gate)
        {
            SessionRecord record = _sessions[session.Tsih];
            next = record.NextConnection;
            record.NextConnection = null;
        }

        _ = next?.Thread.Post(() => next.OnAdmitted(session));
    }

    internal void ConnectionGone(Connection connection)
    {
        lock (_gate)
        {
            if (_connections.Remove(connection) && connection.Session is null)
            {
                _unauthenticated--;
            }

            CheckDrained();
        }
    }

    /// <summary>On its thread: the login is done, it no longer counts as one that might never be.</summary>
    internal void LoginDone()
    {
        lock (_gate)
        {
            _unauthenticated--;
        }
    }

    internal void EndTargetSessions(string targetName, SessionEnd reason, string detail)
    {
        List<SessionRecord> live;
        lock (_gate)
        {
            live = SessionsOf(targetName);
        }

        foreach (SessionRecord record in live)
        {
            Session session = record.Session;
            _ = session.Thread.Post(() => session.End(reason, detail));
        }
    }

    private void Readmit(Connection connection)
    {
        if (!connection.IsEnding)
        {
            Admit(connection);
        }
    }

    private SessionRecord? FindPredecessor(LoginNegotiation login, ushort groupTag)
    {
        if (login.Discovery)
        {
            return null;
        }

        foreach (SessionRecord record in _sessions.Values)
        {
            SessionInfo info = record.Session.Info;
            if (info.PortalGroupTag == groupTag && !info.Discovery && IsOf(info, login.InitiatorName, login.TargetName, login.Isid))
            {
                return record;
            }
        }

        return null;
    }

    /// <summary>A login with a TSIH: the same CID takes the place of the session's connection; another would be a second one, which MaxConnections=1 excludes.</summary>
    private Action? JoinSession(Connection connection, out LoginRefused refused)
    {
        LoginNegotiation login = connection.Negotiation;
        refused = default;
        if (!_sessions.TryGetValue(login.Tsih, out SessionRecord? record) || record.NextConnection is not null || !IsOf(record.Session.Info, login.InitiatorName, login.TargetName, login.Isid))
        {
            refused = new LoginRefused(LoginStatus.SessionDoesNotExist, LoginRefusal.ProtocolError, $"there is no session with TSIH {login.Tsih}");
            return null;
        }

        Session session = record.Session;
        if (login.Cid != session.Cid)
        {
            refused = new LoginRefused(LoginStatus.TooManyConnections, LoginRefusal.ProtocolError, "a second connection, where MaxConnections=1 was agreed");
            return null;
        }

        if (session.Info.PortalGroupTag != connection.Portal.GroupTag)
        {
            refused = new LoginRefused(LoginStatus.CannotIncludeInSession, LoginRefusal.ProtocolError, $"the session is of portal group {session.Info.PortalGroupTag}");
            return null;
        }

        record.NextConnection = connection;
        return () => _ = session.Thread.Post(session.DropConnection);
    }

    private Session? NewSession(Connection connection, out LoginRefused refused)
    {
        LoginNegotiation login = connection.Negotiation;
        refused = default;
        if (_sessions.Count >= _options.MaxSessions || _sessions.Count >= ushort.MaxValue)
        {
            refused = new LoginRefused(LoginStatus.OutOfResources, LoginRefusal.TooManySessions, $"there are {_sessions.Count} sessions");
            return null;
        }

        // The target may have been taken away, or have new settings, since the negotiation began.
        TargetSettings? target = login.Discovery ? null : Directory.FindTarget(login.TargetName, connection.Portal.GroupTag);
        Access access = target is null ? default : AccessPolicy.Of(target, login.InitiatorName);
        if (!login.Discovery && (target is null || !access.Admitted))
        {
            refused = new LoginRefused(LoginStatus.TargetRemoved, LoginRefusal.TargetNotFound, "the target was removed during login");
            return null;
        }

        ushort tsih = NextTsih();
        var info = new SessionInfo(
            _nextSessionId++,
            login.InitiatorName,
            login.InitiatorAlias,
            target?.Name ?? "",
            login.Isid,
            tsih,
            connection.Portal.GroupTag,
            connection.PeerAddress,
            login.Discovery,
            login.Parameters.ToString());
        ScsiNexus? nexus = target is null ? null : MakeNexus(target, connection, info);
        LunView? view = target is null ? null : new LunView(nexus!, MapFor(target, access), Units.NoSuchUnit, Units.ReportLuns);
        SessionSettings settings = target?.Session ?? _options.DiscoverySession;
        IoThread thread = target is null ? connection.Thread : Place(view!, connection.Thread);
        var session = new Session(this, info, thread, nexus, login.Parameters, login.Cid, new CommandWindow(settings.CommandWindow, connection.LoginCmdSN), view);
        _sessions.Add(tsih, new SessionRecord(session));
        return session;
    }

    private static ScsiNexus MakeNexus(TargetSettings target, Connection connection, SessionInfo info)
    {
        PortalGroupSettings group = target.PortalGroups.First(group => group.GroupTag == connection.Portal.GroupTag);
        return new ScsiNexus
        {
            InitiatorName = info.InitiatorName,
            Isid = info.Isid,
            TargetName = target.Name,
            PortalGroupTag = group.GroupTag,
            RelativePortId = group.RelativePortId,
            PortGroupId = group.PortGroupId,
            PeerAddress = info.PeerAddress,
        };
    }

    /// <summary>Where its commands need not cross threads, if the settings want that and there is such a thread.</summary>
    private IoThread Place(LunView view, IoThread current)
    {
        if (_options.Placement == SessionPlacement.Spread)
        {
            return current;
        }

        IoThread? home = null;
        foreach (LunNexus lunNexus in view.All)
        {
            if (lunNexus.Unit.Home is not { } unitHome || ReferenceEquals(unitHome, home))
            {
                continue;
            }

            if (home is not null)
            {
                return _options.Placement == SessionPlacement.Home ? home : current;
            }

            home = unitHome;
        }

        return home is not null && _threads.Contains(home) ? home : current;
    }

    private ushort NextTsih()
    {
        do
        {
            _lastTsih++;
        }
        while (_lastTsih == 0 || _sessions.ContainsKey(_lastTsih));
        return _lastTsih;
    }

    private SessionParameters? FindParameters(string initiatorName, string targetName, ulong isid, ushort tsih)
    {
        lock (_gate)
        {
            if (!_sessions.TryGetValue(tsih, out SessionRecord? record))
            {
                return null;
            }

            return IsOf(record.Session.Info, initiatorName, targetName, isid) ? record.Session.Parameters : null;
        }
    }

    private static bool IsOf(SessionInfo info, string initiatorName, string targetName, ulong isid) =>
        info.Isid == isid
        && string.Equals(info.InitiatorName, initiatorName, StringComparison.OrdinalIgnoreCase)
        && string.Equals(info.TargetName, targetName, StringComparison.OrdinalIgnoreCase);

    /// <summary>Accepts on one thread; each connection goes to the next in turn.</summary>
    private sealed class Listener : IoOperation
    {
        private readonly IscsiServer _server;
        private readonly PortalSettings _portal;
        private readonly RetryTimer _retry;
        private IoSocket? _socket;

        public Listener(IscsiServer server, IoThread thread, PortalSettings portal)
        {
            _server = server;
            Thread = thread;
            _portal = portal;
            _retry = new RetryTimer(this);
        }

        public IoThread Thread { get; }

        public void Start(int fd)
        {
            _socket = Thread.AdoptSocket(fd);
            Thread.Accept(_socket, this);
        }

        public void Stop()
        {
            Thread.StopTimer(_retry);
            if (_socket is not null)
            {
                Thread.CloseSocket(_socket);
                _socket = null;
            }
        }

        protected override void OnCompleted(int result)
        {
            if (result >= 0)
            {
                _server.Accepted(result, _portal);
            }

            if (_socket is null)
            {
                return;
            }

            if (result >= 0 || result is -4 or -11 or -103)
            {
                Thread.Accept(_socket, this); // EINTR, EAGAIN, ECONNABORTED concern that one connection alone.
            }
            else
            {
                // No descriptors or memory: others may give some back.
                _server.Events.Warning(_portal.Address.ToString(), $"accepting a connection failed: {Errno.Describe(-result)}");
                Thread.StartTimer(_retry, TimeSpan.FromMilliseconds(100));
            }
        }

        private sealed class RetryTimer(Listener listener) : IoTimer
        {
            protected override void OnFired()
            {
                if (listener._socket is { } socket)
                {
                    listener.Thread.Accept(socket, listener);
                }
            }
        }
    }
}
