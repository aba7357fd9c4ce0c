using System.Net;
using ActorSan.Storage.Threads;

namespace ActorSan.Replication.Links;

/// <summary>The addresses at which a peer listens, the best first: which one is taken, what is known of the others.</summary>
public sealed partial class LinkPeer
{
    // An answer of the host that nobody listens means that the process has ended; the answers of its other paths may be as near.
    private static readonly TimeSpan s_goneWait = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan s_answersFirst = TimeSpan.FromMilliseconds(2);

    // How much sooner the best path is tried than the others: the first that connects is taken.
    private static readonly TimeSpan s_headStart = TimeSpan.FromMilliseconds(20);

    // A better path is gone back to when it has been there for so many looks in a row; one that connects and carries nothing is so more and more seldom.
    private const int LooksToReturn = 3;
    private const int MostLooksToReturn = 768;

    private readonly List<LinkConnection> _dialling = [];
    private readonly Queue<int> _toDial = new();
    private readonly List<string> _failures = [];
    private readonly HeadStartTimer _headStartTimer;
    private readonly GoneTimer _goneTimer;
    private readonly CheckTimer _checkTimer;
    private PathState[] _paths = [];
    private int _taken = -1;

    // Connects and carries nothing, as it seems: the last that is tried in the next round.
    private int _worst = -1;
    private bool _isRefused;
    private bool _isGoneWaited;
    private LinkPurpose _purpose;
    private bool _isInstead;

    /// <summary>Where the peer listens, the best path first; none: nowhere that is known. Tries at once if there is no connection.</summary>
    public void SetAddresses(IReadOnlyList<IPEndPoint> addresses)
    {
        if (!_paths.Select(path => path.Address).SequenceEqual(addresses))
        {
            _paths = [.. addresses.Select(address => _paths.FirstOrDefault(known => known.Address.Equals(address)) ?? new PathState(address))];
            _taken = Connection is { } connection ? IndexOf(connection) : -1;
            _worst = -1;
            _toDial.Clear();
            _links.Thread.StopTimer(_headStartTimer);
            Publish();
        }

        DialNow();
        WatchPaths();
    }

    /// <summary>TCP has connected: the others of the round are not wanted any more, nor is what they say. False: nor is this one.</summary>
    internal bool OnReached(LinkConnection connection)
    {
        if (connection.Purpose == LinkPurpose.Check)
        {
            return true;
        }

        // What was silent has spoken meanwhile.
        if (connection.IsInstead && Connection is { IsQuiet: false })
        {
            return false;
        }

        foreach (LinkConnection other in _dialling.ToArray())
        {
            if (other != connection)
            {
                _ = _dialling.Remove(other);
                other.End(LinkEnd.Stopped, "another path was there first");
            }
        }

        ForgetRound();
        return true;
    }

    /// <summary>Nothing has come for a while: another path is tried before this one is given up.</summary>
    internal void OnQuiet()
    {
        if (!Dials || _stopped)
        {
            return;
        }

        // On the way back to a better path, which is not there after all.
        if (_dialling is [{ IsInstead: false, HasConnected: false } back])
        {
            back.End(LinkEnd.Stopped, "the link has fallen silent");
        }

        if (_dialling.Count == 0)
        {
            DialPaths(LinkPurpose.Link, isInstead: true);
        }
    }

    private void DialPaths(LinkPurpose purpose, bool isInstead = false)
    {
        ForgetRound();
        for (int i = 0; i < _paths.Length; i++)
        {
            if (i != _worst && !(isInstead && i == _taken))
            {
                _toDial.Enqueue(i);
            }
        }

        if (_worst >= 0 && !(isInstead && _worst == _taken))
        {
            _toDial.Enqueue(_worst);
        }

        _worst = -1;
        (_purpose, _isInstead) = (purpose, isInstead);
        if (_toDial.TryDequeue(out int first))
        {
            Dial(first, purpose, isInstead);
        }

        if (_toDial.Count > 0)
        {
            _links.Thread.StartTimer(_headStartTimer, s_headStart);
        }
    }

    private void DialTheOthers()
    {
        _links.Thread.StopTimer(_headStartTimer);
        while (_toDial.TryDequeue(out int path))
        {
            Dial(path, _purpose, _isInstead);
        }
    }

