using ActorSan.Replication.Core.Values;

namespace ActorSan.Replication.Core.Register;

/// <summary>
/// What a voter's journal holds, folded. The driver of the journal applies each record it reads, in order, and hands the state to the <see cref="Voter"/>, which goes on with it.
/// </summary>
public sealed class VoterState
{
    private readonly Dictionary<RegisterKey, AcceptorState> _acceptors = [];

    // In the order in which they were first heard of: what is enumerated may reach a snapshot.
    private readonly List<AcceptorState> _inOrder = [];
    private readonly List<LineageRecord> _lineages = [];

    /// <summary>L6.</summary>
    public long LongestLeaseNs { get; private set; }

    /// <summary>The write count that someone has seen of this journal and that it does not have; null for a sound one.</summary>
    public long? PutBackSeen { get; private set; }

    /// <summary>Folds the next durable record.</summary>
    public void Apply(VoterRecord record)
    {
        switch (record)
        {
            case PromisedRecord promised:
                AcceptorState promiser = Of(promised.Key);
                promiser.Promised = Max(promiser.Promised, promised.Ballot);
                break;
            case AcceptedRecord accepted:
                AcceptorState acceptor = Of(accepted.Key);
                acceptor.Promised = Max(acceptor.Promised, accepted.Ballot);
                acceptor.AcceptedBallot = accepted.Ballot;
                acceptor.Value = accepted.Value;
                Hear(new LineageRecord(accepted.Key.Name, accepted.Key.Lineage, Lineages.ParentsOf(accepted.Value)));
                break;
            case LineageRecord lineage:
                Hear(lineage);
                break;
            case LongestLeaseRecord longest:
                LongestLeaseNs = Math.Max(LongestLeaseNs, longest.LeaseNs);
                break;
            case PutBackRecord putBack:
                PutBackSeen = Math.Max(PutBackSeen ?? 0, putBack.Seen);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(record), record, "No record of a voter");
        }
    }

    /// <summary>The shortest list of records that gives this state: a snapshot.</summary>
    public IReadOnlyList<VoterRecord> ToRecords()
    {
        List<VoterRecord> records = [];
        foreach (AcceptorState acceptor in _inOrder)
        {
            if (acceptor.Value is { } value)
            {
                records.Add(new AcceptedRecord(acceptor.Key, acceptor.AcceptedBallot, value));
            }

            if (acceptor.Promised > acceptor.AcceptedBallot)
            {
                records.Add(new PromisedRecord(acceptor.Key, acceptor.Promised));
            }
        }

        records.AddRange(_lineages);
        if (LongestLeaseNs > 0)
        {
            records.Add(new LongestLeaseRecord(LongestLeaseNs));
        }

        if (PutBackSeen is { } seen)
        {
            records.Add(new PutBackRecord(seen));
        }

        return records;
    }

    internal AcceptorState? Find(RegisterKey key) => _acceptors.GetValueOrDefault(key);

    internal AcceptorState Of(RegisterKey key)
    {
        if (!_acceptors.TryGetValue(key, out AcceptorState? acceptor))
        {
            acceptor = new AcceptorState(key);
            _acceptors.Add(key, acceptor);
            _inOrder.Add(acceptor);
        }

        return acceptor;
    }

    /// <summary>All registers of the name, in the order in which they were first heard of.</summary>
    internal IEnumerable<AcceptorState> OfName(string name) => _inOrder.Where(acceptor => acceptor.Key.Name == name);

    /// <summary>Whether this tells of anything that was not known.</summary>
    internal bool IsNews(LineageRecord heard)
    {
        int index = IndexOf(heard);
        return index < 0 || heard.Parents.Any(parent => !_lineages[index].Parents.Contains(parent));
    }

    internal void Hear(LineageRecord heard)
    {
        int index = IndexOf(heard);
        if (index < 0)
        {
            _lineages.Add(heard);
        }
        else if (IsNews(heard))
        {
            ValueList<Guid> parents = _lineages[index].Parents;
            foreach (Guid parent in heard.Parents)
            {
                parents = parents.Contains(parent) ? parents : parents.Add(parent);
            }

            _lineages[index] = heard with { Parents = parents };
        }
    }

    /// <summary>P11: whether a lineage may be dealt with, by all that was ever heard of its name.</summary>
    internal UnknownReason StandingOf(RegisterKey key, out Guid by) => Lineages.StandingOf(_lineages, key, out by);

    /// <summary>P11: whether a lineage with these parents would stand beside another that it does not name.</summary>
    internal bool WouldConflict(RegisterKey key, ValueList<Guid> parents, out Guid by) => Lineages.ConflictOf(_lineages, key.Name, key.Lineage, parents, out by) != UnknownReason.None;

    private static Ballot Max(Ballot left, Ballot right) => left < right ? right : left;

    private int IndexOf(LineageRecord heard) => _lineages.FindIndex(known => known.Name == heard.Name && known.Lineage == heard.Lineage);
}

/// <summary>The acceptor of one register: what is durable.</summary>
internal sealed class AcceptorState(RegisterKey key)
{
    public readonly RegisterKey Key = key;
    public Ballot Promised;
    public Ballot AcceptedBallot;
    public RegisterValue? Value;
}
