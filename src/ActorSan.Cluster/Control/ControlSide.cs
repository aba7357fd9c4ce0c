using ActorSan.Cluster.Catalog;
using ActorSan.Cluster.Registers;
using ActorSan.Replication.Core;
using ActorSan.Replication.Core.Control;
using ActorSan.Replication.Core.Leases;
using ActorSan.Replication.Core.Ports;
using ActorSan.Replication.Core.Register;
using ActorSan.Replication.Core.Values;
using ActorSan.Replication.Volume;
using ActorSan.Storage;

namespace ActorSan.Cluster.Control;

/// <summary>
/// All decisions of one node, composed of the proven cores as the simulator composes them: its vote, its proposals, its leases, and for each volume what it is there. Everything runs on
/// the <see cref="ControlLoop"/>. It begins when the journal has been read to its end.
/// </summary>
public sealed partial class ControlSide : IVoterListener, IProposerListener, ILeaseListener
{
    private readonly ControlSideOptions _options;
    private readonly FencingCommand? _fencing;
    private readonly ControlLoop _loop;
    private readonly IControlNetwork _network;
    private readonly IControlSideEvents _events;
    private readonly Voter _voter;
    private readonly Proposer _proposer;
    private readonly Founder _founder;
    private readonly LeaseHolder _leases;
    private readonly CatalogFounding _founding;
    private readonly Dictionary<string, VolumeSide> _volumes = new(StringComparer.Ordinal);
    private readonly Dictionary<RegisterKey, Learn> _early = [];
    private readonly HashSet<string> _members = new(StringComparer.Ordinal);
    private readonly Dictionary<string, bool> _unreachable = new(StringComparer.Ordinal);

    /// <param name="options">Who decides.</param>
    /// <param name="loop">On which thread.</param>
    /// <param name="network">To the other nodes, and to itself.</param>
    /// <param name="journal">Read to its end.</param>
    /// <param name="held">What it holds.</param>
    /// <param name="events">Who is told.</param>
    public ControlSide(ControlSideOptions options, ControlLoop loop, IControlNetwork network, VoterJournal journal, VoterState held, IControlSideEvents events)
    {
        Invariant.Check(loop.IsCurrent);
        (_options, _loop, _network, _events) = (options, loop, network, events);
        BugSet none = BugSet.Nothing;
        var counts = new JournalCounts(null, none);
        string node = options.Node;
        Guid instance = options.Instance;
        _fencing = options.Fencing is { } fencing ? new FencingCommand(fencing, loop.Post) : null;
        _voter = new Voter(node, held, journal, network, loop, this, options.Leases, none);
        _proposer = new Proposer(node, instance, _voter, counts, network, loop, loop, this, options.Rounds, none);
        _founder = new Founder(node, counts, _proposer, network, loop, loop, options.Rounds);
        _leases = new LeaseHolder(node, instance, counts, network, loop, loop, SystemChance.Instance, this, options.Leases, none);
        _founding = new CatalogFounding(node, instance, options.Founders, FirstCatalog, _voter, _proposer, _founder, network, loop, loop, options.Rounds, none);
        _beat = new Beat(this);
        _catalogBackOff = new BackOff(SystemChance.Instance, 50_000_000, 1_000_000_000);
    }

    public VoterId VoterId => _voter.Id;

    /// <summary>What is known to be decided; null: nothing yet.</summary>
    public CatalogDocument? Catalog { get; private set; }

    public IEnumerable<VolumeSide> Volumes => _volumes.Values;

    public VolumeSide? FindVolume(Guid id) => _volumes.GetValueOrDefault(CatalogVolume.RegisterName(id));

    /// <summary>The newest configuration of a volume that is known to be decided, also where this node has no replica; null: none.</summary>
    public Configuration? KnownOf(CatalogVolume volume) =>
        FindVolume(volume.Id)?.Control?.Known ?? _proposer.LastDecided(volume.KeyOf(volume.Decode())) as Configuration;

    /// <param name="remembered">The catalog that this node knew before; null: it asks.</param>
    public void Start((RegisterKey Key, DocumentValue Value)? remembered)
    {
        if (remembered is { } known)
        {
            _ = _founding.On(new Learn(_options.Node, known.Key, known.Value));
            _proposer.Know(known.Key, known.Value);
        }

        _loop.Set(_beat, _loop.NowNs);
    }

    /// <summary>A message of another node, or of this one.</summary>
    public void On(ControlMessage message)
    {
        if (message is Learn learn && learn.Key.Name.StartsWith("volume/", StringComparison.Ordinal) && !_volumes.ContainsKey(learn.Key.Name))
        {
            KeepForLater(learn);
            return;
        }

        if (_founding.On(message))
        {
            return;
        }

        if (_voter.On(message) || _founder.On(message) || _proposer.On(message) || _leases.On(message))
        {
            return;
        }

        if (message is VoterReply)
        {
            foreach (VolumeSide volume in _volumes.Values)
            {
                volume.Control?.OnMessage(message);
            }
        }
        else if (KeyOf(message) is { } key && _volumes.GetValueOrDefault(key.Name) is { Control: { } control })
        {
            control.OnMessage(message);
        }
    }