    private void Dial(int path, LinkPurpose purpose, bool isInstead = false)
    {
        IPEndPoint address = _paths[path].Address;
        var connection = new LinkConnection(_links, this, address.ToString()) { Purpose = purpose, IsInstead = isInstead };
        if (purpose != LinkPurpose.Check)
        {
            _dialling.Add(connection);
        }

        connection.Dial(address);
    }

    private void ForgetRound()
    {
        _failures.Clear();
        _toDial.Clear();
        _isRefused = false;
        _links.Thread.StopTimer(_headStartTimer);
        _links.Thread.StopTimer(_goneTimer);
    }

    // It has been taken out of those that are being dialled.
    private void OnNotReached(LinkConnection connection, LinkEnd end, HandshakeFault fault, string detail)
    {
        _failures.Add(_paths.Length > 1 ? $"{connection.Address}: {detail}" : detail);
        _isRefused |= end == LinkEnd.Gone;

        // What it heard was not proved: where TLS does not come about, it asks again without, and is told again.
        WantsTls = fault == HandshakeFault.Unencrypted || (WantsTls && (fault == HandshakeFault.None || !connection.IsByTls));

        // Who does not know this node yet, or not so, is the peer all the same; anybody else may be somebody at an address that is not the peer's any more.
        if (connection is { Purpose: LinkPurpose.Link, HasConnected: true } && Connection is null && end != LinkEnd.Stopped
            && fault is not (HandshakeFault.Unencrypted or HandshakeFault.UnknownPeer or HandshakeFault.WrongDialer))
        {
            _worst = IndexOf(connection);
        }

        if (!_stopped)
        {
            DialTheOthers();
        }

        if (_dialling.Count > 0)
        {
            if (end == LinkEnd.Gone)
            {
                _isGoneWaited = false;
                _links.Thread.StartTimer(_goneTimer, s_goneWait);
            }

            return;
        }

        bool isRefused = _isRefused;
        string failures = string.Join("; ", _failures);
        ForgetRound();
        if (Connection is not null)
        {
            return;
        }

        if (connection.Purpose == LinkPurpose.Link)
        {
            _links.Events.NoLink(Name, connection.Address, end, fault, failures);
        }

        if (isRefused)
        {
            BeGone();
        }
    }

    private void OnGoneWaited()
    {
        // A thread that stood still may find the time over before it finds the answers: they are taken first.
        if (!_isGoneWaited)
        {
            _isGoneWaited = true;
            _links.Thread.StartTimer(_goneTimer, s_answersFirst);
            return;
        }

        if (_isRefused && Connection is null && _dialling.All(connection => !connection.HasConnected))
        {
            BeGone();
        }
    }

    private void BeGone()
    {
        if (IsGone)
        {
            return;
        }

        IsGone = true;
        _probesLeft = 0;

        // Then it was not the paths.
        _worst = -1;
        Array.ForEach(_paths, path => path.CarriedLittle = false);
        foreach (Place place in _places.Values.ToArray())
        {
            place.Channel?.TellGone();
        }
    }

    private void OnPathTaken(LinkConnection connection)
    {
        _ = _dialling.Remove(connection);
        foreach (LinkConnection other in _dialling.ToArray())
        {
            _ = _dialling.Remove(other);
            other.End(LinkEnd.Stopped, "another path was there first");
        }

        ForgetRound();
        _worst = -1;
        _taken = IndexOf(connection);
        if (_taken >= 0)
        {
            Know(_taken, isThere: true);
        }

        Publish();
        WatchPaths();
    }

    private void OnPathLeft(LinkEnd end, bool wasQuiet)
    {
        int left = _taken;
        _taken = -1;
        if (left >= 0 && (end == LinkEnd.Silent || wasQuiet))
        {
            Know(left, isThere: false);
        }

        // Where nothing of ours arrives it is the peer that falls silent, and ends it.
        if (left >= 0 && (end is LinkEnd.Silent or LinkEnd.Lost || wasQuiet))
        {
            PathState path = _paths[left];
            path.CarriedLittle = _links.Thread.PassTimeNs - _upSinceNs < 4 * path.LooksNeeded * _links.Options.PathCheck.Ticks * 100;
            if (path.CarriedLittle)
            {
                _worst = left;
            }
            else
            {
                path.LooksNeeded = LooksToReturn;
            }
        }

        // Those that were being tried beside it may never answer: the round is now about all.
        if (left >= 0 && Dials && !_stopped && _dialling.Count > 0 && _dialling.All(connection => !connection.HasConnected && IndexOf(connection) != left))
        {
            Dial(left, LinkPurpose.Link);
        }

        Publish();
    }

