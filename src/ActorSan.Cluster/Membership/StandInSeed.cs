using Akka.Actor;

namespace ActorSan.Cluster.Membership;

/// <summary>
/// Who forms the group when the first seed does not come. Akka lets only the first of the seeds do that: with its machine dead, all others that were started again would ask each other
/// for ever, though they are a majority. A seed that is in no group, and hears in two rounds that more than half of the seeds run (itself among them), none of those before it and none in a
/// group, stands in. Should the first one form a group of its own meanwhile, unheard, <see cref="StraySeeds"/> brings the two together.
/// </summary>
public sealed class StandInSeed(IReadOnlyList<Address> seeds, Address self)
{
    // One that has just been started may not answer yet.
    private const int Rounds = 2;

    private readonly HashSet<Address> _asked = [];
    private readonly HashSet<Address> _running = [];
    private bool _anyInGroup;
    private int _rounds;

    /// <summary>True: this node's turn. The answers of the round before have been counted, and another round begins with <see cref="NextRound"/>.</summary>
    public bool MustForm()
    {
        bool mine = _asked.Count > 0 && !_anyInGroup && (_running.Count + 1) * 2 > seeds.Count && seeds.TakeWhile(seed => seed != self).All(before => !_running.Contains(before));
        _rounds = mine ? _rounds + 1 : 0;
        return _rounds >= Rounds;
    }

    /// <summary>The seeds to ask now whether they run, and whether they are in a group; none where it is not this node's to ask.</summary>
    public IReadOnlyList<Address> NextRound(bool isInGroup)
    {
        _asked.Clear();
        _running.Clear();
        _anyInGroup = false;
        if (isInGroup)
        {
            _rounds = 0;
        }
        else if (seeds.Contains(self) && seeds[0] != self)
        {
            _asked.UnionWith(seeds.Where(seed => seed != self));
        }

        return [.. seeds.Where(_asked.Contains)];
    }

    /// <summary>A seed has answered.</summary>
    public void OnAnswer(Address seed, bool isInGroup)
    {
        if (_asked.Contains(seed))
        {
            _ = _running.Add(seed);
            _anyInGroup |= isInGroup;
        }
    }
}
