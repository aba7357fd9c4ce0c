using System.Net;
using ActorSan.Replication.Core.Ports;
using ActorSan.Replication.Core.Register;
using ActorSan.Storage;
using ActorSan.Storage.Threads;

namespace ActorSan.Replication.Links;

/// <summary>
/// One other node: the volumes that are shared with it, the connection to it if there is one, and when to try again if there is none.
/// <para>
/// How a volume comes up: each end tells (a <see cref="LinkNoteKind.Place"/> note) the number of its opening and the number that it has heard of the other's, whenever either
/// changes. An end is up when the other's latest note names an opening and this end's own. As notes and frames go in one order, all that was sent in another opening has come
/// before that note and is dropped.
/// </para>
/// </summary>
/// <remarks>
/// A peer may be reached by several paths, one connection at a time: all are tried, the best a moment before the others, and the first that connects is taken. Where nothing comes for a part of
/// <see cref="LinkOptions.Silence"/> the others are tried while the old one still stands, and a handshake that another one ends takes its place: the peer lives, so it was the path.
/// </remarks>
public sealed partial class LinkPeer
{
    /// <summary>Volumes that a peer may have open: far more than a node serves, and a bound to what an authenticated one can make us remember.</summary>
    private const int MaxVolumes = 1 << 16;

    // Who is dialled, never dials, and would not learn that the other's process has ended: it asks the other's host, at
    // first at once and then less often, as a process that ends may still listen for a moment. After a second everybody has waited for an acknowledgement long enough anyhow.
    private const int Probes = 7;
    private static readonly TimeSpan s_firstProbeWait = TimeSpan.FromMilliseconds(10);

    private readonly NodeLinks _links;
    private readonly Dictionary<Guid, Place> _places = [];
    private readonly DialTimer _dialTimer;
    private readonly BackOff _backOff;
    private int _probesLeft;
    private long _upSinceNs;
    private bool _stopped;

    internal LinkPeer(NodeLinks links, string name, IReadOnlyList<IPEndPoint> addresses, LinkCounters counters)
    {
        Counters = counters;
        _links = links;
        Name = name;
        Dials = Handshake.Dials(links.Options.Node, name);
        _dialTimer = new DialTimer(this);
        _headStartTimer = new HeadStartTimer(this);
        _goneTimer = new GoneTimer(this);
        _checkTimer = new CheckTimer(this);
        _backOff = new BackOff(links.Chance, links.Options.FirstWait.Ticks * 100, links.Options.LongestWait.Ticks * 100);
        SetAddresses(addresses);
    }

    public string Name { get; }

    /// <summary>Of all connections with it.</summary>
    public LinkCounters Counters { get; }

    /// <summary>It is this node that makes the connection.</summary>
    public bool Dials { get; }

    /// <summary>Authenticated and whole.</summary>
    public bool IsConnected => Connection is not null;

    /// <summary>It has refused a connection without TLS.</summary>
    internal bool WantsTls { get; private set; }

    /// <summary>Its host has said, since there was a connection last, that nobody listens.</summary>
    internal bool IsGone { get; private set; }

    internal LinkConnection? Connection { get; private set; }

    internal long SendBufferBytes => _links.Options.SendBufferBytes;

    /// <summary>A volume's place on the link to this peer. It comes up, never inside this call, when the peer has opened it, too.</summary>
    public LinkChannel Open(Guid volumeId, ILinkUser user)
    {
        Invariant.Check(_links.Thread.IsCurrent && !_stopped);
        Place place = PlaceOf(volumeId);
        Invariant.Check(place.Channel is null);
        place.Channel = new LinkChannel(this, volumeId, _links.NextOpening(), user);
        Tell(volumeId, place);
        return place.Channel;
    }

    internal void Close(LinkChannel channel)
    {
        if (!_places.TryGetValue(channel.VolumeId, out Place? place) || place.Channel != channel)
        {
            return;
        }

        channel.Forget();
        place.Channel = null;
        Connection?.Cancel(channel, 0);
        Tell(channel.VolumeId, place);
        Tidy(channel.VolumeId, place);
    }

    /// <summary>A connection has proved that it is this peer's. One that was there is believed dead by the peer, else it would not have made another.</summary>
    internal void OnConnected(LinkConnection connection)
    {
        Connection?.End(LinkEnd.Replaced, connection.CameIn ? "the peer has made a new connection" : "it goes on by another path");
        if (_stopped)
        {
            connection.End(LinkEnd.Stopped, "this node does not know the peer any more");
            return;
        }

        IsGone = false;
        _probesLeft = 0;
        Connection = connection;
        _upSinceNs = _links.Thread.PassTimeNs;
        OnPathTaken(connection);
        _links.Events.LinkUp(Name, connection.Address);
        foreach (KeyValuePair<Guid, Place> one in _places)
        {
            Tell(one.Key, one.Value);
        }
    }

