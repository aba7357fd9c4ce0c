using ActorSan.Replication.Core.Ports;

namespace ActorSan.Replication.Core.Register;

/// <summary>R1: how long to wait before a round is tried again: random, and growing until one succeeds.</summary>
public sealed class BackOff(IChance chance, long firstNs, long longestNs)
{
    private int _doublings;

    /// <summary>Somewhere in the upper half of a span that doubles.</summary>
    public long NextNs()
    {
        double spanNs = Math.Min(longestNs, firstNs * Math.Pow(2, _doublings));
        _doublings = spanNs < longestNs ? _doublings + 1 : _doublings;
        return (long)(spanNs / 2 * (1 + chance.NextDouble()));
    }

    /// <summary>After a success.</summary>
    public void Reset() => _doublings = 0;
}
