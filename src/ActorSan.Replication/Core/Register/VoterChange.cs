using ActorSan.Replication.Core.Values;

namespace ActorSan.Replication.Core.Register;

/// <summary>What is to be done next on the way to other voters.</summary>
public enum VoterStep
{
    /// <summary>The voters are the wanted ones.</summary>
    None,

    /// <summary>Voters new, old voters beside them.</summary>
    First,

    /// <summary>The old voters go.</summary>
    Second,

    /// <summary>A first step is there and not known to be decided: propose it as it is (R4), then ask again.</summary>
    Settle,
}

/// <summary>R8: the voters change in two changes, the second only from a first that is known to be decided.</summary>
public static class VoterChange
{
    /// <summary>
    /// The next value on the way from <paramref name="current"/> to <paramref name="wanted"/> voters. A change that is half done is ended first, even if other voters are wanted by
    /// now. The caller counts its lease by both sets from before <see cref="VoterStep.First"/> is proposed until the second step is settled (L3).
    /// </summary>
    /// <param name="current">u of the round (R4).</param>
    /// <param name="decided">The last value known to be decided, by an own round or <see cref="Learn"/>; null if none is.</param>
    /// <param name="next">What to propose; <paramref name="current"/> itself for <see cref="VoterStep.None"/> and <see cref="VoterStep.Settle"/>.</param>
    public static VoterStep Next(RegisterValue current, RegisterValue? decided, ValueList<VoterId> wanted, out RegisterValue next)
        => Next(current, decided, wanted, BugSet.Nothing, out next);

    internal static VoterStep Next(RegisterValue current, RegisterValue? decided, ValueList<VoterId> wanted, BugSet bugs, out RegisterValue next)
    {
        if (current.OldVoters.Count > 0)
        {
            if (current == decided || bugs.Has(Bug.SecondStepOnUndecidedFirst))
            {
                next = current with { Version = current.Version + 1, OldVoters = [] };
                return VoterStep.Second;
            }

            next = current;
            return VoterStep.Settle;
        }

        if (IsSameSet(current.Voters, wanted))
        {
            next = current;
            return VoterStep.None;
        }

        next = current with { Version = current.Version + 1, Voters = wanted, OldVoters = current.Voters };
        return VoterStep.First;
    }

    /// <summary>Whether a change from u to n treats the voters as R8 demands. What has become known to be decided since n was made is no reason to fail: such a round is not decided.</summary>
    internal static bool IsAllowed(RegisterValue current, RegisterValue? decided, RegisterValue next)
    {
        bool isKept = next.Voters == current.Voters && next.OldVoters == current.OldVoters;
        bool isFirst = current.OldVoters.Count == 0 && next.OldVoters == current.Voters;
        bool isSecond = current.OldVoters.Count > 0 && next.OldVoters.Count == 0 && next.Voters == current.Voters
            && (current == decided || decided?.Version > current.Version);
        return next.Voters.Count > 0 && (isKept || isFirst || isSecond);
    }

    private static bool IsSameSet(ValueList<VoterId> left, ValueList<VoterId> right) => left.Count == right.Count && left.All(right.Contains);
}
