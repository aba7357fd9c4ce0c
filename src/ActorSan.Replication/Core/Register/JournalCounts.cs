using ActorSan.Replication.Core.Values;

namespace ActorSan.Replication.Core.Register;

/// <summary>Told when a voter shows a journal that was put back to an older state: it is ignored from then on, and an operator should hear of it (§2, I6).</summary>
public interface IJournalWatcher
{
    /// <summary>Once for each voter.</summary>
    /// <param name="seen">The write count that was seen before.</param>
    /// <param name="told">The lower one that it tells now.</param>
    void OnPutBack(VoterId voter, long seen, long told);
}

/// <summary>
/// The write counts that this node has seen of the voters; one for the node, shared by its <see cref="Proposer"/>, founder and lease holder. A reply is compared with what was seen
/// when its request was sent, for replies overtake each other. A voter that was found out stays ignored, however far its count grows again.
/// </summary>
public sealed class JournalCounts(IJournalWatcher? watcher, BugSet bugs)
{
    private readonly Dictionary<VoterId, Entry> _entries = [];

    /// <summary>What a request to the voter names; 0 if nothing was seen.</summary>
    public long SeenOf(VoterId voter) => _entries.TryGetValue(voter, out Entry? entry) ? entry.Seen : 0;

    public bool IsIgnored(VoterId voter) => _entries.TryGetValue(voter, out Entry? entry) && entry.IsIgnored;

    /// <summary>Takes note of a reply. False: its voter is to be ignored.</summary>
    /// <param name="seen">What the request named.</param>
    public bool Take(VoterId voter, long writeCount, long seen)
    {
        if (!_entries.TryGetValue(voter, out Entry? entry))
        {
            entry = new Entry();
            _entries.Add(voter, entry);
        }

        if (writeCount < seen && !entry.IsIgnored && !bugs.Has(Bug.JournalCountIgnored))
        {
            entry.IsIgnored = true;
            watcher?.OnPutBack(voter, seen, writeCount);
        }

        entry.Seen = Math.Max(entry.Seen, writeCount);
        return !entry.IsIgnored;
    }

    /// <summary>The same, of a reply that may come from another incarnation than was asked: what the request named was seen of the asked one.</summary>
    public bool Take(VoterId voter, long writeCount, long seen, VoterId asked) => Take(voter, writeCount, voter == asked ? seen : 0);

    private sealed class Entry
    {
        public long Seen;
        public bool IsIgnored;
    }
}
