using Akka.Actor;

namespace ActorSan.Cluster.Membership;

/// <summary>
/// Finds a second group of the same cluster. The first seed forms a group when no other seed answers it, which may be because it was cut off; the two groups then live on side by side,
/// and Akka never joins them. Votes keep the data safe meanwhile. Each group looks for seeds that run and are not in it; the one that has fewer of the seeds gives way, and its nodes
/// join the other.
/// </summary>
public sealed class StraySeeds(IReadOnlyList<Address> seeds, Address self)
{
    // A seed that has just been let in may not have been heard of yet.
    private const int Rounds = 2;

    private readonly Dictionary<Address, int> _seen = [];
    private readonly HashSet<Address> _asked = [];

    /// <summary>The seeds to ask now whether they are in a group.</summary>
    public IReadOnlyList<Address> NextRound(IReadOnlyCollection<Address> members)
    {
        // Who was asked and has not answered begins anew.
        foreach (Address silent in _asked)
        {
            _seen.Remove(silent);
        }

        _asked.Clear();
        if (members.Contains(self))
        {
            _asked.UnionWith(seeds.Where(seed => seed != self && !members.Contains(seed)));
        }

        foreach (Address found in _seen.Keys.Where(seed => !_asked.Contains(seed)).ToArray())
        {
            _seen.Remove(found);
        }

        return [.. seeds.Where(_asked.Contains)];
    }

    /// <summary>The seed has answered that it is in a group. True: this node's group gives way to it.</summary>
    public bool MustGiveWayTo(Address seed, IReadOnlyCollection<Address> members)
    {
        if (!_asked.Remove(seed) || members.Contains(seed))
        {
            return false;
        }

        int seen = _seen.GetValueOrDefault(seed) + 1;
        _seen[seed] = seen;
        int ours = seeds.Count(members.Contains);
        bool enough = (ours * 2) > seeds.Count || ((ours * 2) == seeds.Count && members.Contains(seeds[0]));
        return seen >= Rounds && !enough;
    }
}