    private void StopPaths(string why)
    {
        ForgetRound();
        _links.Thread.StopTimer(_checkTimer);
        foreach (LinkConnection connection in _dialling.ToArray())
        {
            connection.End(LinkEnd.Stopped, why);
        }
    }

    private void WatchPaths()
    {
        if (!_stopped && _paths.Length > 1 && !_checkTimer.IsRunning)
        {
            _links.Thread.StartTimer(_checkTimer, _links.Options.PathCheck);
        }
    }

    // Both ends look, whoever dials: each has its own way to the other.
    private void OnCheck()
    {
        for (int i = 0; Connection is not null && i < _paths.Length; i++)
        {
            if (i != _taken && !_paths[i].IsBeingChecked)
            {
                _paths[i].IsBeingChecked = true;
                Dial(i, LinkPurpose.Check);
            }
        }

        WatchPaths();
    }

    private void OnChecked(LinkConnection check, bool isReached)
    {
        if (_stopped || Array.Find(_paths, path => path.Address.ToString() == check.Address) is not { } path)
        {
            return;
        }

        path.IsBeingChecked = false;
        int index = Array.IndexOf(_paths, path);
        if (index == _taken)
        {
            // It has become the one in use meanwhile.
            return;
        }

        path.Looks = isReached ? path.Looks + 1 : 0;
        path.LooksNeeded = !isReached ? LooksToReturn : path.CarriedLittle ? Math.Min(path.LooksNeeded * 2, MostLooksToReturn) : path.LooksNeeded;
        path.CarriedLittle = false;
        Know(index, isReached);
        Publish();
        if (Dials && Connection is not null && index < _taken && path.Looks >= path.LooksNeeded && _dialling.Count == 0)
        {
            path.Looks = 0;
            Dial(index, LinkPurpose.Link);
        }
    }

    private void Know(int index, bool isThere)
    {
        PathState path = _paths[index];
        bool? before = path.IsThere;
        path.IsThere = isThere;
        if (_paths.Length > 1 && before != isThere && (before is not null || !isThere))
        {
            _links.Events.PathChanged(Name, path.Address.ToString(), isThere);
        }
    }

    private void Publish() => Counters.SetPaths([.. _paths.Select((path, index) =>
        new LinkPath(path.Address.ToString(), index == _taken && Connection is not null ? LinkPathCondition.Active : path.IsThere switch
        {
            // Only while there is a link are the others looked at.
            true when Connection is not null => LinkPathCondition.Standby,
            false => LinkPathCondition.Down,
            _ => LinkPathCondition.Unknown,
        }))]);

    // Of one that came in only the host is known: its port is the other's own.
    private int IndexOf(LinkConnection connection) =>
        connection.CameIn
            ? IPEndPoint.TryParse(connection.Address, out IPEndPoint? from) ? Array.FindIndex(_paths, path => path.Address.Address.Equals(from.Address)) : -1
            : Array.FindIndex(_paths, path => path.Address.ToString() == connection.Address);

    private sealed class PathState(IPEndPoint address)
    {
        public IPEndPoint Address { get; } = address;

        /// <summary>Null: nobody has looked yet.</summary>
        public bool? IsThere { get; set; }

        public bool IsBeingChecked { get; set; }

        /// <summary>In a row that found it.</summary>
        public int Looks { get; set; }

        public int LooksNeeded { get; set; } = LooksToReturn;

        /// <summary>It was given up for its silence soon after it was taken, and has not been looked at since. One that is found all the same is no pulled cable: it connects and carries nothing.</summary>
        public bool CarriedLittle { get; set; }
    }

    private sealed class HeadStartTimer(LinkPeer peer) : IoTimer
    {
        protected override void OnFired() => peer.DialTheOthers();
    }

    private sealed class GoneTimer(LinkPeer peer) : IoTimer
    {
        protected override void OnFired() => peer.OnGoneWaited();
    }

    private sealed class CheckTimer(LinkPeer peer) : IoTimer
    {
        protected override void OnFired() => peer.OnCheck();
    }
}
