using ActorSan.Replication.Core.Ports;
using ActorSan.Replication.Core.Values;

namespace ActorSan.Replication.Core.Register;

/// <summary>S8: what a node is asked before the catalog is begun, or joined.</summary>
/// <param name="Instance">Of the asking process, which numbers its questions.</param>
public sealed record CatalogQuery(string From, Guid Instance, long Id) : ControlMessage;

/// <param name="Voter">The node with the incarnation of its journal.</param>
/// <param name="Named">The nodes that its own settings name; sorted.</param>
/// <param name="Held">What its journal has ever held of a catalog; null: truly nothing.</param>
/// <param name="Decided">What it knows to be decided; null: nothing.</param>
public sealed record CatalogReply(string From, Guid Instance, long Id, VoterId Voter, ValueList<string> Named, HeldRegister? Held, DecidedCatalog? Decided) : ControlMessage;

/// <param name="Value">Null when it has only promised.</param>
/// <param name="Accepted">The ballot of the value; the lowest for a first one.</param>
public sealed record HeldRegister(RegisterKey Key, Ballot Accepted, RegisterValue? Value);

public sealed record DecidedCatalog(RegisterKey Key, RegisterValue Value);

public enum CatalogEnd : byte
{
    None,

    /// <summary>Every node that is named holds the first value.</summary>
    Founded,

    /// <summary>It was there: what is decided is known now.</summary>
    Joined,

    /// <summary>All answer that there is none, and nobody was asked to found one.</summary>
    NotFounded,

    /// <summary>It stays so until somebody changes settings or journals (I6).</summary>
    Refused,

    /// <summary>Cut short, or somebody does not answer: the same command again is safe.</summary>
    TryAgain,
}

public enum CatalogReason : byte
{
    None,

    /// <summary>One question at a time.</summary>
    Busy,
    NoAnswer,

    /// <summary>The node names other nodes, or this node does not name itself.</summary>
    OtherSet,

    /// <summary>The node's journal holds something else than what would be founded.</summary>
    HeldOther,

    /// <summary>The writing of the first value was cut short.</summary>
    CutShort,
}

/// <param name="Node">Whom the reason is about; null: nobody in particular.</param>
public sealed record CatalogOutcome(CatalogEnd End, CatalogReason Reason = CatalogReason.None, string? Node = null);

/// <summary>
/// S8: begins the catalog by an explicit command, only when all nodes that are named answer that their journal never held one and name the same set; and joins one that is there. A
/// node with an empty journal never founds by itself, it asks the others. What is founded follows from the set and the journals alone, so that two commands at once, or one that
/// was cut short and is given again, write the very same value (S7).
/// </summary>
public sealed class CatalogFounding : IFoundingClient
{
    public const string Name = "catalog";

    private readonly string _node;
    private readonly Guid _instance;
    private readonly ValueList<string> _named;
    private readonly Func<ValueList<VoterId>, RegisterValue> _first;
    private readonly Voter _voter;
    private readonly Proposer _proposer;
    private readonly Founder _founder;
    private readonly IControlNetwork _network;
    private readonly IClock _clock;
    private readonly ITimers _timers;
    private readonly ProposerSettings _settings;
    private readonly BugSet _bugs;
    private readonly List<CatalogReply> _replies = [];
    private readonly Patience _patience;
    private Action<CatalogOutcome>? _told;
    private bool _founds;
    private long _id;

