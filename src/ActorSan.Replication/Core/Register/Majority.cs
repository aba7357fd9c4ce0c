using ActorSan.Replication.Core.Values;

namespace ActorSan.Replication.Core.Register;

/// <summary>R3: the majority of a value is one of its voters and, between the two steps of a change of voters, one of the old voters too.</summary>
public static class Majority
{
    /// <summary>How many of a set of voters are a majority of it.</summary>
    public static int Of(int voters) => (voters / 2) + 1;

    public static bool IsReached(RegisterValue value, Predicate<VoterId> has)
        => IsReached(value.Voters, has) && (value.OldVoters.Count == 0 || IsReached(value.OldVoters, has));

    public static bool IsReached(ValueList<VoterId> voters, Predicate<VoterId> has) => Count(voters, has) >= Of(voters.Count);

    /// <summary>Whether those that have not refused are still a majority.</summary>
    public static bool IsPossible(RegisterValue value, Predicate<VoterId> refused) => IsReached(value, voter => !refused(voter));

    private static int Count(ValueList<VoterId> voters, Predicate<VoterId> has)
    {
        int count = 0;
        foreach (VoterId voter in voters)
        {
            count += has(voter) ? 1 : 0;
        }

        return count;
    }
}