    internal void OnEnded(LinkConnection connection, LinkEnd end, HandshakeFault fault, string detail)
    {
        if (connection.Purpose == LinkPurpose.Check)
        {
            OnChecked(connection, isReached: end == LinkEnd.Stopped);
            return;
        }

        if (_dialling.Remove(connection))
        {
            OnNotReached(connection, end, fault, detail);
        }
        else if (connection == Connection)
        {
            Connection = null;
            Counters.Lost();
            _probesLeft = Dials || end != LinkEnd.Lost ? 0 : Probes;
            if (_links.Thread.PassTimeNs - _upSinceNs >= _links.Options.LongestWait.Ticks * 100)
            {
                _backOff.Reset();
            }

            OnPathLeft(end, connection.WasQuiet);
            _links.Events.LinkDown(Name, end, detail);
            foreach ((Guid volumeId, Place place) in _places.ToArray())
            {
                place.Theirs = 0;
                place.Channel?.GoDown();
                Tidy(volumeId, place);
            }
        }

        DialLater();
    }

    /// <summary>False: the peer has more open than can be.</summary>
    internal bool OnNote(in LinkNote note)
    {
        if (_places.Count >= MaxVolumes && !_places.ContainsKey(note.VolumeId))
        {
            return false;
        }

        Place place = PlaceOf(note.VolumeId);
        bool changed = place.Theirs != note.Mine;
        place.Theirs = note.Mine;
        LinkChannel? channel = place.Channel;
        if (changed)
        {
            channel?.GoDown();
        }

        // The user may have closed it, opened it anew or ended the connection: then its state has been told there.
        if (channel is not null && channel == place.Channel && Connection is not null && note.Mine != 0)
        {
            if (changed)
            {
                Tell(note.VolumeId, place);
            }

            if (!channel.IsUp && note.Yours == channel.Opening)
            {
                channel.GoUp();
            }
        }

        Tidy(note.VolumeId, place);
        return true;
    }

    /// <summary>The channel that a frame is for; null: it is of no opening that both know.</summary>
    internal LinkChannel? FindUp(Guid volumeId) => _places.TryGetValue(volumeId, out Place? place) && place.Channel is { IsUp: true } channel ? channel : null;

    internal void Stop(string why)
    {
        _stopped = true;
        _links.Thread.StopTimer(_dialTimer);
        StopPaths(why);
        Connection?.End(LinkEnd.Stopped, why);
    }

    private void Tell(Guid volumeId, Place place) => Connection?.Send(new LinkNote(LinkNoteKind.Place, volumeId, place.Channel?.Opening ?? 0, place.Theirs));

    private Place PlaceOf(Guid volumeId)
    {
        if (!_places.TryGetValue(volumeId, out Place? place))
        {
            place = new Place();
            _places.Add(volumeId, place);
        }

        return place;
    }

    private void Tidy(Guid volumeId, Place place)
    {
        if (place.Channel is null && place.Theirs == 0 && _places.TryGetValue(volumeId, out Place? now) && now == place)
        {
            _places.Remove(volumeId);
        }
    }

    private void DialLater()
    {
        if (_stopped || Connection is not null || _dialling.Count > 0 || _dialTimer.IsRunning)
        {
            return;
        }

        if (Dials)
        {
            _links.Thread.StartTimer(_dialTimer, TimeSpan.FromTicks(_backOff.NextNs() / 100));
        }
        else if (_probesLeft > 0)
        {
            _links.Thread.StartTimer(_dialTimer, s_firstProbeWait * (1 << (Probes - _probesLeft)));
        }
    }

    private void DialNow()
    {
        if (!_stopped && Connection is null && _dialling.Count == 0 && _paths.Length > 0 && (Dials || _probesLeft-- > 0))
        {
            _links.Thread.StopTimer(_dialTimer);
            DialPaths(Dials ? LinkPurpose.Link : LinkPurpose.Probe);
        }
    }

    /// <summary>How one volume stands at both ends.</summary>
    private sealed class Place
    {
        public LinkChannel? Channel { get; set; }

        /// <summary>The peer's opening, 0: none that we know.</summary>
        public long Theirs { get; set; }
    }

    private sealed class DialTimer(LinkPeer peer) : IoTimer
    {
        protected override void OnFired() => peer.DialNow();
    }
}
