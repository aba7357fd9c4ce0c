using ActorSan.Replication.Core.Ports;
using ActorSan.Replication.Core.Values;

namespace ActorSan.Replication.Core.Register;

/// <summary>
/// One node's proposer for all registers: rounds (R1 to R6), and what is known to be decided. It never retries: the caller does, with a <see cref="BackOff"/> (R1).
/// </summary>
public sealed class Proposer
{
    private readonly Guid _instance;
    private readonly Voter? _ownVoter;
    private readonly IControlNetwork _network;
    private readonly IClock _clock;
    private readonly ITimers _timers;
    private readonly IProposerListener _listener;
    private readonly ProposerSettings _settings;
    private readonly BugSet _bugs;
    private readonly Dictionary<RegisterKey, Entry> _entries = [];

    /// <param name="instance">Made at this start of the process: no ballot of an earlier one is used again (R1).</param>
    /// <param name="ownVoter">The node's own voter, whose promises the counter stays above (R1).</param>
    public Proposer(
        string node,
        Guid instance,
        Voter? ownVoter,
        JournalCounts counts,
        IControlNetwork network,
        IClock clock,
        ITimers timers,
        IProposerListener listener,
        ProposerSettings settings,
        BugSet bugs)
    {
        (Node, _instance, _ownVoter, Counts, _network, _clock, _timers, _listener, _settings, _bugs)
            = (node, instance, ownVoter, counts, network, clock, timers, listener, settings, bugs);
    }

    public string Node { get; }

    internal JournalCounts Counts { get; }

    /// <summary>The newest value known to be decided, by an own round, by <see cref="Learn"/> or by <see cref="Know"/>; null: nothing.</summary>
    public RegisterValue? LastDecided(RegisterKey key) => _entries.GetValueOrDefault(key)?.Decided;

    /// <summary>A round of this node is under way.</summary>
    public bool IsBusy(RegisterKey key) => _entries.GetValueOrDefault(key)?.Round is not null;

    /// <summary>A value that is decided, from elsewhere: an attachment, the metadata area, the catalog. Told to the listener if it is news.</summary>
    public void Know(RegisterKey key, RegisterValue value)
    {
        Entry entry = EntryOf(key);
        if (entry.Decided is not { } known || value.Version > known.Version)
        {
            entry.Decided = value;
            _listener.OnDecided(key, value);
        }
        else if (value.Version == known.Version && value != known)
        {
            _listener.OnContradiction(key, known, value);
        }
    }

    /// <summary>Begins a round for a change of the register. See <see cref="IRoundClient"/>.</summary>
    /// <param name="fenced">P12: a voter whose node was killed for this: it counts as if it had promised and accepted.</param>
    /// <param name="isAwaited">False: nobody waits for the promises; that they do not come says nothing about how long later rounds should wait.</param>
    public RoundStart Start(RegisterKey key, IRoundClient client, VoterId? fenced = null, bool isAwaited = true)
    {
        Entry entry = EntryOf(key);
        if (entry.Decided is null)
        {
            return RoundStart.NothingKnown;
        }

        if (entry.Round is not null)
        {
            return RoundStart.Busy;
        }

        // R1: never two rounds with one ballot: the counter only grows in one instance.
        entry.Counter = Math.Max(entry.Counter, _ownVoter?.PromisedOf(key).Counter ?? 0) + 1;
        entry.Round = new Round(this, key, new Ballot(entry.Counter, Node, _instance), entry.Decided, client, fenced, isAwaited, _bugs);
        entry.Round.Begin();
        return RoundStart.Started;
    }

    /// <summary>False: not a message for a proposer.</summary>
    public bool On(ControlMessage message)
    {
        switch (message)
        {
            case Learn learn:
                Know(learn.Key, learn.Value);
                return true;
            case Begun or WouldBegin or BeginRefused:
                return false;
            case RegisterReply reply:
                if (_entries.TryGetValue(reply.Key, out Entry? entry))
                {
                    if (reply is Lower lower)
                    {
                        entry.Counter = Math.Max(entry.Counter, lower.Promised.Counter);
                    }

                    entry.Round?.On(reply);
                }

                return true;
            default:
                return false;
        }
    }

    internal void Send(string node, ControlMessage message) => _network.Send(node, message);

    internal void SetTimer(CoreTimer timer) => _timers.Set(timer, _clock.NowNs + _settings.RoundTimeoutNs);

    /// <summary>
    /// A voter has refused: what is still waited for is only who may make a majority without it. A grant that ends in a moment, or a ballot that is high enough, is a new attempt's, which must
    /// not wait for the whole time of this one; where such attempts end again and again, each waits longer, so that slow journals are waited for in the end.
    /// </summary>
    internal void HurryTimer(RegisterKey key, CoreTimer timer, long sinceNs, bool isLower) =>
        _timers.Set(timer, Math.Min(sinceNs + _settings.RoundTimeoutNs, _clock.NowNs + ((_settings.RefusedPatienceNs >> (isLower ? 2 : 0)) << Math.Min(EntryOf(key).Hurried, 10))));

    internal void NoteHurried(RegisterKey key) => EntryOf(key).Hurried++;

    internal void NoteDecided(RegisterKey key) => EntryOf(key).Hurried = 0;

    internal long NowNs => _clock.NowNs;

    internal void CancelTimer(CoreTimer timer) => _timers.Cancel(timer);

    internal void Remove(Round round)
    {
        Entry entry = EntryOf(round.Key);
        if (ReferenceEquals(entry.Round, round))
        {
            entry.Round = null;
        }
    }

    /// <summary>S7: the first value is on all voters that it names.</summary>
    internal void OnFounded(RegisterKey key, RegisterValue first) => OnOwnDecision(key, first, first);

    // R5: told to all who vote or hold a replica before or after, this node included.
    internal void OnOwnDecision(RegisterKey key, RegisterValue current, RegisterValue next)
    {
        List<string> nodes = [];
        AddNodes(nodes, next);
        AddNodes(nodes, current);
        foreach (string node in nodes)
        {
            if (node != Node)
            {
                _network.Send(node, new Learn(Node, key, next));
            }
        }

        Know(key, next);
        _ownVoter?.On(new Learn(Node, key, next));
    }

    private static void AddNodes(List<string> nodes, RegisterValue value)
    {
        foreach (VoterId voter in value.Voters)
        {
            Add(nodes, voter.Node);
        }

        foreach (VoterId voter in value.OldVoters)
        {
            Add(nodes, voter.Node);
        }

        if (value is Configuration configuration)
        {
            foreach (ReplicaEntry replica in configuration.Replicas)
            {
                Add(nodes, replica.Node);
            }
        }

        static void Add(List<string> nodes, string node)
        {
            if (!nodes.Contains(node))
            {
                nodes.Add(node);
            }
        }
    }

    private Entry EntryOf(RegisterKey key)
    {
        if (!_entries.TryGetValue(key, out Entry? entry))
        {
            entry = new Entry();
            _entries.Add(key, entry);
        }

        return entry;
    }

    private sealed class Entry
    {
        public RegisterValue? Decided;
        public long Counter;
        public Round? Round;

        /// <summary>Rounds that ended early since the last that decided.</summary>
        public int Hurried;
    }
}