    /// <param name="named">The nodes that this node's settings name, itself among them.</param>
    /// <param name="first">The first value with these voters: the same on every node for the same voters.</param>
    public CatalogFounding(
        string node,
        Guid instance,
        IEnumerable<string> named,
        Func<ValueList<VoterId>, RegisterValue> first,
        Voter voter,
        Proposer proposer,
        Founder founder,
        IControlNetwork network,
        IClock clock,
        ITimers timers,
        ProposerSettings settings,
        BugSet bugs)
    {
        (_node, _instance, _first, _voter, _proposer, _founder) = (node, instance, first, voter, proposer, founder);
        (_network, _clock, _timers, _settings, _bugs) = (network, clock, timers, settings, bugs);
        _named = [.. named.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
        _patience = new Patience(this);
    }

    /// <summary>The register that is known to be there; null: none is known.</summary>
    public RegisterKey? Key { get; private set; }

    /// <summary>The explicit command. <paramref name="told"/> hears once how it ended, perhaps inside this call.</summary>
    public void Found(Action<CatalogOutcome> told) => Begin(told, founds: true);

    /// <summary>What a node does that begins: asks whether there is one, and joins it.</summary>
    public void Ask(Action<CatalogOutcome> told) => Begin(told, founds: false);

    /// <summary>False: not a message of this.</summary>
    public bool On(ControlMessage message)
    {
        switch (message)
        {
            case CatalogQuery query:
                DecidedCatalog? decided = Key is { } key && _proposer.LastDecided(key) is { } value ? new DecidedCatalog(key, value) : null;
                _network.Send(query.From, new CatalogReply(_node, query.Instance, query.Id, _voter.Id, _named, _voter.HeldOf(Name), decided));
                return true;
            case CatalogReply reply:
                if (_told is not null && reply.Instance == _instance && reply.Id == _id && _named.Contains(reply.From) && !_replies.Exists(other => other.From == reply.From))
                {
                    _replies.Add(reply);
                    Judge();
                }

                return true;
            case Learn learn when learn.Key.Name == Name:
                // Only what is decided is told (R5); the proposer takes the value.
                Key ??= learn.Key;
                return false;
            default:
                return false;
        }
    }

    void IFoundingClient.OnEnded(RegisterKey key, FoundingOutcome outcome)
    {
        if (outcome.End == FoundingEnd.Begun)
        {
            Key = key;
            End(new CatalogOutcome(CatalogEnd.Founded));
        }
        else if (outcome.End == FoundingEnd.Refused)
        {
            End(new CatalogOutcome(CatalogEnd.Refused, CatalogReason.HeldOther, outcome.Voter?.Node));
        }
        else
        {
            End(new CatalogOutcome(CatalogEnd.TryAgain, CatalogReason.CutShort, outcome.Voter?.Node));
        }
    }

    private void Begin(Action<CatalogOutcome> told, bool founds)
    {
        if (_told is not null)
        {
            told(new CatalogOutcome(CatalogEnd.TryAgain, CatalogReason.Busy));
            return;
        }

        if (!_named.Contains(_node))
        {
            told(new CatalogOutcome(CatalogEnd.Refused, CatalogReason.OtherSet, _node));
            return;
        }

        _told = told;
        _founds = founds;
        _id++;
        _replies.Clear();
        _timers.Set(_patience, _clock.NowNs + _settings.RoundTimeoutNs);
        foreach (string node in _named)
        {
            _network.Send(node, new CatalogQuery(_node, _instance, _id));
        }
    }

    private void Judge()
    {
        CatalogReply last = _replies[^1];
        if (last.Decided is { } decided)
        {
            Key = decided.Key;
            _proposer.Know(decided.Key, decided.Value);
            End(new CatalogOutcome(CatalogEnd.Joined));
        }
        else if (last.Named != _named)
        {
            End(new CatalogOutcome(CatalogEnd.Refused, CatalogReason.OtherSet, last.From));
        }
        else if (_replies.Count == _named.Count)
        {
            JudgeAll();
        }
    }

    private void JudgeAll()
    {
        ValueList<VoterId> voters = [.. _replies.Select(reply => reply.Voter).OrderBy(voter => voter.Node, StringComparer.Ordinal)];

        // Nobody else has this journal: no other founding has this lineage.
        var key = new RegisterKey(Name, voters[0].Incarnation);
        RegisterValue first = _first(voters);
        if (_replies.Find(reply => reply.Held is { } held && (held.Key != key || held.Accepted != default || held.Value != first)) is { } other)
        {
            End(new CatalogOutcome(CatalogEnd.Refused, CatalogReason.HeldOther, other.From));
        }
        else if (_replies.TrueForAll(reply => reply.Held is not null))
        {
            // S7: it is on all voters that it names, so it is decided; whoever wrote it has not told this node.
            Key = key;
            _proposer.Know(key, first);
            End(new CatalogOutcome(CatalogEnd.Joined));
        }
        else if (!_founds)
        {
            bool half = _replies.Exists(reply => reply.Held is not null);
            End(half ? new CatalogOutcome(CatalogEnd.TryAgain, CatalogReason.CutShort) : new CatalogOutcome(CatalogEnd.NotFounded));
        }
        else
        {
            _timers.Cancel(_patience);
            if (!_founder.Begin(key, first, this))
            {
                End(new CatalogOutcome(CatalogEnd.TryAgain, CatalogReason.Busy));
            }
        }
    }

    private void OnPatienceOver()
    {
        if (_founds && _bugs.Has(Bug.FoundWithoutAll) && _replies.Count > 0)
        {
            JudgeAll();
            return;
        }

        string? mute = _named.FirstOrDefault(node => !_replies.Exists(reply => reply.From == node));
        End(new CatalogOutcome(CatalogEnd.TryAgain, CatalogReason.NoAnswer, mute));
    }

    private void End(CatalogOutcome outcome)
    {
        _timers.Cancel(_patience);
        Action<CatalogOutcome>? told = _told;
        _told = null;
        told?.Invoke(outcome);
    }

    private sealed class Patience(CatalogFounding founding) : CoreTimer
    {
        public override void OnFired() => founding.OnPatienceOver();
    }
}