    /// <summary>Membership says that it is there: it hears what is decided.</summary>
    public void OnMember(string node)
    {
        _ = _members.Add(node);
        TellCatalog(node);
        TellVolumes(node);
        if (node != _options.Node)
        {
            OnUnreachable(node, false);
        }
    }

    /// <summary>Membership suspects a node, or does so no more (§2, Volume: when to act; it may be wrong or late).</summary>
    public void OnUnreachable(string node, bool unreachable)
    {
        if (_unreachable.GetValueOrDefault(node) == unreachable)
        {
            return;
        }

        _unreachable[node] = unreachable;
        foreach (VolumeSide volume in _volumes.Values)
        {
            volume.Control?.OnUnreachable(node, unreachable);
        }
    }

    public void OnRemoved(string node)
    {
        _ = _members.Remove(node);
        OnUnreachable(node, true);
    }

    void IVoterListener.OnPutBack(long seen, long writeCount) => _events.JournalPutBack(seen, writeCount);

    void IVoterListener.OnRefusedLineage(RegisterKey key, UnknownReason reason, Guid by) => _volumes.GetValueOrDefault(key.Name)?.Control?.OnRefusedLineage(key, reason, by);

    void IProposerListener.OnDecided(RegisterKey key, RegisterValue value)
    {
        if (value is DocumentValue document)
        {
            OnCatalog(key, document);
        }
        else if (value is Configuration configuration)
        {
            OnConfiguration(key, configuration);
        }
    }

    void IProposerListener.OnContradiction(RegisterKey key, RegisterValue known, RegisterValue told) =>
        _events.Noted(VolumeIdOf(key), ControlNote.Fault, $"two different values of register {key.Name} are told to be decided: '{known}' and '{told}'. Nothing of it may be trusted: a journal was damaged or copied. Stop the nodes and compare their journals.");

    void ILeaseListener.OnHeld(RegisterKey key, long epoch)
    {
        if (ControlOf(key) is { } control)
        {
            control.OnHeld(epoch);
        }

        if (_volumes.GetValueOrDefault(key.Name) is { } side)
        {
            side.HasLetGo = false;
        }
    }

    void ILeaseListener.OnGaveUp(RegisterKey key, long epoch, long quietUntilNs)
    {
        _events.Noted(VolumeIdOf(key), ControlNote.Lease, $"the lease of epoch {epoch} was not renewed in time: no majority of voters answers, and another node may take over");
        if (_volumes.GetValueOrDefault(key.Name) is { } side)
        {
            _loop.Set(new LetGoTimer(this, side), _loop.NowNs + LetGoAfterNs);
        }
    }

    void ILeaseListener.OnHigherEpoch(RegisterKey key, long epoch, long higherEpoch) => ControlOf(key)?.OnHigherEpoch(higherEpoch);

    void ILeaseListener.OnOtherIncarnation(VoterId asked, VoterId told)
    {
        foreach (VolumeSide volume in _volumes.Values)
        {
            volume.Control?.OnOtherIncarnation(asked, told);
        }
    }

    private static RegisterKey? KeyOf(ControlMessage message) => message switch
    {
        MemberQuery query => query.Key,
        MemberReply reply => reply.Key,
        HandOver hand => hand.Key,
        GrowWish wish => wish.Key,
        Together together => together.Key,
        HandOverWish wish => wish.Key,
        ChangeWish wish => wish.Key,
        ChangeAnswer answer => answer.Key,
        _ => null,
    };

    private static Guid VolumeIdOf(RegisterKey key) => key.Name.StartsWith("volume/", StringComparison.Ordinal) && Guid.TryParse(key.Name["volume/".Length..], out Guid id) ? id : Guid.Empty;

    private VolumeControl? ControlOf(RegisterKey key) => _volumes.GetValueOrDefault(key.Name)?.Control is { } control && control.Key == key ? control : null;

    private void OnConfiguration(RegisterKey key, Configuration configuration)
    {
        if (_volumes.GetValueOrDefault(key.Name) is not { } side)
        {
            return;
        }

        _events.ConfigurationDecided(side.Id, side.LastTold, configuration);
        side.LastTold = configuration;
        if (side.Control is not { } control)
        {
            side.Volume?.Know(configuration);
            return;
        }

        if (key == control.Key)
        {
            control.OnDecided(configuration);
        }
        else
        {
            control.OnOtherLineage(configuration);
        }
    }

    // A volume that the catalog does not name yet is learnt again when it does. One that it names is added in a moment, and who serves it is told here before, with the catalog: what would
    // be known then, but not told to anybody, would never be told, for the same value is no news the next time.
    private void KeepForLater(Learn learn)
    {
        if (IsNamed(learn.Key.Name) && !(_early.GetValueOrDefault(learn.Key) is { } kept && kept.Value.Version >= learn.Value.Version))
        {
            _early[learn.Key] = learn;
        }
    }

    private void TakeKept(string register)
    {
        foreach (Learn learn in _early.Values.Where(learn => learn.Key.Name == register).ToArray())
        {
            _ = _early.Remove(learn.Key);
            On(learn);
        }
    }

    private RegisterValue FirstCatalog(ValueList<VoterId> voters) =>
        new DocumentValue { Version = 1, Voters = voters, Document = new CatalogDocument { ClusterId = _options.ClusterId }.ToJson() };
}
