namespace ActorSan.Simulator.Runner;

/// <summary>
/// How many seeds the hunt for a deliberate bug may take. Most have the usual number, which the unit tests spend; those that need more are listed here with what `ops/simulate
/// --bugs` spends on them; those that nobody has found yet are listed as open, and are hunted all the same, so that it is seen when a new story finds one.
/// </summary>
internal static class BugBudgets
{
    public const long Usual = 200;

    private const long Open = 1000;

    private static readonly SortedDictionary<string, long> s_more = new(StringComparer.Ordinal)
    {
        ["AcceptOldEpoch"] = 1000,
        ["AdmitBeforeLastAcknowledgement"] = 2000,
        ["CompleteBeforeMarkIsHeard"] = 5000,
        ["ExactWhileOut"] = 3000,
        ["local:ReadsBesideWrites"] = 2000,
    };

    private static readonly string[] s_open =
        ["ReconcileAfterServing", "ReconcileOutsideTheWritePath", "SendIntoTheSet"];

    /// <summary>All names that this table knows: each must be a bug that some kind hunts.</summary>
    public static IEnumerable<string> Names => s_more.Keys.Concat(s_open);

    public static bool IsOpen(string bug) => s_open.Contains(bug);

    /// <summary>The unit tests leave it to the longer campaign.</summary>
    public static bool IsLong(string bug) => s_more.ContainsKey(bug) || IsOpen(bug);

    public static long SeedsFor(string bug) => IsOpen(bug) ? Open : s_more.GetValueOrDefault(bug, Usual);
}
