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
public sealed class LinkPeer
{
    /// <summary>Volumes that a peer may have open: far more than a node serves, and a bound to what an authenticated one can make us remember.</summary>
    private const int MaxVolumes = 1 << 16;

    private readonly NodeLinks _links;
    private readonly Dictionary<Guid, Place> _places = [];
    private readonly DialTimer _dialTimer;
    private readonly BackOff _backOff;
    private LinkConnection? _dialling;
    private IPEndPoint? _address;
    private long _upSinceNs;
    private bool _stopped;

    internal LinkPeer(NodeLinks links, string name, IPEndPoint? address)
    {
        _links = links;
        Name = name;
        _address = address;
        Dials = Handshake.Dials(links.Options.Node, name);
        _dialTimer = new DialTimer(this);
        _backOff = new BackOff(links.Chance, links.Options.FirstWait.Ticks * 100, links.Options.LongestWait.Ticks * 100);
        DialNow();
    }

    public string Name { get; }

    /// <summary>It is this node that makes the connection.</summary>
    public bool Dials { get; }

    /// <summary>Authenticated and whole.</summary>
    public bool IsConnected => Connection is not null;

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

    /// <summary>Where the peer listens; null: nowhere that is known. Tries at once if there is no connection.</summary>
    public void SetAddress(IPEndPoint? address)
    {
        _address = address;
        DialNow();
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
        Connection?.End(LinkEnd.Replaced, "the peer has made a new connection");
        if (_stopped)
        {
            connection.End(LinkEnd.Stopped, "this node does not know the peer any more");
            return;
        }

        _dialling = null;
        Connection = connection;
        _upSinceNs = _links.Thread.PassTimeNs;
        _links.Events.LinkUp(Name, connection.Address);
        foreach (KeyValuePair<Guid, Place> one in _places)
        {
            Tell(one.Key, one.Value);
        }
    }

    internal void OnEnded(LinkConnection connection, LinkEnd end, HandshakeFault fault, string detail)
    {
        if (connection == _dialling)
        {
            _dialling = null;
            _links.Events.NoLink(Name, connection.Address, end, fault, detail);
        }
        else if (connection == Connection)
        {
            Connection = null;
            if (_links.Thread.PassTimeNs - _upSinceNs >= _links.Options.LongestWait.Ticks * 100)
            {
                _backOff.Reset();
            }

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
        _dialling?.End(LinkEnd.Stopped, why);
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
        if (Dials && !_stopped && Connection is null && _dialling is null && !_dialTimer.IsRunning)
        {
            _links.Thread.StartTimer(_dialTimer, TimeSpan.FromTicks(_backOff.NextNs() / 100));
        }
    }

    private void DialNow()
    {
        if (Dials && !_stopped && Connection is null && _dialling is null && _address is not null)
        {
            _links.Thread.StopTimer(_dialTimer);
            _dialling = new LinkConnection(_links, this, _address.ToString());
            _dialling.Dial(_address);
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
