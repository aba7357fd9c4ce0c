namespace ActorSan.Simulator.Runner;

/// <summary>
/// How many seeds the hunt for a deliberate bug may take. Most have the usual number, which the unit tests spend; those that need more are listed here with what `ops/simulate
/// --bugs` spends on them.
/// </summary>
internal static class BugBudgets
{
    public const long Usual = 200;

    private static readonly SortedDictionary<string, long> s_more = new(StringComparer.Ordinal)
    {
        ["AcceptOldEpoch"] = 1000,
        ["AdmitBeforeLastAcknowledgement"] = 2000,
        ["DiscardedGoesOn"] = 2000,
        ["ExactWhileOut"] = 3000,
        ["FenceCountsLate"] = 2000,
        ["GiveUpBeforeFlush"] = 2000,
        ["LeaseCountedByOneVoterSet"] = 4000,
        ["OldVotersIgnored"] = 2000,
        ["PromoteUnnamed"] = 1000,
        ["RefuseAtOpenAdmission"] = 1000,
        ["SendAtomicAsPlain"] = 1000,
        ["ServeAfterDelete"] = 1000,
        ["TrustChangedSession"] = 1000,
        ["VotersInOneStep"] = 2000,
        ["local:ReadsBesideWrites"] = 2000,
    };

    /// <summary>All names that this table knows: each must be a bug that some kind hunts.</summary>
    public static IEnumerable<string> Names => s_more.Keys;

    /// <summary>The unit tests leave it to the longer campaign.</summary>
    public static bool IsLong(string bug) => s_more.ContainsKey(bug);

    public static long SeedsFor(string bug) => s_more.GetValueOrDefault(bug, Usual);
}
