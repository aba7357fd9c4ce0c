using ActorSan.Iscsi.Connections;
using ActorSan.Iscsi.Login;
using ActorSan.Iscsi.Pdus;
using ActorSan.Scsi;
using ActorSan.Storage;
using ActorSan.Storage.Threads;

namespace ActorSan.Iscsi.Sessions;

/// <summary>
/// An iSCSI session (RFC 7143 §4.4.3), on one thread: the I_T nexus, what it sees, and the order of its commands, whichever connection they come by. Its connection
/// may be replaced (connection reinstatement) and its parameters outlive it.
/// </summary>
internal sealed class Session
{
    private readonly IscsiServer _server;
    private readonly List<NexusAttachment> _attachments = [];
    private readonly List<NexusAttachment> _leaving = [];
    private Connection? _connection;
    private bool _ending;
    private bool _ended;
    private SessionEnd _endReason;
    private string _endDetail = "";

    public Session(IscsiServer server, SessionInfo info, IoThread thread, ScsiNexus? nexus, SessionParameters parameters, ushort cid, CommandWindow window, LunView? view)
    {
        _server = server;
        Info = info;
        Thread = thread;
        Nexus = nexus;
        Parameters = parameters;
        Cid = cid;
        Window = window;
        View = view!;
    }

    public SessionInfo Info { get; }

    public IoThread Thread { get; }

    public string InitiatorName => Info.InitiatorName;

    public string TargetName => Info.TargetName;

    public bool Discovery => Info.Discovery;

    public ushort Tsih => Info.Tsih;

    /// <summary>Null in a discovery session.</summary>
    public ScsiNexus? Nexus { get; }

    public SessionParameters Parameters { get; set; }

    public ushort Cid { get; set; }

    public CommandWindow Window { get; }

    public DeliveryOrder Deliveries { get; } = new();

    /// <summary>Undefined in a discovery session.</summary>
    public LunView View { get; private set; }

    /// <summary>On its thread: its connection has arrived there. The first time the units learn of the nexus.</summary>
    public void Connected(Connection connection)
    {
        _connection = connection;
        if (_ending)
        {
            connection.End(_endReason, _endDetail);
            return;
        }

        if (_attachments.Count == 0 && !Discovery)
        {
            foreach (LunNexus lunNexus in View.All)
            {
                Attach(lunNexus);
            }
        }
    }

    /// <summary>On its thread: from now on it sees this. Units that it sees no more end its tasks.</summary>
    public void ChangeView(IEnumerable<KeyValuePair<ulong, LogicalUnit>> map)
    {
        if (_ending || Discovery)
        {
            return;
        }

        var view = new LunView(Nexus!, map, _server.Units.NoSuchUnit, _server.Units.ReportLuns, View);
        var kept = new HashSet<LunNexus>(view.All);
        var known = new HashSet<LunNexus>(View.All);
        View = view;
        foreach (NexusAttachment attachment in _attachments.ToArray())
        {
            if (!kept.Contains(attachment.LunNexus))
            {
                _attachments.Remove(attachment);
                _leaving.Add(attachment);
                attachment.Detach();
            }
        }

        if (!kept.SetEquals(known))
        {
            foreach (NexusAttachment attachment in _attachments)
            {
                attachment.TellViewChanged();
            }
        }

        foreach (LunNexus lunNexus in view.All)
        {
            if (!known.Contains(lunNexus))
            {
                Attach(lunNexus);
            }
        }
    }

    /// <summary>On its thread: tasks end, the nexus is taken from the units, then the server forgets it.</summary>
    public void End(SessionEnd reason, string detail)
    {
        if (_ending)
        {
            return;
        }

        _ending = true;
        _endReason = reason;
        _endDetail = detail;
        _connection?.End(reason, detail);
        NexusAttachment[] attached = [.. _attachments];
        _attachments.Clear();
        _leaving.AddRange(attached);
        foreach (NexusAttachment attachment in attached)
        {
            attachment.Detach();
        }

        CheckEnded();
    }

    /// <summary>On its thread: asks the initiator to log out, or tells it that the session is dropped and drops it.</summary>
    public void Tell(AsyncEvent code, ushort seconds, SessionEnd reason, string detail)
    {
        if (_connection is null || _ending)
        {
            End(reason, detail);
            return;
        }

        _connection.SendAsync(code, seconds, reason, detail);
    }

    /// <summary>Its connection is gone, with all its operations and tasks.</summary>
    public void ConnectionEnded(Connection connection, SessionEnd reason, string detail, bool sessionGoesOn)
    {
        if (ReferenceEquals(_connection, connection))
        {
            _connection = null;
        }

        if (sessionGoesOn && !_ending)
        {
            _server.ConnectionReplaced(this);
            return;
        }

        End(reason, detail);
        CheckEnded();
    }

    /// <summary>For connection reinstatement: ends the connection there is, not the session.</summary>
    public void DropConnection()
    {
        if (_connection is null)
        {
            _server.ConnectionReplaced(this);
            return;
        }

        _connection.EndForReinstatement();
    }

    internal void OnDetached(NexusAttachment attachment)
    {
        Invariant.Check(_leaving.Remove(attachment));
        CheckEnded();
    }

    private void Attach(LunNexus lunNexus)
    {
        var attachment = new NexusAttachment(this, lunNexus);
        _attachments.Add(attachment);
        attachment.Attach();
    }

    private void CheckEnded()
    {
        if (_ending && !_ended && _connection is null && _leaving.Count == 0)
        {
            _ended = true;
            _server.SessionGone(this, _endReason, _endDetail);
        }
    }
}
